//! The files of a source, in memory. Pure.

use std::collections::BTreeMap;

use jasm_providers::SecretBytes;

/// Files by their path from the source's root: segments parted by `/`, none of them empty, `.` or `..`.
/// Contents are kept like secrets: most are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, SecretBytes>,
}

impl Tree {
    /// Adds a file; one that was there before is given back.
    ///
    /// # Errors
    /// The path is absolute, or leaves or repeats a folder.
    pub fn insert(
        &mut self,
        path: &str,
        content: SecretBytes,
    ) -> Result<Option<SecretBytes>, String> {
        check(path)?;
        Ok(self.files.insert(path.to_owned(), content))
    }

    /// One file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&SecretBytes> {
        self.files.get(path)
    }

    /// All files with their paths, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretBytes)> {
        self.files
            .iter()
            .map(|(path, content)| (path.as_str(), content))
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Refuses what is no path of a file below a root.
///
/// # Errors
/// One sentence that names the path.
pub fn check(path: &str) -> Result<(), String> {
    let plain =
        |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(['\\', '\0']);
    if path.split('/').all(plain) {
        Ok(())
    } else {
        Err(format!(
            "{path:?} is no path below the source's root: write it without a leading \"/\", \".\", \"..\", \"\\\" and empty parts"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_root_are_taken() {
        let mut tree = Tree::default();
        let content = || SecretBytes::from("x".to_owned());
        for path in [
            "/etc/passwd",
            "../a",
            "a/../b",
            "a//b",
            "a/",
            "",
            ".",
            "a\\b",
            "a/./b",
        ] {
            assert!(tree.insert(path, content()).is_err(), "{path}");
        }
        assert_eq!(tree.insert("a/..b/c", content()), Ok(None));
        assert_eq!(tree.insert("a/..b/c", content()), Ok(Some(content())));
        assert_eq!((tree.len(), tree.get("a/..b/c").is_some()), (1, true));
    }
}
