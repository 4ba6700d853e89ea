//! The writing side of an import: one group goes into the database while the next one is being told apart.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::dedup::Existing;
use super::{AudienceError, Reject};
use crate::store::{NewRecipient, NewReject, Store, StoreError, Tile, TileKind};

/// A group that is ready for the database.
pub struct Staged {
    /// New recipients.
    pub recipients: Vec<NewRecipient>,
    /// Whole tiles of their commitments.
    pub tiles: Vec<Tile>,
    /// Rejected rows as they are kept.
    pub rejects: Vec<NewReject>,
    /// The same, as they go into the rejects file.
    pub rejected: Vec<Reject>,
    /// Who is new in this group, by reference: the next group does not see them in the database yet.
    pub known: HashMap<String, Existing>,
}

/// At most one group on its way into the database.
#[derive(Default)]
pub struct Writing {
    task: Option<JoinHandle<Result<Vec<i64>, StoreError>>>,
    rejected: Vec<Reject>,
    known: HashMap<String, Existing>,
}

impl Writing {
    /// What the group on its way has under a reference.
    pub fn known(&self, reference: &str) -> Option<&Existing> {
        self.known.get(reference)
    }

    /// Sends a group on its way; the one before has to be settled.
    pub fn start(&mut self, store: &Arc<Store>, campaign_id: i64, batch_id: i64, staged: Staged) {
        let Staged { recipients, tiles, rejects, rejected, known } = staged;
        let store = store.clone();
        self.rejected = rejected;
        self.known = known;
        self.task = Some(tokio::spawn(async move {
            let mut tx = store.begin().await?;
            tx.recipients_stage(campaign_id, batch_id, &recipients).await?;
            tx.tiles_keep(batch_id, TileKind::Row, &tiles).await?;
            let ids = tx.rejects_stage(campaign_id, batch_id, &rejects).await?;
            tx.commit().await?;
            Ok(ids)
        }));
    }

    /// Waits for the group on its way; gives its rejected rows with their ids.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn settle(&mut self) -> Result<Vec<(Reject, i64)>, AudienceError> {
        let Some(task) = self.task.take() else { return Ok(Vec::new()) };
        let ids = task.await.map_err(|error| AudienceError::Read(std::io::Error::other(error)))??;
        self.known.clear();
        Ok(std::mem::take(&mut self.rejected).into_iter().zip(ids).collect())
    }
}
