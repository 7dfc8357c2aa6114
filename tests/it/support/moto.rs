//! The one moto server of this process.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::part;

pub(crate) const ACCESS_KEY: &str = "AKIDTEST";
pub(crate) const SECRET_KEY: &str = "not-a-secret-key";
pub(crate) const REGION: &str = "eu-west-1";
/// The account that moto gives to everybody.
pub(crate) const ACCOUNT: &str = "123456789012";

static MOTO: OnceLock<(String, Child)> = OnceLock::new();

/// Its endpoint.
pub(crate) fn endpoint() -> &'static str {
    &MOTO.get_or_init(start).0
}

fn start() -> (String, Child) {
    let server = part("JASM_TEST_MOTO", "tests/tools/moto.sh", "");
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    // The shell ends the server when its standard input closes, so when this process is gone.
    let script = "\"$0\" -H 127.0.0.1 -p \"$1\" >/dev/null 2>&1 </dev/null & pid=$!; cat >/dev/null; kill $pid";
    let child = Command::new("sh")
        .args(["-c", script, &server, &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("sh starts");
    let begun = std::time::Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begun.elapsed().as_secs() < 60,
            "the moto server did not start within 60 s"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    (format!("http://127.0.0.1:{port}"), child)
}
