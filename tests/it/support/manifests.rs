//! Manifests as a user has them: read from files, built by kustomize, put into the cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use kube::Client;
use kube::api::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cluster::cluster;
use super::root;

/// Kinds in `config/` that are in no namespace.
const CLUSTER_SCOPED: [&str; 6] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// The objects in a text of one or more YAML documents.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    format!("\n{text}")
        .split("\n---\n")
        .filter(|document| !document.trim().is_empty())
        .map(|document| to_json(&jasm::yaml::parse(document).unwrap()))
        .collect()
}

/// A file of the checkout.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn to_json(node: &jasm::yaml::Node) -> Value {
    match &node.value {
        jasm::yaml::Value::Scalar { .. } if node.is_null() => Value::Null,
        jasm::yaml::Value::Scalar { text, plain: true } => match text.as_str() {
            "true" => json!(true),
            "false" => json!(false),
            number => number
                .parse::<i64>()
                .map_or_else(|_| json!(text), |number| json!(number)),
        },
        jasm::yaml::Value::Scalar { text, .. } => json!(text),
        jasm::yaml::Value::List(items) => items.iter().map(to_json).collect(),
        jasm::yaml::Value::Map(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.raw().to_owned(), to_json(value)))
            .collect(),
    }
}

/// Kustomizations of a test's own, beside each other, on top of those in `config/`.
pub(crate) struct Overlays(TempDir);

impl Overlays {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Writes one; `CONFIG` in its text stands for the way to `config/`, which has to be relative.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let folder = self.0.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let real = folder.canonicalize().unwrap();
        let up = "../".repeat(real.components().count() - 1);
        let config = format!(
            "{up}{}",
            root().join("config").strip_prefix("/").unwrap().display()
        );
        std::fs::write(
            folder.join("kustomization.yaml"),
            text.replace("CONFIG", &config),
        )
        .unwrap();
    }

    /// What kustomize makes of one.
    pub(crate) fn build(&self, name: &str) -> Vec<Value> {
        kustomize(&self.0.path().join(name)).unwrap()
    }
}

/// What kustomize makes of a folder of the checkout.
pub(crate) fn build(path: &str) -> Vec<Value> {
    kustomize(&root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn kustomize(folder: &Path) -> Result<Vec<Value>, String> {
    let output = Command::new(kubectl())
        .args(["kustomize"])
        .arg(folder)
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(documents(&String::from_utf8(output.stdout).unwrap()))
}

/// The cluster's own kubectl, or the system's where the cluster has none.
pub(crate) fn kubectl() -> PathBuf {
    let own = &cluster().kubectl;
    PathBuf::from(if own.is_empty() { "kubectl" } else { own })
}

pub(crate) fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// Whether a write is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Dry,
    Real,
}

/// Creates an object where it says itself that it belongs; a field that its kind does not have is refused.
pub(crate) async fn create(
    client: &Client,
    object: &Value,
    run: Run,
) -> Result<Value, kube::Error> {
    let (group, version) = match object["apiVersion"].as_str().unwrap().split_once('/') {
        Some((group, version)) => (group, version),
        None => ("", object["apiVersion"].as_str().unwrap()),
    };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind(object)));
    let api = if group.is_empty() { "/api" } else { "/apis" };
    let namespace = if CLUSTER_SCOPED.contains(&kind(object)) {
        String::new()
    } else {
        format!(
            "/namespaces/{}",
            object["metadata"]["namespace"]
                .as_str()
                .unwrap_or("default")
        )
    };
    let dry = if run == Run::Dry { "&dryRun=All" } else { "" };
    let path = format!(
        "{api}/{}{namespace}/{}?fieldValidation=Strict{dry}",
        resource.api_version, resource.plural
    );
    let request = http::Request::post(path)
        .body(object.to_string().into_bytes())
        .unwrap();
    client.request(request).await
}
