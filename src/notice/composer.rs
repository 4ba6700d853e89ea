//! One recipient's notice as the bytes of a message (RFC 5322, MIME).
//!
//! Fills what is the recipient's own into a skeleton that lettre built once. The result is 7-bit (but for an address that
//! needs SMTPUTF8), has only CRLF, and is octet for octet what lettre would build for this recipient. Never signs and never
//! sends; it asks neither the clock nor the system's randomness.

use std::collections::BTreeMap;

use super::compiled::Notice;
use super::header::{push_mailbox, push_text};
use super::message::{BOUNDARY_DIGITS, MessageError, Stamp, boundaries, is_message_id, may_be_extra, push_date};
use super::parties::{Customer, Organization};
use super::rendered::Rendered;
use super::skeleton::{Skeleton, Slot};
use super::transfer::Body;

/// Room for what the header section has of the recipient's own and for the boundaries, in an ordinary message.
const ROOM_FOR_VALUES_OCTETS: usize = 1024;

/// Writes the messages of one campaign. Share it between tasks; composing changes nothing in it.
pub struct Composer {
    locales: BTreeMap<String, Skeleton>,
}

impl Composer {
    /// Has the skeleton of every locale built, images encoded.
    ///
    /// # Errors
    /// [`MessageError::MediaType`] for an image that cannot stand in a message.
    pub fn new(notice: &Notice, organization: &Organization) -> Result<Self, MessageError> {
        let mut locales = BTreeMap::new();
        for name in notice.locales() {
            let images = notice.in_locale(name).map_or(&[][..], |locale| locale.images());
            locales.insert(name.to_owned(), Skeleton::build(organization, name, images)?);
        }
        Ok(Self { locales })
    }

    /// Writes one message (RFC 5322 §3.6, RFC 2045 to 2047, RFC 2387, RFC 3834) of a copy that this composer's notice
    /// rendered for `customer`.
    ///
    /// # Errors
    /// [`MessageError`] for an extra header or a Message-ID that cannot stand in a message, or a copy of another notice.
    pub fn compose(&self, rendered: &Rendered, customer: &Customer, stamp: &Stamp) -> Result<Vec<u8>, MessageError> {
        let skeleton = self.locales.get(&rendered.locale).filter(|known| known.has_images(&rendered.attachments));
        let skeleton = skeleton.ok_or(MessageError::OtherNotice)?;
        if !is_message_id(&stamp.message_id) {
            return Err(MessageError::MessageId);
        }
        if let Some((name, _)) = stamp.extra_headers.iter().find(|(name, _)| !may_be_extra(name)) {
            return Err(MessageError::Header(name.clone()));
        }
        let digits = boundaries(&customer.key, stamp.attempt);
        let (inner, outer) = digits.split_at(BOUNDARY_DIGITS);
        let (text, html) = (Body::new(&rendered.text), Body::new(&rendered.html));
        let room = skeleton.len() + ROOM_FOR_VALUES_OCTETS + text.room() + html.room();
        let mut message = Vec::with_capacity(room);
        skeleton.fill(&mut message, |out, slot| match slot {
            Slot::Date => push_date(out, &stamp.date),
            Slot::To => push_mailbox(out, "To", &customer.name, &customer.mailbox),
            Slot::Subject => push_text(out, "Subject", &rendered.subject),
            Slot::MessageId => out.extend_from_slice(stamp.message_id.as_bytes()),
            Slot::Extra => stamp.extra_headers.iter().for_each(|(name, value)| push_text(out, name, value)),
            Slot::Inner => out.extend_from_slice(inner),
            Slot::Outer => out.extend_from_slice(outer),
            Slot::Text => push_body(out, &text),
            Slot::Html => push_body(out, &html),
        });
        Ok(message)
    }
}

fn push_body(out: &mut Vec<u8>, body: &Body<'_>) {
    out.extend_from_slice(body.encoding());
    out.extend_from_slice(b"\r\n\r\n");
    body.write(out);
}
