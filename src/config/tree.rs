//! The settings as a tree of untyped values, each of which knows where it was written.
//!
//! Decides the order of the tables (that of the file) and what a line of the environment means as a value. Knows no
//! setting by name.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// Where a value was written.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// `candor.toml, line 12` or `the environment variable CANDOR_X`.
    pub(super) place: String,
    /// A text from the environment stands for whatever kind of value the setting needs.
    pub(super) from_environment: bool,
}

/// A value of TOML. Numbers and dates stay as they were written.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Number(String),
    Flag(bool),
    Date(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Value {
    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// A file's text as a table. `file` is named in errors.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] with line and column.
    pub(super) fn from_file(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let place_of = |at: usize| format!("{}, line {}", file.display(), line_of(text, at));
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let place = format!("{}, column {}", place_of(at), column_of(text, at));
            ConfigError::Syntax { place, message: error.message().trim().to_owned() }
        })?;
        let origin_of = |at: usize| Origin { place: place_of(at), from_environment: false };
        let value = table_value(table.get_ref(), &origin_of);
        Ok(Self { origin: Origin { place: file.display().to_string(), from_environment: false }, value })
    }

    /// A variable's text as the TOML value that it must be where a table or a list of tables is meant.
    ///
    /// # Errors
    /// What the parser says.
    pub(super) fn from_variable_as_toml(text: &str, origin: &Origin) -> Result<Self, String> {
        let value = DeValue::parse(text).map_err(|error| error.message().trim().to_owned())?;
        Ok(node(&value, &|_| origin.clone()))
    }

    /// Puts `other` over this: tables are joined key by key, anything else is replaced.
    pub(super) fn overlay(&mut self, other: Node) {
        match (&mut self.value, other.value) {
            (Value::Table(mine), Value::Table(theirs)) => {
                for (key, value) in theirs {
                    match mine.iter_mut().find(|(name, _)| *name == key) {
                        Some((_, present)) => present.overlay(value),
                        None => mine.push((key, value)),
                    }
                }
            }
            (mine, theirs) => {
                *mine = theirs;
                self.origin = other.origin;
            }
        }
    }

    /// The entries of a table; none of anything else.
    pub(super) fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key of a table.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

fn node(value: &Spanned<DeValue<'_>>, origin_of: &dyn Fn(usize) -> Origin) -> Node {
    let origin = origin_of(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        // Only a whole number in base ten is what these settings need; others keep their prefix and are refused there.
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item, origin_of)).collect()),
        DeValue::Table(table) => table_value(table, origin_of),
    };
    Node { origin, value }
}

/// The parser keeps keys sorted by name, with where each stood: relays are tried in the order of the file.
fn table_value(table: &DeTable<'_>, origin_of: &dyn Fn(usize) -> Origin) -> Value {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter().map(|(key, value)| {
        let mut node = node(value, origin_of);
        node.origin = origin_of(key.span().start);
        (key.get_ref().to_string(), node)
    });
    Value::Table(entries.collect())
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn column_of(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.chars().rev().take_while(|c| *c != '\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Node {
        Node::from_file(text, Path::new("candor.toml")).unwrap()
    }

    #[test]
    fn tables_keep_the_order_of_the_file_and_know_their_line() {
        let tree = parse("[relays.zulu]\nurl = 'a'\n\n[relays.alpha]\nurl = 'b'\n[other]\n[relays.mike]\n");
        let relays = tree.get("relays").unwrap();
        let order: Vec<_> =
            relays.entries().iter().map(|(name, node)| (name.as_str(), node.origin.place.as_str())).collect();
        let place = ["candor.toml, line 1", "candor.toml, line 4", "candor.toml, line 7"];
        assert_eq!(order, [("zulu", place[0]), ("alpha", place[1]), ("mike", place[2])]);
    }

    #[test]
    fn a_syntax_error_names_line_and_column_and_never_shows_the_line() {
        let error = Node::from_file("a = 1\nsecret = \"hunter2\n", Path::new("x.toml")).unwrap_err().to_string();
        assert!(error.starts_with("x.toml, line 2, column "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn tables_are_joined_and_lists_are_replaced() {
        let mut tree = parse("a = { x = 1, y = 2 }\nlist = [1, 2]");
        tree.overlay(parse("a = { y = 3 }\nlist = [4]"));
        let Value::Number(x) = &tree.get("a").unwrap().get("x").unwrap().value else { panic!() };
        let Value::Number(y) = &tree.get("a").unwrap().get("y").unwrap().value else { panic!() };
        let Value::List(list) = &tree.get("list").unwrap().value else { panic!() };
        assert_eq!((x.as_str(), y.as_str(), list.len()), ("1", "3", 1));
    }
}
