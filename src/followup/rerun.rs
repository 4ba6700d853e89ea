//! Trying again those who were not reached: who, why, and who might get a second copy.

use super::FollowupError;
use crate::approval;
use crate::domain::campaign::CampaignState;
use crate::domain::event::EntryKind;
use crate::domain::outcome::FailureClass;
use crate::domain::recipient::RecipientState;
use crate::ledger::entry::{By, Draft};
use crate::store::{CampaignRow, RecipientFilter, RecipientPage, RecipientRow, Store};

/// Recipients put back in one transaction: some milliseconds of work.
const GROUP: i64 = 1_000;
/// People that a plan lists by reference; it counts all of them.
const LISTED_MAX: usize = 1_000;

/// Whom a rerun takes; empty lists mean any. Without states: failed and bounced.
#[derive(Debug, Clone, Default)]
pub struct RerunFilter {
    /// States.
    pub states: Vec<RecipientState>,
    /// Classes.
    pub classes: Vec<FailureClass>,
    /// A domain's A-label.
    pub domain: Option<String>,
    /// The relay of the last attempt.
    pub relay: Option<String>,
    /// References.
    pub references: Vec<String>,
}

/// A rerun that is asked for.
#[derive(Debug, Clone, Default)]
pub struct RerunRequest {
    /// Whom it takes.
    pub filter: RerunFilter,
    /// Also those who cannot succeed.
    pub force: bool,
    /// Change nothing.
    pub dry_run: bool,
    /// Why, kept beside the ledger.
    pub reason: Option<String>,
}

/// What a rerun does, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RerunPlan {
    /// Put back to pending.
    pub moved: i64,
    /// Left alone, for they cannot succeed: bad addresses and domains, without `force`.
    pub skipped: i64,
    /// Of those moved, in doubt: they may get the notice twice.
    pub twice: i64,
    /// The first of those moved: reference, state, class.
    pub people: Vec<(String, String, Option<String>)>,
}

/// Puts people back to pending, each with an entry, and a finished campaign back to `sending`.
///
/// Running it again moves nobody a second time. With `dry_run` nothing changes.
///
/// # Errors
/// [`FollowupError`] where the campaign has not started, was cancelled, or a state is asked for that a rerun never touches.
pub async fn rerun(
    store: &Store,
    settings: &crate::config::Settings,
    by: &By,
    name: &str,
    request: &RerunRequest,
) -> Result<RerunPlan, FollowupError> {
    let RerunRequest { filter, force, dry_run, reason } = request;
    let (force, dry_run, reason) = (*force, *dry_run, reason.as_deref());
    let campaign = store.campaign_by_name(name).await?.ok_or_else(|| FollowupError::Unknown(name.to_owned()))?;
    let from = startable(&campaign)?;
    let wanted = wanted(filter)?;
    if !dry_run && from == CampaignState::Finished {
        let changed = approval::changed_settings(settings, &campaign)?;
        if !changed.is_empty() {
            let advice = "candor.toml no longer says what was approved: put it back first";
            return Err(FollowupError::State { campaign: campaign.name, state: campaign.state, advice });
        }
    }
    let mut plan = RerunPlan::default();
    let mut after = 0;
    loop {
        let rows = store.recipients(campaign.id, &wanted, RecipientPage { after, limit: GROUP }).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        let (able, hopeless): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| force || can_succeed(row));
        plan.skipped += count(hopeless.len());
        let moved = if dry_run { able } else { requeue(store, by, &campaign, able).await? };
        for row in moved {
            plan.moved += 1;
            plan.twice += i64::from(row.state == RecipientState::InDoubt.as_str());
            if plan.people.len() < LISTED_MAX {
                plan.people.push((row.reference, row.state, row.class));
            }
        }
    }
    if !dry_run {
        record(store, by, &campaign, from, &plan, reason).await?;
    }
    Ok(plan)
}

fn startable(campaign: &CampaignRow) -> Result<CampaignState, FollowupError> {
    let refuse =
        |advice| Err(FollowupError::State { campaign: campaign.name.clone(), state: campaign.state.clone(), advice });
    match CampaignState::parse(&campaign.state) {
        Some(state @ (CampaignState::Finished | CampaignState::Sending | CampaignState::Paused)) => Ok(state),
        Some(CampaignState::Cancelled) => refuse("a cancelled campaign is not sent again"),
        _ => refuse("nobody has been sent to yet"),
    }
}

fn wanted(filter: &RerunFilter) -> Result<RecipientFilter, FollowupError> {
    use RecipientState::{Bounced, Failed, InDoubt, Suppressed};
    let states = if filter.states.is_empty() { vec![Failed, Bounced] } else { filter.states.clone() };
    if let Some(other) = states.iter().find(|state| !matches!(state, Failed | Bounced | InDoubt | Suppressed)) {
        return Err(FollowupError::NotRerun(other.to_string()));
    }
    Ok(RecipientFilter {
        states: states.iter().map(ToString::to_string).collect(),
        classes: filter.classes.iter().map(ToString::to_string).collect(),
        jurisdictions: Vec::new(),
        references: filter.references.clone(),
        domain: filter.domain.clone(),
        relay: filter.relay.clone(),
    })
}

/// The same address will be refused again.
fn can_succeed(row: &RecipientRow) -> bool {
    let class = row.class.as_deref().and_then(FailureClass::parse);
    !matches!(class, Some(FailureClass::BadAddress | FailureClass::BadDomain))
}

async fn requeue(
    store: &Store,
    by: &By,
    campaign: &CampaignRow,
    rows: Vec<RecipientRow>,
) -> Result<Vec<RecipientRow>, FollowupError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut tx = store.begin().await?;
    let moved = tx.recipients_requeue(&ids, by.at).await?;
    let rows: Vec<RecipientRow> = rows.into_iter().filter(|row| moved.contains(&row.id)).collect();
    let entries = rows.iter().filter_map(|row| {
        let key = row.key.as_slice().try_into().ok()?;
        let entry = Draft::new(EntryKind::RecipientRequeued, &by.actor, Some(&campaign.name));
        Some(entry.about(row.id, key, &row.reference).with("from", row.state.clone()))
    });
    tx.append(by.at, entries.collect()).await?;
    tx.commit().await?;
    Ok(rows)
}

async fn record(
    store: &Store,
    by: &By,
    campaign: &CampaignRow,
    from: CampaignState,
    plan: &RerunPlan,
    reason: Option<&str>,
) -> Result<(), FollowupError> {
    let mut tx = store.begin().await?;
    let entry = by
        .entry(EntryKind::CampaignRerun, &campaign.name)
        .with("people", plan.moved)
        .with("skipped", plan.skipped)
        .with("in_doubt", plan.twice)
        .with_text("reason", reason);
    tx.append(by.at, vec![entry]).await?;
    if from == CampaignState::Finished && plan.moved > 0 {
        approval::resume_sending(&mut tx, by, campaign, from).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
