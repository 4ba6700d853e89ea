//! The files of a notice as they are frozen: read once, kept in the database, hashed.
//!
//! Decides which files of a folder belong to a notice. Never looks inside a template; that is `notice`'s work. A sample
//! incident or audience lying in the folder is no part of the set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::error::NoticeError;
use super::folder;
use super::locale::{canonical, parse};
use crate::crypto::{self, Hash};

/// Names the form that is hashed, so that another form can never have the same hash.
const FORM: &str = "candor/notice/1";
/// The template of the subject line.
pub(super) const SUBJECT: &str = "subject.txt.hbs";
/// The template of the HTML part.
pub(super) const BODY_HTML: &str = "body.html.hbs";
/// The template of the text part.
pub(super) const BODY_TEXT: &str = "body.txt.hbs";
const BODY_MARKDOWN: &str = "body.md.hbs";
/// Formats that mail programs show, and their media types.
const IMAGES: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
];

/// The files of one notice. Its parts are checked for their places, not yet for their content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateSet {
    default_locale: String,
    files: BTreeMap<String, Vec<u8>>,
}

/// `notice.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    default_locale: String,
}

/// The canonical form: keys in alphabetical order, as RFC 8785 wants them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    default_locale: String,
    images: BTreeMap<String, String>,
    templates: BTreeMap<String, String>,
    r#type: String,
}

impl TemplateSet {
    /// Reads a notice folder: `notice.toml`, the templates of each locale, and images beside them.
    ///
    /// Dot files, deeper folders and files of other kinds are not part of the set. Blocks on the file system.
    ///
    /// # Errors
    /// [`NoticeError`] where a file is missing, misplaced, too large, not UTF-8, or a link leads out of the folder.
    pub fn read_dir(dir: &Path) -> Result<Self, NoticeError> {
        let mut files =
            folder::read(dir, |path| path == "notice.toml" || is_template(path) || media_type(path).is_some())?;
        let settings =
            files.remove("notice.toml").ok_or_else(|| NoticeError::Settings("the file is missing".into()))?;
        let settings = String::from_utf8(settings).map_err(|_| NoticeError::NotUtf8("notice.toml".into()))?;
        let settings: Settings =
            toml::from_str(&settings).map_err(|error| NoticeError::Settings(error.message().to_owned()))?;
        Self { default_locale: settings.default_locale, files }.checked()
    }

    /// The set as one line of canonical JSON (RFC 8785), for the database. Equal sets give equal text.
    pub fn to_json(&self) -> String {
        let mut stored = Stored {
            default_locale: self.default_locale.clone(),
            images: BTreeMap::new(),
            templates: BTreeMap::new(),
            r#type: FORM.to_owned(),
        };
        for (path, content) in &self.files {
            if is_template(path) {
                stored.templates.insert(path.clone(), String::from_utf8_lossy(content).into_owned());
            } else {
                stored.images.insert(path.clone(), BASE64.encode(content));
            }
        }
        // Strings and maps of strings always have a JSON form.
        serde_json::to_string(&stored).expect("a map of strings is JSON")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`NoticeError::Stored`] for anything else, or the error of the file that is wrong.
    pub fn from_json(json: &str) -> Result<Self, NoticeError> {
        let stored: Stored = serde_json::from_str(json).map_err(|error| NoticeError::Stored(error.to_string()))?;
        if stored.r#type != FORM {
            return Err(NoticeError::Stored(format!("it is a {}, not a {FORM}", stored.r#type)));
        }
        let mut files = BTreeMap::new();
        for (path, text) in stored.templates {
            files.insert(path, text.into_bytes());
        }
        for (path, image) in stored.images {
            let content = BASE64.decode(image).map_err(|error| NoticeError::Stored(format!("{path}: {error}")))?;
            files.insert(path, content);
        }
        Self { default_locale: stored.default_locale, files }.checked()
    }

    /// SHA-256 over the canonical form: what an approval freezes.
    pub fn hash(&self) -> Hash {
        crypto::sha256(&[self.to_json().as_bytes()])
    }

    /// The locale for recipients whose own is not there.
    pub fn default_locale(&self) -> &str {
        &self.default_locale
    }

    /// The locales that have templates, in alphabetical order.
    pub fn locales(&self) -> Vec<&str> {
        let folders: BTreeSet<&str> = self
            .files
            .keys()
            .filter(|path| is_template(path))
            .filter_map(|path| path.split_once('/'))
            .map(|(folder, _)| folder)
            .collect();
        folders.into_iter().collect()
    }

    /// A template of one locale, as text.
    pub(super) fn template(&self, locale: &str, file: &str) -> Option<&str> {
        let content = self.files.get(&format!("{locale}/{file}"))?;
        // A byte order mark would be the first character of the subject.
        std::str::from_utf8(content).ok().map(|text| text.trim_start_matches('\u{feff}'))
    }

    /// An image by the name that `cid:` gives it: the locale's own, else the one beside `notice.toml`.
    pub(super) fn image(&self, locale: &str, name: &str) -> Option<(&[u8], &'static str)> {
        let content = self.files.get(&format!("{locale}/{name}")).or_else(|| self.files.get(name))?;
        media_type(name).map(|media_type| (content.as_slice(), media_type))
    }

    fn checked(self) -> Result<Self, NoticeError> {
        folder::within_limits(&self.files)?;
        for (path, content) in &self.files {
            check_file(path, content)?;
        }
        let mut seen = BTreeSet::new();
        for locale in self.locales() {
            if parse(locale).is_none() || !seen.insert(canonical(locale)) {
                return Err(NoticeError::BadLocale(locale.to_owned()));
            }
            for file in [SUBJECT, BODY_HTML] {
                if self.template(locale, file).is_none() {
                    return Err(NoticeError::MissingTemplate { locale: locale.to_owned(), file });
                }
            }
        }
        if !self.locales().contains(&self.default_locale.as_str()) {
            return Err(NoticeError::NoDefaultLocale(self.default_locale));
        }
        Ok(self)
    }
}

fn check_file(path: &str, content: &[u8]) -> Result<(), NoticeError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if media_type(path).is_some() {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        return if plain { Ok(()) } else { Err(NoticeError::ImageName(path.to_owned())) };
    }
    if name == BODY_MARKDOWN {
        return Err(NoticeError::Markdown(path.to_owned()));
    }
    if !path.contains('/') || ![SUBJECT, BODY_HTML, BODY_TEXT].contains(&name) {
        return Err(NoticeError::StrayTemplate(path.to_owned()));
    }
    if std::str::from_utf8(content).is_err() {
        return Err(NoticeError::NotUtf8(path.to_owned()));
    }
    Ok(())
}

fn is_template(path: &str) -> bool {
    path.ends_with(".hbs")
}

fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    IMAGES.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)).map(|(_, media_type)| *media_type)
}
