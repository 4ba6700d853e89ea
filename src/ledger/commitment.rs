//! Commitments: what entries hold instead of personal data (ledger.md, "Personal data").
//!
//! Each is HMAC-SHA-256(key, RFC 8785 form of an object with a `type`); without the key, which lies in the recipient's row
//! and goes when the person is erased, nobody can test a guess against it.

use serde_json::{Map, Value, json};

use super::canonical;
use crate::crypto::{Hash, hmac_sha256};

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
    of(key, &json!({"type": "candor/recipient/1", "ref": reference}))
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
/// It is made for everybody at the check and again before each message leaves, so the canonical form is written at once.
pub fn rendered(key: &Hash, parts: Rendered<'_>) -> Hash {
    let texts = [("html", parts.html), ("subject", parts.subject), ("text", parts.text), ("to", parts.to)];
    let octets: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let mut form = Vec::with_capacity(octets + octets / ESCAPES_SHARE + ROOM_FOR_NAMES_OCTETS);
    // RFC 8785 §3.2.3: the names in alphabetical order.
    form.extend_from_slice(b"{\"attachments\":[");
    for (index, hash) in parts.attachments.iter().enumerate() {
        form.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
        form.extend_from_slice(hex::encode(hash).as_bytes());
        form.push(b'"');
    }
    form.push(b']');
    for (name, text) in texts.into_iter().chain([("type", "candor/rendered/1")]) {
        form.push(b',');
        canonical::write_string(name, &mut form);
        form.push(b':');
        canonical::write_string(text, &mut form);
    }
    form.push(b'}');
    hmac_sha256(key, &form)
}

/// One octet in so many of a letter needs a second one as its escape: line ends and quotation marks.
const ESCAPES_SHARE: usize = 8;
/// Room for the names and some attachments.
const ROOM_FOR_NAMES_OCTETS: usize = 512;

/// `candor/sealed/1`: what an attempt's entry stands for.
pub fn sealed(key: &Hash, sealed: &Sealed<'_>) -> Hash {
    let value = json!({
        "type": "candor/sealed/1", "address": sealed.address, "content": sealed.content,
        "message_id": sealed.message_id, "queue_id": sealed.queue_id, "ref": sealed.reference, "reply": sealed.reply,
    });
    of(key, &value)
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
    fn a_column_named_type_cannot_pass_for_another_kind_of_commitment() {
        let key = [7; 32];
        let mut values = Map::new();
        values.insert("ref".into(), "C-1".into());
        values.insert("type".into(), "candor/recipient/1".into());
        assert_ne!(row(&key, &values), recipient(&key, "C-1"));
    }
}
