//! When a campaign starts: by whom it is asked for, and what happens when its time has come or gone.

use chrono_tz::Tz;

use super::moves::{back_to_draft, back_to_draft_if_changed, named, refuse, state};
use super::running::pause_for;
use super::{ApprovalError, Content};
use crate::config::Settings;
use crate::domain::campaign::{CampaignState, reason};
use crate::domain::event::EntryKind;
use crate::domain::rate::Rate;
use crate::domain::when::Window;
use crate::ledger::entry::By;
use crate::store::{CampaignRow, StateChange, Store};

/// A start that is asked for.
#[derive(Debug, Clone)]
pub struct ScheduleRequest {
    /// Epoch milliseconds; `None`: now.
    pub at: Option<i64>,
    /// The zone that it was given in.
    pub zone: Tz,
    /// A window to keep to.
    pub window: Option<Window>,
    /// A rate of its own.
    pub rate: Option<Rate>,
    /// Pause after so many.
    pub canary: Option<u32>,
    /// The number of people that the caller expects.
    pub expect: Option<i64>,
}

/// What became of a campaign whose time had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It is sending, so many milliseconds after its time.
    Started {
        /// Milliseconds.
        late_ms: i64,
    },
    /// It waits for an operator: `late-start`, `settings-changed` (they no longer say enough to send at all) or
    /// `not-as-approved`.
    Held(&'static str),
    /// These frozen settings are no longer as approved: it has to be checked and approved anew.
    BackToDraft(Vec<&'static str>),
    /// Somebody else moved it first.
    Gone,
}

/// People of the approved batches.
///
/// # Errors
/// Those of the database.
pub async fn audience(store: &Store, campaign: &CampaignRow) -> Result<i64, ApprovalError> {
    Ok(store.state_counts(campaign.id).await?.iter().map(|count| count.people).sum())
}

/// Schedules an approved campaign; a scheduled or late one is scheduled anew.
///
/// # Errors
/// [`ApprovalError::Expected`], [`ApprovalError::Past`], [`ApprovalError::Changed`], or a state that does not allow it.
pub async fn schedule(
    store: &Store,
    settings: &Settings,
    by: &By,
    name: &str,
    request: &ScheduleRequest,
) -> Result<i64, ApprovalError> {
    let wanted = super::Wanted { rate: request.rate, window: request.window, ..Default::default() };
    let campaign = named(store, name).await?;
    let from = state(&campaign)?;
    let is_late = from == CampaignState::Paused && campaign.started_at.is_none();
    if !(matches!(from, CampaignState::Approved | CampaignState::Scheduled) || is_late) {
        return refuse(&campaign, "only an approved campaign can be scheduled");
    }
    let people = audience(store, &campaign).await?;
    if let Some(expected) = request.expect.filter(|expected| *expected != people) {
        return Err(ApprovalError::Expected { campaign: campaign.name, people, expected });
    }
    let at = request.at.unwrap_or(by.at);
    if at < by.at {
        return Err(ApprovalError::Past(crate::clock::rfc3339_millis(at)));
    }
    back_to_draft_if_changed(store, settings, by, &campaign).await?;
    if wanted.rate.is_some() || wanted.window.is_some() {
        let goes_back = super::settings(store, settings, by, name, &wanted).await?;
        if goes_back {
            return Err(ApprovalError::Changed { campaign: campaign.name, changed: "rate".into() });
        }
    }
    let mut tx = store.begin().await?;
    let change = StateChange { from, to: CampaignState::Scheduled, reason: None };
    tx.campaign_move(campaign.id, change).await?;
    tx.campaign_schedule(campaign.id, at, request.zone.name(), request.canary.map(i64::from)).await?;
    let entry = by
        .entry(EntryKind::CampaignScheduled, name)
        .with("start", crate::clock::rfc3339_millis(at))
        .with("zone", request.zone.name())
        .with("canary", request.canary)
        .with("people", people);
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(people)
}

/// Starts a scheduled campaign whose time has come: at once if it is late by less than `delivery.late_start`, else it is
/// paused until an operator decides.
///
/// # Errors
/// Those of the database.
pub async fn start_due(
    store: &Store,
    settings: &Settings,
    by: &By,
    campaign: &CampaignRow,
) -> Result<Start, ApprovalError> {
    let at = campaign.scheduled_at.unwrap_or(by.at);
    let late_ms = by.at - at;
    let result = if late_ms > i64::try_from(settings.delivery.late_start.as_millis()).unwrap_or(i64::MAX) {
        pause_for(store, by, campaign, reason::LATE_START).await.map(|()| Start::Held(reason::LATE_START))
    } else {
        match super::changed_settings(settings, campaign) {
            Ok(changed) if changed.is_empty() => begin(store, by, campaign, late_ms).await,
            // Nobody updated them: they were edited in the database.
            Ok(changed) if changed.contains(&"notice") || changed.contains(&"incident") => {
                pause_for(store, by, campaign, reason::NOT_AS_APPROVED)
                    .await
                    .map(|()| Start::Held(reason::NOT_AS_APPROVED))
            }
            Ok(changed) => back_to_draft(store, by, campaign, &changed).await.map(|()| Start::BackToDraft(changed)),
            Err(_) => pause_for(store, by, campaign, reason::SETTINGS_CHANGED)
                .await
                .map(|()| Start::Held(reason::SETTINGS_CHANGED)),
        }
    };
    match result {
        Err(ApprovalError::Store(crate::store::StoreError::Conflict(_))) => Ok(Start::Gone),
        other => other,
    }
}

async fn begin(store: &Store, by: &By, campaign: &CampaignRow, late_ms: i64) -> Result<Start, ApprovalError> {
    let mut entry = by.entry(EntryKind::CampaignStarted, &campaign.name).with("late_ms", late_ms);
    if let Some((content, _)) = Content::frozen(campaign)? {
        entry = super::moves::with_content(entry, &content)?;
    }
    let mut tx = store.begin().await?;
    let change = StateChange { from: CampaignState::Scheduled, to: CampaignState::Sending, reason: None };
    tx.campaign_move(campaign.id, change).await?;
    tx.append(by.at, vec![entry]).await?;
    tx.campaign_started(campaign.id, by.at).await?;
    tx.commit().await?;
    Ok(Start::Started { late_ms })
}
