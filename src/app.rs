//! The one place that builds things: settings become a store, a key, relays, a worker.
//!
//! Decides nothing about campaigns. Makes the signing key at the first command that writes, and refuses where a key is
//! missing beside a ledger that has entries.

mod examine;
pub mod sample;
pub mod sandbox;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use tokio::sync::mpsc;

use crate::clock::{Clock, SystemClock};
use crate::config::{Database, Settings};
use crate::delivery::{NamedRelay, RelayError, Report, Until, Worker, WorkerError, WorkerOptions};
use crate::ledger::entry::{Actor, By};
use crate::ledger::key::{KeyError, LedgerKey};
use crate::notice::{DkimError, Signers};
use crate::smtp::Dial;
use crate::store::{Store, StoreError, WorkerLock};

pub use crate::store::Access;
pub use examine::{Finding, examine};

/// Bits of a file's mode that let others than its owner at it.
const OTHERS: u32 = 0o077;

/// Settings with what they stand for, opened.
pub struct App {
    /// As read.
    pub settings: Arc<Settings>,
    /// The database.
    pub store: Arc<Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who makes the connections to relays; `None`: TCP.
    pub dial: Option<Arc<dyn Dial>>,
}

/// What kept the program from starting. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// PostgreSQL.
    #[error("this version keeps its data in SQLite only: set database = \"sqlite:candor.db\"")]
    Postgres,
    /// A relay.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The worker.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A key for DKIM.
    #[error(transparent)]
    Dkim(#[from] DkimError),
    /// What is in the key file.
    #[error("the signing key {0}: {1}")]
    Key(PathBuf, KeyError),
    /// The key file itself.
    #[error("the signing key {0} cannot be used: {1}")]
    KeyFile(PathBuf, String),
    /// The key file may be read by others.
    #[error("the signing key {0} can be read by others: run `chmod 600 {0}`, and think about who may have seen it")]
    KeyOpen(PathBuf),
    /// `init` would overwrite something.
    #[error("already there: {0}. Nothing was made; name an empty folder, or move these away")]
    Occupied(String),
    /// A folder that cannot be written.
    #[error("{0} cannot be written: {1}")]
    Folder(PathBuf, String),
    /// There is a ledger, but no key.
    #[error(
        "the signing key {0} is missing, and the ledger has entries: put the key back where ledger.key_file says; a new one is made only for an empty ledger"
    )]
    KeyMissing(PathBuf),
}

impl App {
    /// Opens the database, and the signing key beside it; with [`Access::Write`] both are made where they are missing.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn open(settings: Settings, access: Access) -> Result<Self, AppError> {
        let Database::Sqlite(path) = &settings.database else { return Err(AppError::Postgres) };
        let key_file = settings.ledger.key_file.clone();
        let had_key = key_file.exists();
        if had_key {
            read_key(&key_file)?;
        }
        let store = Store::open(path, access).await?;
        if !had_key && access == Access::Write {
            if !store.ledger_is_empty().await? {
                return Err(AppError::KeyMissing(key_file));
            }
            make_key(&key_file, &settings.ledger.origin)?;
        }
        Ok(Self { settings: Arc::new(settings), store, clock: Arc::new(SystemClock), dial: None })
    }

    /// The copy of the database as it was before this program migrated it.
    pub fn copied_to(&self) -> Option<&Path> {
        self.store.copied_to()
    }

    /// Whether a worker lives on this database.
    ///
    /// # Errors
    /// [`AppError::Store`] where its lock cannot be looked at.
    pub fn has_worker(&self) -> Result<bool, AppError> {
        Ok(WorkerLock::is_taken(self.store.path())?)
    }

    /// Whoever runs this command, now.
    pub fn by(&self) -> By {
        By { actor: Actor::Account(account_name()), at: self.clock.now().timestamp_millis() }
    }

    /// The day in the organisation's zone.
    pub fn today(&self) -> NaiveDate {
        self.clock.now().with_timezone(&self.settings.organization.time_zone).date_naive()
    }

    /// Every relay, ready to be opened.
    ///
    /// # Errors
    /// [`AppError::Relay`] where a password or CA file cannot be used.
    pub fn relays(&self) -> Result<Vec<NamedRelay>, AppError> {
        let hello = hello();
        let relays = self.settings.relays.iter();
        let named = relays.map(|relay| NamedRelay::new(relay, &self.settings.delivery.timeouts, &hello));
        Ok(named.collect::<Result<_, RelayError>>()?)
    }

    /// The keys of `delivery.dkim`, read now.
    ///
    /// # Errors
    /// [`AppError::Dkim`] for a key that cannot be used: nothing may leave unsigned that was to be signed.
    pub fn signers(&self) -> Result<Signers, AppError> {
        Ok(Signers::load(&self.settings.delivery.dkim)?)
    }

    /// A worker for one campaign or all; `None` while another one lives on this database.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn worker(
        &self,
        only: Option<&str>,
        until: Until,
    ) -> Result<Option<(Worker, mpsc::UnboundedReceiver<Report>)>, AppError> {
        let Some(lock) = WorkerLock::try_take(self.store.path())? else { return Ok(None) };
        let (reports, receiver) = mpsc::unbounded_channel();
        let options = WorkerOptions {
            store: self.store.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            lock,
            hello: hello(),
            only: only.map(str::to_owned),
            until,
            reports,
            dial: self.dial.clone(),
            signers: Arc::new(self.signers()?),
        };
        Ok(Some((Worker::start(options).await?, receiver)))
    }
}

/// The name for EHLO (RFC 5321 §4.1.4): the machine's, if it is a domain name, else an address literal.
fn hello() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    crate::domain::address::ascii_domain(name.trim()).unwrap_or_else(|_| "[127.0.0.1]".to_owned())
}

/// The name of the account that runs the program, from the system; its number where it has none.
fn account_name() -> String {
    let id = std::fs::metadata("/proc/self").map(|metadata| metadata.uid()).unwrap_or_default();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {id}"))
}

/// Reads the signing key; only a file that its owner alone may read.
///
/// # Errors
/// [`AppError::KeyOpen`], [`AppError::Key`] or [`AppError::KeyFile`].
pub fn read_key(path: &Path) -> Result<LedgerKey, AppError> {
    let fail = |error: std::io::Error| AppError::KeyFile(path.to_owned(), error.to_string());
    let mode = std::fs::metadata(path).map_err(fail)?.mode();
    if mode & OTHERS != 0 {
        return Err(AppError::KeyOpen(path.to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    LedgerKey::parse(&text).map_err(|error| AppError::Key(path.to_owned(), error))
}

/// Makes the signing key for an origin, readable by its owner only. An existing file is left alone.
///
/// # Errors
/// [`AppError::KeyFile`].
pub fn make_key(path: &Path, origin: &str) -> Result<LedgerKey, AppError> {
    let fail = |reason: String| AppError::KeyFile(path.to_owned(), reason);
    let key = LedgerKey::generate(origin).ok_or_else(|| fail("no key could be made".into()))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| fail(error.to_string()))?;
    file.write_all(key.private_line().as_bytes()).map_err(|error| fail(error.to_string()))?;
    file.sync_all().map_err(|error| fail(error.to_string()))?;
    Ok(key)
}
