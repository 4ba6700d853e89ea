//! Making a campaign and changing what it says, as long as that may still change.

use std::path::Path;

use super::moves::{back_to_draft, named, refuse, state};
use super::{ApprovalError, Content, Plan};
use crate::config::Settings;
use crate::domain::campaign::CampaignState;
use crate::domain::event::EntryKind;
use crate::domain::ids::CampaignName;
use crate::domain::incident::Incident;
use crate::domain::rate::Rate;
use crate::domain::when::Window;
use crate::ledger::entry::By;
use crate::notice::TemplateSet;
use crate::store::{CampaignRow, NewCampaign, Store};

/// Largest `incident.toml` that is read: a hundred times what one needs.
const INCIDENT_OCTETS_MAX: u64 = 1_000_000;

/// Where content comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'a> {
    /// `incident.toml`.
    pub incident: Option<&'a Path>,
    /// The notice's folder.
    pub notice: Option<&'a Path>,
}

/// Makes a campaign in `draft`; incident and notice are copied into the database.
///
/// # Errors
/// [`ApprovalError`] for a name that is taken, an incident or a notice that cannot be read.
pub async fn create(
    store: &Store,
    by: &By,
    name: &CampaignName,
    incident: &Path,
    notice: &Path,
) -> Result<(), ApprovalError> {
    let incident = read_incident(incident)?;
    let notice = TemplateSet::read_dir(notice)?;
    let (json, hash) = (notice.to_json(), notice.hash());
    let new = NewCampaign {
        name: name.as_str(),
        author: by.name(),
        at: by.at,
        incident: &incident,
        notice: &json,
        notice_hash: &hash,
    };
    let mut tx = store.begin().await?;
    tx.campaign_create(&new).await?;
    let entry = by.entry(EntryKind::CampaignCreated, name.as_str()).with_hash("notice", &hash);
    let entry = entry.with_hash("incident", &crate::crypto::sha256(&[incident.as_bytes()]));
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(())
}

/// Replaces incident or notice. Before the start the campaign goes back to `draft`. Returns whether it did.
///
/// # Errors
/// [`ApprovalError::Frozen`] once it has started.
pub async fn update(store: &Store, by: &By, name: &str, sources: Sources<'_>) -> Result<bool, ApprovalError> {
    let campaign = named(store, name).await?;
    let was = state(&campaign)?;
    if !was.is_before_start() {
        return Err(ApprovalError::Frozen { campaign: campaign.name, state: was, what: "incident and notice" });
    }
    let incident = sources.incident.map(read_incident).transpose()?.unwrap_or_else(|| campaign.incident.clone());
    let (notice, hash) = match sources.notice {
        Some(folder) => {
            let set = TemplateSet::read_dir(folder)?;
            (set.to_json(), set.hash().to_vec())
        }
        None => (campaign.notice.clone(), campaign.notice_hash.clone()),
    };
    let mut changed = Vec::new();
    if incident != campaign.incident {
        changed.push("incident");
    }
    if hash != campaign.notice_hash {
        changed.push("notice");
    }
    if changed.is_empty() {
        return Ok(false);
    }
    let goes_back = was != CampaignState::Draft;
    if goes_back {
        back_to_draft(store, by, &campaign, &changed).await?;
    }
    let mut tx = store.begin().await?;
    tx.campaign_set_content(campaign.id, &incident, &notice, &hash).await?;
    let entry = by.entry(EntryKind::CampaignChanged, name).with("changed", changed).with("state", "draft");
    let entry = entry.with("notice", hex::encode(&hash));
    let entry = entry.with_hash("incident", &crate::crypto::sha256(&[incident.as_bytes()]));
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(goes_back)
}

/// What `campaign settings` was asked to set.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The campaign's own rate.
    pub rate: Option<Rate>,
    /// Its relays, in order; empty: as they were.
    pub relays: Vec<String>,
    /// Its window.
    pub window: Option<Window>,
    /// Its connections.
    pub connections: Option<u32>,
}

/// Changes a campaign's own settings. What is frozen and differs puts it back to `draft` before the start, and is refused
/// after it. Returns whether it went back.
///
/// # Errors
/// [`ApprovalError::RateRaised`], [`ApprovalError::Frozen`], or an unknown relay.
pub async fn settings(
    store: &Store,
    settings: &Settings,
    by: &By,
    name: &str,
    wanted: &Wanted,
) -> Result<bool, ApprovalError> {
    let campaign = named(store, name).await?;
    let was = state(&campaign)?;
    if matches!(was, CampaignState::Finished | CampaignState::Cancelled) {
        return refuse(&campaign, "its settings no longer matter");
    }
    let mut plan = Plan::from_json(&campaign.settings)?;
    if let Some(unknown) = wanted.relays.iter().find(|relay| settings.relay(relay).is_none()) {
        return Err(ApprovalError::Settings(format!("there is no relay {unknown:?} in the configuration")));
    }
    wanted.rate.into_iter().for_each(|rate| plan.set_rate(rate));
    wanted.window.into_iter().for_each(|window| plan.set_window(window));
    plan.connections = wanted.connections.or(plan.connections);
    if !wanted.relays.is_empty() {
        plan.relays.clone_from(&wanted.relays);
    }
    let after = CampaignRow { settings: plan.to_json(), ..campaign.clone() };
    let mut goes_back = false;
    if let Some((frozen, _)) = Content::frozen(&campaign)? {
        let now = Content::of(&after, settings, frozen.notice_date)?;
        let mut changed = frozen.settings.changed(&now.settings);
        if !was.is_before_start() {
            // What else differs is candor.toml's doing: the worker pauses for it, and slowing down stays possible.
            changed.retain(|what| ["rate", "relays"].contains(what));
            if changed == ["rate"] {
                let approved = frozen.settings.rate().to_string();
                return Err(ApprovalError::RateRaised { campaign: campaign.name, state: was, approved });
            }
            if !changed.is_empty() {
                return Err(ApprovalError::Frozen { campaign: campaign.name, state: was, what: "relays" });
            }
        }
        goes_back = !changed.is_empty();
        if goes_back {
            back_to_draft(store, by, &campaign, &changed).await?;
        }
    }
    let mut tx = store.begin().await?;
    tx.campaign_set_settings(campaign.id, &after.settings).await?;
    let state_now = if goes_back { CampaignState::Draft } else { was };
    let mut entry = by.entry(EntryKind::CampaignChanged, name).with("changed", vec!["settings"]);
    entry = entry.with("state", state_now.as_str()).with("rate", plan.rate(settings).to_string());
    entry = entry.with("relays", plan.relay_names(settings)).with("connections", plan.connections);
    entry = entry.with("window", plan.window().map(|window| window.to_string()));
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(goes_back)
}

fn read_incident(path: &Path) -> Result<String, ApprovalError> {
    let fail = |why: String| ApprovalError::Settings(format!("the incident {} cannot be read: {why}", path.display()));
    let metadata = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?;
    if metadata.len() > INCIDENT_OCTETS_MAX {
        return Err(fail("it is larger than a megabyte".into()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let incident = Incident::from_toml(&text)?;
    serde_json::to_string(&incident).map_err(|error| fail(error.to_string()))
}
