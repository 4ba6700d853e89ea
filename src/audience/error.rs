//! Why a list as a whole cannot be read. What is wrong with one row alone is a `Reject`, not an error.

/// Why a list cannot be read. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AudienceError {
    /// The file cannot be opened.
    #[error("{path} cannot be opened: {error}")]
    Open { path: String, error: std::io::Error },
    /// Reading broke off.
    #[error("the list could not be read to its end: {0}")]
    Read(std::io::Error),
    /// A kind of source that this version does not read.
    #[error(
        "{what} cannot be imported by this version: it reads a CSV file, - (CSV on stdin), sqlite:PATH?table=T and \
         sqlite:PATH?query=Q; save the list as CSV in UTF-8"
    )]
    Unsupported { what: String },
    /// `sqlite:` without what to read, or badly encoded.
    #[error("{source_text:?} is not a SQLite source: {reason}; write sqlite:PATH?table=T or sqlite:PATH?query=Q")]
    SqliteSource { source_text: String, reason: String },
    /// The query is not exactly one reading statement.
    #[error("the query is refused: {0}; give exactly one SELECT, WITH … SELECT or VALUES")]
    Query(String),
    /// No header, no rows.
    #[error("the list is empty: its first line must name the columns, one of them email")]
    Empty,
    /// Another kind of file.
    #[error("this is not CSV but {what}; {advice}")]
    NotCsv { what: &'static str, advice: &'static str },
    /// Bytes that are not UTF-8 (or, after a UTF-16 mark, not UTF-16).
    #[error(
        "line {line}, byte {byte} of the file: this is not {expected}{guess}; save the list as CSV UTF-8 and import it again"
    )]
    Encoding { line: u64, byte: u64, expected: &'static str, guess: &'static str },
    /// A quote that nothing closes.
    #[error("the quote that opens on line {line} is never closed; close it, or double it if it belongs to the value")]
    OpenQuote { line: u64 },
    /// A row over several lines, past the limit.
    #[error(
        "the row that begins on line {line} runs over many lines and is longer than 1 MiB: a quote on line {quote_line} \
         is probably not closed"
    )]
    RowTooLong { line: u64, quote_line: u64 },
    /// The first line does not end.
    #[error(
        "the line with the column names is longer than 64 KiB; is this a list with column names on its first line?"
    )]
    HeaderTooLong,
    /// More columns than are taken.
    #[error("the list has {columns} columns; at most {} are taken", super::COLUMNS_MAX)]
    TooManyColumns { columns: usize },
    /// A NUL or a broken quote among the column names.
    #[error("the line with the column names is damaged: {0}")]
    Header(String),
    /// A column without a name.
    #[error("column {position} has no name; every column needs one (or remove the column)")]
    BlankColumn { position: usize },
    /// Two columns of one name.
    #[error("two columns are named {name:?} (upper and lower case count as equal); rename or remove one")]
    DuplicateColumn { name: String },
    /// No column holds addresses.
    #[error("no column is named email; the columns are: {columns}. Say which it is: --map email={suggestion}")]
    NoEmailColumn { columns: String, suggestion: String },
    /// Several columns may hold the addresses.
    #[error("more than one column may hold the addresses: {candidates}. Say which it is: --map email={suggestion}")]
    AmbiguousEmail { candidates: String, suggestion: String },
    /// `--map` names a column that is not there.
    #[error("--map {field}={column}: there is no such column; the columns are: {columns}")]
    NoSuchColumn { field: &'static str, column: String, columns: String },
    /// One field mapped twice.
    #[error("--map names {0} twice; give one column for it")]
    MappedTwice(&'static str),
    /// Not `FIELD=COLUMN`.
    #[error("--map {0:?} is not FIELD=COLUMN, with FIELD one of {fields}", fields = super::columns::FIELD_NAMES)]
    MapArg(String),
    /// No such campaign.
    #[error("there is no campaign {0}: `candor campaign list` shows those there are")]
    UnknownCampaign(String),
    /// It no longer takes people.
    #[error("{0} is cancelled: nobody can be added to it")]
    Cancelled(String),
    /// The database, ours or the customers'.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The rejects file cannot be written.
    #[error("the rejects file {path} cannot be written: {error}")]
    Rejects { path: String, error: std::io::Error },
}
