//! Zone names: exact ones of the IANA database, and what somebody may have meant by another.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::WhenError;

/// The longest zone name has 32 characters; more is not worth a search for names like it.
const ZONE_NAME_MAX: usize = 64;
/// How many similar zone names an error suggests.
const SUGGESTIONS_MAX: usize = 3;

/// A zone of the IANA database by its exact name (`Europe/Berlin`).
///
/// # Errors
/// [`WhenError::UnknownZone`] with similar names.
pub fn parse_zone(name: &str) -> Result<Tz, WhenError> {
    name.parse().map_err(|_| WhenError::UnknownZone { name: name.to_owned(), hint: zone_hint(name) })
}

fn zone_hint(name: &str) -> String {
    let wanted = name.trim().to_ascii_lowercase().replace(' ', "_");
    let general = "write a name of the IANA database, such as Europe/Berlin or America/New_York";
    if wanted.is_empty() || wanted.len() > ZONE_NAME_MAX {
        return general.to_owned();
    }
    // One slip in three letters is still a slip; more is another name.
    let slips_max = (wanted.len() / 3).max(1);
    let mut near: Vec<(usize, &str)> = TZ_VARIANTS
        .iter()
        .filter_map(|zone| {
            let full = zone.name().to_ascii_lowercase();
            let city = full.rsplit('/').next().unwrap_or(&full);
            let slips = distance(&wanted, &full).min(distance(&wanted, city));
            (slips <= slips_max).then_some((slips, zone.name()))
        })
        .collect();
    near.sort_unstable();
    near.truncate(SUGGESTIONS_MAX);
    match near.as_slice() {
        [] => general.to_owned(),
        some => format!("did you mean {}?", some.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(" or ")),
    }
}

/// How many letters must be put in, taken out or changed (Levenshtein 1965).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe::Berlin;

    use super::super::parse_at;
    use super::*;

    #[test]
    fn an_unknown_zone_is_refused_with_similar_names() {
        for (name, like) in [
            ("Europe/Berln", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("New York", "America/New_York"),
            ("America/Newyork", "America/New_York"),
            ("Asia/Katmandoo", "Asia/Katmandu"),
        ] {
            let error = parse_at(&format!("2026-11-05T09:00[{name}]"), Berlin).unwrap_err();
            assert!(matches!(&error, WhenError::UnknownZone { hint, .. } if hint.contains(like)), "{error}");
        }
        let error = parse_zone(&"x".repeat(1_000_000)).unwrap_err();
        assert!(matches!(&error, WhenError::UnknownZone { hint, .. } if hint.contains("IANA")));
    }
}
