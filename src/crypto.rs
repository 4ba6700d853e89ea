//! Digests, HMAC, signatures and random keys: the one room that touches aws-lc-rs, besides TLS in smtp.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::{digest, hmac, rand as random, rsa, signature};

/// Octets of a SHA-256 digest and of every key made here.
pub const KEY_OCTETS: usize = 32;

/// A digest or HMAC value.
pub type Hash = [u8; KEY_OCTETS];

/// SHA-256 of the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    as_hash(context.finish().as_ref())
}

/// SHA-256 of bytes that come in pieces: the same digest as [`sha256`] over all of them.
#[derive(Clone)]
pub struct Sha256Stream(digest::Context);

impl Sha256Stream {
    /// The digest of nothing so far.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces, in their order.
    pub fn finish(self) -> Hash {
        as_hash(self.0.finish().as_ref())
    }
}

impl Default for Sha256Stream {
    fn default() -> Self {
        Self::new()
    }
}

/// HMAC-SHA-256 (RFC 2104).
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Hash {
    as_hash(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref())
}

/// HMAC-SHA-256 of bytes that come in pieces: the same value as [`hmac_sha256`] over all of them.
pub struct HmacStream(hmac::Context);

impl HmacStream {
    /// The value of nothing so far.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The value of all pieces, in their order.
    pub fn finish(self) -> Hash {
        as_hash(self.0.sign().as_ref())
    }
}

/// 32 random bytes from the system's generator.
///
/// # Panics
/// If the operating system gives no randomness: nothing that follows would be safe.
pub fn random_key() -> Hash {
    let mut key = [0; KEY_OCTETS];
    // A system without randomness cannot make keys; there is nothing to go on with.
    random::fill(&mut key).expect("the operating system gives random bytes");
    key
}

/// An Ed25519 key pair (RFC 8032), from its 32-byte seed.
pub struct SigningKey(signature::Ed25519KeyPair);

impl SigningKey {
    /// The key pair of a seed; `None` if it is not 32 bytes.
    pub fn from_seed(seed: &[u8]) -> Option<Self> {
        signature::Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    /// The key pair in an unencrypted PKCS #8 document (RFC 8410); `None` if there is none in it.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(Self)
    }

    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> Vec<u8> {
        signature::KeyPair::public_key(&self.0).as_ref().to_vec()
    }

    /// The 64 bytes of a signature over `message`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// An RSA key pair that signs by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2).
pub struct RsaKey(rsa::KeyPair);

/// Why there is no RSA key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaProblem {
    /// Under 2048 bits.
    TooShort,
    /// No RSA key, or a damaged one.
    Form,
}

impl RsaKey {
    /// The key pair in an unencrypted PKCS #8 document (RFC 5208).
    ///
    /// # Errors
    /// [`RsaProblem`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, RsaProblem> {
        Self::checked(rsa::KeyPair::from_pkcs8(der))
    }

    /// The key pair in an `RSAPrivateKey` structure (RFC 8017 §A.1.2).
    ///
    /// # Errors
    /// [`RsaProblem`].
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, RsaProblem> {
        Self::checked(rsa::KeyPair::from_der(der))
    }

    fn checked(pair: Result<rsa::KeyPair, aws_lc_rs::error::KeyRejected>) -> Result<Self, RsaProblem> {
        let is_too_short = |error: aws_lc_rs::error::KeyRejected| match error.to_string().as_str() {
            "TooSmall" => RsaProblem::TooShort,
            _ => RsaProblem::Form,
        };
        pair.map(Self).map_err(is_too_short)
    }

    /// The public key as a `SubjectPublicKeyInfo` structure (RFC 5280 §4.1.2.7); `None` only where memory is out.
    pub fn public_key(&self) -> Option<Vec<u8>> {
        let key = signature::KeyPair::public_key(&self.0).as_der().ok()?;
        Some(key.as_ref().to_vec())
    }

    /// The signature over `message`, as long as the modulus; `None` only where memory is out.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let (padding, random) = (&signature::RSA_PKCS1_SHA256, random::SystemRandom::new());
        self.0.sign(padding, &random, message, &mut signature).ok()?;
        Some(signature)
    }
}

fn as_hash(bytes: &[u8]) -> Hash {
    let mut hash = [0; KEY_OCTETS];
    hash.copy_from_slice(bytes);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors_hold() {
        // FIPS 180-2 appendix B.1, RFC 4231 test case 2, RFC 8032 §7.1 test 2.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(sha256(&[b"a", b"bc"])), abc);
        let mut stream = Sha256Stream::new();
        stream.update(b"ab");
        stream.update(b"c");
        assert_eq!(hex::encode(stream.finish()), abc);
        let jefe = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(hmac_sha256(b"Jefe", b"what do ya want for nothing?")), jefe);
        let mut stream = HmacStream::new(b"Jefe");
        stream.update(b"what do ya want ");
        stream.update(b"for nothing?");
        assert_eq!(hex::encode(stream.finish()), jefe);
        let seed = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let key = SigningKey::from_seed(&seed).unwrap();
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        assert_eq!(hex::encode(key.public_key()), public);
        assert!(hex::encode(key.sign(&[0x72])).starts_with("92a009a9f0d4cab8720e820b5f642540"));
    }
}
