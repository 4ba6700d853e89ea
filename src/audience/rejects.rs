//! The rejects file: rejected rows as a CSV list that people correct in a spreadsheet and import again.
//!
//! Decides its columns and how a cell is kept from being run as a formula. Never leaves half a file: it appears under
//! its name when it is complete, readable by its owner alone (mode 0600).

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::AudienceError;
use super::row::Reject;

/// The column with a rejected row's id. It makes a list a rejects file.
pub(super) const ID_COLUMN: &str = "candor_reject";
/// The columns that are put before the list's own; no `customer.COLUMN` comes of them.
pub(super) const OWN_COLUMNS: [&str; 4] = [ID_COLUMN, "candor_line", "candor_field", "candor_reason"];

/// First characters at which a spreadsheet runs a cell as a formula (OWASP, "CSV Injection").
const FORMULA_STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '＠'];

/// A rejects file being written.
pub struct RejectsFile {
    writer: csv::Writer<BufWriter<NamedTempFile>>,
    path: PathBuf,
}

impl RejectsFile {
    /// Begins a file for rows of these columns ([`super::Mapping::columns`]). Nothing stands at `path` until
    /// [`RejectsFile::finish`]; so a rejects file can be imported and replaced by what is left of it.
    ///
    /// # Errors
    /// [`AudienceError::Rejects`] where the folder cannot be written to.
    pub fn create(path: &Path, columns: &[String]) -> Result<Self, AudienceError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(|error| refused(path, error))?;
        // Rows with too few or too many values stay so: padded, they would be taken as correct the next time.
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(BufWriter::new(file));
        let mut rejects = Self { writer, path: path.to_owned() };
        let own = OWN_COLUMNS.iter().map(|name| (*name).to_owned());
        rejects.write(own.chain(columns.iter().map(|name| escaped(name))))?;
        Ok(rejects)
    }

    /// Writes one row; `id` is missing where nothing was stored (`--dry-run`).
    ///
    /// # Errors
    /// [`AudienceError::Rejects`] where writing fails.
    pub fn add(&mut self, id: Option<i64>, reject: &Reject) -> Result<(), AudienceError> {
        let id = id.map_or_else(String::new, |id| id.to_string());
        let own = [id, reject.line.to_string(), escaped(&reject.field), escaped(&reject.reason)];
        let values = reject.row.iter().map(|value| value.as_deref().map_or_else(String::new, escaped));
        self.write(own.into_iter().chain(values))
    }

    /// Puts the file in place, over one that is there.
    ///
    /// # Errors
    /// [`AudienceError::Rejects`] where that fails; then nothing has changed at its place.
    pub fn finish(self) -> Result<(), AudienceError> {
        let Self { writer, path } = self;
        let buffer = writer.into_inner().map_err(|error| refused(&path, io_of(error.error())))?;
        let file = buffer.into_inner().map_err(|error| refused(&path, error.into_error()))?;
        file.as_file().sync_all().map_err(|error| refused(&path, error))?;
        file.persist(&path).map_err(|error| refused(&path, error.error))?;
        Ok(())
    }

    fn write(&mut self, cells: impl Iterator<Item = String>) -> Result<(), AudienceError> {
        self.writer.write_record(cells.map(String::into_bytes)).map_err(|error| refused(&self.path, error.into()))
    }
}

fn io_of(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

fn refused(path: &Path, error: io::Error) -> AudienceError {
    AudienceError::Rejects { path: path.display().to_string(), error }
}

fn is_formula_start(c: char) -> bool {
    FORMULA_STARTS.contains(&c)
}

/// A cell with an apostrophe before it if it begins like a formula, or with an apostrophe.
pub(super) fn escaped(cell: &str) -> String {
    match cell.chars().next() {
        Some(c) if c == '\'' || is_formula_start(c) => format!("'{cell}"),
        _ => cell.to_owned(),
    }
}

/// The cell that [`escaped`] was given. What people typed in since stays as it is: an apostrophe goes only where
/// `escaped` would have put one.
pub(super) fn restored(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(|c| c == '\'' || is_formula_start(c)) => rest,
        _ => cell,
    }
}

/// The same in place.
pub(super) fn restore(cell: &mut String) {
    if restored(cell).len() < cell.len() {
        cell.remove(0);
    }
}

#[cfg(test)]
mod tests;
