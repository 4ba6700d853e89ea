//! Header fields whose values come from customers and authors.
//!
//! Decides their wire form: one field, folded, 7-bit, with RFC 2047 encoded words where needed. lettre's builder passes an
//! ASCII text that looks like an encoded word on as it is, and a reader would then decode a line break out of it; so
//! whatever holds `=?` is encoded here itself. Never lets a value end its field.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::domain::address::Mailbox;
use crate::domain::text::fold_to_line;

/// Where a line is folded if it can be (RFC 5322 §2.1.1, RFC 2047 §2).
const COLUMNS: usize = 76;
/// An ASCII word longer than this is encoded, for it could not be folded: 998 octets is a line's limit.
const WORD_OCTETS_MAX: usize = 400;
/// `=?utf-8?b?` and `?=`.
const ENCODED_WORD_FRAME_OCTETS: usize = 12;
/// The least room for an encoded word's content; with less, it goes to the next line.
const ENCODED_WORD_ROOM_OCTETS_MIN: usize = 8;
/// Characters of a display name; a longer one is cut, for `To` is for the eye. The whole name is still in the body.
pub(super) const DISPLAY_NAME_CHARACTERS_MAX: usize = 120;

/// A value as one line: breaks and control characters as a space, runs of spaces as one, cut to `characters_max`.
///
/// An ordinary value is lent back as it is.
pub(super) fn one_line(value: &str, characters_max: usize) -> Cow<'_, str> {
    if value.len() <= characters_max && is_one_line(value.as_bytes()) {
        return Cow::Borrowed(value);
    }
    let folded = fold_to_line(value);
    let mut line = String::with_capacity(folded.len());
    for word in folded.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(characters_max) {
        None => line.into(),
        Some(_) => {
            let kept: String = line.chars().take(characters_max - 1).collect();
            format!("{}…", kept.trim_end()).into()
        }
    }
}

/// Whether it is printable ASCII in words with one space between them.
fn is_one_line(octets: &[u8]) -> bool {
    let mut before = b' ';
    for octet in octets {
        if !matches!(octet, b' '..=b'~') || (*octet == b' ' && before == b' ') {
            return false;
        }
        before = *octet;
    }
    octets.is_empty() || before != b' '
}

/// Appends `NAME: VALUE` and CRLF, the value being unstructured text (RFC 5322 §3.6.5).
pub(super) fn push_text(out: &mut Vec<u8>, name: &str, value: &str) {
    let value = one_line(value, usize::MAX);
    let mut line = Line::begin(out, name);
    if needs_encoding(&value) {
        line.encoded(&value);
    } else {
        line.words(&value);
    }
    line.end();
}

/// Appends `NAME: DISPLAY <ADDRESS>` and CRLF, or the bare address (RFC 5322 §3.4).
pub(super) fn push_mailbox(out: &mut Vec<u8>, name: &str, display: &str, mailbox: &Mailbox) {
    let display = one_line(display, DISPLAY_NAME_CHARACTERS_MAX);
    let mut line = Line::begin(out, name);
    if display.is_empty() {
        line.address(mailbox, ["", ""], false);
    } else if needs_encoding(&display) {
        line.encoded(&display);
        line.address(mailbox, ["<", ">"], true);
    } else {
        if display.contains(['\\', '"']) {
            line.words(&format!("\"{}\"", display.replace('\\', "\\\\").replace('"', "\\\"")));
        } else {
            line.quoted_words(&display);
        }
        line.address(mailbox, ["<", ">"], true);
    }
    line.end();
}

fn needs_encoding(value: &str) -> bool {
    let plain = value.bytes().all(|b| matches!(b, b' '..=b'~'));
    let is_long = |value: &str| value.split(' ').any(|word| word.len() > WORD_OCTETS_MAX);
    !plain || value.contains("=?") || (value.len() > WORD_OCTETS_MAX && is_long(value))
}

/// One header field being written.
struct Line<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
}

impl<'o> Line<'o> {
    fn begin(out: &'o mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        Self { out, column: name.len() + 2 }
    }

    fn fold(&mut self) {
        self.out.extend_from_slice(b"\r\n ");
        self.column = 1;
    }

    /// Makes way for a word of `octets`: a space before it, or the next line where this one is full.
    fn space(&mut self, octets: usize) {
        if self.column + 1 + octets > COLUMNS {
            self.fold();
        } else {
            self.put(" ");
        }
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
    }

    /// Words with one space between them.
    fn words(&mut self, words: &str) {
        self.framed(words, "");
    }

    /// The same inside quotation marks; there are none among them, and no backslash.
    fn quoted_words(&mut self, words: &str) {
        self.framed(words, "\"");
    }

    fn framed(&mut self, words: &str, frame: &str) {
        self.put(frame);
        if self.column + words.len() + frame.len() <= COLUMNS {
            self.put(words);
            return self.put(frame);
        }
        let mut words = words.split(' ').peekable();
        let mut is_first = true;
        while let Some(word) = words.next() {
            let end = if words.peek().is_none() { frame } else { "" };
            if !std::mem::take(&mut is_first) {
                self.space(word.len() + end.len());
            }
            self.put(word);
            self.put(end);
        }
    }

    fn address(&mut self, mailbox: &Mailbox, [open, close]: [&str; 2], spaced: bool) {
        let (local, domain) = (mailbox.local(), mailbox.domain());
        if spaced {
            self.space(open.len() + local.len() + 1 + domain.len() + close.len());
        }
        for part in [open, local, "@", domain, close] {
            self.put(part);
        }
    }

    /// The value as encoded words of at most 75 octets, each holding whole characters (RFC 2047 §2 and §5).
    fn encoded(&mut self, value: &str) {
        let mut rest = value;
        while !rest.is_empty() {
            let room = COLUMNS.saturating_sub(self.column + ENCODED_WORD_FRAME_OCTETS);
            if room < ENCODED_WORD_ROOM_OCTETS_MIN {
                self.fold();
                continue;
            }
            let octets = room / 4 * 3;
            let mut cut = octets.min(rest.len());
            while !rest.is_char_boundary(cut) {
                cut -= 1;
            }
            self.put("=?utf-8?b?");
            self.base64(&rest.as_bytes()[..cut]);
            self.put("?=");
            rest = &rest[cut..];
            if !rest.is_empty() {
                self.fold();
            }
        }
    }

    /// The base64 of a part that fits in a line.
    fn base64(&mut self, octets: &[u8]) {
        let mut line = [0; COLUMNS];
        // `encoded` cuts its words so that they fit into a line.
        let written = BASE64.encode_slice(octets, &mut line).expect("an encoded word fits into a line");
        self.out.extend_from_slice(&line[..written]);
        self.column += written;
    }

    fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        let mut out = Vec::new();
        push_text(&mut out, "Subject", value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_text_stays_readable_and_is_folded_at_spaces() {
        assert_eq!(text("A notice"), "Subject: A notice\r\n");
        let long = text(&"word ".repeat(40));
        assert!(long.lines().all(|line| line.len() <= COLUMNS) && long.contains("\r\n word"), "{long}");
    }

    #[test]
    fn a_text_that_looks_like_an_encoded_word_is_encoded_itself() {
        let encoded = text("=?utf-8?q?a=0D=0ABcc:_x?=");
        assert!(!encoded.contains("=0D=0A"), "{encoded}");
    }

    #[test]
    fn encoded_words_hold_whole_characters_and_keep_to_their_length() {
        for value in ["王小明".repeat(60), "é".repeat(200), "x".repeat(2_000), "🦀".repeat(100)] {
            let field = text(&value);
            assert!(field.is_ascii() && field.lines().all(|line| line.len() <= COLUMNS), "{field}");
            for word in field.split_whitespace().skip(1) {
                assert!(word.len() <= 75);
                let content = word.strip_prefix("=?utf-8?b?").unwrap().strip_suffix("?=").unwrap();
                String::from_utf8(BASE64.decode(content).unwrap()).unwrap();
            }
        }
    }

    #[test]
    fn a_line_is_cut_at_whole_characters() {
        assert_eq!(one_line(" a\r\n b\0 ", 10), "a b");
        assert_eq!(one_line("王小明王小明", 4), "王小明…");
        assert_eq!(one_line("abcd", 4), "abcd");
    }
}
