//! Who writes and who is written to, as templates and header fields see them.
//!
//! Decides which columns a customer has. Holds personal data: nothing here is printed but by a template.

use std::collections::BTreeMap;

use super::values;
use crate::crypto::Hash;
use crate::domain::address::Mailbox;

/// Who sends: what templates see as `organization.*`, and the From and Reply-To of each message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// The name, if any, and the address of From.
    pub from: (Option<String>, Mailbox),
    /// Where answers go, if not to From.
    pub reply_to: Option<Mailbox>,
    /// The postal address, as it is to be printed.
    pub postal_address: String,
}

/// One customer as imported: what templates see as `customer.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The customer's reference (`ref`).
    pub reference: String,
    /// Where the notice goes.
    pub mailbox: Mailbox,
    /// The address as imported.
    pub email: String,
    /// The name; may be empty.
    pub name: String,
    /// The locale; may be empty.
    pub locale: String,
    /// All other imported columns, `jurisdiction` and `channel_basis` among them.
    pub fields: BTreeMap<String, String>,
    /// The recipient's key: the reference code, the Message-ID and the boundaries follow from it.
    pub key: Hash,
}

impl Customer {
    /// The value of a column under the name that templates use.
    pub(super) fn column(&self, name: &str) -> Option<&str> {
        match name {
            "ref" => Some(&self.reference),
            "email" => Some(&self.email),
            "name" => Some(&self.name),
            "locale" => Some(&self.locale),
            other => self.fields.get(other).map(String::as_str),
        }
    }

    /// Every column with its value.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = values::OWN_COLUMNS.iter().filter_map(|name| self.column(name).map(|value| (*name, value)));
        let others = self.fields.iter().filter(|(name, _)| !values::OWN_COLUMNS.contains(&name.as_str()));
        own.chain(others.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}
