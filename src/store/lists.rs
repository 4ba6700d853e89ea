//! Counts and pages of recipients, for views, checks and reruns.

use serde_json::json;

use super::{AttemptRow, FailureCount, OnlyTo, RecipientRow, RejectRow, StateCount, Store, StoreError, Tx, sql};

/// Which recipients; an empty list means any.
#[derive(Debug, Clone, Default)]
pub struct RecipientFilter {
    /// States, as text.
    pub states: Vec<String>,
    /// Classes, as text.
    pub classes: Vec<String>,
    /// Jurisdictions.
    pub jurisdictions: Vec<String>,
    /// References.
    pub references: Vec<String>,
    /// A domain's A-label.
    pub domain: Option<String>,
    /// The last attempt's relay.
    pub relay: Option<String>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
pub struct RecipientPage {
    /// After this row.
    pub after: i64,
    /// At most so many.
    pub limit: i64,
}

impl RecipientFilter {
    fn lists(&self) -> [Option<String>; 4] {
        [&self.states, &self.classes, &self.jurisdictions, &self.references]
            .map(|list| (!list.is_empty()).then(|| json!(list).to_string()))
    }
}

impl Store {
    /// How many recipients of the approved batches are in each state.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn state_counts(&self, campaign_id: i64) -> Result<Vec<StateCount>, StoreError> {
        Ok(sqlx::query_as(sql!("state_counts")).bind(campaign_id).fetch_all(self.readers()).await?)
    }

    /// How many failed or bounced recipients have each class.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn failure_counts(&self, campaign_id: i64) -> Result<Vec<FailureCount>, StoreError> {
        Ok(sqlx::query_as(sql!("failure_counts")).bind(campaign_id).fetch_all(self.readers()).await?)
    }

    /// People of batches that wait for approval.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn people_waiting(&self, campaign_id: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(sql!("people_waiting")).bind(campaign_id).fetch_one(self.readers()).await?)
    }

    /// Rejected rows whose person is neither in the audience nor in a batch that waits.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn people_rejected(&self, campaign_id: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(sql!("people_rejected")).bind(campaign_id).fetch_one(self.readers()).await?)
    }

    /// Those rows themselves.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rejects_open(&self, campaign_id: i64) -> Result<Vec<RejectRow>, StoreError> {
        Ok(sqlx::query_as(sql!("rejects_open")).bind(campaign_id).fetch_all(self.readers()).await?)
    }

    /// Attempts on record, by the ledger.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn attempts_total(&self, campaign_id: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(sql!("attempts_total")).bind(campaign_id).fetch_one(self.readers()).await?)
    }

    /// A page of recipients of batches that count, in the order in which they came in.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recipients(
        &self,
        campaign_id: i64,
        filter: &RecipientFilter,
        page: RecipientPage,
    ) -> Result<Vec<RecipientRow>, StoreError> {
        let [states, classes, jurisdictions, references] = filter.lists();
        let query = sqlx::query_as(sql!("recipients")).bind(campaign_id).bind(page.after).bind(page.limit);
        let query = query.bind(states).bind(classes).bind(jurisdictions).bind(references);
        Ok(query.bind(&filter.domain).bind(&filter.relay).fetch_all(self.readers()).await?)
    }

    /// Recipients of one batch by position, `limit` from `position` on: what `check` renders.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recipients_of_batch(
        &self,
        batch_id: i64,
        position: i64,
        limit: i64,
    ) -> Result<Vec<RecipientRow>, StoreError> {
        let query = sqlx::query_as(sql!("recipients_of_batch")).bind(batch_id).bind(position).bind(limit);
        Ok(query.fetch_all(self.readers()).await?)
    }

    /// One recipient by reference, or by canonical mailbox where nobody has that reference.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recipient(&self, campaign_id: i64, reference: &str) -> Result<Option<RecipientRow>, StoreError> {
        let query = sqlx::query_as(sql!("recipient_by_ref")).bind(campaign_id).bind(reference);
        Ok(query.fetch_optional(self.readers()).await?)
    }

    /// The attempts of one recipient, in order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn attempts(&self, recipient_id: i64) -> Result<Vec<AttemptRow>, StoreError> {
        Ok(sqlx::query_as(sql!("attempts_of_recipient")).bind(recipient_id).fetch_all(self.readers()).await?)
    }

    /// When the next recipient of a campaign is due again (epoch milliseconds), of those whom `only_to` lets through.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn next_due(&self, campaign_id: i64, only_to: Option<&OnlyTo>) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_scalar(sql!("next_due")).bind(campaign_id).bind(only_to.map(OnlyTo::targets));
        Ok(query.fetch_one(self.readers()).await?)
    }

    /// Whether somebody in a campaign was not tried yet whom `only_to` lets through.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_pending(&self, campaign_id: i64, only_to: &OnlyTo) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar(sql!("has_pending")).bind(campaign_id).bind(only_to.targets());
        Ok(query.fetch_one(self.readers()).await?)
    }
}

impl Tx<'_> {
    /// Puts recipients back to pending for a rerun, in one group: those with these row ids that may be, due from `at` on
    /// (epoch milliseconds). Returns the ids that moved.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recipients_requeue(&mut self, ids: &[i64], at: i64) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(sql!("recipients_requeue")).bind(json!(ids).to_string()).bind(at);
        Ok(query.fetch_all(self.conn()).await?)
    }
}
