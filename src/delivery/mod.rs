//! Sending: what may leave when, what the relay answered, and what follows from it.
//!
//! Sits between approval, which says what may be sent at all, and store and ledger, which keep what happened.

pub mod classify;
pub mod pace;
