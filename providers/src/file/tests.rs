//! A real directory, with everything in it that is no plain file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::*;

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("jasm-file-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let full = self.0.join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(full, content).unwrap();
        self
    }

    fn link(&self, path: &str, target: impl AsRef<Path>) -> &Self {
        let full = self.0.join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        symlink(target, full).unwrap();
        self
    }

    fn store(&self) -> Directory {
        Directory::new(self.0.clone(), Arc::new(|_| {})).unwrap()
    }

    async fn read(&self, path: &str) -> Result<Entry, Error> {
        let want = EntryRef {
            path: path.into(),
            version: None,
        };
        let mut answers = self.store().read(&[want], soon()).await;
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    async fn list(&self, base: &str) -> Result<Vec<String>, Error> {
        let listed = self
            .store()
            .list(&Prefix { base: base.into() }, soon())
            .await?;
        assert!(listed.iter().all(|listed| listed.entry.is_none()));
        Ok(listed.into_iter().map(|listed| listed.path).collect())
    }

    async fn kind(&self, path: &str) -> ErrorKind {
        self.read(path).await.unwrap_err().kind
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test]
async fn a_file_is_read_byte_for_byte_and_is_a_secret() {
    let directory = Scratch::new();
    directory
        .write("app/binary", [0, 159, 146, 150, b'\n'])
        .write("app/empty", "");
    let entry = directory.read("app/binary").await.unwrap();
    assert_eq!(entry.value.expose(), [0, 159, 146, 150, b'\n']);
    assert!(entry.secret);
    assert!(directory.read("app/empty").await.unwrap().value.is_empty());
}

#[tokio::test]
async fn the_version_changes_with_the_file_and_only_then() {
    let directory = Scratch::new();
    directory.write("a", "one");
    let first = directory.read("a").await.unwrap().version;
    assert_eq!(directory.read("a").await.unwrap().version, first);
    directory.write("b", "two");
    fs::rename(directory.0.join("b"), directory.0.join("a")).unwrap();
    assert_ne!(directory.read("a").await.unwrap().version, first);
}

#[tokio::test]
async fn what_is_no_plain_file_has_its_own_error() {
    let directory = Scratch::new();
    directory
        .write("dir/a", "x")
        .write("large", vec![b'x'; 1024 * 1024 + 1])
        .write("fits", vec![b'x'; 1024 * 1024]);
    assert!(
        Command::new("mkfifo")
            .arg(directory.0.join("pipe"))
            .status()
            .unwrap()
            .success()
    );
    directory
        .link("null", "/dev/null")
        .link("loop", "loop")
        .link("nowhere", "missing");
    assert_eq!(directory.kind("missing").await, ErrorKind::NotFound);
    assert_eq!(directory.kind("dir/a/b").await, ErrorKind::NotFound);
    assert_eq!(directory.kind("nowhere").await, ErrorKind::NotFound);
    assert_eq!(directory.kind("dir").await, ErrorKind::Invalid);
    assert_eq!(directory.kind("pipe").await, ErrorKind::Invalid);
    assert_eq!(directory.kind("loop").await, ErrorKind::Invalid);
    assert_eq!(directory.kind("null").await, ErrorKind::Denied);
    assert_eq!(directory.kind("large").await, ErrorKind::TooLarge);
    assert_eq!(
        directory.read("fits").await.unwrap().value.len(),
        1024 * 1024
    );
}

#[tokio::test]
async fn a_link_to_another_place_is_refused_within_the_root_and_out_of_it() {
    let outside = Scratch::new();
    outside.write("secret", "outside");
    let directory = Scratch::new();
    directory
        .write("theirs/a", "theirs")
        .write("ours/b", "ours")
        .write("ours/sub/c", "ours");
    directory
        .link("ours/a", "../theirs/a")
        .link("ours/dir", "../theirs")
        .link("ours/b2", "b")
        .link("whole", directory.0.join("theirs"));
    directory
        .link("out", outside.0.join("secret"))
        .link("outdir", &outside.0)
        .link("up", "..");
    for (path, why) in [
        ("ours/a", "is or lies behind a link to another place"),
        ("ours/dir/a", "is or lies behind a link to another place"),
        ("ours/b2", "is or lies behind a link to another place"),
        ("whole/a", "is or lies behind a link to another place"),
        ("out", "leads out of the store's root"),
        ("outdir/secret", "leads out of the store's root"),
    ] {
        let error = directory.read(path).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{path}: {error}");
        assert!(error.message.contains(why), "{path}: {error}");
    }
    // A listing names no file by a second path, and leaves none out in silence.
    for base in ["ours", "ours/dir", "whole", "up"] {
        assert_eq!(
            directory.list(base).await.unwrap_err().kind,
            ErrorKind::Denied,
            "{base}"
        );
    }
    assert_eq!(directory.list("ours/sub").await.unwrap(), ["ours/sub/c"]);
    assert_eq!(
        directory.read("ours/b").await.unwrap().value.expose(),
        b"ours"
    );
}

#[tokio::test]
async fn a_root_that_is_a_link_is_a_root() {
    let directory = Scratch::new();
    directory.write("real/a", "x").link("root", "real");
    let store = Directory::new(directory.0.join("root"), Arc::new(|_| {})).unwrap();
    let want = EntryRef {
        path: "a".into(),
        version: None,
    };
    assert!(store.read(&[want], soon()).await[0].is_ok());
}

#[tokio::test]
async fn a_mounted_configmap_is_a_store() {
    // At the root, and of a store whose root has several mounts.
    for mount in ["", "apps/one/"] {
        let directory = Scratch::new();
        let at = |path: &str| format!("{mount}{path}");
        directory
            .write(&at("..2026_11_21/app.json"), "{}")
            .write(&at("..2026_11_21/sub/b"), "b");
        directory
            .link(&at("..data"), "..2026_11_21")
            .link(&at("app.json"), "..data/app.json")
            .link(&at("sub"), "..data/sub");
        let entry = directory.read(&at("app.json")).await.unwrap();
        assert_eq!(entry.value.expose(), b"{}");
        let listed = directory.list(mount.trim_end_matches('/')).await.unwrap();
        assert_eq!(listed, [at("app.json"), at("sub/b")]);
        // The next generation takes its place at once.
        directory.write(&at("..2026_11_22/app.json"), "next");
        directory.link(&at("..next"), "..2026_11_22");
        let link = |name| directory.0.join(at(name));
        fs::rename(link("..next"), link("..data")).unwrap();
        let entry = directory.read(&at("app.json")).await.unwrap();
        assert_eq!(entry.value.expose(), b"next");
        // The names that the kubelet does not make: one entry under the name of another.
        directory.link(&at("alias"), "..data/app.json");
        assert_eq!(directory.kind(&at("alias")).await, ErrorKind::Denied);
    }
}

#[tokio::test]
async fn a_prefix_is_every_file_below_sorted_without_hidden_ones() {
    let directory = Scratch::new();
    for path in [
        "app/b",
        "app/a",
        "app/sub/c",
        "app/.hidden",
        "app/.git/config",
        "apple",
        "z",
    ] {
        directory.write(path, "x");
    }
    directory.link("app/dangling", "missing");
    assert_eq!(
        directory.list("app").await.unwrap(),
        ["app/a", "app/b", "app/sub/c"]
    );
    assert_eq!(
        directory.list("").await.unwrap(),
        ["app/a", "app/b", "app/sub/c", "apple", "z"]
    );
    assert_eq!(directory.list("app/a").await.unwrap(), [""; 0]);
    assert_eq!(directory.list("missing").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_listing_is_bounded_and_says_what_it_cannot_name() {
    let directory = Scratch::new();
    directory.write("odd/a b", "x");
    let error = directory.list("odd").await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.contains("rename it")),
        (ErrorKind::Invalid, true)
    );
    directory.write(&format!("deep/{}x", "d/".repeat(40)), "x");
    assert_eq!(
        directory.list("deep").await.unwrap_err().kind,
        ErrorKind::TooLarge
    );
    fs::create_dir(directory.0.join("many")).unwrap();
    for number in 0..=10_000 {
        fs::File::create(directory.0.join(format!("many/{number}"))).unwrap();
    }
    assert_eq!(
        directory.list("many").await.unwrap_err().kind,
        ErrorKind::TooLarge
    );
}

#[tokio::test]
async fn a_root_that_is_not_there_is_no_missing_entry() {
    let store = Directory::new("/nonexistent/jasm", Arc::new(|_| {})).unwrap();
    let answers = store
        .read(
            &[EntryRef {
                path: "a".into(),
                version: None,
            }],
            soon(),
        )
        .await;
    assert_eq!(
        answers[0].as_ref().unwrap_err().kind,
        ErrorKind::Unavailable
    );
    let listed = store
        .list(
            &Prefix {
                base: String::new(),
            },
            soon(),
        )
        .await;
    assert_eq!(listed.unwrap_err().kind, ErrorKind::Unavailable);
}

#[test]
fn a_root_that_is_a_file_is_refused() {
    let error = Directory::new("/etc/passwd", Arc::new(|_| {})).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[test]
fn a_file_that_may_not_be_opened_is_denied() {
    // The tests may run as root, whom no file refuses.
    let error = tree::failed(&std::io::ErrorKind::PermissionDenied.into(), "a");
    assert_eq!(error.kind, ErrorKind::Denied);
    let error = tree::failed(&std::io::ErrorKind::StorageFull.into(), "a");
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (ErrorKind::Unavailable, Some("StorageFull"))
    );
}

#[tokio::test]
async fn every_access_is_observed() {
    let directory = Scratch::new();
    directory.write("a", "x");
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let store = Directory::new(
        directory.0.clone(),
        Arc::new(move |call: Call| {
            seen.lock().unwrap().push((call.operation, call.outcome));
        }),
    )
    .unwrap();
    let wants = ["a", "b"].map(|path| EntryRef {
        path: path.into(),
        version: None,
    });
    store.read(&wants, soon()).await;
    store
        .list(
            &Prefix {
                base: String::new(),
            },
            soon(),
        )
        .await
        .unwrap();
    assert_eq!(
        *calls.lock().unwrap(),
        [
            ("ReadFile", "ok"),
            ("ReadFile", "not_found"),
            ("ListDirectory", "ok")
        ]
    );
}
