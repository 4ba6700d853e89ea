//! The ledger a page at a time, exact bytes.

use super::{PAGE, ViewError, named};
use crate::store::{EntryRow, Store};

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
