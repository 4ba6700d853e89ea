//! Why a campaign cannot be moved as asked, in words that say what to do.

use crate::domain::campaign::CampaignState;
use crate::domain::incident::IncidentError;
use crate::notice::NoticeError;
use crate::store::StoreError;

/// A move that was not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// No such campaign.
    #[error("there is no campaign {0}: `candor campaign list` shows those there are")]
    Unknown(String),
    /// The campaign is not where this can be done.
    #[error("{campaign} is {state}: {advice}")]
    State {
        /// Its name.
        campaign: String,
        /// Where it is.
        state: CampaignState,
        /// What to do instead.
        advice: &'static str,
    },
    /// The check has errors.
    #[error("the check of {campaign} has {errors} error(s): `candor campaign check {campaign}` lists them")]
    Check {
        /// Its name.
        campaign: String,
        /// Rules of severity error that failed, and people whose message could not be rendered.
        errors: usize,
    },
    /// Nobody to send to.
    #[error("{0} has no recipients that may be approved: `candor campaign import {0} LIST` brings them in")]
    Empty(String),
    /// What was approved is not what would be sent.
    #[error(
        "{campaign} is back in draft, for this changed since it was submitted: {changed}. Check and submit it again"
    )]
    Changed {
        /// Its name.
        campaign: String,
        /// Which settings.
        changed: String,
    },
    /// A number that does not fit.
    #[error(
        "{campaign} would go to {people} people, not {expected}: nothing was changed; look at `candor campaign show {campaign}`"
    )]
    Expected {
        /// Its name.
        campaign: String,
        /// How many there are.
        people: i64,
        /// How many were expected.
        expected: i64,
    },
    /// The start lies in the past.
    #[error("{0} has passed: give a time to come, or --now")]
    Past(String),
    /// No such batch, or none or several that could be meant.
    #[error("{0}")]
    Batch(String),
    /// Something that approval froze, while it is being sent.
    #[error(
        "{campaign} is {state}, so its {what} stay as approved: pause or cancel it, and make a new campaign for other content"
    )]
    Frozen {
        /// Its name.
        campaign: String,
        /// Where it is.
        state: CampaignState,
        /// What was to be changed.
        what: &'static str,
    },
    /// A higher rate than was approved.
    #[error("{campaign} was approved for at most {approved}: while it is {state} the rate can only be lowered")]
    RateRaised {
        /// Its name.
        campaign: String,
        /// Where it is.
        state: CampaignState,
        /// The highest rate.
        approved: String,
    },
    /// A message that cannot be shown: no such recipient, or it does not render.
    #[error("{0}")]
    Preview(String),
    /// A setting that is missing or does not fit.
    #[error("{0}")]
    Settings(String),
    /// The incident.
    #[error(transparent)]
    Incident(#[from] IncidentError),
    /// The notice.
    #[error(transparent)]
    Notice(#[from] NoticeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A value that has no canonical form.
    #[error(transparent)]
    Canonical(#[from] crate::ledger::canonical::NotCanonical),
}
