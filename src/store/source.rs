//! Reading somebody else's SQLite database: a customer list, in a table or by one SELECT, never written to.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteValueRef};
use sqlx::{Column as _, ConnectOptions, Row as _, SqliteConnection, TypeInfo as _, Value as _, ValueRef as _};
use tokio::sync::mpsc;

use super::{StoreError, sql};

/// Rows on their way from the reader to the importer: enough to keep both busy.
const ROWS_UNDER_WAY_MAX: usize = 1024;

/// A list that is being read: its column names, then its rows.
pub struct SourceReader {
    /// As the table or query names them.
    pub columns: Vec<String>,
    rows: mpsc::Receiver<Result<Vec<SourceValue>, StoreError>>,
}

/// A value of somebody else's database.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceValue {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl SourceReader {
    /// Opens `path` read-only and reads one table, or the result of one SELECT.
    ///
    /// The connection can change nothing: the file is opened read-only, `query_only` is on, and the statement was checked
    /// by audience to be a single SELECT.
    ///
    /// # Errors
    /// [`StoreError::Open`] where the file is not a database; [`StoreError::Sql`] with the database's words about the
    /// table or query.
    pub async fn open(path: &Path, table_or_select: TableOrSelect<'_>) -> Result<Self, StoreError> {
        if !path.is_file() {
            let reason = "there is no such file".to_owned();
            return Err(StoreError::Open { path: path.to_owned(), reason });
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .create_if_missing(false)
            .pragma("query_only", "ON")
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let open_error = |error: sqlx::Error| StoreError::Open { path: path.to_owned(), reason: error.to_string() };
        let mut conn = options.connect().await.map_err(open_error)?;
        let select = match table_or_select {
            TableOrSelect::Select(select) => select.to_owned(),
            TableOrSelect::Table(table) => {
                let known: i64 = sqlx::query_scalar(sql!("source_has_table"))
                    .bind(table)
                    .fetch_one(&mut conn)
                    .await
                    .map_err(open_error)?;
                if known == 0 {
                    return Err(StoreError::Sql(format!("there is no table {table:?} in {}", path.display())));
                }
                format!("SELECT * FROM \"{}\"", table.replace('"', "\"\""))
            }
        };
        let columns = columns_of(&mut conn, &select).await?;
        let (sender, rows) = mpsc::channel(ROWS_UNDER_WAY_MAX);
        tokio::spawn(read_rows(conn, select, sender));
        Ok(Self { columns, rows })
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn next(&mut self) -> Option<Result<Vec<SourceValue>, StoreError>> {
        self.rows.recv().await
    }
}

/// What to read.
#[derive(Debug, Clone, Copy)]
pub enum TableOrSelect<'a> {
    /// All columns of a table or view.
    Table(&'a str),
    /// One SELECT.
    Select(&'a str),
}

async fn columns_of(conn: &mut SqliteConnection, select: &str) -> Result<Vec<String>, StoreError> {
    use sqlx::{Executor as _, SqlSafeStr as _, Statement as _};
    // The user's own statement on the user's own database, opened read-only.
    let statement = conn.prepare(sqlx::AssertSqlSafe(select.to_owned()).into_sql_str()).await?;
    Ok(statement.columns().iter().map(|column| column.name().to_owned()).collect())
}

async fn read_rows(
    mut conn: SqliteConnection,
    select: String,
    sender: mpsc::Sender<Result<Vec<SourceValue>, StoreError>>,
) {
    use futures_util::TryStreamExt as _;
    // As above: the user's own statement, read-only.
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(select)).fetch(&mut conn);
    loop {
        let item = match rows.try_next().await {
            Ok(Some(row)) => values(&row),
            Ok(None) => return,
            Err(error) => Err(error.into()),
        };
        let is_last = item.is_err();
        if sender.send(item).await.is_err() || is_last {
            return;
        }
    }
}

fn values(row: &SqliteRow) -> Result<Vec<SourceValue>, StoreError> {
    (0..row.len()).map(|index| source_value(row.try_get_raw(index)?)).collect()
}

fn source_value(value: SqliteValueRef<'_>) -> Result<SourceValue, StoreError> {
    let kind = value.type_info().name().to_owned();
    if value.is_null() {
        return Ok(SourceValue::Null);
    }
    let value = value.to_owned();
    Ok(match kind.as_str() {
        "INTEGER" | "BOOLEAN" => SourceValue::Integer(value.try_decode_unchecked()?),
        "REAL" => SourceValue::Real(value.try_decode_unchecked()?),
        _ => {
            // A text of another program may hold bytes that are no UTF-8.
            let octets: Vec<u8> = value.try_decode_unchecked()?;
            String::from_utf8(octets).map_or_else(|error| SourceValue::Blob(error.into_bytes()), SourceValue::Text)
        }
    })
}
