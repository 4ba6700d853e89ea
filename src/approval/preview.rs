//! One person's message as it would leave, and the small questions that the command line asks before a move.

use chrono::NaiveDate;

use super::approved::{compile, organization};
use super::moves::{named, state};
use super::people::{Parts, customer};
use super::{ApprovalError, Wanted, audience};
use crate::config::Settings;
use crate::domain::campaign::{BatchState, CampaignState};
use crate::domain::event::EntryKind;
use crate::ledger::entry::By;
use crate::notice::{PreviewFormat, Stamp, message_id, preview as show, reference_code};
use crate::store::{CampaignRow, RecipientFilter, RecipientPage, RecipientRow, Store};

/// Recipients looked through for one of a locale, at a time.
const PAGE: i64 = 500;

/// One recipient's message in a format: by reference, the first of a locale, or the first of all. `at` is epoch
/// milliseconds; before submission the notice carries the day of it.
///
/// # Errors
/// [`ApprovalError::Preview`] where there is no such recipient, or the message cannot be rendered.
pub async fn preview(
    store: &Store,
    settings: &Settings,
    name: &str,
    reference: Option<&str>,
    locale: Option<&str>,
    format: PreviewFormat,
    at: i64,
) -> Result<Vec<u8>, ApprovalError> {
    let campaign = named(store, name).await?;
    let fail = |what: String| ApprovalError::Preview(what);
    let batches = store.batches(campaign.id).await?;
    let organization = organization(settings)?;
    let notice = compile(&campaign, &organization, date(&campaign, settings, at), &batches)?;
    let row = match reference {
        Some(reference) => store.recipient(campaign.id, reference).await?,
        None => {
            let is_wanted = |row: &RecipientRow| {
                let locale_of = || customer_of(row).ok().map(|customer| notice.locale_for(&customer.locale).to_owned());
                locale.is_none_or(|locale| locale_of().is_some_and(|is| is.eq_ignore_ascii_case(locale)))
            };
            first(store, &campaign, is_wanted).await?
        }
    };
    let row = row.ok_or_else(|| fail(format!("there is no such recipient in {name}")))?;
    let customer = customer_of(&row)?;
    let rendered = notice.render(&customer).map_err(|error| fail(error.to_string()))?;
    let stamp = Stamp {
        message_id: message_id(&customer.key, organization.from.1.domain()),
        date: crate::clock::from_epoch_millis(at),
        attempt: u32::try_from(row.attempts + 1).unwrap_or(u32::MAX),
        extra_headers: Vec::new(),
    };
    show(format, &notice, &rendered, &customer, &organization, &stamp).map_err(|error| fail(error.to_string()))
}

fn customer_of(row: &RecipientRow) -> Result<crate::notice::Customer, ApprovalError> {
    let RecipientRow { reference, email, mailbox, row, key, .. } = row;
    customer(Parts { reference, email, mailbox, row, key })
}

fn date(campaign: &CampaignRow, settings: &Settings, at: i64) -> NaiveDate {
    let today = crate::clock::from_epoch_millis(at).with_timezone(&settings.organization.time_zone).date_naive();
    campaign.notice_date.as_deref().and_then(|text| text.parse().ok()).unwrap_or(today)
}

async fn first(
    store: &Store,
    campaign: &CampaignRow,
    is_wanted: impl Fn(&RecipientRow) -> bool,
) -> Result<Option<RecipientRow>, ApprovalError> {
    let counts = |state: &str| !matches!(BatchState::parse(state), Some(BatchState::Rejected | BatchState::Withdrawn));
    for batch in store.batches(campaign.id).await?.iter().filter(|batch| counts(&batch.state)) {
        let mut position = 0;
        loop {
            let rows = store.recipients_of_batch(batch.id, position, PAGE).await?;
            if rows.is_empty() {
                break;
            }
            position += PAGE;
            if let Some(row) = rows.into_iter().find(|row| is_wanted(row)) {
                return Ok(Some(row));
            }
        }
    }
    Ok(None)
}

/// Where a campaign is.
///
/// # Errors
/// [`ApprovalError::Unknown`].
pub async fn state_of(store: &Store, name: &str) -> Result<CampaignState, ApprovalError> {
    state(&named(store, name).await?)
}

/// How many people it would go to: those of the approved batches, or, before an approval, of those that wait.
///
/// # Errors
/// [`ApprovalError::Unknown`].
pub async fn audience_of(store: &Store, name: &str) -> Result<i64, ApprovalError> {
    let campaign = named(store, name).await?;
    if matches!(state(&campaign)?, CampaignState::Draft | CampaignState::InReview) {
        return Ok(store.people_waiting(campaign.id).await?);
    }
    audience(store, &campaign).await
}

/// Refuses a number of people that is not the one expected.
///
/// # Errors
/// [`ApprovalError::Expected`].
pub async fn expected(store: &Store, name: &str, expect: Option<i64>) -> Result<(), ApprovalError> {
    let people = audience_of(store, name).await?;
    match expect.filter(|expected| *expected != people) {
        Some(expected) => Err(ApprovalError::Expected { campaign: name.to_owned(), people, expected }),
        None => Ok(()),
    }
}

/// Refuses a start that has passed. `start` and `now` are epoch milliseconds.
///
/// # Errors
/// [`ApprovalError::Past`].
pub fn not_past(start: Option<i64>, now: i64) -> Result<(), ApprovalError> {
    match start.filter(|start| *start < now) {
        Some(start) => Err(ApprovalError::Past(crate::clock::rfc3339_millis(start))),
        None => Ok(()),
    }
}

/// Before anything is frozen, a rate or window given with the start becomes the campaign's own, so that what is submitted
/// is what was asked for.
///
/// # Errors
/// As [`super::settings`].
pub async fn settings_of_draft(
    store: &Store,
    settings: &Settings,
    by: &By,
    name: &str,
    wanted: &Wanted,
) -> Result<(), ApprovalError> {
    if state_of(store, name).await? == CampaignState::Draft {
        super::settings(store, settings, by, name, wanted).await?;
    }
    Ok(())
}

/// Has the worker read a list again and again: now, and then every `every_ms` milliseconds.
///
/// # Errors
/// [`ApprovalError::State`] for a cancelled campaign.
pub async fn source(
    store: &Store,
    by: &By,
    name: &str,
    source: &str,
    maps: &[String],
    every_ms: i64,
) -> Result<(), ApprovalError> {
    let campaign = named(store, name).await?;
    if state(&campaign)? == CampaignState::Cancelled {
        return super::moves::refuse(&campaign, "nobody can be added to it");
    }
    let mut tx = store.begin().await?;
    tx.source_set(campaign.id, source, &serde_json::json!(maps).to_string(), every_ms, by.at).await?;
    let entry = by.entry(EntryKind::CampaignChanged, name).with("changed", vec!["source"]).with("every_ms", every_ms);
    tx.append(by.at, vec![entry.with("state", campaign.state).with_text("source", Some(source))]).await?;
    tx.commit().await?;
    Ok(())
}

/// Whose a reference code is: the customer's reference. `code` is in its canonical form.
///
/// # Errors
/// [`ApprovalError::Unknown`].
pub async fn by_reference_code(store: &Store, name: &str, code: &str) -> Result<Option<String>, ApprovalError> {
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
