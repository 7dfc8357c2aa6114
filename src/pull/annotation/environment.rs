//! `environment`: NAME to a literal or to a secret.

use std::collections::BTreeMap;

use jasm_providers::reference::is_prefix;

use super::words::{check_object_name, check_source_key, valid_env_name};
use super::{ENVIRONMENT, ENVIRONMENT_NAME, PREFIX, Part, Refusal, Wanted};
use crate::pull::request::{ObjectKind, Origin, Request, Take, Written};
use crate::yaml::{self, Fields, Node, Problem, Value};

/// Labels that name the application, most specific first.
pub const NAME_LABELS: [&str; 2] = ["app.kubernetes.io/instance", "app.kubernetes.io/name"];

pub(super) fn parse(
    text: &str,
    annotations: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
) -> Result<Vec<Part>, Refusal> {
    let app = application(annotations, labels)?;
    let document = yaml::parse(text)?;
    let pairs = document.map(ENVIRONMENT)?;
    if pairs.is_empty() {
        return Err(document.problem("environment is empty").into());
    }
    Ok(pairs
        .iter()
        .map(|(name, value)| variable(&app, name, value))
        .collect())
}

fn variable(app: &str, name: &Node, value: &Node) -> Part {
    let (kind, object) = match &value.value {
        Value::Map(_) => (ObjectKind::Secret, format!("{app}-secrets")),
        Value::Scalar { .. } => (ObjectKind::ConfigMap, format!("{app}-env")),
        Value::List(_) => {
            return Err(value
                .problem(format!(
                    "{} must be a value or a mapping with \"secret\"",
                    yaml::clip(name.raw())
                ))
                .into());
        }
    };
    let request = match kind {
        _ if !valid_env_name(name.raw()) => Err(name.problem(format!(
            "\"{}\" cannot be an environment variable: use letters, digits and \"_\", no digit in front",
            yaml::clip(name.raw())
        ))),
        ObjectKind::Secret => secret(name.raw(), value),
        ObjectKind::ConfigMap => literal(name.raw(), value),
    };
    match request {
        Ok(mut request) => {
            request.written.object = Some(name.place());
            Ok(Wanted {
                kind,
                name: object,
                request,
            })
        }
        Err(problem) => Err(Refusal::target(kind, &object, &problem)),
    }
}

fn application(
    annotations: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
) -> Result<String, Refusal> {
    let key = format!("{PREFIX}{ENVIRONMENT_NAME}");
    let (from, name) = match annotations.get(&key) {
        Some(name) => (key.as_str(), name.trim()),
        None => NAME_LABELS
            .iter()
            .filter_map(|label| labels.get(*label).map(|name| (*label, name.as_str())))
            .find(|(_, name)| !name.is_empty())
            .unwrap_or(("", "app")),
    };
    // The longest suffix that is added is "-secrets".
    check_object_name(&format!("{name}-secrets")).map_err(|_| {
        Refusal::of(format!(
            "\"{}\" (from {from}) cannot begin an object's name: set {key} to lower case letters, digits and \"-\"",
            yaml::clip(name)
        ))
    })?;
    Ok(name.to_owned())
}

fn literal(name: &str, node: &Node) -> Result<Request, Problem> {
    if node.is_null() {
        return Err(node.problem(format!("{name} is empty: write \"\" for an empty value")));
    }
    if node.raw().contains("${") {
        return Err(node.problem(format!(
            "{name} has \"${{…}}\" in it: JASM fills in no templates, that belongs to the tool that writes the manifest"
        )));
    }
    let said_in = format!("environment {name}");
    Ok(Request::new(
        Origin::Literal(node.raw().to_owned()),
        Take::Whole(name.to_owned()),
        said_in,
    ))
}

fn secret(name: &str, node: &Node) -> Result<Request, Problem> {
    let fields = Fields::of(node, name, &["secret", "provider", "version", "key"])?;
    let path_node = fields.required("secret")?;
    let path = path_node.text("secret")?.to_owned();
    if is_prefix(&path) {
        return Err(
            path_node.problem("one variable takes one entry, not a path that ends in \"*\"")
        );
    }
    let store_node = fields.required("provider")?;
    let store = store_node.text("provider")?.to_owned();
    let version = fields.text("version")?.map(str::to_owned);
    let take = match fields.get("key") {
        None => Take::Whole(name.to_owned()),
        Some(node) => {
            let source = node.text("key")?;
            check_source_key(source).map_err(|message| node.problem(message))?;
            Take::Keys(BTreeMap::from([(name.to_owned(), source.to_owned())]))
        }
    };
    let origin = Origin::Entry {
        store,
        path,
        version,
    };
    Ok(Request {
        written: Written {
            object: None,
            store: Some(store_node.place()),
            path: Some(path_node.place()),
        },
        ..Request::new(origin, take, format!("environment {name}"))
    })
}
