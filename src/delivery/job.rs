//! One claimed recipient on its way: everything that a connection needs to hand the message over.

use std::sync::Arc;

use crate::approval::{ApprovalError, Approved, Parts, customer};
use crate::crypto::Hash;
use crate::domain::outcome::FailureClass;
use crate::domain::recipient::RecipientState;
use crate::notice::{Customer, message_id};
use crate::store::ClaimableRow;

/// A claimed recipient.
pub struct Job {
    /// The recipient's row.
    pub recipient_id: i64,
    /// The campaign's row.
    pub campaign_id: i64,
    /// The campaign as approved.
    pub approved: Arc<Approved>,
    /// Whom it is for.
    pub customer: Customer,
    /// The recipient's domain.
    pub domain: String,
    /// What `check` committed to, where it is on record.
    pub expected: Option<Hash>,
    /// Attempts on record.
    pub attempts: i64,
    /// Temporary failures in this run of tries.
    pub tries: i64,
    /// Attempts that ended in doubt, in this run of tries.
    pub doubts: i64,
    /// The state that it was read in.
    pub from: RecipientState,
    /// The campaign's active time when it was first due, milliseconds.
    pub due_active_ms: i64,
    /// The last attempt's class.
    pub last_class: Option<FailureClass>,
    /// Relays that cannot carry its message, by their place in the worker's list; and what the last of them lacked.
    pub cannot_carry: Vec<(usize, FailureClass, String)>,
}

impl Job {
    /// Makes a job of a claimed row.
    ///
    /// # Errors
    /// [`ApprovalError::Settings`] for a row that this program did not write.
    pub fn new(approved: &Arc<Approved>, row: ClaimableRow, expected: Option<Hash>) -> Result<Self, ApprovalError> {
        let from = RecipientState::parse(&row.state)
            .ok_or_else(|| ApprovalError::Settings("a recipient's row has a state that is none".into()))?;
        let parts =
            Parts { reference: &row.reference, email: &row.email, mailbox: &row.mailbox, row: &row.row, key: &row.key };
        Ok(Self {
            recipient_id: row.id,
            campaign_id: approved.row().id,
            approved: approved.clone(),
            customer: customer(parts)?,
            domain: row.domain,
            expected,
            attempts: row.attempts,
            tries: row.tries,
            doubts: row.doubts,
            from,
            due_active_ms: row.due_active_ms,
            last_class: row.class.as_deref().and_then(FailureClass::parse),
            cannot_carry: Vec::new(),
        })
    }

    /// The campaign's name.
    pub fn campaign(&self) -> &str {
        &self.approved.row().name
    }

    /// The number that its next attempt has.
    pub fn attempt(&self) -> i64 {
        self.attempts + 1
    }

    /// The Message-ID, the same in every attempt, without angle brackets.
    pub fn message_id(&self) -> String {
        message_id(&self.customer.key, self.approved.organization().from.1.domain())
    }
}
