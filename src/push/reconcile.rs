//! One run for one object: is there anything to do, fetch, carry, tell.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jasm_providers::sink::{Fingerprints, Owner};
use jasm_providers::web::Web;
use k8s_openapi::jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::condition::{Problem, Reason, Retry};
use super::crd::{DeletionPolicy, SecretManagerConfig, SecretManagerConfigSpec, SourceKind};
use super::index::{Found, Index, ObjectKey, State as SourceState};
use super::interval::interval;
use super::keyring::Keyring;
use super::memory::{Full, Memory, Share};
use super::objects::Objects;
use super::outcome::{self, Outcome};
use super::run::{KeyData, Push};
use super::sinks::Sinks;
use super::source::files::{Caps, Wanted};
use super::source::{ProblemKind, Snapshot, SourceKey, Usable, reference};
use super::waiting::{Said, Waiting};
use super::write::Recent;
use super::{build, memory, secret};
use crate::configuration::Config;
use crate::events::{Notice, Publisher, Regarding};
use crate::metrics::Metrics;
use crate::queue;

/// Shortest and longest pause before a run that failed is tried again.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(600);
/// How long the API server may take for one call.
const CALL: Duration = Duration::from_secs(10);
/// An annotation: whenever its value changes, everything is compared again.
pub const RECONCILE: &str = "jasm.codnod.io/reconcile";

/// Does the work that the queue hands out.
#[derive(Debug)]
pub struct Reconciler {
    /// Objects and sources.
    pub index: Arc<Mutex<Index>>,
    /// The config in force.
    pub config: watch::Receiver<Arc<Config>>,
    /// The objects at the API server.
    pub objects: Objects,
    /// JASM's own key.
    pub keyring: Keyring,
    /// For artifacts and repositories.
    pub web: Web,
    /// Room for what is fetched.
    pub memory: Memory,
    /// Events.
    pub publisher: Publisher,
    /// Counters.
    pub metrics: Metrics,
    /// For runs that are due later.
    pub queue: queue::Handle<ObjectKey>,
    /// What is remembered of each object.
    pub states: Mutex<HashMap<ObjectKey, State>>,
}

/// What is remembered of an object; nothing of it has to be.
#[derive(Debug, Default)]
pub struct State {
    /// With what it was done last, if it was done.
    done: Option<Done>,
    /// Runs in a row that failed.
    failures: u32,
    sinks: Sinks,
    /// What it wrote of late.
    recent: Recent,
    /// The reason that was said last.
    said: Option<Reason>,
    waiting: Waiting,
}

/// Everything that a run depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Inputs {
    uid: String,
    generation: i64,
    revision: String,
    digest: Option<String>,
    trigger: Option<String>,
}

#[derive(Debug)]
struct Done {
    inputs: Inputs,
    config: u64,
    at: Instant,
}

/// A source that can be read.
enum Ready {
    Artifact(super::source::flux::Artifact),
    Commit(super::source::argo::Commit),
    Directory(Snapshot),
}

impl Ready {
    fn revision(&self) -> &str {
        match self {
            Self::Artifact(artifact) => &artifact.revision,
            Self::Commit(commit) => &commit.revision,
            Self::Directory(snapshot) => &snapshot.revision,
        }
    }

    /// What tells two contents of one revision apart: what Flux leaves out of it may change.
    fn digest(&self) -> Option<String> {
        match self {
            Self::Artifact(artifact) => Some(artifact.digest.clone()),
            Self::Commit(_) | Self::Directory(_) => None,
        }
    }
}

/// How a run ended.
enum End {
    /// There was nothing to do, or nothing that is to be told.
    Quiet,
    /// Something is to be told.
    Told(Box<Outcome>),
}

impl Reconciler {
    /// Works on an object; the queue sees to it that none is worked on twice at once.
    pub async fn run(self: Arc<Self>, key: ObjectKey) -> ObjectKey {
        let object = lock(&self.index).object(&key);
        let Some(object) = object else {
            lock(&self.states).remove(&key);
            return key;
        };
        let config = self.config.borrow().clone();
        if !config.settings.serves(&key.namespace) {
            return key;
        }
        let mut state = lock(&self.states).remove(&key).unwrap_or_default();
        let begun = Instant::now();
        let mut tried = None;
        let once = self.once(&key, &object, &config, &mut state, &mut tried);
        let end = match once.await {
            Ok(end) => end,
            Err(problem) => End::Told(Box::new(Outcome {
                revision: tried,
                ..problem.into()
            })),
        };
        if let End::Told(outcome) = end {
            self.metrics
                .pushed(outcome.reason.as_str(), begun.elapsed());
            self.tell(&key, &object, &outcome, &mut state).await;
        }
        lock(&self.states).insert(key.clone(), state);
        key
    }

    async fn once(
        &self,
        key: &ObjectKey,
        object: &SecretManagerConfig,
        config: &Arc<Config>,
        state: &mut State,
        tried: &mut Option<String>,
    ) -> Result<End, Problem> {
        if object.metadata.deletion_timestamp.is_some() {
            return self.finalize(key, object, config, state).await;
        }
        let spec = &object.spec;
        if spec.deletion_policy == DeletionPolicy::Retain {
            // Whatever else stands against the object: nothing is to hold it.
            self.hold(object, false).await?;
        }
        if spec.suspend {
            return Err(Problem::new(
                Reason::Suspended,
                "suspend is true: nothing is read or written",
            ));
        }
        let drift = drift_interval(spec)?;
        // Its list comes, and wakes this object.
        let Some(ready) = self.source(key, object, config).await? else {
            return Ok(End::Quiet);
        };
        let inputs = Inputs {
            uid: object.metadata.uid.clone().unwrap_or_default(),
            generation: object.metadata.generation.unwrap_or_default(),
            revision: ready.revision().to_owned(),
            digest: ready.digest(),
            trigger: trigger(object),
        };
        if self.is_done(object, &inputs, config, state, drift, key) {
            return Ok(End::Quiet);
        }
        let owner = self.owner(key, config).await?;
        let fingerprints = self.fingerprints().await?;
        let push = Push {
            config,
            owner: &owner,
            spec,
            fingerprints,
            passing: false,
            dry: false,
            lacking: (spec.decryption.is_none())
                .then_some("the object names no Secret with keys: set decryption.secretRef"),
        };
        // What is not allowed costs no download.
        push.destinations()?;
        if spec.deletion_policy == DeletionPolicy::Delete {
            self.hold(object, true).await?;
        }
        *tried = Some(inputs.revision.clone());
        let keys = self.keys(key, spec).await?;
        let share = self.memory.share(&key.namespace);
        let snapshot = self.fetch(key, spec, ready, &share).await?;
        let revision = snapshot.revision.clone();
        let desired = {
            let _work = share.work(share.is_large()).await;
            push.read(snapshot, &keys).await?
        };
        // Of the source only its entries are left.
        let room = share.resize(desired.bytes()).await;
        room.map_err(|Full| Problem::new(Reason::SourceUnavailable, memory::NO_ROOM))?;
        // All of that took its time. What changed meanwhile is in the queue already.
        if !self.is_current(key, object, config) {
            return Ok(End::Quiet);
        }
        let done = push
            .write(&mut state.sinks, &state.recent, desired, &revision)
            .await?;
        for (store, report) in &done.stores {
            self.metrics.entries(store, report);
        }
        if done.outcome.reason == Reason::Succeeded {
            state.done = Some(Done {
                inputs,
                config: config.generation,
                at: Instant::now(),
            });
            if let Some(every) = drift {
                self.queue.at(key.clone(), Instant::now() + every);
            }
        }
        if done.wrote {
            info!(object = %key, revision = done.outcome.revision, "{}", done.outcome.message);
            // What failed is said by its own reason.
            if done.outcome.reason == Reason::Succeeded {
                self.say(object, false, "Pushed", &done.outcome.message);
            }
        }
        Ok(End::Told(Box::new(done.outcome)))
    }

    /// Whether nothing that says what may be written has changed since the run began.
    fn is_current(&self, key: &ObjectKey, object: &SecretManagerConfig, config: &Config) -> bool {
        let now = lock(&self.index).object(key);
        let same = now.is_some_and(|now| {
            let (now, then) = (&now.metadata, &object.metadata);
            now.uid == then.uid
                && now.generation == then.generation
                && now.deletion_timestamp == then.deletion_timestamp
        });
        same && self.config.borrow().generation == config.generation
    }

    /// Whether everything was done with these inputs: by this process, or, as the status says, by one before.
    fn is_done(
        &self,
        object: &SecretManagerConfig,
        inputs: &Inputs,
        config: &Config,
        state: &mut State,
        drift: Option<Duration>,
        key: &ObjectKey,
    ) -> bool {
        let Some(done) = &state.done else {
            let status = object.status.as_ref();
            let before = status.is_some_and(|status| {
                status.observed_generation == Some(inputs.generation)
                    && status.last_applied_revision.as_deref() == Some(&inputs.revision)
                    && status.last_handled_reconcile_at == inputs.trigger
                    && status.is_ready()
            });
            if !before {
                return false;
            }
            state.done = Some(Done {
                inputs: inputs.clone(),
                config: config.generation,
                at: Instant::now(),
            });
            if let Some(every) = drift {
                // Many objects begin at once with the process.
                let first = every.mul_f64(fastrand::f64());
                self.queue.at(key.clone(), Instant::now() + first);
            }
            return drift.is_none();
        };
        let same = done.inputs == *inputs && done.config == config.generation;
        let due = drift.is_some_and(|every| done.at + every <= Instant::now());
        same && !due
    }

    /// The source, if it can be read now; none while nothing is known of its kind, or while what was applied
    /// of it stays in force.
    async fn source(
        &self,
        key: &ObjectKey,
        object: &SecretManagerConfig,
        config: &Config,
    ) -> Result<Option<Ready>, Problem> {
        let spec = &object.spec;
        let allowed = config.settings.push.allowed();
        let source = reference::resolve(&spec.source_ref, &key.namespace, &allowed)
            .map_err(|why| Problem::new(Reason::AccessDenied, why))?;
        if source.kind == SourceKind::File {
            return self.directory(key, &source, spec, config).await.map(Some);
        }
        let index = lock(&self.index);
        let wait = |why: String| {
            let status = object.status.as_ref();
            let applied = status.is_some_and(|status| {
                status.is_ready() && status.observed_generation == object.metadata.generation
            });
            if applied {
                return Ok(None);
            }
            let message = format!("the source {source}: {why}");
            Err(Problem::new(Reason::SourceNotReady, message))
        };
        let never = |why: String| {
            Problem::new(Reason::SourceInvalid, format!("the source {source}: {why}"))
        };
        match index.source(&source) {
            Found::NotYet => Ok(None),
            Found::NotServed => Err(Problem::new(
                Reason::SourceNotFound,
                format!(
                    "the cluster has no {}: install what serves it",
                    source.kind.name()
                ),
            )),
            Found::Missing | Found::Directory => Err(Problem::new(
                Reason::SourceNotFound,
                format!("there is no {source}: check sourceRef"),
            )),
            Found::There(SourceState::Offer(offer)) => match offer.usable() {
                Usable::Now(artifact) => Ok(Some(Ready::Artifact(artifact))),
                Usable::Later(why) => wait(why),
                Usable::Never(why) => Err(never(why)),
            },
            Found::There(SourceState::Application(application)) => match application.usable() {
                Usable::Now(commit) => Ok(Some(Ready::Commit(commit))),
                Usable::Later(why) => wait(why),
                Usable::Never(why) => Err(never(why)),
            },
        }
    }

    async fn directory(
        &self,
        key: &ObjectKey,
        source: &SourceKey,
        spec: &SecretManagerConfigSpec,
        config: &Config,
    ) -> Result<Ready, Problem> {
        let directory = config.settings.push.directory(&source.name, &key.namespace);
        let Some(directory) = directory else {
            return Err(Problem::new(
                Reason::SourceNotFound,
                format!(
                    "JASM's config names no directory \"{}\" that objects of the namespace {} may use",
                    source.name, key.namespace
                ),
            ));
        };
        let fingerprints = self.fingerprints().await?.clone();
        let (path, wanted) = (directory.path.clone(), build::wanted(spec));
        let read = tokio::task::spawn_blocking(move || {
            super::source::directory::read(&path, &wanted, &Caps::default(), &fingerprints)
        });
        match read.await {
            Ok(answer) => answer.map(Ready::Directory).map_err(told),
            Err(_) => Err(Problem::new(
                Reason::SourceUnavailable,
                "the directory could not be read: an error of JASM's own, which its log has",
            )),
        }
    }

    async fn fetch(
        &self,
        key: &ObjectKey,
        spec: &SecretManagerConfigSpec,
        ready: Ready,
        share: &Arc<Share>,
    ) -> Result<Snapshot, Problem> {
        let (wanted, caps) = (build::wanted(spec), Caps::default());
        match ready {
            Ready::Directory(snapshot) => {
                let sizes = { snapshot.tree.iter() }.map(|(_, content)| content.len() as u64);
                let room = share.resize(sizes.sum()).await;
                room.map_err(|Full| Problem::new(Reason::SourceUnavailable, memory::NO_ROOM))?;
                Ok(snapshot)
            }
            Ready::Artifact(artifact) => {
                let deadline = Instant::now() + super::source::artifact::PATIENCE;
                super::source::artifact::fetch(
                    &self.web, &artifact, &wanted, &caps, share, deadline,
                )
                .await
                .map_err(told)
            }
            Ready::Commit(commit) => self.commit(key, spec, &commit, &wanted, share).await,
        }
    }

    #[cfg(feature = "git")]
    async fn commit(
        &self,
        key: &ObjectKey,
        spec: &SecretManagerConfigSpec,
        commit: &super::source::argo::Commit,
        wanted: &Wanted,
        share: &Arc<Share>,
    ) -> Result<Snapshot, Problem> {
        use super::source::git::{self, credentials::Credentials};
        let credentials = match &spec.source_ref.git_credentials {
            None => None,
            Some(named) => {
                let data = self.secret(key, &named.name).await.map_err(told)?;
                let credentials = Credentials::of(&data).map_err(|why| {
                    let message = format!("gitCredentials {}: {why}", named.name);
                    Problem::new(Reason::SourceUnavailable, message)
                })?;
                Some(credentials)
            }
        };
        let deadline = Instant::now() + git::PATIENCE;
        git::fetch(
            &self.web,
            commit,
            credentials.as_ref(),
            wanted,
            &Caps::default(),
            share,
            deadline,
        )
        .await
        .map_err(told)
    }

    #[cfg(not(feature = "git"))]
    async fn commit(
        &self,
        _: &ObjectKey,
        _: &SecretManagerConfigSpec,
        _: &super::source::argo::Commit,
        _: &Wanted,
        _: &Arc<Share>,
    ) -> Result<Snapshot, Problem> {
        Err(Problem::new(
            Reason::SourceInvalid,
            "this JASM was built without Git: refer to a source of Flux, or use a build with the feature git",
        ))
    }

    /// The keys that the object names, if it names any.
    async fn keys(
        &self,
        key: &ObjectKey,
        spec: &SecretManagerConfigSpec,
    ) -> Result<KeyData, Problem> {
        match &spec.decryption {
            None => Ok(KeyData::new()),
            Some(decryption) => {
                let read = self.secret(key, &decryption.secret_ref.name).await;
                read.map_err(|problem| {
                    let message = format!("decryption.secretRef: {problem}");
                    Problem::new(Reason::DecryptionFailed, message)
                })
            }
        }
    }

    async fn secret(&self, key: &ObjectKey, name: &str) -> Result<KeyData, super::source::Problem> {
        let deadline = Instant::now() + CALL;
        secret::read(self.objects.client(), &key.namespace, name, deadline).await
    }

    async fn owner(&self, key: &ObjectKey, config: &Config) -> Result<Owner, Problem> {
        let cluster = match &config.settings.push.cluster {
            Some(cluster) => cluster.clone(),
            None => {
                let uid = self.objects.cluster_uid().await;
                uid.map_err(|why| Problem::new(Reason::StoreFailed, why))?
            }
        };
        Ok(Owner {
            cluster,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        })
    }

    async fn fingerprints(&self) -> Result<&Fingerprints, Problem> {
        let deadline = Instant::now() + CALL;
        let read = self.keyring.fingerprints(deadline).await;
        read.map_err(|why| Problem::new(Reason::StoreFailed, why))
    }

    /// With `Delete` the object stays until its entries are gone; without, nothing holds it.
    async fn hold(&self, object: &SecretManagerConfig, wanted: bool) -> Result<(), Problem> {
        let set = self.objects.set_finalizer(object, wanted).await;
        set.map_err(|why| Problem::new(Reason::StoreFailed, why))
    }

    async fn finalize(
        &self,
        key: &ObjectKey,
        object: &SecretManagerConfig,
        config: &Arc<Config>,
        state: &mut State,
    ) -> Result<End, Problem> {
        if !Objects::has_finalizer(object) {
            return Ok(End::Quiet);
        }
        if object.spec.deletion_policy == DeletionPolicy::Delete {
            let deleted = self.delete_entries(key, object, config, state).await;
            let deleted = deleted.map_err(held)?;
            info!(object = %key, deleted, "the object is being deleted: its entries are gone");
        }
        let gone = self.objects.set_finalizer(object, false).await;
        gone.map_err(|why| {
            let message = format!(
                "the object is being deleted and none of its entries holds it, but its finalizer cannot be taken off: {why}"
            );
            Problem::new(Reason::StoreFailed, message)
        })?;
        Ok(End::Quiet)
    }

    async fn delete_entries(
        &self,
        key: &ObjectKey,
        object: &SecretManagerConfig,
        config: &Arc<Config>,
        state: &mut State,
    ) -> Result<usize, Problem> {
        let owner = self.owner(key, config).await?;
        let push = Push {
            config,
            owner: &owner,
            spec: &object.spec,
            fingerprints: self.fingerprints().await?,
            passing: false,
            dry: false,
            lacking: None,
        };
        push.delete_all(&mut state.sinks, &state.recent).await
    }

    /// Writes the status, says an event where something changed, and sees to the next try.
    async fn tell(
        &self,
        key: &ObjectKey,
        object: &SecretManagerConfig,
        outcome: &Outcome,
        state: &mut State,
    ) {
        match outcome.reason.retry() {
            Retry::OnChange => state.failures = 0,
            Retry::Backoff => {
                let pause = FIRST
                    .saturating_mul(1 << state.failures.min(8))
                    .min(LONGEST);
                state.failures += 1;
                let pause = pause.mul_f64(1.0 + fastrand::f64() / 4.0);
                self.queue.at(key.clone(), Instant::now() + pause);
            }
        }
        if outcome.reason != Reason::Succeeded {
            state.done = None;
        }
        let said = state.waiting.note(outcome.reason, Instant::now());
        let is_bad = outcome.reason.ready() == "False";
        if is_bad {
            warn!(object = %key, reason = outcome.reason.as_str(), "{}", outcome.message);
            match said {
                Said::Now => self.say(object, true, outcome.reason.as_str(), &outcome.message),
                Said::Later(at) => self.queue.at(key.clone(), at),
            }
        } else if state.said.is_some_and(|said| said.ready() == "False") {
            self.publisher
                .over(vec![object.metadata.uid.clone().unwrap_or_default()]);
        }
        state.said = Some(outcome.reason);
        let before = object.status.clone().unwrap_or_default();
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let trigger = trigger(object);
        let generation = object.metadata.generation;
        let after = outcome::status(&before, outcome, generation, trigger.as_deref(), &now);
        if after == before {
            return;
        }
        if let Err(why) = self.objects.set_status(object, &after).await {
            warn!(object = %key, "the status cannot be written: {why}");
            self.queue.at(key.clone(), Instant::now() + FIRST);
            // Only what is told is done.
            state.done = None;
        }
    }

    fn say(&self, object: &SecretManagerConfig, warning: bool, reason: &'static str, note: &str) {
        let metadata = &object.metadata;
        self.publisher.say(Notice {
            regarding: Regarding {
                api_version: "secret-manager.microscaler.io/v1alpha1".to_owned(),
                kind: "SecretManagerConfig".to_owned(),
                namespace: metadata.namespace.clone().unwrap_or_default(),
                name: metadata.name.clone().unwrap_or_default(),
                uid: metadata.uid.clone().unwrap_or_default(),
            },
            warning,
            reason,
            note: note.to_owned(),
        });
    }
}

/// Why an object that is being deleted stays, with the way out.
fn held(mut problem: Problem) -> Problem {
    problem.message = format!(
        "the object is being deleted, and waits for its entries: {}. To let it go and keep them, set deletionPolicy: \
         Retain",
        problem.message
    );
    problem
}

/// What a source's problem is to the object.
pub(crate) fn told(problem: super::source::Problem) -> Problem {
    let reason = match problem.kind {
        ProblemKind::Unavailable | ProblemKind::Denied | ProblemKind::Integrity => {
            Reason::SourceUnavailable
        }
        ProblemKind::Content | ProblemKind::Unsupported => Reason::SourceInvalid,
    };
    Problem::new(reason, problem.message)
}

fn trigger(object: &SecretManagerConfig) -> Option<String> {
    let annotations = object.metadata.annotations.as_ref()?;
    // It comes back in the status.
    let value = annotations.get(RECONCILE)?;
    Some(value.chars().take(256).collect())
}

/// How often entries are compared although nothing changed.
fn drift_interval(spec: &SecretManagerConfigSpec) -> Result<Option<Duration>, Problem> {
    let Some(text) = &spec.drift_interval else {
        return Ok(None);
    };
    match interval(text) {
        Some(long) => Ok(Some(long)),
        None => Err(Problem::new(
            Reason::SpecInvalid,
            "driftInterval must be a duration of at least 1m, such as 1h30m",
        )),
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
