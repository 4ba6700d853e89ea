//! Commitments: what entries hold instead of personal data (ledger.md, "Personal data").
//!
//! Each is HMAC-SHA-256(key, RFC 8785 form of an object with a `type`); without the key, which lies in the recipient's row
//! and goes when the person is erased, nobody can test a guess against it.

use serde_json::{Map, Value, json};

use super::canonical::{self, Sink, write_string};
use crate::crypto::{Hash, HmacStream, hmac_sha256};

/// The values sealed with an attempt; they stay in the attempt's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// The address that it went to.
    pub address: &'a str,
    /// SHA-256 of the message as sent, before a DKIM signature, as hex; `None` where none was composed.
    pub content: Option<&'a str>,
    /// Without angle brackets.
    pub message_id: &'a str,
    /// The relay's own id, from its reply to end-of-data.
    pub queue_id: Option<&'a str>,
    /// The customer's reference.
    pub reference: &'a str,
    /// The server's words.
    pub reply: Option<&'a str>,
}

/// `candor/recipient/1`: the same in all entries of one person in one campaign.
pub fn recipient(key: &Hash, reference: &str) -> Hash {
    let mut form = Form::new(key);
    form.text("ref", reference);
    form.text("type", "candor/recipient/1");
    form.finish()
}

/// `candor/row/1`: the row's values as mapped, strings or null, by column.
pub fn row(key: &Hash, values: &Map<String, Value>) -> Hash {
    of(key, &json!({"type": "candor/row/1", "values": values}))
}

/// What a person will read, as an approval commits to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered<'a> {
    /// SHA-256 of each attachment, in their order.
    pub attachments: Vec<Hash>,
    /// The HTML part.
    pub html: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// The text part.
    pub text: &'a str,
    /// Name and address, as the message's To says them.
    pub to: &'a str,
}

/// `candor/rendered/1`: what `check` rendered for this recipient.
///
/// It is made for everybody at the check and again before each message leaves, so its form goes into the HMAC as it is
/// written.
pub fn rendered(key: &Hash, parts: Rendered<'_>) -> Hash {
    let mut form = Form::new(key);
    form.name("attachments");
    form.put(b"[");
    for (index, hash) in parts.attachments.iter().enumerate() {
        form.put(if index > 0 { b",\"" } else { b"\"" });
        form.put(hex::encode(hash).as_bytes());
        form.put(b"\"");
    }
    form.put(b"]");
    form.text("html", parts.html);
    form.text("subject", parts.subject);
    form.text("text", parts.text);
    form.text("to", parts.to);
    form.text("type", "candor/rendered/1");
    form.finish()
}

/// `candor/sealed/1`: what an attempt's entry stands for.
pub fn sealed(key: &Hash, sealed: &Sealed<'_>) -> Hash {
    let mut form = Form::new(key);
    form.text("address", sealed.address);
    form.text_or_null("content", sealed.content);
    form.text("message_id", sealed.message_id);
    form.text_or_null("queue_id", sealed.queue_id);
    form.text("ref", sealed.reference);
    form.text_or_null("reply", sealed.reply);
    form.text("type", "candor/sealed/1");
    form.finish()
}

/// `candor/text/1`: a comment, a reason or a name that somebody typed, under a key of its own.
pub fn text(key: &Hash, text: &str) -> Hash {
    of(key, &json!({"type": "candor/text/1", "text": text}))
}

fn of(key: &Hash, value: &Value) -> Hash {
    // Every object above is made of strings, nulls and lists of strings, which always have a canonical form.
    let bytes = canonical::to_bytes(value).unwrap_or_default();
    hmac_sha256(key, &bytes)
}

/// Octets that are gathered before the HMAC takes them: a call into it costs more than copying a run of a letter.
const GATHERED_OCTETS: usize = 2_048;

/// The canonical form of one object on its way into an HMAC. Its members come in the order of their names
/// (RFC 8785 §3.2.3), which are plain.
struct Form {
    mac: HmacStream,
    gathered: [u8; GATHERED_OCTETS],
    octets: usize,
    last: &'static str,
}

impl Form {
    fn new(key: &Hash) -> Self {
        Self { mac: HmacStream::new(key), gathered: [0; GATHERED_OCTETS], octets: 0, last: "" }
    }

    fn name(&mut self, name: &'static str) {
        debug_assert!(self.last < name, "{name} comes before {}", self.last);
        self.put(if self.last.is_empty() { b"{\"" } else { b",\"" });
        self.put(name.as_bytes());
        self.put(b"\":");
        self.last = name;
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        write_string(text, self);
    }

    fn text_or_null(&mut self, name: &'static str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => {
                self.name(name);
                self.put(b"null");
            }
        }
    }

    fn flush(&mut self) {
        self.mac.update(&self.gathered[..self.octets]);
        self.octets = 0;
    }

    fn finish(mut self) -> Hash {
        self.put(b"}");
        self.flush();
        self.mac.finish()
    }
}

impl Sink for Form {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        if piece.len() > GATHERED_OCTETS - self.octets {
            self.flush();
        }
        match self.gathered[self.octets..].get_mut(..piece.len()) {
            Some(room) => {
                room.copy_from_slice(piece);
                self.octets += piece.len();
            }
            None => self.mac.update(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_is_the_hmac_of_the_canonical_object() {
        let key = [7; 32];
        let expected = hmac_sha256(&key, br#"{"ref":"C-1","type":"candor/recipient/1"}"#);
        assert_eq!(recipient(&key, "C-1"), expected);
        let sealed_as = Sealed {
            address: "a@example.org",
            content: None,
            message_id: "m@example.org",
            queue_id: Some("Q1"),
            reference: "C-1",
            reply: Some("ok"),
        };
        let form = br#"{"address":"a@example.org","content":null,"message_id":"m@example.org","queue_id":"Q1","ref":"C-1","reply":"ok","type":"candor/sealed/1"}"#;
        assert_eq!(sealed(&key, &sealed_as), hmac_sha256(&key, form));
    }

    #[test]
    fn what_was_rendered_is_committed_to_in_the_canonical_form_of_an_object() {
        let key = [7; 32];
        let hostile = "a\n\"b\\\u{0}\t\u{1f}é\u{2028}\u{7f}\r\n王\u{1f600} ".repeat(9);
        for attachments in [vec![], vec![[1; 32]], vec![[1; 32], [0xab; 32]]] {
            let hashes: Vec<String> = attachments.iter().map(hex::encode).collect();
            let value = json!({
                "type": "candor/rendered/1", "attachments": hashes, "html": hostile, "subject": "s\u{8}", "text": "", "to": "A <a@b>",
            });
            let parts = Rendered { attachments, html: &hostile, subject: "s\u{8}", text: "", to: "A <a@b>" };
            assert_eq!(rendered(&key, parts), of(&key, &value));
        }
    }

    #[test]
    fn what_is_hashed_in_pieces_is_the_canonical_form_of_the_object() {
        let key = [7; 32];
        for length in (0..40).chain(GATHERED_OCTETS - 120..GATHERED_OCTETS + 20).chain([9_000]) {
            for filler in ["x", "\"", "\u{1}", "é"] {
                let text = filler.repeat(length);
                let value = json!({"type": "candor/recipient/1", "ref": text});
                assert_eq!(recipient(&key, &text), of(&key, &value), "{length} {filler:?}");
            }
            let (text, half) = ("x\n".repeat(length), "y".repeat(length / 2));
            let parts = Sealed {
                address: "a@b.example",
                content: None,
                message_id: &half,
                queue_id: length.is_multiple_of(2).then_some(&half),
                reference: "C\t1",
                reply: Some(&text),
            };
            let value = json!({
                "type": "candor/sealed/1", "address": "a@b.example", "content": null, "message_id": half,
                "queue_id": parts.queue_id, "ref": "C\t1", "reply": text,
            });
            assert_eq!(sealed(&key, &parts), of(&key, &value), "{length}");
        }
    }

    #[test]
    fn a_column_named_type_cannot_pass_for_another_kind_of_commitment() {
        let key = [7; 32];
        let mut values = Map::new();
        values.insert("ref".into(), "C-1".into());
        values.insert("type".into(), "candor/recipient/1".into());
        assert_ne!(row(&key, &values), recipient(&key, "C-1"));
    }
}
