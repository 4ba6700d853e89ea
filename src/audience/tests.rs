//! Lists as they come, read as a whole.

use std::io::Read;

use proptest::prelude::*;

use super::*;

pub(super) struct List<'a>(pub(super) CsvReader<&'a [u8]>);

pub(super) fn list(bytes: &[u8]) -> List<'_> {
    List(from_reader(bytes, &[]).unwrap())
}

impl List<'_> {
    pub(super) fn rows(self) -> Vec<Result<Row, Reject>> {
        self.0.map(Result::unwrap).collect()
    }
}

fn rows(text: &str) -> Vec<Result<Row, Reject>> {
    list(text.as_bytes()).rows()
}

fn failure(bytes: &[u8]) -> AudienceError {
    match from_reader(bytes, &[]) {
        Err(error) => error,
        Ok(reader) => reader.map(|row| row.err()).find_map(|error| error).expect("the list is refused"),
    }
}

pub(super) fn only_row(text: &str) -> Row {
    let [Ok(row)] = <[_; 1]>::try_from(rows(text)).unwrap() else { panic!("the row of {text:?} was rejected") };
    row
}

pub(super) fn only_reject(text: &str) -> Reject {
    let [Err(reject)] = <[_; 1]>::try_from(rows(text)).unwrap() else { panic!("the row of {text:?} was taken") };
    reject
}

#[test]
fn a_row_becomes_a_customer() {
    let row = only_row(
        "ref,email,name,locale,jurisdiction,channel_basis,plan\nC-1, Anna@Müller.Example ,\" Ann, O'Neill \",ES_mx,us-ca,Consent, gold \n",
    );
    assert_eq!((row.line, row.reference.as_str(), row.email.as_str()), (2, "C-1", "Anna@Müller.Example"));
    assert_eq!(row.mailbox.reveal(), "Anna@xn--mller-kva.example");
    assert_eq!((row.name.as_str(), row.locale.as_str()), ("Ann, O'Neill", "es-MX"));
    assert_eq!((row.jurisdiction.as_str(), row.channel_basis.as_str()), ("US-CA", "consent"));
    assert_eq!(row.fields, [Some(" gold ".to_owned())]);
}

#[test]
fn without_a_ref_column_the_canonical_address_stands_in() {
    assert_eq!(only_row("email\nAnna@EXAMPLE.org\n").reference, "Anna@example.org");
}

#[test]
fn the_delimiter_is_found_in_the_header() {
    for delimiter in [',', ';', '\t', '|'] {
        let text = format!("email{delimiter}name\na@example.org{delimiter}\"A{delimiter} B\"\n");
        let reader = list(text.as_bytes());
        assert_eq!(reader.0.detected().delimiter, delimiter);
        assert_eq!(reader.rows()[0].as_ref().unwrap().name, format!("A{delimiter} B"));
    }
    assert_eq!(list(b"\"last, first, title\";email\n").0.detected().delimiter, ';');
    assert_eq!(list(b"last, first, title;email\n").0.detected().delimiter, ';');
    assert_eq!(list(b"email").0.detected().delimiter, ',');
}

#[test]
fn a_byte_order_mark_is_not_part_of_a_column_name() {
    let reader = list("\u{feff}email\na@example.org\n".as_bytes());
    assert_eq!(reader.0.detected(), Detected { delimiter: ',', encoding: "UTF-8", bom: true });
    assert_eq!(reader.rows().len(), 1);
}

#[test]
fn utf_16_with_its_mark_is_read() {
    let text = "\u{feff}email;name\r\na@example.org;王小明 🎈\r\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, encoding) in [(little, "UTF-16LE"), (big, "UTF-16BE")] {
        let reader = list(&bytes);
        assert_eq!((reader.0.detected().encoding, reader.0.detected().bom), (encoding, true));
        assert_eq!(reader.rows()[0].as_ref().unwrap().name, "王小明 🎈");
    }
}

#[test]
fn what_is_not_utf_8_is_refused_with_line_and_byte() {
    let error = failure(b"email,name\na@example.org,Ann\nb@example.org,M\xfcller\n").to_string();
    assert!(error.contains("line 3, byte 45") && error.contains("Latin-1") && error.contains("UTF-8"), "{error}");
    assert!(matches!(failure(b"email,stra\xdfe\n"), AudienceError::Encoding { line: 1, byte: 11, .. }));
    let mut far = b"email,name\n".to_vec();
    far.extend(b"a@example.org,\xc3\xa9\n".repeat(20_000));
    far.extend(b"x\x93");
    let error = failure(&far).to_string();
    assert!(error.contains("line 20002") && error.contains("Windows-1252"), "{error}");
    assert!(matches!(failure(b"\xff"), AudienceError::Encoding { line: 1, byte: 1, .. }));
    assert!(matches!(failure(b"email\na@example.org\xe2\x82"), AudienceError::Encoding { line: 2, byte: 20, .. }));
    assert!(matches!(failure(b"\xff\xfee\0m\0a\0i\0l\0\n\0\0\xd8"), AudienceError::Encoding { .. }));
}

#[test]
fn utf_16_without_its_mark_says_so() {
    let bytes: Vec<u8> = "email,name\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(failure(&bytes).to_string().contains("UTF-16"));
}

#[test]
fn other_kinds_of_files_are_told() {
    assert!(failure(b"PK\x03\x04rest").to_string().contains("spreadsheet"));
    assert!(failure(b"SQLite format 3\0rest").to_string().contains("sqlite:"));
    assert!(failure(b"\x1f\x8b\x08").to_string().contains("compressed"));
}

#[test]
fn an_empty_list_is_an_error_and_a_header_alone_is_not() {
    for text in ["", "\u{feff}", "\r\n\n"] {
        assert!(matches!(failure(text.as_bytes()), AudienceError::Empty), "{text:?}");
    }
    for text in ["email", "email,name\r\n", "email\n\n\n"] {
        assert!(rows(text).is_empty());
    }
}

#[test]
fn a_header_that_does_not_end_is_refused() {
    assert!(matches!(failure(&b"x".repeat(100_000)), AudienceError::HeaderTooLong));
    assert!(matches!(failure(b"\"email\na@example.org"), AudienceError::OpenQuote { line: 1 }));
    assert!(matches!(failure(b"email,\"a\"b\n"), AudienceError::Header(_)));
}

#[test]
fn a_ragged_row_is_rejected_alone() {
    let found = rows("email,name\na@example.org\nb@example.org,B,x\n\nc@example.org,C\n");
    let lines: Vec<(u64, bool)> =
        found.iter().map(|row| row.as_ref().map_or_else(|r| (r.line, false), |r| (r.line, true))).collect();
    assert_eq!(lines, [(2, false), (3, false), (5, true)]);
    let reject = found[1].as_ref().unwrap_err();
    assert_eq!((reject.field.as_str(), reject.row.len(), &reject.reference), ("row", 3, &None));
}

#[test]
fn rows_without_a_value_name_nobody_and_are_counted_apart() {
    let text = b"email,name\n,\n , \n\n\"\n\",\na@example.org,A\n,B\n";
    let mut reader = from_reader(&text[..], &[]).unwrap();
    let found: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!((found.len(), reader.blank_rows()), (2, 3));
    assert_eq!((found[0].as_ref().unwrap().line, found[1].as_ref().unwrap_err().line), (7, 8));
}

#[test]
fn a_lost_quote_never_hides_a_customer() {
    let reject = only_reject("email,name\na@example.org,\"Bob\nb@example.org,\"Carl\"\n");
    assert!(reject.field == "row" && reject.reason.contains("lines 2 to 3"), "{}", reject.reason);
    let error = failure(b"email,name\na@example.org,\"Bob\nb@example.org,Carl\n");
    assert!(matches!(error, AudienceError::OpenQuote { line: 2 }));
}

#[test]
fn each_bad_value_names_its_field() {
    let head = "ref,email,locale,channel_basis,plan\n";
    for (row, field) in [
        ("C-1,,en,,", "email"),
        ("C-1,anna,en,,", "email"),
        ("C-1,a\u{200b}@example.org,en,,", "email"),
        ("C-1,\u{202e}a@example.org,en,,", "email"),
        (" ,a@example.org,en,,", "ref"),
        ("\"C\n1\",a@example.org,en,,", "ref"),
        ("C-1,a@example.org,English,,", "locale"),
        ("C-1,a@example.org,en,maybe,", "channel_basis"),
        ("C-1,a@example.org,en,,go\0ld", "plan"),
        ("C\0,a@example.org,en,,gold", "ref"),
    ] {
        let reject = only_reject(&format!("{head}{row}\n"));
        assert_eq!(reject.field, field, "{row:?}: {}", reject.reason);
    }
    assert_eq!(only_reject(&format!("{head}C-7,anna,en,,\n")).reference.as_deref(), Some("C-7"));
    assert_eq!(only_reject("email,locale\na@Example.org,?\n").reference.as_deref(), Some("a@example.org"));
}

#[test]
fn a_value_of_64_kib_is_taken_and_one_more_byte_is_not() {
    let name = "n".repeat(VALUE_OCTETS_MAX);
    assert_eq!(only_row(&format!("email,name\na@example.org,{name}\n")).name.len(), VALUE_OCTETS_MAX);
    let reject = only_reject(&format!("email,name\na@example.org,{name}n\n"));
    assert_eq!((reject.field.as_str(), reject.row[1].as_ref().map(String::len)), ("name", Some(65_537)));
    let huge = "n".repeat(2 * RECORD_OCTETS_MAX);
    let found = rows(&format!("email,name\na@example.org,{huge}\nb@example.org,B\n"));
    assert_eq!((found[0].as_ref().unwrap_err().field.as_str(), found[1].is_ok()), ("row", true));
}

#[test]
fn a_name_keeps_line_breaks_overrides_and_formulas() {
    for name in
        ["Ann\r\nBcc: x@example.org", "\u{202e}nnA", "=1+1", "@cmd", "'=x", "O'Neill", "<b>Bo</b>", "\u{1b}[31m"]
    {
        assert_eq!(only_row(&format!("email,name\na@example.org,\"{name}\"\n")).name, name);
    }
}

#[test]
fn the_digest_is_that_of_the_file_and_only_of_a_whole_one() {
    let text = b"\xef\xbb\xbfemail\r\na@example.org\r\n";
    let mut reader = from_reader(&text[..], &[]).unwrap();
    assert_eq!(reader.digest(), None);
    assert_eq!(reader.by_ref().count(), 1);
    assert_eq!(reader.digest(), Some(crate::crypto::sha256(&[text])));
    let mut broken = from_reader(&b"email\na@example.org\n\xff"[..], &[]).unwrap();
    assert!(broken.by_ref().any(|row| row.is_err()));
    assert!(broken.next().is_none() && broken.digest().is_none());
}

#[test]
fn the_digest_of_rows_tells_where_a_value_ends() {
    let digest = |rows: &[&[Option<&str>]]| {
        let mut digest = RowsDigest::default();
        rows.iter().for_each(|row| digest.add(row.iter().copied()));
        digest.finish()
    };
    let lists: [&[&[Option<&str>]]; 5] = [
        &[&[Some("ab"), Some("c")]],
        &[&[Some("a"), Some("bc")]],
        &[&[Some("ab")], &[Some("c")]],
        &[&[Some("ab"), None]],
        &[&[Some("ab"), Some("")]],
    ];
    let distinct: std::collections::HashSet<_> = lists.into_iter().map(digest).collect();
    assert_eq!(distinct.len(), lists.len());
}

#[test]
fn database_rows_are_checked_like_lines() {
    let mapping = Mapping::new(&["id".into(), "email".into(), "score".into()], &[]).unwrap();
    let cells = [Cell::Integer(7), Cell::Blob(b"a@example.org".to_vec()), Cell::Real(1.5)];
    let row = mapping.row(RawRow::from_cells(1, cells)).unwrap();
    assert_eq!((row.reference.as_str(), row.fields), ("7", vec![Some("1.5".to_owned())]));
    let cells = [Cell::Integer(8), Cell::Text("b@example.org".into()), Cell::Null];
    assert_eq!(mapping.row(RawRow::from_cells(2, cells)).unwrap().fields, [None]);
    let cells = [Cell::Integer(9), Cell::Text("c@example.org".into()), Cell::Blob(vec![0xff])];
    let reject = mapping.row(RawRow::from_cells(3, cells)).unwrap_err();
    assert!(reject.line == 3 && reject.reason.contains("value 3"), "{}", reject.reason);
}

#[test]
fn nothing_printed_for_debugging_shows_a_person() {
    let row = only_row("email,name\nanna.long@example.org,Anna Long\n");
    let printed = format!("{row:?} {:?}", row.reject("ref", "again"));
    assert!(!printed.contains("anna") && !printed.contains("Long"), "{printed}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = open_csv(std::path::Path::new("/nowhere/list.csv"), &[]).err().unwrap().to_string();
    assert!(error.contains("/nowhere/list.csv"), "{error}");
    assert!(open_csv(std::path::Path::new("/"), &[]).is_err());
}

#[test]
fn a_read_that_fails_ends_the_list() {
    struct Failing(bool);
    impl Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::other("gone"));
            }
            let head = b"email\na@example.org\n";
            into[..head.len()].copy_from_slice(head);
            Ok(head.len())
        }
    }
    assert!(matches!(from_reader(Failing(false), &[]), Err(AudienceError::Read(_))));
}

/// Pieces that lists are made of, the troublesome ones more often than they come.
fn scraps() -> impl Strategy<Value = Vec<u8>> {
    let scrap = prop_oneof![
        Just(b"a@example.org".to_vec()),
        Just(b"C-1".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b",".to_vec()),
        Just(b";".to_vec()),
        Just(b"\0".to_vec()),
        Just("\u{202e}é".as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec(scrap, 0..40).prop_map(|scraps| scraps.concat())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in scraps(), head in prop::sample::select(vec!["", "email,ref\n", "\u{feff}email;x\n"])) {
        let list = [head.as_bytes(), &bytes].concat();
        if let Ok(reader) = from_reader(&list[..], &[]) {
            prop_assert!(reader.count() <= list.len());
        }
    }
}

#[test]
fn a_list_longer_than_the_buffer_is_read_to_its_end() {
    let rows: String = (0..20_000).map(|n| format!("C-{n},p{n}@example.org\n")).collect();
    let list = format!("ref,email\n{rows}");
    let taken = from_reader(list.as_bytes(), &[]).unwrap().filter(|row| matches!(row, Ok(Ok(_)))).count();
    assert_eq!(taken, 20_000);
}
