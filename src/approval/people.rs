//! A recipient's row as the customer that a notice is rendered for.

use std::collections::BTreeMap;

use super::ApprovalError;
use crate::crypto::Hash;
use crate::domain::address::Mailbox;
use crate::notice::Customer;

/// Columns that stand in fields of their own.
const OWN: [&str; 4] = ["ref", "email", "name", "locale"];

/// The parts of a row that a customer is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The customer's reference.
    pub reference: &'a str,
    /// As in the list.
    pub email: &'a str,
    /// Canonical.
    pub mailbox: &'a str,
    /// JSON, the values as mapped.
    pub row: &'a str,
    /// 32 octets.
    pub key: &'a [u8],
}

/// Makes the customer.
///
/// # Errors
/// [`ApprovalError::Settings`] for a row that this program did not write.
pub fn customer(parts: Parts<'_>) -> Result<Customer, ApprovalError> {
    let damaged =
        |what: &str| ApprovalError::Settings(format!("a recipient's row was changed in the database: {what}"));
    let mut values: BTreeMap<String, Option<String>> =
        serde_json::from_str(parts.row).map_err(|_| damaged("its values cannot be read"))?;
    let mailbox = Mailbox::parse(parts.mailbox).map_err(|_| damaged("its address is none"))?;
    let key: Hash = parts.key.try_into().map_err(|_| damaged("its key has another length"))?;
    let [_, _, name, locale] = OWN.map(|column| values.remove(column).flatten().unwrap_or_default());
    let fields = values.into_iter().map(|(column, value)| (column, value.unwrap_or_default())).collect();
    Ok(Customer {
        reference: parts.reference.to_owned(),
        mailbox,
        email: parts.email.to_owned(),
        name,
        locale,
        fields,
        key,
    })
}
