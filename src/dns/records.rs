//! The records themselves: SPF (RFC 7208), DKIM keys (RFC 6376 §3.6.1), DMARC (RFC 7489 §6.3), as tags and terms.

/// Look-ups that one SPF record may lead to (RFC 7208 §4.6.4).
pub const SPF_LOOKUPS_MAX: usize = 10;

/// Whether a text is an SPF record.
pub fn is_spf(text: &str) -> bool {
    let version = text.split(' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case("v=spf1")
}

/// What is wrong with an SPF record by itself, in plain words.
pub fn spf_fault(text: &str) -> Option<&'static str> {
    let terms: Vec<String> = text.split_whitespace().skip(1).map(str::to_ascii_lowercase).collect();
    let is_open = |term: &String| matches!(term.as_str(), "all" | "+all" | "?all");
    let asks = |term: &&String| {
        let term = term.trim_start_matches(['+', '-', '~', '?']);
        ["include:", "redirect=", "exists:"].iter().any(|start| term.starts_with(start))
            || ["a", "mx", "ptr"]
                .iter()
                .any(|word| term.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])))
    };
    if terms.iter().any(is_open) {
        return Some("it lets everybody send in this name; end it with ~all or -all");
    }
    if terms.iter().filter(asks).count() > SPF_LOOKUPS_MAX {
        return Some("it needs more than ten look-ups, and then counts as an error; shorten it");
    }
    let is_ended = terms.iter().any(|term| term.ends_with("all") || term.starts_with("redirect="));
    (!is_ended).then_some("it does not say what holds for everybody else; end it with ~all or -all")
}

/// The value of a tag in a list such as `v=DKIM1; k=rsa; p=…`, without white space.
pub fn tag(text: &str, name: &str) -> Option<String> {
    text.split(';').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        (key.trim() == name).then(|| value.chars().filter(|c| !c.is_whitespace()).collect())
    })
}

/// Whether a text is a DMARC record.
pub fn is_dmarc(text: &str) -> bool {
    let first = text.split(';').next().unwrap_or_default();
    first.split_once('=').is_some_and(|(key, value)| key.trim() == "v" && value.trim() == "DMARC1")
}

/// Whether two domains are aligned (RFC 7489 §3.1): the same, or, where that is relaxed, with the same organization. Without
/// the list of public suffixes, two domains belong together where one is the other or lies below it, or where both lie below
/// `organization`.
pub fn is_aligned(one: &str, other: &str, organization: &str, strict: bool) -> bool {
    let below = |name: &str, top: &str| name == top || name.ends_with(&format!(".{top}"));
    one == other
        || !strict && (below(one, other) || below(other, one) || below(one, organization) && below(other, organization))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_spf_record_says_who_may_and_ends() {
        assert!(is_spf("v=spf1 -all") && is_spf("V=SPF1") && !is_spf("v=spf10 -all") && !is_spf("spf"));
        assert_eq!(spf_fault("v=spf1 include:_spf.example.net a mx:x.example -all"), None);
        assert_eq!(spf_fault("v=spf1 redirect=_spf.example.net"), None);
        for wrong in ["v=spf1 +all", "v=spf1 all", "v=spf1 mx", &format!("v=spf1{} -all", " a".repeat(11))] {
            assert!(spf_fault(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn tags_are_found_whatever_space_stands_around_them() {
        assert_eq!(tag("v=DKIM1; k = rsa ;p=AB CD", "p").as_deref(), Some("ABCD"));
        assert_eq!(tag("v=DKIM1; p=", "p").as_deref(), Some(""));
        assert_eq!(tag("v=DKIM1", "p"), None);
        assert!(is_dmarc(" v = DMARC1 ; p=none") && !is_dmarc("v=DMARC2; p=none"));
    }

    #[test]
    fn alignment_is_strict_or_relaxed() {
        let org = "example.com";
        assert!(is_aligned("bounce.example.com", "example.com", org, false));
        assert!(is_aligned("a.example.com", "b.example.com", org, false));
        assert!(!is_aligned("bounce.example.com", "example.com", org, true));
        assert!(!is_aligned("notexample.com", "example.com", org, false));
    }
}
