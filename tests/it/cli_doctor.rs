//! `jasm doctor`: stores that work and stores that do not, as which identity, and the cluster.

mod accounts;
mod reach;
mod stores;
mod vault;
mod workloads;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::call::{Call, program_as};
use crate::support::moto;

/// What no output may have in it.
const MARKER: &str = "hunter2-marker";

/// The keys that the environment has for AWS.
const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", moto::ACCESS_KEY),
    ("AWS_SECRET_ACCESS_KEY", moto::SECRET_KEY),
];

/// Calls it; servers of the test answer meanwhile.
async fn doctor(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Call {
    let folder: PathBuf = folder.to_owned();
    let own = |text: &&str| (*text).to_owned();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (own(name), own(value)))
        .collect();
    let mut call: Vec<String> = ["doctor", "--config", "jasm.yaml"]
        .map(str::to_owned)
        .into();
    call.extend(args.iter().map(own));
    let called = move || {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let jasm = Path::new(env!("CARGO_BIN_EXE_jasm"));
        program_as(jasm, &folder, &variables, &call, b"")
    };
    let call = tokio::task::spawn_blocking(called).await.unwrap();
    assert!(
        !call.out.contains(MARKER) && !call.err.contains(MARKER),
        "{call:?}"
    );
    call
}

/// The report on the stores alone.
async fn stores(folder: &Path, variables: &[(&str, &str)], args: &[&str], code: i32) -> Value {
    let mut call = vec!["--no-cluster", "--format", "json"];
    call.extend(args);
    doctor(folder, variables, &call).await.ends(code).json()
}

/// What was found of one thing of a store, or of the cluster where the name is empty.
fn finding(report: &Value, store: &str, check: &str) -> Value {
    let stores = report["stores"].as_array().unwrap();
    let part = match store {
        "" => &report["cluster"],
        store => stores
            .iter()
            .find(|part| part["name"] == store)
            .unwrap_or_else(|| panic!("no store {store}: {report:#}")),
    };
    let findings = part["findings"].as_array().unwrap();
    findings
        .iter()
        .find(|finding| finding["check"] == check)
        .unwrap_or_else(|| panic!("no {check}: {part:#}"))
        .clone()
}

/// Fails unless the finding is so, and says this.
fn is(finding: &Value, verdict: &str, words: &str) {
    assert!(
        finding["verdict"] == verdict && finding["said"].as_str().unwrap().contains(words),
        "{verdict} {words:?}: {finding:#}"
    );
    // What is not right has its mend.
    assert_eq!(finding["fix"].is_null(), verdict == "ok", "{finding:#}");
}
