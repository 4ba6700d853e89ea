//! Text of a list to records: RFC 4180 with any of four delimiters, at any line ending.
//!
//! Decides where a record ends and whether its quotes make sense. The `csv` crate reads leniently and without a limit:
//! after a forgotten quote it joins customers into one row without a word, or reads the rest of the file into memory.
//! Here the one is a flaw of the record and the other an error that names the line; so this state machine is our own
//! (`csv` still writes, and checks this one in its tests).

use std::io::Read;

use super::decode::{Next, TextSource};
use super::{AudienceError, RECORD_OCTETS_MAX};

/// One record: its values one after the other, and where each ends.
#[derive(Debug, Default)]
pub(super) struct Record {
    text: String,
    ends: Vec<usize>,
    /// The physical line on which it begins; the first is 1.
    pub(super) line: u64,
    /// The physical line on which it ends.
    pub(super) last_line: u64,
    /// The line on which text follows a closing quote.
    pub(super) stray_text_on: Option<u64>,
    /// Past [`RECORD_OCTETS_MAX`]: what came from the first value that did not fit is gone.
    pub(super) is_cut: bool,
}

impl Record {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.stray_text_on = None;
        self.is_cut = false;
    }

    fn push(&mut self, piece: &str) {
        self.is_cut |= self.text.len() + self.ends.len() + piece.len() > RECORD_OCTETS_MAX;
        if !self.is_cut {
            self.text.push_str(piece);
        }
    }

    fn end_value(&mut self) {
        self.is_cut |= self.text.len() + self.ends.len() >= RECORD_OCTETS_MAX;
        if !self.is_cut {
            self.ends.push(self.text.len());
        }
    }

    /// The values, those of a cut record as far as they are whole.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, &end)| &self.text[begin..end])
    }

    /// How many values there are.
    pub(super) fn width(&self) -> usize {
        self.ends.len()
    }

    /// Whether nobody is named by it: an empty line, or the `,,,` that spreadsheets write for one.
    pub(super) fn is_blank(&self) -> bool {
        !self.is_cut && self.text.chars().all(char::is_whitespace)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    BetweenRecords,
    BeforeValue,
    Plain,
    Quoted,
    /// After a quote inside a quoted value: it closes, or is doubled.
    QuoteInQuoted,
}

/// Cuts text into records; knows nothing of where the text comes from.
#[derive(Debug)]
pub(super) struct Splitter {
    delimiter: u8,
    state: State,
    line: u64,
    /// The line on which the last quoted value began.
    quote_line: u64,
    after_cr: bool,
}

impl Splitter {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::BetweenRecords, line: 1, quote_line: 1, after_cr: false }
    }

    /// The physical line reached.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Takes text until the record ends or the text does: how many octets were taken, and whether the record is whole.
    pub(super) fn feed(&mut self, text: &str, record: &mut Record) -> (usize, bool) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            match self.state {
                State::BetweenRecords if matches!(byte, b'\r' | b'\n') => {
                    self.count_lines(&bytes[at..=at]);
                    at += 1;
                }
                State::BetweenRecords => {
                    self.after_cr = false;
                    record.clear();
                    record.line = self.line;
                    self.state = State::BeforeValue;
                }
                State::BeforeValue if byte == b'"' => {
                    self.quote_line = self.line;
                    self.state = State::Quoted;
                    at += 1;
                }
                State::BeforeValue => self.state = State::Plain,
                State::Plain => {
                    let end = bytes[at..].iter().position(|&b| self.ends_value(b)).map_or(bytes.len(), |n| at + n);
                    record.push(&text[at..end]);
                    at = end;
                    let Some(&byte) = bytes.get(at) else { break };
                    at += 1;
                    if self.end_value(byte, record) {
                        return (at, true);
                    }
                }
                State::Quoted => {
                    let close = bytes[at..].iter().position(|&b| b == b'"').map(|n| at + n);
                    let end = close.unwrap_or(bytes.len());
                    self.count_lines(&bytes[at..end]);
                    record.push(&text[at..end]);
                    at = end;
                    if close.is_some() {
                        at += 1;
                        self.after_cr = false;
                        self.state = State::QuoteInQuoted;
                    }
                }
                State::QuoteInQuoted if byte == b'"' => {
                    record.push("\"");
                    self.state = State::Quoted;
                    at += 1;
                }
                State::QuoteInQuoted => {
                    if !self.ends_value(byte) {
                        record.stray_text_on.get_or_insert(self.line);
                    }
                    self.state = State::Plain;
                }
            }
        }
        (at, false)
    }

    /// The text is over: whether that ends a last record.
    ///
    /// # Errors
    /// [`AudienceError::OpenQuote`] if a quote is open.
    pub(super) fn finish(&mut self, record: &mut Record) -> Result<bool, AudienceError> {
        match self.state {
            State::BetweenRecords => return Ok(false),
            State::Quoted => return Err(AudienceError::OpenQuote { line: self.quote_line }),
            State::BeforeValue | State::Plain | State::QuoteInQuoted => {}
        }
        record.end_value();
        record.last_line = self.line;
        self.state = State::BetweenRecords;
        Ok(true)
    }

    fn ends_value(&self, byte: u8) -> bool {
        byte == self.delimiter || byte == b'\n' || byte == b'\r'
    }

    /// Ends a value at its delimiter, or the record with it at a line break.
    fn end_value(&mut self, byte: u8, record: &mut Record) -> bool {
        record.end_value();
        if byte == self.delimiter {
            self.state = State::BeforeValue;
            return false;
        }
        record.last_line = self.line;
        self.count_lines(&[byte]);
        self.state = State::BetweenRecords;
        true
    }

    /// CR, LF and CRLF each are one line break, whatever piece of text they lie in.
    fn count_lines(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.line += u64::from(byte == b'\r' || (byte == b'\n' && !self.after_cr));
            self.after_cr = byte == b'\r';
        }
    }
}

/// The records of a list.
pub(super) struct Records<R> {
    source: TextSource<R>,
    splitter: Splitter,
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: TextSource<R>, delimiter: u8) -> Self {
        Self { source, splitter: Splitter::new(delimiter) }
    }

    pub(super) fn source(&self) -> &TextSource<R> {
        &self.source
    }

    /// Reads the next record; `false` at the end.
    ///
    /// # Errors
    /// Where the list cannot be read on: its encoding, an open quote, a row over many lines past the limit.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, AudienceError> {
        loop {
            match self.source.fill()? {
                Next::End => return self.splitter.finish(record),
                Next::Fault(fault) => return Err(fault.on_line(self.splitter.line())),
                Next::Text => {}
            }
            let (octets, whole) = self.splitter.feed(self.source.text(), record);
            self.source.take(octets);
            let runs_on = self.splitter.state != State::BetweenRecords || whole;
            let last_line = if whole { record.last_line } else { self.splitter.line };
            if runs_on && record.is_cut && last_line > record.line {
                return Err(AudienceError::RowTooLong { line: record.line, quote_line: self.splitter.quote_line });
            }
            if whole {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests;
