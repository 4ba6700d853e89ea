//! Where a list comes from, as the command line names it. Decides the kind; opens nothing.

use std::path::PathBuf;

use super::{AudienceError, single_select};

/// Kinds of list that have a name in interface.md but that this version does not read, by file extension.
const LATER_EXTENSIONS: &[&str] = &["xlsx", "xls", "xlsm", "ods", "json", "jsonl", "ndjson"];
/// The same by the word before the colon.
const LATER_SCHEMES: &[&str] = &["campaign", "postgres", "postgresql", "mysql", "http", "https"];

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A CSV file.
    Csv(PathBuf),
    /// CSV on standard input.
    Stdin,
    /// Rows of a SQLite database, read by store on a read-only connection.
    Sqlite(SqliteSource),
}

/// Rows of a SQLite database file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSource {
    /// The database file.
    pub path: PathBuf,
    /// What is read of it.
    pub selection: Selection,
}

/// What is read of a SQLite database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All rows of a table or view; the bare name, which the reader has to quote.
    Table(String),
    /// The rows of a query that [`single_select`] has passed.
    Query(String),
}

impl Source {
    /// Reads SOURCE as interface.md lists it.
    ///
    /// Whatever is no `-`, no known scheme and no later file type is a CSV file, whatever its extension.
    ///
    /// # Errors
    /// [`AudienceError::Unsupported`] for kinds that this version does not read, [`AudienceError::SqliteSource`] and
    /// [`AudienceError::Query`] for `sqlite:` sources that say nothing readable.
    pub fn parse(text: &str) -> Result<Self, AudienceError> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return SqliteSource::parse(text, rest).map(Self::Sqlite);
        }
        let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        if let Some(scheme) = scheme.filter(|scheme| LATER_SCHEMES.contains(&scheme.as_str())) {
            return Err(AudienceError::Unsupported { what: format!("a {scheme}: source") });
        }
        let path = PathBuf::from(text);
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        if let Some(extension) = extension.filter(|extension| LATER_EXTENSIONS.contains(&extension.as_str())) {
            return Err(AudienceError::Unsupported { what: format!("a .{extension} file") });
        }
        Ok(Self::Csv(path))
    }
}

impl SqliteSource {
    /// `whole` is for messages; `rest` is what follows `sqlite:`. The value runs to the end: an `&` belongs to the SQL.
    fn parse(whole: &str, rest: &str) -> Result<Self, AudienceError> {
        let refuse = |reason: &str| AudienceError::SqliteSource { source_text: whole.into(), reason: reason.into() };
        let (path, parameter) = rest.split_once('?').ok_or_else(|| refuse("it does not say what to read"))?;
        if path.is_empty() {
            return Err(refuse("it names no file"));
        }
        let (key, value) = parameter.split_once('=').ok_or_else(|| refuse("it does not say what to read"))?;
        let value = percent_decoded(value).map_err(|reason| refuse(&reason))?;
        if value.trim().is_empty() || value.contains('\0') {
            return Err(refuse("nothing readable follows the equals sign"));
        }
        let selection = match key {
            "table" => Selection::Table(value),
            "query" => {
                single_select(&value)?;
                Selection::Query(value)
            }
            _ => return Err(refuse("only table= and query= are known")),
        };
        Ok(Self { path: PathBuf::from(path), selection })
    }
}

/// Percent-decoding of RFC 3986 §2.1. A `+` stays: it is an operator in SQL. A lone `%` is refused rather than kept, so
/// that the `%20` of a LIKE pattern is not changed without a word.
fn percent_decoded(text: &str) -> Result<String, String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            octets.push(first);
            continue;
        }
        let octet = after.get(..2).and_then(|two| hex::decode(two).ok()).and_then(|octets| octets.first().copied());
        octets.push(octet.ok_or("a % that stands for itself is written %25")?);
        rest = &after[2..];
    }
    String::from_utf8(octets)
        .map_err(|_| "what it encodes with % is not UTF-8; a % that stands for itself is %25".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(path: &str, selection: Selection) -> Source {
        Source::Sqlite(SqliteSource { path: path.into(), selection })
    }

    #[test]
    fn a_source_is_what_the_interface_calls_it() {
        assert_eq!(Source::parse("-").unwrap(), Source::Stdin);
        for path in ["list.csv", "/dev/fd/63", "export.txt", "C: list.csv"] {
            assert_eq!(Source::parse(path).unwrap(), Source::Csv(path.into()));
        }
        assert_eq!(Source::parse("sqlite:a.db?table=my%20people").unwrap(), {
            sqlite("a.db", Selection::Table("my people".into()))
        });
        let query = "SELECT a+1, b & 2 FROM t WHERE c LIKE '%25x' AND d = 'é'";
        let decoded = query.replace("%25", "%");
        assert_eq!(Source::parse(&format!("sqlite:/x/a.db?query={query}")).unwrap(), {
            sqlite("/x/a.db", Selection::Query(decoded))
        });
    }

    #[test]
    fn a_kind_for_later_is_refused_with_what_is_read_now() {
        for text in ["a.xlsx", "a.JSON", "b.jsonl", "campaign:old?state=failed", "postgres://h/d"] {
            let message = Source::parse(text).unwrap_err().to_string();
            assert!(message.contains("sqlite:PATH?table=T") && message.contains("CSV"), "{text}: {message}");
        }
    }

    #[test]
    fn a_sqlite_source_must_say_what_to_read() {
        let texts = ["a.db", "a.db?", "a.db?table=", "?table=t", "a.db?tables=t", "a.db?table=%zz", "a.db?table=%ff"];
        for text in texts {
            assert!(Source::parse(&format!("sqlite:{text}")).is_err(), "{text}");
        }
        let message = Source::parse("sqlite:a.db?query=SELECT 1 WHERE a LIKE '%anna%'").unwrap_err().to_string();
        assert!(message.contains("%25"), "{message}");
        assert!(matches!(Source::parse("sqlite:a.db?query=DELETE FROM t"), Err(AudienceError::Query(_))));
    }
}
