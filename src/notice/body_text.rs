//! The characters that may stand in a body: one kind of line break, no control characters.
//!
//! Decides what becomes of a bare CR, a NUL or a line separator that came with a customer's row (faults.md 23, 25).
//! Never touches headers: those are one line and folded by `domain::text`.

use crate::domain::octets;

/// Makes every line break (CRLF, CR, LF, NEL, U+2028, U+2029) one LF and every other control character but the tab a space.
///
/// Ordinary text comes back untouched, without a copy. The message builder turns each LF into CRLF.
pub(super) fn clean(text: String) -> String {
    if is_clean(text.as_bytes()) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push('\n');
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Whether nothing in it needs to change. Each recipient's whole letter passes here, so it goes by octets.
fn is_clean(text: &[u8]) -> bool {
    let may_steer = |octet: u8| {
        // Without a branch, so that many are compared at once.
        let is_control = (octet < b' ') & (octet != b'\n') & (octet != b'\t');
        is_control | (octet == 0x7f) | (octet == 0xc2) | (octet == 0xe2)
    };
    // C1 controls are C2 80 to C2 9F in UTF-8, the separators E2 80 A8 and E2 80 A9.
    octets::places(text, may_steer).all(|at| match text[at..] {
        [0xc2, next, ..] => !matches!(next, 0x80..=0x9f),
        [0xe2, next, last, ..] => !(next == 0x80 && matches!(last, 0xa8 | 0xa9)),
        _ => false,
    })
}

/// The text with each run of white space as one space, none at the ends: the form in which wording is compared.
pub(super) fn squash(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_break_becomes_one_lf_and_controls_become_spaces() {
        let dirty = "a\r\nb\rc\nd\u{2028}e\u{2029}f\u{85}g\0h\u{1b}i\u{7f}j\tk\u{9b}l";
        assert_eq!(clean(dirty.to_owned()), "a\nb\nc\nd\ne\nf\ng h i j\tk l");
    }

    #[test]
    fn the_quick_scan_finds_the_same_as_the_slow_one() {
        for filler in 0..70 {
            for steering in ["\r", "\u{2028}", "\u{85}", "\0", "\u{7f}"] {
                let text = format!("{}{steering}z", "x".repeat(filler));
                assert!(!is_clean(text.as_bytes()), "{text:?}");
            }
            for harmless in ["\u{2019}", "é", "\u{a0}", "\t", "\n", "王"] {
                let text = format!("{}{harmless}z", "x".repeat(filler));
                assert_eq!(clean(text.clone()), text);
            }
        }
    }
}
