//! What is the same in every message of a campaign in one locale, as lettre builds it, with slots for what is not.
//!
//! Decides the order of the fields and the structure: text and HTML are alternatives of each other; where the HTML embeds
//! images, both stand in a `multipart/related` before them (RFC 2387). Built once; never sees a recipient.

use std::sync::Arc;

use lettre::message::header::{ContentDisposition, ContentId, ContentTransferEncoding, ContentType};
use lettre::message::{Body, MultiPart, SinglePart};
use memchr::memmem;

use super::header::{push_mailbox, push_text};
use super::message::{BOUNDARY_DIGITS, MessageError};
use super::parties::Organization;
use super::rendered::Attachment;
use crate::crypto;

/// Where something of the recipient's own comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The value of Date.
    Date,
    /// The field To.
    To,
    /// The field Subject.
    Subject,
    /// The Message-ID between its brackets.
    MessageId,
    /// Further fields.
    Extra,
    /// The boundary between the two alternatives.
    Inner,
    /// The boundary between them and the images.
    Outer,
    /// The text part: the value of its Content-Transfer-Encoding, an empty line, its body.
    Text,
    /// The HTML part, in the same way.
    Html,
}

/// The slots of the MIME structure, which are found by their marks.
const MARKED: [Slot; 4] = [Slot::Inner, Slot::Outer, Slot::Text, Slot::Html];
/// What lettre writes before the mark of a body.
const BEFORE_BODY: &[u8] = b"7bit\r\n\r\n";

/// A message with gaps.
pub(super) struct Skeleton {
    fixed: Vec<u8>,
    /// Each slot with the octet of `fixed` before which it stands, in order.
    slots: Vec<(usize, Slot)>,
    images: Vec<Arc<Attachment>>,
}

impl Skeleton {
    /// Builds the skeleton of one locale.
    ///
    /// # Errors
    /// [`MessageError::MediaType`] for an image that lettre does not take.
    pub(super) fn build(
        organization: &Organization,
        locale: &str,
        images: &[Arc<Attachment>],
    ) -> Result<Self, MessageError> {
        let mut skeleton = Self { fixed: Vec::with_capacity(1024), slots: Vec::new(), images: images.to_vec() };
        skeleton.head(organization, locale);
        skeleton.body()?;
        skeleton.fixed.shrink_to_fit();
        Ok(skeleton)
    }

    /// Octets that every message of it has.
    pub(super) fn len(&self) -> usize {
        self.fixed.len()
    }

    /// Whether a copy shows these images.
    pub(super) fn has_images(&self, images: &[Arc<Attachment>]) -> bool {
        let same = |(one, other): (&Arc<Attachment>, &Arc<Attachment>)| Arc::ptr_eq(one, other) || one == other;
        self.images.len() == images.len() && self.images.iter().zip(images).all(same)
    }

    /// Appends the message; `write` appends what belongs into each slot.
    pub(super) fn fill(&self, out: &mut Vec<u8>, mut write: impl FnMut(&mut Vec<u8>, Slot)) {
        let mut from = 0;
        for (at, slot) in &self.slots {
            out.extend_from_slice(&self.fixed[from..*at]);
            write(out, *slot);
            from = *at;
        }
        out.extend_from_slice(&self.fixed[from..]);
    }

    fn slot(&mut self, slot: Slot) {
        self.slots.push((self.fixed.len(), slot));
    }

    /// The header section but for the fields of MIME (RFC 5322 §3.6, RFC 3834).
    fn head(&mut self, organization: &Organization, locale: &str) {
        self.fixed.extend_from_slice(b"Date: ");
        self.slot(Slot::Date);
        self.fixed.extend_from_slice(b"\r\n");
        let (from_name, from) = &organization.from;
        push_mailbox(&mut self.fixed, "From", from_name.as_deref().unwrap_or_default(), from);
        if let Some(reply_to) = &organization.reply_to {
            push_mailbox(&mut self.fixed, "Reply-To", "", reply_to);
        }
        self.slot(Slot::To);
        self.slot(Slot::Subject);
        self.fixed.extend_from_slice(b"Message-ID: <");
        self.slot(Slot::MessageId);
        self.fixed.extend_from_slice(b">\r\n");
        push_text(&mut self.fixed, "Content-Language", &locale.replace('_', "-"));
        push_text(&mut self.fixed, "Auto-Submitted", "auto-generated");
        self.slot(Slot::Extra);
        push_text(&mut self.fixed, "MIME-Version", "1.0");
    }

    /// Has lettre build the rest with a mark in each slot, and takes it apart at the marks.
    fn body(&mut self) -> Result<(), MessageError> {
        let marks = MARKED.map(|slot| mark(slot, &self.images));
        let built = structure(&marks, &self.images)?.formatted();
        let mut found: Vec<(usize, usize, Slot)> = Vec::new();
        for (slot, mark) in MARKED.into_iter().zip(&marks) {
            for at in memmem::find_iter(&built, mark.as_bytes()) {
                let end = at + mark.len();
                let start = match slot {
                    Slot::Text | Slot::Html if built[..at].ends_with(BEFORE_BODY) => at - BEFORE_BODY.len(),
                    Slot::Text | Slot::Html => return Err(MessageError::Skeleton),
                    _ => at,
                };
                found.push((start, end, slot));
            }
        }
        found.sort_unstable_by_key(|(start, ..)| *start);
        let bodies: Vec<Slot> = found.iter().map(|(.., slot)| *slot).filter(|slot| *slot != Slot::Outer).collect();
        if bodies != [Slot::Inner, Slot::Inner, Slot::Text, Slot::Inner, Slot::Html, Slot::Inner] {
            return Err(MessageError::Skeleton);
        }
        let mut from = 0;
        for (start, end, slot) in found {
            self.fixed.extend_from_slice(&built[from..start]);
            self.slot(slot);
            from = end;
        }
        self.fixed.extend_from_slice(&built[from..]);
        Ok(())
    }
}

/// As long as a boundary, for lettre folds lines by their length, and in no image's name or content: it is their hash.
fn mark(slot: Slot, images: &[Arc<Attachment>]) -> String {
    let kind = format!("candor/mark/1 {slot:?}");
    let mut parts: Vec<&[u8]> = vec![kind.as_bytes()];
    for image in images {
        parts.extend([image.content_id.as_bytes(), image.name.as_bytes(), &image.hash]);
    }
    let mut mark = hex::encode(crypto::sha256(&parts));
    mark.truncate(BOUNDARY_DIGITS);
    mark
}

fn structure(marks: &[String; 4], images: &[Arc<Attachment>]) -> Result<MultiPart, MessageError> {
    let [inner, outer, text, html] = marks;
    let part = |kind: ContentType, mark: &str| {
        let body = Body::dangerous_pre_encoded(mark.as_bytes().to_vec(), ContentTransferEncoding::SevenBit);
        SinglePart::builder().header(kind).body(body)
    };
    let both = multipart(&format!("multipart/alternative; boundary=\"{inner}\""))?;
    let both = both.singlepart(part(ContentType::TEXT_PLAIN, text)).singlepart(part(ContentType::TEXT_HTML, html));
    if images.is_empty() {
        return Ok(both);
    }
    let kind = format!("multipart/related; type=\"multipart/alternative\"; boundary=\"{outer}\"");
    let mut related = multipart(&kind)?.multipart(both);
    for image in images {
        related = related.singlepart(image_part(image)?);
    }
    Ok(related)
}

fn multipart(kind: &str) -> Result<MultiPart, MessageError> {
    Ok(MultiPart::builder().header(content_type(kind)?).build())
}

fn image_part(image: &Attachment) -> Result<SinglePart, MessageError> {
    Ok(SinglePart::builder()
        .header(content_type(image.media_type)?)
        .header(ContentId::from(format!("<{}>", image.content_id)))
        .header(ContentDisposition::inline_with_name(&image.name))
        .header(ContentTransferEncoding::Base64)
        .body(image.bytes.clone()))
}

fn content_type(text: &str) -> Result<ContentType, MessageError> {
    ContentType::parse(text).map_err(|_| MessageError::MediaType(text.to_owned()))
}
