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

/// The first of `words` that stands in a text; in lower case, any case matches; letters alone match only whole words.
pub(super) fn first_word<'w>(words: &'w [String], text: &str) -> Option<&'w str> {
    words.iter().map(String::as_str).find(|word| stands_in(word, text))
}

/// Whether a rule's word stands in a text.
pub(super) fn stands_in(word: &str, text: &str) -> bool {
    let any_case = !word.chars().any(char::is_uppercase);
    if !word.chars().all(char::is_alphabetic) {
        return if any_case { text.to_lowercase().contains(word) } else { text.contains(word) };
    }
    let mut pieces = text.split(|c: char| !c.is_alphanumeric());
    pieces.any(|piece| if any_case { piece.to_lowercase() == word } else { piece == word })
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
            assert_eq!(stands_in(word, text), expected, "{word} in {text}");
        }
    }
}
