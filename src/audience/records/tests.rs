//! The rules of records, each with what breaks it.

use proptest::prelude::*;

use super::*;

fn read(text: &[u8], delimiter: u8) -> Result<Vec<(u64, Vec<String>)>, AudienceError> {
    let mut records = Records::new(TextSource::new(text)?, delimiter);
    let mut record = Record::default();
    let mut found = Vec::new();
    while records.read(&mut record)? {
        found.push((record.line, record.values().map(str::to_owned).collect()));
    }
    Ok(found)
}

fn one(text: &str) -> Vec<Vec<String>> {
    read(text.as_bytes(), b',').unwrap().into_iter().map(|(_, values)| values).collect()
}

/// Gives one byte at a time, so that every boundary of a piece is met.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let octets = self.0.len().min(into.len()).min(1);
        into[..octets].copy_from_slice(&self.0[..octets]);
        self.0 = &self.0[octets..];
        Ok(octets)
    }
}

#[test]
fn a_quoted_value_keeps_what_is_in_it() {
    assert_eq!(one("a,\"b \"\"c\"\", d\",e\r\n"), [["a", "b \"c\", d", "e"]]);
    assert_eq!(one("\"x\r\ny\",z"), [["x\r\ny", "z"]]);
    assert_eq!(one("\"\",\"\"\"\""), [["", "\""]]);
    assert_eq!(one("5\" pipe, \"a\""), [["5\" pipe", " \"a\""]]);
}

#[test]
fn every_line_ending_ends_a_record_and_counts_once() {
    for ending in ["\n", "\r\n", "\r"] {
        let text = format!("a,b{ending}{ending}\"c{ending}d\",e{ending}f,{ending}");
        let lines: Vec<u64> = read(text.as_bytes(), b',').unwrap().iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 5], "{ending:?}");
    }
    assert_eq!(one("a,"), [["a", ""]]);
    assert!(one("\n\r\n\r\r\n").is_empty());
}

#[test]
fn an_open_quote_is_an_error_that_names_its_line() {
    let error = read(b"a,b\n\"x\ny\",c\nd,\"e\nf\ng,h\n", b',').unwrap_err();
    assert!(matches!(error, AudienceError::OpenQuote { line: 4 }), "{error}");
}

#[test]
fn text_after_a_closing_quote_is_a_flaw_of_its_record_alone() {
    let text: &[u8] = b"a,\"Bob\nb,\"Carl\"\nc,d\n";
    let mut records = Records::new(TextSource::new(text).unwrap(), b',');
    let mut record = Record::default();
    assert!(records.read(&mut record).unwrap());
    assert_eq!((record.stray_text_on, record.line, record.last_line), (Some(2), 1, 2));
    assert!(records.read(&mut record).unwrap());
    assert_eq!((record.stray_text_on, record.line), (None, 3));
}

#[test]
fn a_long_row_on_one_line_is_cut_and_the_next_is_whole() {
    let text = format!("a,{},b\nc,d,e\n", "x".repeat(3 * RECORD_OCTETS_MAX));
    let mut records = Records::new(TextSource::new(text.as_bytes()).unwrap(), b',');
    let mut record = Record::default();
    assert!(records.read(&mut record).unwrap());
    assert!(record.is_cut && record.text.capacity() <= 2 * RECORD_OCTETS_MAX);
    assert_eq!(record.values().next(), Some("a"));
    assert!(records.read(&mut record).unwrap());
    assert!(!record.is_cut && record.line == 2);
}

#[test]
fn a_long_row_over_many_lines_is_an_open_quote() {
    let text = format!("a,b\nc,\"d\n{}", "anna@example.org,Anna\n".repeat(100_000));
    let error = read(text.as_bytes(), b',').unwrap_err();
    assert!(matches!(error, AudienceError::RowTooLong { line: 2, quote_line: 2 }), "{error}");
}

#[test]
fn nothing_but_delimiters_stays_within_the_limit() {
    let text = ",".repeat(2 * RECORD_OCTETS_MAX);
    let mut records = Records::new(TextSource::new(text.as_bytes()).unwrap(), b',');
    let mut record = Record::default();
    assert!(records.read(&mut record).unwrap());
    assert!(record.is_cut && record.width() <= RECORD_OCTETS_MAX);
}

proptest! {
    #[test]
    fn what_the_csv_crate_writes_is_read_as_it_was(
        rows in prop::collection::vec(prop::collection::vec("[a-zé\"',; \r\n\t]{0,9}", 2..5), 1..20),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
    ) {
        let mut writer = csv::WriterBuilder::new().flexible(true).delimiter(delimiter).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let found: Vec<_> = read(&text, delimiter).unwrap().into_iter().map(|(_, values)| values).collect();
        prop_assert_eq!(&found, &rows);
    }

    #[test]
    fn where_the_text_is_cut_into_pieces_does_not_matter(text in "[aé\",\r\n]{0,60}") {
        let mut records = Records::new(TextSource::new(Trickle(text.as_bytes())).unwrap(), b',');
        let mut record = Record::default();
        let mut found = Vec::new();
        let end = loop {
            match records.read(&mut record) {
                Ok(true) => found.push((record.line, record.values().map(str::to_owned).collect::<Vec<_>>())),
                Ok(false) => break Ok(found),
                Err(error) => break Err(error.to_string()),
            }
        };
        prop_assert_eq!(end, read(text.as_bytes(), b',').map_err(|error| error.to_string()));
    }
}
