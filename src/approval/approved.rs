//! [`Approved`]: a campaign that may be sent. Only [`load`] makes one, from what was approved.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;

use super::{ApprovalError, Content, Plan};
use crate::config::Settings;
use crate::crypto::Hash;
use crate::domain::incident::Incident;
use crate::domain::rate::Rate;
use crate::domain::when::Window;
use crate::notice::{Composer, Notice, Organization, TemplateSet};
use crate::store::{BatchRow, CampaignRow, Store};

/// A campaign with the words that were approved for it.
#[derive(Clone)]
pub struct Approved {
    row: CampaignRow,
    notice: Arc<Notice>,
    composer: Arc<Composer>,
    organization: Arc<Organization>,
    notice_hash: Hash,
    rate: Rate,
    plan: Plan,
    relays: Vec<String>,
}

impl Approved {
    /// The campaign's row as it was loaded.
    pub fn row(&self) -> &CampaignRow {
        &self.row
    }

    /// The compiled notice.
    pub fn notice(&self) -> &Arc<Notice> {
        &self.notice
    }

    /// What writes the messages of its copies.
    pub fn composer(&self) -> &Arc<Composer> {
        &self.composer
    }

    /// Who writes.
    pub fn organization(&self) -> &Arc<Organization> {
        &self.organization
    }

    /// SHA-256 of the approved template set.
    pub fn notice_hash(&self) -> &Hash {
        &self.notice_hash
    }

    /// The rate in force: never more than was approved.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// The hours in which it may be sent.
    pub fn window(&self) -> Option<Window> {
        self.plan.window()
    }

    /// Relays that it may use, in order.
    pub fn relays(&self) -> &[String] {
        &self.relays
    }

    /// At most so many connections at once, of all relays.
    pub fn connections(&self) -> Option<u32> {
        self.plan.connections
    }
}

/// Loads a campaign that was approved, with the settings of now checked against what was frozen.
///
/// # Errors
/// [`ApprovalError::Settings`] where they differ, naming the settings.
pub async fn load(store: &Store, settings: &Settings, row: CampaignRow) -> Result<Approved, ApprovalError> {
    let changed = super::changed_settings(settings, &row)?;
    if !changed.is_empty() {
        return Err(ApprovalError::Settings(format!("changed since the approval: {}", changed.join(", "))));
    }
    let Some((frozen, _)) = Content::frozen(&row)? else {
        return Err(ApprovalError::Settings("the campaign was never submitted".into()));
    };
    let batches = store.batches(row.id).await?;
    let organization = organization(settings)?;
    let notice = compile(&row, &organization, frozen.notice_date, &batches)?;
    let composer = Composer::new(&notice, &organization);
    let composer = composer.map_err(|error| ApprovalError::Settings(error.to_string()))?;
    let plan = Plan::from_json(&row.settings)?;
    let rate = frozen.settings.rate().min(plan.rate(settings));
    let relays = plan.relay_names(settings);
    Ok(Approved {
        row,
        notice: Arc::new(notice),
        composer: Arc::new(composer),
        organization: Arc::new(organization),
        notice_hash: frozen.notice_hash,
        rate,
        plan,
        relays,
    })
}

/// The organisation as templates and headers see it.
pub(crate) fn organization(settings: &Settings) -> Result<Organization, ApprovalError> {
    let from = settings.organization.from.as_ref().ok_or_else(|| {
        ApprovalError::Settings("organization.from is not set: candor.toml has to say who writes".into())
    })?;
    Ok(Organization {
        name: settings.organization.name.clone(),
        from: (from.name.clone(), from.mailbox.clone()),
        reply_to: settings.organization.reply_to.as_ref().map(|sender| sender.mailbox.clone()),
        postal_address: settings.organization.postal_address.clone(),
    })
}

/// Compiles a campaign's notice for the columns that its lists have.
pub(crate) fn compile(
    row: &CampaignRow,
    organization: &Organization,
    date: NaiveDate,
    batches: &[BatchRow],
) -> Result<Notice, ApprovalError> {
    let damaged = |error: serde_json::Error| ApprovalError::Settings(format!("the campaign's incident: {error}"));
    let incident: Incident = serde_json::from_str(&row.incident).map_err(damaged)?;
    let set = TemplateSet::from_json(&row.notice)?;
    let columns = batches.iter().filter_map(|batch| serde_json::from_str::<Vec<String>>(&batch.columns).ok());
    let columns: BTreeSet<String> = columns.flatten().collect();
    Ok(Notice::compile(&set, &incident, organization, date, &columns)?)
}
