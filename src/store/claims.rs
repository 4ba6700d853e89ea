//! Who may be sent to next: read in the order of the index, never twice in one pass, without a write. What a worker holds in
//! memory is a claim of the one worker that the lock beside the database lets live; it becomes durable with
//! [`super::Begin`], before the message leaves.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ClaimableRow, OnlyTo, Store, StoreError, sql};
use crate::domain::recipient::RecipientState;

/// What is wanted next for one campaign.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The campaign's row; claims come from its approved batches while it is sending.
    pub campaign_id: i64,
    /// At most so many.
    pub limit: i64,
    /// Only what is due by then, epoch milliseconds.
    pub now: i64,
    /// `[safety] only_to`, where it is set.
    pub only_to: Option<OnlyTo>,
    /// How far the pass has come.
    pub pass: Pass,
    /// Recipients that an earlier claim of the pass left for later.
    pub left: Vec<i64>,
}

/// Who may be claimed.
#[derive(Debug, Default)]
pub struct Claimable {
    /// In order.
    pub rows: Vec<ClaimableRow>,
    /// How far the pass has come with them.
    pub pass: Pass,
    /// Nobody else is due now.
    pub is_dry: bool,
}

/// How far one pass over the recipients has come, by batch and state. The default is its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass(BTreeMap<(i64, &'static str), Place>);

/// A place in the index: due_at, attempts, id.
type Place = (i64, i64, i64);

/// Who comes before whom: what is due again, then what was never tried.
const ORDER: [RecipientState; 3] = [RecipientState::Deferred, RecipientState::InDoubt, RecipientState::Pending];

impl Store {
    /// Reads who may be claimed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claimable(&self, claim: Claim) -> Result<Claimable, StoreError> {
        let Claim { campaign_id, limit, now, only_to, mut pass, left } = claim;
        let only_to = only_to.as_ref().map(OnlyTo::targets);
        let mut rows: Vec<ClaimableRow> = Vec::new();
        if !left.is_empty() {
            let query = sqlx::query_as(sql!("claimable_of")).bind(json!(left).to_string()).bind(now);
            rows = query.fetch_all(self.readers()).await?;
        }
        let limit = limit + i64::try_from(rows.len()).unwrap_or(0);
        let batches: Vec<i64> =
            sqlx::query_scalar(sql!("batches_sending")).bind(campaign_id).fetch_all(self.readers()).await?;
        for state in ORDER {
            for &batch_id in &batches {
                let room = limit - i64::try_from(rows.len()).unwrap_or(i64::MAX);
                if room <= 0 {
                    return Ok(Claimable { rows, pass, is_dry: false });
                }
                let place = pass.0.entry((batch_id, state.as_str())).or_insert((i64::MIN, i64::MIN, i64::MIN));
                let query = sqlx::query_as(sql!("claimable")).bind(batch_id).bind(state.as_str()).bind(now);
                let query = query.bind(room).bind(&only_to).bind(place.0).bind(place.1).bind(place.2);
                let more: Vec<ClaimableRow> = query.fetch_all(self.readers()).await?;
                if let Some(last) = more.last() {
                    *place = (last.due_at, last.attempts, last.id);
                }
                rows.extend(more);
            }
        }
        let is_dry = i64::try_from(rows.len()).unwrap_or(i64::MAX) < limit;
        Ok(Claimable { rows, pass, is_dry })
    }
}
