//! What an attempt adds to a recipient's copy so that it becomes a message: Date, Message-ID, boundaries, further headers.
//!
//! Decides which of them may stand in a message, and their form. All follow from their inputs alone, so that `prove` can make
//! the same octets again; nothing here asks the clock or the system's randomness.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};

use super::header::{DISPLAY_NAME_CHARACTERS_MAX, one_line};
use super::parties::Customer;
use super::reference_code::base32_of;
use crate::crypto::{self, Hash};

/// Octets of a Message-ID's HMAC that are used: 130 bits and a little, far beyond any collision.
const MESSAGE_ID_OCTETS: usize = 17;
/// Digits of each boundary: half the HMAC's octets. Nobody without the key can write a line that ends a part.
pub(super) const BOUNDARY_DIGITS: usize = 32;
/// The fields that every message has once; an extra header may not be one of them.
const OWN_FIELDS: &[&str] = &[
    "Date",
    "From",
    "Reply-To",
    "Sender",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Message-ID",
    "Content-Language",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// What an attempt adds to a copy. From and Reply-To come from the [`Organization`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Without angle brackets; [`message_id`] makes it, and it is the same in every attempt.
    pub message_id: String,
    /// The Date field, to the second.
    pub date: DateTime<Utc>,
    /// From 1. The boundaries follow from it and the recipient's key.
    pub attempt: u32,
    /// Further header fields, name and value, such as `Candor-Checkpoint`.
    pub extra_headers: Vec<(String, String)>,
}

/// Why a message cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The name of an extra header is not one, or is taken.
    #[error(
        "`{0}` cannot be an extra header; its name must be letters, digits and hyphens, and not one the message has"
    )]
    Header(String),
    /// Not `left@right` in plain characters.
    #[error("the Message-ID must be printable ASCII with one @ and no brackets; take the one that message_id makes")]
    MessageId,
    /// The MIME builder does not take a type.
    #[error("`{0}` is no media type")]
    MediaType(String),
    /// The builder's message is not the one that this program knows how to fill.
    #[error("the message builder wrote a skeleton without its marks: this is a fault of candor; please report it")]
    Skeleton,
    /// The copy was rendered from another notice.
    #[error("this copy was rendered from another notice than its message: this is a fault of candor; please report it")]
    OtherNotice,
}

/// The Message-ID of a recipient in a campaign, without angle brackets; `domain` is From's.
pub fn message_id(key: &Hash, domain: &str) -> String {
    let mac = crypto::hmac_sha256(key, b"candor/message-id/1");
    format!("{}@{domain}", base32_of(&mac[..MESSAGE_ID_OCTETS]))
}

/// The To of a customer as a person reads it: the name, if any, and the one address. This text is what is committed to.
pub fn recipient_line(customer: &Customer) -> String {
    let name = one_line(&customer.name, DISPLAY_NAME_CHARACTERS_MAX);
    let address = customer.mailbox.reveal();
    if name.is_empty() { address } else { format!("{name} <{address}>") }
}

/// A date as RFC 5322 §3.3 writes it, in UTC, to the second.
pub(super) fn push_date(out: &mut Vec<u8>, date: &DateTime<Utc>) {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let two = |number: u32| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    // The field has four digits for the year; a clock beyond them is shown cut, like any that is so wrong.
    let year = date.year().rem_euclid(10_000).unsigned_abs();
    out.extend_from_slice(DAYS[date.weekday().num_days_from_monday() as usize].as_bytes());
    out.extend_from_slice(b", ");
    out.extend_from_slice(&two(date.day()));
    out.push(b' ');
    out.extend_from_slice(MONTHS[date.month0() as usize].as_bytes());
    out.push(b' ');
    out.extend_from_slice(&two(year / 100));
    out.extend_from_slice(&two(year % 100));
    for (before, number) in [(b' ', date.hour()), (b':', date.minute()), (b':', date.second())] {
        out.push(before);
        out.extend_from_slice(&two(number));
    }
    out.extend_from_slice(b" +0000");
}

/// The boundaries of one attempt: hexadecimal digits, those of the alternatives first, then those of what is around them.
pub(super) fn boundaries(key: &Hash, attempt: u32) -> [u8; 2 * BOUNDARY_DIGITS] {
    let mut message = *b"candor/boundary/1\0\0\0\0";
    let name = message.len() - size_of::<u32>();
    message[name..].copy_from_slice(&attempt.to_be_bytes());
    let hash = crypto::hmac_sha256(key, &message);
    let mut digits = [0; 2 * BOUNDARY_DIGITS];
    // Two digits an octet: the lengths fit.
    hex::encode_to_slice(hash, &mut digits).expect("an octet is two hexadecimal digits");
    digits
}

pub(super) fn may_be_extra(name: &str) -> bool {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain && !OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

pub(super) fn is_message_id(id: &str) -> bool {
    let plain =
        id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'(' | b')' | b',' | b'"' | b'\\'));
    let sides = id.split_once('@');
    plain
        && id.len() <= 250
        && sides.is_some_and(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains('@'))
}
