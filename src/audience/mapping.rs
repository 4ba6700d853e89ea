//! Which column of a list means what: by `--map`, by its exact name, or by a guess that is shown.
//!
//! Never guesses where two columns would do: for the address that is an error, for the rest it is left open and said.

use std::str::FromStr;

use super::columns::Field;
use super::rejects::{self, ID_COLUMN, OWN_COLUMNS};
use super::{AudienceError, COLUMNS_MAX};

/// `--map FIELD=COLUMN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapArg {
    /// What the column is taken for.
    pub field: Field,
    /// The column's name in the list, in any case.
    pub column: String,
}

impl FromStr for MapArg {
    type Err = AudienceError;

    fn from_str(text: &str) -> Result<Self, AudienceError> {
        let refuse = || AudienceError::MapArg(text.into());
        let (field, column) = text.split_once('=').ok_or_else(refuse)?;
        let field = Field::parse(field.trim()).ok_or_else(refuse)?;
        let column = column.trim();
        if column.is_empty() {
            return Err(refuse());
        }
        Ok(Self { field, column: column.into() })
    }
}

/// What each column of one list means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The list's columns in their order, trimmed, without those that a rejects file adds. [`super::Reject::row`] is
    /// parallel to it.
    pub columns: Vec<String>,
    /// The columns that become `customer.COLUMN`. [`super::Row::fields`] is parallel to it.
    pub fields: Vec<String>,
    /// Fields that were found under another name, with that name: to be shown.
    pub guessed: Vec<(Field, String)>,
    /// Fields left unfilled because several columns would do, with those columns: to be shown.
    pub undecided: Vec<(Field, Vec<String>)>,
    /// Columns named like a field for which `--map` took another column: not imported. To be shown.
    pub left_out: Vec<String>,
    /// Where each [`Field`] lies in `columns`.
    at: [Option<usize>; Field::ALL.len()],
    /// Where each of `fields` lies in `columns`.
    pub(super) fields_at: Vec<usize>,
    /// Where the columns that a rejects file adds lie among the list's own, ascending.
    pub(super) own_at: Vec<usize>,
    /// Where the rejected row's id lies among the list's own columns. `Some` makes this a rejects file.
    pub(super) id_at: Option<usize>,
    /// How many columns the list has, those of a rejects file included.
    pub(super) width: usize,
}

impl Mapping {
    /// Gives every column its meaning.
    ///
    /// # Errors
    /// [`AudienceError`] where the header is no header (blank, double or damaged names, too many), where there is no one
    /// column of addresses, and where `--map` names what is not there.
    pub fn new(header: &[String], maps: &[MapArg]) -> Result<Self, AudienceError> {
        let is_rejects_file = header.iter().any(|name| name.trim().eq_ignore_ascii_case(ID_COLUMN));
        let restore = |name: &String| if is_rejects_file { rejects::restored(name).into() } else { name.clone() };
        let names: Vec<String> = header.iter().map(|name| restore(name).trim().to_owned()).collect();
        check_names(&names)?;
        let is_own = |name: &str| OWN_COLUMNS.iter().any(|own| name.eq_ignore_ascii_case(own));
        let own_at = (0..names.len()).filter(|&at| is_own(&names[at])).collect();
        let id_at = names.iter().position(|name| name.eq_ignore_ascii_case(ID_COLUMN));
        let width = names.len();
        let columns: Vec<String> = names.into_iter().filter(|name| !is_own(name)).collect();
        let mut mapping = Self {
            columns,
            fields: Vec::new(),
            guessed: Vec::new(),
            undecided: Vec::new(),
            left_out: Vec::new(),
            at: [None; Field::ALL.len()],
            fields_at: Vec::new(),
            own_at,
            id_at,
            width,
        };
        mapping.take_mapped(maps)?;
        mapping.take_exact();
        mapping.guess()?;
        mapping.take_rest();
        Ok(mapping)
    }

    /// Where a field lies in `columns`.
    pub fn position(&self, field: Field) -> Option<usize> {
        self.at[field as usize]
    }

    /// The name of the column that a field is taken from.
    pub fn column_of(&self, field: Field) -> Option<&str> {
        self.position(field).map(|at| self.columns[at].as_str())
    }

    /// Whether customers have a reference of their own; else their address stands in.
    pub fn has_ref(&self) -> bool {
        self.position(Field::Ref).is_some()
    }

    /// Whether the list is a rejects file: it replaces rejected rows and its cells are escaped.
    pub fn is_rejects_file(&self) -> bool {
        self.id_at.is_some()
    }

    /// What a column is called in a rejected row: the field it is taken for, else its own name.
    pub(super) fn label(&self, at: usize) -> &str {
        let field = Field::ALL.into_iter().find(|&field| self.position(field) == Some(at));
        match field {
            Some(field) => field.as_str(),
            None => self.columns.get(at).map_or("row", String::as_str),
        }
    }

    fn is_taken(&self, at: usize) -> bool {
        self.at.contains(&Some(at))
    }

    fn take_mapped(&mut self, maps: &[MapArg]) -> Result<(), AudienceError> {
        for MapArg { field, column } in maps {
            if self.at[*field as usize].is_some() {
                return Err(AudienceError::MappedTwice(field.as_str()));
            }
            let found = self.columns.iter().position(|name| is_same(name, column));
            let missing = || AudienceError::NoSuchColumn {
                field: field.as_str(),
                column: column.clone(),
                columns: self.columns.join(", "),
            };
            self.at[*field as usize] = Some(found.ok_or_else(missing)?);
        }
        Ok(())
    }

    fn take_exact(&mut self) {
        for field in Field::ALL {
            let named = |at: &usize| self.columns[*at].eq_ignore_ascii_case(field.as_str()) && !self.is_taken(*at);
            if self.position(field).is_none() {
                self.at[field as usize] = (0..self.columns.len()).find(named);
            }
        }
    }

    fn guess(&mut self) -> Result<(), AudienceError> {
        for field in Field::ALL {
            if self.position(field).is_some() {
                continue;
            }
            let fits = |at: &usize| !self.is_taken(*at) && field.is_often_called(&self.columns[*at]);
            let found: Vec<usize> = (0..self.columns.len()).filter(fits).collect();
            let names: Vec<String> = found.iter().map(|&at| self.columns[at].clone()).collect();
            match (found.as_slice(), field) {
                ([at], _) => {
                    self.at[field as usize] = Some(*at);
                    self.guessed.push((field, self.columns[*at].clone()));
                }
                ([], Field::Email) => return Err(self.no_email()),
                ([_, ..], Field::Email) => {
                    let suggestion = shell_word(&names[0]);
                    return Err(AudienceError::AmbiguousEmail { candidates: names.join(", "), suggestion });
                }
                ([], _) => {}
                ([_, ..], _) => self.undecided.push((field, names)),
            }
        }
        Ok(())
    }

    fn no_email(&self) -> AudienceError {
        let likely = |name: &&String| {
            let name = name.to_lowercase();
            ["mail", "correo", "@"].iter().any(|part| name.contains(part))
        };
        let suggestion = self.columns.iter().find(likely).map_or_else(|| "COLUMN".into(), |name| shell_word(name));
        AudienceError::NoEmailColumn { columns: self.columns.join(", "), suggestion }
    }

    fn take_rest(&mut self) {
        for at in (0..self.columns.len()).filter(|&at| !self.at.contains(&Some(at))) {
            let name = self.columns[at].clone();
            if Field::parse(&name).is_some() {
                self.left_out.push(name);
            } else {
                self.fields.push(name);
                self.fields_at.push(at);
            }
        }
    }
}

/// Whether one of `names` would be taken for the address: how the delimiter of a header is told.
pub(super) fn names_an_address(names: &[String], maps: &[MapArg]) -> bool {
    let mapped = |name: &str| maps.iter().any(|map| map.field == Field::Email && is_same(name, &map.column));
    names.iter().any(|name| Field::Email.is_often_called(name) || mapped(name.trim()))
}

fn check_names(names: &[String]) -> Result<(), AudienceError> {
    if names.is_empty() {
        return Err(AudienceError::Empty);
    }
    if names.len() > COLUMNS_MAX {
        return Err(AudienceError::TooManyColumns { columns: names.len() });
    }
    if names.iter().any(|name| name.contains('\0')) {
        let what = "a name holds a NUL byte. If the list was saved as UTF-16, save it as CSV UTF-8";
        return Err(AudienceError::Header(what.into()));
    }
    if let Some(blank) = names.iter().position(String::is_empty) {
        return Err(AudienceError::BlankColumn { position: blank + 1 });
    }
    let mut seen = std::collections::HashSet::new();
    match names.iter().find(|name| !seen.insert(name.to_lowercase())) {
        Some(name) => Err(AudienceError::DuplicateColumn { name: name.clone() }),
        None => Ok(()),
    }
}

fn is_same(name: &str, other: &str) -> bool {
    name.to_lowercase() == other.to_lowercase()
}

/// A column name as it can be typed into a shell.
fn shell_word(name: &str) -> String {
    if name.chars().all(|c| c.is_alphanumeric() || "_-.@".contains(c)) {
        return name.into();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
