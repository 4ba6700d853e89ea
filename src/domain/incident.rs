//! The incident: what happened, in fields, as `incident.toml` gives it (interface.md, "Incident, notice, audience").
//!
//! Decides whether an incident is complete. Never writes a sentence: every word comes from the file.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::closed_set::closed_set;

closed_set! {
    /// Kinds of information that may be involved.
    pub enum DataKind {
        PaymentCard = "payment-card",
        BankAccount = "bank-account",
        Name = "name",
        Address = "address",
        Email = "email",
        Phone = "phone",
        BirthDate = "birth-date",
        SocialSecurity = "social-security",
        DrivingLicence = "driving-licence",
        StateId = "state-id",
        Passport = "passport",
        Health = "health",
        Password = "password",
        Other = "other",
    }
}

closed_set! {
    /// Whose systems it happened in.
    pub enum BreachSource {
        Own = "own",
        Vendor = "vendor",
    }
}

/// One incident. Dates are calendar days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// A short name for it.
    pub id: String,
    /// Who tells its customers.
    pub organization: String,
    /// First day on which it may have happened.
    pub occurred_from: NaiveDate,
    /// Last day on which it may have happened.
    pub occurred_to: NaiveDate,
    /// When the organisation learned of it; deadlines count from here.
    pub discovered: NaiveDate,
    /// When it was made public.
    pub announced: NaiveDate,
    /// The page with more, as `https://…` or host and path.
    pub response_site: String,
    /// The telephone number for questions.
    pub response_phone: String,
    /// Kinds of information involved.
    pub data: Vec<DataKind>,
    /// Whether law enforcement asked for delay, where that can be determined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law_enforcement_delay: Option<bool>,
    /// Whose systems it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_of_breach: Option<BreachSource>,
    /// Months of identity-theft protection offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection_months: Option<u32>,
    /// The words, per locale.
    pub text: BTreeMap<String, IncidentText>,
    /// Further keys, kept for templates.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// The words of an incident in one locale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentText {
    /// The heading.
    pub title: String,
    /// What happened, and when.
    pub what_happened: String,
    /// What information was involved.
    pub information_involved: Vec<String>,
    /// What information was not.
    pub information_not_involved: Vec<String>,
    /// What the organisation is doing.
    pub what_we_are_doing: Vec<String>,
    /// What the customer can do.
    pub what_you_can_do: Vec<String>,
    /// The promise, in its own words.
    pub guarantee: String,
    /// Likely consequences, where the law asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequences: Option<String>,
    /// Further keys, kept for templates.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// What is wrong with an `incident.toml`. The message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncidentError {
    /// Not TOML, a field missing, a value of the wrong kind.
    #[error("incident.toml cannot be read: {0}")]
    Syntax(String),
    /// A field is there and says nothing.
    #[error("incident.toml: `{0}` is empty; it is needed in every notice")]
    Empty(String),
    /// No `[text.LOCALE]`.
    #[error("incident.toml has no text: add at least one table such as [text.en]")]
    NoText,
    /// The dates contradict each other.
    #[error("incident.toml: `{0}` is before `{1}`; check the dates")]
    Order(&'static str, &'static str),
}

impl Incident {
    /// Reads and checks an `incident.toml`.
    ///
    /// # Errors
    /// [`IncidentError`] where a needed field is missing or empty, the guarantee above all, or dates are out of order.
    pub fn from_toml(source: &str) -> Result<Self, IncidentError> {
        let syntax = |error: &dyn std::fmt::Display| IncidentError::Syntax(error.to_string());
        let table: toml::Table = toml::from_str(source).map_err(|error| syntax(&error))?;
        let incident: Self =
            serde_json::from_value(plain(toml::Value::Table(table))).map_err(|error| syntax(&error))?;
        incident.checked()
    }

    fn checked(self) -> Result<Self, IncidentError> {
        let named = [
            ("id", &self.id),
            ("organization", &self.organization),
            ("response_site", &self.response_site),
            ("response_phone", &self.response_phone),
        ];
        for (name, value) in named {
            not_empty(name, value)?;
        }
        if self.data.is_empty() {
            return Err(IncidentError::Empty("data".into()));
        }
        if self.occurred_to < self.occurred_from {
            return Err(IncidentError::Order("occurred_to", "occurred_from"));
        }
        if self.discovered < self.occurred_from {
            return Err(IncidentError::Order("discovered", "occurred_from"));
        }
        if self.text.is_empty() {
            return Err(IncidentError::NoText);
        }
        for (locale, text) in &self.text {
            let needed =
                [("title", &text.title), ("what_happened", &text.what_happened), ("guarantee", &text.guarantee)];
            for (name, value) in needed {
                not_empty(&format!("text.{locale}.{name}"), value)?;
            }
        }
        Ok(self)
    }
}

/// TOML as JSON; dates and times, which JSON lacks, as their text.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => items.into_iter().map(plain).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, plain(value))).collect(),
    }
}

fn not_empty(name: &str, value: &str) -> Result<(), IncidentError> {
    if value.trim().is_empty() { Err(IncidentError::Empty(name.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
id = "i"
organization = "Example Air"
occurred_from = "2017-09-26"
occurred_to = "2017-10-12"
discovered = "2018-03-28"
announced = "2018-04-04"
response_site = "example.com/response"
response_phone = "+1 800 555 0100"
data = ["payment-card"]
case = 7
[text.en]
title = "T"
what_happened = "W"
information_involved = ["a"]
information_not_involved = []
what_we_are_doing = ["b"]
what_you_can_do = ["c"]
guarantee = "G"
note = "kept"
"#;

    #[test]
    fn further_keys_are_kept() {
        let incident = Incident::from_toml(WHOLE).unwrap();
        assert_eq!(incident.more["case"], 7);
        assert_eq!(incident.text["en"].more["note"], "kept");
    }

    #[test]
    fn an_incident_without_a_guarantee_is_refused_by_name() {
        let missing = WHOLE.replace("guarantee = \"G\"\n", "");
        assert!(Incident::from_toml(&missing).unwrap_err().to_string().contains("guarantee"));
        let empty = WHOLE.replace("guarantee = \"G\"", "guarantee = \" \"");
        assert_eq!(Incident::from_toml(&empty), Err(IncidentError::Empty("text.en.guarantee".into())));
    }

    #[test]
    fn a_date_may_stand_with_or_without_quotes() {
        let bare = WHOLE.replace("\"2017-09-26\"", "2017-09-26");
        assert_eq!(Incident::from_toml(&bare), Incident::from_toml(WHOLE));
    }

    #[test]
    fn dates_out_of_order_are_refused() {
        let swapped = WHOLE.replace("2017-10-12", "2017-09-01");
        assert_eq!(Incident::from_toml(&swapped), Err(IncidentError::Order("occurred_to", "occurred_from")));
    }
}
