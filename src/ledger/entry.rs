//! One entry: the fields of every kind, and the exact bytes that are hashed (ledger.md, "Entries").
//!
//! Personal data never enters: recipients are commitments, and what somebody typed is committed to under a key that
//! [`Sealing`] hands back, to be kept beside the entry.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::{canonical, commitment, tree};
use crate::crypto::{self, Hash};
use crate::domain::event::EntryKind;

/// Longest entry (ledger.md); a reader may rely on it.
pub const ENTRY_OCTETS_MAX: usize = 60_000;

/// Room for the fields of an `attempt`, the most frequent entry.
const FIELDS: usize = 16;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The worker, by itself.
    Worker,
    /// Somebody at the command line, while no user exists. The account's name is a typed text.
    Account(String),
    /// A user, by id.
    User(String),
}

impl Actor {
    /// The word in the entry's `actor`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Worker => "worker",
            Self::Account(_) => "account",
            Self::User(id) => id,
        }
    }
}

/// Who does something, and when: what every change is told.
#[derive(Debug, Clone)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// Epoch milliseconds.
    pub at: i64,
}

impl By {
    /// Begins an entry about a campaign by this person.
    pub fn entry(&self, kind: EntryKind, campaign: &str) -> Draft {
        Draft::new(kind, &self.actor, Some(campaign))
    }

    /// The account's or user's name, for a row that keeps its author.
    pub fn name(&self) -> &str {
        match &self.actor {
            Actor::Account(name) | Actor::User(name) => name,
            Actor::Worker => "worker",
        }
    }
}

/// An entry before it has its place in the log.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it tells.
    pub kind: EntryKind,
    /// Who did it.
    pub actor: Actor,
    /// The campaign's name, where it is about one.
    pub campaign: Option<String>,
    /// The recipient's row, to find an entry by; not part of the entry.
    pub recipient_id: Option<i64>,
    /// In the order of their names when it is placed.
    fields: Vec<(&'static str, Value)>,
    texts: Vec<(&'static str, String)>,
}

/// A typed text, with the key that its commitment was made with. Kept beside the entry, never in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    /// The field of the entry that holds the commitment.
    pub field: &'static str,
    /// 32 random bytes.
    pub key: Hash,
    /// What was typed.
    pub text: String,
}

/// An entry with its place, its bytes and its leaf hash.
#[derive(Debug, Clone)]
pub struct Entry {
    /// From 0, without gaps.
    pub seq: u64,
    /// Epoch milliseconds.
    pub at: i64,
    /// The draft's kind.
    pub kind: EntryKind,
    /// The draft's campaign.
    pub campaign: Option<String>,
    /// The draft's recipient row.
    pub recipient_id: Option<i64>,
    /// RFC 8785 bytes, without a newline.
    pub bytes: Vec<u8>,
    /// RFC 6962 leaf hash of `bytes`.
    pub leaf_hash: Hash,
    /// What was typed, to be kept beside it.
    pub sealings: Vec<Sealing>,
}

/// The entry cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A number out of range.
    #[error(transparent)]
    NotCanonical(#[from] canonical::NotCanonical),
    /// Over [`ENTRY_OCTETS_MAX`].
    #[error("a ledger entry of kind {0} would be longer than 60,000 bytes")]
    TooLong(EntryKind),
}

impl Draft {
    /// An entry of `kind` by `actor`; an account's name becomes a committed text.
    pub fn new(kind: EntryKind, actor: &Actor, campaign: Option<&str>) -> Self {
        let mut draft = Self {
            kind,
            actor: actor.clone(),
            campaign: campaign.map(str::to_owned),
            recipient_id: None,
            fields: Vec::with_capacity(FIELDS),
            texts: Vec::new(),
        };
        if let Actor::Account(name) = actor {
            draft.texts.push(("account", name.clone()));
        }
        draft
    }

    /// Adds a field. Only integers, texts that nobody typed, booleans, nulls and lists of these.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.set(field, value.into());
        self
    }

    fn set(&mut self, field: &'static str, value: Value) {
        match self.fields.iter_mut().find(|(name, _)| *name == field) {
            Some((_, old)) => *old = value,
            None => self.fields.push((field, value)),
        }
    }

    /// Adds a hash or commitment as lower-case hex.
    #[must_use]
    pub fn with_hash(self, field: &'static str, hash: &Hash) -> Self {
        self.with(field, hex::encode(hash))
    }

    /// Adds a typed text, as a commitment; null where nothing was typed.
    #[must_use]
    pub fn with_text(mut self, field: &'static str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.texts.push((field, text.to_owned())),
            None => self.set(field, Value::Null),
        }
        self
    }

    /// Names the recipient: the commitment in the entry, the row beside it.
    #[must_use]
    pub fn about(mut self, recipient_id: i64, key: &Hash, reference: &str) -> Self {
        self.recipient_id = Some(recipient_id);
        self.with_hash("recipient", &commitment::recipient(key, reference))
    }

    /// Gives the entry its place and its bytes. `at` is epoch milliseconds; in the entry it stands as RFC 3339 UTC.
    ///
    /// # Errors
    /// [`EntryError`] for a number beyond 2^53 or an entry over 60,000 bytes.
    pub fn place(mut self, seq: u64, at: i64) -> Result<Entry, EntryError> {
        let mut sealings = Vec::with_capacity(self.texts.len());
        for (field, text) in std::mem::take(&mut self.texts) {
            let key = crypto::random_key();
            self.set(field, hex::encode(commitment::text(&key, &text)).into());
            sealings.push(Sealing { field, key, text });
        }
        self.set("seq", seq.into());
        self.set("at", at_text(at).into());
        self.set("kind", self.kind.as_str().into());
        self.set("actor", self.actor.as_str().into());
        self.set("campaign", self.campaign.as_deref().into());
        let Self { kind, campaign, recipient_id, mut fields, .. } = self;
        let bytes = canonical::fields_to_bytes(&mut fields)?;
        if bytes.len() > ENTRY_OCTETS_MAX {
            return Err(EntryError::TooLong(kind));
        }
        let leaf_hash = tree::leaf_hash(&bytes);
        Ok(Entry { seq, at, kind, campaign, recipient_id, bytes, leaf_hash, sealings })
    }
}

fn at_text(at: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_canonical_and_holds_no_typed_text() {
        let actor = Actor::Account("anna".into());
        let draft = Draft::new(EntryKind::CampaignPaused, &actor, Some("c"))
            .with("reason", "operator")
            .with_text("comment", Some("call Bob first"));
        let entry = draft.place(7, 0).unwrap();
        let text = String::from_utf8(entry.bytes.clone()).unwrap();
        assert!(!text.contains("anna") && !text.contains("Bob"));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(canonical::to_bytes(&value).unwrap(), entry.bytes);
        assert_eq!((value["seq"].as_u64(), value["actor"].as_str()), (Some(7), Some("account")));
        for sealing in &entry.sealings {
            assert_eq!(value[sealing.field], hex::encode(commitment::text(&sealing.key, &sealing.text)));
        }
        assert_eq!(entry.sealings.len(), 2);
    }

    #[test]
    fn an_entry_over_the_limit_is_refused() {
        let draft = Draft::new(EntryKind::CampaignChanged, &Actor::Worker, None).with("x", "y".repeat(60_000));
        assert!(matches!(draft.place(0, 0), Err(EntryError::TooLong(_))));
    }
}
