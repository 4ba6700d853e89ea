//! What one attempt ended in: the classes of failure, the phases of a transaction, and the one struct for both.
//!
//! Decides nothing; it is the vocabulary. Which reply has which class is data (`config/reply-classes.toml`), read by
//! delivery.

use super::closed_set::closed_set;

closed_set! {
    /// Why somebody has not been reached (interface.md, "Failure classes").
    pub enum FailureClass {
        BadAddress = "bad-address",
        BadDomain = "bad-domain",
        MailboxFull = "mailbox-full",
        MailboxDisabled = "mailbox-disabled",
        Policy = "policy",
        Spam = "spam",
        TooLarge = "too-large",
        RateLimited = "rate-limited",
        Greylisted = "greylisted",
        Auth = "auth",
        Tls = "tls",
        Network = "network",
        Protocol = "protocol",
        Render = "render",
        Expired = "expired",
        OtherTemporary = "other-temporary",
        OtherPermanent = "other-permanent",
    }
}

closed_set! {
    /// Where in a submission something happened (RFC 5321 §4.5.3.2 gives each its own time limit).
    pub enum Phase {
        Connect = "connect",
        Banner = "banner",
        Ehlo = "ehlo",
        StartTls = "starttls",
        Handshake = "handshake",
        Auth = "auth",
        Mail = "mail",
        Rcpt = "rcpt",
        Data = "data",
        Body = "body",
        EndOfData = "end-of-data",
        Quit = "quit",
    }
}

closed_set! {
    /// How one attempt ended (ledger.md, `attempt`).
    pub enum AttemptOutcome {
        Accepted = "accepted",
        Deferred = "deferred",
        Failed = "failed",
        InDoubt = "in-doubt",
    }
}

/// One reply of a server (RFC 5321 §4.2), as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The basic code, 200 to 599.
    pub code: u16,
    /// The enhanced status code (RFC 3463) such as `5.1.1`, where the text begins with one whose class fits the code.
    pub enhanced: Option<String>,
    /// All lines' text joined with a newline, without codes; bytes that are not UTF-8 are replaced.
    pub text: String,
}

impl Reply {
    /// 2yz: the command was carried out.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 5yz: the same again would be refused again.
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

/// Why one try did not end in an acceptance. Nothing later reads the text to decide anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendFailure {
    /// Where it happened.
    pub phase: Phase,
    /// The server's basic code, if it answered.
    pub code: Option<u16>,
    /// The enhanced status code, if it gave one.
    pub enhanced: Option<String>,
    /// The class by `config/reply-classes.toml`.
    pub class: FailureClass,
    /// Whether the same again would fail again.
    pub permanent: bool,
    /// The server's words, or what happened instead, in plain words.
    pub reply: String,
}
