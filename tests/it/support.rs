//! What every test needs: a cluster, a world of its own in it, a running JASM.

pub(crate) mod aws;
pub(crate) mod call;
pub(crate) mod clouds;
pub(crate) mod cluster;
pub(crate) mod controller;
pub(crate) mod crds;
pub(crate) mod fake_aws;
pub(crate) mod git_server;
pub(crate) mod manifests;
pub(crate) mod moto;
pub(crate) mod older;
pub(crate) mod openbao;
pub(crate) mod place;
pub(crate) mod pods;
pub(crate) mod proxy;
pub(crate) mod recorder;
pub(crate) mod tier;
pub(crate) mod vault;
pub(crate) mod veil;
pub(crate) mod witness;
pub(crate) mod world;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take before a test gives up; machines here are slow and shared.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until `probe` gives something, and returns that.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut probe: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "did not come within {} s: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// What a script of the checkout prints, or the environment variable that says it already.
pub(crate) fn part(variable: &str, script: &str, line: &str) -> String {
    if let Ok(value) = std::env::var(variable) {
        return value;
    }
    let output = std::process::Command::new("bash")
        .arg(root().join(script))
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("{script} cannot be run: {error}"));
    assert!(
        output.status.success(),
        "{script} failed; what it needs is said above"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .find_map(|found| found.strip_prefix(line))
        .unwrap_or_else(|| panic!("{script} printed no {line}"))
        .to_owned()
}
