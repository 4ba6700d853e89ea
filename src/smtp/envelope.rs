//! One message's envelope: what it needs of the server, and what the answers to it mean together.
//!
//! Decides whether this server can carry a message, and which answer counts where several were refused. Pure: moves no
//! bytes.

use super::capabilities::Capabilities;
use super::command::{Command, MailParameters, Notify};
use super::session::{Answer, Awaited};
use crate::domain::address::Mailbox;
use crate::domain::outcome::{Phase, Reply};

/// From whom to whom, and what MAIL must say about the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The return path; `None` is the null path `<>`.
    pub from: Option<Mailbox>,
    /// The one recipient.
    pub to: Mailbox,
    /// Octets of the message ([`super::WireBody::size`]).
    pub size: u64,
    /// Whether the body has octets over 127 ([`super::WireBody::is_8bit`]).
    pub body_is_8bit: bool,
    /// Whether the message's headers need SMTPUTF8; the two addresses are looked at here.
    pub smtputf8: bool,
    /// The reports to ask for, where the server announced DSN.
    pub dsn: Option<Dsn>,
}

/// What RFC 3461 asks for: reports of failure and delay, with the message's headers only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsn {
    /// Comes back in each report; printable ASCII, at most 100 characters as xtext.
    pub envid: String,
    /// Ask for reports of success, too.
    pub success: bool,
}

/// How the server took an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeAnswer {
    /// The server waits for the body: send it, or abandon the connection.
    Ready,
    /// Somebody was refused. No message left; the connection can be used again, unless it says that it cannot.
    Refused {
        /// The first step that was refused.
        phase: Phase,
        /// Its reply.
        reply: Reply,
    },
    /// This server lacks what the message needs; nothing was sent and another server may do.
    CannotCarry {
        /// In plain words.
        reason: String,
    },
}

impl Envelope {
    /// What this server lacks for this message, in plain words.
    pub(super) fn obstacle(&self, server: &Capabilities) -> Option<String> {
        if self.needs_smtputf8() && !server.smtputf8 {
            return Some("the address or a header needs SMTPUTF8, which this server does not announce".into());
        }
        if self.body_is_8bit && !server.eight_bit_mime {
            return Some("the message needs 8BITMIME, which this server does not announce".into());
        }
        server.size_max.filter(|max| self.size > *max).map(|max| {
            format!("the message has {} octets, and this server announces that it takes at most {max}", self.size)
        })
    }

    fn needs_smtputf8(&self) -> bool {
        self.smtputf8 || self.to.needs_smtputf8() || self.from.as_ref().is_some_and(Mailbox::needs_smtputf8)
    }

    /// MAIL, RCPT and DATA for this server.
    pub(super) fn commands<'a>(&'a self, server: &Capabilities) -> [Command<'a>; 3] {
        let dsn = self.dsn.as_ref().filter(|_| server.dsn);
        let parameters = MailParameters {
            size: server.size.then_some(self.size),
            eight_bit: self.body_is_8bit,
            smtputf8: self.needs_smtputf8(),
            envid: dsn.map(|dsn| dsn.envid.as_str()),
        };
        let notify = dsn.map(|dsn| Notify { success: dsn.success });
        [Command::Mail(self.from.as_ref(), parameters), Command::Rcpt(&self.to, notify), Command::Data]
    }
}

/// The answers to one envelope so far.
#[derive(Default)]
pub(super) struct Verdict {
    refusal: Option<(Phase, Reply)>,
    mail_taken: bool,
    rcpt_taken: bool,
    data_asked: bool,
}

/// What has to follow before the next envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aftermath {
    /// Nothing: no transaction is open.
    Nothing,
    /// RSET, with the next envelope: the server holds half a transaction.
    Reset,
    /// A lone dot, at once: the server waits for data for nobody.
    LoneDot,
    /// Only closing: the server waits for data, and a dot would send an empty letter to somebody.
    Close,
}

impl Verdict {
    /// Takes one answer; the first refusal is the one that counts.
    pub fn take(&mut self, answer: Answer) {
        let consents = answer.reply.code < 400;
        match answer.to {
            Awaited::Mail => self.mail_taken = consents,
            Awaited::Rcpt => self.rcpt_taken = consents,
            Awaited::Data => self.data_asked = consents,
            _ => {}
        }
        if !consents && self.refusal.is_none() {
            self.refusal = Some((answer.to.phase(), answer.reply));
        }
    }

    /// Whether any step was refused.
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// What has to follow a refusal.
    pub fn aftermath(&self) -> Aftermath {
        match (self.data_asked, self.rcpt_taken, self.mail_taken) {
            (true, false, _) => Aftermath::LoneDot,
            (true, true, _) => Aftermath::Close,
            (false, _, true) | (false, true, _) => Aftermath::Reset,
            (false, false, false) => Aftermath::Nothing,
        }
    }

    /// The answer to the whole envelope; `Ready` if nothing was refused.
    pub fn into_answer(self) -> EnvelopeAnswer {
        match self.refusal {
            None => EnvelopeAnswer::Ready,
            Some((phase, reply)) => EnvelopeAnswer::Refused { phase, reply },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(codes: [u16; 3]) -> Verdict {
        let mut verdict = Verdict::default();
        for (to, code) in [Awaited::Mail, Awaited::Rcpt, Awaited::Data].into_iter().zip(codes) {
            verdict.take(Answer { to, reply: Reply { code, enhanced: None, text: String::new() } });
        }
        verdict
    }

    #[test]
    fn the_first_refusal_counts_and_says_what_must_follow() {
        for (codes, refused, aftermath) in [
            ([250, 550, 503], Phase::Rcpt, Aftermath::Reset),
            ([250, 550, 354], Phase::Rcpt, Aftermath::LoneDot),
            ([250, 251, 451], Phase::Data, Aftermath::Reset),
            ([550, 503, 503], Phase::Mail, Aftermath::Nothing),
            ([550, 503, 354], Phase::Mail, Aftermath::LoneDot),
            ([550, 250, 354], Phase::Mail, Aftermath::Close),
            ([550, 250, 503], Phase::Mail, Aftermath::Reset),
        ] {
            let verdict = verdict(codes);
            assert_eq!(verdict.aftermath(), aftermath, "{codes:?}");
            let EnvelopeAnswer::Refused { phase, .. } = verdict.into_answer() else { panic!("{codes:?} was taken") };
            assert_eq!(phase, refused, "{codes:?}");
        }
        assert_eq!(verdict([250, 252, 354]).into_answer(), EnvelopeAnswer::Ready);
    }

    #[test]
    fn a_message_goes_only_to_a_server_that_can_carry_it() {
        let plain = Envelope {
            from: None,
            to: Mailbox::parse("a@example.org").unwrap(),
            size: 1_000,
            body_is_8bit: false,
            smtputf8: false,
            dsn: None,
        };
        let none = Capabilities::default();
        assert_eq!(plain.obstacle(&none), None);
        let utf8 = Envelope { to: Mailbox::parse("josé@example.org").unwrap(), ..plain.clone() };
        assert!(utf8.obstacle(&none).is_some_and(|reason| reason.contains("SMTPUTF8")));
        assert_eq!(utf8.obstacle(&Capabilities { smtputf8: true, ..none.clone() }), None);
        let eight_bit = Envelope { body_is_8bit: true, ..plain.clone() };
        assert!(eight_bit.obstacle(&none).is_some_and(|reason| reason.contains("8BITMIME")));
        let small = Capabilities { size: true, size_max: Some(999), ..none };
        assert!(plain.obstacle(&small).is_some_and(|reason| reason.contains("at most 999")));
    }
}
