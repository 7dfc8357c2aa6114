//! Where files and folders are, seen from a kustomization. Pure.

use super::budget::Budget;
use super::problem::Problem;
use crate::push::tree::Tree;
use crate::yaml::clip;

/// A folder of the tree: its path without a `/` at either end, empty for the root.
#[derive(Clone)]
pub(super) struct Folder<'a> {
    tree: &'a Tree,
    budget: &'a Budget,
    pub(super) path: String,
}

impl<'a> Folder<'a> {
    /// The folder that is to be built.
    pub(super) fn first(tree: &'a Tree, budget: &'a Budget, path: &str) -> Result<Self, Problem> {
        let path = join("", path)?;
        let folder = Self { tree, budget, path };
        if folder.exists() {
            Ok(folder)
        } else {
            Err(Problem::invalid("there is no such folder in the source"))
        }
    }

    /// Whether any file is below it.
    fn exists(&self) -> bool {
        self.path.is_empty() || self.tree.iter().any(|(path, _)| below(path, &self.path))
    }

    /// Whether it is the other folder or has it below it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        self.path == other.path || below(&other.path, &self.path)
    }

    /// The whole path of a file in this folder.
    pub(super) fn file(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.path)
        }
    }

    /// A file in this very folder, if it is there.
    pub(super) fn own(&self, name: &str) -> Result<Option<&'a [u8]>, Problem> {
        self.content(&self.file(name))
    }

    fn content(&self, path: &str) -> Result<Option<&'a [u8]>, Problem> {
        match self.tree.get(path) {
            Some(content) => {
                self.budget.read(path);
                self.budget.bytes(content.len())?;
                Ok(Some(content.expose()))
            }
            None => Ok(None),
        }
    }

    /// A file that the kustomization names, with its whole path, if there is a file.
    pub(super) fn find(&self, name: &str) -> Result<Option<(String, &'a [u8])>, Problem> {
        refuse_remote(name)?;
        let path = join(&self.path, name)?;
        let Some(content) = self.content(&path)? else {
            return Ok(None);
        };
        if !below(&path, &self.path) {
            return Err(Problem::invalid(format!(
                "\"{}\" is outside of the kustomization's folder, which kustomize does not read; move it, or make its folder a base",
                clip(name)
            )));
        }
        Ok(Some((path, content)))
    }

    /// A file that has to be there.
    pub(super) fn read(&self, name: &str) -> Result<(String, &'a [u8]), Problem> {
        self.find(name)?.ok_or_else(|| missing(name, "file"))
    }

    /// A folder that the kustomization names.
    pub(super) fn enter(&self, name: &str) -> Result<Self, Problem> {
        refuse_remote(name)?;
        let folder = Self {
            path: join(&self.path, name)?,
            ..self.clone()
        };
        if folder.exists() {
            Ok(folder)
        } else {
            Err(missing(name, "file or folder"))
        }
    }
}

fn missing(name: &str, what: &str) -> Problem {
    Problem::invalid(format!("there is no {what} \"{}\"", clip(name)))
}

fn below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// What a path means that is said in a folder.
fn join(folder: &str, path: &str) -> Result<String, Problem> {
    if path.starts_with('/') {
        return Err(Problem::unsupported(format!(
            "the path \"{}\" is absolute; write it from the kustomization's folder",
            clip(path)
        )));
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(Problem::unsupported(format!(
                        "the path \"{}\" leads out of the source",
                        clip(path)
                    )));
                }
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Refuses what kustomize would fetch.
fn refuse_remote(name: &str) -> Result<(), Problem> {
    let lower = name.to_ascii_lowercase();
    let begins = ["git@", "git::", "gh:", "github.com/", "github.com:"];
    let remote = begins.iter().any(|begin| lower.starts_with(begin))
        || ["://", "?ref=", ".git/", "/_git/"]
            .iter()
            .any(|part| lower.contains(part))
        || lower.ends_with(".git");
    if remote {
        Err(Problem::unsupported(format!(
            "\"{}\" is remote, and nothing is fetched here; have a copy in the source",
            clip(name)
        )))
    } else if name.is_empty() {
        Err(Problem::invalid("a path is empty"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_followed_within_the_source() {
        let joined = |folder, path| join(folder, path).ok();
        assert_eq!(joined("a/b", "../c/./d/"), Some("a/c/d".to_owned()));
        assert_eq!(joined("a", ".."), Some(String::new()));
        assert_eq!(joined("a", "../.."), None);
        assert_eq!(joined("a", "/etc"), None);
        assert!(below("a/b", "a") && !below("ab", "a") && below("a", ""));
    }

    #[test]
    fn nothing_is_fetched() {
        for name in [
            "https://example.com/x.yaml",
            "git@example.com:a/b",
            "github.com/a/b//c?ref=v1",
            "ssh://x/y",
            "example.com/a.git",
        ] {
            assert!(refuse_remote(name).is_err(), "{name}");
        }
        assert!(refuse_remote("../base").is_ok());
    }
}
