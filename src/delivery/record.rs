//! How one attempt goes on record: its outcome, its sealed values, its entry.

use std::sync::Arc;

use super::carry::{Attempt, Carried, Message, trouble};
use super::classify::{ReplyClasses, Scope, Wait};
use super::decide::Ending;
use crate::clock;
use crate::crypto::Hash;
use crate::domain::event::EntryKind;
use crate::domain::outcome::{FailureClass, Phase, Reply};
use crate::ledger::commitment::{self, Sealed};
use crate::ledger::entry::{Actor, Draft};
use crate::smtp::{SmtpError, TlsInfo};

/// What every outcome of one attempt has in common.
pub struct Record<'a> {
    /// The message.
    pub message: &'a Message,
    /// The relay's name.
    pub relay: &'a Arc<str>,
    /// Version and cipher.
    pub tls: Option<&'a str>,
    /// It had begun.
    pub had_begun: bool,
}

impl Record<'_> {
    /// 250 to its own end-of-data.
    pub fn accepted(&self, reply: Reply) -> Carried {
        let words = reply.text.clone();
        self.end(Ending::Accepted, None, None, None, Some(reply), words)
    }

    /// Refused, in this phase.
    pub fn refused(&self, phase: Phase, reply: Reply) -> Carried {
        let verdict = ReplyClasses::builtin().classify(phase, &reply);
        let ending = Ending::Refused { class: verdict.class, permanent: verdict.permanent, wait: verdict.wait };
        let words = reply.text.clone();
        self.end(ending, Some(verdict.class), Some(verdict.scope), Some(phase), Some(reply), words)
    }

    /// The final dot left, or may have, and its reply did not come.
    pub fn in_doubt(&self, error: &SmtpError) -> Carried {
        let class = Some(trouble(error).class);
        self.end(Ending::InDoubt, class, None, Some(error.phase), error.reply.clone(), error.to_string())
    }

    /// The body had begun to leave, but its final dot had not: nothing was taken, and it is an attempt.
    pub fn broken_off(&self, error: &SmtpError) -> Carried {
        let failure = trouble(error);
        let ending = Ending::Refused { class: failure.class, permanent: false, wait: Wait::Usual };
        let class = Some(failure.class);
        self.end(ending, class, Some(Scope::Relay), Some(error.phase), error.reply.clone(), failure.reply)
    }

    fn end(
        &self,
        ending: Ending,
        class: Option<FailureClass>,
        scope: Option<Scope>,
        phase: Option<Phase>,
        reply: Option<Reply>,
        words: String,
    ) -> Carried {
        let Message { job, composed, begun_at, .. } = self.message;
        let queue_id = matches!(ending, Ending::Accepted).then(|| queue_id(&words)).flatten();
        let content = hex::encode(composed.content);
        let sealed = Sealed {
            address: &job.customer.email,
            content: Some(&content),
            message_id: &composed.message_id,
            queue_id: queue_id.as_deref(),
            reference: &job.customer.reference,
            reply: Some(&words),
        };
        let sealed = commitment::sealed(&job.customer.key, &sealed);
        let entry = attempt_entry(job.campaign(), job.approved.notice_hash(), self.relay, job.attempt(), *begun_at)
            .about(job.recipient_id, &job.customer.key, &job.customer.reference)
            .with_hash("sealed", &sealed)
            .with("tls", self.tls)
            .with("class", class.map(FailureClass::as_str))
            .with("code", reply.as_ref().map(|reply| reply.code))
            .with("enhanced", reply.as_ref().and_then(|reply| reply.enhanced.clone()));
        Carried::Attempt(Box::new(Attempt {
            begin: self.message.begin(self.relay),
            had_begun: self.had_begun,
            ending,
            class,
            scope,
            phase,
            reply,
            words,
            tls: self.tls.map(str::to_owned),
            queue_id,
            content: composed.content,
            message_id: composed.message_id.clone(),
            entry,
        }))
    }
}

/// Version and cipher, as entries and attempts hold them.
pub fn tls_words(tls: &TlsInfo) -> String {
    format!("{} {}", tls.version, tls.cipher)
}

/// The fields that every `attempt` entry has (ledger.md).
pub fn attempt_entry(campaign: &str, notice_hash: &Hash, relay: &str, attempt: i64, begun_at: i64) -> Draft {
    Draft::new(EntryKind::Attempt, &Actor::Worker, Some(campaign))
        .with_hash("notice", notice_hash)
        .with("relay", relay)
        .with("attempt", attempt)
        .with("started_at", clock::rfc3339_millis(begun_at))
}

/// The relay's own id in its words to end-of-data, as the common servers give it: `queued as 4XyZ` (Postfix, Sendmail's
/// `Message accepted` has `4XyZ` first), `id=1abc-…` (Exim), or the first word after `Ok:`.
fn queue_id(words: &str) -> Option<String> {
    const ID_CHARS_MAX: usize = 128;
    let is_id = |word: &str| word.len() >= 4 && word.len() <= ID_CHARS_MAX && word.bytes().any(|b| b.is_ascii_digit());
    let after = |mark: &str| words.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next());
    let found = after("queued as ").or_else(|| after("id=")).or_else(|| after("Queued mail for delivery, "));
    let clean = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).to_owned();
    found.map(clean).filter(|word| is_id(word))
}

#[cfg(test)]
mod tests {
    use super::queue_id;

    #[test]
    fn the_relays_own_id_is_found_where_it_gives_one() {
        assert_eq!(queue_id("2.0.0 Ok: queued as 4XyZ1q0Pz2").as_deref(), Some("4XyZ1q0Pz2"));
        assert_eq!(queue_id("OK id=1rAbCd-0001Xy-2z").as_deref(), Some("1rAbCd-0001Xy-2z"));
        assert_eq!(queue_id("Thank you."), None);
        assert_eq!(queue_id("queued as"), None);
    }
}
