//! A notice ready to be rendered for anybody: templates checked against the names that exist, and bound.
//!
//! Decides what a recipient reads. Never asks the clock (the date is a parameter), never does I/O, never sends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use handlebars::{Context, Handlebars, Template};
use serde_json::{Map, Value};

use super::bind::{Binding, LimitedText, PART_OCTETS_MAX, fill, fixed_text};
use super::body_text::{clean, squash};
use super::error::{NoticeError, RenderError};
use super::header::one_line;
use super::html_text::paragraphs;
use super::names::{Names, Usage};
use super::parse::parse;
use super::reference_code::reference_code;
use super::rendered::{Attachment, Rendered};
use super::template_set::{BODY_HTML, BODY_TEXT, SUBJECT, TemplateSet};
use super::{helpers, images, locale, text_part, values};
use crate::crypto::Hash;
use crate::domain::address::Mailbox;
use crate::domain::incident::{Incident, IncidentText};

/// Characters of a subject; what is longer is cut with an ellipsis. Mail programs show some seventy.
const SUBJECT_CHARACTERS_MAX: usize = 250;

/// Who sends: what templates see as `organization.*`, and the From and Reply-To of each message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// The name, if any, and the address of From.
    pub from: (Option<String>, Mailbox),
    /// Where answers go, if not to From.
    pub reply_to: Option<Mailbox>,
    /// The postal address, as it is to be printed.
    pub postal_address: String,
}

/// One customer as imported: what templates see as `customer.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The customer's reference (`ref`).
    pub reference: String,
    /// Where the notice goes.
    pub mailbox: Mailbox,
    /// The address as imported.
    pub email: String,
    /// The name; may be empty.
    pub name: String,
    /// The locale; may be empty.
    pub locale: String,
    /// All other imported columns, `jurisdiction` and `channel_basis` among them.
    pub fields: BTreeMap<String, String>,
    /// The recipient's key: the reference code, the Message-ID and the boundaries follow from it.
    pub key: Hash,
}

impl Customer {
    /// The value of a column under the name that templates use.
    pub(super) fn column(&self, name: &str) -> Option<&str> {
        match name {
            "ref" => Some(&self.reference),
            "email" => Some(&self.email),
            "name" => Some(&self.name),
            "locale" => Some(&self.locale),
            other => self.fields.get(other).map(String::as_str),
        }
    }

    /// Every column with its value.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = values::OWN_COLUMNS.iter().filter_map(|name| self.column(name).map(|value| (*name, value)));
        let others = self.fields.iter().filter(|(name, _)| !values::OWN_COLUMNS.contains(&name.as_str()));
        own.chain(others.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// A notice that can be rendered. Share it between threads; rendering changes nothing in it.
pub struct Notice {
    default_locale: String,
    locales: BTreeMap<String, InLocale>,
    columns: BTreeSet<String>,
}

/// A notice in one locale.
pub(super) struct InLocale {
    name: String,
    subject: Part,
    html: Part,
    /// `None`: made from the HTML part.
    text: Option<Part>,
    images: Vec<Arc<Attachment>>,
    usage: Usage,
    /// The values that are the same for everybody, as far as the bound templates still ask for them.
    fixed: Map<String, Value>,
    guarantee_is_fixed: bool,
    /// The incident's words in this locale.
    pub(super) words: IncidentText,
}

/// One bound template.
struct Part {
    file: String,
    template: Template,
    registry: Arc<Handlebars<'static>>,
    /// Room that a copy needs, in octets.
    expected: usize,
}

/// The fixed text of one locale's templates, with a gap for each value.
pub(super) struct FixedText {
    pub(super) subject: String,
    pub(super) html: String,
    /// `None` where the text part is made from the HTML part.
    pub(super) text: Option<String>,
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
        let mut locales = BTreeMap::new();
        for name in set.locales() {
            let found = locale::choose(incident.text.keys().map(String::as_str), name);
            let words = found.and_then(|found| incident.text.get(found));
            let words = words.ok_or_else(|| NoticeError::NoText(name.to_owned()))?;
            let root = values::root(incident, words, organization, date, known_columns);
            locales.insert(name.to_owned(), InLocale::compile(set, name, words, root, organization.from.1.domain())?);
        }
        Ok(Self { default_locale: set.default_locale().to_owned(), locales, columns: known_columns.clone() })
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
        let fields = self.columns.iter().map(|column| (column.clone(), column.clone())).collect();
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

impl InLocale {
    fn compile(
        set: &TemplateSet,
        name: &str,
        words: &IncidentText,
        root: Value,
        domain: &str,
    ) -> Result<Self, NoticeError> {
        let tag = locale::parse(name).ok_or_else(|| NoticeError::BadLocale(name.to_owned()))?;
        let escaped = Arc::new(helpers::registry(&tag, true));
        let plain = Arc::new(helpers::registry(&tag, false));
        let context = Context::from(root);
        let mut usage = Usage::default();
        let mut part = |file: &str, source: &str, registry: &Arc<Handlebars<'static>>| {
            let file = format!("{name}/{file}");
            let is_html = Arc::ptr_eq(registry, &escaped);
            let template = parse(&file, &clean(source.to_owned()))?;
            Names::new(&file, context.data(), is_html).template(&template)?;
            let binding = Binding { file: &file, escaped: is_html, registry, context: &context };
            let template = binding.bind(template)?;
            let mut rest = Names::new(&file, context.data(), is_html);
            rest.template(&template)?;
            usage.join(rest.into_usage());
            let expected = fixed_text(&template, true).len() + ROOM_FOR_VALUES_OCTETS;
            Ok::<_, NoticeError>(Part { file, template, registry: registry.clone(), expected })
        };
        let missing = |file| NoticeError::MissingTemplate { locale: name.to_owned(), file };
        let subject = part(SUBJECT, set.template(name, SUBJECT).ok_or_else(|| missing(SUBJECT))?, &plain)?;
        let html = set.template(name, BODY_HTML).ok_or_else(|| missing(BODY_HTML))?;
        let (html, images) = images::embed(set, name, &format!("{name}/{BODY_HTML}"), html, domain)?;
        let html = part(BODY_HTML, &html, &escaped)?;
        let text = set.template(name, BODY_TEXT).map(|source| part(BODY_TEXT, source, &plain)).transpose()?;
        let all = context.data().as_object();
        let fixed = usage.roots.iter().filter_map(|root| Some((root.clone(), all?.get(root)?.clone()))).collect();
        let words = words.clone();
        let mut locale =
            Self { name: name.to_owned(), subject, html, text, images, usage, fixed, words, guarantee_is_fixed: false };
        locale.guarantee_is_fixed = locale.has_fixed_guarantee();
        Ok(locale)
    }

    fn render(&self, customer: &Customer) -> Result<Rendered, RenderError> {
        let context = self.context(customer)?;
        let subject = one_line(&self.subject.fill(&context)?, SUBJECT_CHARACTERS_MAX);
        let html = clean(self.html.fill(&context)?);
        let text = match &self.text {
            Some(text) => text.fill(&context)?,
            None => text_part::from_html(&html).map_err(|error| RenderError::Template {
                file: self.html.file.clone(),
                line: 0,
                message: format!("no text part could be made from the HTML part: {error}"),
            })?,
        };
        Ok(Rendered { locale: self.name.clone(), subject, text: clean(text), html, attachments: self.images.clone() })
    }

    /// The values for one customer: only what the bound templates ask for.
    fn context(&self, customer: &Customer) -> Result<Context, RenderError> {
        let mut columns = Map::new();
        if self.usage.all_columns {
            columns.extend(customer.columns().map(|(name, value)| (name.to_owned(), value.into())));
        }
        for name in &self.usage.required {
            let value = customer.column(name).ok_or_else(|| RenderError::NoColumn(name.clone()))?;
            columns.insert(name.clone(), value.into());
        }
        for name in &self.usage.optional {
            if let Some(value) = customer.column(name) {
                columns.insert(name.clone(), value.into());
            }
        }
        let mut root = self.fixed.clone();
        root.insert("customer".into(), Value::Object(columns));
        root.insert("reference_code".into(), reference_code(&customer.key).into());
        Ok(Context::from(Value::Object(root)))
    }

    /// Whether every recipient's copy has the guarantee in both parts, because it stands in the fixed text.
    pub(super) fn always_has_guarantee(&self) -> bool {
        self.guarantee_is_fixed
    }

    /// Whether a column that this locale's templates print is blank for a customer: then words may stand beside a gap.
    pub(super) fn prints_blank(&self, customer: &Customer) -> bool {
        let used = self.usage.required.iter().chain(&self.usage.optional);
        self.usage.all_columns
            || used.into_iter().any(|name| customer.column(name).is_none_or(|value| value.trim().is_empty()))
    }

    fn has_fixed_guarantee(&self) -> bool {
        let wanted = squash(&self.words.guarantee);
        let fixed = self.fixed_text(false);
        let html = paragraphs(&fixed.html).join(" ").contains(&wanted);
        // Without a text template the text part holds what the HTML part shows.
        html && fixed.text.is_none_or(|text| squash(&text).contains(&wanted))
    }

    /// The fixed text of the templates: of every branch, or only of what all recipients get.
    pub(super) fn fixed_text(&self, all_branches: bool) -> FixedText {
        FixedText {
            subject: fixed_text(&self.subject.template, all_branches),
            html: fixed_text(&self.html.template, all_branches),
            text: self.text.as_ref().map(|text| fixed_text(&text.template, all_branches)),
        }
    }
}

/// Room for the values of one part beside its fixed text, so that an ordinary copy is written without growing.
const ROOM_FOR_VALUES_OCTETS: usize = 512;

impl Part {
    fn fill(&self, context: &Context) -> Result<String, RenderError> {
        fill(&self.template, &self.registry, context, LimitedText::new(self.expected)).map_err(|error| {
            use handlebars::RenderErrorReason::IOError;
            match error.reason() {
                // `LimitedText` is the only writer here, and this its only error.
                IOError(_) => RenderError::TooLarge { file: self.file.clone(), limit_octets: PART_OCTETS_MAX },
                reason => RenderError::Template {
                    file: self.file.clone(),
                    line: error.line_no.unwrap_or(0),
                    message: reason.to_string(),
                },
            }
        })
    }
}
