//! The one OpenBao of this process.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::part;

/// The token that may do everything.
const ROOT: &str = "root";
/// The shell ends the server when its standard input closes, so when this process is gone. `HOME` is a
/// folder of its own: the server writes there.
const UNTIL_STDIN_CLOSES: &str = r#"HOME="$3" "$0" server -dev -dev-root-token-id=root -dev-no-store-token -dev-listen-address="127.0.0.1:$1" >"$2" 2>&1 </dev/null & bao=$!
cat >/dev/null
kill "$bao"
rm -rf "$3""#;

static SERVER: OnceLock<(String, Child)> = OnceLock::new();

/// `127.0.0.1:PORT`
pub(crate) async fn address() -> &'static str {
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(start));
    &server.await.unwrap().0
}

/// Calls its API as root; fails unless it does what is asked.
pub(crate) async fn call(method: &str, path: &str, body: Option<&Value>) -> Value {
    let body = body.map(Value::to_string).unwrap_or_default();
    let (status, answer) = send(method, path, Some(ROOT), body.as_bytes()).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(
        (200..300).contains(&status),
        "{method} {path}: {status} {text}"
    );
    serde_json::from_slice(&answer).unwrap_or_default()
}

/// Sends a request as whoever has the token; status and body.
pub(crate) async fn send(
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> (u16, Vec<u8>) {
    let token = token
        .map(|token| format!("X-Vault-Token: {token}\r\n"))
        .unwrap_or_default();
    // 1.0, so that the answer comes in one piece.
    let head = format!(
        "{method} /v1/{path} HTTP/1.0\r\nHost: bao\r\n{token}Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(address().await)
        .await
        .unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

fn start() -> (String, Child) {
    let program = part("JASM_TEST_OPENBAO", "tests/tools/openbao.sh", "");
    // Somebody else may take the port between its being found and its being used.
    for _ in 0..3 {
        let port = two_ports();
        let home = std::env::temp_dir().join(format!("jasm-bao-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let log = home.join("log");
        let mut keeper = Command::new("sh")
            .args(["-c", UNTIL_STDIN_CLOSES, &program, &port.to_string()])
            .args([&log, &home])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("sh starts");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) && !failed(&log) {
            if answers(port) {
                return (format!("127.0.0.1:{port}"), keeper);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(keeper.stdin.take());
        let _ = keeper.wait();
    }
    panic!("OpenBao ({program}) did not start within 60 s");
}

/// A free port; the server takes the next one too.
fn two_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
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

/// Whether the server has given up, by what it says.
fn failed(log: &Path) -> bool {
    let signs = ["Error initializing", "in use", "not found"];
    std::fs::read_to_string(log).is_ok_and(|log| signs.iter().any(|sign| log.contains(sign)))
}
