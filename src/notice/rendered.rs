//! One recipient's notice, rendered: what the person will read, before it becomes a message.
//!
//! This is what an approval commits to (ledger.md, "Entries"): subject, both parts, and the attachments' hashes.

use std::sync::Arc;

use crate::crypto::Hash;
use crate::ledger::commitment;

/// An image that travels with the notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The Content-ID without angle brackets; the HTML part says `cid:` and this.
    pub content_id: String,
    /// The file's name.
    pub name: String,
    /// Such as `image/png`.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// SHA-256 of the file.
    pub hash: Hash,
}

/// One recipient's copy. Lines end in LF; there is no other control character but the tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The locale of the notice that this recipient reads.
    pub locale: String,
    /// One line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// Images of the HTML part, in order of appearance.
    pub attachments: Vec<Arc<Attachment>>,
}

impl Rendered {
    /// The parts that a `candor/rendered/1` commitment covers; `to` is
    /// [`recipient_line`](super::recipient_line) of the customer.
    pub fn parts_for_commitment<'a>(&'a self, to: &'a str) -> commitment::Rendered<'a> {
        commitment::Rendered {
            attachments: self.attachments.iter().map(|image| image.hash).collect(),
            html: &self.html,
            subject: &self.subject,
            text: &self.text,
            to,
        }
    }
}
