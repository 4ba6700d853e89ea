//! A notice ready to be rendered for anybody: templates checked against the names that exist, and bound.
//!
//! Decides which locale a recipient reads. Never asks the clock (the date is a parameter), never does I/O, never sends.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::error::{NoticeError, RenderError};
use super::in_locale::{InLocale, Source};
use super::parties::{Customer, Organization};
use super::rendered::Rendered;
use super::template_set::TemplateSet;
use super::{locale, values};
use crate::domain::address::Mailbox;
use crate::domain::incident::Incident;

/// A notice that can be rendered. Share it between threads; rendering changes nothing in it.
pub struct Notice {
    default_locale: String,
    locales: BTreeMap<String, InLocale>,
    columns: BTreeSet<String>,
}

impl Notice {
    /// Makes a notice of its files, the incident's words and the sender's details.
    ///
    /// `date` is what templates see as `notice.date`; `known_columns` are the imported columns besides `ref`, `email`,
    /// `name` and `locale`.
    ///
    /// # Errors
    /// [`NoticeError`] naming file and line of the first thing that is wrong: syntax, a name that does not exist anywhere
    /// in a template, an image that is missing, a locale without words.
    pub fn compile(
        set: &TemplateSet,
        incident: &Incident,
        organization: &Organization,
        date: NaiveDate,
        known_columns: &BTreeSet<String>,
    ) -> Result<Self, NoticeError> {
        Self::compile_with(set, incident, organization, date, Some(known_columns))
    }

    /// As [`compile`](Self::compile), before anybody was imported: every name is checked but the customers' columns.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_before_import(
        set: &TemplateSet,
        incident: &Incident,
        organization: &Organization,
        date: NaiveDate,
    ) -> Result<Self, NoticeError> {
        Self::compile_with(set, incident, organization, date, None)
    }

    fn compile_with(
        set: &TemplateSet,
        incident: &Incident,
        organization: &Organization,
        date: NaiveDate,
        known_columns: Option<&BTreeSet<String>>,
    ) -> Result<Self, NoticeError> {
        let columns = known_columns.cloned().unwrap_or_default();
        let mut locales = BTreeMap::new();
        for name in set.locales() {
            let found = locale::choose(incident.text.keys().map(String::as_str), name);
            let words = found.and_then(|found| incident.text.get(found));
            let words = words.ok_or_else(|| NoticeError::NoText(name.to_owned()))?;
            let root = values::root(incident, words, organization, date, &columns);
            let (domain, any_column) = (organization.from.1.domain(), known_columns.is_none());
            locales.insert(name.to_owned(), InLocale::compile(Source { set, name, words, root, domain, any_column })?);
        }
        Ok(Self { default_locale: set.default_locale().to_owned(), locales, columns })
    }

    /// The locale that a reader of `wanted` gets: exactly that one, else its language, else the default.
    ///
    /// Case does not matter, and `_` is `-`.
    pub fn locale_for<'a>(&'a self, wanted: &str) -> &'a str {
        locale::choose(self.locales.keys().map(String::as_str), wanted).unwrap_or(&self.default_locale)
    }

    /// The locales of this notice, in alphabetical order.
    pub fn locales(&self) -> impl Iterator<Item = &str> {
        self.locales.keys().map(String::as_str)
    }

    /// Renders one customer's copy. The same notice and customer always give the same copy.
    ///
    /// # Errors
    /// [`RenderError`] where the row lacks a column, holds a value that a helper cannot read, or the copy grows over 1 MB;
    /// it concerns this customer alone.
    pub fn render(&self, customer: &Customer) -> Result<Rendered, RenderError> {
        // `compile` refuses a set whose default locale has no templates, and `locale_for` gives only keys of this map.
        let locale = self.in_locale(self.locale_for(&customer.locale)).expect("the default locale has templates");
        locale.render(customer)
    }

    /// Someone with every column filled, for rules that judge a locale nobody has yet.
    pub fn stand_in(&self, locale: &str) -> Option<Customer> {
        let mailbox = Mailbox::parse("customer@example.com").ok()?;
        let asked = self.in_locale(locale).into_iter().flat_map(InLocale::required_columns);
        let columns = self.columns.iter().map(String::as_str).chain(asked);
        let fields = columns.map(|column| (column.to_owned(), column.to_owned())).collect();
        Some(Customer {
            reference: "C-0000".into(),
            email: mailbox.reveal(),
            mailbox,
            name: "Sample Customer".into(),
            locale: locale.to_owned(),
            fields,
            key: [0; 32],
        })
    }

    pub(super) fn in_locale(&self, name: &str) -> Option<&InLocale> {
        self.locales.get(name)
    }
}
