//! How an inbox behaves where it should not behave as usual: what tests and the demo say to it.
//!
//! Decides nothing by itself; a script is asked at every step and the inbox does what it answers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::domain::outcome::Phase;

/// Where a visit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A connection was taken; nothing has been said.
    Connect,
    /// The banner is due.
    Banner,
    /// EHLO or HELO was read.
    Ehlo,
    /// STARTTLS was read.
    StartTls,
    /// The handshake is due.
    Handshake,
    /// AUTH was read, or a line after a scripted 334.
    Auth,
    /// MAIL was read.
    Mail {
        /// The return path, empty for `<>`.
        from: &'a str,
    },
    /// RCPT was read.
    Rcpt {
        /// The address as it came.
        to: &'a str,
    },
    /// DATA was read.
    Data {
        /// The first recipient taken, or empty.
        to: &'a str,
    },
    /// A part of the body was read; asked with 0 first, and then at least every 1,024 octets.
    Body {
        /// Octets of the body so far, as they came.
        octets: usize,
        /// The first recipient taken, or empty.
        to: &'a str,
    },
    /// The final dot was read.
    EndOfData {
        /// The first recipient taken, or empty.
        to: &'a str,
    },
    /// QUIT was read.
    Quit,
}

impl Step<'_> {
    /// The phase that a client is in at this step.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Connect => Phase::Connect,
            Self::Banner => Phase::Banner,
            Self::Ehlo => Phase::Ehlo,
            Self::StartTls => Phase::StartTls,
            Self::Handshake => Phase::Handshake,
            Self::Auth => Phase::Auth,
            Self::Mail { .. } => Phase::Mail,
            Self::Rcpt { .. } => Phase::Rcpt,
            Self::Data { .. } => Phase::Data,
            Self::Body { .. } => Phase::Body,
            Self::EndOfData { .. } => Phase::EndOfData,
            Self::Quit => Phase::Quit,
        }
    }

    /// The recipient that the step concerns, if it concerns one.
    pub fn mailbox(&self) -> Option<&str> {
        match self {
            Self::Rcpt { to } | Self::Data { to } | Self::Body { to, .. } | Self::EndOfData { to } => Some(to),
            _ => None,
        }
    }
}

/// What a script is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment<'a> {
    /// The step.
    pub step: Step<'a>,
    /// The connection's number, from 1.
    pub connection: u64,
    /// How many RCPT commands named the step's mailbox before the one it belongs to; 0 where it has none.
    pub seen_before: u32,
}

/// What to do at a step. A reply's code decides what follows, as if the inbox had meant it: 354 to DATA waits for a
/// body, 250 to the final dot takes the message, 421 closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// What a good server does.
    Default,
    /// This line instead, without its CRLF.
    Reply(String),
    /// These bytes instead; the first three count as the code.
    Raw(Vec<u8>),
    /// Close without a word.
    Close,
    /// At the final dot: take the message, then close without a word. Elsewhere as [`Action::Close`].
    CloseAfterTaking,
    /// Say nothing and read nothing until the inbox is taken away.
    Hang,
    /// These bytes instead, one at a time, with a pause after each.
    Drip(Vec<u8>, Duration),
}

impl Action {
    /// A reply of one line.
    pub fn reply(line: &str) -> Self {
        Self::Reply(line.to_owned())
    }
}

/// The behaviour of an inbox.
pub trait Script: Send + Sync {
    /// Says what to do; called from several connections at a time.
    fn at(&self, moment: Moment<'_>) -> Action;
}

impl<F: Fn(Moment<'_>) -> Action + Send + Sync> Script for F {
    fn at(&self, moment: Moment<'_>) -> Action {
        self(moment)
    }
}

/// `action` whenever this phase comes.
pub fn always(phase: Phase, action: Action) -> impl Script {
    move |moment: Moment<'_>| if moment.step.phase() == phase { action.clone() } else { Action::Default }
}

/// `action` the first `times` times that this phase comes, over all connections.
pub fn first(times: u32, phase: Phase, action: Action) -> impl Script {
    let met = AtomicU32::new(0);
    move |moment: Moment<'_>| {
        let acts = moment.step.phase() == phase && met.fetch_add(1, Ordering::SeqCst) < times;
        if acts { action.clone() } else { Action::Default }
    }
}

/// `action` at this phase of a message to one mailbox, the first `times` times that it is named.
pub fn for_mailbox(mailbox: &str, times: u32, phase: Phase, action: Action) -> impl Script {
    let mailbox = mailbox.to_owned();
    move |moment: Moment<'_>| {
        let meant = moment.step.phase() == phase && moment.step.mailbox() == Some(mailbox.as_str());
        if meant && moment.seen_before < times { action.clone() } else { Action::Default }
    }
}
