//! When two rows are the same customer (interface.md, "An audience"). Pure: store looks up, this decides.

use super::row::{Reject, Row};

/// The recipient or earlier row of the same campaign that has the row's reference.
#[derive(Clone, PartialEq, Eq)]
pub struct Existing {
    /// Its mailbox in full, by [`crate::domain::address::Mailbox::reveal`].
    pub mailbox: String,
    /// Its name, trimmed.
    pub name: String,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A customer not yet in the campaign.
    New,
    /// A customer who is already in it.
    Duplicate,
    /// Two customers under one reference: neither may hide the other.
    Rejected(Reject),
}

/// Decides whether a row is new, given what the campaign already has under its reference.
///
/// Two references may share a mailbox: both customers get their own. The reasons name no address.
pub fn decide(row: &Row, existing: Option<&Existing>, has_ref_column: bool) -> Decision {
    let Some(existing) = existing else { return Decision::New };
    if existing.mailbox != row.mailbox.reveal() {
        let reason = "this ref is already there with another address: they are one person or two, so give the right address \
                      in the list, or each person a ref of their own";
        return Decision::Rejected(row.reject("ref", reason));
    }
    if !has_ref_column && existing.name != row.name {
        let reason = "this address is already there with another name; if they are two customers, add a ref column \
                      that tells them apart";
        return Decision::Rejected(row.reject("ref", reason));
    }
    Decision::Duplicate
}

#[cfg(test)]
mod tests;
