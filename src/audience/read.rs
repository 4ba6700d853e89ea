//! The reading side of an import: a list becomes groups of checked rows, a few groups ahead of the database.

use std::io::Read;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{
    AudienceError, Cell, CsvReader, Detected, MapArg, Mapping, RawRow, Reject, Row, RowsDigest, Selection, Source,
    SqliteSource, from_reader, open_csv,
};
use crate::crypto::Hash;
use crate::store::{SourceReader, SourceValue, TableOrSelect};

/// Rows in one group: one statement, some ten milliseconds in the database.
const GROUP_ROWS: usize = 2_000;

/// Rows in the order of the list.
pub type Group = Vec<Result<Row, Reject>>;
/// The reader at work; gives the digest of the whole list.
pub type Reader = JoinHandle<Result<Option<Hash>, AudienceError>>;

/// What is known before the first row.
pub struct List {
    /// What the columns mean.
    pub mapping: Mapping,
    /// What the file is written in; a database has no such thing.
    pub detected: Option<Detected>,
}

/// Opens a list and starts to read it.
///
/// # Errors
/// [`AudienceError`] where there is no such list, or its columns do not say where the addresses are.
pub async fn start(
    source: &Source,
    maps: &[MapArg],
    sender: mpsc::Sender<Group>,
) -> Result<(Reader, List), AudienceError> {
    match source {
        Source::Csv(path) => Ok(start_csv(open_csv(path, maps)?, sender)),
        Source::Stdin => Ok(start_csv(from_reader(std::io::stdin(), maps)?, sender)),
        Source::Sqlite(source) => start_sqlite(source, maps, sender).await,
    }
}

fn start_csv<R: Read + Send + 'static>(mut reader: CsvReader<R>, sender: mpsc::Sender<Group>) -> (Reader, List) {
    let list = List { mapping: reader.mapping().clone(), detected: Some(reader.detected()) };
    let task = tokio::task::spawn_blocking(move || {
        loop {
            let group = reader.by_ref().take(GROUP_ROWS).collect::<Result<Group, AudienceError>>()?;
            let is_last = group.len() < GROUP_ROWS;
            // An importer that no longer listens has failed; its error is the one to tell.
            if sender.blocking_send(group).is_err() {
                return Ok(None);
            }
            if is_last {
                // The end has been seen, or the next call would say so.
                return Ok(reader.digest());
            }
        }
    });
    (task, list)
}

async fn start_sqlite(
    source: &SqliteSource,
    maps: &[MapArg],
    sender: mpsc::Sender<Group>,
) -> Result<(Reader, List), AudienceError> {
    let what = match &source.selection {
        Selection::Table(table) => TableOrSelect::Table(table),
        Selection::Query(query) => TableOrSelect::Select(query),
    };
    let mut reader = SourceReader::open(&source.path, what).await?;
    let mapping = Mapping::new(&reader.columns, maps)?;
    let list = List { mapping: mapping.clone(), detected: None };
    let task = tokio::spawn(async move {
        let mut digest = RowsDigest::default();
        digest.add(reader.columns.iter().map(|column| Some(column.as_str())));
        let mut group = Group::with_capacity(GROUP_ROWS);
        let mut line = 0;
        while let Some(values) = reader.next().await {
            line += 1;
            let raw = RawRow::from_cells(line, values?.into_iter().map(cell));
            digest.add(raw.values.iter().map(Option::as_deref));
            group.push(mapping.row(raw));
            if group.len() == GROUP_ROWS && sender.send(std::mem::take(&mut group)).await.is_err() {
                return Ok(None);
            }
        }
        // As above.
        drop(sender.send(group).await);
        Ok(Some(digest.finish()))
    });
    Ok((task, list))
}

fn cell(value: SourceValue) -> Cell {
    match value {
        SourceValue::Null => Cell::Null,
        SourceValue::Integer(number) => Cell::Integer(number),
        SourceValue::Real(number) => Cell::Real(number),
        SourceValue::Text(text) => Cell::Text(text),
        SourceValue::Blob(octets) => Cell::Blob(octets),
    }
}
