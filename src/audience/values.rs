//! The values that have a form of their own: reference, language, jurisdiction, ground for e-mail.
//!
//! Each function takes a trimmed value and gives its one normal form, or says what is wrong with it.

/// Characters of a customer's reference: longer ones are no reference but text that slid into the wrong column.
const REF_CHARS_MAX: usize = 256;
/// Octets of a language tag that RFC 5646 §4.4.1 asks implementations to hold at least.
const LOCALE_OCTETS_MAX: usize = 35;
/// Characters of a jurisdiction: `US-CA` and `EU-DE` are short; a name of a country still fits.
const JURISDICTION_CHARS_MAX: usize = 64;

/// A customer's reference: not empty, one line, at most 256 characters.
pub(super) fn reference(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the ref is empty; every row of a list with a ref column needs one".into());
    }
    if text.chars().count() > REF_CHARS_MAX {
        return Err(format!("the ref is longer than {REF_CHARS_MAX} characters"));
    }
    if text.contains(char::is_control) {
        return Err("the ref holds a line break or another control character".into());
    }
    Ok(text.to_owned())
}

/// A language tag (RFC 5646 §2.1) in its usual case (§2.1.1): `es-MX` for `es_mx`. Empty stays empty: the default.
///
/// Only the form is looked at, not whether the language is registered. Languages of more than three letters, which the
/// RFC reserves, are refused: they are the names of languages (`English`).
pub(super) fn locale(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let refuse = || Err("this is not a language tag such as en, es-MX or zh-Hant".to_owned());
    if text.len() > LOCALE_OCTETS_MAX || !text.is_ascii() {
        return refuse();
    }
    let mut tag = String::with_capacity(text.len());
    for (position, part) in text.split(['-', '_']).enumerate() {
        let is_alphabetic = part.bytes().all(|b| b.is_ascii_alphabetic());
        if part.is_empty() || part.len() > 8 || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return refuse();
        }
        if position == 0 && !(is_alphabetic && matches!(part.len(), 2 | 3)) {
            return refuse();
        }
        if position > 0 {
            tag.push('-');
        }
        match part.len() {
            2 if position > 0 => tag.push_str(&part.to_ascii_uppercase()),
            4 if position > 0 && is_alphabetic => {
                tag.push_str(&part[..1].to_ascii_uppercase());
                tag.push_str(&part[1..].to_ascii_lowercase());
            }
            _ => tag.push_str(&part.to_ascii_lowercase()),
        }
    }
    Ok(tag)
}

/// A jurisdiction in upper case, parts joined by a hyphen: `US-CA`.
pub(super) fn jurisdiction(text: &str) -> Result<String, String> {
    if text.chars().count() > JURISDICTION_CHARS_MAX || text.contains(char::is_control) {
        return Err("this is not a jurisdiction such as US-CA, EU-DE or UK".into());
    }
    Ok(text.to_uppercase().replace('_', "-"))
}

/// The ground on which this customer may be told by e-mail.
pub(super) fn channel_basis(text: &str) -> Result<String, String> {
    let basis = text.to_ascii_lowercase();
    if matches!(basis.as_str(), "" | "consent" | "substitute" | "other" | "none") {
        return Ok(basis);
    }
    Err("channel_basis is one of consent, substitute, other, none, or empty".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_tag_gets_its_usual_form() {
        let forms = [
            ("", ""),
            ("en", "en"),
            ("ES-mx", "es-MX"),
            ("pt_BR", "pt-BR"),
            ("zh_hant_tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("gsw", "gsw"),
            ("de-1996", "de-1996"),
        ];
        for (given, normal) in forms {
            assert_eq!(locale(given).as_deref(), Ok(normal));
        }
    }

    #[test]
    fn nonsense_is_no_language_tag() {
        for text in ["English", "e", "en-", "-en", "en--US", "en US", "12", "es_MX.UTF-8", "日本", "en-ninechars"] {
            assert!(locale(text).is_err(), "{text}");
        }
        assert!(locale(&["en"; 20].join("-")).is_err());
    }

    #[test]
    fn a_reference_is_one_short_line() {
        assert_eq!(reference("C-0042").as_deref(), Ok("C-0042"));
        assert_eq!(reference(&"é".repeat(256)).map(|r| r.len()), Ok(512));
        for text in ["", "a\nb", "a\u{7f}", &"x".repeat(257)] {
            assert!(reference(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn jurisdiction_and_basis_have_one_form() {
        assert_eq!(jurisdiction("us_ca").as_deref(), Ok("US-CA"));
        assert!(jurisdiction("US\n").is_err());
        assert_eq!(channel_basis("Consent").as_deref(), Ok("consent"));
        assert_eq!(channel_basis("").as_deref(), Ok(""));
        assert!(channel_basis("yes").is_err());
    }
}
