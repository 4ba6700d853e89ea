//! The helpers a template may call: `date`, `list`, `default`, and the comparisons that handlebars brings.
//!
//! Decides how a date and a list read in a locale, and what stands in for an empty value. Never asks the clock, and never
//! puts a value into an error message.

use chrono::{Datelike as _, NaiveDate};
use handlebars::{
    Context, Handlebars, Helper, HelperDef, JsonRender as _, PathAndJson, RenderContext, RenderError,
    RenderErrorReason, ScopedJson, no_escape,
};
use icu::calendar::{Date, Gregorian};
use icu::datetime::FixedCalendarDateTimeFormatter;
use icu::datetime::fieldsets::YMD;
use icu::list::ListFormatter;
use icu::list::options::{ListFormatterOptions, ListLength};
use icu::locale::Locale;

/// Every helper that gives a value, with the number of its parameters.
pub(super) const VALUES: &[(&str, usize)] = &[
    ("date", 1),
    ("list", 1),
    ("default", 2),
    ("eq", 2),
    ("ne", 2),
    ("gt", 2),
    ("gte", 2),
    ("lt", 2),
    ("lte", 2),
    ("and", 2),
    ("or", 2),
    ("not", 1),
    ("len", 1),
];
/// Every helper that holds a block.
pub(super) const BLOCKS: &[&str] = &["if", "unless", "each", "with"];
/// What handlebars registers by itself and a notice may not use: `lookup` finds names that nobody could check
/// beforehand, `log` writes customers' values to the log, `raw` prints template text.
const REMOVED: &[&str] = &["lookup", "log", "raw"];

/// Helpers and escaping for one locale: for the HTML part if `escaped`, else for subject and text part.
pub(super) fn registry(locale: &Locale, escaped: bool) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    for name in REMOVED {
        registry.unregister_helper(name);
    }
    if !escaped {
        registry.register_escape_fn(no_escape);
    }
    registry.register_helper("date", Box::new(DateHelper { locale: locale.clone() }));
    registry.register_helper("list", Box::new(ListHelper { locale: locale.clone() }));
    registry.register_helper("default", Box::new(DefaultHelper));
    registry
}

/// `{{date incident.occurred_from}}`: a day written out, in the Gregorian calendar whatever the locale, for the dates in an
/// incident's own sentences are Gregorian and one letter must not mix calendars.
struct DateHelper {
    locale: Locale,
}

impl HelperDef for DateHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = parameter(helper, 0)?.value().render();
        let day = iso_day(value.trim())
            .and_then(|day| long_date(&self.locale, day))
            .ok_or_else(|| other("`date` was given something that is no date such as 2018-03-28"))?;
        Ok(ScopedJson::Derived(day.into()))
    }
}

/// The day of an ISO 8601 date, or of a date with a time after it.
fn iso_day(text: &str) -> Option<NaiveDate> {
    let day = text.split(['T', ' ']).next()?;
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()
}

/// A day as a person of that locale writes it out: "28 March 2018" in Britain, "28. März 2018" in Germany.
fn long_date(locale: &Locale, day: NaiveDate) -> Option<String> {
    let formatter: FixedCalendarDateTimeFormatter<Gregorian, YMD> =
        FixedCalendarDateTimeFormatter::try_new(locale.clone().into(), YMD::long()).ok()?;
    let month = u8::try_from(day.month()).ok()?;
    let date = Date::try_new_gregorian(day.year(), month, u8::try_from(day.day()).ok()?).ok()?;
    Some(formatter.format(&date).to_string())
}

/// `{{list incident.information_involved}}`: "a, b and c" in the locale's own way.
struct ListHelper {
    locale: Locale,
}

impl HelperDef for ListHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let items = parameter(helper, 0)?
            .value()
            .as_array()
            .ok_or_else(|| other("`list` was given something that is no list"))?;
        let words: Vec<String> = items.iter().map(|item| item.render()).collect();
        let options = ListFormatterOptions::default().with_length(ListLength::Wide);
        let formatter = ListFormatter::try_new_and(self.locale.clone().into(), options)
            .map_err(|error| other(&format!("`list` knows no lists in this locale: {error}")))?;
        Ok(ScopedJson::Derived(formatter.format(words.iter()).to_string().into()))
    }
}

/// `{{default customer.name "customer"}}`: the value, or what stands in where it is missing or blank.
struct DefaultHelper;

impl HelperDef for DefaultHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = parameter(helper, 0)?;
        let chosen = if value.value().render().trim().is_empty() { parameter(helper, 1)? } else { value };
        Ok(ScopedJson::Derived(chosen.value().clone()))
    }
}

fn parameter<'a, 'rc>(helper: &'a Helper<'rc>, index: usize) -> Result<&'a PathAndJson<'rc>, RenderError> {
    helper.param(index).ok_or_else(|| other("a helper was called with too few parameters"))
}

fn other(message: &str) -> RenderError {
    RenderErrorReason::Other(message.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn say(locale: &str, template: &str) -> Result<String, RenderError> {
        let locale = super::super::locale::parse(locale).unwrap();
        let data = json!({ "day": "2018-03-28", "items": ["a", "b", "c"], "blank": " ", "none": null, "full": "x<y" });
        registry(&locale, true).render_template(template, &data)
    }

    #[test]
    fn a_date_reads_as_in_its_locale() {
        for (locale, expected) in [
            ("en", "March 28, 2018"),
            ("en-GB", "28 March 2018"),
            ("de", "28. März 2018"),
            ("es", "28 de marzo de 2018"),
            ("th", "28 มีนาคม ค.ศ. 2018"),
        ] {
            assert_eq!(say(locale, "{{date day}}").unwrap(), expected, "{locale}");
        }
        assert_eq!(say("en", "{{date \"2018-04-05T12:00:00-04:00\"}}").unwrap(), "April 5, 2018");
    }

    #[test]
    fn what_is_no_date_is_an_error_that_does_not_repeat_the_value() {
        let error = say("en", "{{date full}}").unwrap_err().to_string();
        assert!(error.contains("no date") && !error.contains("x<y"), "{error}");
        assert!(say("en", "{{date \"2018-02-30\"}}").is_err());
    }

    #[test]
    fn a_list_is_joined_as_in_its_locale() {
        assert_eq!(say("en", "{{list items}}").unwrap(), "a, b, and c");
        assert_eq!(say("de", "{{list items}}").unwrap(), "a, b und c");
        assert!(say("en", "{{list full}}").is_err());
    }

    #[test]
    fn a_default_stands_in_for_blank_and_missing_and_is_escaped_like_any_value() {
        assert_eq!(say("en", "{{default blank \"you\"}}").unwrap(), "you");
        assert_eq!(say("en", "{{default none \"you\"}}").unwrap(), "you");
        assert_eq!(say("en", "{{default absent \"you\"}}").unwrap(), "you");
        assert_eq!(say("en", "{{default full \"you\"}}").unwrap(), "x&lt;y");
    }

    #[test]
    fn helpers_that_evade_the_check_of_names_do_not_exist() {
        for template in ["{{lookup items 0}}", "{{log full}}", "{{{{raw}}}}x{{{{/raw}}}}"] {
            assert!(say("en", template).is_err(), "{template}");
        }
    }
}
