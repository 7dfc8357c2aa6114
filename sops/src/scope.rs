//! Which values of a file are encrypted.

use regex::Regex;

use crate::error::Error;
use crate::pattern;

/// The file's rule. It looks at every key on the way to a value: one that matches decides for all below.
pub(crate) struct Scope {
    matcher: Matcher,
    /// Whether what matches is encrypted, or what does not.
    encrypted: bool,
}

enum Matcher {
    Suffix(String),
    Regex(Regex),
    /// The rule looks at comments.
    Comments,
}

/// What a value's place says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Encrypted,
    Plain,
    /// By its form. The comments that decide are not part of the MAC, so they prove nothing: a value that has the
    /// form of an encrypted one and decrypts at its place is one, and the MAC is over what they all decrypt to.
    ByForm,
}

/// The suffix of keys whose values are left alone where a file names no rule.
pub(crate) const DEFAULT_SUFFIX: &str = "_unencrypted";

impl Scope {
    /// From the one rule of a file, by the name of its metadata's member.
    pub(crate) fn new(rule: &'static str, value: &str) -> Result<Self, Error> {
        let regex = || {
            pattern::compile(value)
                .map(Matcher::Regex)
                .map_err(|why| Error::UnsupportedRule { rule, why })
        };
        let (matcher, encrypted) = match rule {
            "unencrypted_suffix" => (Matcher::Suffix(value.to_owned()), false),
            "encrypted_suffix" => (Matcher::Suffix(value.to_owned()), true),
            "unencrypted_regex" => (regex()?, false),
            "encrypted_regex" => (regex()?, true),
            "unencrypted_comment_regex" => (Matcher::Comments, false),
            "encrypted_comment_regex" => (Matcher::Comments, true),
            _ => {
                return Err(Error::UnsupportedRule {
                    rule,
                    why: "it is not known".to_owned(),
                });
            }
        };
        Ok(Self { matcher, encrypted })
    }

    /// Whether a key decides for all below it.
    pub(crate) fn matches(&self, key: &str) -> bool {
        match &self.matcher {
            Matcher::Suffix(suffix) => key.ends_with(suffix.as_str()),
            Matcher::Regex(regex) => regex.is_match(key),
            Matcher::Comments => false,
        }
    }

    /// What becomes of a value whose keys match or do not.
    pub(crate) fn verdict(&self, matched: bool) -> Verdict {
        if matches!(self.matcher, Matcher::Comments) {
            Verdict::ByForm
        } else if matched == self.encrypted {
            Verdict::Encrypted
        } else {
            Verdict::Plain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_what_it_names() {
        for (rule, value, key, expected) in [
            ("unencrypted_suffix", "_plain", "a_plain", Verdict::Plain),
            ("unencrypted_suffix", "_plain", "a", Verdict::Encrypted),
            ("encrypted_suffix", "_enc", "a_enc", Verdict::Encrypted),
            ("encrypted_suffix", "_enc", "a", Verdict::Plain),
            ("encrypted_regex", "^data$", "data", Verdict::Encrypted),
            ("encrypted_regex", "^data$", "kind", Verdict::Plain),
            ("unencrypted_regex", "^kind$", "kind", Verdict::Plain),
            ("encrypted_comment_regex", "x", "a", Verdict::ByForm),
        ] {
            let scope = Scope::new(rule, value).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scope.verdict(scope.matches(key)), expected, "{rule} {key}");
        }
        assert!(Scope::new("encrypted_regex", "(").is_err());
    }
}
