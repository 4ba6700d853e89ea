//! The environment: which variables are settings, and what they put over the file.
//!
//! `CANDOR_DELIVERY__RATE` is `delivery.rate`. A text stands for whatever the setting needs; where a whole table or a
//! list of tables is meant (`CANDOR_DELIVERY__DOMAIN_RATE`), it is a TOML value.

use std::env;
use std::path::PathBuf;

use super::error::ConfigError;
use super::keys::{self, Place};
use super::tree::{Node, Origin, Value};

/// What every setting's variable begins with.
const PREFIX: &str = "CANDOR_";
/// The variable that names the configuration file.
pub(super) const CONFIG_FILE: &str = "CANDOR_CONFIG";
/// The variable that says who is acting.
const TOKEN: &str = "CANDOR_TOKEN";

/// The variables of this process, for [`super::LoadOptions`]. Those that are no text are left out, unless they are
/// meant for this program.
///
/// # Errors
/// [`ConfigError::VariableNotText`] for a `CANDOR_` variable that is not UTF-8.
pub fn process_environment() -> Result<Vec<(String, String)>, ConfigError> {
    let mut variables = Vec::new();
    for (name, value) in env::vars_os() {
        let Some(name) = name.to_str().map(str::to_owned) else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.starts_with(PREFIX) => return Err(ConfigError::VariableNotText(name)),
            Err(_) => {}
        }
    }
    Ok(variables)
}

/// `CANDOR_TOKEN`: who is acting. `None` where it is missing or empty.
pub fn token(environment: &[(String, String)]) -> Option<secrecy::SecretString> {
    value(environment, TOKEN).map(|token| token.to_owned().into())
}

/// Whether the user wants no colours: `NO_COLOR` is set to anything (<https://no-color.org>), or the terminal is dumb.
pub fn refuses_colour(environment: &[(String, String)]) -> bool {
    value(environment, "NO_COLOR").is_some() || value(environment, "TERM") == Some("dumb")
}

/// The value of a variable; an empty one counts as not set.
pub(super) fn value<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    environment.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
}

/// `$XDG_STATE_HOME/candor`, else `~/.local/state/candor` (XDG Base Directory Specification: a relative path there does
/// not count). `None` where this account has no home.
pub(super) fn default_state_dir(environment: &[(String, String)]) -> Option<PathBuf> {
    let state_home = value(environment, "XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || value(environment, "HOME").map(PathBuf::from).or_else(env::home_dir);
    state_home.or_else(|| home().map(|home| home.join(".local/state"))).map(|state| state.join("candor"))
}

/// Puts the settings among the variables over the file's tree.
///
/// # Errors
/// For a `CANDOR_` variable that is no setting, and for a table that is not TOML.
pub(super) fn overlay(tree: &mut Node, environment: &[(String, String)]) -> Result<(), ConfigError> {
    let mut variables: Vec<_> = environment.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    // By name: a whole table comes before its keys, and relays that no file orders have an order all the same.
    variables.sort();
    for (variable, text) in variables {
        if variable == CONFIG_FILE || variable == TOKEN {
            continue;
        }
        let path = path_of(variable, tree);
        let origin = Origin { place: format!("the environment variable {variable}"), from_environment: true };
        let node = match keys::place(&path) {
            Place::Setting => Node { origin: origin.clone(), value: Value::Text(text.clone()) },
            Place::Table => Node::from_variable_as_toml(text, &origin).map_err(|message| ConfigError::Value {
                place: origin.place.clone(),
                key: path.join("."),
                found: "no TOML table".into(),
                advice: format!("{message}; write {{ key = \"value\" }} on one line, or set its keys one by one"),
            })?,
            Place::Nothing => {
                let nearest = spelled(&keys::nearest(&path));
                return Err(ConfigError::UnknownVariable { variable: variable.clone(), nearest });
            }
        };
        tree.overlay(under(tree, &path, node)?);
    }
    Ok(())
}

/// The setting's path that a variable means. Chosen names are matched with those of the file without case, and `_` for
/// `-`, which no shell allows in a name.
fn path_of(variable: &str, tree: &Node) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut here = Some(tree);
    for part in variable[PREFIX.len()..].split("__") {
        path.push(part.to_ascii_lowercase());
        if keys::ends_in_chosen_name(&path) {
            let present = here.into_iter().flat_map(Node::entries).map(|(name, _)| name);
            let meant = present.into_iter().find(|name| comparable(name) == comparable(part));
            if let (Some(meant), Some(last)) = (meant, path.last_mut()) {
                last.clone_from(meant);
            }
        }
        here = here.and_then(|node| path.last().and_then(|name| node.get(name)));
    }
    path
}

/// The form in which two chosen names are one to the environment.
pub(super) fn comparable(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// A path as a variable's name.
fn spelled(path: &[String]) -> String {
    format!("{PREFIX}{}", path.join("__").to_ascii_uppercase())
}

/// `node` inside the tables of `path`.
fn under(tree: &Node, path: &[String], node: Node) -> Result<Node, ConfigError> {
    let origin = node.origin.clone();
    let mut here = Some(tree);
    for (depth, name) in path.iter().enumerate() {
        if let Some(Node { value: Value::List(_), .. }) = here {
            return Err(ConfigError::Value {
                place: origin.place,
                key: path.join("."),
                found: "one key of a list of tables".into(),
                advice: format!("give the whole list in {}, as a TOML array", spelled(&path[..depth])),
            });
        }
        here = here.and_then(|node| node.get(name));
    }
    let wrap = |inner, name: &String| Node { origin: origin.clone(), value: Value::Table(vec![(name.clone(), inner)]) };
    Ok(path.iter().rev().fold(node, wrap))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn the_state_folder_follows_xdg_and_ignores_a_relative_path_there() {
        let dir = |pairs: &[(&str, &str)]| default_state_dir(&variables(pairs)).unwrap();
        assert_eq!(dir(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), PathBuf::from("/s/candor"));
        assert_eq!(dir(&[("XDG_STATE_HOME", "s"), ("HOME", "/h")]), PathBuf::from("/h/.local/state/candor"));
        assert_eq!(dir(&[("XDG_STATE_HOME", ""), ("HOME", "/h")]), PathBuf::from("/h/.local/state/candor"));
    }

    #[test]
    fn no_color_and_a_dumb_terminal_refuse_colour() {
        assert!(refuses_colour(&variables(&[("NO_COLOR", "1")])));
        assert!(refuses_colour(&variables(&[("TERM", "dumb")])));
        assert!(!refuses_colour(&variables(&[("NO_COLOR", ""), ("TERM", "xterm")])));
    }

    #[test]
    fn the_token_is_no_setting_and_never_printed() {
        let token = token(&variables(&[("CANDOR_TOKEN", "hunter2")]));
        assert!(token.is_some() && !format!("{token:?}").contains("hunter2"));
    }
}
