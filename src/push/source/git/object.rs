//! Names of Git's objects, and what is in a commit and a tree (`gitformat-commit`, `gitformat-pack`). Pure.

use std::fmt;

use sha1_checked::{Digest as _, Sha1};

/// The name of an object: the SHA-1 of its kind, length and content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Oid(pub(super) [u8; 20]);

/// Kinds of object that a checkout has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    /// Of an annotated tag.
    Tag,
}

impl Oid {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 40 {
            return None;
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |b: u8| char::from(b).to_digit(16);
            *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        }
        Some(Self(bytes))
    }

    /// The name of an object.
    ///
    /// # Errors
    /// Its content is made to have the name of another one (SHAttered).
    pub(super) fn of(kind: Kind, content: &[u8]) -> Result<Self, String> {
        let word = match kind {
            Kind::Commit => "commit",
            Kind::Tree => "tree",
            Kind::Blob => "blob",
            Kind::Tag => "tag",
        };
        let mut hash = Sha1::new();
        hash.update(format!("{word} {}\0", content.len()));
        hash.update(content);
        let result = hash.try_finalize();
        if result.has_collision() {
            return Err("an object of the repository is made to have the SHA-1 of another one: nothing of it is taken".into());
        }
        Ok(Self((*result.hash()).into()))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The tree of a commit.
pub(super) fn tree_of(commit: &[u8]) -> Option<Oid> {
    let line = commit.split(|byte| *byte == b'\n').next()?;
    Oid::parse(std::str::from_utf8(line.strip_prefix(b"tree ")?).ok()?)
}

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Folder,
    File,
    Link,
    /// A commit of another repository.
    Submodule,
}

/// One entry of a tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) mode: Mode,
    pub(super) name: &'a [u8],
    pub(super) id: Oid,
}

/// Takes the first entry off a tree; none if there is none that could be one.
pub(super) fn entry<'a>(tree: &mut &'a [u8]) -> Option<Entry<'a>> {
    let space = tree.iter().position(|byte| *byte == b' ')?;
    let end = space + 1 + tree[space + 1..].iter().position(|byte| *byte == 0)?;
    let id: [u8; 20] = tree.get(end + 1..end + 21)?.try_into().ok()?;
    let mode = match &tree[..space] {
        b"40000" => Mode::Folder,
        b"120000" => Mode::Link,
        b"160000" => Mode::Submodule,
        // 100644, 100755, and 100664 of old.
        mode if mode.starts_with(b"100") => Mode::File,
        _ => return None,
    };
    let name = &tree[space + 1..end];
    *tree = &tree[end + 21..];
    Some(Entry {
        mode,
        name,
        id: Oid(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_git() {
        // `git hash-object -t blob /dev/null`, and the empty tree.
        let empty = Oid::of(Kind::Blob, b"").unwrap();
        assert_eq!(
            empty.to_string(),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        );
        let tree = Oid::of(Kind::Tree, b"").unwrap();
        assert_eq!(tree.to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        assert_eq!(Oid::parse(&tree.to_string()), Some(tree));
        for bad in ["", "4b825d", &"z".repeat(40), &"é".repeat(20)] {
            assert_eq!(Oid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_tree_is_read_entry_by_entry() {
        let mut tree = Vec::new();
        for (mode, name) in [
            ("100644", "a"),
            ("40000", "b"),
            ("120000", "c"),
            ("160000", "d"),
        ] {
            tree.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            tree.extend_from_slice(&[7; 20]);
        }
        let mut rest = &tree[..];
        let mut modes = Vec::new();
        while let Some(entry) = entry(&mut rest) {
            assert_eq!(entry.id, Oid([7; 20]));
            modes.push(entry.mode);
        }
        assert!(rest.is_empty());
        assert_eq!(
            modes,
            [Mode::File, Mode::Folder, Mode::Link, Mode::Submodule]
        );
        for cut in 1..20 {
            assert_eq!(entry(&mut &tree[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn the_tree_of_a_commit_is_its_first_line() {
        let id = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        let commit = format!("tree {id}\nparent 00\n\nmessage\ntree x\n");
        assert_eq!(tree_of(commit.as_bytes()), Oid::parse(id));
        assert_eq!(tree_of(b"parent x\n"), None);
    }
}
