//! Counts and lists for people, in the shapes of interface.md. Writes nothing.
//!
//! Decides how rows are shown, never what they should be. Lists come a page at a time, so that a million rows fit.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::approval::{Forecast, Plan};
use crate::clock::{from_epoch_millis, rfc3339_millis};
use crate::config::Settings;
use crate::domain::campaign::CampaignState;
use crate::domain::recipient::RecipientState;
use crate::notice::reference_code;
use crate::store::{AttemptRow, BatchRow, CampaignRow, EntryRow, RecipientPage, RecipientRow, Store, StoreError};

pub use crate::store::RecipientFilter;

/// Rows of a list read at a time.
pub const PAGE: i64 = 1_000;

/// What cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// No such campaign.
    #[error("there is no campaign {0}: `candor campaign list` shows those there are")]
    Unknown(String),
    /// No such recipient.
    #[error("there is no recipient {reference:?} in {campaign}")]
    UnknownRecipient {
        /// The campaign.
        campaign: String,
        /// As asked for.
        reference: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `campaign status`.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its name.
    pub campaign: String,
    /// `CampaignState`.
    pub state: String,
    /// Why it is paused.
    pub reason: Option<String>,
    /// Audience, people of waiting batches, and rejected rows whose person is in neither.
    pub affected: i64,
    /// The sum over all states.
    pub audience: i64,
    /// Rejected rows whose person is in neither.
    pub rejected: i64,
    /// Accepted or delivered.
    pub told: i64,
    /// Its batches.
    pub batches: Vec<BatchView>,
    /// Every state, in the order of the interface.
    pub recipients: Map<String, Value>,
    /// Failed and bounced, by class.
    pub failures: BTreeMap<String, i64>,
    /// Entries of kind `attempt`.
    pub attempts: i64,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub finished_at: Option<String>,
    /// Accepted, by the time spent sending.
    pub messages_per_second: Option<f64>,
    /// RFC 3339, while it is sending at a limited rate.
    pub expected_end: Option<String>,
    /// When it is to start, epoch milliseconds; for people.
    #[serde(skip)]
    pub scheduled_at: Option<i64>,
    /// When it started, epoch milliseconds; for people.
    #[serde(skip)]
    pub started_ms: Option<i64>,
    /// When it ended, epoch milliseconds; for people.
    #[serde(skip)]
    pub finished_ms: Option<i64>,
    /// When it is expected to end, epoch milliseconds; for people.
    #[serde(skip)]
    pub expected_end_ms: Option<i64>,
    /// When somebody is due next, epoch milliseconds; for people.
    #[serde(skip)]
    pub next_due: Option<i64>,
    /// Of those in doubt, so many that are sent to again: they are not settled.
    #[serde(skip)]
    pub resends_due: i64,
}

/// One batch.
#[derive(Debug, Clone, Serialize)]
pub struct BatchView {
    /// From 1.
    pub batch: i64,
    /// `BatchState`.
    pub state: String,
    /// People in it.
    pub people: i64,
}

impl Status {
    /// How many are in a state.
    pub fn count(&self, state: RecipientState) -> i64 {
        self.recipients.get(state.as_str()).and_then(Value::as_i64).unwrap_or(0)
    }

    /// How many were not told.
    pub fn not_told(&self) -> i64 {
        self.audience - self.told
    }
}

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

/// One person who was not told.
#[derive(Debug, Clone, Serialize)]
pub struct Unreached {
    /// The customer's reference, where one is known.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// As in the list; unknown for a row that could not be read.
    pub email: Option<String>,
    /// `RecipientState`, `waiting` for a batch that is not approved, or `rejected` for a row that was not taken.
    pub state: String,
    /// Why.
    pub reason: String,
    /// What to do.
    pub next_step: String,
}

/// One line of `campaign list`.
#[derive(Debug, Clone, Serialize)]
pub struct CampaignView {
    /// Its name.
    pub campaign: String,
    /// `CampaignState`.
    pub state: String,
    /// Why it is paused.
    pub reason: Option<String>,
    /// The sum over all states.
    pub audience: i64,
    /// Accepted or delivered.
    pub told: i64,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub scheduled_at: Option<String>,
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

async fn named(store: &Store, name: &str) -> Result<CampaignRow, ViewError> {
    store.campaign_by_name(name).await?.ok_or_else(|| ViewError::Unknown(name.to_owned()))
}

/// How a campaign stands. `now` is epoch milliseconds.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn status(store: &Store, settings: &Settings, name: &str, now: i64) -> Result<Status, ViewError> {
    let campaign = named(store, name).await?;
    let counts = store.state_counts(campaign.id).await?;
    let people =
        |state: &str| counts.iter().filter(|count| count.state == state).map(|count| count.people).sum::<i64>();
    let recipients: Map<String, Value> =
        RecipientState::ALL.iter().map(|state| (state.as_str().to_owned(), people(state.as_str()).into())).collect();
    let audience: i64 = counts.iter().map(|count| count.people).sum();
    let told = people("accepted") + people("delivered");
    let rejected = store.people_rejected(campaign.id).await?;
    let mut failures = BTreeMap::new();
    for row in store.failure_counts(campaign.id).await? {
        if ["failed", "bounced"].contains(&row.state.as_str()) {
            *failures.entry(row.class.unwrap_or_else(|| "other-permanent".into())).or_insert(0) += row.people;
        }
    }
    let resends_due: i64 = counts.iter().filter(|count| count.state == "in-doubt").map(|count| count.due).sum();
    let unsettled = people("pending") + people("sending") + people("deferred") + resends_due;
    let forecast = forecast(settings, &campaign, unsettled, now);
    let next_due = store.next_due(campaign.id, None).await?;
    #[expect(clippy::cast_precision_loss, reason = "people and milliseconds are far below 2^52")]
    let per_second = (told > 0 && campaign.active_ms > 0).then(|| told as f64 * 1000.0 / campaign.active_ms as f64);
    Ok(Status {
        affected: audience + store.people_waiting(campaign.id).await? + rejected,
        audience,
        rejected,
        told,
        batches: store.batches(campaign.id).await?.iter().map(batch_view).collect(),
        recipients,
        failures,
        attempts: store.attempts_total(campaign.id).await?,
        started_at: campaign.started_at.map(rfc3339_millis),
        finished_at: campaign.finished_at.map(rfc3339_millis),
        messages_per_second: per_second.map(|rate| (rate * 10.0).round() / 10.0),
        expected_end: forecast.as_ref().and_then(|forecast| forecast.expected_end.clone()),
        scheduled_at: campaign.scheduled_at.filter(|_| campaign.started_at.is_none()),
        started_ms: campaign.started_at,
        finished_ms: campaign.finished_at,
        expected_end_ms: forecast.and_then(|forecast| forecast.expected_end_ms),
        next_due,
        resends_due,
        campaign: campaign.name,
        state: campaign.state,
        reason: campaign.reason,
    })
}

fn forecast(settings: &Settings, campaign: &CampaignRow, people: i64, now: i64) -> Option<Forecast> {
    if campaign.state != CampaignState::Sending.as_str() {
        return None;
    }
    let plan = Plan::from_json(&campaign.settings).ok()?;
    Some(Forecast::of(settings, &plan, people, from_epoch_millis(now)))
}

fn batch_view(row: &BatchRow) -> BatchView {
    BatchView { batch: row.number, state: row.state.clone(), people: row.imported + row.suppressed }
}

/// One line of `campaign batches`.
#[derive(Debug, Clone, Serialize)]
pub struct BatchLine {
    /// From 1.
    pub batch: i64,
    /// `BatchState`.
    pub state: String,
    /// `import`, `source` or `correction`.
    pub kind: String,
    /// People in it.
    pub people: i64,
    /// Rows that were already there.
    pub duplicates: i64,
    /// Rows that could not be taken.
    pub rejected: i64,
    /// RFC 3339.
    pub created_at: String,
}

/// The batches of a campaign.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn batches(store: &Store, name: &str) -> Result<Vec<BatchLine>, ViewError> {
    let campaign = named(store, name).await?;
    let lines = store.batches(campaign.id).await?.into_iter().map(|row| BatchLine {
        batch: row.number,
        people: row.imported + row.suppressed,
        state: row.state,
        kind: row.kind,
        duplicates: row.duplicates,
        rejected: row.rejected,
        created_at: rfc3339_millis(row.created_at),
    });
    Ok(lines.collect())
}

/// Which entries of the ledger.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Of this campaign.
    pub campaign: Option<String>,
    /// About this recipient of it.
    pub reference: Option<String>,
    /// Not before, epoch milliseconds.
    pub since: Option<i64>,
}

/// A page of the ledger from `seq` on, exact bytes.
///
/// # Errors
/// [`ViewError::Unknown`] or [`ViewError::UnknownRecipient`].
pub async fn log(store: &Store, filter: &LogFilter, seq: i64) -> Result<Vec<EntryRow>, ViewError> {
    let Some((name, reference)) = filter.campaign.as_deref().zip(filter.reference.as_deref()) else {
        if let Some(name) = &filter.campaign {
            named(store, name).await?;
        }
        return Ok(store.ledger_page(seq, PAGE, filter.campaign.as_deref(), filter.since).await?);
    };
    let campaign = named(store, name).await?;
    let unknown = || ViewError::UnknownRecipient { campaign: name.to_owned(), reference: reference.to_owned() };
    let row = store.recipient(campaign.id, reference).await?.ok_or_else(unknown)?;
    let mut entries = store.ledger_of_recipient(row.id, seq, PAGE).await?;
    entries.retain(|entry| filter.since.is_none_or(|since| entry.at >= since));
    Ok(entries)
}

/// Whose a reference code is: the customer's reference. `code` is in its canonical form.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn by_reference_code(store: &Store, name: &str, code: &str) -> Result<Option<String>, ViewError> {
    let campaign = named(store, name).await?;
    let mut after = 0;
    loop {
        let page = RecipientPage { after, limit: PAGE };
        let rows = store.recipients(campaign.id, &RecipientFilter::default(), page).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        after = last.id;
        let is_it = |row: &&RecipientRow| {
            row.key.as_slice().try_into().is_ok_and(|key: &crate::crypto::Hash| reference_code(key) == code)
        };
        if let Some(row) = rows.iter().find(is_it) {
            return Ok(Some(row.reference.clone()));
        }
    }
}

/// Every campaign.
///
/// # Errors
/// Those of the database.
pub async fn campaigns(store: &Store) -> Result<Vec<CampaignView>, ViewError> {
    let mut views = Vec::new();
    for row in store.campaigns().await? {
        let counts = store.state_counts(row.id).await?;
        let told = counts.iter().filter(|count| ["accepted", "delivered"].contains(&count.state.as_str()));
        views.push(CampaignView {
            audience: counts.iter().map(|count| count.people).sum(),
            told: told.map(|count| count.people).sum(),
            created_at: rfc3339_millis(row.created_at),
            scheduled_at: row.scheduled_at.map(rfc3339_millis),
            campaign: row.name,
            state: row.state,
            reason: row.reason,
        });
    }
    Ok(views)
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

/// A page of people of approved batches who were not told; the second value is where the next page begins.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn unreached(store: &Store, name: &str, after: i64) -> Result<(Vec<Unreached>, Option<i64>), ViewError> {
    let campaign = named(store, name).await?;
    let states = RecipientState::ALL.iter().filter(|state| !state.is_told()).map(ToString::to_string).collect();
    let filter = RecipientFilter { states, ..RecipientFilter::default() };
    let rows = store.recipients(campaign.id, &filter, RecipientPage { after, limit: PAGE }).await?;
    let people = rows.iter().map(|row| {
        let (reason, next_step) = why(row);
        let email = Some(row.email.clone());
        Unreached { reference: Some(row.reference.clone()), email, state: row.state.clone(), reason, next_step }
    });
    Ok((people.collect(), rows.last().map(|row| row.id)))
}

/// People of batches that wait, and those whose row could not be taken.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn unreached_outside(store: &Store, name: &str) -> Result<Vec<Unreached>, ViewError> {
    let campaign = named(store, name).await?;
    let mut people = Vec::new();
    for batch in store.batches(campaign.id).await? {
        if !["waiting", "in-review"].contains(&batch.state.as_str()) {
            continue;
        }
        let mut position = 0;
        loop {
            let rows = store.recipients_of_batch(batch.id, position, PAGE).await?;
            if rows.is_empty() {
                break;
            }
            position += PAGE;
            people.extend(rows.into_iter().map(|row| Unreached {
                reference: Some(row.reference),
                email: Some(row.email),
                state: "waiting".into(),
                reason: format!("batch {} is not approved", batch.number),
                next_step: format!("submit and approve batch {}", batch.number),
            }));
        }
    }
    people.extend(store.rejects_open(campaign.id).await?.into_iter().map(|row| Unreached {
        reference: row.reference,
        email: None,
        state: "rejected".into(),
        reason: format!("line {}: {}: {}", row.line, row.field, row.reason),
        next_step: "correct the row in the rejects file and import it, or write a letter".into(),
    }));
    Ok(people)
}

/// Why somebody was not told, and what to do, in plain words.
fn why(row: &RecipientRow) -> (String, String) {
    let class = row.class.as_deref().unwrap_or("unknown");
    let (reason, next): (String, &str) = match RecipientState::parse(&row.state) {
        Some(RecipientState::Pending) => ("not tried yet".into(), "send, or wait for the worker"),
        Some(RecipientState::Sending) => ("on its way".into(), "wait"),
        Some(RecipientState::Deferred) => (format!("put off by the server ({class})"), "wait: it is tried again"),
        Some(RecipientState::InDoubt) => {
            ("may or may not have been taken".into(), "look into the relay's log, or rerun --state in-doubt")
        }
        Some(RecipientState::Failed | RecipientState::Bounced) => match class {
            "bad-address" | "bad-domain" | "mailbox-disabled" => {
                (format!("the address does not work ({class})"), "write a letter, or find another address")
            }
            _ => (format!("refused ({class})"), "mend the cause, then rerun"),
        },
        Some(RecipientState::Suppressed) => (
            row.reason.clone().unwrap_or_else(|| "suppressed".into()),
            "write a letter, or take the address off the list and rerun --state suppressed",
        ),
        _ => ("the campaign was cancelled".into(), "make a new campaign"),
    };
    (reason, next.to_owned())
}
