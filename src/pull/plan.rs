//! What a target needs now. Pure: pods, memory and the clock in, the next step out.
//!
//! The rule of freshness: a read serves every pod that was seen within [`FRESHNESS`] of its begin.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::pull::asked::Wish;
use crate::pull::condition::{Audience, Condition, Failure, Retry, backoff};
use crate::pull::index::Requester;
use crate::pull::observe::Sighting;

/// A read serves pods that are seen up to this long after it began.
pub const FRESHNESS: Duration = Duration::from_secs(5);
/// First wait before a waiting pod's target is looked at again.
const FIRST_CHECK: Duration = Duration::from_secs(5);
/// A workload that is deleted takes its object along, and its pods vanish a moment later.
const AFTER_DELETION: Duration = Duration::from_secs(2);
/// Others who leave an object alone for so long do not fight over it.
const QUIET: Duration = Duration::from_secs(600);
/// First wait before a store or API server that could not answer is asked again.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// Pods that ask the same, told apart by what made them.
#[derive(Debug)]
pub struct Group {
    /// What they ask.
    pub wish: Arc<Wish>,
    /// What made them, each with one pod to look its workload up by.
    pub makers: BTreeMap<String, Requester>,
}

/// All pods of a target, grouped by what they ask.
#[derive(Debug)]
pub struct View {
    /// By the requests' canonical text.
    pub groups: BTreeMap<String, Group>,
    /// All pods, oldest first.
    pub pods: Vec<Requester>,
}

impl View {
    /// Groups the pods that ask for a target. `as_workload` says of which stores, by the name that
    /// an annotation has for them, every pod reads as itself: who reads is part of what is asked.
    #[must_use]
    pub fn of(mut pods: Vec<Requester>, as_workload: impl Fn(&str) -> bool) -> Self {
        let mut settled: HashMap<(*const Wish, Box<str>), Option<Arc<Wish>>> = HashMap::new();
        for requester in &mut pods {
            let reader = &requester.pod.pod.service_account;
            // Pods of one template share one wish.
            let key = (Arc::as_ptr(&requester.wish), reader.clone());
            let wish = settled
                .entry(key)
                .or_insert_with(|| requester.wish.read_as(reader, &as_workload).map(Arc::new));
            if let Some(wish) = wish {
                requester.wish = wish.clone();
            }
        }
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for requester in &pods {
            if !groups.contains_key(&requester.wish.canonical) {
                let wish = requester.wish.clone();
                let group = Group {
                    wish,
                    makers: BTreeMap::new(),
                };
                groups.insert(requester.wish.canonical.clone(), group);
            }
            if let Some(group) = groups.get_mut(&requester.wish.canonical) {
                group
                    .makers
                    .entry(maker(requester))
                    .or_insert_with(|| requester.clone());
            }
        }
        Self { groups, pods }
    }

    /// Fingerprint of who asks what, as far as it can matter: while all ask the same, it is what
    /// they ask; else also which of them asks which.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut parts: Vec<(&str, String)> = Vec::new();
        for (canonical, group) in &self.groups {
            let makers = if self.groups.len() == 1 {
                Vec::new()
            } else {
                group.makers.keys().cloned().collect()
            };
            parts.push((canonical, makers.join(" ")));
        }
        crate::pull::digest(&parts)
    }

    /// Everything that made pods of the target.
    #[must_use]
    pub fn makers(&self) -> BTreeSet<String> {
        self.groups
            .values()
            .flat_map(|group| group.makers.keys().cloned())
            .collect()
    }

    /// True while a pod of it has containers that have not started.
    #[must_use]
    pub fn waiting(&self) -> bool {
        self.pods.iter().any(|requester| requester.pod.pod.waiting)
    }

    /// The latest time at which a pod was seen that wants a read.
    fn demand(&self) -> Option<Instant> {
        self.pods
            .iter()
            .filter_map(|requester| requester.pod.demand)
            .max()
    }

    /// The latest edit of an annotation on a live pod.
    fn edited(&self) -> Option<Instant> {
        self.pods
            .iter()
            .filter_map(|requester| requester.pod.edited)
            .max()
    }

    /// A read that begins at this time or later serves every pod.
    #[must_use]
    pub fn not_before(&self, now: Instant) -> Instant {
        let demand = self
            .demand()
            .map(|seen| seen.checked_sub(FRESHNESS).unwrap_or(seen));
        demand.into_iter().chain(self.edited()).max().unwrap_or(now)
    }
}

/// What made the pod: the uid of its controller, with the revision where one controller makes pods
/// of several; a bare pod's own uid.
#[must_use]
pub fn maker(requester: &Requester) -> String {
    let pod = &requester.pod.pod;
    match (&pod.controller, pod.revision_hash()) {
        (Some(controller), Some(revision)) => format!("{}/{revision}", controller.uid),
        (Some(controller), None) => controller.uid.clone(),
        (None, _) => pod.uid.clone(),
    }
}

/// What is remembered of a target between runs.
#[derive(Debug, Default)]
pub struct State {
    /// The last success.
    pub synced: Option<Synced>,
    /// The last failure, if it came after that.
    pub failed: Option<Failed>,
    /// When a waiting pod's object is looked at again, and how often it was.
    pub check: Option<(Instant, u32)>,
    /// This API server refused to add an owner.
    pub owners_refused: bool,
    /// The object's version as last read or written here.
    pub version: u64,
    /// The object as the watch on objects saw it last, where there is one.
    pub seen: Option<Sighting>,
    /// When it was last looked into what others did, and how often before that without a quiet time.
    pub repaired: Option<(Instant, u32)>,
    /// The word for the metric.
    pub state: Option<&'static str>,
}

/// A success.
#[derive(Debug)]
pub struct Synced {
    /// Who asked what.
    pub fingerprint: String,
    /// Begin of the oldest read in it; none if no store had to be asked.
    pub read: Option<Instant>,
    /// Makers whose workloads own the object, sorted.
    pub makers: Box<[String]>,
    /// Uids of these workloads, sorted.
    pub owners: Box<[String]>,
    /// Digest of what was asked and of the version tokens; empty if nothing was read.
    pub content: String,
}

/// A failure.
#[derive(Debug)]
pub struct Failed {
    /// Who asked what.
    pub fingerprint: String,
    /// When the try began.
    pub began: Instant,
    /// The config that it was tried with.
    pub config: u64,
    /// When it is tried again without anything having changed.
    pub retry: Option<Instant>,
    /// Tries in a row.
    pub attempts: u32,
    /// The object's version as the watch on objects had seen it then.
    pub seen: u64,
    /// What failed, by workload; an empty name stands for all.
    pub failures: Vec<(String, Failure)>,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until the given time or something changes.
    Rest(Option<Instant>),
    /// Look at the object: after a restart, and while a pod waits.
    Look,
    /// Find the workloads of new makers; they may own the object already.
    Owners,
    /// Read the stores and write. A read that began at the given time or later will do.
    Sync(Instant),
    /// The same because others changed or deleted the object.
    Repair,
}

/// Decides.
#[must_use]
pub fn decide(view: &View, state: &State, config: u64, now: Instant) -> Step {
    let fingerprint = view.fingerprint();
    if let Some(failed) = &state.failed {
        return after_failure(view, state, failed, &fingerprint, config, now);
    }
    let Some(synced) = &state.synced else {
        // Pods that ran before JASM did have what they need, if the object says so.
        let quiet = view.demand().is_none() && view.edited().is_none();
        return if quiet {
            Step::Look
        } else {
            Step::Sync(view.not_before(now))
        };
    };
    let edited = view
        .edited()
        .is_some_and(|edited| synced.read.is_none_or(|read| edited > read));
    let unserved = view
        .demand()
        .is_some_and(|seen| synced.read.is_none_or(|read| seen > read + FRESHNESS));
    if synced.fingerprint != fingerprint || edited || unserved {
        return Step::Sync(view.not_before(now));
    }
    let known = |maker: &String| synced.makers.binary_search(maker).is_ok();
    if !view.makers().iter().all(known) {
        return Step::Owners;
    }
    let repair = state.repair();
    if repair.is_some_and(|due| due <= now) {
        return Step::Repair;
    }
    let look = match state.check {
        _ if !view.waiting() => None,
        Some((due, _)) => Some(due),
        // A pod that came within the freshness of a read that no pod waited for.
        None => Some(view.demand().map_or(now, |seen| seen + FIRST_CHECK)),
    };
    match look {
        Some(due) if due <= now => Step::Look,
        due => Step::Rest(due.into_iter().chain(repair).min()),
    }
}

fn after_failure(
    view: &View,
    state: &State,
    failed: &Failed,
    fingerprint: &str,
    config: u64,
    now: Instant,
) -> Step {
    let changed = failed.fingerprint != fingerprint
        || failed.config != config
        || view.edited().is_some_and(|edited| edited > failed.began);
    if changed {
        return Step::Sync(view.not_before(now).max(failed.began));
    }
    // A pod that came after the try asks anew, but not more often than reads serve pods.
    let anew = view
        .demand()
        .filter(|seen| *seen > failed.began)
        .map(|_| failed.began + FRESHNESS);
    // Somebody handed the object over, or deleted what stood in the way.
    let repair = state
        .repair()
        .filter(|_| state.seen.is_some_and(|seen| seen.version > failed.seen));
    if repair.is_some_and(|due| due <= now) {
        return Step::Repair;
    }
    // What is tried again only while a pod waits ends with the last one that does.
    let retry = failed
        .retry
        .filter(|_| view.waiting() || failed.outlasts_pods());
    match [retry, anew, repair].into_iter().flatten().min() {
        Some(due) if due <= now => Step::Sync(now),
        due => Step::Rest(due),
    }
}

impl Failed {
    /// What is said of it by now: what mostly ends by itself is tried again before.
    #[must_use]
    pub fn told(&self) -> Vec<(String, Failure)> {
        let first = self.attempts == 0 && self.retry.is_some();
        let told =
            |failure: &Failure| !(first && failure.condition.row().audience == Audience::Lasting);
        let failures = self.failures.iter();
        failures
            .filter(|(_, failure)| told(failure))
            .cloned()
            .collect()
    }

    fn outlasts_pods(&self) -> bool {
        let mut conditions = self.failures.iter().map(|(_, failure)| failure.condition);
        conditions.any(|condition| matches!(condition.row().retry, Retry::Backoff(_)))
    }
}

impl State {
    /// When what others did to the object is looked into: at once, and ever more slowly while
    /// they do it again. None if they did nothing since the object was read or written here.
    fn repair(&self) -> Option<Instant> {
        let seen = self.seen.filter(|seen| seen.version > self.version)?;
        let settled = if seen.gone {
            seen.at + AFTER_DELETION
        } else {
            seen.at
        };
        let paced = match self.repaired {
            Some((last, count)) if seen.at < last + QUIET => last + backoff(FIRST_CHECK, count),
            _ => settled,
        };
        Some(settled.max(paced))
    }

    /// Notes that it is looked into now.
    pub fn repairing(&mut self, now: Instant) {
        let count = match self.repaired {
            Some((last, count)) if now < last + QUIET => count + 1,
            _ => 0,
        };
        self.repaired = Some((now, count));
    }

    /// When a waiting pod's object is looked at next, after it was seen to be right.
    pub fn checked(&mut self, now: Instant) -> Instant {
        let count = self.check.map_or(0, |(_, count)| count + 1);
        let due = now + backoff(FIRST_CHECK, count);
        self.check = Some((due, count));
        due
    }
}

/// When a failure is tried again, or never by itself.
#[must_use]
pub fn retry_at(
    conditions: impl IntoIterator<Item = Condition>,
    waiting: bool,
    attempts: u32,
    now: Instant,
) -> Option<Instant> {
    conditions
        .into_iter()
        .filter_map(|condition| match condition.row().retry {
            Retry::OnChange => None,
            Retry::WhileWaiting => waiting.then(|| backoff(FIRST_CHECK, attempts)),
            Retry::Backoff(after) => {
                let wait = backoff(FIRST_BACKOFF, attempts).mul_f64(0.8 + 0.4 * fastrand::f64());
                Some(wait.max(after.unwrap_or_default()))
            }
        })
        .min()
        .map(|wait| now + wait)
}

#[cfg(test)]
mod tests;
