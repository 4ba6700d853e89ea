//! The last gate: the bytes of a finished message, as they may leave.
//!
//! Decides whether a message is legal on the wire and makes its wire form (RFC 5321 §2.3.8, §4.5.2, §4.5.3.1.6). Never
//! repairs a message: what was approved leaves byte for byte, or not at all.

use std::fmt;

use memchr::memchr;

use crate::domain::octets;

/// RFC 5322 §2.1.1: octets of a line without its CRLF; the dot added for transparency is not counted.
const LINE_OCTETS_MAX: usize = 998;
/// The line that ends a message (RFC 5321 §4.1.1.4).
const END: &[u8] = b".\r\n";
/// Room for added dots and the end, so that the usual message is copied once.
const STUFFING_ROOM_OCTETS: usize = 64;

/// Why a message may not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No octet at all: an empty letter goes to nobody.
    #[error("the message is empty")]
    Empty,
    /// A carriage return that no line feed follows: some servers read it as a line end (SMTP smuggling).
    #[error("line {line} of the message holds a bare carriage return")]
    BareCr {
        /// Counted from 1.
        line: usize,
    },
    /// A line feed that no carriage return precedes.
    #[error("line {line} of the message ends in a bare line feed")]
    BareLf {
        /// Counted from 1.
        line: usize,
    },
    /// A line over 998 octets.
    #[error("line {line} of the message is longer than {LINE_OCTETS_MAX} octets")]
    LineTooLong {
        /// Counted from 1.
        line: usize,
    },
    /// A zero octet, which no body but a binary one may hold.
    #[error("the message holds a zero octet")]
    Nul,
}

/// A message in wire form: CRLF lines, dots stuffed, one end `CRLF . CRLF`.
#[derive(Clone, PartialEq, Eq)]
pub struct WireBody {
    wire: Vec<u8>,
    size: u64,
    is_8bit: bool,
}

impl WireBody {
    /// Checks a message and makes its wire form. A last line without CRLF gets one.
    ///
    /// # Errors
    /// [`GateError`] for anything that is not legal on the wire as it is.
    pub fn new(message: &[u8]) -> Result<Self, GateError> {
        Self::with_fields(&[], message)
    }

    /// As [`new`](Self::new) for a message with `fields` before it, such as a signature: the two are judged as one.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_fields(fields: &[u8], message: &[u8]) -> Result<Self, GateError> {
        if !fields.is_empty() && !fields.ends_with(b"\r\n") {
            // Then a line begins in one and ends in the other.
            return Self::new(&[fields, message].concat());
        }
        let octets = fields.len() + message.len();
        if octets == 0 {
            return Err(GateError::Empty);
        }
        if memchr(0, fields).or_else(|| memchr(0, message)).is_some() {
            return Err(GateError::Nul);
        }
        let mut wire = Vec::with_capacity(octets + STUFFING_ROOM_OCTETS);
        let lines = push_stuffed(fields, 0, &mut wire)?;
        push_stuffed(message, lines, &mut wire)?;
        let mut size = octets as u64;
        if !wire.ends_with(b"\r\n") {
            wire.extend_from_slice(b"\r\n");
            size += 2;
        }
        wire.extend_from_slice(END);
        Ok(Self { wire, size, is_8bit: !(fields.is_ascii() && message.is_ascii()) })
    }

    /// All octets to be sent, the end included.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Octets of the message for `SIZE` (RFC 1870 §3): with its last CRLF, without added dots and without the end.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The message without its wire form, what was put before it included; a last line without CRLF has got one.
    pub fn unstuffed(&self) -> Vec<u8> {
        let lines = &self.wire[..self.wire.len() - END.len()];
        let mut message = Vec::with_capacity(lines.len());
        let mut copied = 0;
        // Each line that begins with a dot got a second one, and no LF is anywhere but at a line's end.
        let starts = std::iter::once(0).chain(octets::places(lines, |octet| octet == b'\n').map(|at| at + 1));
        for start in starts.filter(|start| lines.get(*start) == Some(&b'.')) {
            message.extend_from_slice(&lines[copied..start]);
            copied = start + 1;
        }
        message.extend_from_slice(&lines[copied..]);
        message
    }

    /// Whether any octet has its high bit set, so that 8BITMIME (RFC 6152) is needed.
    pub fn is_8bit(&self) -> bool {
        self.is_8bit
    }
}

/// Appends whole lines with their dots doubled; returns how many lines there were so far, `before` of them earlier.
fn push_stuffed(text: &[u8], before: usize, wire: &mut Vec<u8>) -> Result<usize, GateError> {
    let mut line = before;
    // What of the text is in `wire`: whole runs are copied, broken only where a dot is put in.
    let mut copied = 0;
    let mut start = 0;
    // Every CR and LF is looked at, and nothing else is: legal lines end in a CR with its LF.
    let mut breaks = octets::places(text, |octet| (octet == b'\r') | (octet == b'\n'));
    while start < text.len() {
        line += 1;
        let end = match breaks.next() {
            None => text.len(),
            Some(at) if text[at] == b'\n' => return Err(GateError::BareLf { line }),
            Some(at) if breaks.next() != Some(at + 1) || text[at + 1] != b'\n' => {
                return Err(GateError::BareCr { line });
            }
            Some(at) => at,
        };
        if end - start > LINE_OCTETS_MAX {
            return Err(GateError::LineTooLong { line });
        }
        if text[start] == b'.' {
            wire.extend_from_slice(&text[copied..start]);
            wire.push(b'.');
            copied = start;
        }
        start = end + 2;
    }
    wire.extend_from_slice(&text[copied..]);
    Ok(line)
}

impl fmt::Debug for WireBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireBody({} octets)", self.wire.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(message: &[u8]) -> Vec<u8> {
        WireBody::new(message).unwrap().wire().to_vec()
    }

    #[test]
    fn dots_at_the_start_of_a_line_are_doubled_and_there_is_one_end() {
        assert_eq!(wire(b"a\r\n.\r\n..b\r\nc.d\r\n"), b"a\r\n..\r\n...b\r\nc.d\r\n.\r\n");
        assert_eq!(wire(b".x"), b"..x\r\n.\r\n");
        assert_eq!(wire(b"no end"), b"no end\r\n.\r\n");
        assert_eq!(wire(b"\r\n"), b"\r\n.\r\n");
    }

    #[test]
    fn what_is_not_legal_on_the_wire_does_not_leave() {
        use GateError::*;
        for (message, error) in [
            (&b""[..], Empty),
            (b"a\nb\r\n", BareLf { line: 1 }),
            (b"\n", BareLf { line: 1 }),
            (b"a\r\n\nb", BareLf { line: 2 }),
            (b"a\r\nb\rc\r\n", BareCr { line: 2 }),
            (b"a\r\r\n", BareCr { line: 1 }),
            (b"a\r", BareCr { line: 1 }),
            (b"a\r\n.\r.\r\n", BareCr { line: 2 }),
            (b"a\0b\r\n", Nul),
        ] {
            assert_eq!(WireBody::new(message), Err(error), "{message:?}");
        }
    }

    #[test]
    fn fields_before_a_message_are_judged_and_counted_with_it() {
        let body = WireBody::with_fields(b".A: b\r\n", b".C: d\r\n\r\nx").unwrap();
        assert_eq!((body.wire(), body.size()), (&b"..A: b\r\n..C: d\r\n\r\nx\r\n.\r\n"[..], 19));
        assert_eq!(WireBody::with_fields(b"A: b\r\n", b"c\r\nd\n"), Err(GateError::BareLf { line: 3 }));
        assert!(WireBody::with_fields("A: é\r\n".as_bytes(), b"c").unwrap().is_8bit());
    }

    #[test]
    fn a_line_has_998_octets_at_most() {
        let fits = [b".".repeat(998), b"\r\n".to_vec()].concat();
        assert_eq!(WireBody::new(&fits).unwrap().size(), 1_000);
        assert_eq!(WireBody::new(&b"x".repeat(999)), Err(GateError::LineTooLong { line: 1 }));
    }

    #[test]
    fn size_and_eight_bit_are_those_of_the_message() {
        let body = WireBody::new("Grüße\r\n.\r\nEnde".as_bytes()).unwrap();
        assert_eq!((body.size(), body.is_8bit()), (18, true));
        assert!(!WireBody::new(b"plain\r\n").unwrap().is_8bit());
    }

    #[test]
    fn printing_shows_nothing_of_the_message() {
        assert_eq!(format!("{:?}", WireBody::new(b"secret").unwrap()), "WireBody(11 octets)");
    }

    proptest! {
        #[test]
        fn where_the_fields_end_makes_no_difference(text in "[a.\\r\\n\\x00é]{0,30}|(a\\r\\n|\\.|\\r\\n){0,9}", cut in 0_usize..30) {
            let (fields, message) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(WireBody::with_fields(fields, message), WireBody::new(text.as_bytes()));
        }

        #[test]
        fn whatever_passes_ends_once_and_reads_back_the_same(message in "[a.\\r\\n\\x00é]{0,40}") {
            let Ok(body) = WireBody::new(message.as_bytes()) else { return Ok(()) };
            let wire = body.wire();
            let mut framed = b"\r\n".to_vec();
            framed.extend_from_slice(wire);
            let ends = framed.windows(5).filter(|window| window == b"\r\n.\r\n").count();
            prop_assert_eq!(ends, 1);
            prop_assert!(framed.ends_with(b"\r\n.\r\n"));
            let text = String::from_utf8(wire[..wire.len() - 3].to_vec()).unwrap();
            let mut read = String::new();
            for line in text.split_inclusive("\r\n") {
                prop_assert!(line.ends_with("\r\n") && !line[..line.len() - 2].contains(['\r', '\n']));
                read.push_str(line.strip_prefix('.').unwrap_or(line));
            }
            prop_assert!(read == message || read.strip_suffix("\r\n") == Some(&message));
            prop_assert_eq!(read.len() as u64, body.size());
            prop_assert_eq!(body.unstuffed(), read.into_bytes());
        }
    }
}
