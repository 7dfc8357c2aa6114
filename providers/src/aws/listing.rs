//! What a prefix read has found so far: below the prefix, nameable, bounded, sorted. Pure.

use std::collections::BTreeMap;

use crate::{Entry, Error, ErrorKind, Kind, Listed, Prefix, Scope};

/// Most entries of one prefix.
const MOST: usize = 10_000;
/// Most bytes of values: the object they are for holds no more.
const LARGEST: usize = 1024 * 1024;

/// Entries by their path.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    kind: Kind,
    prefix: &'a Prefix,
    found: BTreeMap<String, Option<Entry>>,
    bytes: usize,
    token: Option<String>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(kind: Kind, prefix: &'a Prefix) -> Self {
        Self {
            kind,
            prefix,
            found: BTreeMap::new(),
            bytes: 0,
            token: None,
        }
    }

    /// Adds one name. A page may repeat what an earlier one had: the later one counts.
    pub(super) fn add(&mut self, name: Option<String>, entry: Option<Entry>) -> Result<(), Error> {
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

    /// The token of the next page, if there is one; the same one again would never end.
    pub(super) fn next(&mut self, token: Option<String>) -> Result<Option<String>, Error> {
        let token = token.filter(|token| !token.is_empty());
        if token.is_some() && token == self.token {
            let sentence = format!("the pages of {} go round in a circle", self.prefix);
            return Err(Error::new(ErrorKind::Integrity, sentence));
        }
        self.token.clone_from(&token);
        Ok(token)
    }

    pub(super) fn finish(self) -> Vec<Listed> {
        self.found
            .into_iter()
            .map(|(path, entry)| Listed { path, entry })
            .collect()
    }
}
