//! Staging: an import's rows lie in their final table under a batch that is not switched on; the switch is one row.

use serde_json::{Value, json};

use super::{ExistingRow, Store, StoreError, SuppressedRow, Tx, sql};
use crate::ledger::Hash;

/// A row that was taken.
#[derive(Debug, Clone)]
pub struct NewRecipient {
    /// Its place in the batch.
    pub position: i64,
    /// The customer's reference.
    pub reference: String,
    /// As in the list.
    pub email: String,
    /// Canonical.
    pub mailbox: String,
    /// A-label.
    pub domain: String,
    /// JSON, the values as mapped.
    pub row: String,
    /// Its own key.
    pub key: Hash,
    /// Why it must not be mailed, if so.
    pub suppressed: Option<&'static str>,
}

/// A row that was not.
#[derive(Debug, Clone)]
pub struct NewReject {
    /// In its list.
    pub line: i64,
    /// The customer's reference, where it had one.
    pub reference: Option<String>,
    /// The field that was wrong.
    pub field: String,
    /// Why, and what to do.
    pub reason: String,
    /// JSON, the original values by column.
    pub row: String,
}

/// Which commitments a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileKind {
    /// `candor/row/1`.
    Row,
    /// `candor/rendered/1`.
    Rendered,
}

impl TileKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Rendered => "rendered",
        }
    }
}

/// Up to 256 commitments in import order.
#[derive(Debug, Clone, Default)]
pub struct Tile {
    /// Position / 256.
    pub number: i64,
    /// 32 octets each.
    pub hashes: Vec<u8>,
}

impl Tile {
    /// Commitments in a whole tile (C2SP `tlog-tiles`, height 8).
    pub const WIDTH: i64 = 256;
}

/// The counts of a batch when it is switched on.
#[derive(Debug, Clone, Default)]
pub struct BatchCounts {
    /// Rows of the list.
    pub rows: i64,
    /// New recipients that may be mailed.
    pub imported: i64,
    /// Already there.
    pub duplicates: i64,
    /// New recipients that must not be mailed.
    pub suppressed: i64,
    /// Not taken.
    pub rejected: i64,
}

impl Store {
    /// Opens a batch that counts nowhere yet. Returns its row.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn batch_stage(&self, campaign_id: i64, kind: &str, author: &str, at: i64) -> Result<i64, StoreError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query_scalar(sql!("batch_stage")).bind(campaign_id).bind(kind).bind(author).bind(at);
        let id = query.fetch_one(tx.conn()).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// What the campaign, and this batch so far, know of these references.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn existing(
        &self,
        campaign_id: i64,
        batch_id: i64,
        references: &[&str],
    ) -> Result<Vec<ExistingRow>, StoreError> {
        let references = json!(references).to_string();
        let query = sqlx::query_as(sql!("existing")).bind(campaign_id).bind(batch_id).bind(references);
        Ok(query.fetch_all(self.readers()).await?)
    }

    /// Which of these mailboxes are on the suppression list, for this campaign or all, at `now`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn suppressed_among(
        &self,
        campaign_id: i64,
        mailboxes: &[&str],
        now: i64,
    ) -> Result<Vec<String>, StoreError> {
        let query = sqlx::query_scalar(sql!("suppressed_among")).bind(campaign_id);
        Ok(query.bind(json!(mailboxes).to_string()).bind(now).fetch_all(self.readers()).await?)
    }

    /// Removes up to `limit` rows of imports into this campaign that never ended. Returns how many went.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn leftovers_remove(&self, campaign_id: i64, but: i64, limit: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let mut gone = 0;
        for statement in [sql!("leftover_recipients"), sql!("leftover_rejects"), sql!("leftover_tiles")] {
            let query = sqlx::query(statement).bind(campaign_id).bind(but).bind(limit);
            gone += query.execute(tx.conn()).await?.rows_affected();
        }
        if gone == 0 {
            sqlx::query(sql!("leftover_batches")).bind(campaign_id).bind(but).execute(tx.conn()).await?;
        }
        tx.commit().await?;
        Ok(gone)
    }
}

impl Tx<'_> {
    /// Adds a group of rows to a staged batch.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recipients_stage(
        &mut self,
        campaign_id: i64,
        batch_id: i64,
        rows: &[NewRecipient],
    ) -> Result<(), StoreError> {
        let group: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!([
                    row.position,
                    row.reference,
                    row.email,
                    row.mailbox,
                    row.domain,
                    row.row,
                    hex::encode(row.key),
                    row.suppressed
                ])
            })
            .collect();
        let query = sqlx::query(sql!("recipients_stage")).bind(campaign_id).bind(batch_id);
        query.bind(Value::Array(group).to_string()).execute(self.conn()).await?;
        Ok(())
    }

    /// Adds a group of rejected rows to a staged batch. Returns their ids in the order given; a row that an earlier import
    /// has left rejected, value for value, gives way to this one when the batch is switched on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rejects_stage(
        &mut self,
        campaign_id: i64,
        batch_id: i64,
        rejects: &[NewReject],
    ) -> Result<Vec<i64>, StoreError> {
        let group: Vec<Value> = rejects
            .iter()
            .map(|reject| json!([reject.line, reject.reference, reject.field, reject.reason, reject.row]))
            .collect();
        let query = sqlx::query_scalar(sql!("rejects_stage")).bind(campaign_id).bind(batch_id);
        let mut ids: Vec<i64> = query.bind(Value::Array(group).to_string()).fetch_all(self.conn()).await?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// Rejected rows whose place was taken by this batch: by id, or by the reference of one of its recipients.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rejects_replace(&mut self, campaign_id: i64, batch_id: i64, ids: &[i64]) -> Result<(), StoreError> {
        let query = sqlx::query(sql!("rejects_replace")).bind(campaign_id).bind(batch_id);
        query.bind(json!(ids).to_string()).execute(self.conn()).await?;
        Ok(())
    }

    /// The recipients of a batch that came in suppressed, in order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn suppressed_of_batch(&mut self, batch_id: i64) -> Result<Vec<SuppressedRow>, StoreError> {
        Ok(sqlx::query_as(sql!("suppressed_of_batch")).bind(batch_id).fetch_all(self.conn()).await?)
    }

    /// Keeps commitments, replacing what was there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tiles_keep(&mut self, batch_id: i64, kind: TileKind, tiles: &[Tile]) -> Result<(), StoreError> {
        for tile in tiles {
            let query = sqlx::query(sql!("tile_keep")).bind(batch_id).bind(kind.as_str());
            query.bind(tile.number).bind(&tile.hashes[..]).execute(self.conn()).await?;
        }
        Ok(())
    }

    /// Switches a staged batch on: its number, counts and root; from now on its people count. Returns the number.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn batch_switch_on(
        &mut self,
        batch_id: i64,
        counts: &BatchCounts,
        columns: &str,
        digest: Option<&Hash>,
        rows_root: &Hash,
    ) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar(sql!("batch_switch_on"))
            .bind(batch_id)
            .bind(counts.rows)
            .bind(counts.imported)
            .bind(counts.duplicates)
            .bind(counts.suppressed)
            .bind(counts.rejected)
            .bind(columns)
            .bind(digest.map(|digest| digest.to_vec()))
            .bind(rows_root.to_vec());
        Ok(query.fetch_one(self.conn()).await?)
    }
}

impl Store {
    /// A tile of commitments.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tile(&self, batch_id: i64, kind: TileKind, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query_scalar(sql!("tile")).bind(batch_id).bind(kind.as_str()).bind(number);
        Ok(query.fetch_optional(self.readers()).await?)
    }

    /// Whether a staged batch has a rejected row that is not known yet.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rejects_are_new(&self, campaign_id: i64, batch_id: i64) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar(sql!("rejects_are_new")).bind(campaign_id).bind(batch_id);
        Ok(query.fetch_one(self.readers()).await?)
    }

    /// The campaigns that a list with this content was imported into before.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn imported_before(&self, digest: &Hash) -> Result<Vec<String>, StoreError> {
        let query = sqlx::query_scalar(sql!("imported_before")).bind(digest.to_vec());
        Ok(query.fetch_all(self.readers()).await?)
    }
}
