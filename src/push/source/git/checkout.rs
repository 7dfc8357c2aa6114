//! The wanted files of a commit, found among its objects. Pure.

use std::collections::BTreeMap;

use jasm_providers::SecretBytes;

use crate::push::source::files::{Caps, Files, Wanted};
use crate::push::source::git::Paths;
use crate::push::source::git::object::{self, Kind, Mode, Oid};
use crate::push::source::git::pack::Objects;
use crate::push::tree;

/// Why there is no checkout.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What came is not what it should be.
    Broken(String),
    /// The commit is not fit.
    Content(String),
    /// There is no room for it now.
    Room(String),
}

/// Which files there are; their content comes later.
pub(super) struct Checkout<'a> {
    paths: Paths,
    left_out: BTreeMap<String, &'static str>,
    caps: &'a Caps,
}

impl<'a> Checkout<'a> {
    /// Goes through the trees of a commit.
    pub(super) fn of(
        objects: &Objects,
        commit: Oid,
        wanted: &Wanted,
        caps: &'a Caps,
    ) -> Result<Self, Fault> {
        let Some(content) = objects.get(&commit, Kind::Commit) else {
            return Err(Fault::Broken(format!(
                "the server did not send commit {commit}, or it is none"
            )));
        };
        let root = object::tree_of(content)
            .ok_or_else(|| Fault::Broken(format!("commit {commit} has no tree")))?;
        let mut checkout = Self {
            paths: Paths::new(),
            left_out: BTreeMap::new(),
            caps,
        };
        let mut entries = 0;
        let mut folders = vec![(String::new(), root)];
        while let Some((folder, id)) = folders.pop() {
            let mut rest = objects.get(&id, Kind::Tree).ok_or_else(|| {
                Fault::Broken(format!("the server did not send the folder {folder:?}"))
            })?;
            while let Some(entry) = object::entry(&mut rest) {
                entries += 1;
                if entries > caps.entries {
                    return Err(Fault::Content(caps.entries_exceeded("the commit")));
                }
                let path = if folder.is_empty() {
                    String::from_utf8_lossy(entry.name).into_owned()
                } else {
                    format!("{folder}/{}", String::from_utf8_lossy(entry.name))
                };
                checkout.entry(path, &entry, wanted, &mut folders);
            }
            if !rest.is_empty() {
                return Err(Fault::Broken(format!(
                    "the folder {folder:?} is no tree of Git"
                )));
            }
        }
        Ok(checkout)
    }

    fn entry(
        &mut self,
        path: String,
        entry: &object::Entry<'_>,
        wanted: &Wanted,
        folders: &mut Vec<(String, Oid)>,
    ) {
        let reached = match entry.mode {
            // A link or submodule can stand where a wanted folder would.
            Mode::Folder | Mode::Link | Mode::Submodule => wanted.reaches(&path),
            Mode::File => wanted.contains(&path),
        };
        if !reached {
            return;
        }
        if std::str::from_utf8(entry.name).is_err() || tree::check(&path).is_err() {
            self.left_out
                .insert(path, "its name cannot be a path of a source");
            return;
        }
        match entry.mode {
            Mode::Folder => folders.push((path, entry.id)),
            Mode::File => {
                self.paths.insert(path, entry.id);
            }
            Mode::Link => {
                self.left_out
                    .insert(path, "it is a symbolic link, which is not followed");
            }
            Mode::Submodule => {
                self.left_out.insert(
                    path,
                    "it is a submodule, which is another repository and is not fetched",
                );
            }
        }
    }

    /// Files whose content did not come with the trees, each once.
    pub(super) fn missing(&self, objects: &Objects) -> Vec<Oid> {
        let mut missing: Vec<_> = self.paths.values().copied().collect();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|id| !objects.contains(id));
        missing
    }

    /// The files with their content. Where the server left out what is too large, a missing one is that.
    pub(super) fn files(self, mut objects: Objects, limited: bool) -> Result<Files, Fault> {
        let mut files = Files::default();
        for (path, why) in self.left_out {
            { files.leave_out(&path, why, self.caps) }.map_err(Fault::Content)?;
        }
        // One content can stand under several paths.
        let mut uses: BTreeMap<Oid, usize> = BTreeMap::new();
        for id in self.paths.values() {
            *uses.entry(*id).or_default() += 1;
        }
        for (path, id) in &self.paths {
            let more = uses.get_mut(id).map_or(0, |left| {
                *left -= 1;
                *left
            });
            let content = if more > 0 {
                objects.get(id, Kind::Blob).map(<[u8]>::to_vec)
            } else {
                objects.take(id)
            };
            match content {
                Some(content) => {
                    files
                        .keep(path, SecretBytes::new(content), self.caps)
                        .map_err(Fault::Content)?;
                }
                None if limited || objects.has_large() => {
                    files
                        .leave_out_file(path, &self.caps.file_exceeded(), self.caps)
                        .map_err(Fault::Content)?;
                }
                None => {
                    return Err(Fault::Broken(format!(
                        "the server did not send the file {path:?}"
                    )));
                }
            }
        }
        Ok(files)
    }
}
