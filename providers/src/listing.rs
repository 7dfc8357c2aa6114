//! What a prefix read has found so far: below the prefix, nameable, bounded, sorted. Pure.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;

use crate::{Entry, Error, ErrorKind, Kind, Listed, Prefix, Scope};

/// Most entries of one prefix.
const MOST: usize = 10_000;
/// Most bytes of values: the object they are for holds no more.
const LARGEST: usize = 1024 * 1024;
/// Most pages: a page can be empty, or hold nothing below the prefix, but not for ever.
const PAGES: usize = 4_000;

/// Entries by their path.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    kind: Kind,
    prefix: &'a Prefix,
    found: BTreeMap<String, Option<Entry>>,
    bytes: usize,
    /// Hashes of the tokens of pages so far: a token can be long.
    pages: HashSet<u64>,
    hasher: RandomState,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(kind: Kind, prefix: &'a Prefix) -> Self {
        Self {
            kind,
            prefix,
            found: BTreeMap::new(),
            bytes: 0,
            pages: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// Adds one name. A page may repeat what an earlier one had: the later one counts.
    pub(crate) fn add(&mut self, name: Option<String>, entry: Option<Entry>) -> Result<(), Error> {
        let name = name.unwrap_or_default();
        if self.prefix.relative(&name).is_none() {
            return Ok(());
        }
        // A name that could not be asked for by itself would pass no policy either.
        if self.kind.entry(&Scope::default(), &name, None).is_err() {
            let sentence = format!(
                "an entry below {} has a name that jasm does not read: rename it",
                self.prefix
            );
            return Err(Error::new(ErrorKind::Invalid, sentence));
        }
        self.bytes += entry.as_ref().map_or(0, |entry| entry.value.len());
        if let Some(Some(before)) = self.found.insert(name, entry) {
            self.bytes -= before.value.len();
        }
        if self.found.len() > MOST || self.bytes > LARGEST {
            let sentence = format!(
                "{} is more than {MOST} entries or 1 MiB of values: name a narrower prefix",
                self.prefix
            );
            return Err(Error::new(ErrorKind::TooLarge, sentence));
        }
        Ok(())
    }

    /// The token of the next page, or the link to it, if there is one; one that was there before would
    /// never end.
    pub(crate) fn next(&mut self, token: Option<String>) -> Result<Option<String>, Error> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        if !self.pages.insert(self.hasher.hash_one(&token)) {
            let sentence = format!("the pages of {} go round in a circle", self.prefix);
            return Err(Error::new(ErrorKind::Integrity, sentence));
        }
        if self.pages.len() >= PAGES {
            let sentence = format!("{} is more than {PAGES} pages", self.prefix);
            return Err(Error::new(ErrorKind::TooLarge, sentence));
        }
        Ok(Some(token))
    }

    pub(crate) fn finish(self) -> Vec<Listed> {
        self.found
            .into_iter()
            .map(|(path, entry)| Listed { path, entry })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_any_length_ends_and_so_do_pages_without_end() {
        let prefix = Prefix { base: "p".into() };
        let listing = || Listing::new(Kind::AwsSecretsManager, &prefix);
        let next = |listing: &mut Listing<'_>, token: &str| {
            listing
                .next(Some(token.to_owned()))
                .map_err(|error| error.kind)
        };
        for circle in [&["a"][..], &["a", "b"], &["a", "b", "c", "d"]] {
            let mut listing = listing();
            for token in circle {
                assert_eq!(next(&mut listing, token), Ok(Some((*token).to_owned())));
            }
            let again = next(&mut listing, circle[0]);
            assert_eq!(again, Err(ErrorKind::Integrity), "{circle:?}");
        }
        let mut endless = listing();
        let ends = (0..=PAGES).find_map(|page| next(&mut endless, &page.to_string()).err());
        assert_eq!(ends, Some(ErrorKind::TooLarge));
        for none in [None, Some(String::new())] {
            assert_eq!(endless.next(none), Ok(None));
        }
    }
}
