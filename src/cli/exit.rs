//! Errors as exit codes (interface.md, "Exit codes").

use crate::approval::ApprovalError;
use crate::audience::AudienceError;
use crate::config::ConfigError;
use crate::domain::ids::NameError;
use crate::domain::text::escape_controls;
use crate::domain::when::WhenError;
use crate::followup::FollowupError;

/// Done.
pub const DONE: u8 = 0;
/// Could not be done, or was interrupted.
pub const FAILED: u8 = 1;
/// Wrong usage or configuration.
pub const USAGE: u8 = 2;
/// Done, but not for everybody.
pub const NOT_EVERYBODY: u8 = 3;
/// Refused: an approval is missing.
pub const REFUSED: u8 = 5;

/// Says on stderr what went wrong; returns the exit code for it.
pub fn report(error: &anyhow::Error) -> u8 {
    let words: Vec<String> = error.chain().map(ToString::to_string).collect();
    // Transparent errors repeat their source: each sentence is said once.
    let mut said: Vec<String> = Vec::new();
    for sentence in words {
        if !said.iter().any(|other| other.contains(&sentence)) {
            said.push(sentence);
        }
    }
    super::progress::line_above(&format!("candor: {}", escape_controls(&said.join(": "))));
    code(error)
}

fn code(error: &anyhow::Error) -> u8 {
    let is_usage = error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause.is::<NameError>()
            || cause.is::<WhenError>()
            || cause.is::<Usage>()
            || matches!(cause.downcast_ref(), Some(ApprovalError::Past(_) | ApprovalError::Settings(_)))
            || matches!(cause.downcast_ref(), Some(FollowupError::Target { .. } | FollowupError::NotRerun(_)))
            || matches!(
                cause.downcast_ref(),
                Some(
                    AudienceError::MapArg(_)
                        | AudienceError::MappedTwice(_)
                        | AudienceError::NoSuchColumn { .. }
                        | AudienceError::Unsupported { .. }
                        | AudienceError::SqliteSource { .. }
                        | AudienceError::Query(_)
                )
            )
    });
    if error.chain().any(|cause| cause.is::<Refused>()) {
        return REFUSED;
    }
    if is_usage { USAGE } else { FAILED }
}

/// Something on the command line that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Something that nobody has approved.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_usage_is_2_and_anything_else_that_failed_is_1() {
        assert_eq!(code(&Usage("x".into()).into()), USAGE);
        assert_eq!(code(&anyhow::Error::new(ApprovalError::Past("x".into())).context("y")), USAGE);
        assert_eq!(code(&ApprovalError::Unknown("c".into()).into()), FAILED);
        assert_eq!(code(&anyhow::anyhow!("x")), FAILED);
    }

    #[test]
    fn a_missing_approval_is_5() {
        assert_eq!(code(&Refused("x".into()).into()), REFUSED);
    }
}
