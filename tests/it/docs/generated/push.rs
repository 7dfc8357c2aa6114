//! The tables about `SecretManagerConfig`: from its CRD, and from the table of reasons.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jasm::push::condition::{Reason, Retry};
use serde_json::{Map, Value};

use crate::support::manifests::{documents, read};

/// Parts of the spec that have a table of their own.
const PARTS: [&str; 4] = ["sourceRef", "provider", "secrets", "configs"];

fn schema() -> Value {
    let crd = documents(&read("config/crd/secretmanagerconfigs.yaml")).remove(0);
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// The table of a part of the spec, of all that is in none (`others`), or of the status (`status`), and
/// what the API server refuses there.
pub(super) fn fields(part: &str) -> String {
    let schema = schema();
    let mut table = Table::default();
    match part {
        "status" => table.below("", &schema["properties"]["status"]),
        "others" => {
            let spec = &schema["properties"]["spec"];
            for (name, field) in properties(spec) {
                if !PARTS.contains(&name.as_str()) {
                    table.field(name, field, required(spec).contains(name.as_str()));
                }
            }
            table.refused(&schema);
            table.refused(spec);
        }
        part => {
            let field = &schema["properties"]["spec"]["properties"][part];
            assert!(PARTS.contains(&part) && !field.is_null(), "{part}");
            table.refused(field);
            table.below(part, field);
        }
    }
    table.text()
}

#[derive(Default)]
struct Table {
    rows: String,
    rules: Vec<String>,
}

impl Table {
    fn below(&mut self, path: &str, of: &Value) {
        for (name, field) in properties(of) {
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            self.field(&path, field, required(of).contains(name.as_str()));
        }
    }

    fn field(&mut self, path: &str, field: &Value, required: bool) {
        let about = field["description"].as_str().unwrap_or_default();
        let about = about.replace('\n', " ").replace('|', "\\|");
        assert!(!about.is_empty(), "{path} has no description");
        let default = match &field["default"] {
            _ if required => "required".to_owned(),
            Value::Null => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let _ = writeln!(
            self.rows,
            "| `{path}` | {} | {default} | {about} |",
            kind(field)
        );
        self.refused(field);
        self.below(path, field);
        if field["type"] == "array" {
            self.below(&format!("{path}[]"), &field["items"]);
        }
    }

    fn refused(&mut self, field: &Value) {
        for rule in field["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            self.rules
                .push(rule["message"].as_str().unwrap().to_owned());
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "| field | value | default | meaning |\n|---|---|---|---|\n{}",
            self.rows
        );
        if !self.rules.is_empty() {
            text.push_str("\nThe API server refuses what breaks one of these rules:\n\n");
            for rule in &self.rules {
                let _ = writeln!(text, "- {rule}");
            }
        }
        text
    }
}

fn properties(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of["properties"].as_object().into_iter().flat_map(Map::iter)
}

fn required(of: &Value) -> BTreeSet<&str> {
    let names = of["required"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

fn kind(field: &Value) -> String {
    if let Some(words) = field["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str);
        let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    match field["type"].as_str() {
        Some("array") => "list".to_owned(),
        Some("object") => "mapping".to_owned(),
        Some("integer") => "number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        _ => match (field["format"].as_str(), field["maxLength"].as_u64()) {
            (Some("date-time"), _) => "time".to_owned(),
            (_, Some(1)) => "one character".to_owned(),
            (_, Some(most)) => format!("text, at most {most}"),
            _ => "text".to_owned(),
        },
    }
}

/// What is so, and what to do about it.
fn about(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::Succeeded => ("everything that is in the source is in the stores", ""),
        Reason::Suspended => (
            "`suspend` is true: nothing is read or written",
            "set it to false",
        ),
        Reason::SpecInvalid => (
            "the object asks for what cannot be, and the API server did not see it",
            "mend the field that the message names",
        ),
        Reason::StoreUnknown => (
            "JASM's file names no store of this region, project, vault or endpoint, or more than one",
            "check `provider` and `configs.appConfigEndpoint`, or have the store added to the file",
        ),
        Reason::AccessDenied => (
            "no rule of `allowWrite` is for this namespace and identity, or the source is in a namespace that this one may not use",
            "have the rule added, or name another identity or source",
        ),
        Reason::SourceNotFound => (
            "there is no such source, no CRD of its kind, or no such directory in JASM's file",
            "check `sourceRef`; create or install what is missing",
        ),
        Reason::SourceNotReady => (
            "the source says itself that it has nothing to give, or nothing that is of its present spec",
            "look at the source's own conditions",
        ),
        Reason::SourceUnavailable => (
            "the source cannot be fetched, its credentials are refused, or what came is not what its digest says",
            "see the message: the network, `gitCredentials`, Flux's source-controller",
        ),
        Reason::SourceInvalid => (
            "the source cannot be taken as it is: too large, no digest, an address of SSH, a chart",
            "change the source as the message says",
        ),
        Reason::DecryptionFailed => (
            "a file cannot be decrypted, or was changed after it was encrypted; or the Secret with the keys is missing or holds none",
            "see [sops.md](sops.md#what-errors-mean)",
        ),
        Reason::FilesInvalid => (
            "a file cannot be understood, or there is none of this environment",
            "mend the file and line that the message names; see [push-files.md](push-files.md)",
        ),
        Reason::UnsupportedKustomizeFeature => (
            "the kustomization uses what JASM does not build",
            "see [push-kustomize.md](push-kustomize.md#what-is-refused)",
        ),
        Reason::NameCollision => (
            "two keys would be one entry; nothing is written",
            "rename one of them",
        ),
        Reason::StoreFailed => (
            "a store does not say what it holds, or does not delete it with the object; or the API server does not give JASM what it needs of its own",
            "see the message: rights in the cloud, the network, JASM's rights in the cluster",
        ),
        Reason::EntriesFailed => (
            "some entries were not written; all others were",
            "see `status.failures`, and [below](#entries-that-fail)",
        ),
    }
}

pub(super) fn reasons() -> String {
    let mut table = "| reason | `Ready` | `Stalled` | what is so | what to do | tried again |\n|---|---|---|---|---|---|\n".to_owned();
    for reason in Reason::ALL {
        let (so, todo) = about(reason);
        let again = match (reason, reason.retry()) {
            (Reason::Succeeded, _) => "on change, and each `driftInterval`",
            (_, Retry::OnChange) => "on change",
            (_, Retry::Backoff) => "after 5 s, doubling to 10 min, and on change",
        };
        let stalled = if reason.is_stalled() { "`True`" } else { "" };
        let _ = writeln!(
            table,
            "| `{reason}` | `{}` | {stalled} | {so} | {todo} | {again} |",
            reason.ready()
        );
    }
    table
}
