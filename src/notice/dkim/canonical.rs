//! The canonical forms that a signature covers: "relaxed" for header fields and for the body (RFC 6376 §3.4).
//!
//! Pure functions of the message's octets. What relays may do to white space and to the case of names changes nothing here.

use std::borrow::Cow;

use memchr::memmem;

use crate::domain::octets;

/// One field of a header section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'m> {
    name: &'m [u8],
    /// With its folds, without the last CRLF.
    value: &'m [u8],
}

/// The fields of a message, in its order, and the body behind them.
pub(super) fn split(message: &[u8]) -> (Vec<Field<'_>>, &[u8]) {
    let (head, body) = match memmem::find(message, b"\r\n\r\n") {
        Some(at) => (&message[..at], &message[at + 4..]),
        None => (message.strip_suffix(b"\r\n").unwrap_or(message), &[][..]),
    };
    let mut fields = Vec::with_capacity(16);
    let mut rest = head;
    while !rest.is_empty() {
        let end = end_of_field(rest);
        let field = &rest[..end];
        // A line without a colon is no field, and covered by nothing.
        if let Some(colon) = memchr::memchr(b':', field) {
            fields.push(Field { name: field[..colon].trim_ascii_end(), value: &field[colon + 1..] });
        }
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    (fields, body)
}

/// Where a field ends: at the first CRLF that no white space follows.
fn end_of_field(octets: &[u8]) -> usize {
    let is_end = |at: &usize| !matches!(octets.get(at + 2), Some(b' ' | b'\t'));
    memmem::find_iter(octets, b"\r\n").find(is_end).unwrap_or(octets.len())
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Appends its relaxed form (§3.4.2) with CRLF.
    pub(super) fn push_relaxed(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.name);
        out[start..].make_ascii_lowercase();
        out.push(b':');
        push_relaxed_value(self.value, out);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a field's value: unfolded, each run of white space as one space, none at the ends.
pub(super) fn push_relaxed_value(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
    for (index, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// The relaxed form of a body (§3.4.4): without white space at the ends of lines and without empty lines at its end, every
/// other run of white space as one space. A body without any is lent back.
pub(super) fn relaxed_body(body: &[u8]) -> Cow<'_, [u8]> {
    let Some(at) = first_change(body) else { return ended_once(Cow::Borrowed(body)) };
    let mut out = Vec::with_capacity(body.len());
    out.extend_from_slice(&body[..at]);
    let mut rest = &body[at..];
    loop {
        // A run of white space stands here.
        let run = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        rest = &rest[run..];
        if !rest.is_empty() && !rest.starts_with(b"\r\n") {
            out.push(b' ');
        }
        let plain = first_change(rest).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if rest.is_empty() {
            return ended_once(Cow::Owned(out));
        }
    }
}

/// Where the first run of white space begins that is not one space between two words.
fn first_change(text: &[u8]) -> Option<usize> {
    let is_change = |octet, next| octet == b'\t' || (octet == b' ' && matches!(next, 0 | b' ' | b'\t' | b'\r'));
    octets::find_before(text, is_change)
}

/// With one CRLF at the end, whatever was there; an empty body stays empty.
fn ended_once(body: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let mut text = body.as_ref();
    while let Some(shorter) = text.strip_suffix(b"\r\n") {
        text = shorter;
    }
    let octets = if text.is_empty() { 0 } else { text.len() + 2 };
    match body {
        Cow::Borrowed(body) if octets <= body.len() => Cow::Borrowed(&body[..octets]),
        body => {
            let mut body = body.into_owned();
            body.truncate(octets);
            if body.len() < octets {
                body.extend_from_slice(b"\r\n");
            }
            Cow::Owned(body)
        }
    }
}
