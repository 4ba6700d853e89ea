//! Which settings exist: one closed list, for unknown keys, for the environment, and for the example file.

/// Every setting, in the order of interface.md. `*` stands for a name that the user chooses. Tables of a list have no
/// index here.
pub(super) const KEYS: &[&str] = &[
    "database",
    "organization.name",
    "organization.from",
    "organization.reply_to",
    "organization.return_path",
    "organization.postal_address",
    "organization.time_zone",
    "organization.link_hosts",
    "relays.*.url",
    "relays.*.username",
    "relays.*.password",
    "relays.*.password_file",
    "relays.*.ca_file",
    "relays.*.connections",
    "relays.*.rate",
    "delivery.rate",
    "delivery.domain_rate.*",
    "delivery.in_doubt",
    "delivery.in_doubt_resends",
    "delivery.retry_first",
    "delivery.give_up_after",
    "delivery.pause_at_failure_share",
    "delivery.late_start",
    "delivery.grace",
    "delivery.greylist_wait",
    "delivery.dsn_success",
    "delivery.dkim.domain",
    "delivery.dkim.selector",
    "delivery.dkim.key_file",
    "delivery.timeouts.connect",
    "delivery.timeouts.banner",
    "delivery.timeouts.command",
    "delivery.timeouts.data",
    "delivery.timeouts.block",
    "delivery.timeouts.end_of_data",
    "dns.servers",
    "safety.only_to",
    "approval.required",
    "ledger.origin",
    "ledger.key_file",
    "ledger.state_dir",
    "ledger.timestamp_url",
    "ledger.header",
    "ledger.checkpoint_every",
    "ledger.checkpoint_to",
    "retention.personal_data",
    "bounces.url",
    "bounces.password_file",
    "bounces.every",
    "seeds.*.url",
    "seeds.*.password_file",
    "alerts.to",
    "alerts.webhook",
    "hooks.*.kind",
    "hooks.*.secret_file",
    "http.listen",
];

/// What a path of names leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A setting.
    Setting,
    /// A table that holds settings.
    Table,
    /// Nothing.
    Nothing,
}

/// What `path` leads to.
pub(super) fn place<S: AsRef<str>>(path: &[S]) -> Place {
    let mut found = Place::Nothing;
    for key in KEYS {
        let pattern: Vec<&str> = key.split('.').collect();
        let fits = pattern.len() >= path.len()
            && pattern.iter().zip(path).all(|(part, name)| *part == "*" || *part == name.as_ref());
        if fits && pattern.len() == path.len() {
            return Place::Setting;
        }
        if fits {
            found = Place::Table;
        }
    }
    found
}

/// Whether the last name of `path` is one that the user chooses.
pub(super) fn ends_in_chosen_name<S: AsRef<str>>(path: &[S]) -> bool {
    KEYS.iter().any(|key| {
        let pattern: Vec<&str> = key.split('.').take(path.len()).collect();
        pattern.len() == path.len()
            && pattern.last() == Some(&"*")
            && pattern.iter().zip(path).all(|(part, name)| *part == "*" || *part == name.as_ref())
    })
}

/// The setting or table that `path` most likely meant: the same last name elsewhere, else the fewest letters to change.
pub(super) fn nearest<S: AsRef<str>>(path: &[S]) -> Vec<String> {
    let names: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    let written = names.join(".");
    let mut best: Option<((usize, usize), Vec<String>)> = None;
    for key in KEYS {
        let pattern: Vec<&str> = key.split('.').collect();
        for length in 1..=pattern.len() {
            let meant = filled(&pattern[..length], &names);
            let is_setting = length == pattern.len() && pattern[length - 1] != "*";
            let letters = letters_to_change(&written, &meant.join("."));
            // A key in the wrong table is the commonest mistake of all: it counts as one letter.
            let in_wrong_table = is_setting && names.last() == Some(&pattern[length - 1]);
            let distance = (if in_wrong_table { 1 } else { letters }, letters);
            if best.as_ref().is_none_or(|(least, _)| distance < *least) {
                best = Some((distance, meant));
            }
        }
    }
    best.map(|(_, path)| path).unwrap_or_default()
}

/// A pattern with the user's names in place of `*`, where the tables before them agree.
fn filled(pattern: &[&str], names: &[&str]) -> Vec<String> {
    let mut agrees = true;
    let mut out = Vec::new();
    for (at, part) in pattern.iter().enumerate() {
        let name = names.get(at).filter(|_| agrees);
        match (*part, name) {
            ("*", name) => out.push((*name.unwrap_or(&"NAME")).to_owned()),
            (part, name) => {
                agrees = name == Some(&part);
                out.push(part.to_owned());
            }
        }
    }
    out
}

/// The Levenshtein distance, in characters.
fn letters_to_change(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(path: &str) -> String {
        nearest(&path.split('.').collect::<Vec<_>>()).join(".")
    }

    #[test]
    fn a_path_leads_to_a_setting_a_table_or_nothing() {
        let place = |path: &str| place(&path.split('.').collect::<Vec<_>>());
        assert_eq!(place("delivery.rate"), Place::Setting);
        assert_eq!(place("relays.any.url"), Place::Setting);
        assert_eq!(place("relays.any"), Place::Table);
        assert_eq!(place("relays.any.host"), Place::Nothing);
        assert_eq!(place("delivery.rate.x"), Place::Nothing);
    }

    #[test]
    fn a_slip_of_the_pen_is_recognized() {
        assert_eq!(meant("delivery.rte"), "delivery.rate");
        assert_eq!(meant("delivery_rate"), "delivery.rate");
        assert_eq!(meant("organisation"), "organization");
        assert_eq!(meant("relays.main.pasword_file"), "relays.main.password_file");
    }

    #[test]
    fn a_key_in_the_wrong_table_is_recognized() {
        assert_eq!(meant("organization.database"), "database");
        assert_eq!(meant("return_path"), "organization.return_path");
        assert_eq!(meant("rate"), "delivery.rate");
        assert_eq!(meant("delivery.ca_file"), "relays.NAME.ca_file");
    }
}
