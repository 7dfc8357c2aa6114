//! What the cluster shows of the pod, what made it, and the operator's config.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{Api, Client};
use tokio::time::Instant;

use crate::cli::Stop;
use crate::cli::operator::{Config, Refused};
use crate::diagnostic::Source;
use crate::pull::index::{self, Index, Key};
use crate::pull::pod::Pod;
use crate::pull::workload::{Lookup, Workload, Workloads};

/// The operator's ConfigMap and its key, as the manifests of JASM name them.
const CONFIG: (&str, &str) = ("jasm-config", "jasm.yaml");

/// The pod as the API server has it, as JSON.
pub(super) async fn pod_text(client: &Client, namespace: &str, name: &str) -> Result<String, Stop> {
    let valid = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    if !valid(namespace) || !valid(name) {
        return Err(Stop::Unusable(format!(
            "\"{}/{}\" cannot be the name of a pod",
            crate::yaml::clip(namespace),
            crate::yaml::clip(name)
        )));
    }
    let request = http::Request::get(format!("/api/v1/namespaces/{namespace}/pods/{name}"))
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let sentence = match client.request_text(request).await {
        Ok(text) => return Ok(text),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            format!("there is no pod {name} in the namespace {namespace}")
        }
        Err(kube::Error::Api(status)) if status.code == 403 => format!(
            "you may not look at the pod {name}: it needs \"get\" on pods in the namespace {namespace}"
        ),
        Err(kube::Error::Api(status)) if status.code == 401 => {
            "the cluster does not know you: log in again".to_owned()
        }
        Err(error) => format!("the cluster cannot be asked: {error}"),
    };
    Err(Stop::Unusable(sentence))
}

/// What owns it at the top.
pub(super) async fn workload(
    client: &Client,
    pod: &Pod,
    unseen: &mut Vec<String>,
) -> Option<Workload> {
    let mut index = Index::default();
    let mut listed = pod.clone();
    // Who made a pod can be asked of one that has finished too.
    listed.settled = false;
    index.take(index::Event::Listing, Instant::now());
    index.take(index::Event::Listed(listed), Instant::now());
    let keys = index.take(index::Event::InSync, Instant::now());
    let record = keys.into_iter().find_map(|key| match key {
        Key::Target(target) => Some(index.requesters(&target).into_iter().next()?.pod),
        Key::Complaint(complainant) => index.complaining(&complainant).into_iter().next(),
    })?;
    match Workloads::new(client.clone())
        .of(&record, Lookup::Fresh)
        .await
    {
        Ok(workload) => Some(workload),
        Err(_) => {
            let maker = record.pod.controller.as_ref()?;
            unseen.push(format!(
                "the workload: it needs \"get\" on what made the pod, {} {}",
                maker.kind, maker.name
            ));
            None
        }
    }
}

/// What is written on a ServiceAccount.
pub(super) async fn annotations(
    client: &Client,
    namespace: &str,
    name: &str,
    unseen: &mut Vec<String>,
) -> Option<BTreeMap<String, String>> {
    let api = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let why = match api.get_metadata_opt(name).await {
        Ok(Some(found)) => return Some(found.metadata.annotations.unwrap_or_default()),
        Ok(None) => "is not there".to_owned(),
        Err(error) => refusal(&error, "get", "serviceaccounts"),
    };
    unseen.push(format!("the ServiceAccount {namespace}/{name} {why}"));
    None
}

/// The config of the JASM that runs in the namespace.
pub(super) async fn config(
    client: &Client,
    namespace: &str,
    unseen: &mut Vec<String>,
) -> Option<Config> {
    let (name, key) = CONFIG;
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let what = format!("what the config allows: the ConfigMap {namespace}/{name}");
    let why = match api.get_opt(name).await {
        Ok(Some(map)) => match map.data.and_then(|mut data| data.remove(key)) {
            Some(text) => {
                let source = Source::new(format!("{namespace}/{name}, {key}"), text);
                match Config::of(Arc::new(source)) {
                    Ok(config) => return Some(config),
                    Err(Refused::Unreadable(diagnostic) | Refused::Invalid(diagnostic)) => {
                        format!("is refused: {}", diagnostic.message)
                    }
                }
            }
            None => format!("has no key {key}"),
        },
        Ok(None) => "is not there".to_owned(),
        Err(error) => refusal(&error, "get", "configmaps"),
    };
    unseen.push(format!("{what} {why}; name the file with --config"));
    None
}

/// Why the API server did not show it.
pub(super) fn refusal(error: &kube::Error, verb: &str, resource: &str) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            format!("may not be seen by you: it needs \"{verb}\" on {resource}")
        }
        kube::Error::Api(status) => format!("cannot be read ({})", status.code),
        _ => "cannot be read: the cluster does not answer".to_owned(),
    }
}
