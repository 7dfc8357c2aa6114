//! Who is told what: events for waiting pods and their workloads.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::events::{Notice, Publisher, Regarding};
use crate::pull::apply::Change;
use crate::pull::condition::{Audience, Failure, Reason};
use crate::pull::index::PodRecord;
use crate::pull::plan::View;
use crate::pull::pod::{Controller, Pod};
use crate::pull::request::Target;
use crate::pull::workload::Workload;

/// A problem is told to at most this many waiting pods of a target.
const TOLD: usize = 10;
/// A success names at most this many sources.
const NAMED: usize = 5;

/// Turns outcomes into events.
#[derive(Debug)]
pub struct Reporter(Publisher);

impl Reporter {
    /// Says it through this publisher.
    #[must_use]
    pub fn new(publisher: Publisher) -> Self {
        Self(publisher)
    }

    /// A problem: to the oldest waiting pods and to the workloads.
    pub fn failed<'a>(
        &self,
        namespace: &str,
        pods: &[Arc<PodRecord>],
        workloads: impl IntoIterator<Item = &'a Workload>,
        failure: &Failure,
    ) {
        let row = failure.condition.row();
        if row.audience == Audience::Nobody {
            return;
        }
        let waiting = pods
            .iter()
            .filter(|record| record.pod.waiting)
            .take(TOLD)
            .map(|record| of_pod(&record.pod));
        let mut told: Vec<_> = waiting
            .chain(
                workloads
                    .into_iter()
                    .map(|workload| of_owner(namespace, &workload.owner)),
            )
            .collect();
        // A bare pod is its own workload.
        let mut seen = std::collections::HashSet::new();
        told.retain(|regarding| seen.insert(regarding.uid.clone()));
        for regarding in told {
            self.0.say(Notice {
                regarding,
                warning: true,
                reason: row.reason,
                note: failure.message.clone(),
            });
        }
    }

    /// A success that changed something or ended a failure: to the oldest waiting pod, or else to
    /// the oldest.
    pub fn synced(
        &self,
        target: &Target,
        view: &View,
        change: Change,
        recovered: bool,
        versions: &BTreeMap<String, String>,
    ) {
        let what = match change {
            Change::Created => "created",
            Change::Updated => "updated",
            Change::Unchanged if recovered => "in order again",
            Change::Unchanged => return,
        };
        let oldest = view
            .pods
            .iter()
            .find(|requester| requester.pod.pod.waiting)
            .or(view.pods.first());
        let Some(requester) = oldest else { return };
        let mut sources: Vec<_> = versions.keys().take(NAMED).map(String::as_str).collect();
        if versions.len() > NAMED {
            sources.push("others");
        }
        let from = if sources.is_empty() {
            String::new()
        } else {
            format!(" from {}", sources.join(", "))
        };
        self.0.say(Notice {
            regarding: of_pod(&requester.pod.pod),
            warning: false,
            reason: Reason::synced(target.kind),
            note: format!("{} {} {what}{from}", target.kind.as_str(), target.name),
        });
    }
}

fn of_pod(pod: &Pod) -> Regarding {
    Regarding {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
    }
}

fn of_owner(namespace: &str, owner: &Controller) -> Regarding {
    Regarding {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        namespace: namespace.to_owned(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    }
}
