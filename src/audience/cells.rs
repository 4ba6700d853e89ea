//! CSV cells on their way out, safe for a spreadsheet, and back.

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A value as it is written: one that a spreadsheet could take for a formula, or that begins with the mark itself, gets a
/// leading `'`, so that [`unguarded`] gives back exactly what went in.
pub fn guarded(value: &str) -> String {
    if value.starts_with(FORMULA) || value.starts_with('\'') { format!("'{value}") } else { value.to_owned() }
}

/// Takes back what [`guarded`] did.
pub fn unguarded(value: &str) -> &str {
    match value.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA) || rest.starts_with('\'') => rest,
        _ => value,
    }
}

/// One line of CSV (RFC 4180) without its end, every cell guarded.
pub fn line(cells: &[&str]) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    // A Vec takes whatever is written to it.
    let bytes =
        writer.write_record(cells.iter().map(|cell| guarded(cell))).ok().and_then(|()| writer.into_inner().ok());
    let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
    text.trim_end_matches('\n').to_owned()
}

/// The records of a small CSV text, header first.
///
/// # Errors
/// The reader's own words.
pub fn read(text: &str) -> Result<Vec<Vec<String>>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.records().map(|record| Ok(record?.iter().map(|cell| unguarded(cell).to_owned()).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula_and_nothing_is_lost() {
        for value in ["=1+1", "+49", "-3", "@x", "\tx", "'x", "''", "plain", "", "O'Neill"] {
            let written = guarded(value);
            assert!(!written.starts_with(FORMULA), "{value:?}");
            assert_eq!(unguarded(&written), value);
        }
        assert_eq!(line(&["=a", "b,c", "d\"e"]), "'=a,\"b,c\",\"d\"\"e\"");
        assert_eq!(read("a,'=b\n").unwrap(), [["a", "=b"]]);
    }
}
