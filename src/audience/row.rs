//! One row of a list: as it was read, as it is accepted, or why it is not.
//!
//! Decides whether a row names exactly one customer who can be mailed. Never changes a value that templates see; line
//! breaks and control characters stay in it and are folded where a value goes into a header.

use std::fmt;

use super::columns::Field;
use super::mapping::Mapping;
use super::{VALUE_OCTETS_MAX, rejects, values};
use crate::domain::address::Mailbox;
use crate::domain::text::escape_controls;

/// A row as it was read, one value per column of the list.
#[derive(Clone, PartialEq, Eq)]
pub struct RawRow {
    /// In a file the physical line on which the row begins (the header is on line 1); else the row's number from 1.
    pub line: u64,
    /// The values in the list's order; `None` is a database's NULL.
    pub values: Vec<Option<String>>,
    /// Why the row as a whole cannot be taken, if so.
    pub(super) flaw: Option<String>,
}

/// A value of a database row.
#[derive(Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes; taken as text where they are UTF-8.
    Blob(Vec<u8>),
}

impl RawRow {
    /// A row of text values.
    pub fn new(line: u64, values: Vec<Option<String>>) -> Self {
        Self { line, values, flaw: None }
    }

    /// A row of database values: numbers as they are written, bytes as text. A row with bytes that are no text is
    /// rejected when it is checked.
    pub fn from_cells(line: u64, cells: impl IntoIterator<Item = Cell>) -> Self {
        let mut raw = Self::new(line, Vec::new());
        for cell in cells {
            let value = match cell {
                Cell::Null => None,
                Cell::Integer(number) => Some(number.to_string()),
                Cell::Real(number) => Some(number.to_string()),
                Cell::Text(text) => Some(text),
                Cell::Blob(octets) => Some(String::from_utf8(octets).unwrap_or_else(|error| {
                    raw.flaw = Some(format!("value {} is binary data and not text", raw.values.len() + 1));
                    String::from_utf8_lossy(error.as_bytes()).into_owned()
                })),
            };
            raw.values.push(value);
        }
        raw
    }
}

/// A row that names one customer who can be mailed.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// See [`RawRow::line`].
    pub line: u64,
    /// The customer's reference; the canonical address where the list has no such column.
    pub reference: String,
    /// The address as it was given, trimmed.
    pub email: String,
    /// The mailbox it stands for.
    pub mailbox: Mailbox,
    /// Trimmed; may be empty.
    pub name: String,
    /// A language tag, or empty for the notice's default.
    pub locale: String,
    /// In upper case, or empty.
    pub jurisdiction: String,
    /// `consent`, `substitute`, `other`, `none` or empty.
    pub channel_basis: String,
    /// The values for `customer.*`, parallel to [`Mapping::fields`].
    pub fields: Vec<Option<String>>,
    /// The rejected row whose place this one takes.
    pub reject_id: Option<i64>,
    /// The values as they were read, parallel to [`Mapping::columns`].
    original: Vec<Option<String>>,
}

/// A row that was not imported, and why. Its person is still an affected customer.
#[derive(Clone, PartialEq, Eq)]
pub struct Reject {
    /// See [`RawRow::line`].
    pub line: u64,
    /// The customer's reference, where it could be told.
    pub reference: Option<String>,
    /// The field or column at fault; `row` for the row as a whole.
    pub field: String,
    /// What is wrong and what to do. Holds no personal data.
    pub reason: String,
    /// The values as they were read, parallel to [`Mapping::columns`]; fewer or more where the row has fewer or more.
    pub row: Vec<Option<String>>,
    /// The rejected row whose place this one takes: rejected again, it still is one person.
    pub reject_id: Option<i64>,
}

impl Row {
    /// This row as a rejected one.
    pub fn reject(&self, field: &str, reason: impl Into<String>) -> Reject {
        Reject {
            line: self.line,
            reference: Some(self.reference.clone()),
            field: field.into(),
            reason: reason.into(),
            row: self.original.clone(),
            reject_id: self.reject_id,
        }
    }
}

/// What is wrong with a row.
struct Fault {
    field: String,
    reason: String,
}

fn fault(field: impl Into<String>, reason: impl Into<String>) -> Fault {
    Fault { field: field.into(), reason: reason.into() }
}

impl Mapping {
    /// Checks one row: the customer, or why there is none.
    pub fn row(&self, raw: RawRow) -> Result<Row, Reject> {
        let RawRow { line, mut values, flaw } = raw;
        let width = values.len();
        let id = self.take_own_columns(&mut values);
        if self.is_rejects_file() {
            values.iter_mut().flatten().for_each(rejects::restore);
        }
        let whole = match flaw {
            Some(flaw) => Err(fault("row", flaw)),
            None if width != self.width => {
                Err(fault("row", format!("the row has {width} values, the list has {} columns", self.width)))
            }
            None => Ok(()),
        };
        let is_whole = whole.is_ok();
        let checked = whole.and_then(|()| self.check_sizes(&values)).and_then(|()| self.read(line, &values));
        let reject = |Fault { field, reason }, row: Vec<Option<String>>, reject_id| {
            let reference = if is_whole { self.reference_of(&row) } else { None };
            Reject { line, reference, field, reason, row, reject_id }
        };
        match (checked, id) {
            (Ok(mut row), Ok(id)) => {
                row.reject_id = id;
                row.original = values;
                Ok(row)
            }
            (Err(fault), id) => Err(reject(fault, values, id.unwrap_or(None))),
            (Ok(_), Err(fault)) => Err(reject(fault, values, None)),
        }
    }

    /// Takes out the columns that a rejects file adds, and reads the rejected row's id.
    fn take_own_columns(&self, values: &mut Vec<Option<String>>) -> Result<Option<i64>, Fault> {
        let id = self.id_at.and_then(|at| values.get(at)?.clone());
        for &at in self.own_at.iter().rev() {
            if at < values.len() {
                values.remove(at);
            }
        }
        match id.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                let reason = "this is not the number of a rejected row; leave the column as it was, or empty";
                fault(rejects::ID_COLUMN, reason)
            }),
        }
    }

    fn check_sizes(&self, values: &[Option<String>]) -> Result<(), Fault> {
        for (at, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            if value.len() > VALUE_OCTETS_MAX {
                return Err(fault(self.label(at), "the value is longer than 64 KiB; shorten it"));
            }
            if value.as_bytes().contains(&0) {
                return Err(fault(self.label(at), "the value holds a NUL byte; remove it"));
            }
        }
        Ok(())
    }

    fn read(&self, line: u64, cells: &[Option<String>]) -> Result<Row, Fault> {
        let checked = |field: Field, check: fn(&str) -> Result<String, String>| {
            check(self.cell(cells, field)).map_err(|reason| fault(field.as_str(), reason))
        };
        let mailbox = mailbox_of(self.cell(cells, Field::Email)).map_err(|reason| fault("email", reason))?;
        let reference = if self.has_ref() { checked(Field::Ref, values::reference)? } else { mailbox.reveal() };
        Ok(Row {
            line,
            reference,
            email: self.cell(cells, Field::Email).to_owned(),
            mailbox,
            name: self.cell(cells, Field::Name).to_owned(),
            locale: checked(Field::Locale, values::locale)?,
            jurisdiction: checked(Field::Jurisdiction, values::jurisdiction)?,
            channel_basis: checked(Field::ChannelBasis, values::channel_basis)?,
            fields: self.fields_at.iter().map(|&at| cells[at].clone()).collect(),
            reject_id: None,
            original: Vec::new(),
        })
    }

    /// The reference of a row that is rejected for another reason.
    fn reference_of(&self, cells: &[Option<String>]) -> Option<String> {
        if self.has_ref() {
            return values::reference(self.cell(cells, Field::Ref)).ok();
        }
        mailbox_of(self.cell(cells, Field::Email)).ok().map(|mailbox| mailbox.reveal())
    }

    /// A field's value, trimmed; empty where there is none.
    fn cell<'a>(&self, cells: &'a [Option<String>], field: Field) -> &'a str {
        let value = self.position(field).and_then(|at| cells.get(at)?.as_deref());
        value.unwrap_or_default().trim()
    }
}

/// An address in which something cannot be seen is not the one that a person would read.
fn mailbox_of(text: &str) -> Result<Mailbox, String> {
    if !text.is_ascii() && escape_controls(text) != text {
        return Err("the address holds an invisible character; type it anew".into());
    }
    Mailbox::parse(text).map_err(|error| error.to_string())
}

impl fmt::Debug for RawRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawRow(line {}, {} values)", self.line, self.values.len())
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row(line {}, {:?})", self.line, self.mailbox)
    }
}

impl fmt::Debug for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reject(line {}, {:?}: {:?})", self.line, self.field, self.reason)
    }
}
