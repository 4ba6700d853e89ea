//! The worker's group commit: outcomes, their entries, what is begun next and what is claimed after that, in one
//! transaction (delivery.md, "Promises").

use serde_json::{Value, json};

use super::{ClaimedRow, OpenClaimRow, Store, StoreError, Tx, sql};
use crate::domain::outcome::{AttemptOutcome, FailureClass, Phase};
use crate::domain::recipient::RecipientState;
use crate::ledger::Hash;
use crate::ledger::entry::Draft;

/// A message that is about to leave. Committed before its body does.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The recipient's row; it must be claimed, and its campaign sending.
    pub recipient_id: i64,
    /// Its campaign's row.
    pub campaign_id: i64,
    /// Where to.
    pub relay: String,
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
    /// The recipient's row.
    pub recipient_id: i64,
    /// The attempt's row.
    pub attempt_id: i64,
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
    /// Which relay.
    pub relay: String,
    /// Version and cipher.
    pub tls: Option<String>,
    /// The relay's own id.
    pub queue_id: Option<String>,
    /// SHA-256 of the message as sent.
    pub content: Option<Hash>,
    /// Without angle brackets.
    pub message_id: String,
    /// Where the recipient goes.
    pub next: NextState,
    /// The entry of kind `attempt`.
    pub entry: Draft,
}

/// A claim given back: nothing of it counts as an attempt.
#[derive(Debug, Clone)]
pub struct Returned {
    /// The recipient's row.
    pub recipient_id: i64,
    /// The attempt that was begun and came to nothing.
    pub attempt_id: Option<i64>,
    /// Not before, epoch milliseconds; `None`: as before.
    pub due_at: Option<i64>,
}

/// A claimed recipient that fails, or is suppressed, without an attempt.
#[derive(Debug, Clone)]
pub struct Unsent {
    /// The recipient's row.
    pub recipient_id: i64,
    /// The attempt that was begun and came to nothing.
    pub attempt_id: Option<i64>,
    /// `failed`, `suppressed`, or `in-doubt` where an earlier attempt was.
    pub state: RecipientState,
    /// Of `failed`.
    pub class: Option<FailureClass>,
    /// Of `suppressed`.
    pub reason: Option<&'static str>,
    /// What happened, in plain words; `None` keeps the last reply.
    pub reply: Option<String>,
    /// `recipient.failed` or `recipient.suppressed`.
    pub entry: Draft,
}

/// What is wanted next for one campaign.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The campaign's row; claims come from its approved batches while it is sending.
    pub campaign_id: i64,
    /// At most so many.
    pub limit: i64,
    /// Only what is due by then, epoch milliseconds.
    pub now: i64,
    /// `[safety] only_to`, where it is set.
    pub only_to: Option<OnlyTo>,
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
    /// Claims given back.
    pub returned: Vec<Returned>,
    /// Failed or suppressed without an attempt.
    pub unsent: Vec<Unsent>,
    /// About to leave.
    pub begins: Vec<Begin>,
    /// Wanted next.
    pub claims: Vec<Claim>,
    /// Milliseconds that campaigns spent sending since the last group.
    pub active: Vec<(i64, i64)>,
    /// Entries about relays and rates.
    pub entries: Vec<Draft>,
}

impl Group {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty()
            && self.returned.is_empty()
            && self.unsent.is_empty()
            && self.begins.is_empty()
            && self.claims.is_empty()
            && self.active.is_empty()
            && self.entries.is_empty()
    }
}

/// What a commit gave.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The recipient rows that wanted to begin.
    pub asked: Vec<i64>,
    /// Recipient and attempt rows that may leave now. One that is missing may not: its campaign is no longer sending.
    pub begun: Vec<(i64, i64)>,
    /// Newly claimed, in order: the campaign's row, how many were asked for, who came.
    pub claimed: Vec<(i64, i64, Vec<ClaimedRow>)>,
}

impl Store {
    /// Commits a group at the time `at` (epoch milliseconds).
    ///
    /// # Errors
    /// Those of the database; then nothing of the group is in it.
    pub async fn record(&self, group: Group, at: i64) -> Result<Recorded, StoreError> {
        let mut tx = self.begin_patiently().await?;
        let Group { ended, returned, unsent, begins, claims, active, entries } = group;
        tx.end_attempts(ended, at).await?;
        tx.give_back(&returned).await?;
        tx.end_unsent(unsent, at).await?;
        if !entries.is_empty() {
            tx.append(at, entries).await?;
        }
        for (campaign_id, ms) in active {
            sqlx::query(sql!("campaign_add_active")).bind(campaign_id).bind(ms).execute(tx.conn()).await?;
        }
        let begun = tx.begin_attempts(&begins).await?;
        let mut claimed = Vec::with_capacity(claims.len());
        for claim in &claims {
            claimed.push((claim.campaign_id, claim.limit, tx.claim(claim).await?));
        }
        tx.commit().await?;
        let asked = begins.iter().map(|begin| begin.recipient_id).collect();
        Ok(Recorded { asked, begun, claimed })
    }

    /// Up to `limit` claims that no living worker holds. Only the holder of the worker lock may ask.
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
    async fn end_attempts(&mut self, mut ended: Vec<Ended>, at: i64) -> Result<(), StoreError> {
        if ended.is_empty() {
            return Ok(());
        }
        let drafts = ended.iter_mut().map(|end| std::mem::replace(&mut end.entry, empty_draft())).collect();
        let first = self.append(at, drafts).await?;
        let rows = ended.iter().zip(first..).map(|(end, seq)| {
            let accepted_at = (end.outcome == AttemptOutcome::Accepted).then_some(end.at);
            json!({
                "id": end.recipient_id, "attempt": end.attempt_id, "at": end.at, "outcome": end.outcome,
                "phase": end.phase, "class": end.class, "code": end.code, "enhanced": end.enhanced,
                "reply": end.reply, "relay": end.relay, "tls": end.tls, "queue_id": end.queue_id,
                "content": end.content.map(hex::encode), "message_id": end.message_id, "seq": seq,
                "state": end.next.state, "due_at": end.next.due_at, "tries": end.next.tries,
                "doubts": end.next.doubts, "accepted_at": accepted_at,
            })
        });
        let rows = Value::Array(rows.collect()).to_string();
        sqlx::query(sql!("attempts_end")).bind(&rows).execute(self.conn()).await?;
        sqlx::query(sql!("recipients_end")).bind(&rows).execute(self.conn()).await?;
        Ok(())
    }

    async fn give_back(&mut self, returned: &[Returned]) -> Result<(), StoreError> {
        if returned.is_empty() {
            return Ok(());
        }
        let rows = returned
            .iter()
            .map(|back| json!({"id": back.recipient_id, "attempt": back.attempt_id, "due_at": back.due_at}));
        let rows = Value::Array(rows.collect()).to_string();
        sqlx::query(sql!("attempts_forget")).bind(&rows).execute(self.conn()).await?;
        sqlx::query(sql!("recipients_give_back")).bind(&rows).execute(self.conn()).await?;
        Ok(())
    }

    async fn end_unsent(&mut self, unsent: Vec<Unsent>, at: i64) -> Result<(), StoreError> {
        if unsent.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(unsent.len());
        let mut drafts = Vec::with_capacity(unsent.len());
        for end in unsent {
            rows.push(json!({
                "id": end.recipient_id, "attempt": end.attempt_id, "state": end.state, "class": end.class,
                "reason": end.reason, "reply": end.reply,
            }));
            drafts.push(end.entry);
        }
        self.append(at, drafts).await?;
        let rows = Value::Array(rows).to_string();
        sqlx::query(sql!("attempts_forget")).bind(&rows).execute(self.conn()).await?;
        sqlx::query(sql!("recipients_unsent")).bind(&rows).execute(self.conn()).await?;
        Ok(())
    }

    async fn begin_attempts(&mut self, begins: &[Begin]) -> Result<Vec<(i64, i64)>, StoreError> {
        if begins.is_empty() {
            return Ok(Vec::new());
        }
        let rows = begins.iter().map(|begin| json!([begin.recipient_id, begin.relay, begin.at]));
        let rows = Value::Array(rows.collect()).to_string();
        Ok(sqlx::query_as(sql!("attempts_begin")).bind(rows).fetch_all(self.conn()).await?)
    }

    /// Claims what is due: first what was never tried, then what is due again.
    async fn claim(&mut self, claim: &Claim) -> Result<Vec<ClaimedRow>, StoreError> {
        let batches: Vec<i64> =
            sqlx::query_scalar(sql!("batches_to_claim")).bind(claim.campaign_id).fetch_all(self.conn()).await?;
        let only_to = claim.only_to.as_ref().map(OnlyTo::targets);
        let mut rows: Vec<ClaimedRow> = Vec::new();
        for state in [RecipientState::Deferred, RecipientState::InDoubt, RecipientState::Pending] {
            for &batch_id in &batches {
                let room = claim.limit - i64::try_from(rows.len()).unwrap_or(i64::MAX);
                if room <= 0 {
                    return Ok(rows);
                }
                let query = sqlx::query_as(sql!("claim")).bind(batch_id).bind(state.as_str()).bind(claim.now);
                let mut more: Vec<ClaimedRow> = query.bind(room).bind(&only_to).fetch_all(self.conn()).await?;
                more.sort_unstable_by_key(|row| row.id);
                rows.append(&mut more);
            }
        }
        Ok(rows)
    }
}

/// Stands where a draft was taken out, for the moment that it takes to use the rest.
fn empty_draft() -> Draft {
    use crate::domain::event::EntryKind;
    use crate::ledger::entry::Actor;
    Draft::new(EntryKind::Attempt, &Actor::Worker, None)
}
