//! The ledger a page at a time, exact bytes.

use super::{PAGE, ViewError, named};
use crate::store::{EntryRow, Store};

/// Which entries of the ledger.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Of this campaign.
    pub campaign: Option<String>,
    /// About whoever has this reference, in that campaign or in any.
    pub reference: Option<String>,
    /// Not before, epoch milliseconds.
    pub since: Option<i64>,
}

/// A page of the ledger from `seq` on, exact bytes; empty at the end.
///
/// # Errors
/// [`ViewError::Unknown`] or [`ViewError::UnknownRecipient`].
pub async fn log(store: &Store, filter: &LogFilter, seq: i64) -> Result<Vec<EntryRow>, ViewError> {
    if let Some(name) = &filter.campaign {
        named(store, name).await?;
    }
    let Some(reference) = &filter.reference else {
        return Ok(store.ledger_page(seq, PAGE, filter.campaign.as_deref(), filter.since).await?);
    };
    let mut entries = Vec::new();
    // As far as everybody's entries were read: what lies behind comes with the next page.
    let mut read_to = i64::MAX;
    for id in with_reference(store, filter.campaign.as_deref(), reference).await? {
        let mut from = seq;
        loop {
            let page = store.ledger_of_recipient(id, from, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.seq) else { break };
            from = last + 1;
            let found = entries.len();
            entries.extend(page.into_iter().filter(|entry| filter.since.is_none_or(|since| entry.at >= since)));
            // A page that lies before `since` altogether is read over, so that an empty answer is the end.
            if entries.len() > found {
                read_to = read_to.min(last);
                break;
            }
        }
    }
    entries.retain(|entry| entry.seq <= read_to);
    entries.sort_by_key(|entry| entry.seq);
    Ok(entries)
}

/// The recipients with a reference: one a campaign.
async fn with_reference(store: &Store, campaign: Option<&str>, reference: &str) -> Result<Vec<i64>, ViewError> {
    let mut ids = Vec::new();
    for row in store.campaigns().await?.iter().filter(|row| campaign.is_none_or(|name| name == row.name)) {
        ids.extend(store.recipient(row.id, reference).await?.map(|recipient| recipient.id));
    }
    if ids.is_empty() {
        let campaign = campaign.unwrap_or("any campaign").to_owned();
        return Err(ViewError::UnknownRecipient { campaign, reference: reference.to_owned() });
    }
    Ok(ids)
}

/// What somebody typed as a field of an entry; `None` where nothing was.
///
/// # Errors
/// Those of the database.
pub async fn typed(store: &Store, seq: i64, field: &str) -> Result<Option<String>, ViewError> {
    Ok(store.ledger_text(seq, field).await?)
}
