//! Counts and lists for people, in the shapes of interface.md. Writes nothing.
//!
//! Decides how rows are shown, never what they should be. Lists come a page at a time, so that a million rows fit.

mod campaigns;
mod deadline;
mod difficult;
mod log;
mod people;
mod status;
mod unreached;

#[cfg(test)]
mod tests;

pub use crate::store::RecipientFilter;
pub use campaigns::{BatchLine, CampaignView, batches, batches_for_somebody_to_approve, campaigns};
pub use deadline::deadline;
pub use difficult::{Difficult, difficult};
pub use log::{LogFilter, log, typed};
pub use people::{AttemptView, RecipientView, Story, recipients, story};
pub use status::{BatchView, StateCounts, Status, status};
pub use unreached::{Unreached, UnreachedAt, unreached};

use crate::store::{CampaignRow, Store, StoreError};

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

async fn named(store: &Store, name: &str) -> Result<CampaignRow, ViewError> {
    store.campaign_by_name(name).await?.ok_or_else(|| ViewError::Unknown(name.to_owned()))
}
