//! Text from outside, made safe for where a person reads it.

/// Control characters, line separators and direction overrides as visible escapes; everything else as it is.
///
/// Names and server replies pass through here before they reach a terminal (faults.md 31): an escape sequence in a name
/// must not move a cursor, and a right-to-left override must not reorder what stands beside it.
pub fn escape_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_invisible_format(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Line breaks and control characters, each run as one space: the form for a header (interface.md).
pub fn fold_to_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            gap = true;
            continue;
        }
        if gap && !out.is_empty() && !out.ends_with(' ') && c != ' ' {
            out.push(' ');
        }
        gap = false;
        out.push(c);
    }
    out
}

/// Bidirectional controls, line and paragraph separators, zero-width marks.
fn is_invisible_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        assert_eq!(escape_controls("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\nc");
        assert_eq!(escape_controls("x\u{202e}y\u{9b}z"), "x\\u{202e}y\\u{9b}z");
        assert_eq!(escape_controls("王小明 O'Neill"), "王小明 O'Neill");
    }

    #[test]
    fn a_header_value_is_one_line() {
        assert_eq!(fold_to_line("Ann\r\nBcc: x@y"), "Ann Bcc: x@y");
        assert_eq!(fold_to_line("a\u{0}\u{1}b \nc\n"), "a b c");
    }
}
