//! Reads a message's data on the server's side, and judges whether it was legal on the wire.
//!
//! Decides where a message ends: at CRLF dot CRLF and nowhere else (RFC 5321 §4.1.1.4). It shares no code with the
//! client's gate in `data`, so that one can show the other wrong.

use memchr::memmem;

const END: &[u8] = b"\r\n.\r\n";
const CRLF: &[u8] = b"\r\n";
/// RFC 5322 §2.1.1.
const LINE_OCTETS_MAX: usize = 998;

/// A body in the making.
pub(super) struct Body {
    /// What came, behind a CRLF that stands for the end of the DATA command's line.
    raw: Vec<u8>,
    octets: usize,
    octets_max: usize,
}

/// A body that has ended.
pub(super) struct Finished {
    /// The message, dots unstuffed; cut off where it was too large.
    pub message: Vec<u8>,
    /// Why a strict server does not take it, as a reply.
    pub fault: Option<&'static str>,
}

impl Body {
    pub fn new(octets_max: usize) -> Self {
        Self { raw: CRLF.to_vec(), octets: 0, octets_max }
    }

    /// Octets so far, as they came.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Takes a piece; where the end lies in it, gives the body and the number of the piece's octets that belong to it.
    pub fn take(&mut self, piece: &[u8], eight_bit_declared: bool) -> Option<(Finished, usize)> {
        let before = self.raw.len();
        self.raw.extend_from_slice(piece);
        let from = before.saturating_sub(END.len() - 1);
        let Some(at) = memmem::find(&self.raw[from..], END).map(|at| from + at) else {
            self.octets += piece.len();
            self.forget_excess();
            return None;
        };
        let used = at + END.len() - before;
        self.octets += used;
        let message = unstuff(&self.raw[CRLF.len()..at + CRLF.len()]);
        let too_large = self.octets > self.octets_max + END.len();
        let fault = if too_large { Some("552 5.3.4 message too large") } else { fault(&message, eight_bit_declared) };
        Some((Finished { message, fault }, used))
    }

    /// Over the limit only what may be the beginning of the end is kept, behind the CRLF of the beginning.
    fn forget_excess(&mut self) {
        if self.octets > self.octets_max + END.len() {
            let tail = self.raw.len() - (END.len() - 1);
            if tail > CRLF.len() {
                self.raw.drain(CRLF.len()..tail);
            }
        }
    }
}

fn unstuff(lines: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(lines.len());
    let mut rest = lines;
    while !rest.is_empty() {
        let end = memmem::find(rest, CRLF).map_or(rest.len(), |at| at + CRLF.len());
        message.extend_from_slice(rest[..end].strip_prefix(b".").unwrap_or(&rest[..end]));
        rest = &rest[end..];
    }
    message
}

fn fault(message: &[u8], eight_bit_declared: bool) -> Option<&'static str> {
    if message.contains(&0) {
        return Some("550 5.6.0 zero octet in the message");
    }
    if !eight_bit_declared && !message.is_ascii() {
        return Some("550 5.6.3 8-bit data without BODY=8BITMIME");
    }
    let mut lines = message.split(|b| *b == b'\n').peekable();
    while let Some(line) = lines.next() {
        // Behind the last line feed nothing is left.
        let text = if lines.peek().is_some() { line.strip_suffix(b"\r") } else { Some(line) };
        match text {
            None => return Some("550 5.6.0 bare line feed in the message"),
            Some(text) if text.contains(&b'\r') => return Some("550 5.6.0 bare carriage return in the message"),
            Some(text) if text.len() > LINE_OCTETS_MAX => return Some("550 5.6.0 line over 998 octets"),
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &[u8], piece: usize, octets_max: usize) -> Option<(Finished, Vec<u8>)> {
        let mut body = Body::new(octets_max);
        let mut rest = wire;
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(piece.min(rest.len()));
            if let Some((finished, used)) = body.take(head, false) {
                return Some((finished, rest[used..].to_vec()));
            }
            rest = tail;
        }
        None
    }

    #[test]
    fn a_message_ends_at_its_own_dot_in_whatever_pieces_it_comes() {
        let wire = b"a\r\n..b\r\n...\r\n.c\r\n.\r\nMAIL";
        for piece in 1..=wire.len() {
            let (finished, rest) = read(wire, piece, 100).unwrap();
            assert_eq!(finished.message, b"a\r\n.b\r\n..\r\nc\r\n");
            assert_eq!(rest, b"MAIL");
            assert_eq!(finished.fault, None);
        }
    }

    #[test]
    fn smuggled_ends_do_not_end_a_message() {
        for wire in [&b"a\n.\nb"[..], b"a\r.\rb", b"a\r\n.\nb", b"a\n.\r\nb"] {
            assert!(read(wire, 1, 100).is_none(), "{wire:?}");
            let (finished, _) = read(&[wire, END].concat(), 3, 100).unwrap();
            assert!(finished.fault.is_some(), "{wire:?}");
        }
    }

    #[test]
    fn an_empty_body_is_empty_and_a_large_one_is_refused_in_bounded_memory() {
        assert_eq!(read(b".\r\n", 1, 100).unwrap().0.message, b"");
        let wire = [b"x\r\n".repeat(1_000), b".\r\n".to_vec()].concat();
        let (finished, _) = read(&wire, 7, 100).unwrap();
        assert_eq!(finished.fault, Some("552 5.3.4 message too large"));
        assert!(finished.message.len() < 200);
    }

    #[test]
    fn what_is_not_legal_is_found() {
        for body in [&b"a\0\r\n"[..], "ü\r\n".as_bytes(), &b"x".repeat(999)] {
            let (finished, _) = read(&[body, END].concat(), 50, 10_000).unwrap();
            assert!(finished.fault.is_some_and(|fault| fault.starts_with("550 5.6.")), "{body:?}");
        }
    }
}
