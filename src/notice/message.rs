//! One recipient's notice as the bytes of a message (RFC 5322, MIME).
//!
//! Decides headers, structure and encodings. The result is 7-bit (but for an address that needs SMTPUTF8), has only CRLF,
//! and follows from its inputs alone: the same copy and stamp give the same octets, so that `prove` can make them again.
//! Never signs and never sends; it asks neither the clock nor the system's randomness.

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentDisposition, ContentId, ContentTransferEncoding, ContentType};
use lettre::message::{MultiPart, SinglePart};

use super::header::{DISPLAY_NAME_CHARACTERS_MAX, one_line, push_mailbox, push_text};
use super::parties::{Customer, Organization};
use super::reference_code::base32_of;
use super::rendered::{Attachment, Rendered};
use crate::crypto::{self, Hash};

/// Octets of a Message-ID's HMAC that are used: 130 bits and a little, far beyond any collision.
const MESSAGE_ID_OCTETS: usize = 17;
/// Octets of the HMAC in each boundary; nobody without the key can write a line that ends a part.
const BOUNDARY_OCTETS: usize = 16;
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

/// Writes the message (RFC 5322 §3.6, RFC 2045 to 2047, RFC 2387, RFC 3834).
///
/// Text and HTML are alternatives of each other; where the HTML embeds images, both stand in a `multipart/related` before
/// them. The HTML part's Content-IDs are those of `rendered`.
///
/// # Errors
/// [`MessageError`] for an extra header, a Message-ID or a media type that cannot stand in a message.
pub fn compose(
    rendered: &Rendered,
    customer: &Customer,
    organization: &Organization,
    stamp: &Stamp,
) -> Result<Vec<u8>, MessageError> {
    let mut head = String::with_capacity(HEAD_OCTETS);
    push_text(&mut head, "Date", &stamp.date.format("%a, %d %b %Y %H:%M:%S +0000").to_string());
    let (from_name, from) = &organization.from;
    push_mailbox(&mut head, "From", from_name.as_deref().unwrap_or_default(), from);
    if let Some(reply_to) = &organization.reply_to {
        push_mailbox(&mut head, "Reply-To", "", reply_to);
    }
    push_mailbox(&mut head, "To", &customer.name, &customer.mailbox);
    push_text(&mut head, "Subject", &rendered.subject);
    if !is_message_id(&stamp.message_id) {
        return Err(MessageError::MessageId);
    }
    push_text(&mut head, "Message-ID", &format!("<{}>", stamp.message_id));
    push_text(&mut head, "Content-Language", &rendered.locale.replace('_', "-"));
    push_text(&mut head, "Auto-Submitted", "auto-generated");
    for (name, value) in &stamp.extra_headers {
        if !may_be_extra(name) {
            return Err(MessageError::Header(name.clone()));
        }
        push_text(&mut head, name, value);
    }
    push_text(&mut head, "MIME-Version", "1.0");
    let mut message = head.into_bytes();
    message.extend(body(rendered, &boundary_hash(&customer.key, stamp.attempt))?.formatted());
    Ok(message)
}

/// Room for an ordinary header section.
const HEAD_OCTETS: usize = 1024;

fn boundary_hash(key: &Hash, attempt: u32) -> Hash {
    let mut message = b"candor/boundary/1".to_vec();
    message.extend(attempt.to_be_bytes());
    crypto::hmac_sha256(key, &message)
}

fn body(rendered: &Rendered, boundaries: &Hash) -> Result<MultiPart, MessageError> {
    let (inner, outer) = boundaries.split_at(BOUNDARY_OCTETS);
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(rendered.text.clone());
    let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(rendered.html.clone());
    let both = multipart(&format!("multipart/alternative; boundary=\"{}\"", hex::encode(inner)))?;
    let both = both.singlepart(text).singlepart(html);
    if rendered.attachments.is_empty() {
        return Ok(both);
    }
    let kind = format!("multipart/related; type=\"multipart/alternative\"; boundary=\"{}\"", hex::encode(outer));
    let mut related = multipart(&kind)?.multipart(both);
    for attachment in &rendered.attachments {
        related = related.singlepart(image(attachment)?);
    }
    Ok(related)
}

fn multipart(kind: &str) -> Result<MultiPart, MessageError> {
    Ok(MultiPart::builder().header(content_type(kind)?).build())
}

fn image(attachment: &Attachment) -> Result<SinglePart, MessageError> {
    Ok(SinglePart::builder()
        .header(content_type(attachment.media_type)?)
        .header(ContentId::from(format!("<{}>", attachment.content_id)))
        .header(ContentDisposition::inline_with_name(&attachment.name))
        .header(ContentTransferEncoding::Base64)
        .body(attachment.bytes.clone()))
}

fn content_type(text: &str) -> Result<ContentType, MessageError> {
    ContentType::parse(text).map_err(|_| MessageError::MediaType(text.to_owned()))
}

fn may_be_extra(name: &str) -> bool {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain && !OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn is_message_id(id: &str) -> bool {
    let plain =
        id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'(' | b')' | b',' | b'"' | b'\\'));
    let sides = id.split_once('@');
    plain
        && id.len() <= 250
        && sides.is_some_and(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains('@'))
}
