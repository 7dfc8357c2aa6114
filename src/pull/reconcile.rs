//! One run for one target: look, read, render, write, report.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, info, trace, warn};

use crate::configuration::Config;
use crate::metrics::Metrics;
use crate::pull::apply::{self, Applied, Change, Found, Manner, Objects};
use crate::pull::condition::{Condition, Failure};
use crate::pull::index::{Complainant, Index, Key, Requester};
use crate::pull::make::{self, Failures, Made};
use crate::pull::merge;
use crate::pull::observe::Observed;
use crate::pull::plan::{self, Failed, State, Step, Synced, View};
use crate::pull::report::Reporter;
use crate::pull::request::Target;
use crate::pull::shares::{self, Makers};
use crate::pull::workload::{self, Lookup, Workloads};
use crate::queue;

/// Does the work that the queue hands out.
#[derive(Debug)]
pub struct Reconciler {
    /// Who asks for what.
    pub index: Arc<Mutex<Index>>,
    /// The config in force.
    pub config: watch::Receiver<Arc<Config>>,
    /// Secrets and ConfigMaps.
    pub objects: Objects,
    /// Owners of pods.
    pub workloads: Workloads,
    /// Events.
    pub reporter: Reporter,
    /// Counters.
    pub metrics: Metrics,
    /// For runs that are due later.
    pub queue: queue::Handle<Key>,
    /// Objects as the watch on them saw them; empty without one.
    pub observed: Arc<Mutex<Observed>>,
    /// What is remembered of each target.
    pub states: Mutex<HashMap<Target, Box<State>>>,
}

/// When the next step is due, or what failed.
type Outcome = Result<Option<Instant>, Failures>;

impl Reconciler {
    /// Works on a key; the queue sees to it that no key is worked on twice at once.
    pub async fn run(self: Arc<Self>, key: Key) -> Key {
        match &key {
            Key::Target(target) => self.target(target).await,
            Key::Complaint(complainant) => self.complaint(complainant).await,
        }
        key
    }

    async fn target(&self, target: &Target) {
        let config = self.config.borrow().clone();
        let pods = lock(&self.index).requesters(target);
        let mut state = lock(&self.states).remove(target).unwrap_or_default();
        if pods.is_empty() || !config.settings.serves(&target.namespace) {
            self.metrics.moved(state.state, None);
            lock(&self.observed).forget(target);
            return;
        }
        state.seen = lock(&self.observed).of(target);
        let view = View::of(pods, |store| config.settings.reads_as_workload(store));
        let next = self.step(target, &view, &config, &mut state).await;
        let now_is = if state.failed.is_some() {
            "failing"
        } else {
            "synced"
        };
        self.metrics
            .moved(state.state.replace(now_is), Some(now_is));
        lock(&self.states).insert(target.clone(), state);
        if let Some(due) = next {
            self.queue.at(Key::Target(target.clone()), due);
        }
    }

    /// One step; the time of the next one if nothing changes until then.
    async fn step(
        &self,
        target: &Target,
        view: &View,
        config: &Config,
        state: &mut State,
    ) -> Option<Instant> {
        let now = Instant::now();
        let step = plan::decide(view, state, config.generation, now);
        trace!(object = %target, pods = view.pods.len(), ?step, "decided");
        let outcome = match step {
            Step::Rest(due) => Ok(self.rest(target, view, state, due).await),
            Step::Look => self.look(target, view, config, state, now).await,
            Step::Owners if self.owned_already(view, state).await => Ok(Some(now)),
            Step::Owners => {
                self.sync(target, view, config, state, view.not_before(now))
                    .await
            }
            Step::Repair => {
                debug!(object = %target, "others changed or deleted the object");
                state.repairing(now);
                self.sync(target, view, config, state, view.not_before(now))
                    .await
            }
            Step::Sync(not_before) => match self.still_foreign(target, state).await {
                Some(failure) => Err(everybody(failure)),
                None => self.sync(target, view, config, state, not_before).await,
            },
        };
        match outcome {
            Ok(due) => due,
            Err(failures) => {
                self.failed(target, view, config, state, now, failures)
                    .await
            }
        }
    }

    /// Nothing to do; a pod that came since the last failure is told of it too.
    async fn rest(
        &self,
        target: &Target,
        view: &View,
        state: &State,
        due: Option<Instant>,
    ) -> Option<Instant> {
        let Some(failed) = state.failed.as_ref().filter(|_| view.waiting()) else {
            return due;
        };
        self.report(target, view, &failed.told()).await;
        Some(due.unwrap_or_else(|| Instant::now() + crate::events::SAID_AGAIN))
    }

    /// Looks whether the object is there and was made from what is asked now.
    async fn look(
        &self,
        target: &Target,
        view: &View,
        config: &Config,
        state: &mut State,
        now: Instant,
    ) -> Outcome {
        let not_before = view.not_before(now);
        if self.objects.blind() {
            // Whether it is there can be told without reading it, but not what it was made from.
            return if state.synced.is_some()
                && self.objects.is_there(target).await.map_err(everybody)?
            {
                Ok(view.waiting().then(|| state.checked(now)))
            } else {
                self.sync(target, view, config, state, not_before).await
            };
        }
        let Some(found) = self.objects.find(target).await.map_err(everybody)? else {
            return self.sync(target, view, config, state, not_before).await;
        };
        state.version = found.version;
        if !found.ours {
            return Err(everybody(apply::not_ours(target)));
        }
        self.note(target, found.version);
        // What this process wrote or saw to be right needs no digest: a changed one alone is no write.
        let right = match &state.synced {
            Some(_) => found.digest.is_some(),
            None => self.made_from_this(view, &found).await.map_err(everybody)?,
        };
        if !right {
            return self.sync(target, view, config, state, not_before).await;
        }
        if state.synced.is_none() {
            debug!(object = %target, "the object is there and was made from what is asked now");
            state.synced = Some(Synced {
                fingerprint: view.fingerprint(),
                read: None,
                makers: view.makers().into_iter().collect(),
                owners: sorted(found.owners.into_values()),
                content: String::new(),
            });
        }
        Ok(view.waiting().then(|| state.checked(now)))
    }

    /// True if the object was made from what is asked now, for the workloads that ask.
    async fn made_from_this(&self, view: &View, found: &Found) -> Result<bool, Failure> {
        // While all pods ask the same, the digest needs no owners: the GET of the object is the only one.
        let makers = match view.groups.len() {
            1 => Makers::new(),
            _ => self.all_makers(view, Lookup::Ranked).await?,
        };
        let mut requests = view.groups.values().flat_map(|group| &group.wish.requests);
        let retained = requests.any(|request| request.retain);
        let owned = retained
            || guesses(view)
                .iter()
                .all(|guess| found.owners.contains_key(guess));
        Ok(owned && found.digest.as_deref() == Some(&shares::digest(view, &makers)))
    }

    /// While an object of others stands in the way, no store is asked for what cannot be written.
    async fn still_foreign(&self, target: &Target, state: &State) -> Option<Failure> {
        let failed = state.failed.as_ref().filter(|_| !self.objects.blind())?;
        let (_, failure) = failed
            .failures
            .iter()
            .find(|(_, failure)| failure.condition == Condition::NotOurs)?;
        let found = self.objects.find(target).await.ok()??;
        (!found.ours).then(|| failure.clone())
    }

    /// True if the workloads of new makers own the object already: a rollout, a next run.
    async fn owned_already(&self, view: &View, state: &mut State) -> bool {
        let Ok(makers) = self.all_makers(view, Lookup::Fresh).await else {
            return false;
        };
        let Some(synced) = &mut state.synced else {
            return false;
        };
        let owned = makers
            .values()
            .all(|workload| synced.owners.binary_search(&workload.owner.uid).is_ok());
        if owned {
            let before = std::mem::take(&mut synced.makers);
            synced.makers = sorted(before.into_iter().chain(view.makers()));
        }
        owned
    }

    /// The workload of every maker that can be told, and who cannot be told why.
    async fn makers(&self, view: &View, lookup: Lookup) -> (Makers, Vec<(String, Failure)>) {
        let pods: BTreeMap<_, _> = view
            .groups
            .values()
            .flat_map(|group| &group.makers)
            .collect();
        let lookups = pods.into_iter().map(|(maker, requester)| async move {
            let found = self.workloads.of(&requester.pod, lookup).await;
            found
                .map(|workload| (maker.clone(), workload))
                .map_err(|failure| (workload::guess(&requester.pod), failure))
        });
        let (mut makers, mut failures) = (Makers::new(), Vec::new());
        for found in join_all(lookups).await {
            match found {
                Ok((maker, workload)) => {
                    makers.insert(maker, workload);
                }
                Err(failure) => failures.push(failure),
            }
        }
        (makers, failures)
    }

    /// The same where one that cannot be told spoils the answer.
    async fn all_makers(&self, view: &View, lookup: Lookup) -> Result<Makers, Failure> {
        let (makers, failures) = self.makers(view, lookup).await;
        match failures.into_iter().next() {
            None => Ok(makers),
            Some((_, failure)) => Err(failure),
        }
    }

    /// Reads everything and writes the object.
    async fn sync(
        &self,
        target: &Target,
        view: &View,
        config: &Config,
        state: &mut State,
        not_before: Instant,
    ) -> Outcome {
        let began = Instant::now();
        let before = state.version;
        let read = self.read(target, view, config, not_before).await;
        let mut failures = read.failures.clone();
        if read.shares.is_empty() {
            return Err(failures);
        }
        let expected = state.synced.is_some()
            || state.failed.is_some()
            || !read.frozen.workloads.is_empty()
            || view.pods.iter().any(|requester| requester.pod.from_start);
        let how = Manner {
            expected,
            change_owners: !state.owners_refused,
            note_digest: view.groups.len() == 1,
            complete: read.frozen.workloads.is_empty(),
        };
        let mut conflicts = Vec::new();
        let applied = self
            .objects
            .apply(target, how, |existing| {
                let mut frozen = read.frozen.clone();
                let absent = existing.map(|existing| merge::absent(existing, &read.shares));
                for workload in absent.into_iter().flatten() {
                    // Between two pods of it a workload holds what it held; one that asks for
                    // something else now has let go.
                    if !lock(&self.index).asks_anything(&target.namespace, &workload) {
                        frozen.workloads.insert(workload);
                    }
                }
                let (desired, refused) = read.desired(target.kind, &frozen, existing)?;
                conflicts = refused;
                Ok(desired)
            })
            .await;
        let mut applied = match applied {
            Ok(applied) => applied,
            Err(failure) => {
                failures.extend(everybody(failure));
                return Err(failures);
            }
        };
        failures.append(&mut conflicts);
        state.version = applied.version;
        self.note(target, applied.version);
        let content = crate::pull::digest(&(&read.digest, &read.versions));
        // Written unseen, it is written again with every read: news only if something changed.
        if self.objects.blind()
            && applied.change == Change::Updated
            && state
                .synced
                .as_ref()
                .is_some_and(|synced| synced.content == content)
        {
            applied.change = Change::Unchanged;
        }
        if state.seen.is_some_and(|seen| seen.version > before)
            && applied.change != Change::Unchanged
        {
            self.metrics.repaired(target.kind.as_str());
        }
        self.written(target, view, state, &read, &applied);
        if let Some(refused) = applied.owners_refused {
            state.owners_refused = true;
            warn!(object = %target, "{}", refused.message);
            self.report(target, view, &everybody(refused)).await;
        }
        if !failures.is_empty() {
            return Err(failures);
        }
        let recovered = state.failed.take().is_some();
        let owners = read.workloads.iter().cloned();
        self.reporter.synced(
            target,
            view,
            applied.change,
            recovered,
            owners,
            &read.versions,
        );
        // An object that vanishes again and again is made again and again, but ever more slowly.
        let vanished = applied.change == Change::Created && state.synced.is_some();
        if !vanished {
            state.check = None;
        }
        state.synced = Some(Synced {
            fingerprint: view.fingerprint(),
            read: read.started.or(Some(began)),
            makers: view.makers().into_iter().collect(),
            owners: read.workloads.into_iter().collect(),
            content,
        });
        // What changed while this ran is seen now: the queue holds a key back, it forgets none.
        Ok(view.waiting().then(|| state.checked(Instant::now())))
    }

    /// Notes the version of our object for the watch on objects.
    fn note(&self, target: &Target, version: u64) {
        if lock(&self.observed).wrote(target, version, Instant::now()) {
            // What is to be done about it is decided after this run.
            self.queue.now(Key::Target(target.clone()));
        }
    }

    /// Counts a write and how long its pods waited for it.
    fn written(&self, target: &Target, view: &View, state: &State, read: &Made, applied: &Applied) {
        if applied.change == Change::Unchanged {
            debug!(object = %target, "the object is as it should be");
            return;
        }
        info!(object = %target, change = ?applied.change, keys = read.shares.iter().map(|share| share.items.len()).sum::<usize>(), "written");
        let served = state.synced.as_ref().and_then(|synced| synced.read);
        let oldest = view
            .pods
            .iter()
            .filter_map(|requester| requester.pod.edited.or(requester.pod.demand))
            .filter(|seen| served.is_none_or(|served| *seen > served))
            .min();
        if let Some(oldest) = oldest {
            self.metrics.served(oldest.elapsed());
        }
    }

    /// Binds, checks and reads every request, while the workloads are looked up.
    async fn read(
        &self,
        target: &Target,
        view: &View,
        config: &Config,
        not_before: Instant,
    ) -> Made {
        let lookup = match view.groups.len() {
            1 => Lookup::Fresh,
            _ => Lookup::Ranked,
        };
        let fetch = make::fetch(target, view, &config.stores, not_before);
        let ((makers, unknown), fetched) = tokio::join!(self.makers(view, lookup), fetch);
        Made::of(view, &makers, unknown, fetched)
    }

    /// Notes a failure, tells whoever has to know, and says when it is tried again.
    async fn failed(
        &self,
        target: &Target,
        view: &View,
        config: &Config,
        state: &mut State,
        began: Instant,
        failures: Failures,
    ) -> Option<Instant> {
        for (workload, failure) in &failures {
            let reason = failure.condition.row().reason.as_str();
            warn!(object = %target, workload, reason, condition = ?failure.condition, "{}", failure.message);
            if failure.condition == Condition::NamespaceTerminating {
                self.metrics.namespace_terminating();
            }
        }
        let fingerprint = view.fingerprint();
        let attempts = state
            .failed
            .as_ref()
            .filter(|failed| {
                failed.fingerprint == fingerprint && failed.config == config.generation
            })
            .map_or(0, |failed| failed.attempts + 1);
        let conditions = failures.iter().map(|(_, failure)| failure.condition);
        let retry = plan::retry_at(conditions, view.waiting(), attempts, Instant::now());
        state.check = None;
        let failed = Failed {
            fingerprint,
            began,
            config: config.generation,
            retry,
            attempts,
            seen: state.seen.map_or(0, |seen| seen.version),
            failures,
        };
        self.report(target, view, &failed.told()).await;
        state.failed = Some(failed);
        let again = view
            .waiting()
            .then(|| Instant::now() + crate::events::SAID_AGAIN);
        [retry, again].into_iter().flatten().min()
    }

    /// Tells the waiting pods of each workload that fails, and the workload itself.
    async fn report(&self, target: &Target, view: &View, failures: &[(String, Failure)]) {
        // Whom to tell is worth a try; that it is told to the pods at least is worth more.
        let makers = self.makers(view, Lookup::Known).await.0;
        let what = format!("{} {}", target.kind.as_str(), target.name);
        for (workload, failure) in failures {
            let concerned = |requester: &&Requester| {
                workload.is_empty()
                    || makers
                        .get(&plan::maker(requester))
                        .is_some_and(|maker| maker.name() == *workload)
            };
            let pods: Vec<_> = view
                .pods
                .iter()
                .filter(concerned)
                .map(|requester| requester.pod.clone())
                .collect();
            let owners = makers
                .values()
                .filter(|maker| workload.is_empty() || maker.name() == *workload);
            self.reporter
                .failed(&target.namespace, &what, &pods, owners, failure);
        }
    }

    /// Tells the pods of a workload what is wrong with their annotations.
    async fn complaint(&self, complainant: &Complainant) {
        let pods = lock(&self.index).complaining(complainant);
        let Some(first) = pods.first() else { return };
        if !self.config.borrow().settings.serves(&complainant.namespace) {
            return;
        }
        let workload = self.workloads.of(first, Lookup::Known).await.ok();
        let problems: BTreeSet<_> = pods
            .iter()
            .flat_map(|record| record.problems())
            .cloned()
            .collect();
        for problem in problems {
            let failure = Failure::new(
                Condition::AnnotationInvalid,
                format!("{}: {}", problem.annotation, problem.message),
            );
            let concerned: Vec<_> = pods
                .iter()
                .filter(|record| record.problems().contains(&problem))
                .cloned()
                .collect();
            let news = self.reporter.failed(
                &complainant.namespace,
                "",
                &concerned,
                workload.as_ref(),
                &failure,
            );
            if news {
                warn!(
                    namespace = %complainant.namespace, pod = first.pod.name, annotation = problem.annotation,
                    "{}", problem.message
                );
            }
        }
        if pods.iter().any(|record| record.pod.waiting) {
            self.queue.at(
                Key::Complaint(complainant.clone()),
                Instant::now() + crate::events::SAID_AGAIN,
            );
        }
    }
}

/// The workloads' names as far as they can be told without asking.
fn guesses(view: &View) -> BTreeSet<String> {
    view.pods
        .iter()
        .map(|requester| workload::guess(&requester.pod))
        .collect()
}

/// Each once, in order.
fn sorted(names: impl Iterator<Item = String>) -> Box<[String]> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A failure that concerns all workloads of the target.
fn everybody(failure: Failure) -> Failures {
    vec![(String::new(), failure)]
}

/// Locks; a poisoned lock cannot be, as a panic ends the process.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
