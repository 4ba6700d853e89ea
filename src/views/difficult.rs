//! The people whose letters are the likeliest to look wrong: what `preview --difficult` shows.

use serde_json::{Map, Value};

use super::{PAGE, ViewError, named};
use crate::store::{RecipientRow, Store};

/// The last Latin letter of Unicode's Latin Extended-B; what lies behind it is another script, but for Vietnamese.
const LATIN_MAX: char = '\u{24f}';
/// Latin Extended Additional: Vietnamese.
const LATIN_MORE: std::ops::RangeInclusive<char> = '\u{1e00}'..='\u{1eff}';
/// The blocks of Hebrew and Arabic, which are read from the right.
const FROM_THE_RIGHT: std::ops::RangeInclusive<char> = '\u{590}'..='\u{8ff}';

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difficult {
    /// The customer's reference.
    pub reference: String,
    /// What is difficult about the row.
    pub why: &'static str,
}

/// What is difficult about one row, by the first thing that applies to its name or values.
type Trait = (&'static str, fn(&str, &Map<String, Value>) -> bool);

/// Each is shown once, by the first row that has it.
const TRAITS: [Trait; 6] = [
    ("no name", |name, _| name.trim().is_empty()),
    ("an apostrophe or a character of HTML in the name", |name, _| name.contains(['\'', '’', '<', '>', '&', '"'])),
    ("a name that is read from the right", |name, _| name.contains(|c| FROM_THE_RIGHT.contains(&c))),
    ("a name in another script", |name, _| {
        name.contains(|c: char| c.is_alphabetic() && c > LATIN_MAX && !LATIN_MORE.contains(&c))
    }),
    ("something that looks like a template in the name", |name, _| name.contains("{{")),
    ("a line break or control character in a value", |_, row| {
        row.values().filter_map(Value::as_str).any(|value| value.contains(char::is_control))
    }),
];

/// The difficult people of the batches that count, the longest name and the longest value among them, each once.
///
/// # Errors
/// [`ViewError::Unknown`].
pub async fn difficult(store: &Store, name: &str) -> Result<Vec<Difficult>, ViewError> {
    let campaign = named(store, name).await?;
    let mut found = Found::default();
    for batch in store.batches(campaign.id).await? {
        if ["rejected", "withdrawn"].contains(&batch.state.as_str()) {
            continue;
        }
        let mut position = 0;
        loop {
            let rows = store.recipients_of_batch(batch.id, position, PAGE).await?;
            let Some(last) = rows.last() else { break };
            position = last.position + 1;
            rows.iter().for_each(|row| found.look_at(row));
        }
    }
    Ok(found.people())
}

#[derive(Default)]
struct Found {
    by_trait: [Option<String>; TRAITS.len()],
    longest_name: (usize, String),
    longest_value: (usize, String),
}

impl Found {
    fn look_at(&mut self, row: &RecipientRow) {
        let values: Map<String, Value> = serde_json::from_str(&row.row).unwrap_or_default();
        let name = values.get("name").and_then(Value::as_str).unwrap_or_default();
        for ((_, has), place) in TRAITS.iter().zip(&mut self.by_trait) {
            if place.is_none() && has(name, &values) {
                *place = Some(row.reference.clone());
            }
        }
        let longest = values.values().filter_map(Value::as_str).map(|value| value.chars().count()).max().unwrap_or(0);
        for (length, best) in [(name.chars().count(), &mut self.longest_name), (longest, &mut self.longest_value)] {
            if length > best.0 {
                *best = (length, row.reference.clone());
            }
        }
    }

    fn people(self) -> Vec<Difficult> {
        let longest = [("the longest name", self.longest_name.1), ("the longest value", self.longest_value.1)];
        let traits = TRAITS.iter().zip(self.by_trait).filter_map(|((why, _), reference)| Some((*why, reference?)));
        let mut people: Vec<Difficult> = Vec::new();
        for (why, reference) in longest.into_iter().chain(traits) {
            if !reference.is_empty() && people.iter().all(|person| person.reference != reference) {
                people.push(Difficult { reference, why });
            }
        }
        people
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(reference: &str, name: &str) -> RecipientRow {
        RecipientRow {
            id: 1,
            batch_id: 1,
            batch: 1,
            position: 0,
            reference: reference.to_owned(),
            email: String::new(),
            mailbox: String::new(),
            row: serde_json::json!({"name": name, "ref": reference}).to_string(),
            key: Vec::new(),
            state: "pending".to_owned(),
            reason: None,
            due_at: None,
            attempts: 0,
            class: None,
            code: None,
            enhanced: None,
            reply: None,
            relay: None,
            message_id: None,
            accepted_at: None,
            last_attempt_at: None,
        }
    }

    #[test]
    fn each_difficulty_is_shown_by_one_person_and_nobody_twice() {
        let mut found = Found::default();
        let names = [
            ("1", "Ann"),
            ("2", "O'Neill"),
            ("3", "D'Arc"),
            ("4", ""),
            ("8", "Ánh Nguyễn"),
            ("5", "王小明"),
            ("6", "שרה"),
            ("7", "Maximiliane"),
        ];
        names.iter().for_each(|(reference, name)| found.look_at(&row(reference, name)));
        let people = found.people();
        let references: Vec<&str> = people.iter().map(|person| person.reference.as_str()).collect();
        assert_eq!(references, ["7", "4", "2", "6", "5"], "{people:?}");
    }
}
