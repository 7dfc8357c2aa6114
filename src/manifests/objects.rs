//! Which objects matter: those that make pods, Secrets and ConfigMaps; `List`s are gone through.

use std::sync::Arc;

use super::text::Text;
use super::tree::Node;
use super::workload::{Annotation, Defined, Misplaced, Workload};
use super::{Manifests, NOT_AN_OBJECT, NOT_RENDERED, NOT_TEXT, RENDER_FIRST};
use super::{pods, templates};
use crate::diagnostic::{Diagnostic, Place, Source};
use crate::pull::annotation::PREFIX;
use crate::pull::apply::{HOLDERS, REQUEST, VERSIONS};
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
    let pods = templates::find(kind.as_str(), root);
    misplaced(found, source, &kind, root, &pods);
    for pod in pods.templates {
        workload(found, source, kind.clone(), root, pod.node);
    }
}

/// Annotations of ours that no pod has.
fn misplaced(
    found: &mut Manifests,
    source: &Arc<Source>,
    kind: &Text,
    root: &Node<'_>,
    pods: &templates::Found<'_, '_>,
) {
    let is_a_pod = pods.templates.iter().any(|pod| pod.path.is_empty());
    let own = root
        .at(&["metadata", "annotations"])
        .filter(|_| !is_a_pod)
        .map(|map| annotations(found, source, map))
        .unwrap_or_default();
    // What JASM notes on the objects that it makes.
    let noted = |name: &Text| {
        matches!(kind.as_str(), "Secret" | "ConfigMap")
            && [REQUEST, VERSIONS, HOLDERS].contains(&name.as_str())
    };
    let below = |path: &str| format!("{path}.metadata.annotations");
    let mut strays: Vec<_> = own
        .into_iter()
        .map(|annotation| (annotation.name, true))
        .collect();
    for map in &pods.elsewhere {
        let there = annotations(found, source, map);
        strays.extend(there.into_iter().map(|annotation| (annotation.name, false)));
    }
    for (name, own) in strays {
        if !name.as_str().starts_with(PREFIX) || noted(&name) {
            continue;
        }
        found.misplaced.push(Misplaced {
            kind: kind.clone(),
            name,
            own,
            sure: pods.known.is_some(),
            instead: match &pods.known {
                Some(path) => vec![below(path)],
                None => pods.templates.iter().map(|pod| below(&pod.path)).collect(),
            },
        });
    }
}

fn workload(
    found: &mut Manifests,
    source: &Arc<Source>,
    kind: Text,
    root: &Node<'_>,
    pod: &Node<'_>,
) {
    let spec = pod.get("spec");
    let annotations = pod
        .at(&["metadata", "annotations"])
        .map(|map| annotations(found, source, map))
        .unwrap_or_default();
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
        has_containers: spec.is_some_and(|spec| spec.get("containers").is_some()),
        consumers: spec
            .map(|spec| pods::consumers(source, spec))
            .unwrap_or_default(),
        kind,
    });
}

/// The annotations of a mapping; of ours, those that are no text are told and left out.
fn annotations(found: &mut Manifests, source: &Arc<Source>, map: &Node<'_>) -> Vec<Annotation> {
    let mut read = Vec::new();
    for (key, value) in map.pairs() {
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
