//! The moves of a campaign that has a start: pause, resume, cancel, finish. Each is one transaction with its entry.

use super::ApprovalError;
use super::moves::{changed_settings, named, refuse, state};
use crate::config::Settings;
use crate::domain::campaign::{CampaignState, reason};
use crate::domain::event::EntryKind;
use crate::domain::recipient::RecipientState;
use crate::ledger::entry::By;
use crate::store::{CampaignRow, StateChange, Store, StoreError, Tx};

/// Recipients settled in one transaction when a campaign is cancelled: some milliseconds of work.
const SWEEP_GROUP: i64 = 5_000;

/// Stops a campaign until somebody resumes it. Nothing new leaves once this has returned, but for what had begun.
///
/// # Errors
/// [`ApprovalError::State`] unless it is scheduled or sending.
pub async fn pause(store: &Store, by: &By, name: &str) -> Result<(), ApprovalError> {
    let campaign = named(store, name).await?;
    match state(&campaign)? {
        CampaignState::Scheduled | CampaignState::Sending => {}
        CampaignState::Paused => return Ok(()),
        _ => return refuse(&campaign, "only what is scheduled or sending can be paused"),
    }
    pause_for(store, by, &campaign, reason::OPERATOR).await?;
    Ok(())
}

/// The same by the worker itself, with one of `campaign::reason`. Returns whether it was still running.
///
/// # Errors
/// Those of the database.
pub async fn pause_by_worker(store: &Store, by: &By, name: &str, reason: &'static str) -> Result<bool, ApprovalError> {
    let campaign = named(store, name).await?;
    if !matches!(state(&campaign)?, CampaignState::Scheduled | CampaignState::Sending) {
        return Ok(false);
    }
    match pause_for(store, by, &campaign, reason).await {
        Ok(()) => Ok(true),
        // Somebody else moved it first.
        Err(ApprovalError::Store(StoreError::Conflict(_))) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) async fn pause_for(
    store: &Store,
    by: &By,
    campaign: &CampaignRow,
    reason: &'static str,
) -> Result<(), ApprovalError> {
    let mut tx = store.begin().await?;
    let change = StateChange { from: state(campaign)?, to: CampaignState::Paused, reason: Some(reason) };
    tx.campaign_move(campaign.id, change).await?;
    if reason == reason::CANARY {
        tx.campaign_canary_done(campaign.id).await?;
    }
    let entry = by.entry(EntryKind::CampaignPaused, &campaign.name).with("reason", reason);
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(())
}

/// Goes on with a paused campaign: to `sending`, or back to `scheduled` where its start is still to come.
///
/// # Errors
/// [`ApprovalError::Changed`] while the settings differ from what was approved.
pub async fn resume(store: &Store, settings: &Settings, by: &By, name: &str) -> Result<CampaignState, ApprovalError> {
    let campaign = named(store, name).await?;
    if state(&campaign)? != CampaignState::Paused {
        return refuse(&campaign, "only a paused campaign can be resumed");
    }
    let changed = changed_settings(settings, &campaign)?;
    if !changed.is_empty() {
        return Err(ApprovalError::Settings(format!(
            "{name} stays paused, for candor.toml no longer says what was approved ({}): put it back",
            changed.join(", ")
        )));
    }
    let starts_later = campaign.started_at.is_none() && campaign.scheduled_at.is_some_and(|at| at > by.at);
    let to = if starts_later { CampaignState::Scheduled } else { CampaignState::Sending };
    let mut tx = store.begin().await?;
    tx.campaign_move(campaign.id, StateChange { from: CampaignState::Paused, to, reason: None }).await?;
    tx.append(by.at, vec![by.entry(EntryKind::CampaignResumed, name).with("state", to.as_str())]).await?;
    if to == CampaignState::Sending {
        tx.campaign_started(campaign.id, by.at).await?;
    }
    tx.commit().await?;
    Ok(to)
}

/// Ends a campaign for good: whoever was not accepted is cancelled. Returns how many that are.
///
/// # Errors
/// [`ApprovalError::State`] for a finished one.
pub async fn cancel(store: &Store, by: &By, name: &str) -> Result<u64, ApprovalError> {
    let campaign = named(store, name).await?;
    let from = state(&campaign)?;
    if from == CampaignState::Finished {
        return refuse(&campaign, "everybody is settled, there is nothing to cancel");
    }
    if from != CampaignState::Cancelled {
        let mut tx = store.begin().await?;
        tx.campaign_move(campaign.id, StateChange { from, to: CampaignState::Cancelled, reason: None }).await?;
        tx.append(by.at, vec![by.entry(EntryKind::CampaignCancelled, name)]).await?;
        tx.commit().await?;
    }
    let mut cancelled = 0;
    loop {
        let swept = store.cancelled_sweep(campaign.id, SWEEP_GROUP).await?;
        cancelled += swept;
        if swept == 0 {
            return Ok(cancelled);
        }
    }
}

/// Ends a campaign in which everybody is settled. Returns whether it did.
///
/// # Errors
/// Those of the database.
pub async fn finish(store: &Store, by: &By, campaign: &CampaignRow) -> Result<bool, ApprovalError> {
    let counts = store.state_counts(campaign.id).await?;
    let mut entry = by.entry(EntryKind::CampaignFinished, &campaign.name);
    entry = entry.with("audience", counts.iter().map(|count| count.people).sum::<i64>());
    for state in RecipientState::ALL {
        let people: i64 = counts.iter().filter(|count| count.state == state.as_str()).map(|count| count.people).sum();
        entry = entry.with(state.as_str(), people);
    }
    let mut tx = store.begin().await?;
    if !tx.campaign_finish(campaign.id, by.at).await? {
        return Ok(false);
    }
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(true)
}

/// Puts a finished campaign back to `sending`, within the caller's transaction.
///
/// # Errors
/// Those of the database.
pub async fn resume_sending(
    tx: &mut Tx<'_>,
    by: &By,
    campaign: &CampaignRow,
    from: CampaignState,
) -> Result<(), ApprovalError> {
    tx.campaign_move(campaign.id, StateChange { from, to: CampaignState::Sending, reason: None }).await?;
    let entry = by.entry(EntryKind::CampaignResumed, &campaign.name).with("state", CampaignState::Sending.as_str());
    tx.append(by.at, vec![entry]).await?;
    tx.campaign_started(campaign.id, by.at).await?;
    Ok(())
}
