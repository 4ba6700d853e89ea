//! What approval freezes, and the hash of it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ApprovalError, Plan};
use crate::config::Settings;
use crate::crypto::{self, Hash};
use crate::domain::rate::Rate;
use crate::ledger::canonical;
use crate::store::{BatchRow, CampaignRow};

/// The settings that approval freezes (interface.md, "Campaign states").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenSettings {
    /// The From header's name and address.
    from: String,
    /// The Reply-To header's.
    reply_to: Option<String>,
    /// The envelope sender, with `{tag}`.
    return_path: Option<String>,
    /// What templates see as `organization.name`.
    organization: String,
    /// What templates see as `organization.postal_address`.
    postal_address: String,
    /// Hosts that may be linked to.
    link_hosts: Vec<String>,
    /// Relays that may be used.
    relays: Vec<String>,
    /// Domains that sign.
    dkim_domains: Vec<String>,
    /// The highest rate.
    rate: String,
}

/// Everything that approval freezes, but for the people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 of the template set.
    pub notice_hash: Hash,
    /// SHA-256 of the incident.
    pub incident_hash: Hash,
    /// The settings.
    pub settings: FrozenSettings,
    /// `notice.date`.
    pub notice_date: NaiveDate,
}

impl FrozenSettings {
    /// The settings as they would be frozen now.
    ///
    /// # Errors
    /// [`ApprovalError::Settings`] where From or a relay is missing.
    pub fn of(settings: &Settings, plan: &Plan) -> Result<Self, ApprovalError> {
        let missing = |what: &str| ApprovalError::Settings(what.to_owned());
        let from = settings.organization.from.as_ref().ok_or_else(|| {
            missing("organization.from is not set: candor.toml has to say who writes, as in from = \"Care <care@example.com>\"")
        })?;
        let relays = plan.relay_names(settings);
        if let Some(unknown) = relays.iter().find(|name| settings.relay(name).is_none()) {
            return Err(missing(&format!(
                "there is no relay {unknown:?} in the configuration: add [relays.{unknown}], or choose another with `campaign settings --relay`"
            )));
        }
        let header = |sender: &crate::config::Sender| json!([sender.name, sender.mailbox.reveal()]).to_string();
        Ok(Self {
            from: header(from),
            reply_to: settings.organization.reply_to.as_ref().map(header),
            return_path: settings.organization.return_path.as_ref().map(|path| path.template.clone()),
            organization: settings.organization.name.clone(),
            postal_address: settings.organization.postal_address.clone(),
            link_hosts: settings.organization.link_hosts.clone(),
            relays,
            dkim_domains: settings.delivery.dkim.iter().map(|dkim| dkim.domain.clone()).collect(),
            rate: plan.rate(settings).to_string(),
        })
    }

    /// The highest rate that was approved.
    pub fn rate(&self) -> Rate {
        self.rate.parse().unwrap_or(Rate::Unlimited)
    }

    /// Which settings `now` differ from these in a way that approval forbids: anything but a lower rate.
    pub fn changed(&self, now: &Self) -> Vec<&'static str> {
        let is_faster = self.rate().min(now.rate()) != now.rate();
        [
            ("organization.from", self.from != now.from),
            ("organization.reply_to", self.reply_to != now.reply_to),
            ("organization.return_path", self.return_path != now.return_path),
            ("organization.name", self.organization != now.organization),
            ("organization.postal_address", self.postal_address != now.postal_address),
            ("organization.link_hosts", self.link_hosts != now.link_hosts),
            ("relays", now.relays.iter().any(|name| !self.relays.contains(name))),
            ("delivery.dkim", self.dkim_domains != now.dkim_domains),
            ("rate", is_faster),
        ]
        .into_iter()
        .filter_map(|(name, is_changed)| is_changed.then_some(name))
        .collect()
    }

    /// SHA-256 of the canonical form.
    ///
    /// # Errors
    /// [`ApprovalError::Canonical`], which texts never cause.
    pub fn hash(&self) -> Result<Hash, ApprovalError> {
        Ok(crypto::sha256(&[&canonical::to_bytes(&self.to_value())?]))
    }

    fn to_value(&self) -> Value {
        // A struct of texts always has a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Content {
    /// The content of a campaign as it would be frozen now, or, once it was submitted, with the date of then.
    ///
    /// # Errors
    /// As [`FrozenSettings::of`].
    pub fn of(campaign: &CampaignRow, settings: &Settings, today: NaiveDate) -> Result<Self, ApprovalError> {
        let plan = Plan::from_json(&campaign.settings)?;
        let frozen_date = campaign.notice_date.as_deref().and_then(|text| text.parse().ok());
        Ok(Self {
            notice_hash: campaign.notice_hash.as_slice().try_into().unwrap_or_default(),
            incident_hash: crypto::sha256(&[campaign.incident.as_bytes()]),
            settings: FrozenSettings::of(settings, &plan)?,
            notice_date: frozen_date.unwrap_or(today),
        })
    }

    /// The content that a campaign was submitted with, and the hash of it with its people; `None` before that.
    ///
    /// # Errors
    /// [`ApprovalError::Settings`] for something this program did not write.
    pub fn frozen(campaign: &CampaignRow) -> Result<Option<(Self, Hash)>, ApprovalError> {
        let (Some(json), Some(hash)) = (&campaign.frozen, &campaign.frozen_hash) else { return Ok(None) };
        let damaged = || ApprovalError::Settings("what was frozen at submission cannot be read any more".into());
        let value: Value = serde_json::from_str(json).map_err(|_| damaged())?;
        let hash_of = |name: &str| -> Option<Hash> { hex::decode(value[name].as_str()?).ok()?.try_into().ok() };
        let content = Self {
            notice_hash: hash_of("notice").ok_or_else(damaged)?,
            incident_hash: hash_of("incident").ok_or_else(damaged)?,
            settings: serde_json::from_value(value["settings"].clone()).map_err(|_| damaged())?,
            notice_date: value["notice_date"].as_str().and_then(|text| text.parse().ok()).ok_or_else(damaged)?,
        };
        if crypto::sha256(&[json.as_bytes()]).as_slice() != hash.as_slice() {
            return Err(damaged());
        }
        Ok(Some((content, hash.as_slice().try_into().unwrap_or_default())))
    }

    /// The canonical form with these batches' people, and its hash: what a check and an approval stand for.
    ///
    /// # Errors
    /// [`ApprovalError::Canonical`], which texts never cause.
    pub fn with_people(&self, batches: &[&BatchRow]) -> Result<(String, Hash), ApprovalError> {
        let audience = batches
            .iter()
            .map(|batch| json!({"batch": batch.number, "rows": batch.rows_root.as_deref().map(hex::encode)}));
        let value = json!({
            "type": "candor/frozen/1",
            "notice": hex::encode(self.notice_hash),
            "incident": hex::encode(self.incident_hash),
            "settings": self.settings.to_value(),
            "notice_date": self.notice_date.to_string(),
            "audience": audience.collect::<Vec<Value>>(),
        });
        let bytes = canonical::to_bytes(&value)?;
        let hash = crypto::sha256(&[&bytes]);
        Ok((String::from_utf8_lossy(&bytes).into_owned(), hash))
    }

    /// The hash without people: what a rendering of anybody depends on.
    ///
    /// # Errors
    /// As [`Content::with_people`].
    pub fn hash(&self) -> Result<Hash, ApprovalError> {
        Ok(self.with_people(&[])?.1)
    }
}
