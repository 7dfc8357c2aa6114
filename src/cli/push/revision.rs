//! What is checked out in a directory, read from Git's own files.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest revision: a tag of the stores takes no more.
const LONGEST: usize = 200;

/// Reads `--revision`.
pub(super) fn given(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_graphic();
    if !text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "write up to {LONGEST} printable characters of ASCII without spaces, for example main@sha1:<commit>"
    ))
}

/// The commit of the checkout that a directory is in, as Flux names it: `main@sha1:<commit>`, or `sha1:<commit>` where
/// no branch is checked out (gitrepository-layout(5)). None if it is in no checkout, or its files are in another
/// format. What is not committed it does not tell.
pub(super) fn checked_out(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let found = directory
        .ancestors()
        .map(|folder| folder.join(".git"))
        .find(|git| git.exists())?;
    let git = if found.is_dir() {
        found
    } else {
        // A worktree or a submodule.
        let text = fs::read_to_string(&found).ok()?;
        found.parent()?.join(text.strip_prefix("gitdir:")?.trim())
    };
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let head = head.trim();
    let (commit, branch) = match head.strip_prefix("ref:") {
        None => (head.to_owned(), None),
        Some(name) => {
            let name = name.trim();
            (commit_of(&git, name)?, name.strip_prefix("refs/heads/"))
        }
    };
    let algorithm = match commit.len() {
        40 => "sha1",
        64 => "sha256",
        _ => return None,
    };
    if !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let revision = match branch {
        Some(branch) => format!("{branch}@{algorithm}:{commit}"),
        None => format!("{algorithm}:{commit}"),
    };
    given(&revision).ok()
}

fn commit_of(git: &Path, name: &str) -> Option<String> {
    // A name is a path below the folder, and leads nowhere else.
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return None;
    }
    let common = fs::read_to_string(git.join("commondir")).ok();
    let common: PathBuf = common.map_or_else(|| git.to_owned(), |path| git.join(path.trim()));
    for folder in [git, &common] {
        if let Ok(commit) = fs::read_to_string(folder.join(name)) {
            return Some(commit.trim().to_owned());
        }
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| {
        let (commit, packed) = line.split_once(' ')?;
        (packed == name).then(|| commit.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "3f2e1d0c9b8a79685746352413021f0e1d2c3b4a";

    #[test]
    fn a_checkout_names_its_commit() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let of = |path: &str| checked_out(&dir.path().join(path));
        let at = |branch: &str| Some(format!("{branch}@sha1:{COMMIT}"));
        write("repo/.git/HEAD", "ref: refs/heads/main\n");
        write("repo/deploy/file", "");
        assert_eq!(of("repo"), None, "a branch without a commit");
        let packed = format!("# pack-refs with: peeled\n{COMMIT} refs/heads/main\n^{COMMIT}\n");
        write("repo/.git/packed-refs", &packed);
        assert_eq!(of("repo/deploy"), at("main"));
        write(
            "repo/.git/refs/heads/main",
            &format!("{}\n", COMMIT.replace('3', "4")),
        );
        assert_ne!(of("repo"), at("main"), "a loose one is newer");
        write("repo/.git/HEAD", &format!("{COMMIT}\n"));
        assert_eq!(of("repo"), Some(format!("sha1:{COMMIT}")));
        write("repo/.git/refs/heads/feature/a", COMMIT);
        write("repo/.git/worktrees/w/HEAD", "ref: refs/heads/feature/a\n");
        write("repo/.git/worktrees/w/commondir", "../..\n");
        write("w/.git", "gitdir: ../repo/.git/worktrees/w\n");
        assert_eq!(of("w"), at("feature/a"));
        for other in [
            "ref: refs/heads/../../../secret",
            "ref: refs/heads/.invalid",
            "hunter2",
        ] {
            write("repo/.git/HEAD", other);
            write("secret", COMMIT);
            assert_eq!(of("repo"), None, "{other}");
        }
        assert_eq!(of("nowhere"), None);
    }

    #[test]
    fn a_revision_is_one_short_word() {
        assert!(given("main@sha1:abc").is_ok());
        for bad in ["", "a b", "a\nb", "ä", &"a".repeat(201)] {
            assert!(given(bad).is_err(), "{bad:?}");
        }
    }
}
