//! The signing key as text: the private and verifier key lines of C2SP `signed-note`.
//!
//! Decides the form and the key id. Never touches a file: `app` reads and writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::{self, SigningKey};

/// The algorithm octet of Ed25519 in a signed-note key.
const ED25519: u8 = 1;
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// Why a key file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a private key line.
    #[error("the file holds no signing key: it should be one line that begins with PRIVATE+KEY+")]
    Form,
    /// Made for another origin.
    #[error(
        "the key was made for the origin {found:?}, but ledger.origin is {wanted:?}: set ledger.origin back, or name another key_file"
    )]
    OtherOrigin {
        /// In the key.
        found: String,
        /// In the configuration.
        wanted: String,
    },
}

/// A ledger's signing key: its name is the ledger's origin.
pub struct LedgerKey {
    name: String,
    seed: crypto::Hash,
    pair: SigningKey,
}

impl LedgerKey {
    /// Makes a new key for an origin. `None` only if the crypto library refuses 32 random bytes.
    pub fn generate(origin: &str) -> Option<Self> {
        let seed = crypto::random_key();
        Some(Self { name: origin.to_owned(), seed, pair: SigningKey::from_seed(&seed)? })
    }

    /// Reads the private key line.
    ///
    /// # Errors
    /// [`KeyError::Form`] if it is none, or its key id does not fit its key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let rest = text.trim_end().strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::Form)?;
        let mut fields = rest.splitn(3, '+');
        let (name, id, data) = match (fields.next(), fields.next(), fields.next()) {
            (Some(name), Some(id), Some(data)) if !name.is_empty() => (name, id, data),
            _ => return Err(KeyError::Form),
        };
        let bytes = STANDARD.decode(data).map_err(|_| KeyError::Form)?;
        let seed: crypto::Hash = match bytes.split_first() {
            Some((&ED25519, seed)) => seed.try_into().map_err(|_| KeyError::Form)?,
            _ => return Err(KeyError::Form),
        };
        let pair = SigningKey::from_seed(&seed).ok_or(KeyError::Form)?;
        let key = Self { name: name.to_owned(), seed, pair };
        if hex::encode(key.id()) == id { Ok(key) } else { Err(KeyError::Form) }
    }

    /// The private key line: a secret.
    pub fn private_line(&self) -> String {
        let mut data = vec![ED25519];
        data.extend_from_slice(&self.seed);
        format!("{PRIVATE_PREFIX}{}+{}+{}\n", self.name, hex::encode(self.id()), STANDARD.encode(data))
    }

    /// The verifier key line (C2SP `signed-note`): what auditors are given.
    pub fn verifier_line(&self) -> String {
        format!("{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(self.public_octets()))
    }

    /// The origin that it signs for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first 4 bytes of SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key).
    pub fn id(&self) -> [u8; 4] {
        let hash = crypto::sha256(&[self.name.as_bytes(), b"\n", &self.public_octets()]);
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Ed25519 signature over a note's text.
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text)
    }

    fn public_octets(&self) -> Vec<u8> {
        let mut octets = vec![ED25519];
        octets.extend_from_slice(&self.pair.public_key());
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_of_a_signed_note_reads_and_signs_alike() {
        // The example key of the Go package golang.org/x/mod/sumdb/note.
        let line = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let key = LedgerKey::parse(line).unwrap();
        assert_eq!(key.verifier_line(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let mut signature = key.id().to_vec();
        signature.extend(key.sign(text.as_bytes()));
        let published = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        assert_eq!(STANDARD.encode(signature), published);
    }

    #[test]
    fn a_key_reads_back_and_a_damaged_one_does_not() {
        let key = LedgerKey::generate("example.com/candor").unwrap();
        let line = key.private_line();
        assert_eq!(LedgerKey::parse(&line).unwrap().verifier_line(), key.verifier_line());
        assert!(LedgerKey::parse(&line.replace("example.com", "example.org")).is_err());
        assert!(LedgerKey::parse("").is_err());
    }
}
