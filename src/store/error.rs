//! What can go wrong with the database, in words that say what to do.

use std::path::PathBuf;

/// A database that could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database yet, and the command only reads.
    #[error(
        "there is no database at {0}: `candor campaign create` makes it, or name another with `database` in candor.toml"
    )]
    Missing(PathBuf),
    /// Written by a later version.
    #[error(
        "the database was written by a newer version of candor (schema {found}, this one knows {known}): use that version"
    )]
    Newer {
        /// The newest migration in it.
        found: i64,
        /// The newest that this program has.
        known: i64,
    },
    /// Older, and the command only reads.
    #[error(
        "the database has the schema of an older version: any command that writes brings it up to date, such as `candor run --once`"
    )]
    Older,
    /// Another process held it for longer than the busy timeout.
    #[error("the database is locked by another process: try again, or end the program that holds it")]
    Locked,
    /// No room.
    #[error("the disk that holds the database is full: nothing was changed; make room and try again")]
    Full,
    /// A read, write or fsync failed. Nothing more is written by this process.
    #[error("the disk failed under the database ({0}): stopped, for what was written last may not be there")]
    Io(String),
    /// Not a database, or damaged.
    #[error("{0} is not a database of candor, or it is damaged")]
    Damaged(PathBuf),
    /// The file or its folder cannot be opened.
    #[error("the database {path} cannot be opened: {reason}")]
    Open {
        /// Where.
        path: PathBuf,
        /// Why, in the system's words.
        reason: String,
    },
    /// A worker, or an import into the same campaign, already runs here.
    #[error("{0}")]
    Held(String),
    /// Somebody else changed it first.
    #[error("{0}")]
    Conflict(String),
    /// An entry could not be made.
    #[error(transparent)]
    Entry(#[from] crate::ledger::entry::EntryError),
    /// A row that this program did not write.
    #[error("the database holds something that candor did not write: {0}")]
    Foreign(String),
    /// Any other error of the database.
    #[error("the database refused: {0}")]
    Sql(String),
}

/// SQLite's primary result codes that mean something to a user.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_NOTADB: i32 = 26;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
        match code.map(|code| code & 0xff) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Locked,
            Some(SQLITE_FULL) => Self::Full,
            Some(SQLITE_IOERR) => Self::Io(error.to_string()),
            Some(SQLITE_READONLY) => {
                Self::Sql("it may only be read: check the owner of the file and its folder".into())
            }
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Self::Damaged(PathBuf::from("the file")),
            _ => Self::Sql(error.to_string()),
        }
    }
}
