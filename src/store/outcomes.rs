//! The worker's group commit: outcomes, their entries, what is begun next and what is claimed after that, in one
//! transaction (delivery.md, "Promises").

use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::Row as _;

use super::{LearnedRateRow, OpenClaimRow, Store, StoreError, Tx, sql};
use crate::domain::outcome::{AttemptOutcome, FailureClass, Phase};
use crate::domain::recipient::RecipientState;
use crate::ledger::Hash;
use crate::ledger::entry::Draft;

/// A message that is about to leave. Committed before its body does.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The recipient's row; it has to be as it was read, and its campaign sending.
    pub recipient_id: i64,
    /// The attempt's number, from 1.
    pub number: i64,
    /// The state that the recipient was read in.
    pub from: RecipientState,
    /// Where to.
    pub relay: Arc<str>,
    /// Epoch milliseconds, also the message's Date.
    pub at: i64,
}

/// Where a recipient goes after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextState {
    /// The new state.
    pub state: RecipientState,
    /// When it is due again, epoch milliseconds.
    pub due_at: Option<i64>,
    /// Temporary failures in this run of tries.
    pub tries: i64,
    /// Attempts in doubt, in this run of tries.
    pub doubts: i64,
}

/// An attempt that ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What was begun, or, where the server refused the envelope, what would have been.
    pub begin: Begin,
    /// It had begun; otherwise it counts only if the recipient is still as it was read.
    pub had_begun: bool,
    /// Epoch milliseconds.
    pub at: i64,
    /// How.
    pub outcome: AttemptOutcome,
    /// Where it went wrong.
    pub phase: Option<Phase>,
    /// What went wrong.
    pub class: Option<FailureClass>,
    /// Basic code.
    pub code: Option<u16>,
    /// Enhanced status code.
    pub enhanced: Option<String>,
    /// The server's words, or what happened instead.
    pub reply: Option<String>,
    /// Version and cipher.
    pub tls: Option<String>,
    /// The relay's own id.
    pub queue_id: Option<String>,
    /// SHA-256 of the message as sent, before a DKIM-Signature.
    pub content: Option<Hash>,
    /// Without angle brackets.
    pub message_id: String,
    /// Where the recipient goes.
    pub next: NextState,
    /// The entry of kind `attempt`.
    pub entry: Draft,
}

/// Somebody who fails, or is suppressed, without an attempt.
#[derive(Debug, Clone)]
pub struct Unsent {
    /// The recipient's row.
    pub recipient_id: i64,
    /// The state that the recipient was read in; it has to be the same still.
    pub from: RecipientState,
    /// `failed`, `suppressed`, or `in-doubt` where an earlier attempt was.
    pub state: RecipientState,
    /// Of `failed`.
    pub class: Option<FailureClass>,
    /// Of `suppressed`.
    pub reason: Option<&'static str>,
    /// What happened, in plain words; `None` leaves the last attempt's reply to be shown.
    pub reply: Option<String>,
    /// `recipient.failed` or `recipient.suppressed`.
    pub entry: Draft,
}

/// Addresses and domains that anything may go to.
#[derive(Debug, Clone, Default)]
pub struct OnlyTo {
    /// Canonical mailboxes.
    pub mailboxes: Vec<String>,
    /// A-labels.
    pub domains: Vec<String>,
}

impl OnlyTo {
    /// Mailboxes and @domains as a JSON list, as queries take them.
    pub(super) fn targets(&self) -> String {
        let domains = self.domains.iter().map(|domain| format!("@{domain}"));
        json!(self.mailboxes.iter().cloned().chain(domains).collect::<Vec<String>>()).to_string()
    }
}

/// What one commit holds.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Attempts that ended.
    pub ended: Vec<Ended>,
    /// Recipients whose message had begun and did not leave: nothing of it counts as an attempt.
    pub returned: Vec<i64>,
    /// Failed or suppressed without an attempt.
    pub unsent: Vec<Unsent>,
    /// About to leave.
    pub begins: Vec<Begin>,
    /// Milliseconds that campaigns spent sending since the last group.
    pub active: Vec<(i64, i64)>,
    /// Entries about relays and rates.
    pub entries: Vec<Draft>,
    /// Rates that servers' answers have changed.
    pub learned: Vec<LearnedRate>,
}

/// What is known of a server's pace, to be kept across a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedRate {
    /// `domain` or `relay`.
    pub scope: String,
    /// The domain's or relay's name.
    pub name: String,
    /// JSON; `None`: nothing any more.
    pub learned: Option<String>,
}

impl Group {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty()
            && self.returned.is_empty()
            && self.unsent.is_empty()
            && self.begins.is_empty()
            && self.active.is_empty()
            && self.entries.is_empty()
            && self.learned.is_empty()
    }
}

/// What a commit gave.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The recipients that wanted to begin, each with whether it may leave now: one may not where its campaign is no longer
    /// sending, its row is not as it was read, or its address is suppressed.
    pub begun: Vec<(i64, bool)>,
    /// Whoever the group had an end for: they are as the database has them.
    pub settled: Vec<i64>,
}

impl Store {
    /// Commits a group at the time `at` (epoch milliseconds).
    ///
    /// # Errors
    /// Those of the database; then nothing of the group is in it.
    pub async fn record(&self, group: Group, at: i64) -> Result<Recorded, StoreError> {
        let Group { mut ended, returned, mut unsent, begins, active, entries, learned } = group;
        let settled: Vec<i64> =
            ended.iter().map(|end| end.begin.recipient_id).chain(unsent.iter().map(|end| end.recipient_id)).collect();
        let refused = ended.iter().filter(|end| !end.had_begun);
        let refused = refused.map(|end| json!([end.begin.recipient_id, end.begin.from]));
        let refused = Value::Array(refused.collect()).to_string();
        let (mut tx, mut next_seq, still) = self.begin_record(&refused).await?;
        ended.retain(|end| end.had_begun || still.contains(&end.begin.recipient_id));
        if !unsent.is_empty() {
            let read = Value::Array(unsent.iter().map(|end| json!([end.recipient_id, end.from])).collect());
            let still: Vec<i64> =
                sqlx::query_scalar(sql!("unsent_still")).bind(read.to_string()).fetch_all(tx.conn()).await?;
            unsent.retain(|end| still.contains(&end.recipient_id));
            tx.end_unsent(std::mem::take(&mut unsent), at).await?;
            next_seq = tx.next_seq().await?;
        }
        if !entries.is_empty() {
            let written = i64::try_from(entries.len()).unwrap_or(0);
            next_seq = tx.append(at, entries).await? + written;
        }
        for (campaign_id, ms) in active {
            sqlx::query(sql!("campaign_add_active")).bind(campaign_id).bind(ms).execute(tx.conn()).await?;
        }
        for LearnedRate { scope, name, learned } in learned {
            let query = sqlx::query(sql!("learned_rate_keep")).bind(scope).bind(name).bind(learned).bind(at);
            query.execute(tx.conn()).await?;
        }
        let begun = tx.finish_record(ended, &returned, &begins, next_seq, at).await?;
        let begun = begins.iter().map(|begin| (begin.recipient_id, begun.contains(&begin.recipient_id))).collect();
        Ok(Recorded { begun, settled })
    }

    /// The rates learned since then (epoch milliseconds).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn learned_rates(&self, since: i64) -> Result<Vec<LearnedRateRow>, StoreError> {
        Ok(sqlx::query_as(sql!("learned_rates")).bind(since).fetch_all(self.readers()).await?)
    }

    /// Up to `limit` messages that a dead worker had begun. Only the holder of the worker lock may ask.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn open_claims(&self, limit: i64) -> Result<Vec<OpenClaimRow>, StoreError> {
        Ok(sqlx::query_as(sql!("open_claims")).bind(limit).fetch_all(self.readers()).await?)
    }

    /// Settles up to `limit` recipients of a cancelled campaign that were not accepted. Returns how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn cancelled_sweep(&self, campaign_id: i64, limit: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query(sql!("cancelled_sweep")).bind(campaign_id).bind(limit);
        let swept = query.execute(tx.conn()).await?.rows_affected();
        tx.commit().await?;
        Ok(swept)
    }
}

impl Tx<'_> {
    /// The statements that nearly every group has, and the commit, in one round trip to the database's thread. Returns who
    /// has begun.
    async fn finish_record(
        mut self,
        mut ended: Vec<Ended>,
        returned: &[i64],
        begins: &[Begin],
        first_seq: i64,
        at: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let (mut entries, mut attempts, mut states) = (JsonRows::default(), JsonRows::default(), JsonRows::default());
        let mut octets = Vec::with_capacity(ended.len() * ENTRY_OCTETS);
        for (seq, end) in (first_seq..).zip(&mut ended) {
            let draft = std::mem::replace(&mut end.entry, empty_draft());
            let entry = draft.place(seq.unsigned_abs(), at)?;
            // SQLite counts octets of a BLOB from 1.
            let from = octets.len() + 1;
            octets.extend_from_slice(&entry.bytes);
            octets.extend_from_slice(&entry.leaf_hash);
            let (campaign, recipient) = (&entry.campaign, entry.recipient_id);
            entries.push(&(seq, at, entry.kind, campaign, recipient, from, entry.bytes.len()))?;
            let Begin { recipient_id, number, relay, at: begun_at, .. } = &end.begin;
            let content = end.content.map(hex::encode);
            attempts.push(&(
                recipient_id,
                number,
                relay.as_ref(),
                begun_at,
                end.at,
                end.outcome,
                end.phase,
                end.class,
                end.code,
                &end.enhanced,
                &end.reply,
                &end.tls,
                &end.queue_id,
                content,
                &end.message_id,
                seq,
            ))?;
            let NextState { state, due_at, tries, doubts } = &end.next;
            states.push(&(recipient_id, state, due_at, tries, doubts, end.class))?;
        }
        let (mut gone, mut back, mut wanted, mut ids) =
            (JsonRows::default(), JsonRows::default(), JsonRows::default(), JsonRows::default());
        for end in ended.iter().filter(|end| end.had_begun) {
            gone.push(&end.begin.recipient_id)?;
        }
        for id in returned {
            gone.push(id)?;
            back.push(id)?;
        }
        for Begin { recipient_id, number, from, relay, at } in begins {
            wanted.push(&(recipient_id, number, relay.as_ref(), at, from))?;
            ids.push(recipient_id)?;
        }
        let query = sqlx::query(sql!("record")).bind(entries.list()).bind(octets).bind(attempts.list());
        let query = query.bind(states.list()).bind(back.list()).bind(gone.list()).bind(wanted.list()).bind(ids.list());
        let fault = self.fault_before().await?;
        // The only rows are those of who has begun.
        let rows = query.fetch_all(self.conn()).await.map_err(StoreError::from);
        let begun = rows.and_then(|rows| Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?));
        self.committed(begun, fault)
    }

    async fn next_seq(&mut self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(sql!("ledger_next_seq")).fetch_one(self.conn()).await?)
    }

    async fn end_unsent(&mut self, unsent: Vec<Unsent>, at: i64) -> Result<(), StoreError> {
        if unsent.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(unsent.len());
        let mut drafts = Vec::with_capacity(unsent.len());
        for end in unsent {
            rows.push(json!({
                "id": end.recipient_id, "state": end.state, "class": end.class, "reason": end.reason,
                "reply": end.reply,
            }));
            drafts.push(end.entry);
        }
        self.append(at, drafts).await?;
        let rows = Value::Array(rows).to_string();
        sqlx::query(sql!("recipients_unsent")).bind(&rows).execute(self.conn()).await?;
        Ok(())
    }
}

/// Room for an ordinary entry of an attempt with its leaf hash.
const ENTRY_OCTETS: usize = 800;

/// A JSON list in the making, of rows that are lists themselves.
#[derive(Default)]
struct JsonRows(Vec<u8>);

impl JsonRows {
    fn push(&mut self, row: &impl serde::Serialize) -> Result<(), StoreError> {
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(&mut self.0, row).map_err(|error| StoreError::Foreign(error.to_string()))
    }

    fn list(mut self) -> String {
        if self.0.is_empty() {
            self.0.push(b'[');
        }
        self.0.push(b']');
        // serde_json writes UTF-8 alone.
        String::from_utf8(self.0).unwrap_or_default()
    }
}

/// The ids in a JSON list that SQLite made.
pub(super) fn ids_of(list: &str) -> Result<Vec<i64>, StoreError> {
    serde_json::from_str(list).map_err(|error| StoreError::Foreign(error.to_string()))
}

/// Stands where a draft was taken out, for the moment that it takes to use the rest.
fn empty_draft() -> Draft {
    use crate::domain::event::EntryKind;
    use crate::ledger::entry::Actor;
    Draft::new(EntryKind::Attempt, &Actor::Worker, None)
}
