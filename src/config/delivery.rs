//! `[delivery]`: how fast, how often, how long; its types and their defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::rate::Rate;

/// `[delivery]`
#[derive(Debug, Clone)]
pub struct Delivery {
    /// A campaign's rate, unless it has its own.
    pub rate: Rate,
    /// The rate of a recipient's domain, by A-label in lower case; a domain that is not named has no limit of its own.
    pub domain_rate: BTreeMap<String, Rate>,
    /// What follows an attempt whose end is not known.
    pub in_doubt: InDoubt,
    /// How often a recipient in doubt is sent to again, with `resend`.
    pub in_doubt_resends: u32,
    /// The wait after the first temporary failure; it doubles from there.
    pub retry_first: Duration,
    /// When a recipient that cannot be reached fails, from when it was first due.
    pub give_up_after: Duration,
    /// The share of the last 1,000 that may fail for good before the campaign pauses: 0.0 to 1.0, which switches it off.
    pub pause_at_failure_share: f64,
    /// A start missed by more than this waits for an operator.
    pub late_start: Duration,
    /// At SIGTERM, the time for what is on the wire.
    pub grace: Duration,
    /// A greylisted message is not tried again before this.
    pub greylist_wait: Duration,
    /// Whether to ask for success reports (RFC 3461), where announced.
    pub dsn_success: bool,
    /// Signing keys (RFC 6376).
    pub dkim: Vec<Dkim>,
    /// `[delivery.timeouts]`
    pub timeouts: Timeouts,
}

/// What follows an attempt whose end is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// `resend`: a second copy is a nuisance, a missing notice a breach of duty.
    Resend,
    /// `hold`: wait for `reconcile` or `rerun`.
    Hold,
}

/// One signing key of `delivery.dkim`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dkim {
    /// The `d=` tag: A-label, lower case.
    pub domain: String,
    /// The `s=` tag.
    pub selector: String,
    /// The private key.
    pub key_file: PathBuf,
}

/// `[delivery.timeouts]`: how long each phase of an SMTP session may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up and TCP connection.
    pub connect: Duration,
    /// The server's greeting.
    pub banner: Duration,
    /// EHLO, STARTTLS, the handshake, AUTH, MAIL, RCPT, QUIT: each.
    pub command: Duration,
    /// DATA, until 354.
    pub data: Duration,
    /// Each block of the body that the server takes.
    pub block: Duration,
    /// The reply to the final dot. Less than ten minutes makes duplicates.
    pub end_of_data: Duration,
}

impl Default for Timeouts {
    /// RFC 5321 §4.5.3.2; `connect` is no part of it and is what a person would wait.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            banner: Duration::from_secs(5 * 60),
            command: Duration::from_secs(5 * 60),
            data: Duration::from_secs(2 * 60),
            block: Duration::from_secs(3 * 60),
            end_of_data: Duration::from_secs(10 * 60),
        }
    }
}

impl Default for Delivery {
    /// The values of interface.md, "Configuration".
    fn default() -> Self {
        Self {
            rate: Rate::Limited { messages: 50, per: Duration::from_secs(1) },
            domain_rate: BTreeMap::new(),
            in_doubt: InDoubt::Resend,
            in_doubt_resends: 1,
            retry_first: Duration::from_secs(60),
            give_up_after: Duration::from_secs(72 * 60 * 60),
            pause_at_failure_share: 0.10,
            late_start: Duration::from_secs(60 * 60),
            grace: Duration::from_secs(30),
            greylist_wait: Duration::from_secs(5 * 60),
            dsn_success: false,
            dkim: Vec::new(),
            timeouts: Timeouts::default(),
        }
    }
}
