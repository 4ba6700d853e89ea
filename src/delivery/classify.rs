//! How replies are read: a server's answer, or its silence, in; class, permanence, scope and wait out.
//!
//! Decides by a table that is data (`config/reply-classes.toml`, each row with its source), built into the program; the
//! first row that fits wins. It never retries, never changes a state and keeps no history: what follows from a verdict
//! belongs to the worker. Nothing after this module reads a reply's text to decide anything.

use std::sync::LazyLock;

use crate::domain::closed_set::closed_set;
use crate::domain::outcome::{FailureClass, Phase, Reply};

mod table;

use table::{Facts, Row};

closed_set! {
    /// What a failure is about, and so what follows beside this one recipient's outcome.
    pub enum Scope {
        /// This person alone.
        Recipient = "recipient",
        /// The recipient's domain wants less: slow down for it.
        Domain = "domain",
        /// The relay wants less (class `rate-limited`) or is in trouble. Before the 354 that is no attempt of the
        /// recipient's, whatever the basic code.
        Relay = "relay",
        /// Our own fault: the address may be fine. Ten in a row pause the campaign.
        Sender = "sender",
    }
}

closed_set! {
    /// When it may be tried again, where it may.
    pub enum Wait {
        /// As usual: `retry_first`, doubling.
        Usual = "usual",
        /// Not before `greylist_wait`, then as usual.
        Greylist = "greylist",
        /// Once a day ([`crate::domain::retry::MAILBOX_FULL_WAIT`]).
        Daily = "daily",
    }
}

/// What went wrong where no reply came, or none that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Nothing came in the time the phase allows (RFC 5321 §4.5.3.2).
    Timeout,
    /// The server closed the connection.
    Closed,
    /// Connection refused or reset, no route.
    Io,
    /// Garbled, over its limits, or out of step.
    Protocol,
    /// No or wrong TLS: not offered, bad certificate, failed handshake, bytes ahead of it.
    Tls,
    /// No mechanism in common, or no secret to log in with.
    Auth,
    /// The relay's name cannot be resolved.
    Dns,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// The failure class.
    pub class: FailureClass,
    /// Whether the same again would fail again: a 5yz, except a full mailbox and a bare 552 to RCPT. With
    /// [`Scope::Relay`] it speaks of the relay, not of the recipient.
    pub permanent: bool,
    /// What it is about.
    pub scope: Scope,
    /// When to try again, if at all.
    pub wait: Wait,
}

/// The table, parsed.
#[derive(Debug)]
pub struct ReplyClasses {
    rows: Vec<Row>,
}

static BUILTIN: LazyLock<ReplyClasses> = LazyLock::new(|| {
    let text = include_str!("../../config/reply-classes.toml");
    // Not user data: the text is part of the program, and a test of this module parses it.
    ReplyClasses { rows: table::parse(text).expect("the built-in table of reply classes") }
});

impl ReplyClasses {
    /// The table that this version was built with.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a reply that is not the one hoped for, to the command of `phase`.
    pub fn classify(&self, phase: Phase, reply: &Reply) -> Verdict {
        let facts = Facts::new(phase, reply);
        let row = self.rows.iter().find(|row| row.fits(&facts));
        // The last row fits everything (a test holds it); without it, this says the same.
        let (class, scope, wait) =
            row.map_or((FailureClass::Protocol, Scope::Relay, Wait::Usual), |row| (row.class, row.scope, row.wait));
        // RFC 5321 §4.5.3.1.10 makes 552 to RCPT a 452; that is the only 5yz row with `other-temporary`.
        let tried_again = matches!(class, FailureClass::MailboxFull | FailureClass::OtherTemporary);
        Verdict { class, permanent: reply.is_permanent() && !tried_again, scope, wait }
    }

    /// Judges a failure without a reply. It is always about the relay and never permanent: whether the recipient is in
    /// doubt depends on whether the final dot had left, which the worker knows.
    pub fn classify_trouble(&self, phase: Phase, kind: Trouble) -> Verdict {
        let class = match (kind, phase) {
            (Trouble::Tls, _) | (Trouble::Protocol, Phase::StartTls | Phase::Handshake) => FailureClass::Tls,
            (Trouble::Auth, _) => FailureClass::Auth,
            (Trouble::Protocol, _) => FailureClass::Protocol,
            (Trouble::Timeout | Trouble::Closed | Trouble::Io | Trouble::Dns, _) => FailureClass::Network,
        };
        Verdict { class, permanent: false, scope: Scope::Relay, wait: Wait::Usual }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// As the session reads it: the enhanced code where the text begins with one that fits the basic code.
    fn reply(line: &str) -> Reply {
        let (code, text) = line.split_at(3);
        let text = text.trim_start();
        let first = text.split_whitespace().next().unwrap_or_default();
        let parts: Vec<&str> = first.split('.').collect();
        let is_enhanced = parts.len() == 3
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
            && parts[0] == &code[..1];
        Reply { code: code.parse().unwrap(), enhanced: is_enhanced.then(|| first.to_owned()), text: text.to_owned() }
    }

    fn read(phase: Phase, line: &str) -> Verdict {
        ReplyClasses::builtin().classify(phase, &reply(line))
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Corpus {
        page: Vec<Page>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        source: String,
        replies: Vec<Case>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        phase: Phase,
        reply: String,
        class: FailureClass,
        permanent: bool,
    }

    #[test]
    fn real_replies_are_read_as_a_person_reads_them() {
        let corpus: Corpus = toml::from_str(include_str!("../../tests/data/replies.toml")).unwrap();
        let (mut count, mut wrong) = (0, String::new());
        for page in &corpus.page {
            assert!(page.source.contains("://"), "{:?} is no public page", page.source);
            for case in &page.replies {
                count += 1;
                let found = read(case.phase, &case.reply);
                if (found.class, found.permanent) != (case.class, case.permanent) {
                    let expected = (case.class, case.permanent);
                    wrong += &format!("{} {:?}\n  expected {expected:?}, read {found:?}\n", case.phase, case.reply);
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
        assert!(count >= 150, "only {count}");
    }

    #[test]
    fn the_table_parses_names_its_sources_and_ends_with_a_row_for_everything() {
        let rows = &ReplyClasses::builtin().rows;
        assert!(rows.len() > 50);
        for row in rows {
            assert_eq!(row.class == FailureClass::MailboxFull, row.wait == Wait::Daily, "{row:?}");
            assert_eq!(row.class == FailureClass::Greylisted, row.wait == Wait::Greylist, "{row:?}");
        }
        assert!(rows.last().unwrap().fits_everything());
        assert_eq!(rows.iter().filter(|row| row.fits_everything()).count(), 1);
    }

    #[test]
    fn scope_says_who_is_to_slow_down_or_to_blame() {
        for (phase, line, scope) in [
            (Phase::Mail, "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", Scope::Relay),
            (Phase::EndOfData, "454 Throttling failure: Maximum sending rate exceeded", Scope::Relay),
            (Phase::EndOfData, "421 4.7.28 an unusual rate of mail", Scope::Domain),
            (
                Phase::Rcpt,
                "450 4.2.1 The user you are trying to contact is receiving mail too quickly",
                Scope::Recipient,
            ),
            (Phase::Rcpt, "421 4.3.2 shutting down", Scope::Relay),
            (Phase::Banner, "554 5.7.1 Client host blocked", Scope::Relay),
            (Phase::EndOfData, "550 5.7.26 DMARC", Scope::Sender),
            (Phase::EndOfData, "552 5.3.4 too big", Scope::Sender),
            (Phase::Rcpt, "550 5.2.3 too big for this mailbox", Scope::Recipient),
            (Phase::Rcpt, "550 5.1.1 no such user", Scope::Recipient),
            (Phase::Data, "503 5.5.1 bad sequence", Scope::Sender),
            (Phase::Auth, "535 5.7.8 no", Scope::Relay),
        ] {
            assert_eq!(read(phase, line).scope, scope, "{line}");
        }
    }

    #[test]
    fn a_full_mailbox_is_tried_again_daily_even_when_the_code_is_permanent() {
        for line in
            ["552 5.2.2 full", "452 4.2.2 full", "554 5.7.1 <a@b.example>: Recipient address rejected: Quota exceeded"]
        {
            let verdict = read(Phase::Rcpt, line);
            assert_eq!(
                (verdict.class, verdict.permanent, verdict.wait),
                (FailureClass::MailboxFull, false, Wait::Daily)
            );
        }
        assert_eq!(read(Phase::EndOfData, "552 storage").class, FailureClass::MailboxFull);
    }

    #[test]
    fn too_many_recipients_is_a_new_transaction_and_no_failure() {
        for line in ["552 Too many recipients", "552 no", "452 4.5.3 too many recipients"] {
            let verdict = read(Phase::Rcpt, line);
            assert_eq!((verdict.class, verdict.permanent), (FailureClass::OtherTemporary, false), "{line}");
        }
    }

    #[test]
    fn try_later_alone_is_not_greylisting_and_a_word_inside_a_word_is_no_word() {
        assert_eq!(read(Phase::Rcpt, "450 Try again later").class, FailureClass::OtherTemporary);
        assert_eq!(read(Phase::Rcpt, "451 4.3.0 separate corporate moderate").class, FailureClass::OtherTemporary);
        assert_eq!(read(Phase::Rcpt, "550 blocked using Spamhaus").class, FailureClass::Policy);
    }

    #[test]
    fn a_phrase_is_found_across_line_breaks_and_repeated_codes() {
        let text = "5.7.1 <a@b.example>: Recipient address rejected: user\n5.7.1   not found";
        let reply = Reply { code: 550, enhanced: Some("5.7.1".into()), text: text.into() };
        assert_eq!(ReplyClasses::builtin().classify(Phase::Rcpt, &reply).class, FailureClass::BadAddress);
    }

    #[test]
    fn a_code_in_the_manner_of_qmail_counts_as_an_enhanced_code() {
        assert_eq!(read(Phase::Rcpt, "550 Sorry (#5.2.1)").class, FailureClass::MailboxDisabled);
        assert_eq!(read(Phase::Rcpt, "550 Sorry (#4.2.1) (#9)").class, FailureClass::OtherPermanent);
    }

    #[test]
    fn the_wrong_reply_is_a_protocol_failure() {
        for (phase, line) in
            [(Phase::Data, "250 2.0.0 Ok"), (Phase::EndOfData, "354 go on"), (Phase::Rcpt, "299 mailbox full")]
        {
            let verdict = read(phase, line);
            assert_eq!((verdict.class, verdict.permanent), (FailureClass::Protocol, false), "{line}");
        }
    }

    #[test]
    fn silence_is_the_relays_trouble_and_never_permanent() {
        for (phase, kind, class) in [
            (Phase::Connect, Trouble::Dns, FailureClass::Network),
            (Phase::Connect, Trouble::Io, FailureClass::Network),
            (Phase::Rcpt, Trouble::Timeout, FailureClass::Network),
            (Phase::Body, Trouble::Closed, FailureClass::Network),
            (Phase::Data, Trouble::Protocol, FailureClass::Protocol),
            (Phase::StartTls, Trouble::Protocol, FailureClass::Tls),
            (Phase::Handshake, Trouble::Tls, FailureClass::Tls),
            (Phase::Auth, Trouble::Auth, FailureClass::Auth),
        ] {
            let verdict = ReplyClasses::builtin().classify_trouble(phase, kind);
            assert_eq!(verdict, Verdict { class, permanent: false, scope: Scope::Relay, wait: Wait::Usual });
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_4yz_permanent_or_a_5yz_temporary(
            code in 400u16..600,
            phase in proptest::sample::select(Phase::ALL),
            enhanced in proptest::option::of((0u16..8, 0u16..30)),
            words in proptest::collection::vec(proptest::sample::select(WORDS), 0..5),
            noise in ".{0,40}",
        ) {
            let enhanced = enhanced.map(|(subject, detail)| format!("{}.{subject}.{detail}", code / 100));
            let bare = enhanced.is_none();
            let text = format!("{} {noise} {}", enhanced.clone().unwrap_or_default(), words.join(" "));
            let verdict = ReplyClasses::builtin().classify(phase, &Reply { code, enhanced, text });
            if verdict.permanent {
                prop_assert!(code >= 500);
            } else if code >= 500 {
                let bare_552 = code == 552 && phase == Phase::Rcpt && bare;
                prop_assert!(verdict.class == FailureClass::MailboxFull || bare_552, "{verdict:?}");
            }
            if code < 500 {
                let final_ones = [FailureClass::BadAddress, FailureClass::BadDomain, FailureClass::MailboxDisabled];
                prop_assert!(!final_ones.contains(&verdict.class), "{verdict:?}");
            }
        }
    }

    const WORDS: &[&str] = &[
        "user unknown",
        "greylisted",
        "try again later",
        "too many",
        "over quota",
        "rate",
        "blocked",
        "spam",
        "temporarily",
        "permanent",
        "mailbox unavailable",
        "is disabled",
        "no such domain",
        "sender address rejected",
        "too large",
    ];
}
