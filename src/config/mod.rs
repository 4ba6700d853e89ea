//! The settings: `candor.toml` and the environment, read once, checked, typed (interface.md, "Configuration").
//!
//! Decides which keys exist, what their values may be, and which file and which variable wins. It is the one room that
//! reads the environment. It opens no connection, makes no file, and does not read a secret before it is asked for.
//! Sits in layer 1: `cli` loads, `app` builds from it, the rooms get the part that concerns them.

mod delivery;
mod duration;
mod environment;
mod error;
mod keys;
mod load;
mod organization;
mod relay;
mod secret;
mod section;
mod settings;
mod surroundings;
#[cfg(test)]
mod tests;
mod tree;
mod url;

pub use delivery::{Delivery, Dkim, InDoubt, Timeouts};
pub use duration::parse_duration;
pub use environment::{process_environment, refuses_colour, token};
pub use error::ConfigError;
pub use load::LoadOptions;
pub use relay::{Relay, RelayKind, Security};
pub use settings::{
    Alerts, Approval, BounceSource, Bounces, Database, Dns, Hook, HookKind, Http, ImapAccount, Ledger, OnlyTo,
    Organization, Retention, ReturnPath, Safety, Seed, Sender, Settings,
};
