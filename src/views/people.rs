//! Recipients: the lists of a campaign, and one person's whole story.

use serde::Serialize;
use serde_json::Value;

use super::{PAGE, ViewError, named};
use crate::clock::rfc3339_millis;
use crate::store::{AttemptRow, RecipientFilter, RecipientPage, RecipientRow, Store};

/// One line of `recipients` and `failures`.
#[derive(Debug, Clone, Serialize)]
pub struct RecipientView {
    /// The customer's reference.
    #[serde(rename = "ref")]
    pub reference: String,
    /// As in the list.
    pub email: String,
    /// `RecipientState`.
    pub state: String,
    /// `FailureClass`.
    pub class: Option<String>,
    /// Basic code.
    pub code: Option<i64>,
    /// Enhanced status code.
    pub enhanced: Option<String>,
    /// The server's words.
    pub reply: Option<String>,
    /// Entries of kind `attempt`.
    pub attempts: i64,
    /// Of the last attempt.
    pub relay: Option<String>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// RFC 3339.
    pub accepted_at: Option<String>,
    /// RFC 3339.
    pub last_attempt_at: Option<String>,
    /// RFC 3339, where a try is due.
    pub next_attempt_at: Option<String>,
}

impl From<&RecipientRow> for RecipientView {
    fn from(row: &RecipientRow) -> Self {
        let is_due = ["deferred", "in-doubt"].contains(&row.state.as_str());
        Self {
            reference: row.reference.clone(),
            email: row.email.clone(),
            state: row.state.clone(),
            class: row.class.clone(),
            code: row.code,
            enhanced: row.enhanced.clone(),
            reply: row.reply.clone(),
            attempts: row.attempts,
            relay: row.relay.clone(),
            message_id: row.message_id.clone(),
            accepted_at: row.accepted_at.map(rfc3339_millis),
            last_attempt_at: row.last_attempt_at.map(rfc3339_millis),
            next_attempt_at: row.due_at.filter(|_| is_due).map(rfc3339_millis),
        }
    }
}

/// A page of recipients after a row; the second value is where the next page begins, `None` at the end.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn recipients(
    store: &Store,
    name: &str,
    filter: &RecipientFilter,
    after: i64,
) -> Result<(Vec<RecipientView>, Option<i64>), ViewError> {
    let campaign = named(store, name).await?;
    let rows = store.recipients(campaign.id, filter, RecipientPage { after, limit: PAGE }).await?;
    Ok((rows.iter().map(RecipientView::from).collect(), rows.last().map(|row| row.id)))
}

/// One recipient's whole story.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    /// Where they stand.
    #[serde(flatten)]
    pub recipient: RecipientView,
    /// The batch that they came in with.
    pub batch: i64,
    /// The values as imported.
    pub row: Value,
    /// Every attempt.
    pub history: Vec<AttemptView>,
}

/// One attempt.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptView {
    /// From 1.
    pub attempt: i64,
    /// Where to.
    pub relay: String,
    /// When it began, epoch milliseconds; for people.
    #[serde(skip)]
    pub begun_ms: i64,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub ended_at: Option<String>,
    /// `AttemptOutcome`.
    pub outcome: Option<String>,
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
    /// Its entry in the ledger.
    pub seq: Option<i64>,
}

impl From<AttemptRow> for AttemptView {
    fn from(row: AttemptRow) -> Self {
        Self {
            attempt: row.number,
            relay: row.relay,
            begun_ms: row.begun_at,
            started_at: rfc3339_millis(row.begun_at),
            ended_at: row.ended_at.map(rfc3339_millis),
            outcome: row.outcome,
            class: row.class,
            code: row.code,
            enhanced: row.enhanced,
            reply: row.reply,
            tls: row.tls,
            queue_id: row.queue_id,
            seq: row.seq,
        }
    }
}

/// One recipient's whole story.
///
/// # Errors
/// [`ViewError::UnknownRecipient`].
pub async fn story(store: &Store, name: &str, reference: &str) -> Result<Story, ViewError> {
    let campaign = named(store, name).await?;
    let unknown = || ViewError::UnknownRecipient { campaign: name.to_owned(), reference: reference.to_owned() };
    let row = store.recipient(campaign.id, reference).await?.ok_or_else(unknown)?;
    Ok(Story {
        recipient: RecipientView::from(&row),
        batch: row.batch,
        row: serde_json::from_str(&row.row).unwrap_or(Value::Null),
        history: store.attempts(row.id).await?.into_iter().map(AttemptView::from).collect(),
    })
}
