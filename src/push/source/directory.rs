//! A directory that the operator's config names: for tests, demos, and what something else mounts.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jasm_providers::SecretBytes;
use jasm_providers::sink::Fingerprints;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::push::source::files::{Caps, Files, Wanted};
use crate::push::source::{Problem, ProblemKind, Snapshot};
use crate::push::tree;

/// A mounted volume changes in several steps, an editor too; they are read as one.
const SETTLE: Duration = Duration::from_millis(250);
/// Deepest folder that is looked into.
const DEEPEST: usize = 32;

/// Reads the wanted files below a root. The revision is a keyed digest of them all, so that it tells
/// nobody what is in them. Blocks.
///
/// # Errors
/// The root is not there, a file cannot be read, or there is too much.
pub fn read(
    root: &Path,
    wanted: &Wanted,
    caps: &Caps,
    fingerprints: &Fingerprints,
) -> Result<Snapshot, Problem> {
    let real = root.canonicalize().map_err(|error| {
        let why = format!(
            "the directory {} cannot be entered: {}",
            root.display(),
            error.kind()
        );
        Problem::new(ProblemKind::Unavailable, why)
    })?;
    let mut walk = Walk {
        root: &real,
        wanted,
        caps,
        entries: 0,
        files: Files::default(),
        open: Vec::new(),
    };
    walk.folder(&real, "")?;
    let files = walk.files;
    let mut all = String::new();
    for (path, content) in files.tree.iter() {
        all.push_str(fingerprints.of(path, content).as_str());
    }
    let digest = fingerprints.of("", &SecretBytes::from(all));
    Ok(Snapshot::new(format!("file:{}", digest.as_str()), files))
}

struct Walk<'a> {
    root: &'a Path,
    wanted: &'a Wanted,
    caps: &'a Caps,
    entries: u32,
    files: Files,
    /// The folders that lead to the one that is read, by their real paths.
    open: Vec<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, below: &str) -> Result<(), Problem> {
        if self.open.len() > DEEPEST {
            let why = format!("it is more than {DEEPEST} folders deep");
            return self.leave_out(below, &why);
        }
        // What leads back to where one came from never ends.
        if self.open.iter().any(|above| above.starts_with(folder)) {
            return self.leave_out(below, "it is a link to a folder above it");
        }
        self.open.push(folder.to_owned());
        let read = self.entries(folder, below);
        self.open.pop();
        read
    }

    fn entries(&mut self, folder: &Path, below: &str) -> Result<(), Problem> {
        for entry in fs::read_dir(folder).map_err(|error| cannot(below, &error))? {
            let entry = entry.map_err(|error| cannot(below, &error))?;
            self.entries += 1;
            if self.entries > self.caps.entries {
                let why = self.caps.entries_exceeded("the directory");
                return Err(Problem::new(ProblemKind::Content, why));
            }
            let name = entry.file_name();
            // Where the kubelet keeps what its links lead to (`pkg/volume/util/atomic_writer.go`), and Git.
            if name.as_encoded_bytes().starts_with(b"..") || name == ".git" {
                continue;
            }
            let shown = name.to_string_lossy();
            let path = if below.is_empty() {
                shown.into_owned()
            } else {
                format!("{below}/{shown}")
            };
            if !self.wanted.reaches(&path) {
                continue;
            }
            if name.to_str().is_none() || tree::check(&path).is_err() {
                self.leave_out(&path, "its name cannot be a path of a source")?;
                continue;
            }
            self.entry(&entry.path(), &path)?;
        }
        Ok(())
    }

    fn entry(&mut self, full: &Path, path: &str) -> Result<(), Problem> {
        // A dangling link, or gone since.
        let Ok(real) = full.canonicalize() else {
            return self.leave_out(path, "it is not there, or a link to nothing");
        };
        if !real.starts_with(self.root) {
            return self.leave_out(path, "it is a link that leads out of the directory");
        }
        let kind = fs::metadata(&real).map_err(|error| cannot(path, &error))?;
        if kind.is_dir() {
            return self.folder(&real, path);
        }
        if !self.wanted.contains(path) {
            return Ok(());
        }
        // Opening a pipe would wait for ever.
        if !kind.is_file() {
            return self.leave_out(path, "it is no plain file");
        }
        self.file(&real, path)
    }

    fn file(&mut self, real: &PathBuf, path: &str) -> Result<(), Problem> {
        let most = self.caps.file;
        let mut bytes = Vec::new();
        let file = File::open(real).map_err(|error| cannot(path, &error))?;
        let read = file.take(most + 1).read_to_end(&mut bytes);
        let bytes = SecretBytes::new(bytes);
        read.map_err(|error| cannot(path, &error))?;
        if bytes.len() as u64 > most {
            let why = self.caps.file_exceeded();
            let left_out = self.files.leave_out_file(path, &why, self.caps);
            return left_out.map_err(content);
        }
        self.files.keep(path, bytes, self.caps).map_err(content)?;
        Ok(())
    }

    fn leave_out(&mut self, path: &str, why: &str) -> Result<(), Problem> {
        self.files.leave_out(path, why, self.caps).map_err(content)
    }
}

fn content(why: String) -> Problem {
    Problem::new(ProblemKind::Content, why)
}

fn cannot(path: &str, error: &std::io::Error) -> Problem {
    let why = format!("{path:?} in the directory cannot be read: {}", error.kind());
    Problem::new(ProblemKind::Unavailable, why)
}

/// Says when something below a root changes.
#[derive(Debug)]
pub struct Following {
    _watcher: notify::RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

impl Following {
    /// Follows a root that is there.
    ///
    /// # Errors
    /// One sentence.
    pub fn new(root: &Path) -> Result<Self, String> {
        let cannot = |error: notify::Error| {
            format!(
                "the directory {} cannot be watched: {error}",
                root.display()
            )
        };
        let (changed, changes) = mpsc::channel(1);
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // We read it ourselves.
                let read_only = event.is_ok_and(|event| event.kind.is_access());
                if !read_only {
                    // A full channel means that a look is due anyway.
                    let _ = changed.try_send(());
                }
            })
            .map_err(cannot)?;
        watcher
            .watch(root, RecursiveMode::Recursive)
            .map_err(cannot)?;
        Ok(Self {
            _watcher: watcher,
            changes,
        })
    }

    /// Waits until something changed and its steps are done.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // The watcher is gone, which it is not before this is.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(SETTLE).await;
        while self.changes.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn fingerprints() -> Fingerprints {
        Fingerprints::new(&SecretBytes::new(vec![7; 32])).unwrap()
    }

    fn look(root: &Path, wanted: &Wanted, caps: &Caps) -> Result<Snapshot, Problem> {
        read(root, wanted, caps, &fingerprints())
    }

    fn paths(snapshot: &Snapshot) -> Vec<&str> {
        snapshot.tree.iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn files_below_the_root_are_read_and_no_link_leads_out() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("marker"), "marker").unwrap();
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("deploy/prod")).unwrap();
        fs::create_dir_all(at("..2026")).unwrap();
        fs::create_dir_all(at(".git")).unwrap();
        fs::write(at("deploy/prod/a.env"), "A=1").unwrap();
        fs::write(at("..2026/mounted"), "B=2").unwrap();
        fs::write(at(".git/HEAD"), "x").unwrap();
        symlink("..2026", at("..data")).unwrap();
        symlink("..data/mounted", at("mounted")).unwrap();
        symlink(outside.path().join("marker"), at("leak")).unwrap();
        symlink(outside.path(), at("folder")).unwrap();
        symlink("nothing", at("dangling")).unwrap();
        symlink(".", at("deploy/loop")).unwrap();
        symlink("../..", at("deploy/prod/up")).unwrap();
        fs::create_dir_all(at("two/a")).unwrap();
        fs::write(at("two/a/b.env"), "B=1").unwrap();
        symlink("../two", at("deploy/there")).unwrap();
        symlink("../../deploy", at("two/a/back")).unwrap();
        let caps = Caps::default();
        let snapshot = look(root.path(), &Wanted::everything(), &caps).unwrap();
        assert!(paths(&snapshot).contains(&"deploy/prod/a.env"));
        assert!(paths(&snapshot).contains(&"mounted"));
        assert!(
            !paths(&snapshot)
                .iter()
                .any(|path| path.contains("HEAD") || path.starts_with(".."))
        );
        assert!(
            snapshot
                .tree
                .iter()
                .all(|(_, content)| content.expose() != b"marker")
        );
        for (path, said) in [
            ("leak", "leads out"),
            ("folder/marker", "leads out"),
            ("dangling", "to nothing"),
            ("deploy/loop", "a link to a folder above it"),
            ("deploy/prod/up", "a link to a folder above it"),
            ("deploy/there/a/back", "a link to a folder above it"),
        ] {
            let (_, why) = snapshot.why_left_out(path).unwrap();
            assert!(why.contains(said), "{path}: {why}");
        }
        let of = |name: &str| -> Vec<&str> {
            let found = paths(&snapshot).into_iter();
            found.filter(|path| path.ends_with(name)).collect()
        };
        // Once where it is, and once by each way that does not lead back.
        assert_eq!(of("a.env"), ["deploy/prod/a.env", "two/a/back/prod/a.env"]);
        assert_eq!(of("b.env"), ["deploy/there/a/b.env", "two/a/b.env"]);
        let below = look(root.path(), &Wanted::below(["deploy/prod"]), &caps).unwrap();
        assert_eq!(paths(&below), ["deploy/prod/a.env"]);
    }

    #[test]
    fn the_revision_is_of_the_content() {
        let root = tempfile::tempdir().unwrap();
        let revision = || {
            let snapshot = look(root.path(), &Wanted::everything(), &Caps::default());
            snapshot.unwrap().revision
        };
        fs::write(root.path().join("a"), "1").unwrap();
        let first = revision();
        assert_eq!(first, revision());
        fs::write(root.path().join("a"), "2").unwrap();
        let second = revision();
        fs::rename(root.path().join("a"), root.path().join("b")).unwrap();
        assert!(first != second && second != revision());
    }

    #[test]
    fn caps_hold_and_a_missing_root_is_said() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(root.path().join(name), "1234").unwrap();
        }
        let caps = Caps {
            entries: 1,
            ..Caps::default()
        };
        let problem = look(root.path(), &Wanted::everything(), &caps).unwrap_err();
        assert!(problem.message.contains("more than 1 entries"), "{problem}");
        let caps = Caps {
            file: 3,
            ..Caps::default()
        };
        let snapshot = look(root.path(), &Wanted::everything(), &caps).unwrap();
        assert!(snapshot.tree.is_empty() && snapshot.left_out.len() == 2);
        let problem = look(Path::new("/nowhere"), &Wanted::everything(), &caps).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Unavailable);
    }

    #[tokio::test]
    async fn a_change_is_told_however_deep_it_is() {
        let root = tempfile::tempdir().unwrap();
        let mut following = Following::new(root.path()).unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        following.changed().await;
        fs::write(root.path().join("a/b"), "1").unwrap();
        following.changed().await;
    }
}
