//! The part of https://cloud.google.com/secret-manager/docs/filtering that clients here use. Another
//! filter is refused: one that silently fits everything would show too much.

use crate::gcp::error::Refused;
use crate::gcp::secrets::Secret;

#[derive(Debug)]
enum Term {
    /// `name:TEXT`
    Name(String),
    /// `labels.KEY=VALUE`
    Label(String, String),
    /// `labels.KEY:*`
    HasLabel(String),
}

/// Terms that must all fit.
#[derive(Debug)]
pub(super) struct Filter(Vec<Term>);

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        text.split_whitespace()
            .filter(|word| *word != "AND")
            .map(term)
            .collect::<Option<Vec<_>>>()
            .map(Self)
            .ok_or_else(|| Refused::invalid("filter is not valid."))
    }

    pub(super) fn fits(&self, id: &str, secret: &Secret) -> bool {
        self.0.iter().all(|term| match term {
            Term::Name(part) => id.contains(part.as_str()),
            Term::Label(key, value) => secret.labels.get(key) == Some(value),
            Term::HasLabel(key) => secret.labels.contains_key(key),
        })
    }
}

fn term(word: &str) -> Option<Term> {
    if let Some(part) = word.strip_prefix("name:") {
        return Some(Term::Name(part.trim_matches('"').to_owned()));
    }
    let rest = word.strip_prefix("labels.")?;
    if let Some(key) = rest.strip_suffix(":*") {
        return Some(Term::HasLabel(key.to_owned()));
    }
    let (key, value) = rest.split_once('=')?;
    Some(Term::Label(
        key.to_owned(),
        value.trim_matches('"').to_owned(),
    ))
}
