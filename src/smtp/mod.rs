//! SMTP as a submission client speaks it (RFC 5321, RFC 6409), and a small server for demo, rehearsal and tests.
//!
//! Decides what is legal on the wire and what a connection may still be used for. It knows nothing of campaigns, retries
//! or classes: it hands out replies and errors with their phase, and delivery reads them. Uses `domain` only.
//!
//! From the bytes upwards: `reply` and `command` are the two directions' grammar, `data` the last gate of a message,
//! `session` the pure state machine between them, `envelope` the meaning of one transaction's answers; `open`,
//! `connection` and `exchange` move the bytes under time limits.

mod auth;
mod capabilities;
mod command;
mod connection;
mod data;
mod envelope;
mod error;
mod exchange;
pub mod inbox;
mod open;
mod reply;
mod server;
mod session;
mod stream;
#[cfg(test)]
mod tests;
pub mod tls;

pub use auth::Credentials;
pub use capabilities::{Capabilities, Mechanism};
pub use connection::Connection;
pub use data::{GateError, WireBody};
pub use envelope::{Dsn, Envelope, EnvelopeAnswer};
pub use error::{ErrorKind, SmtpError};
pub use server::{Security, Server, Timeouts};
pub use stream::{Dial, Dialling, Duplex};
pub use tls::{TlsInfo, TlsSetupError, client_config};
