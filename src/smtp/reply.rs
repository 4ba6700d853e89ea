//! Reads replies (RFC 5321 §4.2) out of bytes that come in any pieces, under limits.
//!
//! Decides what is a well-formed reply and what is not; a reply that is not ends the connection, so nothing here guesses.
//! Never knows what the reply answers: that is `session`.

use memchr::memchr;

use crate::domain::outcome::Reply;

/// RFC 5321 §4.5.3.1.5 allows 512 octets a line; servers that quote a header or a link in a refusal exceed it.
const LINE_OCTETS_MAX: usize = 4_096;
/// The longest EHLO replies seen have some thirty lines.
const LINES_MAX: usize = 128;
/// All lines' text of one reply: room for the longest refusals seen, little enough for a thousand connections.
const TEXT_OCTETS_MAX: usize = 16 * 1_024;

/// Why bytes are no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A line does not begin with three digits and a space, a hyphen or its end.
    #[error("a reply line does not begin with a reply code")]
    NoCode,
    /// Three digits that RFC 5321 §4.2 does not allow, such as 299 or 199.
    #[error("{0} is not a reply code that SMTP has")]
    Code(u16),
    /// The lines of one reply carry different codes.
    #[error("the lines of one reply carry different codes")]
    MixedCodes,
    /// A line over the limit.
    #[error("a reply line is longer than {LINE_OCTETS_MAX} octets")]
    LineTooLong,
    /// A reply over the limit.
    #[error("a reply is longer than {LINES_MAX} lines or {TEXT_OCTETS_MAX} octets")]
    TooLong,
    /// A zero octet.
    #[error("a reply holds a zero octet")]
    Nul,
    /// A carriage return or line feed alone.
    #[error("a reply line does not end in CRLF")]
    BareLineEnd,
}

/// One reply in the making. Holds at most one line and the text so far, whatever comes.
#[derive(Default)]
pub struct ReplyParser {
    line: Vec<u8>,
    code: Option<u16>,
    text: Vec<u8>,
    lines: usize,
}

impl ReplyParser {
    /// Takes bytes from the front of `input` up to the end of one reply, and gives that reply; `None` if `input` ran out
    /// first. After an error nothing sensible can follow.
    ///
    /// # Errors
    /// [`ReplyError`] as soon as the bytes cannot become a well-formed reply any more.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Reply>, ReplyError> {
        loop {
            let (piece, rest, complete) = match memchr(b'\n', input) {
                Some(at) => (&input[..=at], &input[at + 1..], true),
                None => (*input, &input[input.len()..], false),
            };
            if self.line.len() + piece.len() > LINE_OCTETS_MAX {
                return Err(ReplyError::LineTooLong);
            }
            self.line.extend_from_slice(piece);
            *input = rest;
            if !complete {
                return Ok(None);
            }
            let ended = self.end_line()?;
            self.line.clear();
            if ended {
                return Ok(Some(self.finish()));
            }
        }
    }

    /// Reads the complete line in `self.line`; true where it is the reply's last.
    fn end_line(&mut self) -> Result<bool, ReplyError> {
        let line = self.line.strip_suffix(b"\r\n").ok_or(ReplyError::BareLineEnd)?;
        if memchr(b'\r', line).is_some() {
            return Err(ReplyError::BareLineEnd);
        }
        if memchr(0, line).is_some() {
            return Err(ReplyError::Nul);
        }
        let (code, more, text) = split_line(line)?;
        if self.code.is_some_and(|first| first != code) {
            return Err(ReplyError::MixedCodes);
        }
        if self.lines == LINES_MAX || self.text.len() + text.len() > TEXT_OCTETS_MAX {
            return Err(ReplyError::TooLong);
        }
        if self.lines > 0 {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(text);
        self.code = Some(code);
        self.lines += 1;
        Ok(!more)
    }

    fn finish(&mut self) -> Reply {
        let code = self.code.take().unwrap_or_default();
        let text = String::from_utf8_lossy(&self.text).into_owned();
        self.text.clear();
        self.lines = 0;
        let enhanced = enhanced_code(code, &text).map(str::to_owned);
        Reply { code, enhanced, text }
    }
}

/// One line without its end, as code, whether more lines follow, and text.
fn split_line(line: &[u8]) -> Result<(u16, bool, &[u8]), ReplyError> {
    let (digits, rest) = line.split_at_checked(3).ok_or(ReplyError::NoCode)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(ReplyError::NoCode);
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    if !is_reply_code(code) {
        return Err(ReplyError::Code(code));
    }
    // RFC 5321 §4.2: a client takes a code without text, with or without the space.
    match rest.split_first() {
        None => Ok((code, false, rest)),
        Some((b' ', text)) => Ok((code, false, text)),
        Some((b'-', text)) => Ok((code, true, text)),
        Some(_) => Err(ReplyError::NoCode),
    }
}

/// RFC 5321 §4.2: first digit 2 to 5, second 0 to 5. A refusal may have any second digit, for servers do send 571 and
/// the like, and a refusal read as one does no harm; a consent may not.
fn is_reply_code(code: u16) -> bool {
    match code / 100 {
        2 | 3 => (code / 10) % 10 <= 5,
        4 | 5 => true,
        _ => false,
    }
}

/// The enhanced status code (RFC 2034, RFC 3463) that `text` begins with, if its class is that of `code`.
fn enhanced_code(code: u16, text: &str) -> Option<&str> {
    let word = text.split([' ', '\n', '\t']).next()?;
    let mut parts = word.split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let fits = class.len() == 1 && class.parse() == Ok(code / 100) && matches!(code / 100, 2 | 4 | 5);
    (parts.next().is_none() && fits && is_number(subject) && is_number(detail)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Reply>, ReplyError> {
        let mut parser = ReplyParser::default();
        let mut replies = Vec::new();
        for mut input in bytes.chunks(piece) {
            while let Some(reply) = parser.next(&mut input)? {
                replies.push(reply);
            }
        }
        Ok(replies)
    }

    #[test]
    fn a_reply_is_the_same_in_whatever_pieces_it_comes() {
        let bytes = b"250-2.1.5 one\r\n250-\r\n250 three\r\n354\r\n550 5.1.1 no such user\r\n";
        let whole = read(bytes, bytes.len()).unwrap();
        assert_eq!(whole.iter().map(|r| r.code).collect::<Vec<_>>(), [250, 354, 550]);
        assert_eq!(whole[0].text, "2.1.5 one\n\nthree");
        assert_eq!(whole[0].enhanced.as_deref(), Some("2.1.5"));
        assert_eq!(whole[2].enhanced.as_deref(), Some("5.1.1"));
        for piece in 1..bytes.len() {
            assert_eq!(read(bytes, piece).unwrap(), whole);
        }
    }

    #[test]
    fn what_is_no_reply_is_an_error_and_never_a_reply() {
        use ReplyError::*;
        for (bytes, error) in [
            (&b"hello\r\n"[..], NoCode),
            (b"\r\n", NoCode),
            (b"25\r\n", NoCode),
            (b"2500 ok\r\n", NoCode),
            (b"250\tok\r\n", NoCode),
            (b" 250 ok\r\n", NoCode),
            (b"299 ok\r\n", Code(299)),
            (b"260 ok\r\n", Code(260)),
            (b"150 wait\r\n", Code(150)),
            (b"600 x\r\n", Code(600)),
            (b"250-a\r\n251 b\r\n", MixedCodes),
            (b"250 ok\n", BareLineEnd),
            (b"250 a\rb\r\n", BareLineEnd),
            (b"250-a\n250 b\r\n", BareLineEnd),
            (b"250 a\0b\r\n", Nul),
        ] {
            assert_eq!(read(bytes, 1), Err(error), "{bytes:?}");
            assert_eq!(read(bytes, bytes.len()), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn a_reply_without_its_last_line_is_not_given() {
        assert_eq!(read(b"250-one\r\n250-two\r\n250 thr", 4), Ok(vec![]));
    }

    #[test]
    fn memory_stays_bounded_whatever_comes() {
        assert_eq!(read(&vec![b'2'; 1 << 20], 1_000), Err(ReplyError::LineTooLong));
        let endless: Vec<u8> = b"250-x\r\n".iter().copied().cycle().take(1 << 20).collect();
        assert_eq!(read(&endless, 1_000), Err(ReplyError::TooLong));
        let wide = format!("250-{}\r\n", "x".repeat(4_000)).repeat(5);
        assert_eq!(read(wide.as_bytes(), 1_000), Err(ReplyError::TooLong));
    }

    #[test]
    fn text_that_is_not_utf8_is_replaced() {
        assert_eq!(read(b"250 gr\xfc\xdfe\r\n", 100).unwrap()[0].text, "gr\u{fffd}\u{fffd}e");
    }

    #[test]
    fn an_enhanced_code_counts_only_where_its_class_fits() {
        for (line, wanted) in [
            ("550 5.7.26 blocked", Some("5.7.26")),
            ("450 5.7.1 mixed", None),
            ("250 2.0.0", Some("2.0.0")),
            ("354 3.0.0 go", None),
            ("550 5.1 short", None),
            ("550 5.1.1.1 long", None),
            ("550 5.1.1: colon", None),
            ("550 5.1234.1 wide", None),
        ] {
            let reply = read(format!("{line}\r\n").as_bytes(), 100).unwrap().remove(0);
            assert_eq!(reply.enhanced.as_deref(), wanted, "{line}");
        }
    }
}
