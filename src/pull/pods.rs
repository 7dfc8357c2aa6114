//! Pods as they are watched: those that ask for something.

use crate::pull::index::Event;
use crate::pull::pod::Pod;
use crate::watch::Watched;

/// All pods of the cluster.
#[derive(Debug)]
pub struct Pods;

impl Watched for Pods {
    type Event = Event;

    fn resource(&self) -> &'static str {
        "pods"
    }

    fn path(&self) -> &'static str {
        // Finished pods ask for nothing; leaving the selection arrives as a deletion.
        "/api/v1/pods?fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed"
    }

    fn metadata_only(&self) -> bool {
        // Owner and annotations are metadata, but the phase is not.
        false
    }

    fn listing(&self) -> Event {
        Event::Listing
    }

    fn listed(&self, json: &str) -> Result<Option<Event>, serde_json::Error> {
        let (pod, _) = Pod::from_json(json)?;
        Ok(pod.asks().then_some(Event::Listed(pod)))
    }

    fn in_sync(&self, _: &str) -> Event {
        Event::InSync
    }

    fn changed(&self, json: &str, gone: bool) -> Result<(Event, String), serde_json::Error> {
        let (pod, version) = Pod::from_json(json)?;
        let event = if gone || !pod.asks() {
            Event::Gone(pod.uid)
        } else {
            Event::Applied(pod)
        };
        Ok((event, version))
    }
}
