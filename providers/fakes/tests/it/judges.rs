//! Each judge is a program that starts fakes of its own and says what holds.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// `JASM_TEST_VENDOR`, else what the installing script prints.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        if let Some(python) = env::var_os("JASM_TEST_VENDOR") {
            return python.into();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/vendor.sh");
        let output = Command::new(&script).stderr(Stdio::inherit()).output();
        let output = output
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", script.display()));
        assert!(
            output.status.success(),
            "{} failed; or set JASM_TEST_VENDOR",
            script.display()
        );
        String::from_utf8(output.stdout).unwrap().trim_end().into()
    })
}

fn judge(script: &str, judges: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vendor");
    let output = Command::new(python())
        .arg("-B")
        .arg(folder.join(script))
        .arg(env!("CARGO_BIN_EXE_jasm-fakes"))
        // Nobody's own account, proxy or settings.
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .stderr(Stdio::inherit())
        .output()
        .expect("Python cannot be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{script}:\n{said}");
    let held = said.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(held, judges, "{script}:\n{said}");
}

#[test]
fn googles_clients_find_their_cloud() {
    judge("judge_gcp.py", 11);
}

#[test]
fn azures_clients_find_their_services() {
    judge("judge_azure.py", 10);
}
