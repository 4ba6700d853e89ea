//! Bytes of a list to text: the byte-order mark, the encoding, the digest of the content.
//!
//! Decides what is UTF-8 or UTF-16 and stops at the first byte that is not; never replaces a byte, for a name that came
//! out wrong would be mailed wrong. Sits under `records`. Holds one piece of the list at a time.

use std::io::{ErrorKind, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use super::AudienceError;
use crate::crypto::{Hash, Sha256Stream};

/// Octets read at once: large enough that system calls do not count, small enough to stay in the cache.
const PIECE_OCTETS: usize = 64 * 1024;
/// Octets looked at to tell what kind of file this is: the longest signature, SQLite's.
const SIGNATURE_OCTETS: usize = 16;

/// Text of a list, piece by piece.
pub(super) struct TextSource<R> {
    input: R,
    digest: Sha256Stream,
    /// Read, not yet decoded: at the front what is left of a character that a piece cut in two.
    raw: Vec<u8>,
    raw_len: usize,
    /// `None` for UTF-8, which is checked and not decoded.
    decoder: Option<Decoder>,
    encoding: &'static Encoding,
    bom: bool,
    text: String,
    /// How much of `text` has been taken.
    taken: usize,
    /// Octets of the file before `raw`.
    before_raw: u64,
    ended: bool,
    /// What stands behind the last good character, once that has been taken.
    fault: Option<Fault>,
}

/// A byte that is not of the encoding. The line is known to whoever counts lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    byte: u64,
    expected: &'static str,
    guess: &'static str,
}

impl Fault {
    /// The error that tells it, for the line it is on.
    pub(super) fn on_line(self, line: u64) -> AudienceError {
        AudienceError::Encoding { line, byte: self.byte, expected: self.expected, guess: self.guess }
    }
}

/// What comes next.
pub(super) enum Next {
    /// [`TextSource::text`] is not empty.
    Text,
    /// The list has ended.
    End,
    /// Not of the encoding from here on.
    Fault(Fault),
}

impl<R: Read> TextSource<R> {
    /// Reads the first bytes and tells the encoding by its mark.
    pub(super) fn new(input: R) -> Result<Self, AudienceError> {
        let mut source = Self {
            input,
            digest: Sha256Stream::new(),
            raw: vec![0; PIECE_OCTETS],
            raw_len: 0,
            decoder: None,
            encoding: UTF_8,
            bom: false,
            text: String::new(),
            taken: 0,
            before_raw: 0,
            ended: false,
            fault: None,
        };
        while source.raw_len < SIGNATURE_OCTETS && !source.ended {
            source.read_piece()?;
        }
        refuse_other_kinds(&source.raw[..source.raw_len])?;
        if let Some((encoding, octets)) = Encoding::for_bom(&source.raw[..source.raw_len]) {
            source.bom = true;
            source.encoding = encoding;
            source.decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
            source.drop_raw(octets);
        }
        Ok(source)
    }

    /// The encoding's name.
    pub(super) fn encoding(&self) -> &'static str {
        self.encoding.name()
    }

    /// Whether the list began with a byte-order mark.
    pub(super) fn bom(&self) -> bool {
        self.bom
    }

    /// What has been decoded and not yet taken.
    pub(super) fn text(&self) -> &str {
        &self.text[self.taken..]
    }

    /// Takes the first `octets` of the text.
    pub(super) fn take(&mut self, octets: usize) {
        self.taken += octets;
    }

    /// Whether everything has been read and decoded: [`TextSource::text`] is the rest of the list.
    pub(super) fn is_at_end(&self) -> bool {
        self.ended && self.raw_len == 0
    }

    /// What stands behind [`TextSource::text`], if it is not of the encoding.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// SHA-256 of all bytes read so far; of the whole file once the end was reached.
    pub(super) fn digest(&self) -> Hash {
        self.digest.clone().finish()
    }

    /// Makes sure that there is text to take, unless the list is over.
    pub(super) fn fill(&mut self) -> Result<Next, AudienceError> {
        self.fill_to(1)
    }

    /// The same for at least `octets` of text, or all there is.
    pub(super) fn fill_to(&mut self, octets: usize) -> Result<Next, AudienceError> {
        while self.text().len() < octets && self.fault.is_none() && !self.is_at_end() {
            if self.taken == self.text.len() {
                self.text.clear();
                self.taken = 0;
            }
            // A read into no room would look like the end.
            if !self.ended && self.raw_len < self.raw.len() {
                self.read_piece()?;
            }
            self.decode();
        }
        Ok(match self.fault {
            _ if !self.text().is_empty() => Next::Text,
            Some(fault) => Next::Fault(fault),
            None => Next::End,
        })
    }

    fn read_piece(&mut self) -> Result<(), AudienceError> {
        if self.raw_len == self.raw.len() {
            // Nothing has been decoded yet: an empty read would look like the end.
            return Ok(());
        }
        let octets = loop {
            match self.input.read(&mut self.raw[self.raw_len..]) {
                Ok(octets) => break octets,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(AudienceError::Read(error)),
            }
        };
        self.digest.update(&self.raw[self.raw_len..self.raw_len + octets]);
        self.raw_len += octets;
        self.ended = octets == 0;
        Ok(())
    }

    fn decode(&mut self) {
        match self.decoder.take() {
            None => self.check_utf8(),
            Some(mut decoder) => {
                self.decode_with(&mut decoder);
                self.decoder = Some(decoder);
            }
        }
    }

    fn check_utf8(&mut self) {
        let raw = &self.raw[..self.raw_len];
        let (good, bad) = match std::str::from_utf8(raw) {
            Ok(text) => (text, None),
            Err(error) => {
                let cut_by_the_piece = error.error_len().is_none() && !self.ended;
                let (good, rest) = raw.split_at(error.valid_up_to());
                // `valid_up_to` says that these bytes are UTF-8; were they not, nothing would be taken.
                let good = std::str::from_utf8(good).unwrap_or_default();
                (good, if cut_by_the_piece { None } else { rest.first().copied() })
            }
        };
        self.text.push_str(good);
        let octets = good.len();
        if let Some(bad) = bad {
            let byte = self.before_raw + octets as u64 + 1;
            self.fault = Some(Fault { byte, expected: "UTF-8", guess: guess_of(bad, self.bom) });
        }
        self.drop_raw(octets);
    }

    fn decode_with(&mut self, decoder: &mut Decoder) {
        let raw = &self.raw[..self.raw_len];
        if let Some(octets) = decoder.max_utf8_buffer_length_without_replacement(raw.len()) {
            self.text.reserve(octets);
        }
        let (result, octets) = decoder.decode_to_string_without_replacement(raw, &mut self.text, self.ended);
        if let DecoderResult::Malformed(bad, after) = result {
            let byte = self.before_raw + octets.saturating_sub(usize::from(bad) + usize::from(after)) as u64 + 1;
            self.fault = Some(Fault { byte, expected: self.encoding.name(), guess: "" });
        }
        self.drop_raw(octets);
    }

    fn drop_raw(&mut self, octets: usize) {
        self.raw.copy_within(octets..self.raw_len, 0);
        self.raw_len -= octets;
        self.before_raw += octets as u64;
    }
}

/// What a byte that is not UTF-8 most likely is, as the end of a sentence.
fn guess_of(bad: u8, bom: bool) -> &'static str {
    match bad {
        _ if bom => " although it begins with its mark",
        // Letters with accents in ISO 8859-1 and its Windows superset.
        0xa0..=0xff => " (it looks like Latin-1/Windows-1252)",
        // Typographic quotes, dashes and the euro sign: in Windows-1252 only.
        _ => " (it looks like Windows-1252)",
    }
}

fn refuse_other_kinds(first: &[u8]) -> Result<(), AudienceError> {
    let (what, advice) = if first.starts_with(b"PK\x03\x04") || first.starts_with(b"\xd0\xcf\x11\xe0") {
        ("a spreadsheet", "save it as CSV UTF-8 first")
    } else if first.starts_with(b"SQLite format 3\0") {
        ("a SQLite database", "write sqlite:PATH?table=T")
    } else if first.starts_with(b"\x1f\x8b") {
        ("compressed", "unpack it first")
    } else {
        return Ok(());
    };
    Err(AudienceError::NotCsv { what, advice })
}
