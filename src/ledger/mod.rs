//! The tamper-evident log: what an entry is, byte for byte, and how it is hashed (ledger.md).
//!
//! Decides the bytes of entries and commitments. Pure: it never reads a database, a clock or a file, and never sees which
//! campaign is running. `store` keeps what is made here, in the same transaction as the state that it explains.

pub mod canonical;
pub mod commitment;
pub mod entry;
pub mod key;
pub mod tree;

pub use crate::crypto::Hash;
