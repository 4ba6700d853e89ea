//! Where messages are handed over: one enum, one function each to open and to probe.
//!
//! A further kind (an HTTP API) is one more variant here and in `carry`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, RelayKind};
use crate::domain::rate::Rate;
use crate::smtp::{self, Capabilities, Connection, Dial, Security, Server, SmtpError};

/// A relay that is ready to be opened.
#[derive(Clone)]
pub enum Relay {
    /// An SMTP submission server.
    Smtp(Arc<Server>),
    /// A folder of .eml files.
    Folder(PathBuf),
}

/// A relay with its name and limits.
#[derive(Clone)]
pub struct NamedRelay {
    /// As in the configuration.
    pub name: Arc<str>,
    /// At most so many connections.
    pub connections: u32,
    /// At most so fast.
    pub rate: Rate,
    /// How to reach it.
    pub relay: Relay,
}

/// A relay that cannot be used as configured. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A CA file or password file.
    #[error("relay {name}: {reason}")]
    Setup {
        /// As in the configuration.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// It answered, but not as a server that takes mail should.
    #[error("relay {name}: {error}")]
    Smtp {
        /// As in the configuration.
        name: String,
        /// What happened.
        error: SmtpError,
    },
}

/// What a probe saw.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Host and port, or the folder.
    pub target: String,
    /// TLS version and cipher.
    pub tls: Option<String>,
    /// Whether it accepted the credentials; `None` where none are configured.
    pub authenticated: Option<bool>,
    /// Extensions that it announced.
    pub extensions: Vec<String>,
}

impl NamedRelay {
    /// Prepares a relay: reads its password and CA file.
    ///
    /// # Errors
    /// [`RelayError::Setup`].
    pub fn new(relay: &config::Relay, timeouts: &config::Timeouts, hello: &str) -> Result<Self, RelayError> {
        let fail = |reason: String| RelayError::Setup { name: relay.name.clone(), reason };
        let kind = match &relay.kind {
            RelayKind::Folder(path) => Relay::Folder(path.clone()),
            RelayKind::Smtp { host, port, security } => {
                let tls = smtp::client_config(relay.ca_file.as_deref()).map_err(|error| fail(error.to_string()))?;
                let password = relay.password().map_err(|error| fail(error.to_string()))?;
                let credentials = match (relay.username.clone(), password) {
                    (Some(username), Some(password)) => Some(smtp::Credentials { username, password }),
                    (None, None) => None,
                    (Some(_), None) => return Err(fail("it has a username, but no password_file".into())),
                    (None, Some(_)) => return Err(fail("it has a password_file, but no username".into())),
                };
                let security = match security {
                    config::Security::Plaintext => Security::Plaintext,
                    config::Security::StartTls => Security::StartTls,
                    config::Security::Implicit => Security::Implicit,
                };
                let server = Server {
                    host: host.clone(),
                    port: *port,
                    security,
                    tls,
                    credentials,
                    hello: hello.to_owned(),
                    timeouts: smtp_timeouts(timeouts),
                    dial: None,
                };
                Relay::Smtp(Arc::new(server))
            }
        };
        Ok(Self { name: relay.name.as_str().into(), connections: relay.connections, rate: relay.rate, relay: kind })
    }
}

impl NamedRelay {
    /// The same relay, prepared anew: its password and CA file are read again. `None` where it is a folder, or they cannot
    /// be used.
    pub fn again(&self, settings: &config::Settings) -> Option<Self> {
        let Relay::Smtp(server) = &self.relay else { return None };
        let fresh = Self::new(settings.relay(&self.name)?, &settings.delivery.timeouts, &server.hello).ok()?;
        Some(fresh.dialled_by(server.dial.clone()))
    }

    /// Whether somebody signs in.
    pub fn signs_in(&self) -> bool {
        matches!(&self.relay, Relay::Smtp(server) if server.credentials.is_some())
    }

    /// The same relay, with its connections made by `dial` instead of TCP.
    #[must_use]
    pub fn dialled_by(self, dial: Option<Arc<dyn Dial>>) -> Self {
        let relay = match self.relay {
            Relay::Smtp(server) => Relay::Smtp(Arc::new(Server { dial, ..(*server).clone() })),
            folder @ Relay::Folder(_) => folder,
        };
        Self { relay, ..self }
    }
}

/// Connects, greets, secures and authenticates as a campaign would, and says what it saw. Nothing is sent.
///
/// # Errors
/// [`RelayError`] with the phase that failed.
pub async fn probe(relay: &NamedRelay) -> Result<Probe, RelayError> {
    match &relay.relay {
        Relay::Folder(path) => {
            ensure_folder(path).map_err(|error| RelayError::Setup {
                name: relay.name.to_string(),
                reason: format!("the folder {} cannot be used: {error}", path.display()),
            })?;
            let target = path.display().to_string();
            Ok(Probe { target, tls: None, authenticated: None, extensions: Vec::new() })
        }
        Relay::Smtp(server) => {
            let fail = |error| RelayError::Smtp { name: relay.name.to_string(), error };
            let connection = Connection::open(server).await.map_err(fail)?;
            let probe = Probe {
                target: format!("{}:{}", server.host, server.port),
                tls: connection.tls().map(super::record::tls_words),
                authenticated: server.credentials.as_ref().map(|_| true),
                extensions: names(connection.capabilities()),
            };
            connection.quit().await;
            Ok(probe)
        }
    }
}

/// The extensions that matter to a campaign, by their EHLO keywords.
fn names(capabilities: &Capabilities) -> Vec<String> {
    let announced = [
        ("PIPELINING", capabilities.pipelining),
        ("SIZE", capabilities.size),
        ("8BITMIME", capabilities.eight_bit_mime),
        ("SMTPUTF8", capabilities.smtputf8),
        ("DSN", capabilities.dsn),
    ];
    announced.into_iter().filter(|(_, is_announced)| *is_announced).map(|(name, _)| name.to_owned()).collect()
}

/// Makes the folder of a `folder:` relay, for its owner only.
pub(super) fn ensure_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn smtp_timeouts(timeouts: &config::Timeouts) -> smtp::Timeouts {
    let config::Timeouts { connect, banner, command, data, block, end_of_data } = *timeouts;
    smtp::Timeouts { connect, banner, command, data, block, end_of_data }
}

/// How long an open connection may wait for the next message before it is closed: shorter than what common servers
/// allow (Postfix and Exim: five minutes).
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30);
/// Messages on one connection before a fresh one is made; some servers allow no more (Exim's default is 1,000).
pub(super) const MESSAGES_MAX: u32 = 1_000;
