//! What can be wrong with a notice, and with one recipient's copy of it. The messages say what to do.
//!
//! No message holds a value from a customer's row: only names of files, fields and columns (faults.md, I8).

use std::path::PathBuf;

/// Why a notice cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The folder or a file in it cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A symbolic link that leads elsewhere.
    #[error("{0} leads out of the notice folder; put the file itself there")]
    LeadsOut(PathBuf),
    /// More files than a notice needs.
    #[error("the notice folder holds more than {limit} files; a notice is a few templates and images")]
    TooManyFiles {
        /// The most that are read.
        limit: usize,
    },
    /// More octets than a mail should carry.
    #[error("{what} is over {limit_octets} octets; make it smaller")]
    TooLarge {
        /// The file, or the whole folder.
        what: String,
        /// The most that is read.
        limit_octets: u64,
    },
    /// No `notice.toml`, or not as it must be.
    #[error("notice.toml: {0}; it needs one line such as default_locale = \"en\"")]
    Settings(String),
    /// The default locale has no templates.
    #[error("notice.toml names the default locale `{0}`, but there is no folder {0} with templates")]
    NoDefaultLocale(String),
    /// A folder of templates whose name is no language tag, or stands twice.
    #[error("the folder {0} is no locale of its own; name it by a language tag such as en or pt-BR, once")]
    BadLocale(String),
    /// A template file is missing.
    #[error(
        "{locale}/{file} is missing; every locale needs subject.txt.hbs and body.html.hbs (body.txt.hbs is optional)"
    )]
    MissingTemplate {
        /// The locale's folder.
        locale: String,
        /// The file.
        file: &'static str,
    },
    /// A Markdown body.
    #[error("{0}: Markdown bodies are not read by this version; it reads body.html.hbs and body.txt.hbs")]
    Markdown(String),
    /// A template that nothing reads.
    #[error("{0} is not read by anything; templates are LOCALE/subject.txt.hbs, body.html.hbs and body.txt.hbs")]
    StrayTemplate(String),
    /// A file name that cannot stand in a header or in `cid:`.
    #[error("{0}: the name of an image may hold only letters, digits, dots, hyphens and underscores")]
    ImageName(String),
    /// Not text.
    #[error("{0} is not UTF-8; save it as UTF-8")]
    NotUtf8(String),
    /// A template that handlebars cannot read.
    #[error("{file}, line {line}: {message}")]
    Syntax {
        /// The template.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A name that does not exist.
    #[error("{file}, line {line}: `{name}` does not exist; there is {known}")]
    UnknownName {
        /// The template.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The name as written.
        name: String,
        /// What exists in its place.
        known: String,
    },
    /// Something handlebars allows and a notice does not.
    #[error("{file}, line {line}: {what}")]
    Refused {
        /// The template.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What it is, and what to write instead.
        what: String,
    },
    /// `cid:` names a file that is not there.
    #[error("{file}, line {line}: `cid:{name}` names no image; put it into the locale's folder or beside notice.toml")]
    NoImage {
        /// The template.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The name after `cid:`.
        name: String,
    },
    /// The incident has no words in a locale of the notice.
    #[error("incident.toml has no table [text.{0}], which the notice's folder {0} needs")]
    NoText(String),
    /// A stored set that was not written by [`TemplateSet::to_json`](super::TemplateSet::to_json).
    #[error("the stored notice cannot be read: {0}; run `candor campaign update` with its folder again")]
    Stored(String),
}

/// Why one recipient's copy cannot be made. Holds no value from their row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The row has no such column.
    #[error("this row has no column `{0}`, which the notice uses; add it, or write {{{{default customer.{0} \"…\"}}}}")]
    NoColumn(String),
    /// The copy grew over the limit.
    #[error("{file}: this recipient's copy is over {limit_octets} octets; look for a very long value in the row")]
    TooLarge {
        /// The template.
        file: String,
        /// The most that is made.
        limit_octets: usize,
    },
    /// The template could not be filled with this row.
    #[error("{file}, line {line}: {message}")]
    Template {
        /// The template.
        file: String,
        /// The line, from 1; 0 where it is not known.
        line: usize,
        /// What went wrong.
        message: String,
    },
}
