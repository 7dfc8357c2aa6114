//! A running JASM: the real binary.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::eventually;

pub(crate) struct Controller {
    child: Child,
    address: String,
    log: PathBuf,
}

/// How it is started.
pub(crate) struct Start<'a> {
    pub(crate) config: &'a Path,
    pub(crate) kubeconfig: &'a Path,
    pub(crate) log: PathBuf,
    pub(crate) args: &'a [&'a str],
    /// Variables of its environment besides those of every test.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Controller {
    /// Starts it and waits until it listens.
    pub(crate) async fn start(start: Start<'_>) -> Self {
        let child = spawn(&start);
        let log = start.log;
        let mut controller = Self {
            child,
            address: String::new(),
            log,
        };
        controller.address = eventually("JASM says where it listens", || async {
            controller
                .lines()
                .iter()
                .find_map(|line| Some(line.get("address")?.as_str()?.to_owned()))
        })
        .await;
        controller
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&self) {
        eventually("JASM is ready", || async {
            (self.get("/readyz").await?.0 == 200).then_some(())
        })
        .await;
    }

    /// The log's lines so far.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        self.log_text()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Status and body; none while it does not answer.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).await.ok()?;
        stream
            .write_all(
                format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
            )
            .await
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// The sum of all series of a metric whose labels contain every one of `labels`.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (_, text) = self.get("/metrics").await.expect("JASM answers");
        text.lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name))
            .filter(|line| labels.iter().all(|label| line.contains(label)))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Calls to stores so far.
    pub(crate) async fn calls(&self) -> f64 {
        self.metric("jasm_provider_calls_total", &[]).await
    }

    /// Objects written so far.
    pub(crate) async fn writes(&self) -> f64 {
        self.metric("jasm_object_writes_total", &["\"created\""])
            .await
            + self
                .metric("jasm_object_writes_total", &["\"updated\""])
                .await
    }

    /// SIGKILL, and gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().expect("JASM runs").to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// SIGTERM; the exit code.
    pub(crate) async fn terminate(mut self) -> i32 {
        self.signal("TERM");
        self.child.wait().await.unwrap().code().unwrap_or(-1)
    }

    /// The exit code of one that ends by itself.
    pub(crate) async fn exit(mut self) -> i32 {
        self.child.wait().await.unwrap().code().unwrap_or(-1)
    }
}

/// Starts the binary with nothing of this process's environment.
pub(crate) fn spawn(start: &Start<'_>) -> Child {
    Command::new(env!("CARGO_BIN_EXE_jasm"))
        .env_clear()
        .env("KUBECONFIG", start.kubeconfig)
        .env("AWS_ACCESS_KEY_ID", super::moto::ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", super::moto::SECRET_KEY)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(start.environment.iter().map(|(name, value)| (name, value)))
        .args(["run", "--listen", "127.0.0.1:0", "--config"])
        .arg(start.config)
        .args(start.args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&start.log).unwrap())
        .kill_on_drop(true)
        .spawn()
        .expect("the jasm binary starts")
}
