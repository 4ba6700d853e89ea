//! A notice in one locale: its bound templates, and one customer's copy of them.
//!
//! Decides what is put into a copy. Every name in its templates was checked, and everything that is the same for all
//! recipients bound, when it was made; rendering changes nothing here.

use std::sync::Arc;

use handlebars::{Context, Handlebars, Template};
use serde_json::{Map, Value};

use super::bind::{Binding, LimitedText, PART_OCTETS_MAX, fill, fixed_text};
use super::body_text::{clean, squash};
use super::error::{NoticeError, RenderError};
use super::header::one_line;
use super::html_text::paragraphs;
use super::names::{Ground, Names, Usage};
use super::parse::parse;
use super::parties::Customer;
use super::reference_code::reference_code;
use super::rendered::{Attachment, Rendered};
use super::template_set::{BODY_HTML, BODY_TEXT, SUBJECT, TemplateSet};
use super::{helpers, images, locale, text_part};
use crate::domain::incident::IncidentText;

/// Characters of a subject; what is longer is cut with an ellipsis. Mail programs show some seventy.
const SUBJECT_CHARACTERS_MAX: usize = 250;
/// Room for the values of one part beside its fixed text, so that an ordinary copy is written without growing.
const ROOM_FOR_VALUES_OCTETS: usize = 512;

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

/// What a locale is made of.
pub(super) struct Source<'s> {
    pub(super) set: &'s TemplateSet,
    /// The locale's folder.
    pub(super) name: &'s str,
    /// The incident's words in it.
    pub(super) words: &'s IncidentText,
    /// The values that will be there, of [`values::root`](super::values::root).
    pub(super) root: Value,
    /// From's domain, for Content-IDs.
    pub(super) domain: &'s str,
    /// Whether any column may be named, because nobody was imported yet.
    pub(super) any_column: bool,
}

impl InLocale {
    /// Checks and binds the templates of one locale.
    pub(super) fn compile(source: Source<'_>) -> Result<Self, NoticeError> {
        let Source { set, name, words, root, domain, any_column } = source;
        let tag = locale::parse(name).ok_or_else(|| NoticeError::BadLocale(name.to_owned()))?;
        let escaping = Arc::new(helpers::registry(&tag, true));
        let plain = Arc::new(helpers::registry(&tag, false));
        let context = Context::from(root);
        let missing = |file| NoticeError::MissingTemplate { locale: name.to_owned(), file };
        let mut usage = Usage::default();
        let mut part = |file: &str, text: &str, registry: &Arc<Handlebars<'static>>| {
            let file = format!("{name}/{file}");
            let escaped = Arc::ptr_eq(registry, &escaping);
            let ground = Ground { file: &file, root: context.data(), escaped, any_column };
            let (template, used) = bound(ground, text, registry, &context)?;
            usage.join(used);
            let expected = fixed_text(&template, true).len() + ROOM_FOR_VALUES_OCTETS;
            Ok::<_, NoticeError>(Part { file, template, registry: registry.clone(), expected })
        };
        let subject = part(SUBJECT, set.template(name, SUBJECT).ok_or_else(|| missing(SUBJECT))?, &plain)?;
        let html = set.template(name, BODY_HTML).ok_or_else(|| missing(BODY_HTML))?;
        let (html, images) = images::embed(set, name, &format!("{name}/{BODY_HTML}"), html, domain)?;
        let html = part(BODY_HTML, &html, &escaping)?;
        let text = set.template(name, BODY_TEXT).map(|text| part(BODY_TEXT, text, &plain)).transpose()?;
        let all = context.data().as_object();
        let fixed = usage.roots.iter().filter_map(|root| Some((root.clone(), all?.get(root)?.clone()))).collect();
        let (name, words) = (name.to_owned(), words.clone());
        let mut locale = Self { name, subject, html, text, images, usage, fixed, words, guarantee_is_fixed: false };
        locale.guarantee_is_fixed = locale.has_fixed_guarantee();
        Ok(locale)
    }

    /// The columns without which a row cannot be rendered.
    pub(super) fn required_columns(&self) -> impl Iterator<Item = &str> {
        self.usage.required.iter().map(String::as_str)
    }

    /// The images that its HTML embeds, in order of appearance.
    pub(super) fn images(&self) -> &[Arc<Attachment>] {
        &self.images
    }

    /// One customer's copy.
    pub(super) fn render(&self, customer: &Customer) -> Result<Rendered, RenderError> {
        let context = self.context(customer)?;
        let subject = one_line(&self.subject.fill(&context)?, SUBJECT_CHARACTERS_MAX).into_owned();
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

/// A template with its names checked and bound, and what it still asks for.
fn bound(
    ground: Ground<'_>,
    text: &str,
    registry: &Handlebars<'static>,
    context: &Context,
) -> Result<(Template, Usage), NoticeError> {
    let template = parse(ground.file, &clean(text.to_owned()))?;
    Names::new(ground).template(&template)?;
    let template = Binding { ground, registry, context }.bind(template)?;
    let mut rest = Names::new(ground);
    rest.template(&template)?;
    Ok((template, rest.into_usage()))
}

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
