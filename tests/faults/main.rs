//! The built program tried from outside: killed, lied to, starved of disk and time, and judged by the server's own record.
//!
//! The judge knows interface.md alone: what the server took against what `candor … --json` and `audit log --json` say.
//! Nothing here knows how the program sends or stores. README.md says which invariant is held by what, and how each test
//! was seen to fail.

#[path = "../support/mod.rs"]
pub mod support;

use support::house;

mod bad;
mod cases;
mod controls;
mod crashes;
mod cuts;
mod disk;
mod judge;
mod seed;
mod servers;
mod settings;
mod storage;
mod template;
mod tls;
mod transactions;
mod wire;
