//! TLS for the client: which roots are trusted, which versions are spoken, and plain words for what fails.
//!
//! Decides trust. TLS 1.2 and 1.3 only, certificate and name always checked; there is no switch to turn that off.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, ProtocolVersion, RootCertStore};

/// Why no trust could be set up. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The system has no roots.
    #[error("this system has no trusted root certificates; install ca-certificates or set the relay's ca_file")]
    NoRoots,
    /// The file cannot be read, or holds something else.
    #[error("the ca_file {path} cannot be used: {reason}; it must hold certificates in PEM form")]
    CaFile {
        /// As it was given.
        path: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// The library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// What was agreed on in a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: String,
    /// The cipher suite's name.
    pub cipher: String,
}

/// The client's side of TLS: with a CA file only what it holds is trusted, else the system's roots.
///
/// # Errors
/// [`TlsSetupError`] where nothing could be trusted.
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let roots = match ca_file {
        Some(path) => roots_of_file(path)?,
        None => roots_of_system()?,
    };
    Ok(Arc::new(
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    ))
}

fn roots_of_system() -> Result<RootCertStore, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    // Single unreadable certificates among a system's hundreds are common and harm nothing.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsSetupError::NoRoots) } else { Ok(roots) }
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, TlsSetupError> {
    let unusable = |reason: String| TlsSetupError::CaFile { path: path.to_owned(), reason };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unusable("there is no certificate in it".into())) } else { Ok(roots) }
}

impl TlsInfo {
    pub(super) fn of(connection: &rustls::ClientConnection) -> Self {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".into(),
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".into(),
            other => format!("{other:?}"),
        };
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        Self { version, cipher: cipher.unwrap_or("unknown").into() }
    }
}

/// The TLS error inside an I/O error, if there is one.
pub(super) fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// A TLS error in plain words, with what to do where there is something.
pub(super) fn explain(error: &rustls::Error) -> String {
    use CertificateError as C;
    use rustls::{AlertDescription, Error};
    match error {
        Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => {
            "the server's certificate has expired (or this computer's clock is wrong)".into()
        }
        Error::InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => {
            "the server's certificate is not valid yet (or this computer's clock is wrong)".into()
        }
        Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            "the server's certificate is for another name than the relay's host".into()
        }
        // A bad signature is what an authority leaves that only calls itself by a trusted one's name.
        Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature) => {
            "the server's certificate is self-signed or from an authority that is not trusted here; for a private \
             authority set the relay's ca_file"
                .into()
        }
        Error::InvalidCertificate(C::Revoked) => "the server's certificate has been revoked".into(),
        Error::InvalidCertificate(other) => format!("the server's certificate cannot be trusted: {other}"),
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the server offers no TLS version and cipher that are safe; TLS 1.2 is the least".into()
        }
        Error::InvalidMessage(_) => "the server's bytes are not TLS; is this the right port?".into(),
        other => format!("TLS failed: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_certificates_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = client_config(Some(file.path())).unwrap_err().to_string();
        assert!(error.contains("no certificate in it"), "{error}");
        let error = client_config(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    }
}
