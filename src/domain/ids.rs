//! Names that people give to things and that end up in file names, entries and commands.

use std::fmt;

/// Characters of a campaign's or relay's name.
const NAME_CHARS_MAX: usize = 64;

/// The name of a campaign: what scripts call it by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CampaignName(String);

/// The name is not one that is safe in a file name, a command and an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name {0:?} cannot be used: take 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
)]
pub struct NameError(String);

impl CampaignName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] unless it is 1 to 64 of `A–Z a–z 0–9 . _ -`, the first a letter or digit.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(NameError(text.to_owned())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CampaignName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_a_path_and_a_command() {
        assert!(CampaignName::parse("delta-2018.v2_a").is_ok());
        for bad in ["", "-x", ".x", "a/b", "a b", "ä", "a\n", "..", &"a".repeat(65)] {
            assert!(CampaignName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
