//! Campaigns, their batches and their checks.

use super::{BatchRow, CampaignRow, CheckRow, PulseRow, SourceRow, Store, StoreError, Tx, sql};
use crate::domain::campaign::{BatchState, CampaignState};

/// What a new campaign starts with.
#[derive(Debug, Clone)]
pub struct NewCampaign<'a> {
    /// What scripts call it by.
    pub name: &'a str,
    /// Who makes it.
    pub author: &'a str,
    /// Epoch milliseconds.
    pub at: i64,
    /// JSON.
    pub incident: &'a str,
    /// JSON.
    pub notice: &'a str,
    /// SHA-256 of the template set.
    pub notice_hash: &'a [u8],
}

/// A move of a campaign, made only if it is still where the caller saw it.
#[derive(Debug, Clone, Copy)]
pub struct StateChange<'a> {
    /// Where the caller saw it.
    pub from: CampaignState,
    /// Where it goes.
    pub to: CampaignState,
    /// Why, for `paused`.
    pub reason: Option<&'a str>,
}

impl Tx<'_> {
    /// Makes a campaign in `draft`. Returns its row.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the name is taken.
    pub async fn campaign_create(&mut self, new: &NewCampaign<'_>) -> Result<i64, StoreError> {
        let made: Option<i64> = sqlx::query_scalar(sql!("campaign_create"))
            .bind(new.name)
            .bind(new.author)
            .bind(new.at)
            .bind(new.incident)
            .bind(new.notice)
            .bind(new.notice_hash)
            .fetch_optional(self.conn())
            .await?;
        made.ok_or_else(|| {
            StoreError::Conflict(format!(
                "there is a campaign {} already: take another name, or `candor campaign update {}`",
                new.name, new.name
            ))
        })
    }

    /// The campaign as this transaction sees it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign(&mut self, id: i64) -> Result<CampaignRow, StoreError> {
        Ok(sqlx::query_as(sql!("campaign_by_id")).bind(id).fetch_one(self.conn()).await?)
    }

    /// Moves a campaign.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is no longer in `change.from`, or may not go to `change.to`.
    pub async fn campaign_move(&mut self, id: i64, change: StateChange<'_>) -> Result<(), StoreError> {
        let may = change.from.may_become(change.to);
        let query = sqlx::query(sql!("campaign_move")).bind(id).bind(change.from.as_str()).bind(change.to.as_str());
        let moved = if may { query.bind(change.reason).execute(self.conn()).await?.rows_affected() } else { 0 };
        if moved == 1 {
            return Ok(());
        }
        Err(StoreError::Conflict(format!(
            "the campaign is no longer {}: look at its status and try again",
            change.from
        )))
    }

    /// Replaces incident and notice.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign_set_content(
        &mut self,
        id: i64,
        incident: &str,
        notice: &str,
        notice_hash: &[u8],
    ) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("campaign_set_content")).bind(id).bind(incident).bind(notice).bind(notice_hash);
        query.execute(self.conn()).await?;
        Ok(())
    }

    /// Replaces what `campaign settings` said (JSON).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign_set_settings(&mut self, id: i64, settings: &str) -> Result<(), StoreError> {
        sqlx::query(sql!("campaign_set_settings")).bind(id).bind(settings).execute(self.conn()).await?;
        Ok(())
    }

    /// Keeps what approval freezes; `None` forgets it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign_freeze(
        &mut self,
        id: i64,
        frozen: Option<(&str, &[u8])>,
        notice_date: Option<&str>,
    ) -> Result<(), StoreError> {
        let (json, hash) = frozen.unzip();
        let query = sqlx::query(sql!("campaign_freeze")).bind(id).bind(json).bind(hash).bind(notice_date);
        query.execute(self.conn()).await?;
        Ok(())
    }

    /// Keeps when to start, the zone it was given in, and after how many to pause.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign_schedule(
        &mut self,
        id: i64,
        at: i64,
        zone: &str,
        canary: Option<i64>,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("campaign_schedule")).bind(id).bind(at).bind(zone).bind(canary);
        query.execute(self.conn()).await?;
        Ok(())
    }

    /// Marks the start, the first time; an end that was marked before no longer holds.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign_started(&mut self, id: i64, at: i64) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("campaign_started")).bind(id).bind(at);
        query.execute(self.conn()).await?;
        Ok(())
    }

    /// Marks the end, if every recipient of the approved batches is settled. Returns whether it did.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign_finish(&mut self, id: i64, at: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(sql!("campaign_finish")).bind(id).bind(at).execute(self.conn()).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The canary has been seen: it pauses once.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign_canary_done(&mut self, id: i64) -> Result<(), StoreError> {
        sqlx::query(sql!("campaign_canary_done")).bind(id).execute(self.conn()).await?;
        Ok(())
    }

    /// Moves every batch of a campaign that is in `from` to `to`; the people of newly approved ones are due from now on,
    /// by the campaign's active time, and rejected rows whose place was taken by one that leaves count again. Returns their
    /// numbers.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn batches_move(
        &mut self,
        campaign_id: i64,
        only: Option<i64>,
        from: BatchState,
        to: BatchState,
    ) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(sql!("batches_move")).bind(campaign_id).bind(only);
        let numbers: Vec<i64> = query.bind(from.as_str()).bind(to.as_str()).fetch_all(self.conn()).await?;
        if matches!(to, BatchState::Rejected | BatchState::Withdrawn) {
            let numbers = serde_json::json!(numbers).to_string();
            sqlx::query(sql!("rejects_restore")).bind(campaign_id).bind(numbers).execute(self.conn()).await?;
        }
        Ok(numbers)
    }

    /// The batches of a campaign as this transaction sees them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn batches(&mut self, campaign_id: i64) -> Result<Vec<BatchRow>, StoreError> {
        Ok(sqlx::query_as(sql!("batches")).bind(campaign_id).fetch_all(self.conn()).await?)
    }

    /// Keeps a check's result under the hash of what is frozen.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn check_keep(&mut self, id: i64, frozen_hash: &[u8], at: i64, result: &str) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("check_keep")).bind(id).bind(frozen_hash).bind(at).bind(result);
        query.execute(self.conn()).await?;
        Ok(())
    }

    /// Keeps the root over what `check` rendered of a batch.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn batch_rendered(&mut self, batch_id: i64, root: &[u8], frozen_hash: &[u8]) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("batch_rendered")).bind(batch_id).bind(root).bind(frozen_hash);
        query.execute(self.conn()).await?;
        Ok(())
    }

    /// Makes, or replaces, the list that the worker reads again.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn source_set(
        &mut self,
        campaign_id: i64,
        source: &str,
        maps: &str,
        every_ms: i64,
        next_at: i64,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("source_set")).bind(campaign_id).bind(source).bind(maps);
        query.bind(every_ms).bind(next_at).execute(self.conn()).await?;
        Ok(())
    }

    /// Notes that a list was read, or why not, and when it is read next.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn source_read(
        &mut self,
        campaign_id: i64,
        at: i64,
        next_at: i64,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("source_read")).bind(campaign_id).bind(at).bind(next_at).bind(error);
        query.execute(self.conn()).await?;
        Ok(())
    }
}

impl Store {
    /// A campaign by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaign_by_name(&self, name: &str) -> Result<Option<CampaignRow>, StoreError> {
        Ok(sqlx::query_as(sql!("campaign_by_name")).bind(name).fetch_optional(self.readers()).await?)
    }

    /// Every campaign, in the order in which they were made.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn campaigns(&self) -> Result<Vec<CampaignRow>, StoreError> {
        Ok(sqlx::query_as(sql!("campaigns")).fetch_all(self.readers()).await?)
    }

    /// The campaigns that are scheduled or sending, as a worker looks at them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pulse(&self) -> Result<Vec<PulseRow>, StoreError> {
        Ok(sqlx::query_as(sql!("pulse")).fetch_all(self.readers()).await?)
    }

    /// The batches of a campaign, in order, without those still being staged.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn batches(&self, campaign_id: i64) -> Result<Vec<BatchRow>, StoreError> {
        Ok(sqlx::query_as(sql!("batches")).bind(campaign_id).fetch_all(self.readers()).await?)
    }

    /// The result of the check of exactly this frozen content.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn check(&self, campaign_id: i64, frozen_hash: &[u8]) -> Result<Option<CheckRow>, StoreError> {
        let query = sqlx::query_as(sql!("check")).bind(campaign_id).bind(frozen_hash);
        Ok(query.fetch_optional(self.readers()).await?)
    }

    /// The lists that are to be read at `now` or before.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sources_due(&self, now: i64) -> Result<Vec<SourceRow>, StoreError> {
        Ok(sqlx::query_as(sql!("sources_due")).bind(now).fetch_all(self.readers()).await?)
    }

    /// The list that the worker reads again for a campaign.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn source(&self, campaign_id: i64) -> Result<Option<SourceRow>, StoreError> {
        Ok(sqlx::query_as(sql!("source_of")).bind(campaign_id).fetch_optional(self.readers()).await?)
    }
}
