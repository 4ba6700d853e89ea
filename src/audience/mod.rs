//! Reading lists: from a file, a pipe or a database's rows to checked rows, each accepted or rejected with a reason.
//!
//! Decides what a list's columns mean, which rows name exactly one customer who can be mailed, and when two rows are the
//! same customer. Never writes to the database, never opens a SQLite source (store does, for it alone knows SQL), never
//! drops a row that names somebody: a row is imported, a duplicate, or rejected. Sits between the list and the store:
//!
//! ```text
//! bytes ─ decode ─▶ text ─ records ─▶ RawRow ─ mapping, row ─▶ Row or Reject ─ dedup ─▶ store
//!                     SQLite rows ────▲                              └─ rejects ─▶ a file to correct
//! ```

pub mod cells;
mod columns;
mod csv_list;
mod decode;
mod dedup;
mod error;
mod import;
mod mapping;
mod read;
mod records;
mod rejects;
mod row;
mod select;
mod source;
mod stage;
mod values;

#[cfg(test)]
mod tests;

pub use columns::Field;
pub use csv_list::{CsvReader, Detected, RowsDigest, from_reader, open_csv};
pub use dedup::{Decision, Existing, decide};
pub use error::AudienceError;
pub use import::{ImportOptions, Imported, RejectedRow, import};
pub use mapping::{MapArg, Mapping};
pub use rejects::RejectsFile;
pub use row::{Cell, RawRow, Reject, Row};
pub use select::single_select;
pub use source::{Selection, Source, SqliteSource};

/// Octets of one value. A name or an address never comes near it; a value past it is a damaged list.
pub const VALUE_OCTETS_MAX: usize = 64 * 1024;

/// Octets of one row, and of what is held in memory for it. Past it a quote was left open somewhere.
pub const RECORD_OCTETS_MAX: usize = 1024 * 1024;

/// Columns of a list: as many as a spreadsheet of contacts could have, and few enough to list in a message.
pub const COLUMNS_MAX: usize = 1024;
