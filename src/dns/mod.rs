//! What stands in DNS about the sender: the records by which large providers decide whether they take bulk mail.
//!
//! Decides what a record means for a campaign, and what would have to be published. Never decides whether to send: `doctor`
//! and the rule `sender-auth` show it. Everything asked is bounded by one deadline; what was not answered is unknown, and
//! said to be. Uses `domain` only; the one room that asks DNS, but for the connection to a relay.

mod records;
mod resolver;
mod sender_auth;

pub use resolver::{Answer, Resolver};
pub use sender_auth::{DEADLINE, Judged, OurKey, SenderDomains, Verdict, examine};
