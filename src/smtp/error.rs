//! What went wrong with a connection: where, of what kind, and whether a message may have gone out all the same.
//!
//! Decides nothing. Its words hold no secret, no address and none of the server's text.

use std::fmt;
use std::io;

use super::session::SessionFailure;
use crate::domain::outcome::{Phase, Reply};

/// Why a connection is of no more use. The one error of this room's client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpError {
    /// Where it happened.
    pub phase: Phase,
    /// Of what kind it is.
    pub kind: ErrorKind,
    /// The server's reply, where one led to this.
    pub reply: Option<Reply>,
    /// Whether the dot that ends a message may have left without its reply: that message is in doubt.
    pub end_of_data_sent: bool,
    detail: String,
}

/// The kinds of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The phase's time ran out.
    Timeout,
    /// The server closed the connection.
    Closed,
    /// The operating system says so: refused, reset, no such name.
    Io,
    /// The server's bytes made no sense, or it answered what was not asked.
    Protocol,
    /// No TLS, or none that can be trusted.
    Tls,
    /// The credentials were not taken, or there is no way to give them.
    AuthRefused,
    /// The server refused banner, EHLO, STARTTLS, or said that it goes away.
    Refused(Box<Reply>),
}

impl SmtpError {
    pub(super) fn new(phase: Phase, kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { phase, kind, reply: None, end_of_data_sent: false, detail: detail.into() }
    }

    pub(super) fn timeout(phase: Phase) -> Self {
        Self::new(phase, ErrorKind::Timeout, "the server did not answer in time")
    }

    pub(super) fn closed(phase: Phase) -> Self {
        Self::new(phase, ErrorKind::Closed, "the server closed the connection")
    }

    pub(super) fn refused(phase: Phase, reply: Reply) -> Self {
        let detail = format!("the server refused with {}", code_of(&reply));
        Self { reply: Some(reply.clone()), ..Self::new(phase, ErrorKind::Refused(Box::new(reply)), detail) }
    }

    pub(super) fn auth_refused(reply: Reply) -> Self {
        let detail = format!("the server did not take the user name and password ({})", code_of(&reply));
        Self { reply: Some(reply), ..Self::new(Phase::Auth, ErrorKind::AuthRefused, detail) }
    }

    /// An error of reading or writing; a peer that is gone counts as closed.
    pub(super) fn io(phase: Phase, error: &io::Error) -> Self {
        use io::ErrorKind as K;
        let kind = match error.kind() {
            K::UnexpectedEof | K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => ErrorKind::Closed,
            _ if super::tls::cause(error).is_some() => ErrorKind::Tls,
            _ => ErrorKind::Io,
        };
        Self::new(phase, kind, super::tls::cause(error).map_or_else(|| error.to_string(), super::tls::explain))
    }

    pub(super) fn session(phase: Phase, failure: SessionFailure) -> Self {
        match failure {
            SessionFailure::Unasked(reply) => Self::refused(phase, reply),
            other => Self::new(phase, ErrorKind::Protocol, other.to_string()),
        }
    }

    pub(super) fn in_doubt(self, end_of_data_sent: bool) -> Self {
        Self { end_of_data_sent, ..self }
    }
}

fn code_of(reply: &Reply) -> String {
    match &reply.enhanced {
        Some(enhanced) => format!("{} {enhanced}", reply.code),
        None => reply.code.to_string(),
    }
}

impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.phase, self.detail)?;
        if self.end_of_data_sent {
            f.write_str("; the message had left and may have been taken")?;
        }
        Ok(())
    }
}

impl std::error::Error for SmtpError {}
