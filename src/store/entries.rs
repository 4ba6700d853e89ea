//! The ledger's rows: appending in the caller's transaction, reading pages of exact bytes.

use serde_json::{Value, json};

use super::{Store, StoreError, Tx, sql};
use crate::ledger::entry::Draft;

/// One entry as it lies in the database.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EntryRow {
    /// From 0, without gaps.
    pub seq: i64,
    /// Epoch milliseconds.
    pub at: i64,
    /// `domain::event::EntryKind` as text.
    pub kind: String,
    /// The campaign's name.
    pub campaign: Option<String>,
    /// The exact bytes that were hashed.
    pub entry: Vec<u8>,
}

impl Tx<'_> {
    /// Appends entries, in order, all at the time `at` (epoch milliseconds). Returns the first one's `seq`.
    ///
    /// # Errors
    /// [`StoreError::Entry`] where a draft cannot be an entry; the transaction is then not to be committed.
    pub async fn append(&mut self, at: i64, drafts: Vec<Draft>) -> Result<i64, StoreError> {
        let first: i64 = sqlx::query_scalar(sql!("ledger_next_seq")).fetch_one(self.conn()).await?;
        if drafts.is_empty() {
            return Ok(first);
        }
        let mut rows = Vec::with_capacity(drafts.len());
        let mut texts = Vec::new();
        for (seq, draft) in (first..).zip(drafts) {
            let entry = draft.place(seq.unsigned_abs(), at)?;
            for sealing in &entry.sealings {
                let key = hex::encode(sealing.key);
                texts.push(json!({"seq": seq, "field": sealing.field, "key": key, "text": sealing.text}));
            }
            // Canonical JSON is UTF-8 by construction.
            let bytes = String::from_utf8(entry.bytes).map_err(|error| StoreError::Foreign(error.to_string()))?;
            rows.push(json!({
                "seq": seq, "at": at, "kind": entry.kind, "campaign": entry.campaign,
                "recipient_id": entry.recipient_id, "entry": bytes, "leaf_hash": hex::encode(entry.leaf_hash),
            }));
        }
        let rows = Value::Array(rows).to_string();
        sqlx::query(sql!("ledger_append")).bind(rows).execute(self.conn()).await?;
        if !texts.is_empty() {
            let texts = Value::Array(texts).to_string();
            sqlx::query(sql!("ledger_append_texts")).bind(texts).execute(self.conn()).await?;
        }
        Ok(first)
    }
}

impl Store {
    /// Up to `limit` entries from `seq` on, of one campaign or all, not before `since` (epoch milliseconds).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ledger_page(
        &self,
        seq: i64,
        limit: i64,
        campaign: Option<&str>,
        since: Option<i64>,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let query = sqlx::query_as(sql!("ledger_page")).bind(seq).bind(limit).bind(campaign).bind(since);
        Ok(query.fetch_all(self.readers()).await?)
    }

    /// Up to `limit` entries about one recipient, from `seq` on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ledger_of_recipient(&self, id: i64, seq: i64, limit: i64) -> Result<Vec<EntryRow>, StoreError> {
        let query = sqlx::query_as(sql!("ledger_of_recipient")).bind(id).bind(seq).bind(limit);
        Ok(query.fetch_all(self.readers()).await?)
    }

    /// What somebody typed, by entry and field.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ledger_text(&self, seq: i64, field: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar(sql!("ledger_text")).bind(seq).bind(field);
        Ok(query.fetch_optional(self.readers()).await?)
    }

    /// Whether no entry was ever written.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ledger_is_empty(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(sql!("ledger_is_empty")).fetch_one(self.readers()).await?)
    }
}
