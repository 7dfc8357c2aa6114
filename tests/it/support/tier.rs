//! JASM's account and rights as an overlay of `config/` gives them, beside each other in one cluster.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use super::manifests::{Overlays, Run, create, kind, name};
use super::world::World;

pub(crate) struct Tier {
    pub(crate) world: World,
    /// JASM's own namespace.
    pub(crate) home: String,
    /// Every (resource, verb) that the account is given.
    pub(crate) given: BTreeSet<(String, String)>,
}

/// What an overlay takes from `config/`.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    pub(crate) resources: &'a [&'a str],
    pub(crate) components: &'a [&'a str],
    /// The test's own namespace opts in.
    pub(crate) opt_in: bool,
}

impl Tier {
    /// An overlay with a namespace and names of its own, since the tests share a cluster.
    pub(crate) async fn install(test: &str, parts: Parts<'_>) -> Self {
        let mut world = World::without_account(test).await;
        let (_, suffix) = world.namespace.rsplit_once('-').unwrap();
        let (home, suffix) = (format!("{}-home", world.namespace), suffix.to_owned());
        world.add_namespace(&home).await;
        let namespace = &world.namespace;
        let overlays = Overlays::new();
        let mut text = format!("namespace: {home}\nresources:\n");
        for resource in parts.resources {
            writeln!(text, "  - CONFIG/{resource}").unwrap();
        }
        text.push_str("components:\n");
        for component in parts.components {
            writeln!(text, "  - CONFIG/{component}").unwrap();
        }
        if parts.components.is_empty() {
            text.push_str("  []\n");
        }
        overlays.write("rights", &text);
        let mut text = format!("nameSuffix: \"-{suffix}\"\nresources:\n  - ../rights\n");
        if parts.opt_in {
            let opt_in =
                format!("namespace: {namespace}\nresources:\n  - CONFIG/rbac/namespaced/opt-in\n");
            overlays.write("opt-in", &opt_in);
            text.push_str("  - ../opt-in\n");
        }
        // The account of another test is not for this test's policies, nor its namespaces.
        write!(
            text,
            "patches:\n\
             - target: {{kind: RoleBinding}}\n  patch: |-\n    \
               - {{op: replace, path: /subjects/0/name, value: jasm-{suffix}}}\n    \
               - {{op: replace, path: /subjects/0/namespace, value: {home}}}\n\
             - target: {{kind: ValidatingAdmissionPolicyBinding}}\n  patch: |-\n    \
               - op: add\n      path: /spec/matchResources\n      value:\n        namespaceSelector:\n          \
                 matchExpressions:\n            - {{key: kubernetes.io/metadata.name, operator: In,\n               \
                 values: [{namespace}, {home}, kube-system, kube-public, kube-node-lease]}}\n"
        )
        .unwrap();
        overlays.write("all", &text);
        let objects = overlays.build("all");
        let mut given = BTreeSet::new();
        for object in &objects {
            create(&world.admin, object, Run::Real)
                .await
                .unwrap_or_else(|error| panic!("{} {}: {error}", kind(object), name(object)));
            given.extend(rights(object));
        }
        world.account = (home.clone(), format!("jasm-{suffix}"));
        world.write_kubeconfig(None).await;
        Self { world, home, given }
    }

    /// A client that is JASM to the API server, and does what it is told.
    pub(crate) async fn forged(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(self.world.kubeconfig()).unwrap();
        let config =
            kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .unwrap();
        Client::try_from(config).unwrap()
    }
}

/// What a ClusterRole gives; nothing for other kinds.
fn rights(object: &Value) -> Vec<(String, String)> {
    let words = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let mut rights = Vec::new();
    for rule in object["rules"].as_array().into_iter().flatten() {
        for resource in words(&rule["resources"]) {
            for verb in words(&rule["verbs"]) {
                rights.push((resource.clone(), verb));
            }
        }
    }
    rights
}
