//! The objects that JASM made, watched where it may: what others change or delete is put back.
//!
//! Metadata only, so that no value crosses the wire for it. A sighting newer than what JASM wrote
//! or read itself is somebody else's doing; [`plan`](crate::pull::plan) says when it is looked into.
//! What JASM wrote is noted here too: an object may come and go while the watch is away.

use std::collections::HashMap;

use serde::Deserialize;
use tokio::time::Instant;

use crate::pull::request::{ObjectKind, Target};
use crate::watch::{Received, Watched};

/// An object as the watch saw it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Its resource version; newer ones are larger (Kubernetes 1.35 says so of all servers' versions).
    pub version: u64,
    /// It was deleted, or does not carry our label any more.
    pub gone: bool,
    /// When that was received.
    pub at: Instant,
}

/// What the watch hands over.
#[derive(Debug)]
pub enum Event {
    /// A list of this kind begins: objects that it does not name are gone when it ends.
    Listing(ObjectKind),
    /// An object, and whether it is gone.
    Seen(Target, u64, bool),
    /// The list of this kind is complete, as of this version.
    InSync(ObjectKind, u64),
}

/// What was seen last of every object.
#[derive(Debug, Default)]
pub struct Observed {
    watching: bool,
    /// Beside the sighting the number of the list that named it; 0 if none did.
    objects: HashMap<Target, (Sighting, u64)>,
    lists: HashMap<ObjectKind, Lists>,
}

/// The lists of one kind: both are read at the same time.
#[derive(Debug, Default, Clone, Copy)]
struct Lists {
    /// How many began.
    begun: u64,
    /// The version of the last complete one.
    complete: u64,
}

impl Observed {
    /// For a watch that will tell what is seen; without one nothing is kept.
    #[must_use]
    pub fn watching() -> Self {
        Self {
            watching: true,
            ..Self::default()
        }
    }

    /// Notes that JASM wrote or read an object of ours at this version. True if it is gone since:
    /// a list of that version or a later one does not name it.
    pub fn wrote(&mut self, target: &Target, version: u64, at: Instant) -> bool {
        // Where versions are no numbers nothing can be told apart.
        if !self.watching || version == 0 {
            return false;
        }
        let complete = self
            .lists
            .get(&target.kind)
            .map_or(0, |lists| lists.complete);
        match self.objects.get_mut(target) {
            Some((sighting, _)) => {
                if sighting.version < version {
                    let gone = false;
                    *sighting = Sighting { version, gone, at };
                }
                false
            }
            None => {
                let gone = version <= complete;
                let version = if gone {
                    complete.max(version + 1)
                } else {
                    version
                };
                let sighting = Sighting { version, gone, at };
                self.objects.insert(target.clone(), (sighting, 0));
                gone
            }
        }
    }

    /// Takes in an event; returns the targets whose objects changed.
    pub fn take(&mut self, (event, at): Received<Event>) -> Vec<Target> {
        match event {
            Event::Listing(kind) => {
                self.lists.entry(kind).or_default().begun += 1;
                Vec::new()
            }
            Event::Seen(target, version, gone) => {
                let sighting = Sighting { version, gone, at };
                let list = self.lists.get(&target.kind).map_or(0, |lists| lists.begun);
                let before = self.objects.insert(target.clone(), (sighting, list));
                let same = before
                    .is_some_and(|(before, _)| before.version == version && before.gone == gone);
                if same { Vec::new() } else { vec![target] }
            }
            Event::InSync(kind, listed) => {
                let mut vanished = Vec::new();
                let lists = self.lists.entry(kind).or_default();
                lists.complete = listed;
                let now = lists.begun;
                for (target, (sighting, list)) in &mut self.objects {
                    let unnamed = target.kind == kind && *list != now && !sighting.gone;
                    // What was written after the list was made is not in it.
                    if unnamed && sighting.version <= listed {
                        // Gone as of the list, which is news after what was seen of it, and after
                        // what was written to it while nothing was seen.
                        *sighting = Sighting {
                            version: listed.max(sighting.version + 1),
                            gone: true,
                            at,
                        };
                        vanished.push(target.clone());
                    }
                }
                vanished
            }
        }
    }

    /// What was seen last of an object.
    #[must_use]
    pub fn of(&self, target: &Target) -> Option<Sighting> {
        self.objects.get(target).map(|(sighting, _)| *sighting)
    }

    /// Forgets an object that nobody asks for and that is gone.
    pub fn forget(&mut self, target: &Target) {
        if self.of(target).is_some_and(|sighting| sighting.gone) {
            self.objects.remove(target);
        }
    }
}

/// The objects of one kind that carry our label.
#[derive(Debug)]
pub struct Ours(pub ObjectKind);

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    metadata: RawMetadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMetadata<'a> {
    name: &'a str,
    namespace: &'a str,
    resource_version: &'a str,
}

impl Ours {
    fn seen(&self, json: &str, gone: bool) -> Result<(Event, String), serde_json::Error> {
        let raw: Raw<'_> = serde_json::from_str(json)?;
        let target = Target {
            kind: self.0,
            namespace: raw.metadata.namespace.into(),
            name: raw.metadata.name.into(),
        };
        // A server whose versions are no numbers is not repaired after: nothing could be told apart.
        let version = raw.metadata.resource_version.parse().unwrap_or_default();
        let event = Event::Seen(target, version, gone);
        Ok((event, raw.metadata.resource_version.to_owned()))
    }
}

impl Watched for Ours {
    type Event = Event;

    fn resource(&self) -> &'static str {
        match self.0 {
            ObjectKind::Secret => "secrets",
            ObjectKind::ConfigMap => "configmaps",
        }
    }

    fn path(&self) -> &'static str {
        match self.0 {
            ObjectKind::Secret => {
                "/api/v1/secrets?labelSelector=app.kubernetes.io%2Fmanaged-by%3Djasm"
            }
            ObjectKind::ConfigMap => {
                "/api/v1/configmaps?labelSelector=app.kubernetes.io%2Fmanaged-by%3Djasm"
            }
        }
    }

    fn metadata_only(&self) -> bool {
        true
    }

    fn listing(&self) -> Event {
        Event::Listing(self.0)
    }

    fn listed(&self, json: &str) -> Result<Option<Event>, serde_json::Error> {
        Ok(Some(self.seen(json, false)?.0))
    }

    fn in_sync(&self, version: &str) -> Event {
        Event::InSync(self.0, version.parse().unwrap_or_default())
    }

    fn changed(&self, json: &str, gone: bool) -> Result<(Event, String), serde_json::Error> {
        self.seen(json, gone)
    }
}

#[cfg(test)]
mod tests;
