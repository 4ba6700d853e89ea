//! A certificate authority that lives as long as one test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

/// What a server's certificate is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificate {
    /// For `localhost` and `127.0.0.1`, in date.
    #[default]
    Good,
    /// In date, but for `elsewhere.example.net` alone.
    OtherName,
    /// For the right names, out of date since 2001.
    Expired,
}

/// A certificate with its key, as PEM files.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// An authority made for one test; nothing outside the test trusts it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    /// Makes an authority and writes its certificate to `folder/NAME.pem`.
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, params.self_signed(&key).expect("the authority signs itself").pem())
            .expect("the folder is ours");
        Self { issuer: Issuer::new(params, key), file }
    }

    /// The PEM file to give as `ca_file`.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Issues a server's certificate into `folder` as `server.pem` and `server.key`.
    #[must_use]
    pub fn issue(&self, folder: &Path, kind: Certificate) -> CertificateFiles {
        let names: &[&str] = match kind {
            Certificate::Good | Certificate::Expired => &["localhost", "127.0.0.1"],
            Certificate::OtherName => &["elsewhere.example.net"],
        };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("these are DNS names and addresses");
        if kind == Certificate::Expired {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().expect("a key can be made");
        let signed = params.signed_by(&key, &self.issuer).expect("the authority signs");
        let files = CertificateFiles { certificate: folder.join("server.pem"), key: folder.join("server.key") };
        fs::write(&files.certificate, signed.pem()).expect("the folder is ours");
        fs::write(&files.key, key.serialize_pem()).expect("the folder is ours");
        files
    }
}
