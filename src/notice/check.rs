//! Whether a notice says what it must: the rules of `config/rules` applied to rendered copies.
//!
//! Decides what each rule looks at. Judges words and places, never the law: what a jurisdiction wants is in its file. Never
//! changes a notice. Rules that need a fact take it from the incident's fields, not from prose.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::bind::GAP;
use super::body_text::squash;
use super::compiled::Notice;
use super::html_text::{paragraphs, text_paragraphs};
use super::in_locale::InLocale;
use super::parties::Customer;
use super::reference_code::reference_code;
use super::rendered::Rendered;
use super::rules::{Rule, RuleSet, Searched, Severity};
use crate::domain::incident::IncidentText;

/// What one rule found in one locale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The rule's id.
    pub rule: String,
    /// What follows if it is not met.
    pub severity: Severity,
    /// The locale that was judged; `None` for a rule about the whole notice.
    pub locale: Option<String>,
    /// Whether it is met.
    pub ok: bool,
    /// What was found, and what to do.
    pub detail: String,
}

/// The rule that asks DNS, which this room does not: approval does.
pub const SENDER_AUTH: &str = "sender-auth";

/// What one rule found in one recipient's copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// What follows.
    pub severity: Severity,
    /// What was found, and what to do. Holds no value from the row.
    pub detail: String,
}

/// One copy, prepared for judging.
struct Sheet<'a> {
    customer: Cow<'a, Customer>,
    rendered: Cow<'a, Rendered>,
    html: Vec<String>,
    text: Vec<String>,
}

impl<'a> Sheet<'a> {
    fn new(customer: Cow<'a, Customer>, rendered: Cow<'a, Rendered>) -> Self {
        let (html, text) = (paragraphs(&rendered.html), text_paragraphs(&rendered.text));
        Self { customer, rendered, html, text }
    }

    /// Both parts, with their names.
    fn parts(&self) -> [(&'static str, &[String]); 2] {
        [("HTML", &self.html), ("text", &self.text)]
    }

    /// Everything a person reads, the subject first.
    fn words(&self) -> Searched {
        let (html, text) = (self.html.join("\n"), self.text.join("\n"));
        Searched::new(format!("{}\n{html}\n{text}", self.rendered.subject))
    }
}

/// What a rule is judged by.
struct Case<'a> {
    rule: &'a Rule,
    locale: &'a InLocale,
    sheets: &'a [Sheet<'a>],
}

/// What was found: `Ok` meets the rule.
type Verdict = Result<String, String>;
type Condition = fn(&Case<'_>) -> Verdict;

/// What each rule of the files looks at.
const CONDITIONS: &[(&str, Condition)] = &[
    ("guarantee-present", guarantee_present),
    ("guarantee-place", guarantee_place),
    ("unresolved", unresolved),
    ("opt-out", opt_out),
    ("reference-code", shows_reference_code),
    ("weight", weight),
];

/// Applies the base rules to every locale of a notice, by the given copies.
///
/// A locale that no sample reads is judged by a stand-in with every column filled. The results come rule by rule.
pub fn check_rules(notice: &Notice, samples: &[(&Customer, &Rendered)]) -> Vec<RuleResult> {
    let locales: Vec<_> = notice
        .locales()
        .filter_map(|name| Some((notice.in_locale(name)?, name, sheets(notice, name, samples))))
        .collect();
    let rules = RuleSet::base();
    let mut results = Vec::with_capacity(rules.rules.len() * locales.len());
    for rule in rules.rules.iter().filter(|rule| rule.id != SENDER_AUTH) {
        for (locale, name, sheets) in &locales {
            let verdict = match (sheets, CONDITIONS.iter().find(|(id, _)| *id == rule.id)) {
                (Err(why), _) => Err(why.clone()),
                (Ok(sheets), Some((_, condition))) => condition(&Case { rule, locale, sheets }),
                (Ok(_), None) => Err(format!("this version does not know the rule {}", rule.id)),
            };
            results.push(RuleResult {
                rule: rule.id.clone(),
                severity: rule.severity,
                locale: Some((*name).to_owned()),
                ok: verdict.is_ok(),
                detail: verdict.unwrap_or_else(|found| format!("{found}: {}", rule.todo)),
            });
        }
    }
    results
}

/// Looks once more, in one recipient's copy, for what can differ from person to person. Cheap enough for every recipient.
///
/// Text that came with the row is no fault of the notice: a customer may be called `{{x}}`.
pub fn check_recipient(notice: &Notice, rules: &RuleSet, customer: &Customer, rendered: &Rendered) -> Vec<Finding> {
    let Some(locale) = notice.in_locale(&rendered.locale) else { return Vec::new() };
    let needs_look = locale.prints_blank(customer) || !locale.always_has_guarantee();
    if !needs_look {
        return Vec::new();
    }
    let sheets = [Sheet::new(Cow::Borrowed(customer), Cow::Borrowed(rendered))];
    let mut findings = Vec::new();
    for (id, condition) in [("guarantee-present", guarantee_present as Condition), ("unresolved", unresolved_in_copies)]
    {
        let Some(rule) = rules.rule(id) else { continue };
        if let Err(found) = condition(&Case { rule, locale, sheets: &sheets }) {
            let detail = format!("{found}: {}", rule.todo);
            findings.push(Finding { rule: rule.id.clone(), severity: rule.severity, detail });
        }
    }
    findings
}

fn sheets<'a>(
    notice: &Notice,
    locale: &str,
    samples: &[(&'a Customer, &'a Rendered)],
) -> Result<Vec<Sheet<'a>>, String> {
    let of_locale = samples.iter().filter(|(_, rendered)| rendered.locale == locale);
    let sheets: Vec<Sheet<'a>> =
        of_locale.map(|(customer, rendered)| Sheet::new(Cow::Borrowed(*customer), Cow::Borrowed(*rendered))).collect();
    if !sheets.is_empty() {
        return Ok(sheets);
    }
    let unread =
        |why: String| format!("nobody in the audience reads this locale, and a stand-in cannot be rendered ({why})");
    let customer = notice.stand_in(locale).ok_or_else(|| unread("no address".into()))?;
    let rendered = notice.render(&customer).map_err(|error| unread(error.to_string()))?;
    Ok(vec![Sheet::new(Cow::Owned(customer), Cow::Owned(rendered))])
}

fn guarantee_present(case: &Case<'_>) -> Verdict {
    let wanted = squash(&case.locale.words.guarantee);
    for (part, words) in case.sheets.iter().flat_map(Sheet::parts) {
        if !words.join(" ").contains(&wanted) {
            return Err(format!("the guarantee is not in the {part} part, word for word"));
        }
    }
    Ok("the guarantee is in both parts, word for word".to_owned())
}

fn guarantee_place(case: &Case<'_>) -> Verdict {
    for (part, words) in case.sheets.iter().flat_map(Sheet::parts) {
        let wanted = undecorated(&squash(&case.locale.words.guarantee)).to_owned();
        let Some(place) = words.iter().position(|paragraph| undecorated(paragraph) == wanted) else {
            return Err(format!("the guarantee is no paragraph of its own in the {part} part"));
        };
        let advice = words.iter().position(|paragraph| is_advice(paragraph, &case.locale.words));
        if advice.is_some_and(|advice| advice < place) {
            return Err(format!("the guarantee comes after what the customer can do in the {part} part"));
        }
    }
    Ok("the guarantee is a paragraph of its own, before what the customer can do".to_owned())
}

/// Whether a paragraph is, or holds, something the customer can do: by the incident's own words, not by its heading.
fn is_advice(paragraph: &str, words: &IncidentText) -> bool {
    words.what_you_can_do.iter().map(|item| squash(item)).any(|item| !item.is_empty() && paragraph.contains(&item))
}

/// A paragraph without the characters that frame it in plain text.
fn undecorated(paragraph: &str) -> &str {
    paragraph.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '*' | '>' | '|' | '_' | '=' | '#' | '"' | '+' | '~' | '-')
    })
}

fn unresolved(case: &Case<'_>) -> Verdict {
    let fixed = case.locale.fixed_text(true);
    let html = paragraphs(&fixed.html).join("\n");
    for (part, text) in
        [("subject", Some(&fixed.subject)), ("HTML part", Some(&html)), ("text part", fixed.text.as_ref())]
    {
        // A gap is whatever stands there for a recipient; copies are looked at below.
        let text = squash(text.map_or("", String::as_str)).replace(GAP, "\u{1}");
        if let Some(word) = Searched::new(text).first_of(&case.rule.words) {
            return Err(format!("`{word}` stands in the {part}"));
        }
    }
    unresolved_in_copies(case)
}

fn unresolved_in_copies(case: &Case<'_>) -> Verdict {
    for sheet in case.sheets {
        let seen = sheet.words();
        let row = || sheet.customer.columns().map(|(_, value)| Searched::new(value.to_owned()));
        let mut left = case.rule.words.iter().filter(|word| seen.has(word));
        if let Some(word) = left.find(|word| !row().any(|value| value.has(word))) {
            return Err(format!("`{word}` stands in a rendered copy"));
        }
    }
    Ok("no placeholder is left".to_owned())
}

fn opt_out(case: &Case<'_>) -> Verdict {
    match case.sheets.iter().find_map(|sheet| sheet.words().first_of(&case.rule.words)) {
        Some(word) => Err(format!("it says `{word}`")),
        None => Ok("it offers no way out of being told".to_owned()),
    }
}

fn shows_reference_code(case: &Case<'_>) -> Verdict {
    for sheet in case.sheets {
        let code = reference_code(&sheet.customer.key);
        for (part, words) in sheet.parts() {
            if !words.iter().any(|paragraph| paragraph.contains(&code)) {
                return Err(format!("the {part} part does not show the reference code"));
            }
        }
    }
    Ok("both parts show the reference code".to_owned())
}

fn weight(case: &Case<'_>) -> Verdict {
    let limit = case.rule.limit.unwrap_or(usize::MAX);
    let heaviest = case.sheets.iter().map(|sheet| sheet.rendered.html.len()).max().unwrap_or(0);
    if heaviest > limit {
        Err(format!("the HTML part has {heaviest} octets"))
    } else {
        Ok(format!("the HTML part has {heaviest} octets"))
    }
}
