//! What can be wrong with the settings. Every message says where, what was found and what to write.

use std::path::PathBuf;

use crate::domain::text::escape_controls;

/// More of a wrong value than this tells nobody more.
const FOUND_CHARS_MAX: usize = 120;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `--config` or `CANDOR_CONFIG` names a file that is not there.
    #[error("there is no configuration file {path:?}: give another one, or make one with `candor init`")]
    NoFile {
        /// As it was named.
        path: PathBuf,
    },
    /// It is there and cannot be read.
    #[error("the configuration file {path:?} cannot be read: {problem}")]
    Unreadable {
        /// As it was named.
        path: PathBuf,
        /// What the system says, or what is wrong with it.
        problem: String,
    },
    /// It is no TOML. The line itself is not shown: it may hold a secret.
    #[error("{place}: this is not TOML: {message}")]
    Syntax {
        /// File, line and column.
        place: String,
        /// What the parser says.
        message: String,
    },
    /// A key that does not exist.
    #[error("{place}: there is no setting {key}; the nearest one is {nearest}")]
    UnknownKey {
        /// File and line.
        place: String,
        /// With its table.
        key: String,
        /// What may have been meant.
        nearest: String,
    },
    /// A `CANDOR_` variable that is no setting.
    #[error(
        "the environment variable {variable} is no setting; the nearest one is {nearest} (`__` stands between a table \
         and a key)"
    )]
    UnknownVariable {
        /// Its name.
        variable: String,
        /// What may have been meant.
        nearest: String,
    },
    /// A `CANDOR_` variable whose value is not UTF-8.
    #[error("the environment variable {0} does not hold UTF-8 text: write its value in UTF-8")]
    VariableNotText(String),
    /// A value that cannot be.
    #[error("{place}: {key} is {found}: {advice}")]
    Value {
        /// File and line, or the variable.
        place: String,
        /// With its table.
        key: String,
        /// Shortened, without credentials.
        found: String,
        /// What to write.
        advice: String,
    },
    /// A value that is needed beside others.
    #[error("{place}: {key} is missing: {advice}")]
    Absent {
        /// File and line of the table, or the variable that began it.
        place: String,
        /// With its table.
        key: String,
        /// What to write.
        advice: String,
    },
    /// A secret that cannot be used.
    #[error("{key}: the file {path:?} {problem}")]
    SecretFile {
        /// The setting that names it.
        key: String,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// `database` is on PostgreSQL.
    #[error(
        "database is a postgres:// URL, but this version of candor keeps campaigns in SQLite only: write database = \
         \"sqlite:candor.db\""
    )]
    PostgresUnsupported,
}

/// A value as it may be shown: quoted, on one line, shortened, what may be credentials in a URL left out.
pub(super) fn shown(text: &str) -> String {
    let text = escape_controls(text);
    let open = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://…{}", &text[..scheme], &text[at..]),
        _ => text,
    };
    let mut short: String = open.chars().take(FOUND_CHARS_MAX).collect();
    if short.len() < open.len() {
        short.push('…');
    }
    format!("\"{short}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_a_url_are_never_shown() {
        assert_eq!(shown("smtp://me:s3cr@t@relay.example.com:587"), "\"smtp://…@relay.example.com:587\"");
        assert_eq!(shown("care@example.com"), "\"care@example.com\"");
    }

    #[test]
    fn a_wrong_value_is_shown_short_and_without_control_characters() {
        assert!(shown(&"x".repeat(10_000)).chars().count() < 130);
        assert_eq!(shown("a\u{1b}[2J"), "\"a\\u{1b}[2J\"");
    }
}
