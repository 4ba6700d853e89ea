//! A part's Content-Transfer-Encoding (RFC 2045 §6): which one it gets, and its encoded lines.
//!
//! Decides exactly as lettre does, octet for octet, so that a part filled into a skeleton is the part that lettre would have
//! built; tests hold the two together. lettre encodes character by character through several copies, which for the HTML of a
//! notice costs more than all the rest of its message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memchr_iter;

use crate::domain::octets;

/// A line this long, its LF counted, is encoded. lettre's own measure; RFC 5322 §2.1.1 recommends 78 octets.
const PLAIN_LINE_OCTETS: usize = 76;
/// An encoded line (RFC 2045 §6.7 rule 5 and §6.8).
const LINE_OCTETS_MAX: usize = 76;
/// Octets that make one line of base64.
const BASE64_LINE_OCTETS: usize = LINE_OCTETS_MAX / 4 * 3;
/// `=XX`
const ESCAPE_OCTETS: usize = 3;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// How a part is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    SevenBit,
    QuotedPrintable,
    Base64,
}

/// A text with the encoding that it gets.
pub(super) struct Body<'t> {
    text: &'t [u8],
    encoding: Encoding,
    lines: usize,
    /// Octets that neither stand for themselves nor end a line.
    escapes: usize,
}

impl<'t> Body<'t> {
    /// Chooses: 7bit where every line is ASCII and short, else quoted-printable where at most a third is to be escaped, else
    /// base64.
    pub(super) fn new(text: &'t str) -> Self {
        let text = text.as_bytes();
        let lines = memchr_iter(b'\n', text).count();
        if text.is_ascii() && !has_long_line(text) {
            return Self { text, encoding: Encoding::SevenBit, lines, escapes: 0 };
        }
        let unprintable = octets::count(text, |octet| !matches!(octet, b'\t' | b' '..=b'~'));
        let is_readable = unprintable <= text.len() / 3;
        let encoding = if is_readable { Encoding::QuotedPrintable } else { Encoding::Base64 };
        Self { text, encoding, lines, escapes: unprintable - lines }
    }

    /// The value of its Content-Transfer-Encoding field.
    pub(super) fn encoding(&self) -> &'static [u8] {
        match self.encoding {
            Encoding::SevenBit => b"7bit",
            Encoding::QuotedPrintable => b"quoted-printable",
            Encoding::Base64 => b"base64",
        }
    }

    /// Room for its encoded form: enough, but for a text full of equals signs.
    pub(super) fn room(&self) -> usize {
        let octets = self.text.len() + self.lines;
        match self.encoding {
            Encoding::SevenBit => octets,
            Encoding::QuotedPrintable => octets + octets / 16 + self.escapes * (ESCAPE_OCTETS - 1),
            Encoding::Base64 => octets.div_ceil(BASE64_LINE_OCTETS) * (LINE_OCTETS_MAX + 2),
        }
    }

    /// Appends its encoded form: lines with CRLF between them, none at the end but the text's own.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::SevenBit => each_line(self.text, |line, is_ended| {
                out.extend_from_slice(line);
                if is_ended {
                    out.extend_from_slice(b"\r\n");
                }
            }),
            Encoding::QuotedPrintable => self.quoted(out),
            Encoding::Base64 => {
                let mut lines = Base64Lines { out, held: [0; BASE64_LINE_OCTETS], octets: 0 };
                each_line(self.text, |line, is_ended| {
                    lines.push(line);
                    if is_ended {
                        lines.push(b"\r\n");
                    }
                });
                lines.flush();
            }
        }
    }

    /// Its lines in quoted-printable (RFC 2045 §6.7), softly broken so that each holds as much as it can.
    fn quoted(&self, out: &mut Vec<u8>) {
        let text = self.text;
        let mut quoted = QuotedLine { out, column: 0 };
        let mut from = 0;
        // Line ends are among the octets that do not stand for themselves.
        for at in octets::places(text, needs_escape) {
            // The LF of a CRLF that was taken as one line end.
            if at < from {
                continue;
            }
            let end = line_end(&text[at..]);
            quoted.run(&text[from..at], end > 0);
            if end > 0 {
                quoted.hard_break();
                from = at + end;
            } else {
                from = at + 1;
                quoted.escape(text[at], from == text.len() || line_end(&text[from..]) > 0);
            }
        }
        quoted.run(&text[from..], true);
    }
}

fn needs_escape(octet: u8) -> bool {
    // Without a branch, so that many are compared at once.
    (octet == b'=') | (octet > b'~') | ((octet < b' ') & (octet != b'\t'))
}

/// The first line is measured without its LF, the others with it: so lettre does.
fn has_long_line(text: &[u8]) -> bool {
    let mut last = 0;
    let is_long = |at: usize| at - std::mem::replace(&mut last, at) >= PLAIN_LINE_OCTETS;
    octets::places(text, |octet| octet == b'\n').any(is_long) || text.len() - last >= PLAIN_LINE_OCTETS
}

/// Each line without its end, and whether it has one; a CRLF that is there already is one line end.
fn each_line(text: &[u8], mut take: impl FnMut(&[u8], bool)) {
    let mut from = 0;
    for at in octets::places(text, |octet| octet == b'\n') {
        let line = &text[from..at];
        take(line.strip_suffix(b"\r").unwrap_or(line), true);
        from = at + 1;
    }
    take(&text[from..], false);
}

/// The octets of the line end with which this begins, LF or CRLF; 0 where there is none.
fn line_end(text: &[u8]) -> usize {
    match text {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    }
}

/// A line of quoted-printable being written.
struct QuotedLine<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
}

impl QuotedLine<'_> {
    /// Octets left in this line; a line that goes on needs one of them for its `=`.
    fn room(&self, is_last: bool) -> usize {
        LINE_OCTETS_MAX - usize::from(!is_last) - self.column
    }

    fn soft_break(&mut self) {
        self.out.extend_from_slice(b"=\r\n");
        self.column = 0;
    }

    fn hard_break(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    /// Octets that stand for themselves; but at the end of a line, white space is escaped (rule 3).
    fn run(&mut self, octets: &[u8], is_last: bool) {
        match octets.split_last() {
            Some((blank @ (b' ' | b'\t'), words)) if is_last => {
                self.plain(words, false);
                self.escape(*blank, true);
            }
            _ => self.plain(octets, is_last),
        }
    }

    fn plain(&mut self, mut octets: &[u8], is_last: bool) {
        while octets.len() > self.room(is_last) {
            let (fits, rest) = octets.split_at(self.room(false));
            self.out.extend_from_slice(fits);
            self.soft_break();
            octets = rest;
        }
        self.out.extend_from_slice(octets);
        self.column += octets.len();
    }

    fn escape(&mut self, octet: u8, is_last: bool) {
        if self.room(is_last) < ESCAPE_OCTETS {
            self.soft_break();
        }
        self.out.extend_from_slice(&[b'=', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]);
        self.column += ESCAPE_OCTETS;
    }
}

/// Lines of base64 (RFC 2045 §6.8) being written.
struct Base64Lines<'o> {
    out: &'o mut Vec<u8>,
    held: [u8; BASE64_LINE_OCTETS],
    octets: usize,
}

impl Base64Lines<'_> {
    fn push(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            if self.octets == BASE64_LINE_OCTETS {
                self.flush();
                self.out.extend_from_slice(b"\r\n");
            }
            let (taken, rest) = octets.split_at(octets.len().min(BASE64_LINE_OCTETS - self.octets));
            self.held[self.octets..self.octets + taken.len()].copy_from_slice(taken);
            self.octets += taken.len();
            octets = rest;
        }
    }

    fn flush(&mut self) {
        let start = self.out.len();
        self.out.resize(start + LINE_OCTETS_MAX, 0);
        let held = &self.held[..self.octets];
        // What is held is never more than the octets of one line.
        let written = BASE64.encode_slice(held, &mut self.out[start..]).expect("a line holds what was held for it");
        self.out.truncate(start + written);
        self.octets = 0;
    }
}

#[cfg(test)]
mod tests {
    use lettre::message::Body as Whole;
    use proptest::prelude::*;

    use super::*;

    fn as_lettre_does(text: &str) {
        let body = Body::new(text);
        let mut out = Vec::new();
        body.write(&mut out);
        let whole = Whole::new(text.to_owned());
        assert_eq!(std::str::from_utf8(body.encoding()).unwrap(), whole.encoding().to_string(), "{text:?}");
        assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(whole.into_vec()).unwrap(), "{text:?}");
    }

    #[test]
    fn lines_of_every_length_around_the_limit_are_written_as_lettre_writes_them() {
        for length in 70..160 {
            for (before, after) in
                [("", ""), ("a\n", ""), ("", "\nb"), ("", " \n"), ("", "="), ("", "é"), ("=", "=\n"), ("é", "")]
            {
                as_lettre_does(&format!("{before}{}{after}", "x".repeat(length)));
                as_lettre_does(&format!("{before}{}{after}", "x=".repeat(length / 2)));
                as_lettre_does(&format!("{before}{}{after}", " ".repeat(length)));
                as_lettre_does(&format!("{before}{}{after}", "é".repeat(length)));
            }
        }
    }

    #[test]
    fn an_ordinary_body_is_written_without_growing() {
        let lines = "<p style=\"margin:0\">Sehr geehrte Frau Müller, am 28. März ist etwas geschehen.</p>\n".repeat(60);
        for text in
            [lines.replace("März", "Maerz").replace("ü", "ue"), lines, "王小明\n".repeat(900), "short\n".repeat(900)]
        {
            let body = Body::new(&text);
            let mut out = Vec::new();
            body.write(&mut out);
            assert!(out.len() <= body.room() && body.room() <= out.len() * 5 / 4, "{} {}", out.len(), body.room());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_written_as_lettre_writes_it(pieces in prop::collection::vec(
            prop_oneof![
                Just("\n".to_owned()), Just(" ".to_owned()), Just("\t\n".to_owned()), Just("\r".to_owned()), Just("\r\n".to_owned()),
                Just("=".to_owned()), Just("\u{7f}\0".to_owned()), "[ -~]{0,90}", "[a-zé= ]{60,80}", "[王é🦀\\n]{0,60}", any::<String>(),
                (70_usize..80).prop_map(|length| "x".repeat(length)),
            ], 0..8)) {
            as_lettre_does(&pieces.concat());
        }
    }
}
