//! A listing folder by folder: bounded, nameable, sorted. Pure.

use std::collections::BTreeSet;

use crate::{Error, ErrorKind, Kind, Listed, Prefix, Scope};

/// Most names of one prefix, folders among them.
const MOST: usize = 10_000;

/// A listing under way.
#[derive(Debug)]
pub(super) struct Folders<'a> {
    prefix: &'a Prefix,
    waiting: Vec<String>,
    folders: BTreeSet<String>,
    found: BTreeSet<String>,
}

impl<'a> Folders<'a> {
    pub(super) fn new(prefix: &'a Prefix) -> Self {
        Self {
            prefix,
            waiting: vec![prefix.base.clone()],
            folders: BTreeSet::new(),
            found: BTreeSet::new(),
        }
    }

    /// A folder that nobody has looked into yet.
    pub(super) fn next(&mut self) -> Option<String> {
        self.waiting.pop()
    }

    /// What is in a folder.
    pub(super) fn add(&mut self, folder: &str, names: Vec<String>) -> Result<(), Error> {
        for name in names {
            let nameless = name.is_empty();
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            let (path, is_folder) = match path.strip_suffix('/') {
                Some(folder) => (folder.to_owned(), true),
                None => (path, false),
            };
            // A name that could not be asked for by itself would pass no policy either.
            if nameless || Kind::Vault.entry(&Scope::default(), &path, None).is_err() {
                let sentence = format!(
                    "an entry below {} has a name that jasm does not read: rename it",
                    self.prefix
                );
                return Err(Error::new(ErrorKind::Invalid, sentence));
            }
            if is_folder {
                if self.folders.insert(path.clone()) {
                    self.waiting.push(path);
                }
            } else {
                self.found.insert(path);
            }
            if self.found.len() + self.folders.len() > MOST {
                let sentence = format!(
                    "{} is more than {MOST} entries and folders: name a narrower prefix",
                    self.prefix
                );
                return Err(Error::new(ErrorKind::TooLarge, sentence));
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Listed> {
        self.found
            .into_iter()
            .map(|path| Listed { path, entry: None })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn folders_are_looked_into_once() {
        let prefix = Prefix { base: "app".into() };
        let mut folders = Folders::new(&prefix);
        assert_eq!(folders.next().as_deref(), Some("app"));
        folders
            .add("app", names(&["b", "sub/", "sub", "a"]))
            .unwrap();
        assert_eq!(folders.next().as_deref(), Some("app/sub"));
        folders.add("app/sub", names(&["c"])).unwrap();
        folders.add("app", names(&["sub/"])).unwrap();
        assert_eq!(folders.next(), None);
        let paths: Vec<_> = folders
            .finish()
            .into_iter()
            .map(|listed| listed.path)
            .collect();
        assert_eq!(paths, ["app/a", "app/b", "app/sub", "app/sub/c"]);
    }

    #[test]
    fn a_name_that_could_mean_two_things_refuses_the_whole_read() {
        for hostile in [
            "..", "../", "a//", "/", "", "a b", "a%2fb", "a\nb", "a?b", "**", "ä/",
        ] {
            let prefix = Prefix { base: "app".into() };
            let error = Folders::new(&prefix)
                .add("app", names(&["good", hostile]))
                .unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{hostile:?}");
        }
    }

    #[test]
    fn there_is_an_end() {
        let prefix = Prefix {
            base: String::new(),
        };
        let mut folders = Folders::new(&prefix);
        let many: Vec<String> = (0..MOST).map(|number| number.to_string()).collect();
        assert_eq!(folders.add("", many), Ok(()));
        let error = folders.add("", names(&["more/"])).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge);
    }
}
