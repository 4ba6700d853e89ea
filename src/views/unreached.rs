//! Everyone who was not told, whatever the cause, with the reason and the next step in plain words.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{PAGE, ViewError, named};
use crate::domain::recipient::RecipientState;
use crate::store::{CampaignRow, RecipientFilter, RecipientPage, RecipientRow, RejectRow, Store};

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

/// Where a page of the unreached begins: people of approved batches come first, then those of batches that wait, then the
/// rows that could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnreachedAt {
    /// After this recipient's row.
    Approved(i64),
    /// From this position of this batch on, or from the next batch that waits.
    Waiting {
        /// The batch's number.
        batch: i64,
        /// In it.
        position: i64,
    },
    /// At the rejected rows.
    Rejects,
}

impl UnreachedAt {
    /// The first page.
    pub const START: Self = Self::Approved(0);
}

/// A page of those who were not told; the second value is where the next page begins, `None` at the end. A page may be
/// empty before the end. All pages together have `affected - told` lines.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn unreached(
    store: &Store,
    name: &str,
    at: UnreachedAt,
) -> Result<(Vec<Unreached>, Option<UnreachedAt>), ViewError> {
    let campaign = named(store, name).await?;
    match at {
        UnreachedAt::Approved(after) => approved(store, &campaign, after).await,
        UnreachedAt::Waiting { batch, position } => waiting(store, &campaign, batch, position).await,
        UnreachedAt::Rejects => Ok((rejects(store.rejects_open(campaign.id).await?), None)),
    }
}

type Page = (Vec<Unreached>, Option<UnreachedAt>);

async fn approved(store: &Store, campaign: &CampaignRow, after: i64) -> Result<Page, ViewError> {
    let states = RecipientState::ALL.iter().filter(|state| !state.is_told()).map(ToString::to_string).collect();
    let filter = RecipientFilter { states, ..RecipientFilter::default() };
    let rows = store.recipients(campaign.id, &filter, RecipientPage { after, limit: PAGE }).await?;
    let next = rows.last().map_or(UnreachedAt::Waiting { batch: 0, position: 0 }, |row| UnreachedAt::Approved(row.id));
    let people = rows.into_iter().map(|row| {
        let (reason, next_step) = why(&campaign.name, &row);
        Unreached { reference: Some(row.reference), email: Some(row.email), state: row.state, reason, next_step }
    });
    Ok((people.collect(), Some(next)))
}

async fn waiting(store: &Store, campaign: &CampaignRow, from: i64, position: i64) -> Result<Page, ViewError> {
    let batches = store.batches(campaign.id).await?;
    let is_open = |state: &str| ["waiting", "in-review"].contains(&state);
    let Some(batch) = batches.iter().find(|batch| batch.number >= from && is_open(&batch.state)) else {
        return Ok((Vec::new(), Some(UnreachedAt::Rejects)));
    };
    let position = if batch.number == from { position } else { 0 };
    let rows = store.recipients_of_batch(batch.id, position, PAGE).await?;
    let next = match rows.last() {
        Some(row) => UnreachedAt::Waiting { batch: batch.number, position: row.position + 1 },
        None => UnreachedAt::Waiting { batch: batch.number + 1, position: 0 },
    };
    let (number, name) = (batch.number, &campaign.name);
    let next_step = match batch.state.as_str() {
        "waiting" => format!("candor campaign submit {name} --batch {number}, then approve it"),
        _ => format!("candor campaign approve {name} --batch {number}"),
    };
    let people = rows.into_iter().map(|row| Unreached {
        reference: Some(row.reference),
        email: Some(row.email),
        state: "waiting".to_owned(),
        reason: format!("batch {number} is not approved"),
        next_step: next_step.clone(),
    });
    Ok((people.collect(), Some(next)))
}

/// A person whose rows were rejected more than once is one person: the newest row is shown.
fn rejects(rows: Vec<RejectRow>) -> Vec<Unreached> {
    let mut people: BTreeMap<i64, RejectRow> = BTreeMap::new();
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows {
        if let Some(reference) = &row.reference
            && let Some(older) = newest.insert(reference.clone(), row.id)
        {
            people.remove(&older);
        }
        people.insert(row.id, row);
    }
    let lines = people.into_values().map(|row| Unreached {
        reference: row.reference,
        email: None,
        state: "rejected".to_owned(),
        reason: format!("line {}: {}: {}", row.line, row.field, row.reason),
        next_step: "correct the row in the rejects file and import that, or write a letter".to_owned(),
    });
    lines.collect()
}

/// Why somebody was not told, and what to do.
fn why(campaign: &str, row: &RecipientRow) -> (String, String) {
    use RecipientState::{Bounced, Cancelled, Deferred, Failed, InDoubt, Pending, Sending, Suppressed};
    let class = row.class.as_deref().unwrap_or("no class");
    let rerun = |more: &str| format!("candor campaign rerun {campaign} --ref {}{more}", row.reference);
    let owned = |reason: &str, next: &str| (reason.to_owned(), next.to_owned());
    match RecipientState::parse(&row.state) {
        Some(Pending) => owned("not tried yet", "send, or wait for the worker"),
        Some(Sending) => owned("on its way", "wait"),
        Some(Deferred) => (format!("put off by the server ({class})"), "wait: it is tried again".to_owned()),
        Some(InDoubt) if row.due_at.is_some() => {
            owned("the relay may or may not have taken it", "wait: it is sent again")
        }
        Some(InDoubt) => {
            let next = format!("look into the relay's log, or {}", rerun(" --state in-doubt"));
            ("the relay may or may not have taken it".to_owned(), next)
        }
        Some(Failed | Bounced) if ["bad-address", "bad-domain", "mailbox-disabled"].contains(&class) => {
            (format!("the address does not work ({class})"), "write a letter, or find another address".to_owned())
        }
        Some(Failed | Bounced) => (format!("refused ({class})"), format!("mend the cause, then {}", rerun(""))),
        Some(Suppressed) if row.reason.as_deref() == Some("no-basis") => {
            owned("there is no basis for telling them by e-mail", "write a letter")
        }
        Some(Suppressed) => {
            let next = format!("write a letter, or take it off the list and {}", rerun(" --state suppressed"));
            ("the address is on the suppression list".to_owned(), next)
        }
        Some(Cancelled) => owned("the campaign was cancelled", "tell them with another campaign, or by letter"),
        Some(RecipientState::Accepted | RecipientState::Delivered) | None => owned("told", "nothing"),
    }
}
