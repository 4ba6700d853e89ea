//! `[relays.NAME]`: where messages are handed over.
//!
//! Decides from the URL how a connection is protected, and that no password stands where others may read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::environment::comparable;
use super::error::ConfigError;
use super::secret::read_secret;
use super::section::Section;
use super::url;
use crate::domain::rate::Rate;

/// A relay's name stands in tables, entries and reports.
const NAME_OCTETS_MAX: usize = 64;
const URL_ADVICE: &str =
    "write smtp://HOST:587 (STARTTLS), smtps://HOST:465 (TLS from the start) or folder:PATH (.eml files)";

/// `[relays.NAME]`
#[derive(Debug, Clone)]
pub struct Relay {
    /// NAME, as it stands in attempts and reports.
    pub name: String,
    /// `url`
    pub kind: RelayKind,
    /// For AUTH; `None`: without.
    pub username: Option<String>,
    /// `CANDOR_RELAYS__NAME__PASSWORD`; use [`Relay::password`], which also knows the file.
    pub password: Option<SecretString>,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted for this relay instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Connections at once, 1 to [`Relay::CONNECTIONS_MAX`].
    pub connections: u32,
    /// What this relay takes.
    pub rate: Rate,
}

/// What a relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayKind {
    /// An SMTP submission server.
    Smtp {
        /// A name (A-labels) or an address, without brackets.
        host: String,
        /// 587 for `smtp://`, 465 for `smtps://`, unless given.
        port: u16,
        /// How the connection is protected.
        security: Security,
    },
    /// A folder of .eml files.
    Folder(PathBuf),
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all: only on loopback.
    Plaintext,
    /// STARTTLS (RFC 3207); without it nothing is sent.
    StartTls,
    /// TLS from the first byte (RFC 8314 §3.3).
    Implicit,
}

impl Relay {
    /// More connections than any relay takes from one client.
    pub const CONNECTIONS_MAX: u32 = 1_000;
    /// `connections`, where it is not set.
    pub const CONNECTIONS_DEFAULT: u32 = 10;

    /// The password for AUTH: from the environment, else read now from `password_file`. `None`: the relay needs none.
    ///
    /// # Errors
    /// [`ConfigError::SecretFile`] if the file cannot be read or others can read it.
    pub fn password(&self) -> Result<Option<SecretString>, ConfigError> {
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(Some(password.clone())),
            (None, Some(file)) => read_secret(&format!("relays.{}.password_file", self.name), file).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// All `[relays.NAME]`, in their order.
pub(super) fn relays(root: &Section<'_>) -> Result<Vec<Relay>, ConfigError> {
    let all = root.section("relays")?;
    let mut seen = BTreeSet::new();
    let relay = |name: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > NAME_OCTETS_MAX || !name.bytes().all(legal) || name.contains("__") {
            return Err(all.wrong(name, "name a relay with letters, digits, - and single _, at most 64 of them"));
        }
        if !seen.insert(comparable(name)) {
            return Err(all.wrong(name, "there is another relay of this name but for case, - and _; rename one"));
        }
        one_relay(name, &all.section(name)?)
    };
    all.names().into_iter().map(relay).collect()
}

fn one_relay(name: &str, section: &Section<'_>) -> Result<Relay, ConfigError> {
    let base = section.base("url");
    let kind =
        section.parse("url", |text| relay_kind(text, &base))?.ok_or_else(|| section.absent("url", URL_ADVICE))?;
    if section.is_in_file("password") {
        let variable = format!("CANDOR_RELAYS__{}__PASSWORD", comparable(name).to_ascii_uppercase());
        let advice =
            format!("write it into a file that only you can read and name that in password_file, or set {variable}");
        return Err(section.wrong_secret("password", &advice));
    }
    let relay = Relay {
        name: name.to_owned(),
        kind,
        username: section.text("username")?,
        password: section.lines("password")?.map(SecretString::from),
        password_file: section.path("password_file")?,
        ca_file: section.path("ca_file")?,
        connections: section.number("connections", 1..=Relay::CONNECTIONS_MAX)?.unwrap_or(Relay::CONNECTIONS_DEFAULT),
        rate: section.parse("rate", str::parse)?.unwrap_or(Rate::Unlimited),
    };
    check_credentials(&relay, section)?;
    Ok(relay)
}

/// A name without a password, or a password without TLS, would only show when the sending starts.
fn check_credentials(relay: &Relay, section: &Section<'_>) -> Result<(), ConfigError> {
    let has_password = relay.password.is_some() || relay.password_file.is_some();
    match (&relay.username, has_password, &relay.kind) {
        (None, false, _) => Ok(()),
        (Some(_), false, _) => {
            Err(section.absent("password_file", "name the file that holds the password of username"))
        }
        (None, true, _) => Err(section.absent("username", "say whose password it is")),
        (Some(_), true, RelayKind::Folder(_)) => Err(section.wrong("username", "a folder needs none; leave it away")),
        (Some(_), true, RelayKind::Smtp { security: Security::Plaintext, .. }) => {
            Err(section.wrong("username", "a password is sent inside TLS only; add ?tls=required to the url"))
        }
        (Some(_), true, RelayKind::Smtp { .. }) => Ok(()),
    }
}

/// Reads a relay's URL. Paths start at `base`.
fn relay_kind(text: &str, base: &Path) -> Result<RelayKind, String> {
    if let Some(path) = text.strip_prefix("folder:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return if path.is_empty() { Err(URL_ADVICE.into()) } else { Ok(RelayKind::Folder(base.join(path))) };
    }
    let (scheme, rest) = text.split_once("://").ok_or(URL_ADVICE)?;
    if scheme != "smtp" && scheme != "smtps" {
        return Err(URL_ADVICE.into());
    }
    // Anywhere: a password may hold a slash, which would end the authority too early.
    if rest.contains('@') {
        return Err("leave the credentials out of it; they belong in username and password_file".into());
    }
    let parts = url::parts(rest)?;
    if !parts.path.is_empty() {
        return Err("nothing may follow the port but ?tls=required".into());
    }
    let tls_required = match parts.query {
        None => false,
        Some("tls=required") => true,
        Some(_) => return Err("only ?tls=required may follow the port".into()),
    };
    let (security, default_port) = match scheme {
        "smtps" => (Security::Implicit, url::SUBMISSIONS_PORT),
        _ if url::is_loopback(&parts.host) && !tls_required => (Security::Plaintext, url::SUBMISSION_PORT),
        _ => (Security::StartTls, url::SUBMISSION_PORT),
    };
    Ok(RelayKind::Smtp { host: parts.host, port: parts.port.unwrap_or(default_port), security })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<RelayKind, String> {
        relay_kind(text, Path::new("/etc/candor"))
    }

    fn smtp(host: &str, port: u16, security: Security) -> RelayKind {
        RelayKind::Smtp { host: host.into(), port, security }
    }

    #[test]
    fn smtp_means_starttls_and_smtps_tls_from_the_start() {
        assert_eq!(kind("smtp://relay.example.com").unwrap(), smtp("relay.example.com", 587, Security::StartTls));
        assert_eq!(kind("smtp://relay:25/").unwrap(), smtp("relay", 25, Security::StartTls));
        assert_eq!(kind("smtps://relay.example.com").unwrap(), smtp("relay.example.com", 465, Security::Implicit));
        assert_eq!(kind("smtps://127.0.0.1:4465").unwrap(), smtp("127.0.0.1", 4465, Security::Implicit));
    }

    #[test]
    fn only_loopback_goes_without_tls_and_only_unless_it_is_required() {
        for host in ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST"] {
            let url = format!("smtp://{host}:2525");
            assert!(matches!(kind(&url).unwrap(), RelayKind::Smtp { security: Security::Plaintext, .. }), "{url}");
            let url = format!("{url}?tls=required");
            assert!(matches!(kind(&url).unwrap(), RelayKind::Smtp { security: Security::StartTls, .. }), "{url}");
        }
        assert_eq!(kind("smtp://[::1]:2525").unwrap(), smtp("::1", 2525, Security::Plaintext));
        assert_eq!(kind("smtp://10.0.0.1").unwrap(), smtp("10.0.0.1", 587, Security::StartTls));
    }

    #[test]
    fn a_folder_in_the_file_starts_at_the_files_folder() {
        assert_eq!(kind("folder:out").unwrap(), RelayKind::Folder("/etc/candor/out".into()));
        assert_eq!(kind("folder:///var/out").unwrap(), RelayKind::Folder("/var/out".into()));
    }

    #[test]
    fn credentials_and_unknown_schemes_and_options_are_refused() {
        assert!(kind("smtp://me:pa/ss@relay.example.com").unwrap_err().contains("password_file"));
        for text in ["", "relay", "http://x", "smtp:relay", "smtp://", "smtp://a?tls=none", "smtp://a/x", "folder:"] {
            assert!(kind(text).is_err(), "{text:?} was taken");
        }
    }
}
