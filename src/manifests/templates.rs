//! Where an object describes pods: the parts that have a pod's `metadata` and `spec`.
//!
//! Of Kubernetes' own kinds the place is known. In every other kind (a Rollout, a Knative Service,
//! a RayCluster) it is known by its look, wherever it is.

use super::tree::Node;
use crate::pull::annotation::PREFIX;

/// Deeper than any kind has its pod templates; lists count too.
const MAX_DEPTH: usize = 16;

/// Fields of a pod's `spec` that a patch may have where it leaves the containers out.
const OF_A_POD: [&str; 10] = [
    "affinity",
    "imagePullSecrets",
    "initContainers",
    "nodeSelector",
    "priorityClassName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "tolerations",
    "volumes",
];

/// What there is in one object.
#[derive(Debug)]
pub(super) struct Found<'n, 'a> {
    pub(super) templates: Vec<Template<'n, 'a>>,
    /// Where Kubernetes' own kind has its template, whether it is written or not.
    pub(super) known: Option<String>,
    /// Mappings named `annotations` with one of ours in them that belong to no pod; not those of
    /// the object itself.
    pub(super) elsewhere: Vec<&'n Node<'a>>,
}

/// A pod, or what pods are made of.
#[derive(Debug)]
pub(super) struct Template<'n, 'a> {
    pub(super) node: &'n Node<'a>,
    /// Where in the object it is, `spec.template`; empty for a bare pod.
    pub(super) path: String,
}

pub(super) fn find<'n, 'a>(kind: &str, root: &'n Node<'a>) -> Found<'n, 'a> {
    let mut found = Found {
        templates: Vec::new(),
        known: None,
        elsewhere: Vec::new(),
    };
    if let Some(steps) = known(kind) {
        let path = steps.join(".");
        if let Some(node) = root.at(steps) {
            let path = path.clone();
            found.templates.push(Template { node, path });
        }
        found.known = Some(path);
    }
    // Others have kinds of the same name: Volcano's Job has several templates.
    if found.templates.is_empty() {
        for (key, value) in root.pairs() {
            if let Some((name, _)) = key.scalar()
                && !matches!(name, "metadata" | "status")
            {
                found.walk(value, name.to_owned(), 1);
            }
        }
        if !found.templates.is_empty() {
            found.known = None;
        }
    }
    found
}

fn known(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&[]),
        "PodTemplate" => Some(&["template"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template"]),
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "ReplicationController" => Some(&["spec", "template"]),
        _ => None,
    }
}

impl<'n, 'a> Found<'n, 'a> {
    fn walk(&mut self, node: &'n Node<'a>, path: String, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        if is_template(node) {
            self.templates.push(Template { node, path });
            return;
        }
        for (key, value) in node.pairs() {
            let Some((name, _)) = key.scalar() else {
                continue;
            };
            if name == "annotations" && has_ours(value) {
                self.elsewhere.push(value);
            } else if value.scalar().is_none() {
                self.walk(value, format!("{path}.{name}"), depth + 1);
            }
        }
        for (at, item) in node
            .items()
            .iter()
            .enumerate()
            .filter(|(_, item)| item.scalar().is_none())
        {
            self.walk(item, format!("{path}[{at}]"), depth + 1);
        }
    }
}

/// With containers it is one; without, if it has an annotation of ours and nothing speaks against it.
fn is_template(node: &Node<'_>) -> bool {
    let spec = node.get("spec");
    if spec.is_some_and(|spec| {
        !spec
            .get("containers")
            .is_none_or(|list| list.items().is_empty())
    }) {
        return true;
    }
    node.at(&["metadata", "annotations"]).is_some_and(has_ours)
        && spec.is_none_or(|spec| OF_A_POD.iter().any(|field| spec.get(field).is_some()))
}

fn has_ours(annotations: &Node<'_>) -> bool {
    let ours = |key: &Node<'_>| {
        key.scalar()
            .is_some_and(|(name, _)| name.starts_with(PREFIX))
    };
    annotations.pairs().iter().any(|(key, _)| ours(key))
}
