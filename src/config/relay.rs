//! `[relays.NAME]`: where messages are handed over.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::domain::rate::Rate;

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
}
