//! What the words of this program mean: closed sets of states, addresses, replies, waits.
//!
//! Decides which values and which moves exist at all. Never does I/O, asks the time, or knows SQL: every function here is
//! pure, so every other room may use it.

pub mod address;
pub mod campaign;
pub(crate) mod closed_set;
pub mod event;
pub mod ids;
pub mod incident;
pub mod octets;
pub mod outcome;
pub mod rate;
pub mod recipient;
pub mod retry;
pub mod text;
pub mod when;
