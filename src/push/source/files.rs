//! What is taken of a source: which files, how much of them, and what was left out. Pure.

use std::collections::BTreeMap;

use jasm_providers::SecretBytes;

use crate::push::tree::{self, Tree};

/// What a file takes in memory beside its content and its path, in bytes, about.
const FILE: u64 = 100;

/// Which files of a source are kept in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(Vec<String>);

impl Wanted {
    /// All of them.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Those below any of these folders, which are paths from the source's root; the empty one, and `.`,
    /// is the root.
    #[must_use]
    pub fn below<'a>(folders: impl IntoIterator<Item = &'a str>) -> Self {
        let plain = |folder: &str| {
            let parts = folder.split('/').filter(|part| !matches!(*part, "" | "."));
            parts.collect::<Vec<_>>().join("/")
        };
        let folders: Vec<_> = folders.into_iter().map(plain).collect();
        if folders.iter().any(String::is_empty) {
            return Self::everything();
        }
        Self(folders)
    }

    /// Whether everything is wanted.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file is wanted.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.is_everything() || self.0.iter().any(|folder| is_below(path, folder))
    }

    /// Whether a folder has, or can have, wanted files in it.
    #[must_use]
    pub fn reaches(&self, folder: &str) -> bool {
        let on_the_way =
            |wanted: &String| folder.is_empty() || is_below(wanted, folder) || wanted == folder;
        self.contains(folder) || self.0.iter().any(on_the_way)
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// How much of a source is read, in bytes but for `entries`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// As it crosses the network.
    pub packed: u64,
    /// Unpacked, wanted or not.
    pub unpacked: u64,
    /// Of all kept files together: they are in memory.
    pub kept: u64,
    /// Of all objects of a commit together, those too that are not wanted where a server cannot leave them out.
    pub held: u64,
    /// Files, folders and headers.
    pub entries: u32,
    /// Of one file; larger ones are left out, with their names. No store takes values of more than a few
    /// times 64 KiB, but a SOPS file has thousands of them.
    pub file: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            packed: 16 << 20,
            unpacked: 256 << 20,
            kept: 16 << 20,
            held: 24 << 20,
            entries: 50_000,
            file: 8 << 20,
        }
    }
}

impl Caps {
    /// The sentence for it.
    #[must_use]
    pub fn packed_exceeded(&self, what: &str) -> String {
        format!(
            "{what} has more than {}: have the source exclude what is no configuration",
            size(self.packed)
        )
    }

    /// The sentence for it.
    #[must_use]
    pub fn unpacked_exceeded(&self, what: &str) -> String {
        format!(
            "{what} unpacks to more than {}: have the source exclude what is no configuration",
            size(self.unpacked)
        )
    }

    /// The sentence for it.
    #[must_use]
    pub fn held_exceeded(&self, what: &str) -> String {
        format!(
            "{what} has objects of more than {} together: name a folder in kustomizePath or basePath, and let the server leave out what is not wanted (uploadpack.allowFilter)",
            size(self.held)
        )
    }

    /// The sentence for it.
    #[must_use]
    pub fn entries_exceeded(&self, what: &str) -> String {
        format!(
            "{what} has more than {} entries: have the source exclude what is no configuration",
            self.entries
        )
    }

    /// The sentence for it.
    #[must_use]
    pub fn file_exceeded(&self) -> String {
        format!("it has more than {}", size(self.file))
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{bytes} bytes")
    }
}

/// The files of a source that were taken, and the names of those that were not although they are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// The files.
    pub tree: Tree,
    /// What is wanted and not among them, by its path.
    pub left_out: BTreeMap<String, LeftOut>,
    kept: u64,
}

/// Something of a source that was not taken although it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Why, as the end of a sentence.
    pub why: String,
    /// It is a file. A link or a submodule may stand for a whole folder.
    pub is_file: bool,
}

impl Files {
    /// Adds a file; the one that was there under its path is given back.
    ///
    /// # Errors
    /// One sentence: the path is none, or there is too much.
    pub fn keep(
        &mut self,
        path: &str,
        content: SecretBytes,
        caps: &Caps,
    ) -> Result<Option<SecretBytes>, String> {
        tree::check(path)?;
        if is_lfs_pointer(content.expose()) {
            let why = "it is a pointer of Git LFS, whose content is elsewhere";
            self.leave_out_file(path, why, caps)?;
            return Ok(None);
        }
        self.count(path, content.len(), caps)?;
        self.tree.insert(path, content)
    }

    /// Bytes of memory that these files take, about.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    fn count(&mut self, path: &str, content: usize, caps: &Caps) -> Result<(), String> {
        self.kept += (path.len() + content) as u64 + FILE;
        if self.kept > caps.kept {
            return Err(format!(
                "the source's files have more than {} together: name a folder in kustomizePath or basePath, or have the source exclude what is no configuration",
                size(caps.kept)
            ));
        }
        Ok(())
    }

    /// Says why a file is not there.
    ///
    /// # Errors
    /// One sentence: there is too much.
    pub fn leave_out_file(&mut self, path: &str, why: &str, caps: &Caps) -> Result<(), String> {
        self.add(path, why, true, caps)
    }

    /// Says why a file, or a folder of files, is not there.
    ///
    /// # Errors
    /// One sentence: there is too much.
    pub fn leave_out(&mut self, path: &str, why: &str, caps: &Caps) -> Result<(), String> {
        self.add(path, why, false, caps)
    }

    fn add(&mut self, path: &str, why: &str, is_file: bool, caps: &Caps) -> Result<(), String> {
        self.count(path, why.len(), caps)?;
        let why = why.to_owned();
        self.left_out
            .insert(path.to_owned(), LeftOut { why, is_file });
        Ok(())
    }
}

/// Whether a file stands for one that Git LFS keeps (`git-lfs`, `docs/spec.md`).
fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() < 1024 && content.starts_with(b"version https://git-lfs.github.com/spec/v1\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_wanted_with_what_leads_to_it() {
        let wanted = Wanted::below(["./deploy/prod/", "base"]);
        for (path, file, folder) in [
            ("deploy/prod/a", true, true),
            ("deploy/prod", false, true),
            ("deploy", false, true),
            ("", false, true),
            ("base/x/y", true, true),
            ("deploy/production/a", false, false),
            ("other", false, false),
        ] {
            assert_eq!(wanted.contains(path), file, "{path}");
            assert_eq!(wanted.reaches(path), folder, "{path}");
        }
        for all in [Wanted::everything(), Wanted::below([".", "a"])] {
            assert!(all.is_everything() && all.contains("x") && all.reaches("y"));
        }
    }

    #[test]
    fn what_is_kept_is_counted() {
        let caps = Caps {
            kept: 3 + 2 * (FILE + 1),
            ..Caps::default()
        };
        let mut files = Files::default();
        let two = || SecretBytes::from("ab".to_owned());
        assert_eq!(files.keep("a", two(), &caps), Ok(None));
        assert_eq!(files.kept(), FILE + 3);
        let why = files.keep("b", two(), &caps).unwrap_err();
        assert!(why.contains("more than 205 bytes"), "{why}");
        // Names alone take memory too.
        let mut names = Files::default();
        let all: Result<Vec<_>, _> = ["a", "b", "c"]
            .map(|path| names.leave_out(path, "", &caps))
            .into_iter()
            .collect();
        assert!(all.is_err());
    }
}
