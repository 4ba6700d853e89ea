//! The rules for a notice's content as data (`config/rules/*.toml`).
//!
//! Decides how a rule file is read. What each rule looks at is in `check`; its severity, source and words are in the file.

use serde::{Deserialize, Serialize};

/// The rules that hold for every notice.
const BASE: &str = include_str!("../../config/rules/base.toml");

/// What follows when a rule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stops submission.
    Error,
    /// Needs an answer with a reason.
    Warning,
}

impl Severity {
    /// The word for it in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in `campaign check` and `campaign answer`.
    pub id: String,
    /// What follows when it fires.
    pub severity: Severity,
    /// Why it is there: a statute's section, or the product's own reason.
    pub source: String,
    /// What to do when it fires.
    pub todo: String,
    /// What it looks for, where it looks for words.
    #[serde(default)]
    pub words: Vec<String>,
    /// The most octets, where it counts them.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// The rules of one file, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// The rules.
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
}

/// A rule file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule file cannot be read: {0}")]
pub struct RuleFileError(String);

impl RuleSet {
    /// Reads a rule file.
    ///
    /// # Errors
    /// [`RuleFileError`] where it is no TOML or a rule lacks a field.
    pub fn from_toml(source: &str) -> Result<Self, RuleFileError> {
        toml::from_str(source).map_err(|error| RuleFileError(error.to_string()))
    }

    /// The rules that hold for every notice.
    pub fn base() -> Self {
        // The file is part of the program, and a test reads it.
        Self::from_toml(BASE).expect("config/rules/base.toml is a rule file")
    }

    /// A rule by its id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

/// A text in which a rule's words are looked for.
pub(super) struct Searched {
    exact: String,
    lower: String,
}

impl Searched {
    /// Prepares a text, once for all words.
    pub(super) fn new(text: String) -> Self {
        Self { lower: text.to_lowercase(), exact: text }
    }

    /// The first of `words` that stands in the text.
    pub(super) fn first_of<'w>(&self, words: &'w [String]) -> Option<&'w str> {
        words.iter().map(String::as_str).find(|word| self.has(word))
    }

    /// Whether a word stands in the text: in lower case, any case matches; letters alone match only as a whole word.
    pub(super) fn has(&self, word: &str) -> bool {
        let text = if word.chars().any(char::is_uppercase) { &self.exact } else { &self.lower };
        let whole = word.chars().all(char::is_alphabetic);
        text.match_indices(word).any(|(at, _)| !whole || stands_alone(text, at, at + word.len()))
    }
}

fn stands_alone(text: &str, from: usize, to: usize) -> bool {
    let before = text[..from].chars().next_back();
    let after = text[to..].chars().next();
    [before, after].into_iter().flatten().all(|beside| !beside.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_rules_can_be_read_and_each_says_why_and_what_to_do() {
        let base = RuleSet::base();
        assert!(base.rules.iter().all(|rule| !rule.source.is_empty() && !rule.todo.is_empty()));
        let mut ids: Vec<&str> = base.rules.iter().map(|rule| rule.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), base.rules.len());
    }

    #[test]
    fn a_word_matches_as_the_file_says() {
        for (word, text, expected) in [
            ("TBD", "on TBD.", true),
            ("TBD", "xTBDx", false),
            ("TBD", "tbd", false),
            ("lorem", "Lorem ipsum", true),
            ("lorem", "florem", false),
            ("opt out", "You may OPT OUT here", true),
            ("Dear ,", "Dear , we", true),
            ("Dear ,", "dear , we", false),
            ("{{", "a {{ b", true),
        ] {
            assert_eq!(Searched::new(text.to_owned()).has(word), expected, "{word} in {text}");
        }
    }
}
