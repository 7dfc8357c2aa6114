//! moto, started once per process; it ends with it.

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

use aws_config::{BehaviorVersion, Region};
use jasm_providers::aws;

use crate::support::{connect, options};

/// Ends moto when the pipe from this process closes, however this process ends.
const UNTIL_STDIN_CLOSES: &str = r#""$0" -H 127.0.0.1 -p "$1" >"$2" 2>&1 </dev/null & moto=$!
cat >/dev/null
kill "$moto""#;
/// A cold Python start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Moto {
    endpoint: String,
    // Its standard input is what keeps moto alive.
    _keeper: Child,
}

/// A region that no other test uses.
pub(crate) struct Cloud {
    pub(crate) connection: aws::Connection,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) parameters: aws_sdk_ssm::Client,
    pub(crate) region: String,
    pub(crate) endpoint: String,
}

impl Cloud {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let region = format!("test-region-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        // Starting is blocking, and once.
        let endpoint = tokio::task::spawn_blocking(|| moto().endpoint.clone())
            .await
            .expect("moto did not start");
        let seed = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .endpoint_url(&endpoint)
            .credentials_provider(aws_credential_types::Credentials::new(
                "AKIASEED", "seed", None, None, "test",
            ))
            .load()
            .await;
        Self {
            connection: connect(&options(&endpoint, &region)).await,
            secrets: aws_sdk_secretsmanager::Client::new(&seed),
            parameters: aws_sdk_ssm::Client::new(&seed),
            region,
            endpoint,
        }
    }
}

fn moto() -> &'static Moto {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(start)
}

fn start() -> Moto {
    let program = program();
    let mut said = String::new();
    // Somebody else may take the port between its being found and its being used.
    for _ in 0..3 {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let log = env::temp_dir().join(format!("jasm-moto-{}-{port}.log", std::process::id()));
        let mut keeper = Command::new("sh")
            .args(["-c", UNTIL_STDIN_CLOSES])
            .arg(&program)
            .arg(port.to_string())
            .arg(&log)
            .env("MOTO_ALLOW_NONEXISTENT_REGION", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("sh cannot be started");
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if answers(port) {
                let _ = fs::remove_file(&log);
                return Moto {
                    endpoint: format!("http://127.0.0.1:{port}"),
                    _keeper: keeper,
                };
            }
            if failed(&log) {
                break;
            }
            sleep(Duration::from_millis(20));
        }
        drop(keeper.stdin.take());
        let _ = keeper.wait();
        said = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(&log);
    }
    panic!("moto ({}) cannot be started: {said}", program.display());
}

/// `JASM_TEST_MOTO`, else what the installing script prints.
fn program() -> PathBuf {
    if let Some(program) = env::var_os("JASM_TEST_MOTO") {
        return program.into();
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/tools/moto.sh");
    let output = Command::new(&script).stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout)
            .expect("the path of moto is not UTF-8")
            .trim_end()
            .into(),
        Ok(output) => panic!(
            "{} failed ({}); or set JASM_TEST_MOTO",
            script.display(),
            output.status
        ),
        Err(error) => panic!(
            "{} cannot be started ({error}); or set JASM_TEST_MOTO",
            script.display()
        ),
    }
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let request = b"GET /moto-api/ HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.contains(" 200 ")
}

/// What Python and werkzeug say before they give up.
fn failed(log: &PathBuf) -> bool {
    fs::read_to_string(log).is_ok_and(|log| {
        ["Traceback", "not found", "in use", "No such file", "error:"]
            .iter()
            .any(|sign| log.contains(sign))
    })
}
