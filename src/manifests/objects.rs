//! Which objects matter: those that make pods, Secrets and ConfigMaps; `List`s are gone through.

use std::sync::Arc;

use super::pods;
use super::text::Text;
use super::tree::Node;
use super::workload::{Annotation, Defined, Workload};
use super::{Manifests, NOT_AN_OBJECT, NOT_RENDERED, NOT_TEXT, RENDER_FIRST};
use crate::diagnostic::{Diagnostic, Place, Source};
use crate::pull::annotation::PREFIX;
use crate::pull::request::ObjectKind;

/// Lists in lists; nobody writes more.
const MAX_LISTS: usize = 4;

pub(super) fn read(found: &mut Manifests, source: &Arc<Source>, root: &Node<'_>) {
    object(found, source, root, 0);
}

fn object(found: &mut Manifests, source: &Arc<Source>, root: &Node<'_>, lists: usize) {
    if !root.is_map() {
        let (line, column) = root.start();
        let place = Place {
            line,
            column,
            length: 1,
        };
        let shape = match root.scalar() {
            Some(("" | "~" | "null", _)) => return,
            Some(_) => "text",
            None => "a list",
        };
        found.diagnostics.push(
            Diagnostic::error(
                &NOT_AN_OBJECT,
                source,
                Some(place),
                format!("this is {shape}, not a Kubernetes object"),
            )
            .help("an object is a mapping with apiVersion, kind and metadata"),
        );
        return;
    }
    let Some(kind) = text(source, root, &["kind"]) else {
        return;
    };
    // Every kind of the API that ends so is a list of objects (`List`, `DeploymentList`).
    if kind.as_str().ends_with("List") && root.get("items").is_some() {
        if lists < MAX_LISTS {
            for item in root.get("items").map(Node::items).unwrap_or_default() {
                object(found, source, item, lists + 1);
            }
        }
        return;
    }
    found.objects += 1;
    if let Some(defined) = defined(source, &kind, root) {
        found.defined.push(defined);
    }
    if let Some(pod) = pod(kind.as_str(), root) {
        workload(found, source, kind, root, pod);
    }
}

/// The node that has a pod's `metadata` and `spec`.
fn pod<'n, 'a>(kind: &str, root: &'n Node<'a>) -> Option<&'n Node<'a>> {
    match kind {
        "Pod" => Some(root),
        "PodTemplate" => root.get("template"),
        "CronJob" => root.at(&["spec", "jobTemplate", "spec", "template"]),
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "ReplicationController" => root.at(&["spec", "template"]),
        // A kind from elsewhere, for example a Rollout, that has what a Deployment has.
        _ => root
            .at(&["spec", "template"])
            .filter(|template| template.at(&["spec", "containers"]).is_some()),
    }
}

fn workload(
    found: &mut Manifests,
    source: &Arc<Source>,
    kind: Text,
    root: &Node<'_>,
    pod: &Node<'_>,
) {
    let bare = kind.as_str() == "Pod";
    let spec = pod.get("spec");
    let annotations = annotations(found, source, pod);
    let own_annotations = if bare {
        Vec::new()
    } else {
        self::annotations(found, source, root)
    };
    let labels = pod
        .at(&["metadata", "labels"])
        .map(Node::pairs)
        .unwrap_or_default()
        .iter()
        .filter_map(|(key, value)| Some((Text::of(source, key)?, Text::of(source, value)?)))
        .collect();
    let account = |name| spec.and_then(|spec| text(source, spec, &[name]));
    found.workloads.push(Workload {
        source: source.clone(),
        name: text(source, root, &["metadata", "name"]),
        namespace: text(source, root, &["metadata", "namespace"]),
        service_account: account("serviceAccountName").or_else(|| account("serviceAccount")),
        annotations,
        labels,
        own_annotations,
        has_containers: spec.is_some_and(|spec| spec.get("containers").is_some()),
        consumers: spec
            .map(|spec| pods::consumers(source, spec))
            .unwrap_or_default(),
        kind,
    });
}

/// The annotations of `metadata`; of ours, those that are no text are told and left out.
fn annotations(found: &mut Manifests, source: &Arc<Source>, object: &Node<'_>) -> Vec<Annotation> {
    let mut read = Vec::new();
    let pairs = object
        .at(&["metadata", "annotations"])
        .map(Node::pairs)
        .unwrap_or_default();
    for (key, value) in pairs {
        let Some(name) = Text::of(source, key) else {
            continue;
        };
        let ours = name.as_str().starts_with(PREFIX);
        match Text::of(source, value) {
            Some(value) if ours && value.is_plain() && value.as_str().contains("{{") => {
                found.diagnostics.push(
                    value
                        .error(&NOT_RENDERED, "this is a template, not a manifest")
                        .help(RENDER_FIRST),
                );
            }
            Some(value) if ours && other_than_text(&value) => {
                let message = format!("the value of {} is not text", name.as_str());
                found
                    .diagnostics
                    .push(value.error(&NOT_TEXT, message).help("write it in quotes"));
            }
            Some(value) => read.push(Annotation { name, value }),
            None if ours => {
                let shape = if value.is_map() { "mapping" } else { "list" };
                let message = format!(
                    "the value of {} is a {shape}; an annotation's value is text",
                    name.as_str()
                );
                found.diagnostics.push(
                    name.error(&NOT_TEXT, message)
                        .help("put \"|\" behind the colon: then what is below it is text"),
                );
            }
            None => {}
        }
    }
    read
}

/// What YAML reads as a boolean, a number or nothing (the core schema, YAML 1.2.2, section 10.3.2).
fn other_than_text(value: &Text) -> bool {
    let text = value.as_str();
    value.is_plain()
        && (matches!(
            text,
            "" | "~"
                | "null"
                | "Null"
                | "NULL"
                | "true"
                | "True"
                | "TRUE"
                | "false"
                | "False"
                | "FALSE"
        ) || (text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
            && text.parse::<f64>().is_ok()))
}

/// A Secret or ConfigMap, or the object of another controller that makes a Secret.
fn defined(source: &Arc<Source>, kind: &Text, root: &Node<'_>) -> Option<Defined> {
    let own = || text(source, root, &["metadata", "name"]);
    let (object, name, fields): (_, _, &[&str]) = match kind.as_str() {
        "Secret" => (ObjectKind::Secret, own(), &["data", "stringData"]),
        "ConfigMap" => (ObjectKind::ConfigMap, own(), &["data", "binaryData"]),
        // Others make a Secret too: External Secrets, Sealed Secrets, cert-manager.
        "ExternalSecret" => {
            let target = text(source, root, &["spec", "target", "name"]);
            (ObjectKind::Secret, target.or_else(own), &[])
        }
        "SealedSecret" => (ObjectKind::Secret, own(), &[]),
        "Certificate" => {
            let name = text(source, root, &["spec", "secretName"]);
            (ObjectKind::Secret, name, &[])
        }
        _ => return None,
    };
    let keys = || {
        fields
            .iter()
            .filter_map(|field| root.get(field))
            .flat_map(|data| data.pairs())
            .filter_map(|(key, _)| Some(key.scalar()?.0.to_owned()))
            .collect()
    };
    Some(Defined {
        kind: object,
        name: name?,
        namespace: text(source, root, &["metadata", "namespace"]),
        keys: (!fields.is_empty()).then(keys),
    })
}

/// A text that is not empty at the end of a chain of keys.
fn text(source: &Arc<Source>, node: &Node<'_>, names: &[&str]) -> Option<Text> {
    Text::of(source, node.at(names)?).filter(|text| !text.as_str().is_empty())
}
