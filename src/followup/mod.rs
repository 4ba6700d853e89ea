//! What happens after an attempt: reruns, and the list of those who must not be mailed.
//!
//! Decides who may be tried again. Never touches anybody who was accepted or delivered.

mod rerun;
mod suppression;

pub use rerun::{RerunFilter, RerunPlan, RerunRequest, rerun};
pub use suppression::{suppress_add, suppress_export, suppress_import, suppress_remove};

use std::path::PathBuf;

use crate::approval::ApprovalError;
use crate::store::StoreError;

/// What could not be done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum FollowupError {
    /// No such campaign.
    #[error("there is no campaign {0}: `candor campaign list` shows those there are")]
    Unknown(String),
    /// Not while it is where it is.
    #[error("{campaign} is {state}: {advice}")]
    State {
        /// Its name.
        campaign: String,
        /// Where it is.
        state: String,
        /// What to do instead.
        advice: &'static str,
    },
    /// A state that a rerun never touches.
    #[error("a rerun takes people who are failed, bounced, in-doubt or suppressed, never {0}")]
    NotRerun(String),
    /// Neither an address nor a domain.
    #[error("{target:?} is neither an address nor @domain: {reason}")]
    Target {
        /// As given.
        target: String,
        /// Why.
        reason: String,
    },
    /// It was not on the list.
    #[error("{0} is not on the suppression list")]
    NotListed(String),
    /// A file.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A campaign's move.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
