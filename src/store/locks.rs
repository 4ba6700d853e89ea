//! Operating-system locks beside the database: released by the system when their holder dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::StoreError;

/// Held by the one worker of a database.
#[derive(Debug)]
pub struct WorkerLock {
    _held: File,
}

/// Held by the one import into a campaign.
#[derive(Debug)]
pub struct ImportLock {
    _held: File,
}

impl WorkerLock {
    /// Takes the lock; `None` while another worker lives.
    ///
    /// # Errors
    /// [`StoreError::Open`] where the lock file cannot be made.
    pub fn try_take(database: &Path) -> Result<Option<Self>, StoreError> {
        Ok(try_lock(beside(database, ".worker"))?.map(|held| Self { _held: held }))
    }

    /// Whether a worker lives on this database.
    ///
    /// # Errors
    /// As [`WorkerLock::try_take`].
    pub fn is_taken(database: &Path) -> Result<bool, StoreError> {
        if !beside(database, ".worker").exists() {
            return Ok(false);
        }
        Ok(Self::try_take(database)?.is_none())
    }
}

impl ImportLock {
    /// Takes the lock for one campaign's imports.
    ///
    /// # Errors
    /// [`StoreError::Held`] while another import into it runs.
    pub fn take(database: &Path, campaign_id: i64) -> Result<Self, StoreError> {
        let lock = try_lock(beside(database, &format!(".import-{campaign_id}")))?;
        lock.map(|held| Self { _held: held }).ok_or_else(|| {
            StoreError::Held("another import into this campaign is running: wait for it, or end it".into())
        })
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn try_lock(path: PathBuf) -> Result<Option<File>, StoreError> {
    let open_error = |error: std::io::Error| StoreError::Open { path: path.clone(), reason: error.to_string() };
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(open_error)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(open_error(error)),
    }
}
