//! The values that templates see (interface.md, "Incident, notice, audience").
//!
//! Decides the names: `customer.*`, `incident.*` with one locale's words in place, `guarantee`, `organization.*`,
//! `notice.date`, `reference_code`. Never holds a real customer: the columns here are stand-ins for checking names.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::parties::Organization;
use crate::domain::incident::{Incident, IncidentText};

/// The columns that every customer has.
pub(super) const OWN_COLUMNS: &[&str] = &["ref", "email", "name", "locale"];
/// Fields of an incident that need not be given, and are then empty for templates.
const OPTIONAL_FIELDS: &[&str] = &["law_enforcement_delay", "source_of_breach", "protection_months", "consequences"];

/// All values for one locale.
pub(super) fn root(
    incident: &Incident,
    words: &IncidentText,
    organization: &Organization,
    date: NaiveDate,
    known_columns: &BTreeSet<String>,
) -> Value {
    let columns = OWN_COLUMNS.iter().copied().chain(known_columns.iter().map(String::as_str));
    let customer: Map<String, Value> =
        columns.map(|column| (column.to_owned(), Value::String(String::new()))).collect();
    let (from_name, from) = &organization.from;
    let reply_to = organization.reply_to.as_ref().unwrap_or(from);
    json!({
        "customer": customer,
        "incident": incident_in_locale(incident, words),
        "guarantee": words.guarantee,
        "organization": {
            "name": organization.name,
            "from": from.reveal(),
            "from_name": from_name.as_deref().unwrap_or_default(),
            "reply_to": reply_to.reveal(),
            "postal_address": organization.postal_address,
        },
        "notice": { "date": date.to_string() },
        "reference_code": "",
    })
}

/// The incident's fields and further keys, then the locale's words and further keys in their place.
fn incident_in_locale(incident: &Incident, words: &IncidentText) -> Map<String, Value> {
    let mut fields: Map<String, Value> =
        OPTIONAL_FIELDS.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
    fields.extend(as_object(incident));
    fields.remove("text");
    fields.extend(as_object(words));
    fields
}

fn as_object(fields: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(fields) {
        Ok(Value::Object(object)) => object,
        // Both are structs of strings, numbers, dates and lists: they always have a JSON form, and it is an object.
        _ => Map::new(),
    }
}
