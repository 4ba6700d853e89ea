//! Which server to speak to, and how: what a relay of candor.toml means for this room.
//!
//! Decides nothing but the defaults of the time limits.

use std::sync::Arc;
use std::time::Duration;

use super::auth::Credentials;
use super::stream::Dial;

/// One submission server.
#[derive(Clone)]
pub struct Server {
    /// A name or an address; the certificate must be for it.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// When TLS starts.
    pub security: Security,
    /// Whom to trust ([`super::tls::client_config`]).
    pub tls: Arc<rustls::ClientConfig>,
    /// Who signs in, if anybody.
    pub credentials: Option<Credentials>,
    /// This client's name for EHLO.
    pub hello: String,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// Who makes the connections; `None`: TCP.
    pub dial: Option<Arc<dyn Dial>>,
}

/// When TLS starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Never. Refused where the server turns out not to be on loopback.
    Plaintext,
    /// After STARTTLS (RFC 3207), which the server must offer.
    StartTls,
    /// From the first byte (RFC 8314 §3.3).
    Implicit,
}

/// How long each phase may take, by RFC 5321 §4.5.3.2 unless set otherwise (interface.md, `[delivery.timeouts]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Looking up the name and connecting, all addresses together.
    pub connect: Duration,
    /// The banner.
    pub banner: Duration,
    /// EHLO, STARTTLS, the handshake, AUTH, MAIL, RCPT, RSET, QUIT: each.
    pub command: Duration,
    /// The 354 to DATA.
    pub data: Duration,
    /// Each block of the body.
    pub block: Duration,
    /// The reply to the dot that ends a message.
    pub end_of_data: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self {
            connect: Duration::from_secs(30),
            banner: minutes(5),
            command: minutes(5),
            data: minutes(2),
            block: minutes(3),
            end_of_data: minutes(10),
        }
    }
}
