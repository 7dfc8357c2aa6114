//! OpenBao, started once per process; it ends with it.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

/// Ends the server when the pipe from this process closes, however this process ends. `HOME` is a folder
/// of its own: the server writes there.
const UNTIL_STDIN_CLOSES: &str = r#"HOME="$3" "$0" server -dev -dev-root-token-id=root -dev-no-store-token -dev-listen-address="127.0.0.1:$1" >"$2" 2>&1 </dev/null & bao=$!
cat >/dev/null
kill "$bao""#;
const PATIENCE: Duration = Duration::from_secs(60);
/// The token that may do everything.
pub(crate) const ROOT: &str = "root";

struct Server {
    address: String,
    // Its standard input is what keeps the server alive.
    _keeper: Child,
}

/// Mounts that no other test uses.
pub(crate) struct Bao {
    pub(crate) address: String,
    pub(crate) number: u32,
    client: reqwest::Client,
}

impl Bao {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        // Starting is blocking, and once.
        let address = tokio::task::spawn_blocking(|| server().address.clone())
            .await
            .expect("OpenBao did not start");
        Self {
            address,
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// A name that no other test uses.
    pub(crate) fn own(&self, name: &str) -> String {
        format!("{name}-{}", self.number)
    }

    /// Mounts the key-value engine; returns where.
    pub(crate) async fn engine(&self, version: u8) -> String {
        let mount = self.own(&format!("kv{version}"));
        let options = json!({"type": "kv", "options": {"version": version.to_string()}});
        self.write(&format!("sys/mounts/{mount}"), &options).await;
        mount
    }

    pub(crate) async fn write(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, path, None, Some(body)).await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        namespace: Option<&str>,
        body: Option<&Value>,
    ) -> Value {
        let mut request = self
            .client
            .request(method, format!("{}/v1/{path}", self.address))
            .header("X-Vault-Token", ROOT);
        if let Some(namespace) = namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        assert!(
            status.is_success(),
            "{path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).unwrap_or_default()
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(start)
}

fn start() -> Server {
    let program = program();
    let mut said = String::new();
    // Somebody else may take the port between its being found and its being used.
    for _ in 0..3 {
        let port = two_ports();
        let home = env::temp_dir().join(format!("jasm-openbao-{}-{port}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let log = home.join("log");
        let mut keeper = Command::new("sh")
            .args(["-c", UNTIL_STDIN_CLOSES])
            .arg(&program)
            .arg(port.to_string())
            .arg(&log)
            .arg(&home)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("sh cannot be started");
        let began = Instant::now();
        while began.elapsed() < PATIENCE && !failed(&log) {
            if answers(port) {
                return Server {
                    address: format!("http://127.0.0.1:{port}"),
                    _keeper: keeper,
                };
            }
            sleep(Duration::from_millis(20));
        }
        drop(keeper.stdin.take());
        let _ = keeper.wait();
        said = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_dir_all(&home);
    }
    panic!("OpenBao ({}) cannot be started: {said}", program.display());
}

/// A free port; the server takes the next one for its cluster too.
fn two_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

/// `JASM_TEST_OPENBAO`, else what the installing script prints.
fn program() -> PathBuf {
    if let Some(program) = env::var_os("JASM_TEST_OPENBAO") {
        return program.into();
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/tools/openbao.sh");
    let output = Command::new(&script).stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout)
            .expect("the path of bao is not UTF-8")
            .trim_end()
            .into(),
        Ok(output) => panic!(
            "{} failed ({}); or set JASM_TEST_OPENBAO",
            script.display(),
            output.status
        ),
        Err(error) => panic!(
            "{} cannot be started ({error}); or set JASM_TEST_OPENBAO",
            script.display()
        ),
    }
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let request = b"GET /v1/sys/health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.contains(" 200 ")
}

/// What the server says before it gives up.
fn failed(log: &PathBuf) -> bool {
    fs::read_to_string(log).is_ok_and(|log| {
        [
            "Error initializing",
            ": not found",
            "in use",
            "No such file",
        ]
        .iter()
        .any(|sign| log.contains(sign))
    })
}
