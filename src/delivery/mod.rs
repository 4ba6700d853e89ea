//! Claim, send, record: how a message that may leave gets out, and what is known afterwards (delivery.md, "Promises").
//!
//! Decides when a message leaves, over which relay, and what its outcome means for the recipient. Never decides what a
//! message says, never writes outside [`crate::store::Store::record`], never calls anything accepted without the 250 to
//! that message's own end-of-data.

pub mod classify;
pub mod pace;

mod carrier;
mod carry;
mod decide;
mod job;
mod lanes;
mod line;
mod live;
mod parts;
mod record;
mod recover;
mod relay;
mod spill;
mod talk;
mod watch;
mod worker;

pub use recover::Recovered;
pub use relay::{NamedRelay, Probe, RelayError, probe};
pub use worker::{Event, Report, Step, Until, Worker, WorkerError, WorkerOptions};
