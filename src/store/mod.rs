//! The only room that knows SQL: one method per named query, plain rows in and out.
//!
//! Decides how rows are kept and in which transaction; every change of state is committed together with the ledger entry
//! that explains it. Never decides what a state should be: the rooms above do, and turn rows into their own types.
//!
//! The queries are files under `sql/<dialect>/`; this version speaks SQLite.

mod audience;
mod campaigns;
mod claims;
mod demo;
mod entries;
mod error;
mod lists;
mod locks;
mod outcomes;
mod rows;
mod source;
mod sqlite;
mod suppressions;

pub use audience::{BatchCounts, NewRecipient, NewReject, Tile, TileKind};
pub use campaigns::{NewCampaign, StateChange};
pub use claims::{Claim, Claimable, Pass};
pub use demo::{DEMO_SELECT, DemoCustomer, write_demo_customers};
pub use entries::EntryRow;
pub use error::StoreError;
pub use lists::{RecipientFilter, RecipientPage};
pub use locks::{ImportLock, WorkerLock};
pub use outcomes::{Begin, Ended, Group, LearnedRate, NextState, OnlyTo, Recorded, Unsent};
pub use rows::{
    AttemptRow, BatchRow, CampaignRow, CheckRow, ClaimableRow, ExistingRow, FailureCount, LearnedRateRow, OpenClaimRow,
    PulseRow, RecipientRow, RejectRow, SourceRow, StateCount, SuppressedRow, SuppressionRow,
};
pub use source::{SourceReader, SourceValue, TableOrSelect};
pub use sqlite::{Access, CommitFault, CommitFaults, Store, Tx};

/// The text of a named query of the SQLite dialect.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("sql/sqlite/", $name, ".sql"))
    };
}
pub(crate) use sql;

#[cfg(test)]
mod tests;
