//! Private keys for signing, from the forms in which people have them.
//!
//! Decides which keys are good enough: Ed25519, and RSA of at least 2048 bits (RFC 8301 §3.2 recommends that, and large
//! providers ask for it). Never prints a key, and never reads a file: its text is a parameter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::crypto::{Hash, RsaKey, RsaProblem, SigningKey, sha256};

/// A key and what it signs by.
pub(super) enum Key {
    /// `rsa-sha256` (RFC 6376 §3.3.1).
    Rsa(RsaKey),
    /// `ed25519-sha256` (RFC 8463 §3).
    Ed25519(SigningKey),
}

/// Why a text is no key. What to do stands in it.
pub(super) type Problem = &'static str;

const NO_KEY: Problem = "holds no private key that candor reads: give an RSA key (2048 bits) or an Ed25519 key in PEM, as \
                         `openssl genpkey -algorithm ed25519` writes it, or an Ed25519 seed of 32 octets in base64";
const DAMAGED: Problem = "holds a damaged key: copy it again, whole, from where it was made";
const TOO_SHORT: Problem = "holds an RSA key of less than 2048 bits, which receivers no longer trust: make a new one with \
                            `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048` and publish its record";
const ENCRYPTED: Problem = "holds a key under a passphrase, and nobody is there to type it: write it without one with \
                            `openssl pkey`, into a file that only candor's account can read";
const PUBLIC: Problem = "holds a public key: candor needs the private one to sign";
const OTHER_KIND: Problem = "holds a key that DKIM has no use for: it takes RSA and Ed25519";

impl Key {
    /// Reads a key: PKCS #8 or PKCS #1 in PEM (RFC 7468), or an Ed25519 seed in base64.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let Some((label, content)) = pem(text) else {
            let seed = BASE64.decode(text.trim()).map_err(|_| NO_KEY)?;
            return SigningKey::from_seed(&seed).map(Self::Ed25519).ok_or(NO_KEY);
        };
        if label.contains("ENCRYPTED") || content.trim_start().starts_with("Proc-Type: 4,ENCRYPTED") {
            return Err(ENCRYPTED);
        }
        let lines: String = content.split_whitespace().collect();
        let der = || BASE64.decode(&lines).map_err(|_| DAMAGED);
        let rsa = |key: Result<RsaKey, RsaProblem>| match key {
            Ok(key) => Ok(Self::Rsa(key)),
            Err(RsaProblem::TooShort) => Err(TOO_SHORT),
            Err(RsaProblem::Form) => Err(DAMAGED),
        };
        match label {
            "RSA PRIVATE KEY" => rsa(RsaKey::from_pkcs1(&der()?)),
            "PRIVATE KEY" => {
                let der = der()?;
                // The algorithm's identifier stands at the beginning, in either of these two forms.
                let names = |oid: &[u8]| memchr::memmem::find(&der[..der.len().min(32)], oid).is_some();
                if names(OID_RSA) {
                    rsa(RsaKey::from_pkcs8(&der))
                } else if names(OID_ED25519) {
                    SigningKey::from_pkcs8(&der).map(Self::Ed25519).ok_or(DAMAGED)
                } else {
                    Err(OTHER_KIND)
                }
            }
            label if label.ends_with("PUBLIC KEY") => Err(PUBLIC),
            label if label.ends_with("PRIVATE KEY") => Err(OTHER_KIND),
            _ => Err(NO_KEY),
        }
    }

    /// The name of its kind in a signature and in DNS (RFC 6376 §3.6.1, RFC 8463 §4).
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// The public key as `p=` publishes it; `None` only where memory is out.
    pub(super) fn public(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => key.public_key(),
            Self::Ed25519(key) => Some(key.public_key()),
        }
    }

    /// The signature over what the algorithm hashes by SHA-256; `None` only where memory is out.
    pub(super) fn sign(&self, signed: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => key.sign(signed),
            // RFC 8463 §3: the hash is what Ed25519 signs.
            Self::Ed25519(key) => {
                let hash: Hash = sha256(&[signed]);
                Some(key.sign(&hash))
            }
        }
    }
}

/// DER of rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017 §A.1).
const OID_RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// DER of id-Ed25519, 1.3.101.112 (RFC 8410 §3).
const OID_ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// Label and content of the first PEM block.
fn pem(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    // A file cut off in the middle has no end, and its content is then read as damaged.
    let content = rest.split_once("-----END ").map_or(rest, |(content, _)| content);
    Some((label, content))
}
