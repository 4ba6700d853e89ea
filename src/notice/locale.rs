//! Which of a notice's locales a recipient reads.
//!
//! Decides equality of locale names and the way from a wanted one to one that exists (interface.md: exactly, else its
//! language, else the default). Never guesses a language from a name or an address.

use icu::locale::Locale;

/// The form in which locale names are compared: lower case, `-` between subtags, nothing around it.
pub(super) fn canonical(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('_', "-")
}

/// The language subtag of a canonical name.
pub(super) fn language(canonical: &str) -> &str {
    canonical.split('-').next().unwrap_or(canonical)
}

/// The locale for dates and lists; `None` where the name is no language tag (BCP 47).
pub(super) fn parse(name: &str) -> Option<Locale> {
    Locale::try_from_str(&name.trim().replace('_', "-")).ok()
}

/// The one of `available` that a reader of `wanted` gets: the same locale, else its language; `None` if neither is there.
pub(super) fn choose<'a>(available: impl Iterator<Item = &'a str> + Clone, wanted: &str) -> Option<&'a str> {
    let wanted = canonical(wanted);
    if wanted.is_empty() {
        return None;
    }
    let find = |form: &str| available.clone().find(|name| canonical(name) == form);
    find(&wanted).or_else(|| find(language(&wanted)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_locale_is_taken_exactly_else_by_its_language() {
        let available = ["en", "pt-BR", "pt", "zh_Hant"];
        let choose = |wanted| super::choose(available.into_iter(), wanted);
        assert_eq!(choose("PT_br"), Some("pt-BR"));
        assert_eq!(choose("pt-AO"), Some("pt"));
        assert_eq!(choose("zh-hant"), Some("zh_Hant"));
        assert_eq!(choose(" en-GB "), Some("en"));
        assert_eq!(choose("zh-Hans"), None);
        assert_eq!(choose(""), None);
    }
}
