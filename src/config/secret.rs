//! Secrets in files of their own: read when they are needed, refused when others can read them.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::error::ConfigError;

/// No password is longer; a token (XOAUTH2) may have some thousand octets.
const SECRET_OCTETS_MAX: u64 = 64 * 1024;
/// What group and others may do with a file: nothing.
const OTHERS: u32 = 0o077;

/// The one line of a secret's file, without its line end. `key` is the setting that names the file.
///
/// # Errors
/// [`ConfigError::SecretFile`] if it cannot be read, others may read it, or it is not one line of text.
pub(super) fn read_secret(key: &str, path: &Path) -> Result<SecretString, ConfigError> {
    let refuse = |problem: &str| refused(key, path, problem.to_owned());
    let text = read_private(key, path)?;
    let text = text.expose_secret();
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(refuse("is empty: write the password into it"));
    }
    if line.contains(char::is_control) {
        return Err(refuse("holds more than one line of text: write the password alone into it"));
    }
    Ok(line.to_owned().into())
}

fn refused(key: &str, path: &Path, problem: String) -> ConfigError {
    ConfigError::SecretFile { key: key.to_owned(), path: path.to_path_buf(), problem }
}

/// All text of a file that its owner alone may read. `key` is the setting that names the file.
///
/// # Errors
/// [`ConfigError::SecretFile`] if it cannot be read, or others may read it.
pub(super) fn read_private(key: &str, path: &Path) -> Result<SecretString, ConfigError> {
    let refuse = |problem: String| refused(key, path, problem);
    let unreadable = |error: std::io::Error| refuse(format!("cannot be read: {error}"));
    // The permissions of what was opened, so that nobody can put another file there in between.
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(refuse(format!("is open to others (mode {:03o}): run chmod 600 {path:?}", mode & 0o777)));
    }
    let mut text = String::new();
    file.take(SECRET_OCTETS_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > SECRET_OCTETS_MAX {
        return Err(refuse("is longer than any password or key: write that alone into it".into()));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(content: &str, mode: u32) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let secret = read_secret("relays.main.password_file", &path);
        secret.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_is_one_line_without_its_end() {
        assert_eq!(read("a b ü\n", 0o600).unwrap(), "a b ü");
        assert_eq!(read(" x\r\n", 0o400).unwrap(), " x");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_to_run() {
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let error = read("hunter2", mode).unwrap_err();
            assert!(error.contains("chmod 600") && error.contains("relays.main.password_file"), "{error}");
            assert!(!error.contains("hunter2"));
        }
    }

    #[test]
    fn empty_endless_and_many_lines_are_refused() {
        for content in ["", "\n", "a\nb\n", &"x".repeat(70_000)] {
            assert!(read(content, 0o600).is_err());
        }
        assert!(read_secret("k", Path::new("/nowhere/at/all")).unwrap_err().to_string().contains("cannot be read"));
    }
}
