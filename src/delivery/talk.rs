//! What a worker and its lines say to each other.

use std::sync::Arc;

use super::carry::{Carried, Order};
use super::job::Job;
use super::parts::Parts;
use crate::clock::Clock;
use crate::config::ReturnPath;
use crate::domain::outcome::SendFailure;
use crate::notice::Signers;
use crate::store::Begin;

/// What every line of a worker is told.
pub struct LineOptions {
    /// The envelope sender.
    pub return_path: Option<ReturnPath>,
    /// Ask for success reports too.
    pub dsn_success: bool,
    /// The time, for each message's Date.
    pub clock: Arc<dyn Clock>,
    /// Who signs.
    pub signers: Arc<Signers>,
    /// Where the time goes.
    pub parts: Arc<Parts>,
}

/// What a worker tells a line.
pub enum Word {
    /// A message to hand over.
    Order(Order),
    /// The answer to [`Turn::ready`].
    Leave {
        /// The recipient.
        recipient_id: i64,
        /// Its begin is committed: its body may leave.
        may: bool,
    },
}

/// What a line tells its worker.
pub enum LineEvent {
    /// It is open and idle.
    Open,
    /// Messages are done, or one waits for its begin.
    Turn(Turn),
    /// It has been idle for long: to be let go.
    Idle,
    /// The line is gone.
    Gone {
        /// All that it still had.
        done: Vec<Done>,
        /// What was wrong with the relay, where something was.
        trouble: Option<SendFailure>,
        /// It was closed from here, which says nothing about the relay.
        is_own: bool,
    },
}

/// One step of a line's work.
#[derive(Default)]
pub struct Turn {
    /// Messages that are done.
    pub done: Vec<Done>,
    /// The server waits for this one's body.
    pub ready: Option<Ready>,
}

/// A message that is done.
pub struct Done {
    /// The recipient.
    pub job: Box<Job>,
    /// How it ended.
    pub carried: Carried,
}

/// A message whose body may leave once its begin is committed.
pub struct Ready {
    /// Its campaign's row.
    pub campaign_id: i64,
    /// What is to be committed.
    pub begin: Begin,
}
