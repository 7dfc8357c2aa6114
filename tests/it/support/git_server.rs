//! Repositories made by the real git, served over HTTP by git's own `http-backend`.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;

pub(crate) const USER: &str = "reader";
pub(crate) const PASSWORD: &str = "marker-password";

/// How the server behaves.
#[derive(Debug, Default, Clone)]
pub(crate) struct Manner {
    /// Does not know version 2 of the protocol.
    pub(crate) old: bool,
    /// Asks for credentials.
    pub(crate) private: bool,
    /// Cuts the pack after so many bytes.
    pub(crate) cut: Option<usize>,
    /// Sends who asks here on to there.
    pub(crate) moved: Option<(String, String)>,
}

pub(crate) struct GitServer {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    manner: Mutex<Manner>,
    /// Bytes of packs and what is around them.
    sent: Mutex<usize>,
    asked: Mutex<Vec<String>>,
}

impl GitServer {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("served");
        std::fs::create_dir(&root).unwrap();
        let shared = Arc::new(Shared {
            root,
            manner: Mutex::default(),
            sent: Mutex::default(),
            asked: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            folder,
            port,
            shared,
        }
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// Bytes sent in answer to fetches since the last call.
    pub(crate) fn sent(&self) -> usize {
        std::mem::take(&mut *self.shared.sent.lock().unwrap())
    }

    /// What was asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap())
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// A new repository with a work tree beside it, both empty.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        let served = self.shared.root.join(name);
        let work = self.folder.path().join(format!("work-{name}"));
        let repository = Repository { served, work };
        std::fs::create_dir(&repository.work).unwrap();
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        let served = repository.served.to_str().unwrap();
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main", served]);
        repository.git(&["remote", "add", "origin", served]);
        repository
    }
}

/// A work tree, and the repository that is served.
pub(crate) struct Repository {
    pub(crate) served: PathBuf,
    pub(crate) work: PathBuf,
}

impl Repository {
    fn run(folder: &PathBuf, arguments: &[&str]) -> String {
        let output = std::process::Command::new("git")
            .args(["-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([
                ("GIT_AUTHOR_NAME", "tests"),
                ("GIT_AUTHOR_EMAIL", "tests@example.com"),
                ("GIT_COMMITTER_NAME", "tests"),
                ("GIT_COMMITTER_EMAIL", "tests@example.com"),
            ])
            .output()
            .expect("git is installed");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// In the work tree.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        Self::run(&self.work, arguments)
    }

    /// In what is served.
    pub(crate) fn served_git(&self, arguments: &[&str]) -> String {
        Self::run(&self.served, arguments)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.work.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commits everything and pushes it; the commit.
    pub(crate) fn push(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["push", "--quiet", "--force", "origin", "HEAD:main"]);
        self.git(&["rev-parse", "HEAD"])
    }
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let manner = shared.manner.lock().unwrap().clone();
    shared.asked.lock().unwrap().push(format!("{method} {uri}"));
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    if let Some((from, to)) = &manner.moved
        && let Some(rest) = uri.to_string().strip_prefix(from.as_str())
        && rest.starts_with('/')
    {
        return (
            StatusCode::MOVED_PERMANENTLY,
            [("location", format!("{to}{rest}"))],
        )
            .into_response();
    }
    if manner.private {
        let right = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        if header("authorization") != right {
            return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Basic")]).into_response();
        }
    }
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if !manner.old {
        command.env("GIT_PROTOCOL", header("git-protocol"));
    }
    let mut child = command.spawn().expect("git http-backend is installed");
    let mut stdin = child.stdin.take().unwrap();
    tokio::spawn(async move {
        let _ = stdin.write_all(&body).await;
    });
    let output = child.wait_with_output().await.unwrap().stdout;
    let end = output
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = if name == "Status" {
            response.status(value[..3].parse::<u16>().unwrap())
        } else {
            response.header(name, value)
        };
    }
    let mut answer = output[end + 4..].to_vec();
    if method == Method::POST {
        if let Some(cut) = manner.cut {
            answer.truncate(cut);
        }
        *shared.sent.lock().unwrap() += answer.len();
    }
    response.body(Body::from(answer)).unwrap()
}
