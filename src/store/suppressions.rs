//! Addresses and domains that must not be mailed.

use super::{Store, StoreError, SuppressionRow, Tx, sql};

impl Tx<'_> {
    /// Puts a mailbox or `@domain` on the list, for one campaign or all; replaces reason and expiry where it is there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn suppression_add(
        &mut self,
        campaign_id: Option<i64>,
        target: &str,
        reason: &str,
        at: i64,
        expires_at: Option<i64>,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("suppression_add")).bind(campaign_id).bind(target).bind(reason);
        query.bind(at).bind(expires_at).execute(self.conn()).await?;
        Ok(())
    }

    /// Takes a mailbox or `@domain` off the list, wherever it holds. Returns whether it was there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn suppression_remove(&mut self, target: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(sql!("suppression_remove")).bind(target).execute(self.conn()).await?;
        Ok(done.rows_affected() > 0)
    }
}

impl Store {
    /// Whether anybody is on the list.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn suppressions_any(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(sql!("suppressions_any")).fetch_one(self.readers()).await?)
    }

    /// The whole list, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn suppressions(&self) -> Result<Vec<SuppressionRow>, StoreError> {
        Ok(sqlx::query_as(sql!("suppressions")).fetch_all(self.readers()).await?)
    }
}
