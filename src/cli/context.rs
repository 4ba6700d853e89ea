//! What every command needs: the settings, the opened program, and what is said on every screen.

use std::path::PathBuf;

use super::output::Output;
use crate::app::{Access, App};
use crate::config::{LoadOptions, OnlyTo, Settings};

/// One command's surroundings.
pub struct Context {
    /// Where results and notes go.
    pub output: Output,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// The process's environment.
    pub environment: Vec<(String, String)>,
}

impl Context {
    /// The settings.
    ///
    /// # Errors
    /// Those of the configuration.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let options = LoadOptions { config: self.config.clone(), environment: self.environment.clone() };
        let settings = Settings::load(options)?;
        self.say_only_to(&settings);
        Ok(settings)
    }

    /// The settings with what they stand for, for a command that only reads.
    ///
    /// # Errors
    /// Where there is no database yet, or it cannot be opened.
    pub async fn reader(&self) -> anyhow::Result<App> {
        Ok(App::open(self.settings()?, Access::Read).await?)
    }

    /// The same for a command that writes: database and key are made where they are missing.
    ///
    /// # Errors
    /// Where they cannot be made or opened.
    pub async fn writer(&self) -> anyhow::Result<App> {
        let app = App::open(self.settings()?, Access::Write).await?;
        if let Some(copy) = app.copied_to() {
            self.output.note(&format!(
                "the database was brought to the schema of this version; as it was, it lies in {}",
                copy.display()
            ));
        }
        Ok(app)
    }

    /// Keys that are set, but that this version does not act on.
    pub fn warn_of_unused(&self, settings: &Settings) {
        let unused = settings.unused_by_this_version();
        if !unused.is_empty() {
            self.output.note(&format!("warning: this version does not act on {}", unused.join(", ")));
        }
    }

    /// The limit on who may be mailed, which is said on every command.
    pub fn say_only_to(&self, settings: &Settings) {
        let only: Vec<String> = settings
            .safety
            .only_to
            .iter()
            .map(|entry| match entry {
                OnlyTo::Address(mailbox) => mailbox.to_string(),
                OnlyTo::Domain(domain) => format!("@{domain}"),
            })
            .collect();
        if !only.is_empty() {
            self.output.note(&format!("[safety] only_to is set: mail goes to {} and nobody else", only.join(", ")));
        }
    }
}
