//! The SQLite database: opening, migrating, one writer beside readers, transactions.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::migrate::{Migrate, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Row as _, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use super::outcomes::ids_of;
use super::{StoreError, sql};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process's write: groups take well under 100 ms, so this is a stuck program.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// Busy timeouts that a worker sits through: ten minutes.
const LOCKED_TRIES: u32 = 60;
/// How long a reader is waited for: as long as a worker sits through a locked database.
const READER_WAIT: Duration = Duration::from_secs(10 * 60);
/// Readers beside the one writer: the pages of a list, counts for a progress bar.
const READERS_MAX: u32 = 3;
/// Pages of cache a connection, in KiB: bounded, so that a million rows do not show in the program's memory.
const CACHE_KIB: i64 = 4096;

/// What a command needs of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It must be there.
    Read,
    /// It is made, or brought to the present schema.
    Write,
}

/// The database of one installation. Cheap to share behind an `Arc`.
pub struct Store {
    path: PathBuf,
    writer: Mutex<Writer>,
    readers: SqlitePool,
    /// Set after a failed write or fsync: what the disk holds is then unknown, so nothing more is written (faults.md 5).
    broken: AtomicBool,
    copied_to: Option<PathBuf>,
    faults: OnceLock<CommitFaults>,
}

/// How a commit fails where a test asks for it: every write has to be safe either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// It failed, and nothing of it is in the database.
    NotStored,
    /// It failed, as far as this process knows, and all of it is in the database.
    ButStored,
}

/// Asked at every commit.
pub type CommitFaults = Box<dyn Fn() -> Option<CommitFault> + Send + Sync>;

struct Writer {
    conn: SqliteConnection,
    /// A transaction was left open by a caller that went away.
    open: bool,
}

/// One write transaction. Dropped without [`Tx::commit`], it is rolled back.
pub struct Tx<'s> {
    writer: MutexGuard<'s, Writer>,
    broken: &'s AtomicBool,
    faults: Option<&'s CommitFaults>,
}

impl Store {
    /// Opens the database, with write-ahead log, `synchronous = FULL` and `secure_delete` on every connection.
    ///
    /// With [`Access::Write`] a missing file is made, readable by its owner only, and an older schema is migrated after a
    /// copy of the file was put beside it ([`Store::copied_to`]).
    ///
    /// # Errors
    /// [`StoreError`] where it is missing, newer, damaged, or cannot be opened.
    pub async fn open(path: &Path, access: Access) -> Result<Arc<Self>, StoreError> {
        if !path.exists() {
            if access == Access::Read {
                return Err(StoreError::Missing(path.to_owned()));
            }
            create_private(path)?;
        }
        let options = options(path);
        let mut conn = options.connect().await.map_err(|error| open_error(path, error))?;
        let copied_to = migrate(path, &mut conn, access).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(READER_WAIT)
            .connect_lazy_with(options);
        let writer = Mutex::new(Writer { conn, open: false });
        Ok(Arc::new(Self {
            path: path.to_owned(),
            writer,
            readers,
            broken: AtomicBool::new(false),
            copied_to,
            faults: OnceLock::new(),
        }))
    }

    /// Where the database lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The copy of the database as it was before this program migrated it.
    pub fn copied_to(&self) -> Option<&Path> {
        self.copied_to.as_deref()
    }

    /// Begins a write transaction; waits for other processes as long as the busy timeout.
    ///
    /// # Errors
    /// [`StoreError::Locked`] after that; [`StoreError::Io`] once a write of this process has failed.
    pub async fn begin(&self) -> Result<Tx<'_>, StoreError> {
        let mut writer = self.ready_writer().await?;
        if let Err(error) = sqlx::query(sql!("begin")).execute(&mut writer.conn).await {
            writer.open = false;
            return Err(error.into());
        }
        Ok(self.tx(writer))
    }

    /// The writer, with nothing left open on it and a transaction about to begin.
    async fn ready_writer(&self) -> Result<MutexGuard<'_, Writer>, StoreError> {
        let mut writer = self.writer.lock().await;
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Io("an earlier write failed".into()));
        }
        if writer.open {
            // A caller that went away while COMMIT ran leaves nothing to roll back, which is an error here; a transaction
            // that is still open makes BEGIN fail.
            drop(sqlx::query(sql!("rollback")).execute(&mut writer.conn).await);
        }
        // Set first: a caller that is cancelled while BEGIN runs must not leave the transaction to the next one.
        writer.open = true;
        Ok(writer)
    }

    /// As [`Store::begin`], but waits for minutes while somebody else holds the database: outcomes must not be lost
    /// because of a slow backup (faults.md 20).
    pub(super) async fn begin_patiently(&self) -> Result<Tx<'_>, StoreError> {
        let mut left = LOCKED_TRIES;
        loop {
            match self.begin().await {
                Err(StoreError::Locked) if left > 0 => {
                    left -= 1;
                    tracing::warn!("the database is locked by another process; nothing is sent meanwhile");
                }
                other => return other,
            }
        }
    }

    /// Begins a worker's group, patiently: gives the entry that comes next, and which of `refused` (JSON, see
    /// `record_begin.sql`) are still as they were read.
    pub(super) async fn begin_record(&self, refused: &str) -> Result<(Tx<'_>, i64, Vec<i64>), StoreError> {
        let mut left = LOCKED_TRIES;
        loop {
            let mut writer = self.ready_writer().await?;
            let query = sqlx::query(sql!("record_begin")).bind(refused);
            match query.fetch_all(&mut writer.conn).await.map_err(StoreError::from) {
                Ok(rows) => {
                    let [seq, still] = rows.as_slice() else {
                        return Err(StoreError::Foreign("the database gave no answer to a begin".into()));
                    };
                    let (seq, still) = (seq.try_get(0)?, ids_of(&still.try_get::<String, _>(0)?)?);
                    return Ok((self.tx(writer), seq, still));
                }
                Err(StoreError::Locked) if left > 0 => {
                    left -= 1;
                    tracing::warn!("the database is locked by another process; nothing is sent meanwhile");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns once every write transaction that was open when it was called has ended, in whatever process.
    ///
    /// # Errors
    /// As [`Store::begin`], after minutes.
    pub async fn wait_for_writers(&self) -> Result<(), StoreError> {
        self.begin_patiently().await?.commit().await
    }

    fn tx<'s>(&'s self, writer: MutexGuard<'s, Writer>) -> Tx<'s> {
        Tx { writer, broken: &self.broken, faults: self.faults.get() }
    }

    /// Makes commits fail as `faults` says, from now on. Only tests ask for it.
    pub fn fail_commits(&self, faults: CommitFaults) {
        // A second call changes nothing.
        drop(self.faults.set(faults));
    }

    /// Whether a question to the database is under way in this process. Only a simulated clock asks: it stands still then.
    pub fn is_busy(&self) -> bool {
        self.writer.try_lock().is_err() || usize::try_from(self.readers.size()).unwrap_or(0) > self.readers.num_idle()
    }

    /// The readers: they see the last commit.
    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Closes every connection; the write-ahead log is folded in where nobody else has the file open.
    pub async fn close(&self) {
        self.readers.close().await;
    }
}

impl Tx<'_> {
    /// The connection that the transaction runs on.
    pub(super) fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.writer.conn
    }

    /// Commits, durably.
    ///
    /// # Errors
    /// [`StoreError::Full`] (nothing was changed) or [`StoreError::Io`] (this store writes no more).
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let fault = self.fault_before().await?;
        let committed = sqlx::query(sql!("commit")).execute(&mut self.writer.conn).await;
        self.committed(committed.map(drop).map_err(StoreError::from), fault)
    }

    /// What a test wants of this commit; an error where it is not even to be tried.
    pub(super) async fn fault_before(&mut self) -> Result<Option<CommitFault>, StoreError> {
        let fault = self.faults.and_then(|faults| faults());
        if fault == Some(CommitFault::NotStored) {
            self.broken.store(true, Ordering::SeqCst);
            drop(sqlx::query(sql!("rollback")).execute(&mut self.writer.conn).await);
            return Err(StoreError::Io("a fault that a test asked for".into()));
        }
        Ok(fault)
    }

    /// Takes in how a commit ended.
    pub(super) fn committed<T>(
        mut self,
        result: Result<T, StoreError>,
        fault: Option<CommitFault>,
    ) -> Result<T, StoreError> {
        let fails = |_| Err(StoreError::Io("a fault that a test asked for".into()));
        let result = if fault.is_some() { result.and_then(fails) } else { result };
        match &result {
            Ok(_) => self.writer.open = false,
            Err(StoreError::Io(_)) => self.broken.store(true, Ordering::SeqCst),
            Err(_) => {}
        }
        result
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_WAIT)
        .pragma("secure_delete", "ON")
        .pragma("trusted_schema", "OFF")
        .pragma("cache_size", (-CACHE_KIB).to_string())
        .disable_statement_logging()
}

pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Open { path: path.to_owned(), reason: error.to_string() }),
    }
}

pub(super) fn open_error(path: &Path, error: sqlx::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Damaged(_) => StoreError::Damaged(path.to_owned()),
        StoreError::Sql(reason) => StoreError::Open { path: path.to_owned(), reason },
        other => other,
    }
}

/// Brings the schema to this version. Returns where the older database was copied to.
async fn migrate(path: &Path, conn: &mut SqliteConnection, access: Access) -> Result<Option<PathBuf>, StoreError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let has_table: i64 = sqlx::query_scalar(sql!("schema_has_migrations"))
        .fetch_one(&mut *conn)
        .await
        .map_err(|error| open_error(path, error))?;
    let found: i64 =
        if has_table == 0 { 0 } else { sqlx::query_scalar(sql!("schema_version")).fetch_one(&mut *conn).await? };
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    if found == known {
        return Ok(None);
    }
    let is_new: i64 = sqlx::query_scalar(sql!("schema_is_empty")).fetch_one(&mut *conn).await?;
    if is_new == 0 && found == 0 {
        return Err(StoreError::Damaged(path.to_owned()));
    }
    if is_new == 0 && access == Access::Read {
        return Err(StoreError::Older);
    }
    let copy = if is_new == 1 { None } else { Some(copy_beside(path, conn, found).await?) };
    conn.ensure_migrations_table(&MIGRATIONS.table_name).await.map_err(migrate_error)?;
    MIGRATIONS.run(&mut *conn).await.map_err(migrate_error)?;
    Ok(copy)
}

fn migrate_error(error: sqlx::migrate::MigrateError) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::Execute(error) => error.into(),
        other => StoreError::Sql(other.to_string()),
    }
}

async fn copy_beside(path: &Path, conn: &mut SqliteConnection, found: i64) -> Result<PathBuf, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-{found:04}"));
    let copy = PathBuf::from(name);
    create_private(&copy)?;
    sqlx::query(sql!("copy_into")).bind(copy.to_string_lossy().into_owned()).execute(conn).await?;
    Ok(copy)
}
