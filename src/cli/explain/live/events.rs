//! What was said of the pod and its workload.

use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client};

use super::Said;
use super::cluster::refusal;

/// Events shown, the last ones.
const SHOWN: usize = 20;

/// JASM's events of the pod and its workload, and everybody's warnings.
pub(super) async fn events(
    client: &Client,
    namespace: &str,
    about: &[String],
    unseen: &mut Vec<String>,
) -> Vec<Said> {
    let api = Api::<Event>::namespaced(client.clone(), namespace);
    let mut said = Vec::new();
    for uid in about {
        let selector = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        match api.list(&selector).await {
            Ok(list) => said.extend(list.items.into_iter().map(event)),
            Err(error) => {
                unseen.push(format!("the events {}", refusal(&error, "list", "events")));
                break;
            }
        }
    }
    said.retain(|said| said.ours || said.warning);
    said.sort_by(|a, b| a.time.cmp(&b.time));
    let skip = said.len().saturating_sub(SHOWN);
    said.into_iter().skip(skip).collect()
}

fn event(event: Event) -> Said {
    let by = event
        .reporting_component
        .filter(|by| !by.is_empty())
        .or(event.source.and_then(|source| source.component))
        .unwrap_or_default();
    let last = event.series.and_then(|series| series.last_observed_time);
    let time = last
        .or(event.event_time)
        .map(|time| time.0)
        .or(event.last_timestamp.map(|time| time.0))
        .or(event.metadata.creation_timestamp.map(|time| time.0));
    let involved = event.involved_object;
    Said {
        time: time.map_or_else(String::new, |time| time.to_string()),
        ours: by.starts_with("jasm.codnod.io/"),
        by,
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.unwrap_or_default(),
        about: format!(
            "{}/{}",
            involved.kind.unwrap_or_default(),
            involved.name.unwrap_or_default()
        ),
        note: event.message.unwrap_or_default(),
    }
}
