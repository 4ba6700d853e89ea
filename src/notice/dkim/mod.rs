//! DKIM signatures (RFC 6376, RFC 8463, RFC 8301): what of a message they cover, and the fields that carry them.
//!
//! Signs the message as it will leave, by every key of `delivery.dkim`. Never changes the message: the fields come before it.
//! Reads the key files once, when it is made; asks neither DNS nor the clock.

mod canonical;
mod key;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;

use self::canonical::{Field, push_relaxed_value, relaxed_body, split};
use self::key::Key;
use crate::config;
use crate::crypto::sha256;

/// The fields that a signature covers where they are there (RFC 6376 §5.4.1), and whether each is named once more than it is
/// there: then a field of that name that somebody adds breaks the signature (§8.15). Those that a reader is shown or that
/// decide how the rest is read are.
const COVERED: &[(&str, bool)] = &[
    ("From", true),
    ("To", true),
    ("Reply-To", true),
    ("Subject", true),
    ("Date", true),
    ("Message-ID", false),
    ("MIME-Version", false),
    ("Content-Type", true),
    ("Content-Transfer-Encoding", false),
    ("Content-Language", false),
    ("Auto-Submitted", false),
];
/// Where a line of the field is folded (RFC 5322 §2.1.1).
const COLUMNS: usize = 76;

/// Why `delivery.dkim` cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum DkimError {
    /// The file cannot be read, or others can read it too.
    #[error(transparent)]
    File(#[from] config::ConfigError),
    /// What is in it.
    #[error("delivery.dkim.key_file: {path} {problem}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        problem: &'static str,
    },
    /// Two keys under one name.
    #[error("delivery.dkim has two keys for the selector {selector} of {domain}: DNS can hold one; give each its own")]
    Twice {
        /// `d=`
        domain: String,
        /// `s=`
        selector: String,
    },
}

/// One key with the name under which it is published.
pub struct Signer {
    domain: String,
    selector: String,
    key: Key,
    public: Vec<u8>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} {}._domainkey.{})", self.key.kind(), self.selector, self.domain)
    }
}

impl Signer {
    /// The domain that answers for the message: `d=`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The name of the key in that domain: `s=`.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// The name of the TXT record in DNS (RFC 6376 §3.6.2.1).
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The TXT record to publish (RFC 6376 §3.6.1, RFC 8463 §4). DNS holds it in strings of at most 255 octets.
    pub fn record(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.key.kind(), BASE64.encode(&self.public))
    }

    fn new(dkim: &config::Dkim) -> Result<Self, DkimError> {
        let fail = |problem| DkimError::Key { path: dkim.key_file.clone(), problem };
        let key = Key::read(dkim.key()?.expose_secret()).map_err(fail)?;
        let unusable = || fail("holds a key that does not sign: make a new one and publish its record");
        let public = key.public().ok_or_else(unusable)?;
        key.sign(b"").ok_or_else(unusable)?;
        Ok(Self { domain: dkim.domain.clone(), selector: dkim.selector.clone(), key, public })
    }

    /// Appends the field that signs `covered`.
    fn push_field(&self, out: &mut Vec<u8>, covered: &Covered, at: DateTime<Utc>) {
        let start = out.len();
        let Self { domain, selector, key, .. } = self;
        let (kind, time, names, hash) = (key.kind(), at.timestamp(), &covered.names, &covered.body_hash);
        let tags = format!(
            "DKIM-Signature: v=1; a={kind}-sha256; c=relaxed/relaxed;\r\n d={domain}; s={selector}; t={time};\r\n \
             h={names};\r\n bh={hash};\r\n b="
        );
        out.extend_from_slice(tags.as_bytes());
        // §3.7: the field itself is signed too, with nothing behind `b=` and no CRLF.
        let mut signed = Vec::with_capacity(covered.fields.len() + (out.len() - start));
        signed.extend_from_slice(&covered.fields);
        signed.extend_from_slice(b"dkim-signature:");
        push_relaxed_value(&out[start + "DKIM-Signature:".len()..], &mut signed);
        // `new` has signed with this key, and a signature by a good key fails only where memory is out.
        let signature = BASE64.encode(key.sign(&signed).expect("a key that has signed once signs again"));
        for (index, line) in signature.as_bytes().chunks(COLUMNS - " b=".len()).enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\r\n ");
            }
            out.extend_from_slice(line);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// What every signature of one message covers.
struct Covered {
    /// The names for `h=`, with colons between them, folded.
    names: String,
    /// The fields in their relaxed form, in the order of `names`.
    fields: Vec<u8>,
    /// `bh=`
    body_hash: String,
}

impl Covered {
    fn of(message: &[u8]) -> Self {
        let (fields, body) = split(message);
        let mut covered = Self {
            names: String::with_capacity(256),
            fields: Vec::with_capacity(1024),
            body_hash: BASE64.encode(sha256(&[&relaxed_body(body)])),
        };
        let mut column = " h=".len();
        for (name, is_guarded) in COVERED {
            // §5.4.2: of several fields of one name, the last comes first.
            let present: Vec<&Field<'_>> = fields.iter().rev().filter(|field| field.is(name)).collect();
            present.iter().for_each(|field| field.push_relaxed(&mut covered.fields));
            for _ in 0..present.len() + usize::from(*is_guarded) {
                covered.name(name, &mut column);
            }
        }
        covered
    }

    fn name(&mut self, name: &str, column: &mut usize) {
        if !self.names.is_empty() {
            self.names.push(':');
            *column += 1;
        }
        // §3.5: white space may stand around the colons of `h=`. One octet is left for what follows the name.
        if *column + name.len() + 1 > COLUMNS {
            self.names.push_str("\r\n ");
            *column = 1;
        }
        self.names.push_str(name);
        *column += name.len();
    }
}

/// The keys of `delivery.dkim`. Share them between tasks; signing changes nothing in them.
#[derive(Debug, Default)]
pub struct Signers(Vec<Signer>);

impl Signers {
    /// Reads the key files. Blocks on the file system.
    ///
    /// # Errors
    /// [`DkimError`] for the first key that cannot be used.
    pub fn load(dkim: &[config::Dkim]) -> Result<Self, DkimError> {
        let mut signers: Vec<Signer> = Vec::with_capacity(dkim.len());
        for dkim in dkim {
            let config::Dkim { domain, selector, .. } = dkim;
            if signers.iter().any(|known| known.domain == *domain && known.selector.eq_ignore_ascii_case(selector)) {
                return Err(DkimError::Twice { domain: domain.clone(), selector: selector.clone() });
            }
            signers.push(Signer::new(dkim)?);
        }
        Ok(Self(signers))
    }

    /// Whether nothing is signed here, and the relay may do it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each key, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Signer> {
        self.0.iter()
    }

    /// The `DKIM-Signature` fields of a message, each with its CRLF, to be put before it; nothing where there is no key.
    ///
    /// `message` is what leaves, with CRLF line ends; `at` becomes `t=`, to the second. The same message, time and keys always
    /// give the same fields: both algorithms are deterministic. The body is hashed once for all keys.
    pub fn sign(&self, message: &[u8], at: DateTime<Utc>) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let covered = Covered::of(message);
        let mut fields = Vec::with_capacity(self.0.len() * 1024);
        self.0.iter().for_each(|signer| signer.push_field(&mut fields, &covered, at));
        fields
    }
}
