//! Reads the arguments of MAIL and RCPT on the server's side (RFC 5321 §4.1.2).
//!
//! Decides what is a path and what is a parameter; never which of them an inbox takes.

/// The path and the parameters of one command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path<'a> {
    /// Between the angle brackets; empty for `<>`.
    pub address: &'a str,
    /// Keyword and value, the value empty where there is none.
    pub parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Path<'a> {
    /// Reads what follows `MAIL FROM:` or `RCPT TO:`; `None` where it is no path in angle brackets.
    pub fn parse(line: &'a str, command: &str) -> Option<Self> {
        let (head, rest) = line.split_at_checked(command.len())?;
        let rest = rest.trim_start().strip_prefix('<').filter(|_| head.eq_ignore_ascii_case(command))?;
        let (address, rest) = rest.split_once('>')?;
        let is_legal = !address.contains(['<', ' ']) && !address.contains(char::is_control);
        let is_separated = rest.is_empty() || rest.starts_with(' ');
        let parameters = rest.split_ascii_whitespace().map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
        (is_legal && is_separated).then_some(Self { address, parameters })
    }

    /// The value of a parameter, without regard to the keyword's case.
    pub fn parameter(&self, keyword: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(keyword)).map(|(_, value)| *value)
    }

    /// Whether all parameters are among these keywords.
    pub fn has_only(&self, keywords: &[&str]) -> bool {
        self.parameters.iter().all(|(name, _)| keywords.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_in_brackets_with_its_parameters_behind() {
        let path = Path::parse("mail from:<a@b.c> SIZE=10 smtputf8", "MAIL FROM:").unwrap();
        assert_eq!((path.address, path.parameter("size"), path.parameter("SMTPUTF8")), ("a@b.c", Some("10"), Some("")));
        assert!(path.has_only(&["SIZE", "SMTPUTF8"]) && !path.has_only(&["SIZE"]));
        assert_eq!(Path::parse("RCPT TO: <>", "RCPT TO:").unwrap().address, "");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for line in ["RCPT TO:a@b.c", "RCPT TO:<a@b.c", "RCPT TO:<a b>", "RCPT TO:<a>x", "RCPT", "RCPT TO:"] {
            assert_eq!(Path::parse(line, "RCPT TO:"), None, "{line}");
        }
    }
}
