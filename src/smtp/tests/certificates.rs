//! Certificates made for one test each.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;

/// A private authority and a server's certificate by it.
pub(super) struct Certified {
    /// The authority's certificate in PEM form.
    pub ca_file: NamedTempFile,
    /// The server's side.
    pub server: Arc<ServerConfig>,
}

/// A certificate for `name`, valid until the end of 4000 or, expired, of 2001.
pub(super) fn certified(name: &str, expired: bool) -> Certified {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Without a name of its own it would pass for every other authority made here.
    ca.distinguished_name.push(DnType::CommonName, format!("authority of {name}"));
    let ca_file = NamedTempFile::new().unwrap();
    std::fs::write(ca_file.path(), ca.self_signed(&ca_key).unwrap().pem()).unwrap();

    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    leaf.not_before = date_time_ymd(2000, 1, 1);
    leaf.not_after = date_time_ymd(if expired { 2001 } else { 4000 }, 12, 31);
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    Certified { ca_file, server: Arc::new(server) }
}
