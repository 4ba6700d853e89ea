//! Reading typed values out of the tree: one table of it, whose every error names place, key, value and what to write.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::duration::parse_duration;
use super::error::{ConfigError, shown};
use super::tree::{Node, Value};

/// One table of the settings, or the lack of it.
pub(super) struct Section<'a> {
    /// Its name with dots; empty for the whole.
    path: String,
    node: Option<&'a Node>,
    /// The folder of the file, for relative paths.
    folder: &'a Path,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(node: &'a Node, folder: &'a Path) -> Self {
        Self { path: String::new(), node: Some(node), folder }
    }

    /// The table `key`; an empty one where it is missing.
    pub(super) fn section(&self, key: &str) -> Result<Section<'a>, ConfigError> {
        let node = self.node(key);
        match node.map(|node| &node.value) {
            None | Some(Value::Table(_)) => Ok(Section { path: self.name(key), node, folder: self.folder }),
            Some(_) => Err(self.wrong(key, &format!("write a table: [{}]", self.name(key)))),
        }
    }

    /// The tables of the list `key`; one table alone counts as a list of one.
    pub(super) fn sections(&self, key: &str) -> Result<Vec<Section<'a>>, ConfigError> {
        let advice = format!("write tables: [[{}]]", self.name(key));
        let Some(node) = self.node(key) else { return Ok(Vec::new()) };
        let tables = match &node.value {
            Value::Table(_) => vec![node],
            Value::List(items) => items.iter().collect(),
            _ => return Err(self.wrong(key, &advice)),
        };
        if tables.iter().any(|node| !matches!(node.value, Value::Table(_))) {
            return Err(self.wrong(key, &advice));
        }
        let section = |node| Section { path: self.name(key), node: Some(node), folder: self.folder };
        Ok(tables.into_iter().map(section).collect())
    }

    /// The names that this table has, in the order of the file.
    pub(super) fn names(&self) -> Vec<&'a str> {
        self.node.map(|node| node.entries().iter().map(|(name, _)| name.as_str()).collect()).unwrap_or_default()
    }

    /// A text as it is; `None` where it is missing or empty.
    pub(super) fn lines(&self, key: &str) -> Result<Option<String>, ConfigError> {
        Ok(self.raw(key)?.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// A text on one line, for a header or a command; `None` where it is missing or empty.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.lines(key)? {
            Some(text) if text.contains(char::is_control) => {
                Err(self.wrong(key, "write it on one line, without control characters"))
            }
            text => Ok(text),
        }
    }

    /// A text with a form of its own, an empty one included. `form` says what to write instead.
    pub(super) fn parse<T>(
        &self,
        key: &str,
        form: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.raw(key)?.map(form).transpose().map_err(|advice| self.wrong(key, &advice))
    }

    /// As [`Section::parse`], where an empty text means that the setting is not set.
    pub(super) fn parse_unless_empty<T>(
        &self,
        key: &str,
        form: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.lines(key)?.as_deref().map(form).transpose().map_err(|advice| self.wrong(key, &advice))
    }

    /// A length of time of at least `least`.
    pub(super) fn duration(&self, key: &str, least: Duration) -> Result<Option<Duration>, ConfigError> {
        self.parse(key, |text| match parse_duration(text)? {
            short if short < least => Err(format!("it must be at least {} ms", least.as_millis())),
            duration => Ok(duration),
        })
    }

    /// A whole number.
    pub(super) fn number(&self, key: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, ConfigError> {
        let advice = format!("write a whole number from {} to {}", range.start(), range.end());
        let Some(written) = self.written_number(key, &advice)? else { return Ok(None) };
        let number = written.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| self.wrong(key, &advice))
    }

    /// A share from 0.0 to 1.0.
    pub(super) fn share(&self, key: &str) -> Result<Option<f64>, ConfigError> {
        let advice = "write a share from 0.0 to 1.0, such as 0.10 for a tenth";
        let Some(written) = self.written_number(key, advice)? else { return Ok(None) };
        let share = written.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(Some).ok_or_else(|| self.wrong(key, advice))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match &node.value {
            Value::Flag(flag) => Ok(Some(*flag)),
            Value::Text(text) if node.origin.from_environment && text == "true" => Ok(Some(true)),
            Value::Text(text) if node.origin.from_environment && text == "false" => Ok(Some(false)),
            _ => Err(self.wrong(key, "write true or false")),
        }
    }

    /// A list, each entry of a form of its own; in the environment also separated by commas.
    pub(super) fn list<T>(&self, key: &str, form: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, ConfigError> {
        let advice = "write a list of texts: [\"…\", \"…\"]";
        let Some(node) = self.node(key) else { return Ok(Vec::new()) };
        let texts: Vec<String> = match &node.value {
            Value::List(items) => texts(items).ok_or_else(|| self.wrong(key, advice))?,
            Value::Text(text) if node.origin.from_environment && text.trim_start().starts_with('[') => {
                let node = Node::from_variable_as_toml(text.trim(), &node.origin);
                match node.map(|node| node.value) {
                    Ok(Value::List(items)) => texts(&items).ok_or_else(|| self.wrong(key, advice))?,
                    _ => return Err(self.wrong(key, advice)),
                }
            }
            Value::Text(text) if node.origin.from_environment => {
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
            _ => return Err(self.wrong(key, advice)),
        };
        let parse = |text: &String| {
            form(text).map_err(|advice| self.error(key, format!("a list with {}", shown(text)), &advice))
        };
        texts.iter().map(parse).collect()
    }

    /// A path; a relative one in the file starts at the file's folder, one in the environment at the working directory.
    pub(super) fn path(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.text(key)?.map(|path| self.base(key).join(path)))
    }

    /// Where relative paths in the value of `key` start.
    pub(super) fn base(&self, key: &str) -> PathBuf {
        match self.node(key) {
            Some(node) if node.origin.from_environment => PathBuf::new(),
            _ => self.folder.to_path_buf(),
        }
    }

    /// Whether `key` is set in the file, not by the environment.
    pub(super) fn is_in_file(&self, key: &str) -> bool {
        self.node(key).is_some_and(|node| !node.origin.from_environment)
    }

    /// The name of `key` with its tables.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The error for a value that cannot be.
    pub(super) fn wrong(&self, key: &str, advice: &str) -> ConfigError {
        let found = match self.node(key).map(|node| &node.value) {
            Some(Value::Text(text)) => shown(text),
            Some(Value::Number(text) | Value::Date(text)) => text.clone(),
            Some(Value::Flag(flag)) => flag.to_string(),
            Some(other) => other.kind().to_owned(),
            None => "not set".to_owned(),
        };
        self.error(key, found, advice)
    }

    /// As [`Section::wrong`], without showing the value.
    pub(super) fn wrong_secret(&self, key: &str, advice: &str) -> ConfigError {
        self.error(key, "a secret (not shown)".into(), advice)
    }

    /// The error for a value that is needed beside those that are there.
    pub(super) fn absent(&self, key: &str, advice: &str) -> ConfigError {
        let place = self.node.map_or_else(String::new, |node| node.origin.place.clone());
        ConfigError::Absent { place, key: self.name(key), advice: advice.to_owned() }
    }

    fn error(&self, key: &str, found: String, advice: &str) -> ConfigError {
        let node = self.node(key).or(self.node);
        let place = node.map_or_else(String::new, |node| node.origin.place.clone());
        ConfigError::Value { place, key: self.name(key), found, advice: advice.to_owned() }
    }

    fn node(&self, key: &str) -> Option<&'a Node> {
        self.node.and_then(|node| node.get(key))
    }

    fn raw(&self, key: &str) -> Result<Option<&'a str>, ConfigError> {
        match self.node(key).map(|node| &node.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "write a text in quotes")),
        }
    }

    fn written_number(&self, key: &str, advice: &str) -> Result<Option<&'a str>, ConfigError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match &node.value {
            Value::Number(number) => Ok(Some(number)),
            Value::Text(text) if node.origin.from_environment => Ok(Some(text.trim())),
            _ => Err(self.wrong(key, advice)),
        }
    }
}

fn texts(items: &[Node]) -> Option<Vec<String>> {
    let text = |item: &Node| match &item.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(text).collect()
}
