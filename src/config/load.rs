//! From files and variables to [`Settings`]: which file, what lies over it, what is unknown.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::environment;
use super::error::ConfigError;
use super::keys::{self, Place};
use super::section::Section;
use super::settings::{
    Alerts, Approval, Bounces, Database, Dns, Hook, Http, Ledger, Organization, Retention, Safety, Seed, Settings,
};
use super::tree::{Node, Origin, Value};
use super::{Delivery, relay};

/// The file in the working directory that is read where none is named.
const FILE_DEFAULT: &str = "candor.toml";
/// A file that is longer was not written by hand.
const FILE_OCTETS_MAX: u64 = 1024 * 1024;

/// What decides which settings are read.
#[derive(Debug, Clone)]
pub struct LoadOptions<E> {
    /// `--config`: it goes before `CANDOR_CONFIG`, and that before `./candor.toml`.
    pub config: Option<PathBuf>,
    /// The environment: [`super::process_environment`].
    pub environment: E,
}

impl Settings {
    /// Reads and checks file and environment, and refuses what this version would have to ignore at somebody's cost: a
    /// PostgreSQL database.
    ///
    /// # Errors
    /// [`ConfigError`]: exit code 2.
    pub fn load<E>(options: LoadOptions<E>) -> Result<Self, ConfigError>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        let settings = Self::read(options)?;
        settings.refuse_unsupported()?;
        Ok(settings)
    }

    /// As [`Settings::load`], with what this version does not support still in it.
    ///
    /// # Errors
    /// [`ConfigError`]: exit code 2.
    pub fn read<E>(options: LoadOptions<E>) -> Result<Self, ConfigError>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        let environment: Vec<_> = options.environment.into_iter().collect();
        let named =
            options.config.or_else(|| environment::value(&environment, environment::CONFIG_FILE).map(PathBuf::from));
        let file = named.as_deref().unwrap_or(Path::new(FILE_DEFAULT));
        match read_file(file)? {
            Some(text) => Self::from_text(&text, file, &environment),
            None if named.is_some() => Err(ConfigError::NoFile { path: file.to_path_buf() }),
            None => Self::from_tree(nothing(), None, &environment),
        }
    }

    /// The settings of a text that stands, or would stand, in `file`: relative paths start at its folder. It reads no
    /// file.
    ///
    /// # Errors
    /// [`ConfigError`] as [`Settings::read`].
    pub fn from_text(text: &str, file: &Path, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        Self::from_tree(Node::from_file(text, file)?, Some(file), environment)
    }

    /// Refuses settings that this version reads but cannot follow without harm.
    ///
    /// # Errors
    /// [`ConfigError::PostgresUnsupported`].
    pub fn refuse_unsupported(&self) -> Result<(), ConfigError> {
        match self.database {
            Database::Postgres(_) => Err(ConfigError::PostgresUnsupported),
            Database::Sqlite(_) => Ok(()),
        }
    }

    fn from_tree(mut tree: Node, file: Option<&Path>, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        refuse_unknown(&tree, &mut Vec::new())?;
        environment::overlay(&mut tree, environment)?;
        // Once more: a table in a variable has keys of its own.
        refuse_unknown(&tree, &mut Vec::new())?;
        let root = Section::root(&tree, file.and_then(Path::parent).unwrap_or(Path::new("")));
        Ok(Self {
            file: file.map(Path::to_path_buf),
            database: Database::read(&root)?,
            organization: Organization::read(&root)?,
            relays: relay::relays(&root)?,
            delivery: Delivery::read(&root)?,
            dns: Dns::read(&root)?,
            safety: Safety::read(&root)?,
            approval: Approval::read(&root)?,
            ledger: Ledger::read(&root, environment::default_state_dir(environment).as_deref())?,
            retention: Retention::read(&root)?,
            bounces: Bounces::read(&root)?,
            seeds: Seed::read(&root)?,
            alerts: Alerts::read(&root)?,
            hooks: Hook::read(&root)?,
            http: Http::read(&root)?,
        })
    }
}

/// The tree of no file.
fn nothing() -> Node {
    let origin = Origin { place: "no configuration file".into(), from_environment: false };
    Node { origin, value: Value::Table(Vec::new()) }
}

/// The text of a file; `None` where there is none.
fn read_file(path: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |problem: String| ConfigError::Unreadable { path: path.to_path_buf(), problem };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let mut text = String::new();
    file.take(FILE_OCTETS_MAX + 1).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > FILE_OCTETS_MAX {
        return Err(unreadable("it is over 1 MiB long; is it the right file?".into()));
    }
    Ok(Some(text))
}

/// The first key, in the order of the file, that is no setting. The kinds of values are looked at later.
fn refuse_unknown(node: &Node, path: &mut Vec<String>) -> Result<(), ConfigError> {
    if let Value::List(items) = &node.value {
        return items.iter().try_for_each(|item| refuse_unknown(item, path));
    }
    for (name, child) in node.entries() {
        path.push(name.clone());
        match keys::place(path) {
            Place::Setting => {}
            Place::Table => refuse_unknown(child, path)?,
            Place::Nothing => {
                return Err(ConfigError::UnknownKey {
                    place: child.origin.place.clone(),
                    key: path.join("."),
                    nearest: keys::nearest(path).join("."),
                });
            }
        }
        path.pop();
    }
    Ok(())
}
