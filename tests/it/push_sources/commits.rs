//! One commit out of a real repository.

use std::collections::BTreeMap;
use std::time::Duration;

use jasm::push::memory::Memory;
use jasm::push::source::argo::Commit;
use jasm::push::source::files::{Caps, Wanted};
use jasm::push::source::git::{self, credentials::Credentials};
use jasm::push::source::repository::Repository as Address;
use jasm::push::source::{Problem, ProblemKind, Snapshot};
use jasm_providers::SecretBytes;
use jasm_providers::web::Web;
use tokio::time::Instant;

use crate::support::cluster;
use crate::support::git_server::{GitServer, Manner, PASSWORD, Repository, USER};

struct Fetch {
    wanted: Wanted,
    caps: Caps,
    credentials: Option<Credentials>,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            wanted: Wanted::everything(),
            caps: Caps::default(),
            credentials: None,
        }
    }
}

impl Fetch {
    async fn of(&self, url: &str, revision: &str) -> Result<Snapshot, Problem> {
        cluster::provider();
        let commit = Commit {
            repository: Address::parse(url).unwrap(),
            revision: revision.to_owned(),
            target: Some("main".into()),
        };
        let deadline = Instant::now() + Duration::from_secs(120);
        let web = Web::new(None).unwrap();
        let credentials = self.credentials.as_ref();
        git::fetch(
            &web,
            &commit,
            credentials,
            &self.wanted,
            &self.caps,
            &Memory::default().share("shop"),
            deadline,
        )
        .await
    }
}

fn files(snapshot: &Snapshot) -> BTreeMap<String, Vec<u8>> {
    let files = snapshot.tree.iter();
    files
        .map(|(path, content)| (path.to_owned(), content.expose().to_vec()))
        .collect()
}

/// What git itself says is in a commit: its plain files.
fn of_git(repository: &Repository, revision: &str) -> BTreeMap<String, Vec<u8>> {
    let listed = repository.git(&["ls-tree", "-r", revision]);
    let files = listed.lines().filter(|line| line.starts_with("100"));
    files
        .map(|line| {
            let path = line.split_once('\t').unwrap().1;
            let object = format!("{revision}:{path}");
            let output = std::process::Command::new("git")
                .args(["cat-file", "blob", &object])
                .current_dir(&repository.work)
                .output()
                .unwrap();
            (path.to_owned(), output.stdout)
        })
        .collect()
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

#[tokio::test]
async fn exactly_the_commit_comes_whatever_its_branch_is_now() {
    let server = GitServer::start().await;
    let repository = server.repository("shop");
    repository.write("deploy/prod/application.secrets.env", "PASSWORD=one\n");
    repository.write("deploy/prod/blob", noise(1, 70_000));
    repository.write("deploy/again", "PASSWORD=one\n");
    repository.write("empty", "");
    let first = repository.push("one");
    repository.write("deploy/prod/application.secrets.env", "PASSWORD=two\n");
    let second = repository.push("two");
    // Pushed away: no branch leads to it any more.
    repository.git(&["commit", "--quiet", "--amend", "-m", "other"]);
    let third = repository.push("three");
    let url = server.url("shop");
    for revision in [&first, &second, &third] {
        let snapshot = Fetch::default().of(&url, revision).await.unwrap();
        assert_eq!(snapshot.revision, *revision);
        assert_eq!(files(&snapshot), of_git(&repository, revision));
    }
    // And gone from the server.
    repository.served_git(&["reflog", "expire", "--expire=now", "--all"]);
    repository.served_git(&["gc", "--quiet", "--prune=now"]);
    let problem = Fetch::default().of(&url, &second).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Unavailable);
    assert!(
        problem
            .message
            .contains(&format!("does not have commit {second}")),
        "{problem}"
    );
    assert!(Fetch::default().of(&url, &third).await.is_ok());
    // A tag's object, a tree: no commits.
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let problem = Fetch::default().of(&url, &tree).await.unwrap_err();
    assert!(
        matches!(
            problem.kind,
            ProblemKind::Integrity | ProblemKind::Unavailable
        ),
        "{problem}"
    );
}

#[tokio::test]
async fn changes_of_changes_are_put_together() {
    let server = GitServer::start().await;
    let repository = server.repository("deltas");
    let mut text: Vec<_> = (0..400)
        .map(|line| format!("line.{line}={line}\n"))
        .collect();
    for number in 0..60 {
        text[number * 5] = format!("changed={number}\n");
        repository.write(
            &format!("profiles/{number}/application.properties"),
            text.concat(),
        );
    }
    let revision = repository.push("similar files");
    repository.served_git(&["repack", "-adfq", "--depth=50", "--window=50"]);
    for old in [false, true] {
        server.behave(Manner {
            old,
            ..Manner::default()
        });
        let snapshot = Fetch::default()
            .of(&server.url("deltas"), &revision)
            .await
            .unwrap();
        assert_eq!(files(&snapshot), of_git(&repository, &revision));
        // All of it is far less than the files: they did come as changes.
        let sent = server.sent();
        assert!(sent < 60_000, "{sent} bytes");
    }
}

#[tokio::test]
async fn a_large_repository_costs_what_is_wanted_of_it() {
    let server = GitServer::start().await;
    let repository = server.repository("large");
    repository.write("deploy/prod/a.env", "A=1\n");
    repository.write("deploy/large", noise(1, 2 << 20));
    for file in 0..6 {
        repository.write(&format!("media/{file}"), noise(file + 2, 2 << 20));
    }
    let revision = repository.push("large");
    let url = server.url("large");
    let caps = Caps {
        packed: 4 << 20,
        file: 1 << 20,
        ..Caps::default()
    };
    let below = || Fetch {
        wanted: Wanted::below(["deploy"]),
        caps,
        credentials: None,
    };
    // The server gives everything or nothing.
    let problem = below().of(&url, &revision).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Content);
    assert!(problem.message.contains("more than 4 MiB"), "{problem}");
    // The server can leave out what is not wanted.
    repository.served_git(&["config", "uploadpack.allowFilter", "true"]);
    server.sent();
    let prod = Fetch {
        wanted: Wanted::below(["deploy/prod"]),
        ..below()
    };
    let snapshot = prod.of(&url, &revision).await.unwrap();
    assert_eq!(
        files(&snapshot),
        BTreeMap::from([("deploy/prod/a.env".to_owned(), b"A=1\n".to_vec())])
    );
    let sent = server.sent();
    assert!(sent < 4096, "{sent} bytes");
    let all = Fetch {
        caps,
        ..Fetch::default()
    };
    for fetch in [below(), all] {
        let snapshot = fetch.of(&url, &revision).await.unwrap();
        assert_eq!(snapshot.tree.len(), 1);
        let (_, why) = snapshot.why_left_out("deploy/large").unwrap();
        assert!(why.contains("more than 1 MiB"), "{why}");
    }
}

#[tokio::test]
async fn servers_of_the_version_before_give_tips_and_say_what_they_do_not_give() {
    let server = GitServer::start().await;
    let repository = server.repository("old");
    repository.write("a", "1");
    let first = repository.push("one");
    repository.write("a", "2");
    let second = repository.push("two");
    let url = server.url("old");
    server.behave(Manner {
        old: true,
        ..Manner::default()
    });
    let snapshot = Fetch::default().of(&url, &second).await.unwrap();
    assert_eq!(files(&snapshot), of_git(&repository, &second));
    let problem = Fetch::default().of(&url, &first).await.unwrap_err();
    assert!(
        problem.message.contains("allowReachableSHA1InWant")
            && problem.message.contains("\"main\""),
        "{problem}"
    );
    repository.served_git(&["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    let snapshot = Fetch::default().of(&url, &first).await.unwrap();
    assert_eq!(files(&snapshot), of_git(&repository, &first));
}

#[tokio::test]
async fn credentials_are_asked_for_used_and_never_shown() {
    let server = GitServer::start().await;
    let repository = server.repository("private");
    repository.write("a", "1");
    let revision = repository.push("one");
    server.behave(Manner {
        private: true,
        ..Manner::default()
    });
    let with = |password: Option<&str>| {
        let credentials = password.map(|password| {
            let secret = |text: &str| SecretBytes::from(text.to_owned());
            let pairs = [("username", USER), ("password", password)];
            let data = pairs.map(|(key, value)| (key.to_owned(), secret(value)));
            Credentials::of(&data.into()).unwrap()
        });
        Fetch {
            credentials,
            ..Fetch::default()
        }
    };
    let url = server.url("private");
    let snapshot = with(Some(PASSWORD)).of(&url, &revision).await.unwrap();
    assert_eq!(snapshot.tree.len(), 1);
    for (password, said) in [
        (None, "asks for credentials"),
        (Some("marker-wrong"), "does not accept the credentials"),
    ] {
        let problem = with(password).of(&url, &revision).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Denied);
        assert!(problem.message.contains(said), "{problem}");
        assert!(!format!("{problem:?}").contains("marker"));
    }
    assert!(server.asked().iter().all(|asked| !asked.contains("marker")));
    // In clear they go to this machine only.
    let elsewhere = "http://git.example/private";
    let problem = with(Some(PASSWORD))
        .of(elsewhere, &revision)
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Unsupported);
    assert!(
        problem.message.contains("no credentials are sent"),
        "{problem}"
    );
    server.behave(Manner::default());
    let problem = Fetch::default()
        .of(&server.url("none"), &revision)
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Denied);
    assert!(
        problem.message.contains("there is no repository"),
        "{problem}"
    );
}

#[tokio::test]
async fn links_submodules_and_pointers_are_left_out_by_name() {
    let server = GitServer::start().await;
    let other = server.repository("other");
    other.write("x", "1");
    other.push("one");
    let repository = server.repository("odd");
    repository.write("deploy/a.env", "A=1");
    std::os::unix::fs::symlink("a.env", repository.work.join("deploy/link")).unwrap();
    std::os::unix::fs::symlink("/etc", repository.work.join("deploy/etc")).unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    repository.write("deploy/model.bin", pointer);
    repository.git(&[
        "submodule",
        "--quiet",
        "add",
        other.served.to_str().unwrap(),
        "deploy/sub",
    ]);
    let revision = repository.push("odd");
    let snapshot = Fetch {
        wanted: Wanted::below(["deploy"]),
        ..Fetch::default()
    };
    let snapshot = snapshot.of(&server.url("odd"), &revision).await.unwrap();
    assert_eq!(snapshot.tree.len(), 1);
    for (path, at, said) in [
        ("deploy/link", "deploy/link", "symbolic link"),
        ("deploy/etc/passwd", "deploy/etc", "symbolic link"),
        ("deploy/sub/x", "deploy/sub", "submodule"),
        ("deploy/model.bin", "deploy/model.bin", "Git LFS"),
    ] {
        let (found, why) = snapshot.why_left_out(path).unwrap();
        assert!(found == at && why.contains(said), "{path}: {found}: {why}");
    }
}

#[tokio::test]
async fn what_is_cut_or_no_repository_is_said_and_nothing_of_it_is_taken() {
    let server = GitServer::start().await;
    let repository = server.repository("cut");
    repository.write("a", noise(1, 3000));
    let revision = repository.push("one");
    let url = server.url("cut");
    for cut in [0, 1, 50, 200, 1500, 3000] {
        server.behave(Manner {
            cut: Some(cut),
            ..Manner::default()
        });
        let problem = Fetch::default().of(&url, &revision).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Integrity, "{cut}: {problem}");
    }
    let moved = |from: &str, to: &str| Manner {
        moved: Some((from.into(), to.into())),
        ..Manner::default()
    };
    server.behave(moved("/before", "/cut"));
    assert!(
        Fetch::default()
            .of(&server.url("before"), &revision)
            .await
            .is_ok()
    );
    for away in ["http://git.example/cut", "/before"] {
        server.behave(moved("/before", away));
        let problem = Fetch::default()
            .of(&server.url("before"), &revision)
            .await
            .unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Unsupported);
        assert!(problem.message.contains("redirect"), "{problem}");
    }
    // A port that nobody listens on.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let problem = Fetch::default()
        .of(&format!("http://127.0.0.1:{port}/a"), &revision)
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Unavailable);
    assert!(problem.message.contains("cannot be reached"), "{problem}");
}
