//! The clouds' own Python clients, which write what is then read.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// `JASM_TEST_VENDOR`, else what the installing script prints.
fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        if let Some(python) = env::var_os("JASM_TEST_VENDOR") {
            return python.into();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tools/vendor.sh");
        let output = std::process::Command::new(&script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", script.display()));
        assert!(
            output.status.success(),
            "{} failed; or set JASM_TEST_VENDOR",
            script.display()
        );
        String::from_utf8(output.stdout).unwrap().trim_end().into()
    };
    PYTHON.get_or_init(find).clone()
}

/// Where a client of the vendor's writes, and as whom.
pub(crate) struct Writer {
    kind: &'static str,
    service: Value,
}

impl Writer {
    /// A kind of `fakes/tests/vendor/write.py`.
    pub(crate) fn new(kind: &'static str, address: &str, token: &str) -> Self {
        Self {
            kind,
            service: json!({"address": address, "token": token}),
        }
    }

    /// Trusts this authority too.
    pub(crate) fn trusting(mut self, ca_pem: &str) -> Self {
        self.service["ca"] = ca_pem.into();
        self
    }

    /// Writes them one after another; says what each became.
    pub(crate) async fn write(&self, entries: &[Value]) -> Vec<Value> {
        let python = tokio::task::spawn_blocking(python).await.unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fakes/tests/vendor/write.py");
        let mut child = Command::new(python)
            .arg("-B")
            .arg(script)
            .arg(self.kind)
            // Nobody's own account, proxy or settings.
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("Python cannot be started");
        let mut lines = format!("{}\n", self.service);
        for entry in entries {
            lines.push_str(&format!("{entry}\n"));
        }
        let mut stdin = child.stdin.take().unwrap();
        let tell = async move {
            // One that failed reads no more, and its status says so.
            let _ = stdin.write_all(lines.as_bytes()).await;
        };
        let ((), output) = tokio::join!(tell, child.wait_with_output());
        let output = output.unwrap();
        assert!(output.status.success(), "write.py {}", self.kind);
        let said = String::from_utf8(output.stdout).unwrap();
        let written: Vec<Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(written.len(), entries.len(), "write.py {}", self.kind);
        written
    }

    /// Writes one.
    pub(crate) async fn write_one(&self, entry: Value) -> Value {
        self.write(&[entry]).await.remove(0)
    }
}

/// What a field of an answer says.
pub(crate) fn word<'a>(written: &'a Value, field: &str) -> &'a str {
    written[field].as_str().unwrap()
}
