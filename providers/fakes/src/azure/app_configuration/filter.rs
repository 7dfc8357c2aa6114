//! Filters of a listing: https://learn.microsoft.com/azure/azure-app-configuration/rest-api-key-value#filtering

use super::problem::Problem;
use super::settings::Setting;

/// Most alternatives of one filter.
const MOST: usize = 5;

#[derive(Debug, PartialEq, Eq)]
enum Term {
    Exact(String),
    Prefix(String),
    /// The null character: no label.
    Null,
}

/// None is everything.
#[derive(Debug)]
pub(super) struct Filter {
    keys: Option<Vec<Term>>,
    labels: Option<Vec<Term>>,
    tags: Vec<(String, String)>,
}

impl Filter {
    pub(super) fn parse(
        key: Option<&str>,
        label: Option<&str>,
        tags: &[String],
    ) -> Result<Self, Problem> {
        let terms = |name: &'static str, text: Option<&str>| {
            text.map(|text| terms(text).ok_or_else(|| Problem::argument(name, "Invalid filter")))
                .transpose()
        };
        let mut pairs = Vec::new();
        for tag in tags {
            let (key, value) = tag
                .split_once('=')
                .ok_or_else(|| Problem::argument("tags", "Invalid filter"))?;
            pairs.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self {
            keys: terms("key", key)?,
            labels: terms("label", label)?,
            tags: pairs,
        })
    }

    pub(super) fn fits(&self, setting: &Setting) -> bool {
        fits(self.keys.as_deref(), Some(&setting.key))
            && fits(self.labels.as_deref(), setting.label.as_deref())
            && self
                .tags
                .iter()
                .all(|(key, value)| setting.tags.get(key) == Some(value))
    }
}

fn fits(terms: Option<&[Term]>, text: Option<&str>) -> bool {
    terms.is_none_or(|terms| {
        terms.iter().any(|term| match (term, text) {
            (Term::Null, text) => text.is_none(),
            (Term::Exact(wanted), Some(text)) => wanted == text,
            (Term::Prefix(prefix), Some(text)) => text.starts_with(prefix.as_str()),
            // `*` alone is everything, with and without a label.
            (Term::Prefix(prefix), None) => prefix.is_empty(),
            (Term::Exact(_), None) => false,
        })
    })
}

/// `a,b*,c\,d`: a `*` is at the end only, a `\` takes the meaning of what follows.
fn terms(text: &str) -> Option<Vec<Term>> {
    let mut terms = Vec::new();
    let (mut word, mut open) = (String::new(), false);
    let mut letters = text.chars();
    loop {
        let letter = letters.next();
        match letter {
            None | Some(',') => {
                let word = std::mem::take(&mut word);
                terms.push(match (open, word.as_str()) {
                    (true, _) => Term::Prefix(word),
                    (false, "\0" | "") => Term::Null,
                    (false, _) => Term::Exact(word),
                });
                open = false;
                if letter.is_none() {
                    break;
                }
            }
            // After a `*` nothing but the next alternative.
            Some(_) if open => return None,
            Some('*') => open = true,
            Some('\\') => word.push(
                letters
                    .next()
                    .filter(|next| matches!(next, '*' | ',' | '\\'))?,
            ),
            Some(letter) => word.push(letter),
        }
    }
    (terms.len() <= MOST).then_some(terms)
}

#[cfg(test)]
mod tests {
    use super::{Filter, Term, terms};
    use crate::azure::Setting;

    #[test]
    fn filters_are_read_as_published() {
        let exact = |word: &str| Term::Exact(word.to_owned());
        let prefix = |word: &str| Term::Prefix(word.to_owned());
        assert_eq!(terms("a"), Some(vec![exact("a")]));
        assert_eq!(terms("*"), Some(vec![prefix("")]));
        assert_eq!(terms("a:*,b"), Some(vec![prefix("a:"), exact("b")]));
        assert_eq!(
            terms("a\\*,b\\,c,d\\\\"),
            Some(vec![exact("a*"), exact("b,c"), exact("d\\")])
        );
        assert_eq!(terms("\0"), Some(vec![Term::Null]));
        for wrong in ["*a", "a*b", "a\\", "a\\b", "1,2,3,4,5,6"] {
            assert_eq!(terms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_setting_without_a_label_is_not_one_with_any() {
        let fits = |label: Option<&str>, setting: &Setting| {
            Filter::parse(Some("app:*"), label, &[])
                .unwrap()
                .fits(setting)
        };
        let (plain, prod) = (
            Setting::new("app:a", ""),
            Setting::new("app:a", "").label("prod"),
        );
        assert!(fits(None, &plain) && fits(None, &prod));
        assert!(fits(Some("\0"), &plain) && !fits(Some("\0"), &prod));
        assert!(!fits(Some("prod"), &plain) && fits(Some("prod"), &prod));
        assert!(!fits(Some("p*"), &plain) && fits(Some("p*"), &prod));
        assert!(fits(Some("*"), &plain));
        assert!(!fits(None, &Setting::new("apple", "")));
    }
}
