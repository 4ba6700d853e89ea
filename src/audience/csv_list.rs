//! A CSV list as a whole: what it is written in, what its columns mean, its rows one after the other.
//!
//! Decides the delimiter from the header line. Never holds more than one row and one piece of the file; a list of a
//! million rows takes as much memory as one of ten.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::decode::TextSource;
use super::mapping::{self, MapArg, Mapping};
use super::records::{Record, Records, Splitter};
use super::row::{RawRow, Reject, Row};
use super::{AudienceError, VALUE_OCTETS_MAX};
use crate::crypto::{Hash, Sha256Stream};

/// What may stand between values, the more usual first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What was found out about a list before its first row: to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// `,` `;` `|` or a tab.
    pub delimiter: char,
    /// `UTF-8`, `UTF-16LE` or `UTF-16BE`.
    pub encoding: &'static str,
    /// Whether the list began with a byte-order mark.
    pub bom: bool,
}

/// The rows of a CSV list. Iterating gives each row as accepted or rejected; after an error nothing more comes.
pub struct CsvReader<R> {
    records: Records<R>,
    record: Record,
    detected: Detected,
    mapping: Mapping,
    blank: u64,
    state: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Reading,
    Complete,
    Broken,
}

/// Opens a CSV file.
///
/// # Errors
/// As [`from_reader`], and [`AudienceError::Open`].
pub fn open_csv(path: &Path, maps: &[MapArg]) -> Result<CsvReader<File>, AudienceError> {
    let open = |error| AudienceError::Open { path: path.display().to_string(), error };
    let file = File::open(path).map_err(open)?;
    if file.metadata().map_err(open)?.is_dir() {
        return Err(open(std::io::ErrorKind::IsADirectory.into()));
    }
    from_reader(file, maps)
}

/// Reads a CSV list from its header on. Buffers by itself.
///
/// # Errors
/// [`AudienceError`] where there is no header, or it does not say which column holds the addresses.
pub fn from_reader<R: Read>(input: R, maps: &[MapArg]) -> Result<CsvReader<R>, AudienceError> {
    let mut source = TextSource::new(input)?;
    source.fill_to(VALUE_OCTETS_MAX)?;
    let head = source.text();
    let delimiter = delimiter_of(head, source.is_at_end(), maps).map_err(|error| match source.fault() {
        // The header ends at a byte that cannot be read: that is what is wrong with it.
        Some(fault) => fault.on_line(1 + head.bytes().filter(|&b| b == b'\n').count() as u64),
        None => error,
    })?;
    let detected = Detected { delimiter: char::from(delimiter), encoding: source.encoding(), bom: source.bom() };
    let mut records = Records::new(source, delimiter);
    let mut record = Record::default();
    if !records.read(&mut record)? {
        return Err(AudienceError::Empty);
    }
    if let Some(line) = record.stray_text_on {
        return Err(AudienceError::Header(format!("on line {line}, text follows a closing quote")));
    }
    let header: Vec<String> = record.values().map(str::to_owned).collect();
    let mapping = Mapping::new(&header, maps)?;
    Ok(CsvReader { records, record, detected, mapping, blank: 0, state: Progress::Reading })
}

impl<R: Read> CsvReader<R> {
    /// Delimiter and encoding.
    pub fn detected(&self) -> Detected {
        self.detected
    }

    /// What the columns mean.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Rows left out so far because every value in them is empty. Wholly empty lines are not counted.
    pub fn blank_rows(&self) -> u64 {
        self.blank
    }

    /// SHA-256 of the file's bytes, once all rows were read without an error.
    pub fn digest(&self) -> Option<Hash> {
        (self.state == Progress::Complete).then(|| self.records.source().digest())
    }

    fn next_row(&mut self) -> Result<Option<Result<Row, Reject>>, AudienceError> {
        while self.records.read(&mut self.record)? {
            if self.record.is_blank() {
                self.blank += 1;
                continue;
            }
            let raw = raw_row(&self.record, self.mapping.width);
            return Ok(Some(self.mapping.row(raw)));
        }
        Ok(None)
    }
}

impl<R: Read> Iterator for CsvReader<R> {
    type Item = Result<Result<Row, Reject>, AudienceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state != Progress::Reading {
            return None;
        }
        let next = self.next_row();
        self.state = match &next {
            Ok(Some(_)) => Progress::Reading,
            Ok(None) => Progress::Complete,
            Err(_) => Progress::Broken,
        };
        next.transpose()
    }
}

fn raw_row(record: &Record, width: usize) -> RawRow {
    let mut raw = RawRow::new(record.line, record.values().map(|value| Some(value.to_owned())).collect());
    let lines = if record.last_line > record.line {
        format!("; lines {} to {} were read as one row: is a quote missing?", record.line, record.last_line)
    } else {
        String::new()
    };
    if record.is_cut {
        raw.flaw = Some("the row is longer than 1 MiB; what lies past that was not kept".into());
    } else if let Some(line) = record.stray_text_on {
        raw.flaw = Some(format!("on line {line}, text follows a closing quote{lines}"));
    } else if record.width() != width {
        raw.flaw = Some(format!("the row has {} values, the header has {width} columns{lines}", record.width()));
    }
    raw
}

/// The delimiter under which the header has a column of addresses, and then the most columns.
fn delimiter_of(head: &str, is_all: bool, maps: &[MapArg]) -> Result<u8, AudienceError> {
    let mut best = None;
    let mut first_error = None;
    for delimiter in DELIMITERS {
        match header_of(head, is_all, delimiter) {
            Ok(names) => {
                let score = (mapping::names_an_address(&names, maps), names.len());
                if best.is_none_or(|(other, _)| score > other) {
                    best = Some((score, delimiter));
                }
            }
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    match (best, first_error) {
        (Some((_, delimiter)), _) => Ok(delimiter),
        (None, error) => Err(error.unwrap_or(AudienceError::Empty)),
    }
}

fn header_of(head: &str, is_all: bool, delimiter: u8) -> Result<Vec<String>, AudienceError> {
    let mut record = Record::default();
    let mut splitter = Splitter::new(delimiter);
    let (_, whole) = splitter.feed(head, &mut record);
    if !whole {
        if !is_all {
            return Err(AudienceError::HeaderTooLong);
        }
        if !splitter.finish(&mut record)? {
            return Err(AudienceError::Empty);
        }
    }
    Ok(record.values().map(str::to_owned).collect())
}

/// The digest of a list that comes as rows and not as a file: of the column names, then of each row in turn.
///
/// Every value goes in with its length, a missing one differently from an empty one, so that no two lists share it.
#[derive(Default)]
pub struct RowsDigest(Sha256Stream);

impl RowsDigest {
    /// Takes the next row.
    pub fn add<'a>(&mut self, values: impl IntoIterator<Item = Option<&'a str>>) {
        for value in values {
            match value {
                None => self.0.update(&[0]),
                Some(value) => {
                    self.0.update(&[1]);
                    self.0.update(&(value.len() as u64).to_be_bytes());
                    self.0.update(value.as_bytes());
                }
            }
        }
        self.0.update(&[2]);
    }

    /// The digest of all rows.
    pub fn finish(self) -> Hash {
        self.0.finish()
    }
}
