//! The command line: what people type and what they see.

pub mod demo;
pub mod output;
mod plot;
pub mod progress;
pub mod terminal;
mod words;
