//! The sample incident, notice and audience, as files of this program: what `init` copies and the demo sends.
//!
//! Decides where they go in a folder and that nobody else can read them. What they say is in `templates/`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

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
