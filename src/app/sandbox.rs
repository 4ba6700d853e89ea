//! A sandbox: a folder with everything that a campaign needs, and an SMTP server on loopback that takes its mail.
//!
//! Decides what lies in the folder and that nobody but its owner can read it. It reads no environment: a relay or a
//! password that somebody set for real mail stays outside. It never sends by itself; the scheduled worker does.

mod inbox;
mod people;

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{App, AppError, sample};
use crate::approval::ApprovalError;
use crate::audience::{AudienceError, MapArg, Selection, Source, SqliteSource};
use crate::config::{ConfigError, Settings};
use crate::domain::outcome::FailureClass;
use crate::domain::recipient::RecipientState;
use crate::followup::{FollowupError, suppress_add};
use crate::smtp::inbox::Inbox;
use crate::store::{Access, DEMO_SELECT, RecipientFilter, RecipientPage, StoreError, write_demo_customers};

/// How long the sending should take at most, and the rate below which nobody can follow the numbers.
const SENDING_SECONDS: u32 = 10;
const RATE_MIN_PER_SECOND: u32 = 25;
/// Recipients read at a time.
const PAGE: i64 = 1_000;
/// Share of the messages after which the inbox goes away for a moment, in tenths.
const AWAY_AFTER_TENTHS: u64 = 4;
/// With fewer people there is nothing left to send when the inbox comes back.
const AWAY_PEOPLE_MIN: u64 = 20;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Somebody's files are there.
    #[error("{0} is not empty: name a folder that is empty or does not exist, or leave --keep away")]
    NotEmpty(PathBuf),
    /// The folder or a file in it.
    #[error("{path} cannot be made: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why, in the system's words.
        error: io::Error,
    },
    /// The inbox.
    #[error("the built-in inbox could not listen on 127.0.0.1: {0}")]
    Inbox(io::Error),
    /// The configuration that was written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The program itself.
    #[error(transparent)]
    App(#[from] AppError),
    /// The databases.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The suppression list.
    #[error(transparent)]
    Followup(#[from] FollowupError),
    /// The campaign.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// How the list is read.
    #[error(transparent)]
    Audience(#[from] AudienceError),
}

/// See the module. The folder stays when it is dropped; the inbox does not.
pub struct Sandbox {
    /// Its folder, as an absolute path.
    pub folder: PathBuf,
    /// The program, with the folder's candor.toml.
    pub app: Arc<App>,
    /// Messages a second.
    pub rate: u32,
    rows: u32,
    inbox: Inbox,
}

/// Somebody who was not told.
#[derive(Debug, Clone)]
pub struct Unreached {
    /// The customer's reference.
    pub reference: String,
    /// May be empty.
    pub name: String,
    /// Where the recipient stands.
    pub state: RecipientState,
    /// Why, where an attempt failed.
    pub class: Option<FailureClass>,
    /// The server's last words, with its code.
    pub reply: Option<String>,
}

impl Sandbox {
    /// Makes the folder (a temporary one without `keep`), a customers' database of `rows` rows, the sample incident and
    /// notice, and a candor.toml whose relay is the inbox, which listens from now on.
    ///
    /// # Errors
    /// [`SandboxError`]; what was made until then stays.
    pub async fn make(keep: Option<&Path>, rows: u32) -> Result<Self, SandboxError> {
        let folder = make_folder(keep)?;
        let people = people::people(rows);
        let customers: Vec<_> = people.iter().map(|person| person.customer.clone()).collect();
        write_demo_customers(&folder.join("customers.db"), &customers).await?;
        let file = |path: PathBuf, result: io::Result<()>| result.map_err(|error| SandboxError::File { path, error });
        let incident = folder.join("incident.toml");
        file(incident.clone(), sample::write_private(&incident, sample::INCIDENT))?;
        let notice = folder.join("notice");
        file(notice.clone(), sample::write_notice(&notice))?;
        for name in ["mail", "state"] {
            file(folder.join(name), sample::make_folder(&folder.join(name)))?;
        }
        let inbox = inbox::start(&folder.join("mail"), &people).await.map_err(SandboxError::Inbox)?;
        let rate = rows.div_ceil(SENDING_SECONDS).max(RATE_MIN_PER_SECOND);
        let config = folder.join("candor.toml");
        let text = include_str!("sandbox/candor.toml.in")
            .replace("@PORT@", &inbox.address().port().to_string())
            .replace("@RATE@", &rate.to_string());
        file(config.clone(), sample::write_private(&config, &text))?;
        let settings = Settings::from_text(&text, &config, &[])?;
        let app = Arc::new(App::open(settings, Access::Write).await?);
        Ok(Self { folder, app, rate, rows, inbox })
    }

    /// Puts the one address on the suppression list whose owner wants letters only.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub async fn suppress_one(&self) -> Result<(), SandboxError> {
        let reason = "wants to be told by letter only";
        suppress_add(&self.app.store, &self.app.by(), &[people::SUPPRESSED.to_owned()], reason, None, None).await?;
        Ok(())
    }

    /// The affected customers, as a source to be imported.
    pub fn source(&self) -> Source {
        let selection = Selection::Query(DEMO_SELECT.to_owned());
        Source::Sqlite(SqliteSource { path: self.folder.join("customers.db"), selection })
    }

    /// What the columns of [`Sandbox::source`] mean.
    ///
    /// # Errors
    /// None that can happen: the columns are fixed.
    pub fn maps(&self) -> Result<Vec<MapArg>, SandboxError> {
        let maps = ["ref=id", "email=email_address", "name=full_name", "locale=language"];
        Ok(maps.iter().map(|map| map.parse()).collect::<Result<_, AudienceError>>()?)
    }

    /// Whether there are enough people for the inbox to go away while it is sent to.
    pub fn goes_away(&self) -> bool {
        u64::from(self.rows) >= AWAY_PEOPLE_MIN
    }

    /// Once about two fifths of the mail are there, takes the inbox away for a moment. Then waits for ever: it is meant
    /// to run beside the worker and to be dropped with it.
    pub async fn disturb(&self) -> std::convert::Infallible {
        let after_messages = u64::from(self.rows) * AWAY_AFTER_TENTHS / 10;
        if self.goes_away()
            && let Err(error) = inbox::go_away_once(&self.inbox, after_messages).await
        {
            tracing::error!(%error, "the built-in inbox did not come back");
        }
        std::future::pending().await
    }

    /// Messages that the inbox took.
    pub fn messages(&self) -> u64 {
        self.inbox.counts().taken
    }

    /// Everybody in the audience who was not told, in the order in which they came in.
    ///
    /// # Errors
    /// [`SandboxError::Store`].
    pub async fn unreached(&self, campaign_id: i64) -> Result<Vec<Unreached>, SandboxError> {
        let others = RecipientState::ALL.iter().filter(|state| !state.is_told());
        let filter =
            RecipientFilter { states: others.map(|state| state.as_str().to_owned()).collect(), ..Default::default() };
        let (mut unreached, mut after) = (Vec::new(), 0);
        loop {
            let page = RecipientPage { after, limit: PAGE };
            let rows = self.app.store.recipients(campaign_id, &filter, page).await?;
            let Some(last) = rows.last() else { return Ok(unreached) };
            after = last.id;
            for row in rows {
                let values: serde_json::Value = serde_json::from_str(&row.row).unwrap_or_default();
                let reply = match (row.code, &row.reply) {
                    (Some(code), Some(words)) => Some(format!("{code} {words}")),
                    (_, words) => words.clone(),
                };
                unreached.push(Unreached {
                    name: values["name"].as_str().unwrap_or_default().to_owned(),
                    state: row.state.parse().unwrap_or(RecipientState::Pending),
                    class: row.class.as_deref().and_then(|class| class.parse().ok()),
                    reference: row.reference,
                    reply,
                });
            }
        }
    }

    /// Ends the inbox: its port is closed when this returns.
    pub async fn close(self) {
        self.inbox.stop().await;
        self.app.store.close().await;
    }
}

/// The folder, empty, for its owner's eyes only.
fn make_folder(keep: Option<&Path>) -> Result<PathBuf, SandboxError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| SandboxError::File { path, error }
    };
    let Some(folder) = keep else {
        let made = tempfile::Builder::new().prefix("candor-demo-").tempdir();
        return Ok(made.map_err(failed(&std::env::temp_dir()))?.keep());
    };
    if folder.is_dir() {
        if std::fs::read_dir(folder).map_err(failed(folder))?.next().is_some() {
            return Err(SandboxError::NotEmpty(folder.to_owned()));
        }
        std::fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed(folder))?;
    } else {
        sample::make_folder(folder).map_err(failed(folder))?;
    }
    folder.canonicalize().map_err(failed(folder))
}
