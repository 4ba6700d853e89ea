//! Freezing by hash, and the moves of a campaign that depend on it: submit, approve, reject, schedule, start, pause,
//! resume, cancel, finish.
//!
//! Decides what may be sent at all: delivery gets a campaign only as [`Approved`], whose fields nobody else can make.
//! Never sends, and never changes a recipient beyond what a move of the whole campaign does.

mod approved;
mod check;
mod content;
mod create;
mod error;
mod forecast;
mod moves;
mod people;
mod plan;
mod preview;
mod running;
mod schedule;
mod sender;

pub use approved::{Approved, load};
pub use check::{CheckResult, RenderFailure, check, checked};
pub use content::{Content, FrozenSettings};
pub use create::{Sources, Wanted, create, settings, update};
pub use error::ApprovalError;
pub use forecast::Forecast;
pub use moves::{approve, changed_settings, reject, submit, withdraw};
pub use people::{Parts, customer};
pub use plan::Plan;
pub use preview::{audience_of, by_reference_code, expected, not_past, preview, settings_of_draft, source, state_of};
pub use running::{cancel, finish, pause, pause_by_worker, resume, resume_sending};
pub use schedule::{ScheduleRequest, Start, audience, schedule, start_due};
pub use sender::sender_auth;
