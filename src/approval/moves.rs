//! The moves of a whole campaign, each one transaction with the entry that explains it.

use serde_json::json;

use super::check::frozen_for_submit;
use super::{ApprovalError, Content};
use crate::config::Settings;
use crate::domain::campaign::{BatchState, CampaignState};
use crate::domain::event::EntryKind;
use crate::ledger::entry::{By, Draft};
use crate::store::{BatchRow, CampaignRow, StateChange, Store, Tx};

/// A campaign by name.
///
/// # Errors
/// [`ApprovalError::Unknown`].
pub(super) async fn named(store: &Store, name: &str) -> Result<CampaignRow, ApprovalError> {
    store.campaign_by_name(name).await?.ok_or_else(|| ApprovalError::Unknown(name.to_owned()))
}

/// The state of a row. The table's CHECK holds the same words as the closed set.
pub(super) fn state(campaign: &CampaignRow) -> Result<CampaignState, ApprovalError> {
    CampaignState::parse(&campaign.state)
        .ok_or_else(|| ApprovalError::Settings(format!("the campaign's state {:?} is unknown", campaign.state)))
}

pub(super) fn refuse<T>(campaign: &CampaignRow, advice: &'static str) -> Result<T, ApprovalError> {
    Err(ApprovalError::State { campaign: campaign.name.clone(), state: state(campaign)?, advice })
}

/// Hands a campaign, or a batch that waits, to the approvers, frozen as it is now.
///
/// # Errors
/// [`ApprovalError::Check`] while the check of exactly this content has errors or was not made;
/// [`ApprovalError::State`] where there is nothing to submit.
pub async fn submit(
    store: &Store,
    settings: &Settings,
    by: &By,
    name: &str,
    batch: Option<i64>,
    comment: Option<&str>,
) -> Result<(), ApprovalError> {
    let campaign = named(store, name).await?;
    let is_first = state(&campaign)? == CampaignState::Draft;
    if !is_first && matches!(state(&campaign)?, CampaignState::Cancelled) {
        return refuse(&campaign, "a cancelled campaign stays as it is");
    }
    let frozen = frozen_for_submit(store, settings, &campaign, by.at).await?;
    let mut tx = store.begin().await?;
    let moved = tx.batches_move(campaign.id, batch, BatchState::Waiting, BatchState::InReview).await?;
    if moved.is_empty() {
        return Err(if is_first {
            ApprovalError::Empty(name.to_owned())
        } else {
            ApprovalError::Batch(format!("{name} has no batch that waits to be submitted"))
        });
    }
    let date = frozen.content.notice_date.to_string();
    if is_first {
        tx.campaign_freeze(campaign.id, Some((&frozen.json, &frozen.hash)), Some(&date)).await?;
        let change = StateChange { from: CampaignState::Draft, to: CampaignState::InReview, reason: None };
        tx.campaign_move(campaign.id, change).await?;
    }
    let entry = by.entry(EntryKind::CampaignSubmitted, name).with("batches", moved).with("notice_date", date);
    let entry = with_content(entry, &frozen.content)?.with_text("comment", comment);
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(())
}

/// Approves what was submitted: the campaign with its batches, or one batch. `approvers` counts the people other than
/// the author who looked; 0 where nobody else did, which the entry then says.
///
/// # Errors
/// [`ApprovalError::Changed`] if a frozen setting is no longer as it was submitted; the campaign is then back in draft.
pub async fn approve(
    store: &Store,
    settings: &Settings,
    by: &By,
    name: &str,
    batch: Option<i64>,
    comment: Option<&str>,
    approvers: u32,
) -> Result<(), ApprovalError> {
    let campaign = named(store, name).await?;
    let is_first = state(&campaign)? == CampaignState::InReview;
    if state(&campaign)? == CampaignState::Draft {
        return refuse(&campaign, "submit it first, with `candor campaign submit`");
    }
    if is_first {
        back_to_draft_if_changed(store, settings, by, &campaign).await?;
    }
    let Some((content, _)) = Content::frozen(&campaign)? else {
        return refuse(&campaign, "submit it first, with `candor campaign submit`");
    };
    let mut tx = store.begin().await?;
    let reviewed: Vec<BatchRow> = tx.batches(campaign.id).await?;
    let waiting = reviewed.iter().filter(|row| row.state == BatchState::InReview.as_str());
    let waiting: Vec<&BatchRow> = waiting.filter(|row| batch.is_none_or(|number| number == row.number)).collect();
    if waiting.is_empty() {
        return Err(ApprovalError::Batch(format!(
            "{name} has no batch in review: submit one first, or see `campaign batches`"
        )));
    }
    if !is_first && batch.is_none() && waiting.len() > 1 {
        return Err(ApprovalError::Batch("several batches are in review: name one with --batch".into()));
    }
    tx.batches_move(campaign.id, batch, BatchState::InReview, BatchState::Approved).await?;
    let entries = if is_first {
        let change = StateChange { from: CampaignState::InReview, to: CampaignState::Approved, reason: None };
        tx.campaign_move(campaign.id, change).await?;
        let batches: Vec<_> = waiting.iter().map(|row| batch_value(row)).collect();
        let entry = by.entry(EntryKind::CampaignApproved, name).with("batches", batches).with("approvers", approvers);
        vec![with_content(entry, &content)?.with_text("comment", comment)]
    } else {
        let approved = waiting.iter().map(|row| {
            let entry = by.entry(EntryKind::BatchApproved, name).with("approvers", approvers);
            let entry = with_batch(entry, row);
            Ok(with_content(entry, &content)?.with_text("comment", comment))
        });
        approved.collect::<Result<Vec<Draft>, ApprovalError>>()?
    };
    tx.append(by.at, entries).await?;
    if state(&campaign)? == CampaignState::Finished {
        super::resume_sending(&mut tx, by, &campaign, CampaignState::Finished).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Sends a campaign back to `draft`, or refuses one batch.
///
/// # Errors
/// [`ApprovalError::Batch`] where nothing is in review.
pub async fn reject(
    store: &Store,
    by: &By,
    name: &str,
    batch: Option<i64>,
    comment: Option<&str>,
) -> Result<(), ApprovalError> {
    let campaign = named(store, name).await?;
    let mut tx = store.begin().await?;
    let is_first = state(&campaign)? == CampaignState::InReview;
    let to = if is_first { BatchState::Waiting } else { BatchState::Rejected };
    let moved = tx.batches_move(campaign.id, if is_first { None } else { batch }, BatchState::InReview, to).await?;
    if moved.is_empty() {
        return Err(ApprovalError::Batch(format!("{name} has nothing in review")));
    }
    if is_first {
        unfreeze(&mut tx, &campaign, CampaignState::InReview).await?;
    }
    let entry = by.entry(EntryKind::CampaignRejected, name).with("batches", moved).with_text("comment", comment);
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a batch that is not approved out of the campaign; it stays on record.
///
/// # Errors
/// [`ApprovalError::Batch`] where it is approved already, or not there.
pub async fn withdraw(store: &Store, by: &By, name: &str, batch: i64, reason: &str) -> Result<(), ApprovalError> {
    let campaign = named(store, name).await?;
    if state(&campaign)? == CampaignState::InReview {
        return refuse(&campaign, "reject it first: its batches are under review");
    }
    let mut tx = store.begin().await?;
    let mut moved = tx.batches_move(campaign.id, Some(batch), BatchState::Waiting, BatchState::Withdrawn).await?;
    if moved.is_empty() {
        moved = tx.batches_move(campaign.id, Some(batch), BatchState::InReview, BatchState::Withdrawn).await?;
    }
    if moved.is_empty() {
        return Err(ApprovalError::Batch(format!("{name} has no batch {batch} that can still be withdrawn")));
    }
    let entry = by.entry(EntryKind::BatchWithdrawn, name).with("batch", batch).with_text("reason", Some(reason));
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(())
}

/// Which frozen settings candor.toml no longer says.
///
/// # Errors
/// [`ApprovalError::Settings`] where From or a relay is missing altogether.
pub fn changed_settings(settings: &Settings, campaign: &CampaignRow) -> Result<Vec<&'static str>, ApprovalError> {
    let Some((frozen, _)) = Content::frozen(campaign)? else { return Ok(Vec::new()) };
    let now = Content::of(campaign, settings, frozen.notice_date)?;
    let mut changed = frozen.settings.changed(&now.settings);
    if now.notice_hash != frozen.notice_hash {
        changed.push("notice");
    }
    if now.incident_hash != frozen.incident_hash {
        changed.push("incident");
    }
    Ok(changed)
}

/// Before the start, a changed setting puts the campaign back to `draft`.
pub(super) async fn back_to_draft_if_changed(
    store: &Store,
    settings: &Settings,
    by: &By,
    campaign: &CampaignRow,
) -> Result<(), ApprovalError> {
    let changed = changed_settings(settings, campaign)?;
    if changed.is_empty() {
        return Ok(());
    }
    back_to_draft(store, by, campaign, &changed).await?;
    Err(ApprovalError::Changed { campaign: campaign.name.clone(), changed: changed.join(", ") })
}

/// Forgets submission and approval, and says what for.
pub(super) async fn back_to_draft(
    store: &Store,
    by: &By,
    campaign: &CampaignRow,
    changed: &[&str],
) -> Result<(), ApprovalError> {
    let from = state(campaign)?;
    let mut tx = store.begin().await?;
    unfreeze(&mut tx, campaign, from).await?;
    for batch_state in [BatchState::InReview, BatchState::Approved] {
        tx.batches_move(campaign.id, None, batch_state, BatchState::Waiting).await?;
    }
    let entry = by.entry(EntryKind::CampaignChanged, &campaign.name).with("changed", json!(changed));
    tx.append(by.at, vec![entry.with("state", CampaignState::Draft.as_str())]).await?;
    tx.commit().await?;
    Ok(())
}

async fn unfreeze(tx: &mut Tx<'_>, campaign: &CampaignRow, from: CampaignState) -> Result<(), ApprovalError> {
    tx.campaign_freeze(campaign.id, None, None).await?;
    tx.campaign_move(campaign.id, StateChange { from, to: CampaignState::Draft, reason: None }).await?;
    Ok(())
}

pub(super) fn with_content(entry: Draft, content: &Content) -> Result<Draft, ApprovalError> {
    Ok(entry
        .with_hash("notice", &content.notice_hash)
        .with_hash("incident", &content.incident_hash)
        .with_hash("settings", &content.settings.hash()?))
}

fn with_batch(entry: Draft, batch: &BatchRow) -> Draft {
    let value = batch_value(batch);
    ["batch", "people", "rows", "rendered"]
        .into_iter()
        .fold(entry, |entry, field| entry.with(field, value[field].clone()))
}

fn batch_value(batch: &BatchRow) -> serde_json::Value {
    json!({
        "batch": batch.number,
        "people": batch.imported + batch.suppressed,
        "rows": batch.rows_root.as_deref().map(hex::encode),
        "rendered": batch.rendered_root.as_deref().map(hex::encode),
    })
}
