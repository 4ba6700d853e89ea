//! The built program as a user's script sees it: commands, exit codes, output, judged by the servers' own records.
//!
//! Knows the program by interface.md alone; only the built-in inbox is taken from the library, as a server to send to.

#[path = "../support/mod.rs"]
pub mod support;

use support::house;

mod hostile;
mod killed;
mod lists;
mod postfix;
mod sending;
mod settings;
mod shapes;
