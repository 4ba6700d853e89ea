//! `campaign status`: the counts of one campaign, its pace and its times.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::{ViewError, named};
use crate::approval::{Forecast, Plan};
use crate::clock::{from_epoch_millis, rfc3339_millis};
use crate::config::Settings;
use crate::domain::campaign::CampaignState;
use crate::domain::recipient::RecipientState;
use crate::store::{BatchRow, CampaignRow, Store};

/// `campaign status`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    /// Its name.
    pub campaign: String,
    /// `CampaignState`.
    pub state: String,
    /// Why it is paused.
    pub reason: Option<String>,
    /// Audience, people of waiting batches, and rejected rows whose person is in neither.
    pub affected: i64,
    /// The sum over all states.
    pub audience: i64,
    /// Rejected rows whose person is in neither.
    pub rejected: i64,
    /// Accepted or delivered.
    pub told: i64,
    /// Its batches.
    pub batches: Vec<BatchView>,
    /// Every state, in the order of the interface.
    pub recipients: StateCounts,
    /// Failed and bounced, by class.
    pub failures: BTreeMap<String, i64>,
    /// Entries of kind `attempt`.
    pub attempts: i64,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub finished_at: Option<String>,
    /// Accepted, by the time spent sending.
    pub messages_per_second: Option<f64>,
    /// RFC 3339, while it is sending at a limited rate.
    pub expected_end: Option<String>,
    /// When it is to start, epoch milliseconds; for people.
    #[serde(skip)]
    pub scheduled_at: Option<i64>,
    /// When it started, epoch milliseconds; for people.
    #[serde(skip)]
    pub started_ms: Option<i64>,
    /// When it ended, epoch milliseconds; for people.
    #[serde(skip)]
    pub finished_ms: Option<i64>,
    /// When it is expected to end, epoch milliseconds; for people.
    #[serde(skip)]
    pub expected_end_ms: Option<i64>,
    /// When somebody is due next, epoch milliseconds; for people.
    #[serde(skip)]
    pub next_due: Option<i64>,
    /// For how many something more happens by itself.
    #[serde(skip)]
    pub unsettled: i64,
}

/// One batch.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BatchView {
    /// From 1.
    pub batch: i64,
    /// `BatchState`.
    pub state: String,
    /// People in it.
    pub people: i64,
}

/// How many people are in each state: all ten, in the order of the interface.
#[derive(Debug, Clone, Default)]
pub struct StateCounts(Vec<(RecipientState, i64)>);

impl StateCounts {
    /// How many are in a state.
    pub fn of(&self, state: RecipientState) -> i64 {
        self.0.iter().find(|(other, _)| *other == state).map_or(0, |(_, people)| *people)
    }
}

impl Serialize for StateCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (state, people) in &self.0 {
            map.serialize_entry(state, people)?;
        }
        map.end()
    }
}

impl Status {
    /// How many are in a state.
    pub fn count(&self, state: RecipientState) -> i64 {
        self.recipients.of(state)
    }

    /// How many were not told.
    pub fn not_told(&self) -> i64 {
        self.audience - self.told
    }
}

/// How a campaign stands. `now` is epoch milliseconds.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn status(store: &Store, settings: &Settings, name: &str, now: i64) -> Result<Status, ViewError> {
    let campaign = named(store, name).await?;
    let counts = store.state_counts(campaign.id).await?;
    let people =
        |state: &str| counts.iter().filter(|count| count.state == state).map(|count| count.people).sum::<i64>();
    let recipients = StateCounts(RecipientState::ALL.iter().map(|state| (*state, people(state.as_str()))).collect());
    let audience: i64 = counts.iter().map(|count| count.people).sum();
    let told = people("accepted") + people("delivered");
    let rejected = store.people_rejected(campaign.id).await?;
    let mut failures = BTreeMap::new();
    for row in store.failure_counts(campaign.id).await? {
        if ["failed", "bounced"].contains(&row.state.as_str()) {
            *failures.entry(row.class.unwrap_or_else(|| "other-permanent".into())).or_insert(0) += row.people;
        }
    }
    let resends: i64 = counts.iter().filter(|count| count.state == "in-doubt").map(|count| count.due).sum();
    let unsettled = people("pending") + people("sending") + people("deferred") + resends;
    let forecast = forecast(settings, &campaign, unsettled, now);
    let next_due = store.next_due(campaign.id, None).await?;
    #[expect(clippy::cast_precision_loss, reason = "people and milliseconds are far below 2^52")]
    let per_second = (told > 0 && campaign.active_ms > 0).then(|| told as f64 * 1000.0 / campaign.active_ms as f64);
    Ok(Status {
        affected: audience + store.people_waiting(campaign.id).await? + rejected,
        audience,
        rejected,
        told,
        batches: store.batches(campaign.id).await?.iter().map(batch_view).collect(),
        recipients,
        unsettled,
        failures,
        attempts: store.attempts_total(campaign.id).await?,
        started_at: campaign.started_at.map(rfc3339_millis),
        finished_at: campaign.finished_at.map(rfc3339_millis),
        messages_per_second: per_second.map(|rate| (rate * 10.0).round() / 10.0),
        expected_end: forecast.as_ref().and_then(|forecast| forecast.expected_end.clone()),
        scheduled_at: campaign.scheduled_at.filter(|_| campaign.started_at.is_none()),
        started_ms: campaign.started_at,
        finished_ms: campaign.finished_at,
        expected_end_ms: forecast.and_then(|forecast| forecast.expected_end_ms),
        next_due,
        campaign: campaign.name,
        state: campaign.state,
        reason: campaign.reason,
    })
}

fn forecast(settings: &Settings, campaign: &CampaignRow, people: i64, now: i64) -> Option<Forecast> {
    if campaign.state != CampaignState::Sending.as_str() {
        return None;
    }
    let plan = Plan::from_json(&campaign.settings).ok()?;
    Some(Forecast::of(settings, &plan, people, from_epoch_millis(now)))
}

fn batch_view(row: &BatchRow) -> BatchView {
    BatchView { batch: row.number, state: row.state.clone(), people: row.imported + row.suppressed }
}
