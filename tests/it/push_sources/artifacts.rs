//! Artifacts, served from this machine as source-controller serves them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use jasm::push::memory::Memory;
use jasm::push::source::artifact;
use jasm::push::source::files::{Caps, Wanted};
use jasm::push::source::flux::Artifact;
use jasm::push::source::{Problem, ProblemKind, Snapshot};
use jasm_providers::web::Web;
use sha2::{Digest as _, Sha256, Sha512};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::cluster;

#[derive(Default)]
struct Files {
    served: Mutex<HashMap<String, Vec<u8>>>,
    /// What is answered when it is let go.
    held: Mutex<HashMap<String, watch::Receiver<bool>>>,
    asked: Mutex<Vec<String>>,
}

type Served = Arc<Files>;

/// A server of artifacts.
pub(crate) struct Storage {
    port: u16,
    served: Served,
}

impl Storage {
    pub(crate) async fn start() -> Self {
        let served = Served::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&served));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, served }
    }

    /// Serves an archive of these files; what a source's status would say of it.
    pub(crate) fn put(&self, revision: &str, files: &[(&str, &str)]) -> Artifact {
        let bytes = archive(files);
        let artifact = Artifact {
            url: format!("http://127.0.0.1:{}/{revision}.tar.gz", self.port),
            revision: revision.to_owned(),
            digest: format!("sha256:{}", hex(&Sha256::digest(&bytes))),
            size: Some(bytes.len() as u64),
        };
        self.put_bytes(revision, bytes);
        artifact
    }

    /// Serves these bytes; where.
    pub(crate) fn put_bytes(&self, revision: &str, bytes: Vec<u8>) -> String {
        let path = format!("/{revision}.tar.gz");
        self.served
            .served
            .lock()
            .unwrap()
            .insert(path.clone(), bytes);
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Answers nobody who asks for a revision until `true` is sent.
    pub(crate) fn hold(&self, revision: &str) -> watch::Sender<bool> {
        let (sender, receiver) = watch::channel(false);
        let path = format!("/{revision}.tar.gz");
        self.served.held.lock().unwrap().insert(path, receiver);
        sender
    }

    /// How often a revision was asked for.
    pub(crate) fn asked(&self, revision: &str) -> usize {
        let path = format!("/{revision}.tar.gz");
        let asked = self.served.asked.lock().unwrap();
        asked.iter().filter(|other| **other == path).count()
    }
}

async fn serve(State(served): State<Served>, uri: Uri) -> Response {
    if uri.path() == "/moved" {
        return (StatusCode::FOUND, [("location", "http://elsewhere.test/")]).into_response();
    }
    served.asked.lock().unwrap().push(uri.path().to_owned());
    let held = served.held.lock().unwrap().get(uri.path()).cloned();
    if let Some(mut held) = held {
        // A sender that is gone lets go too.
        let _ = held.wait_for(|go| *go).await;
    }
    match served.served.lock().unwrap().get(uri.path()) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        builder
            .append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    let mut encoder = builder.into_inner().unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) async fn fetch(artifact: &Artifact) -> Result<Snapshot, Problem> {
    fetch_within(artifact, Duration::from_secs(60)).await
}

async fn fetch_within(artifact: &Artifact, patience: Duration) -> Result<Snapshot, Problem> {
    cluster::provider();
    let web = Web::new(None).unwrap();
    let deadline = Instant::now() + patience;
    artifact::fetch(
        &web,
        artifact,
        &Wanted::everything(),
        &Caps::default(),
        &Memory::default().share("shop"),
        deadline,
    )
    .await
}

#[tokio::test]
async fn an_artifact_is_what_its_digest_says_or_nothing() {
    let storage = Storage::start().await;
    let good = storage.put("main@sha1:abc", &[("deploy/a.env", "A=1"), ("b", "2")]);
    let snapshot = fetch(&good).await.unwrap();
    assert_eq!(
        (snapshot.revision.as_str(), snapshot.tree.len()),
        ("main@sha1:abc", 2)
    );
    let bytes = archive(&[("deploy/a.env", "A=1"), ("b", "2")]);
    let with = |change: fn(&mut Artifact)| {
        let mut artifact = good.clone();
        change(&mut artifact);
        artifact
    };
    let mut unsized_one = with(|artifact| artifact.size = None);
    unsized_one.digest = format!("sha512:{}", hex(&Sha512::digest(&bytes)));
    assert!(fetch(&unsized_one).await.is_ok());
    let other = format!("sha256:{}", hex(&Sha256::digest(b"other")));
    for (artifact, kind, said) in [
        (
            Artifact {
                digest: other,
                ..good.clone()
            },
            ProblemKind::Integrity,
            "not what its digest says",
        ),
        (
            with(|artifact| artifact.size = artifact.size.map(|size| size + 1)),
            ProblemKind::Integrity,
            "cut short",
        ),
        (
            with(|artifact| artifact.size = artifact.size.map(|size| size - 1)),
            ProblemKind::Integrity,
            "larger than its status says",
        ),
        (
            with(|artifact| artifact.size = Some(65 << 20)),
            ProblemKind::Content,
            "more than 16 MiB",
        ),
        (
            with(|artifact| artifact.digest = "blake3:00".into()),
            ProblemKind::Unsupported,
            "blake3",
        ),
        (
            with(|artifact| artifact.url = artifact.url.replace("main", "gone")),
            ProblemKind::Unavailable,
            "not there any more",
        ),
        (
            with(|artifact| artifact.url = artifact.url.replace("/main@sha1:abc.tar.gz", "/moved")),
            ProblemKind::Unsupported,
            "redirect",
        ),
    ] {
        let problem = fetch(&artifact).await.unwrap_err();
        assert_eq!(problem.kind, kind, "{problem}");
        assert!(problem.message.contains(said), "{said}: {problem}");
    }
}

#[tokio::test]
async fn a_download_that_is_cut_or_stands_still_ends_in_a_sentence() {
    let bytes = archive(&[("a", "1")]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let half = bytes[..bytes.len() / 2].to_vec();
    let length = bytes.len();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let half = half.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or_default();
                let hangs = request[..read].starts_with(b"GET /hang");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&half).await;
                if hangs {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    let artifact = |path: &str| Artifact {
        url: format!("http://127.0.0.1:{port}/{path}"),
        revision: "main@sha1:abc".into(),
        digest: format!("sha256:{}", hex(&Sha256::digest(&bytes))),
        size: Some(length as u64),
    };
    let problem = fetch(&artifact("cut")).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Unavailable);
    assert!(
        problem.message.contains("broke the download off"),
        "{problem}"
    );
    let problem = fetch_within(&artifact("hang"), Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Unavailable);
    assert!(problem.message.contains("in time"), "{problem}");
}
