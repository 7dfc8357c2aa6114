//! Who is told what: events for waiting pods and their workloads.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

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

/// Beyond this many lasting problems the memory of who was told starts afresh.
const REMEMBERED: usize = 10_000;

/// Turns outcomes into events.
#[derive(Debug)]
pub struct Reporter {
    publisher: Publisher,
    /// Which pods were told of a problem, by what made them and the sentence, so that ten stay
    /// ten while more of them come.
    told: Mutex<HashMap<(String, String), BTreeSet<String>>>,
}

impl Reporter {
    /// Says it through this publisher.
    #[must_use]
    pub fn new(publisher: Publisher) -> Self {
        Self {
            publisher,
            told: Mutex::default(),
        }
    }

    /// A problem: to ten waiting pods, the oldest first, and to the workloads. `what` names the
    /// object where the sentence does not. True if none of these pods was told before.
    pub fn failed<'a>(
        &self,
        namespace: &str,
        what: &str,
        pods: &[Arc<PodRecord>],
        workloads: impl IntoIterator<Item = &'a Workload>,
        failure: &Failure,
    ) -> bool {
        let row = failure.condition.row();
        if row.audience == Audience::Nobody {
            return true;
        }
        let note = if what.is_empty() || failure.message.starts_with(what) {
            failure.message.clone()
        } else {
            format!("{what}: {}", failure.message)
        };
        let (chosen, first) = self.chosen(namespace, &note, pods);
        let mut told: Vec<_> = chosen
            .into_iter()
            .map(|record| of_pod(&record.pod))
            .chain(
                workloads
                    .into_iter()
                    .map(|workload| of_owner(namespace, &workload.owner)),
            )
            .collect();
        // A bare pod is its own workload, and makers may share theirs.
        let mut seen = HashSet::new();
        told.retain(|regarding| seen.insert(regarding.uid.clone()));
        for regarding in told {
            self.publisher.say(Notice {
                regarding,
                warning: true,
                reason: row.reason.as_str(),
                note: note.clone(),
            });
        }
        first
    }

    /// Those who were told already and still wait, filled up with the oldest others.
    fn chosen<'p>(
        &self,
        namespace: &str,
        note: &str,
        pods: &'p [Arc<PodRecord>],
    ) -> (Vec<&'p Arc<PodRecord>>, bool) {
        let waiting: Vec<_> = pods.iter().filter(|record| record.pod.waiting).collect();
        let mut memory = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= REMEMBERED {
            memory.clear();
        }
        // Two workloads may have the same to complain about; an object is named in its note.
        let controller = pods
            .first()
            .and_then(|record| record.pod.controller.as_ref());
        let maker = controller.map_or("", |controller| &controller.uid);
        let told = memory
            .entry((format!("{namespace}/{maker}"), note.to_owned()))
            .or_default();
        told.retain(|uid| waiting.iter().any(|record| record.pod.uid == *uid));
        let first = told.is_empty();
        for record in &waiting {
            if told.len() < TOLD {
                told.insert(record.pod.uid.clone());
            }
        }
        let chosen = waiting
            .into_iter()
            .filter(|record| told.contains(&record.pod.uid));
        (chosen.collect(), first)
    }

    /// A success that changed something or ended a failure: to the oldest waiting pod, or else to
    /// the oldest.
    pub fn synced(
        &self,
        target: &Target,
        view: &View,
        change: Change,
        recovered: bool,
        owners: impl Iterator<Item = String>,
        versions: &BTreeMap<String, String>,
    ) {
        if recovered {
            let pods = view
                .pods
                .iter()
                .map(|requester| requester.pod.pod.uid.clone());
            self.publisher.over(pods.chain(owners).collect());
        }
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
        self.publisher.say(Notice {
            regarding: of_pod(&requester.pod.pod),
            warning: false,
            reason: Reason::synced(target.kind).as_str(),
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
