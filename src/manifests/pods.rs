//! Where a pod's spec takes Secrets and ConfigMaps from.

use std::sync::Arc;

use super::text::Text;
use super::tree::Node;
use super::workload::{Consumer, Via};
use crate::diagnostic::Source;
use crate::pull::request::ObjectKind;

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

pub(super) fn consumers(source: &Arc<Source>, spec: &Node<'_>) -> Vec<Consumer> {
    let mut found = Vec::new();
    for list in CONTAINERS {
        for node in items(spec, list) {
            container(source, node, &mut found);
        }
    }
    for volume in items(spec, "volumes") {
        let via = Via::Volume {
            volume: name_of(volume),
        };
        one(source, volume, "secret", "secretName", &via, &mut found);
        one(source, volume, "configMap", "name", &via, &mut found);
        let sources = volume
            .at(&["projected", "sources"])
            .map(Node::items)
            .unwrap_or_default();
        for projected in sources {
            one(source, projected, "secret", "name", &via, &mut found);
            one(source, projected, "configMap", "name", &via, &mut found);
        }
    }
    for node in items(spec, "imagePullSecrets") {
        if let Some(name) = text(source, node, "name") {
            found.push(Consumer {
                kind: ObjectKind::Secret,
                name,
                keys: Some(Vec::new()),
                optional: None,
                via: Via::ImagePull,
            });
        }
    }
    found
}

fn container(source: &Arc<Source>, container: &Node<'_>, found: &mut Vec<Consumer>) {
    let name = name_of(container);
    for from in items(container, "envFrom") {
        let via = Via::EnvFrom {
            container: name.clone(),
        };
        one(source, from, "secretRef", "name", &via, found);
        one(source, from, "configMapRef", "name", &via, found);
    }
    for variable in items(container, "env") {
        let Some(from) = variable.get("valueFrom") else {
            continue;
        };
        let via = Via::Env {
            container: name.clone(),
            variable: name_of(variable),
        };
        one(source, from, "secretKeyRef", "name", &via, found);
        one(source, from, "configMapKeyRef", "name", &via, found);
    }
}

/// The reference in `field` of `node`, if there is one that names an object.
fn one(
    source: &Arc<Source>,
    node: &Node<'_>,
    field: &str,
    name_field: &str,
    via: &Via,
    found: &mut Vec<Consumer>,
) {
    let Some(reference) = node.get(field) else {
        return;
    };
    let Some(name) = text(source, reference, name_field) else {
        return;
    };
    let keys = match via {
        Via::Env { .. } => Some(text(source, reference, "key").into_iter().collect()),
        Via::Volume { .. } => reference.get("items").map(|items| {
            items
                .items()
                .iter()
                .filter_map(|item| text(source, item, "key"))
                .collect()
        }),
        Via::EnvFrom { .. } | Via::ImagePull => None,
    };
    let kind = if field.starts_with("secret") {
        ObjectKind::Secret
    } else {
        ObjectKind::ConfigMap
    };
    found.push(Consumer {
        kind,
        name,
        keys,
        optional: text(source, reference, "optional")
            .filter(|optional| matches!(optional.as_str(), "true" | "True" | "TRUE")),
        via: via.clone(),
    });
}

fn items<'n, 'a>(node: &'n Node<'a>, field: &str) -> &'n [Node<'a>] {
    node.get(field).map(Node::items).unwrap_or_default()
}

fn text(source: &Arc<Source>, node: &Node<'_>, field: &str) -> Option<Text> {
    Text::of(source, node.get(field)?).filter(|text| !text.as_str().is_empty())
}

fn name_of(node: &Node<'_>) -> String {
    node.get("name")
        .and_then(|name| name.scalar())
        .map(|(text, _)| text.to_owned())
        .unwrap_or_default()
}
