//! The sample incident, notice and audience, as files of this program: what `init` copies and the demo sends.
//!
//! Decides where they go in a folder and that nobody else can read them. What they say is in `templates/`.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::AppError;

/// Text of a file of the sample notice's folder.
macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/first-notice/", $path))
    };
}

/// `incident.toml`.
pub const INCIDENT: &str = sample!("incident.toml");
/// `audience.csv`, with the names that break mail merges.
pub const AUDIENCE: &str = sample!("audience.csv");
/// The notice's files by their path in its folder.
pub const NOTICE: [(&str, &str); 7] = [
    ("notice.toml", sample!("notice.toml")),
    ("en/subject.txt.hbs", sample!("en/subject.txt.hbs")),
    ("en/body.html.hbs", sample!("en/body.html.hbs")),
    ("en/body.txt.hbs", sample!("en/body.txt.hbs")),
    ("es/subject.txt.hbs", sample!("es/subject.txt.hbs")),
    ("es/body.html.hbs", sample!("es/body.html.hbs")),
    ("es/body.txt.hbs", sample!("es/body.txt.hbs")),
];

/// Writes the notice into `folder`, which is made.
///
/// # Errors
/// Those of the file system; a file that is already there is one.
pub fn write_notice(folder: &Path) -> io::Result<()> {
    for (path, text) in NOTICE {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            make_folder(parent)?;
        }
        write_private(&file, text)?;
    }
    Ok(())
}

/// Makes a folder and those above it that are missing, for their owner's eyes only.
///
/// # Errors
/// Those of the file system.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a new file, for its owner's eyes only.
///
/// # Errors
/// Those of the file system; a file that is already there is one.
pub fn write_private(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(text.as_bytes())
}

/// Opens a file for writing, for its owner's eyes only; what was in it goes.
///
/// # Errors
/// Those of the file system.
pub fn create_private(file: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    opened.set_permissions(Permissions::from_mode(0o600))?;
    Ok(opened)
}

/// The commented configuration, as shipped.
const CONFIGURATION: &str = include_str!("../../config/candor.example.toml");

/// Makes a folder to start from: candor.toml, the signing key, the sample incident, notice and audience. Returns what was
/// made.
///
/// # Errors
/// [`AppError::Occupied`] where one of them is there already; then nothing was made.
pub fn init(folder: &Path) -> Result<Vec<PathBuf>, AppError> {
    let paths = ["candor.toml", "candor.key", "incident.toml", "audience.csv", "notice"].map(|name| folder.join(name));
    let occupied: Vec<String> =
        paths.iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
    if !occupied.is_empty() {
        return Err(AppError::Occupied(occupied.join(", ")));
    }
    let fail = |error: io::Error| AppError::Folder(folder.to_owned(), error.to_string());
    let [configuration, key, incident, audience, notice] = &paths;
    make_folder(folder).map_err(fail)?;
    write_private(configuration, &filled(CONFIGURATION)).map_err(fail)?;
    super::make_key(key, ORIGIN)?;
    write_private(incident, INCIDENT).map_err(fail)?;
    write_private(audience, AUDIENCE).map_err(fail)?;
    write_notice(notice).map_err(fail)?;
    Ok(paths.into())
}

/// The origin that `init` gives the ledger, until the user says otherwise.
const ORIGIN: &str = "example.com/candor";

/// The configuration with sample values for those settings without which nothing can be checked.
fn filled(text: &str) -> String {
    let values = [
        ("name = \"\"", "name = \"Delta Air Lines\""),
        ("#from = ", "from = "),
        ("#reply_to = ", "reply_to = "),
        ("postal_address = \"\"", "postal_address = \"1 Example Road, Atlanta, GA 30320\""),
    ];
    let mut filled = values.iter().fold(text.to_owned(), |text, (unset, set)| text.replacen(unset, set, 1));
    if let Some(at) = filled.find("\norigin = ") {
        let end = filled[at + 1..].find('\n').map_or(filled.len(), |end| at + 1 + end);
        filled.replace_range(at + 1..end, &format!("origin = \"{ORIGIN}\""));
    }
    filled
}
