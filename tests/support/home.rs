//! A sandbox for the built program: its own home, state folder and working folder, and none of the caller's settings.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use tempfile::TempDir;

/// A folder that is home and working folder to every `candor` started from it; removed when dropped.
pub struct TempHome {
    folder: TempDir,
}

impl Default for TempHome {
    fn default() -> Self {
        Self::new()
    }
}

impl TempHome {
    /// An empty sandbox.
    #[must_use]
    pub fn new() -> Self {
        Self { folder: TempDir::with_prefix("candor-test-").expect("the temporary folder is writable") }
    }

    /// The sandbox's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes `text` to `name` (folders in between are made) and returns the full path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("it lies in the sandbox")).expect("the sandbox is writable");
        fs::write(&path, text).expect("the sandbox is writable");
        path
    }

    /// Writes `candor.toml` in the working folder, where the program looks for it.
    pub fn write_config(&self, text: &str) -> PathBuf {
        self.write("candor.toml", text)
    }

    /// The program in this sandbox, for a run that ends by itself: `home.candor().args([…]).assert()`.
    #[must_use]
    pub fn candor(&self) -> assert_cmd::Command {
        assert_cmd::Command::from_std(self.process())
    }

    /// The program in this sandbox, for a run that the test signals or kills: `spawn` it.
    #[must_use]
    pub fn process(&self) -> process::Command {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_candor"));
        for name in settings_of_the_caller() {
            command.env_remove(name);
        }
        command
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("NO_COLOR", "1");
        command
    }
}

/// The caller's variables that the program would read as settings.
fn settings_of_the_caller() -> impl Iterator<Item = OsString> {
    env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("CANDOR_"))
}
