//! Which pods ask for which targets. Pure: events in, changed keys out.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::pull::annotation::Problem;
use crate::pull::asked::{Asked, Parser, Said, Wish};
use crate::pull::pod::{Controller, Pod};
use crate::pull::request::Target;
use crate::pull::workload;

/// A unit of work for the queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// An object to produce.
    Target(Target),
    /// A workload whose pods carry annotations that cannot be understood.
    Complaint(Complainant),
}

/// Pods that share one template share their problems: they are told together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Complainant {
    /// Their namespace.
    pub namespace: Arc<str>,
    /// Uid of the controller that made them, or of the bare pod itself.
    pub uid: Arc<str>,
}

/// Which pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodName {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// One pod as a target sees it.
#[derive(Debug, Clone)]
pub struct Requester {
    /// The pod.
    pub pod: Arc<PodRecord>,
    /// What it asks of this target.
    pub wish: Arc<Wish>,
}

/// A pod that asks for something.
#[derive(Debug)]
pub struct PodRecord {
    /// The pod as last seen, without its annotations.
    pub pod: Pod,
    /// When the watch first saw it with these annotations; none for a pod that already ran when
    /// JASM started: nobody waits for what it asks.
    pub demand: Option<Instant>,
    /// When an annotation of the live pod was changed last.
    pub edited: Option<Instant>,
    /// It was there when JASM started, and so may be what it asks for.
    pub from_start: bool,
    said: Arc<Said>,
    asked: Arc<Asked>,
    generation: u64,
}

impl PodRecord {
    /// What its annotations say that cannot be understood.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.asked.problems
    }

    fn complainant(&self) -> Complainant {
        let uid = self
            .pod
            .controller
            .as_ref()
            .map_or(&self.pod.uid, |controller: &Controller| &controller.uid);
        Complainant {
            namespace: self.pod.namespace.as_str().into(),
            uid: uid.as_str().into(),
        }
    }

    fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        let complaint = (!self.problems().is_empty()).then(|| Key::Complaint(self.complainant()));
        self.asked
            .wishes
            .iter()
            .map(|(target, _)| Key::Target(target.clone()))
            .chain(complaint)
    }
}

/// What the watch hands over.
#[derive(Debug)]
pub enum Event {
    /// A list begins: pods that it does not name are gone when it ends.
    Listing,
    /// A pod of a list.
    Listed(Pod),
    /// The list is complete.
    InSync,
    /// A pod was added or changed.
    Applied(Pod),
    /// A pod is gone, or asks for nothing.
    Gone(String),
}

/// Pods by uid, targets by the pods that ask for them.
#[derive(Debug, Default)]
pub struct Index {
    parser: Parser,
    pods: HashMap<Arc<str>, Arc<PodRecord>>,
    /// Uids, sorted.
    by_key: HashMap<Key, Vec<Arc<str>>>,
    generation: u64,
    synced: bool,
}

impl Index {
    /// True once the first list is complete.
    #[must_use]
    pub fn in_sync(&self) -> bool {
        self.synced
    }

    /// Takes in an event seen at `now`; returns the keys whose pods changed in a way that matters.
    ///
    /// Before the first list is complete nothing is returned: half a list would look like keys
    /// that were dropped. Its end returns everything.
    pub fn take(&mut self, event: Event, now: Instant) -> Vec<Key> {
        let changed = match event {
            Event::Listing => {
                self.generation += 1;
                Vec::new()
            }
            Event::Listed(pod) => self.apply(pod, now),
            Event::Applied(pod) => self.apply(pod, now),
            Event::Gone(uid) => self.remove(&uid),
            Event::InSync => {
                let stale: Vec<_> = self
                    .pods
                    .iter()
                    .filter(|(_, record)| record.generation != self.generation)
                    .map(|(uid, _)| uid.clone())
                    .collect();
                let mut changed: Vec<_> = stale.iter().flat_map(|uid| self.remove(uid)).collect();
                if !self.synced {
                    self.synced = true;
                    changed = self.by_key.keys().cloned().collect();
                }
                changed
            }
        };
        if self.synced { changed } else { Vec::new() }
    }

    /// The pods that ask for a target, oldest first.
    #[must_use]
    pub fn requesters(&self, target: &Target) -> Vec<Requester> {
        let mut requesters: Vec<_> = self
            .records(&Key::Target(target.clone()))
            .filter_map(|pod| {
                let wish = pod.asked.wish(target)?.clone();
                Some(Requester { pod, wish })
            })
            .collect();
        requesters.sort_by(|a, b| order(&a.pod.pod).cmp(&order(&b.pod.pod)));
        requesters
    }

    /// The pods of a complainant, oldest first.
    #[must_use]
    pub fn complaining(&self, complainant: &Complainant) -> Vec<Arc<PodRecord>> {
        let mut pods: Vec<_> = self.records(&Key::Complaint(complainant.clone())).collect();
        pods.sort_by(|a, b| order(&a.pod).cmp(&order(&b.pod)));
        pods
    }

    /// True if some pod of the workload (`Deployment/shop`, as far as a name can be told without
    /// asking) asks for anything at all.
    #[must_use]
    pub fn asks_anything(&self, namespace: &str, workload: &str) -> bool {
        self.pods
            .values()
            .any(|record| record.pod.namespace == namespace && workload::guess(record) == workload)
    }

    /// Some pods that run as a ServiceAccount, the youngest first: they live longest.
    #[must_use]
    pub fn pods_as(&self, namespace: &str, service_account: &str, most: usize) -> Vec<PodName> {
        let mut pods: Vec<_> = self
            .pods
            .values()
            .map(|record| &record.pod)
            .filter(|pod| pod.namespace == namespace && *pod.service_account == *service_account)
            .collect();
        pods.sort_by(|a, b| order(b).cmp(&order(a)));
        pods.into_iter()
            .take(most)
            .map(|pod| PodName {
                name: pod.name.clone(),
                uid: pod.uid.clone(),
            })
            .collect()
    }

    /// Every key that some pod asks for.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        self.by_key.keys().cloned().collect()
    }

    /// True if some pod asks for it.
    #[must_use]
    pub fn is_asked(&self, key: &Key) -> bool {
        self.by_key.contains_key(key)
    }

    /// How many pods ask for something.
    #[must_use]
    pub fn pods(&self) -> usize {
        self.pods.len()
    }

    fn records(&self, key: &Key) -> impl Iterator<Item = Arc<PodRecord>> + '_ {
        self.by_key
            .get(key)
            .into_iter()
            .flatten()
            .filter_map(|uid| self.pods.get(uid))
            .cloned()
    }

    fn apply(&mut self, mut pod: Pod, now: Instant) -> Vec<Key> {
        if !pod.asks() {
            return self.remove(&pod.uid);
        }
        let said = Said::by(&mut pod);
        let generation = self.generation;
        let (uid, old) = match self.pods.remove_entry(pod.uid.as_str()) {
            Some((uid, old)) => (uid, Some(old)),
            None => (pod.uid.as_str().into(), None),
        };
        let before: Vec<_> = old
            .as_ref()
            .map(|old| old.keys().collect())
            .unwrap_or_default();
        let record = match &old {
            Some(old) if *old.said == said => PodRecord {
                demand: old.demand,
                edited: old.edited,
                from_start: old.from_start,
                said: old.said.clone(),
                asked: old.asked.clone(),
                generation,
                pod,
            },
            old => {
                let (said, asked) = self.parser.parse(said);
                // A pod that runs when JASM starts has what it asked for, or an older JASM said why not.
                let demand = (pod.waiting || self.synced).then_some(now);
                PodRecord {
                    demand: old.as_ref().map_or(demand, |old| old.demand),
                    edited: old.as_ref().map(|_| now),
                    from_start: old.as_ref().map_or(!self.synced, |old| old.from_start),
                    said,
                    asked,
                    generation,
                    pod,
                }
            }
        };
        let unchanged = old
            .as_ref()
            .is_some_and(|old| old.pod == record.pod && Arc::ptr_eq(&old.said, &record.said));
        let after: Vec<_> = record.keys().collect();
        for key in before.iter().filter(|key| !after.contains(key)) {
            self.unlink(key, &uid);
        }
        for key in after.iter().filter(|key| !before.contains(key)) {
            let pods = self.by_key.entry(key.clone()).or_default();
            if let Err(at) = pods.binary_search(&uid) {
                // Most keys have one pod for good.
                pods.reserve_exact(usize::from(pods.is_empty()));
                pods.insert(at, uid.clone());
            }
        }
        self.pods.insert(uid, Arc::new(record));
        if unchanged {
            return Vec::new();
        }
        let mut changed = before;
        changed.extend(after);
        changed.sort();
        changed.dedup();
        changed
    }

    fn remove(&mut self, uid: &str) -> Vec<Key> {
        let Some(record) = self.pods.remove(uid) else {
            return Vec::new();
        };
        let keys: Vec<_> = record.keys().collect();
        for key in &keys {
            self.unlink(key, uid);
        }
        keys
    }

    fn unlink(&mut self, key: &Key, uid: &str) {
        if let Some(pods) = self.by_key.get_mut(key) {
            if let Ok(at) = pods.binary_search_by(|pod| pod.as_ref().cmp(uid)) {
                pods.remove(at);
            }
            if pods.is_empty() {
                self.by_key.remove(key);
            }
        }
    }
}

fn order(pod: &Pod) -> (&str, &str) {
    (&pod.created, &pod.name)
}

#[cfg(test)]
mod tests;
