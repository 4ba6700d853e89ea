//! One list into one campaign: read, checked, told apart from who is already there, staged in groups, switched on at once.
//!
//! After a crash or an error it is as if the import never ran: its rows lie under a batch that counts nowhere, and the
//! next import removes them. One group is written while the next is told apart. No write transaction takes longer than some tens of milliseconds, so running campaigns go on.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::dedup::{Decision, Existing, decide};
use super::read::{self, Group};
use super::stage::{Staged, Writing};
use super::{AudienceError, Detected, Field, MapArg, Mapping, Reject, RejectsFile, Row, Source};
use crate::crypto::{self, Hash};
use crate::domain::campaign::CampaignState;
use crate::domain::event::EntryKind;
use crate::ledger::entry::{By, Draft};
use crate::ledger::{commitment, tree};
use crate::store::{BatchCounts, CampaignRow, ImportLock, NewRecipient, NewReject, Store, Tile, TileKind};

/// Groups that the reader may be ahead of the database.
const GROUPS_AHEAD_MAX: usize = 3;
/// Rows of dead imports removed in one transaction.
const LEFTOVERS_GROUP: i64 = 2_000;

/// How a list is imported.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// `--map`.
    pub maps: Vec<MapArg>,
    /// Nothing stays: the same counts and rejects, and no batch.
    pub dry_run: bool,
    /// Where the rejected rows go.
    pub rejects: Option<PathBuf>,
    /// The worker reads a source again: rows that are already known make no batch.
    pub is_source: bool,
}

/// What came of a list.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// The batch's number; `None` where nothing new came, or nothing was to stay.
    pub batch: Option<i64>,
    /// Its counts.
    pub counts: BatchCounts,
    /// Every rejected row.
    pub rejects: Vec<RejectedRow>,
    /// What was found out about the file.
    pub detected: Option<Detected>,
    /// What the columns were taken for.
    pub mapping: Option<Mapping>,
    /// Campaigns that a list with this content was imported into before.
    pub seen_in: Vec<String>,
}

/// A row that was not taken.
#[derive(Debug, Clone)]
pub struct RejectedRow {
    /// In its list.
    pub line: u64,
    /// The customer's reference, where it had one.
    pub reference: Option<String>,
    /// The field that was wrong.
    pub field: String,
    /// Why, and what to do.
    pub reason: String,
}

/// Imports a list; `progress` hears how many rows were read so far.
///
/// # Errors
/// [`AudienceError`] where the list as a whole cannot be read; then nothing was imported.
pub async fn import(
    store: &Arc<Store>,
    by: &By,
    campaign: &str,
    source: &Source,
    options: &ImportOptions,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Imported, AudienceError> {
    let row = store.campaign_by_name(campaign).await?;
    let row = row.ok_or_else(|| AudienceError::UnknownCampaign(campaign.to_owned()))?;
    if row.state == CampaignState::Cancelled.as_str() {
        return Err(AudienceError::Cancelled(row.name));
    }
    let _lock = ImportLock::take(store.path(), row.id)?;
    let (sender, mut groups) = mpsc::channel(GROUPS_AHEAD_MAX);
    let (reader, list) = read::start(source, &options.maps, sender).await?;
    let kind = if options.is_source { "source" } else { "import" };
    let batch_id = store.batch_stage(row.id, kind, by.name(), by.at).await?;
    remove_leftovers(store, row.id, batch_id).await?;
    let rejects_file = match &options.rejects {
        Some(path) => Some(RejectsFile::create(path, &list.mapping.columns)?),
        None => None,
    };
    let mut import = Import {
        store,
        campaign: &row,
        batch_id,
        at: by.at,
        has_suppressions: store.suppressions_any().await?,
        mapping: list.mapping,
        counts: BatchCounts::default(),
        rejects: Vec::new(),
        rejects_file,
        is_dry: options.dry_run,
        tile: Tile::default(),
        root: tree::RootBuilder::default(),
        reject_ids: Vec::new(),
        position: 0,
        writing: Writing::default(),
    };
    while let Some(group) = groups.recv().await {
        let staged = import.take(group).await?;
        import.settle().await?;
        import.writing.start(store, row.id, batch_id, staged);
        progress(import.counts.rows.unsigned_abs());
    }
    import.settle().await?;
    let digest = reader.await.map_err(|error| AudienceError::Read(std::io::Error::other(error)))??;
    let seen_in = match &digest {
        Some(digest) => store.imported_before(digest).await?,
        None => Vec::new(),
    };
    let batch = import.finish(by, digest.as_ref(), options).await?;
    if batch.is_none() {
        remove_leftovers(store, row.id, 0).await?;
    }
    let Import { counts, rejects, mapping, .. } = import;
    Ok(Imported { batch, counts, rejects, detected: list.detected, mapping: Some(mapping), seen_in })
}

async fn remove_leftovers(store: &Store, campaign_id: i64, but: i64) -> Result<(), AudienceError> {
    while store.leftovers_remove(campaign_id, but, LEFTOVERS_GROUP).await? > 0 {}
    Ok(())
}

/// An import under way.
struct Import<'a> {
    store: &'a Store,
    campaign: &'a CampaignRow,
    batch_id: i64,
    at: i64,
    has_suppressions: bool,
    mapping: Mapping,
    counts: BatchCounts,
    rejects: Vec<RejectedRow>,
    rejects_file: Option<RejectsFile>,
    is_dry: bool,
    tile: Tile,
    root: tree::RootBuilder,
    /// Rejected rows of earlier imports whose place is taken.
    reject_ids: Vec<i64>,
    position: i64,
    writing: Writing,
}

impl Import<'_> {
    async fn take(&mut self, group: Group) -> Result<Staged, AudienceError> {
        self.counts.rows += count(group.len());
        let (rows, mut rejects): (Vec<_>, Vec<_>) = group.into_iter().partition(Result::is_ok);
        let rows: Vec<Row> = rows.into_iter().flatten().collect();
        let mut rejected: Vec<Reject> = rejects.drain(..).filter_map(Result::err).collect();
        let (new, known) = self.tell_apart(rows, &mut rejected).await?;
        rejected.sort_by_key(|reject| reject.line);
        let suppressed = self.suppressed(&new).await?;
        let mut recipients = Vec::with_capacity(new.len());
        let mut tiles = Vec::new();
        for row in new {
            let mailbox = row.mailbox.reveal();
            let reason = match row.channel_basis.as_str() {
                "none" => Some("no-basis"),
                _ => suppressed.contains(&mailbox).then_some("suppression-list"),
            };
            match reason {
                Some(_) => self.counts.suppressed += 1,
                None => self.counts.imported += 1,
            }
            recipients.push(self.recipient(row, mailbox, reason, &mut tiles));
        }
        let rejects: Vec<NewReject> = rejected.iter().map(|reject| self.new_reject(reject)).collect();
        Ok(Staged { recipients, tiles, rejects, rejected, known })
    }

    /// Waits for the group on its way into the database and notes its rejects.
    async fn settle(&mut self) -> Result<(), AudienceError> {
        let settled = self.writing.settle().await?;
        self.note_rejects(settled)
    }

    /// Those who are not yet in the campaign; the others are counted, or become rejects.
    async fn tell_apart(
        &mut self,
        rows: Vec<Row>,
        rejected: &mut Vec<Reject>,
    ) -> Result<(Vec<Row>, HashMap<String, Existing>), AudienceError> {
        let references: Vec<&str> = rows.iter().map(|row| row.reference.as_str()).collect();
        let known = self.store.existing(self.campaign.id, self.batch_id, &references).await?;
        let known: HashMap<String, Existing> =
            known.into_iter().map(|row| (row.reference, Existing { mailbox: row.mailbox, name: row.name })).collect();
        let mut ours: HashMap<String, Existing> = HashMap::new();
        let mut new = Vec::with_capacity(rows.len());
        for row in rows {
            self.reject_ids.extend(row.reject_id);
            let existing = ours.get(&row.reference).or_else(|| self.writing.known(&row.reference));
            let existing = existing.or_else(|| known.get(&row.reference));
            match decide(&row, existing, self.mapping.has_ref()) {
                Decision::New => {
                    let existing = Existing { mailbox: row.mailbox.reveal(), name: row.name.clone() };
                    ours.insert(row.reference.clone(), existing);
                    new.push(row);
                }
                Decision::Duplicate => self.counts.duplicates += 1,
                Decision::Rejected(mut reject) => {
                    if !self.mapping.has_ref() {
                        // Another person at the same address: the reference would name the first one.
                        reject.reference = None;
                    }
                    rejected.push(reject);
                }
            }
        }
        Ok((new, ours))
    }

    async fn suppressed(&self, rows: &[Row]) -> Result<Vec<String>, AudienceError> {
        if !self.has_suppressions {
            return Ok(Vec::new());
        }
        let mailboxes: Vec<String> = rows.iter().map(|row| row.mailbox.reveal()).collect();
        let mailboxes: Vec<&str> = mailboxes.iter().map(String::as_str).collect();
        Ok(self.store.suppressed_among(self.campaign.id, &mailboxes, self.at).await?)
    }

    fn recipient(
        &mut self,
        row: Row,
        mailbox: String,
        suppressed: Option<&'static str>,
        tiles: &mut Vec<Tile>,
    ) -> NewRecipient {
        let key = crypto::random_key();
        let values = self.values(&row);
        let commitment = commitment::row(&key, &values);
        self.root.push(tree::leaf_hash(&commitment));
        self.push_commitment(&commitment, tiles);
        let recipient = NewRecipient {
            position: self.position,
            domain: row.mailbox.domain().to_owned(),
            reference: row.reference,
            email: row.email,
            mailbox,
            row: Value::Object(values).to_string(),
            key,
            suppressed,
        };
        self.position += 1;
        recipient
    }

    /// The row's values as mapped: strings or null, by column.
    fn values(&self, row: &Row) -> Map<String, Value> {
        let mut values = Map::new();
        values.insert("ref".into(), row.reference.clone().into());
        values.insert("email".into(), row.email.clone().into());
        let named = [
            (Field::Name, &row.name),
            (Field::Locale, &row.locale),
            (Field::Jurisdiction, &row.jurisdiction),
            (Field::ChannelBasis, &row.channel_basis),
        ];
        for (field, value) in named {
            if self.mapping.position(field).is_some() {
                values.insert(field.as_str().into(), value.clone().into());
            }
        }
        for (column, value) in self.mapping.fields.iter().zip(&row.fields) {
            values.entry(column.clone()).or_insert_with(|| value.clone().into());
        }
        values
    }

    fn push_commitment(&mut self, commitment: &Hash, tiles: &mut Vec<Tile>) {
        self.tile.hashes.extend_from_slice(commitment);
        if count(self.tile.hashes.len()) == Tile::WIDTH * 32 {
            let next = Tile { number: self.tile.number + 1, hashes: Vec::new() };
            tiles.push(std::mem::replace(&mut self.tile, next));
        }
    }

    fn new_reject(&self, reject: &Reject) -> NewReject {
        let values = self.mapping.columns.iter().zip(&reject.row);
        let row: Map<String, Value> = values.map(|(column, value)| (column.clone(), value.clone().into())).collect();
        NewReject {
            line: i64::try_from(reject.line).unwrap_or(i64::MAX),
            reference: reject.reference.clone(),
            field: reject.field.clone(),
            reason: reject.reason.clone(),
            row: Value::Object(row).to_string(),
        }
    }

    fn note_rejects(&mut self, rejected: Vec<(Reject, i64)>) -> Result<(), AudienceError> {
        self.counts.rejected += count(rejected.len());
        for (reject, id) in rejected {
            self.reject_ids.extend(reject.reject_id);
            if let Some(file) = &mut self.rejects_file {
                file.add((!self.is_dry).then_some(id), &reject)?;
            }
            let Reject { line, reference, field, reason, .. } = reject;
            self.rejects.push(RejectedRow { line, reference, field, reason });
        }
        Ok(())
    }

    /// Somebody whose row is wrong is an affected customer; a source shows the same row at every reading.
    async fn has_new_rejects(&self, is_source: bool) -> Result<bool, AudienceError> {
        if self.counts.rejected == 0 || !is_source {
            return Ok(self.counts.rejected > 0);
        }
        Ok(self.store.rejects_are_new(self.campaign.id, self.batch_id).await?)
    }

    /// Switches the batch on with its entry, or leaves it to be removed.
    async fn finish(
        &mut self,
        by: &By,
        digest: Option<&Hash>,
        options: &ImportOptions,
    ) -> Result<Option<i64>, AudienceError> {
        if let Some(file) = self.rejects_file.take() {
            file.finish()?;
        }
        let is_new = self.position > 0 || self.has_new_rejects(options.is_source).await?;
        if options.dry_run || !is_new {
            return Ok(None);
        }
        let root = self.root.root();
        let columns: Vec<&str> = [Field::Jurisdiction, Field::ChannelBasis]
            .into_iter()
            .filter(|field| self.mapping.position(*field).is_some())
            .map(|field| field.as_str())
            .chain(self.mapping.fields.iter().map(String::as_str))
            .collect();
        let columns = serde_json::json!(columns).to_string();
        let mut tx = self.store.begin().await?;
        if !self.tile.hashes.is_empty() {
            tx.tiles_keep(self.batch_id, TileKind::Row, std::slice::from_ref(&self.tile)).await?;
        }
        let number = tx.batch_switch_on(self.batch_id, &self.counts, &columns, digest, &root).await?;
        tx.rejects_replace(self.campaign.id, self.batch_id, &self.reject_ids).await?;
        let counts = &self.counts;
        let entry = by
            .entry(EntryKind::AudienceImported, &self.campaign.name)
            .with("batch", number)
            .with("source", options.is_source)
            .with("rows_read", counts.rows)
            .with("imported", counts.imported)
            .with("duplicates", counts.duplicates)
            .with("suppressed", counts.suppressed)
            .with("rejected", counts.rejected)
            .with_hash("rows", &root);
        let mut entries = vec![entry];
        for row in tx.suppressed_of_batch(self.batch_id).await? {
            let Ok(key) = row.key.as_slice().try_into() else { continue };
            let entry = Draft::new(EntryKind::RecipientSuppressed, &by.actor, Some(&self.campaign.name));
            let entry = entry.about(row.id, key, &row.reference).with("reason", row.reason).with("state", "suppressed");
            entries.push(entry);
        }
        tx.append(by.at, entries).await?;
        tx.commit().await?;
        Ok(Some(number))
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
