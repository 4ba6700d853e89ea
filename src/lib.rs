//! The map of the house, in the order in which a customer's row walks through it.
//!
//! Who may use whom is a table in ARCHITECTURE.md; `tests/tidy.rs` holds the walls.

pub mod domain;

pub mod clock;
pub mod config;
pub mod crypto;
pub mod dns;
pub mod shutdown;
pub mod telemetry;

pub mod ledger;
pub mod smtp;

pub mod store;

pub mod audience;
pub mod notice;

pub mod approval;

pub mod delivery;
pub mod followup;

pub mod views;

pub mod app;
pub mod schedule;

pub mod cli;
