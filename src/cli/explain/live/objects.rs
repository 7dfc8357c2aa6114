//! Whether an object is there, whose it is, and its keys: never its values.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};

use super::State;
use super::cluster::refusal;
use crate::pull::apply::{OURS, VERSIONS};
use crate::pull::request::{ObjectKind, Target};

pub(super) async fn state(client: &Client, target: &Target, unseen: &mut Vec<String>) -> State {
    let (name, namespace) = (&*target.name, &*target.namespace);
    let (found, resource) = match target.kind {
        ObjectKind::Secret => {
            let api = Api::<Secret>::namespaced(client.clone(), namespace);
            let found = api.get_opt(name).await.map(|found| {
                found.map(|secret| {
                    let keys = secret.data.into_iter().flatten().map(|(key, _)| key);
                    there(secret.metadata, secret.type_, keys.collect())
                })
            });
            (found, "secrets")
        }
        ObjectKind::ConfigMap => {
            let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
            let found = api.get_opt(name).await.map(|found| {
                found.map(|map| {
                    let text = map.data.into_iter().flatten().map(|(key, _)| key);
                    let binary = map.binary_data.into_iter().flatten().map(|(key, _)| key);
                    there(map.metadata, None, text.chain(binary).collect())
                })
            });
            (found, "configmaps")
        }
    };
    match found {
        Ok(Some(there)) => there,
        Ok(None) => State::Missing,
        Err(error) => {
            let kind = target.kind.as_str();
            unseen.push(format!(
                "{kind} {name} {}",
                refusal(&error, "get", resource)
            ));
            State::Hidden
        }
    }
}

fn there(meta: ObjectMeta, r#type: Option<String>, keys: Vec<String>) -> State {
    let label = meta.labels.as_ref().and_then(|labels| labels.get(OURS.0));
    let noted = meta
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(VERSIONS));
    let changes = meta.managed_fields.iter().flatten();
    let changed = changes.filter_map(|change| change.time.as_ref()).max();
    State::There {
        ours: label.is_some_and(|value| value == OURS.1),
        r#type,
        keys,
        versions: noted
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
        owners: meta
            .owner_references
            .iter()
            .flatten()
            .map(|owner| format!("{}/{}", owner.kind, owner.name))
            .collect(),
        changed: changed
            .or(meta.creation_timestamp.as_ref())
            .map(|time| time.0.to_string()),
    }
}
