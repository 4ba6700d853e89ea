//! Plain rows, as the tables hold them. The rooms above turn them into types that cannot be wrong.

use sqlx::FromRow;

/// A campaign.
#[derive(Debug, Clone, FromRow)]
pub struct CampaignRow {
    /// Row.
    pub id: i64,
    /// What scripts call it by.
    pub name: String,
    /// `CampaignState`.
    pub state: String,
    /// Why it is paused.
    pub reason: Option<String>,
    /// Who made it.
    pub author: String,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// JSON.
    pub incident: String,
    /// JSON, the template set.
    pub notice: String,
    /// SHA-256.
    pub notice_hash: Vec<u8>,
    /// JSON.
    pub settings: String,
    /// JSON, what approval freezes, as submitted.
    pub frozen: Option<String>,
    /// SHA-256 of it.
    pub frozen_hash: Option<Vec<u8>>,
    /// `YYYY-MM-DD`.
    pub notice_date: Option<String>,
    /// Epoch milliseconds.
    pub scheduled_at: Option<i64>,
    /// The zone that the schedule was given in.
    pub scheduled_zone: Option<String>,
    /// Pause after so many.
    pub canary: Option<i64>,
    /// Epoch milliseconds.
    pub started_at: Option<i64>,
    /// Epoch milliseconds.
    pub finished_at: Option<i64>,
    /// Milliseconds spent sending.
    pub active_ms: i64,
}

/// What a worker looks at ten times a second.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PulseRow {
    /// Row.
    pub id: i64,
    /// What scripts call it by.
    pub name: String,
    /// `scheduled` or `sending`.
    pub state: String,
    /// JSON.
    pub settings: String,
    /// Epoch milliseconds.
    pub scheduled_at: Option<i64>,
    /// Batches that are approved.
    pub batches: i64,
}

/// A batch.
#[derive(Debug, Clone, FromRow)]
pub struct BatchRow {
    /// Row.
    pub id: i64,
    /// From 1, in its campaign.
    pub number: i64,
    /// `BatchState`.
    pub state: String,
    /// `import`, `source` or `correction`.
    pub kind: String,
    /// Who brought it in.
    pub author: String,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Rows of the list.
    pub rows_read: i64,
    /// New recipients that may be mailed.
    pub imported: i64,
    /// Rows that were already there.
    pub duplicates: i64,
    /// New recipients that must not be mailed.
    pub suppressed: i64,
    /// Rows that could not be taken.
    pub rejected: i64,
    /// JSON, the customer columns.
    pub columns: String,
    /// RFC 6962 root over the row commitments.
    pub rows_root: Option<Vec<u8>>,
    /// The same over what `check` rendered.
    pub rendered_root: Option<Vec<u8>>,
    /// The frozen hash that it was rendered for.
    pub rendered_for: Option<Vec<u8>>,
}

/// A recipient that may be sent to now.
#[derive(Debug, Clone, FromRow)]
pub struct ClaimableRow {
    /// Row.
    pub id: i64,
    /// Its batch.
    pub batch_id: i64,
    /// Its place in the batch.
    pub position: i64,
    /// The customer's reference.
    #[sqlx(rename = "ref")]
    pub reference: String,
    /// As in the list.
    pub email: String,
    /// Canonical.
    pub mailbox: String,
    /// A-label.
    pub domain: String,
    /// JSON, the values as mapped.
    pub row: String,
    /// 32 octets.
    pub key: Vec<u8>,
    /// Attempts on record.
    pub attempts: i64,
    /// Temporary failures in this run of tries.
    pub tries: i64,
    /// Attempts that ended in doubt, in this run of tries.
    pub doubts: i64,
    /// The campaign's active time when it was first due.
    pub due_active_ms: i64,
    /// `pending`, `deferred` or `in-doubt`.
    pub state: String,
    /// Since when it is due, epoch milliseconds.
    pub due_at: i64,
    /// The last attempt's class.
    pub class: Option<String>,
    /// It is on the suppression list now.
    pub is_suppressed: bool,
}

/// A message that a dead worker had begun.
#[derive(Debug, Clone, FromRow)]
pub struct OpenClaimRow {
    /// The recipient's row.
    pub id: i64,
    /// Its campaign's name.
    pub campaign: String,
    /// SHA-256 of the template set.
    pub notice_hash: Vec<u8>,
    /// The customer's reference.
    #[sqlx(rename = "ref")]
    pub reference: String,
    /// As in the list.
    pub email: String,
    /// Temporary failures in this run of tries.
    pub tries: i64,
    /// 32 octets.
    pub key: Vec<u8>,
    /// Attempts that ended in doubt, in this run of tries.
    pub doubts: i64,
    /// The attempt's number.
    pub number: i64,
    /// Its relay.
    pub relay: String,
    /// When it was begun.
    pub begun_at: i64,
    /// The recipient's state before.
    pub state: String,
}

/// A rate that a server's answers have taught.
#[derive(Debug, Clone, FromRow)]
pub struct LearnedRateRow {
    /// `domain` or `relay`.
    pub scope: String,
    /// The domain's or relay's name.
    pub name: String,
    /// JSON.
    pub learned: String,
}

/// A recipient, for lists and the story of one person.
#[derive(Debug, Clone, FromRow)]
pub struct RecipientRow {
    /// Row.
    pub id: i64,
    /// Its batch.
    pub batch_id: i64,
    /// Its batch's number.
    pub batch: i64,
    /// Its place in the batch.
    pub position: i64,
    /// The customer's reference.
    #[sqlx(rename = "ref")]
    pub reference: String,
    /// As in the list.
    pub email: String,
    /// Canonical.
    pub mailbox: String,
    /// JSON, the values as mapped.
    pub row: String,
    /// 32 octets.
    pub key: Vec<u8>,
    /// `RecipientState`.
    pub state: String,
    /// Of suppressed.
    pub reason: Option<String>,
    /// When it may be tried.
    pub due_at: Option<i64>,
    /// Entries of kind `attempt`.
    pub attempts: i64,
    /// `FailureClass`.
    pub class: Option<String>,
    /// Basic code.
    pub code: Option<i64>,
    /// Enhanced status code.
    pub enhanced: Option<String>,
    /// The server's words.
    pub reply: Option<String>,
    /// The relay of the last attempt.
    pub relay: Option<String>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// Epoch milliseconds.
    pub accepted_at: Option<i64>,
    /// Epoch milliseconds.
    pub last_attempt_at: Option<i64>,
}

/// One attempt, for the story of one person.
#[derive(Debug, Clone, FromRow)]
pub struct AttemptRow {
    /// From 1.
    pub number: i64,
    /// Where to.
    pub relay: String,
    /// Epoch milliseconds.
    pub begun_at: i64,
    /// Epoch milliseconds.
    pub ended_at: Option<i64>,
    /// `AttemptOutcome`.
    pub outcome: Option<String>,
    /// `Phase`.
    pub phase: Option<String>,
    /// `FailureClass`.
    pub class: Option<String>,
    /// Basic code.
    pub code: Option<i64>,
    /// Enhanced status code.
    pub enhanced: Option<String>,
    /// The server's words.
    pub reply: Option<String>,
    /// Version and cipher.
    pub tls: Option<String>,
    /// The relay's own id.
    pub queue_id: Option<String>,
    /// Its entry.
    pub seq: Option<i64>,
}

/// How many recipients of one approved batch are in a state. A campaign has a row a batch and state.
#[derive(Debug, Clone, FromRow)]
pub struct StateCount {
    /// `RecipientState`.
    pub state: String,
    /// So many.
    pub people: i64,
    /// Of these, so many that are or will be due.
    pub due: i64,
}

/// How many recipients have a class of failure.
#[derive(Debug, Clone, FromRow)]
pub struct FailureCount {
    /// `RecipientState`.
    pub state: String,
    /// `FailureClass`.
    pub class: Option<String>,
    /// So many.
    pub people: i64,
}

/// What is known of a reference in the campaign.
#[derive(Debug, Clone, FromRow)]
pub struct ExistingRow {
    /// The customer's reference.
    #[sqlx(rename = "ref")]
    pub reference: String,
    /// Canonical.
    pub mailbox: String,
    /// From the row.
    pub name: String,
}

/// The result of a check.
#[derive(Debug, Clone, FromRow)]
pub struct CheckRow {
    /// Epoch milliseconds.
    pub at: i64,
    /// JSON.
    pub result: String,
}

/// A list that the worker reads again.
#[derive(Debug, Clone, FromRow)]
pub struct SourceRow {
    /// Its campaign's row.
    pub campaign_id: i64,
    /// Its campaign's name.
    pub campaign: String,
    /// Its campaign's state.
    pub state: String,
    /// As on the command line.
    pub source: String,
    /// JSON, the `--map` arguments.
    pub maps: String,
    /// Milliseconds between two reads.
    pub every_ms: i64,
    /// Epoch milliseconds.
    pub next_at: i64,
    /// Epoch milliseconds.
    pub last_read_at: Option<i64>,
    /// What went wrong the last time.
    pub last_error: Option<String>,
}

/// A row that could not be taken.
#[derive(Debug, Clone, FromRow)]
pub struct RejectRow {
    /// The column `candor_reject` of the rejects file.
    pub id: i64,
    /// In its list.
    pub line: i64,
    /// The customer's reference, where it had one.
    #[sqlx(rename = "ref")]
    pub reference: Option<String>,
    /// The field that was wrong.
    pub field: String,
    /// Why, and what to do.
    pub reason: String,
}

/// A recipient of a staged batch that must not be mailed.
#[derive(Debug, Clone, FromRow)]
pub struct SuppressedRow {
    /// Row.
    pub id: i64,
    /// The customer's reference.
    #[sqlx(rename = "ref")]
    pub reference: String,
    /// 32 octets.
    pub key: Vec<u8>,
    /// `suppression-list` or `no-basis`.
    pub reason: String,
}

/// An address or domain that must not be mailed.
#[derive(Debug, Clone, FromRow)]
pub struct SuppressionRow {
    /// A mailbox, or `@domain`.
    pub target: String,
    /// The campaign it holds for; none for all.
    pub campaign: Option<String>,
    /// What was given as the reason.
    pub reason: String,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub expires_at: Option<i64>,
}
