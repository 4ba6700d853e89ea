//! The campaigns of an installation, and the batches of one.

use serde::Serialize;

use super::{ViewError, named};
use crate::clock::rfc3339_millis;
use crate::store::{BatchRow, Store};

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

/// Batches that a list read by the worker brought in and that nobody has approved yet: they wait for an explicit approval,
/// also where no user exists.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn batches_for_somebody_to_approve(store: &Store, name: &str) -> Result<Vec<i64>, ViewError> {
    let campaign = named(store, name).await?;
    let is_open = |row: &BatchRow| ["waiting", "in-review"].contains(&row.state.as_str());
    let batches = store.batches(campaign.id).await?;
    Ok(batches.iter().filter(|row| row.kind == "source" && is_open(row)).map(|row| row.number).collect())
}
