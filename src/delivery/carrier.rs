//! What a line hands its messages to: an open connection, or a folder.
//!
//! Decides nothing about messages. A further kind of relay (an HTTP API) is one more variant here and in `relay`.

use std::path::PathBuf;

use super::relay::{NamedRelay, Relay};
use crate::smtp::{Connection, SmtpError, TlsInfo};

/// An open relay.
pub enum Carrier {
    /// A connection to an SMTP server.
    Smtp(Box<Connection>),
    /// A folder of .eml files.
    Folder(PathBuf),
}

impl Carrier {
    /// Opens a relay.
    ///
    /// # Errors
    /// [`SmtpError`] with the phase in which it ended; no message is concerned.
    pub async fn open(relay: &NamedRelay) -> Result<Self, SmtpError> {
        match &relay.relay {
            Relay::Folder(path) => Ok(Self::Folder(path.clone())),
            Relay::Smtp(server) => Ok(Self::Smtp(Box::new(Connection::open(server).await?))),
        }
    }

    /// What was agreed on in the handshake.
    pub fn tls(&self) -> Option<&TlsInfo> {
        match self {
            Self::Smtp(connection) => connection.tls(),
            Self::Folder(_) => None,
        }
    }

    /// Ends it: with QUIT where no body is owed and nothing went wrong, else at once.
    pub async fn close(self) {
        if let Self::Smtp(connection) = self {
            connection.quit().await;
        }
    }
}
