//! One store brought to what the source says: a list, then the steps of the plan, each failing by itself.
//!
//! Nothing here is remembered: whatever broke off before is found again by the next list, and what was
//! written then is told by its fingerprint. Deleting comes last, and only when everything else is there:
//! a key that was renamed is never gone before its new name is written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use jasm_providers::reference::Kind;
use jasm_providers::sink::{
    Fingerprint, Fingerprints, Held, Holder, Origin, Owner, Put, Sink, WriteError,
};
use jasm_providers::{Error, ErrorKind, SecretBytes};
use tokio::sync::Barrier;
use tokio::time::Instant;

use super::crd::DeletionPolicy;
use super::names;
use super::plan::{self, Plan, Step, Wanted};

mod pace;
mod recent;

use pace::Pace;
pub use recent::Recent;

/// Entries that are written at once.
const AT_ONCE: usize = 8;
/// Steps that an entry can take: a new one that turns out to be there and to differ takes three.
const ROUNDS: usize = 8;
/// A list may take so many times as long as a call: it is many calls.
const LIST: u32 = 6;

/// What is to be done in one store.
pub struct Job<'a> {
    /// The store, as the identity that writes.
    pub sink: Arc<dyn Sink>,
    /// The store's name.
    pub store: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Whose entries these are.
    pub owner: &'a Owner,
    /// What tells values apart.
    pub fingerprints: &'a Fingerprints,
    /// The source's revision.
    pub revision: &'a str,
    /// What is in the source for this store.
    pub wanted: Vec<Wanted>,
    /// Names of what is in the source and is not to be written: it is not to be deleted either.
    pub keep: HashSet<String>,
    /// Whether an entry of this name may be in the source although it was not read.
    pub missed: &'a (dyn Fn(&str) -> bool + Send + Sync),
    /// What the object did of late; what this job does is added.
    pub recent: &'a Recent,
    /// Where it waits for the object's other store before it deletes.
    pub gate: &'a Gate,
    /// What becomes of what is in the source no more.
    pub deletion: DeletionPolicy,
    /// Whether the operator allows an entry of this name.
    pub allowed: &'a (dyn Fn(&str) -> bool + Send + Sync),
    /// How long one call may take.
    pub timeout: Duration,
    /// The key of fingerprints is of this run alone: who has the lasting one finds its marks as they were.
    pub passing: bool,
    /// Nothing is written: what would be is told.
    pub dry: bool,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("store", &self.store)
            .field("wanted", &self.wanted.len())
            .finish_non_exhaustive()
    }
}

/// What became of an entry, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Made anew.
    Created,
    /// Given a new version.
    Updated,
    /// As it was.
    Unchanged,
    /// In the source no more: deleted.
    Deleted,
    /// In the source no more: kept.
    Retained,
    /// Not written, or not deleted.
    Failed(Failed),
}

impl Fate {
    /// The word for it in metrics and reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Retained => "retained",
            Self::Failed(_) => "failed",
        }
    }
}

/// Why an entry is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// One word.
    pub reason: &'static str,
    /// One sentence without values.
    pub message: String,
}

/// What became of one store's entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By name, sorted.
    pub entries: Vec<(String, Fate)>,
    /// Nothing was deleted, since nothing at all is left in the source for this store.
    pub guarded: bool,
}

/// Where the jobs of one object's stores wait for each other before they delete: what moved to the other
/// store is not gone before it is there.
#[derive(Debug)]
pub struct Gate {
    jobs: Barrier,
    whole: AtomicBool,
}

impl Gate {
    /// For so many jobs, which all have to be run at once; `whole` is false if an entry failed already.
    #[must_use]
    pub fn new(jobs: usize, whole: bool) -> Self {
        Self {
            jobs: Barrier::new(jobs),
            whole: AtomicBool::new(whole),
        }
    }

    /// Whether every entry of all jobs is as it should be; waits until each has said so of its own.
    async fn pass(&self, whole: bool) -> bool {
        self.whole.fetch_and(whole, Ordering::SeqCst);
        self.jobs.wait().await;
        self.whole.load(Ordering::SeqCst)
    }
}

/// Does a job.
///
/// # Errors
/// The store cannot be asked what it holds; nothing is written then.
pub async fn run(job: Job<'_>) -> Result<Report, Error> {
    let deadline = Instant::now() + job.timeout * LIST;
    let listed = async {
        let held = job.sink.held(job.owner, deadline).await?;
        let (sink, recent) = (&*job.sink, job.recent);
        recent
            .settle(job.store, held, sink, job.owner, job.timeout)
            .await
    };
    let held = match listed.await {
        Ok(held) => held,
        Err(error) => {
            job.gate.pass(false).await;
            return Err(error);
        }
    };
    let (mut wanted, refused): (Vec<_>, Vec<_>) =
        { job.wanted.iter().cloned() }.partition(|wanted| (job.allowed)(&wanted.name));
    let refused: Vec<(String, Fate)> = refused
        .into_iter()
        .map(|wanted| {
            let fate = Fate::Failed(job.not_allowed(&wanted.name));
            (wanted.name, fate)
        })
        .collect();
    // What may not be written any more is still in the source: it is nothing to delete.
    let fold = |name: &str| names::folded(job.kind, name);
    let stays: HashSet<String> = { refused.iter().map(|(name, _)| name) }
        .chain(&job.keep)
        .map(|name| fold(name))
        .collect();
    let held: Vec<Held> = { held.into_iter() }
        .filter(|held| !stays.contains(&fold(&held.name)))
        .collect();
    let renamed = as_held(&mut wanted, &held, fold);
    // What is there and cannot be written is no empty source, and no reason to delete the rest.
    let nothing_left = wanted.is_empty() && !(refused.is_empty() && job.keep.is_empty());
    let Plan {
        steps,
        delete,
        retain,
        guarded,
    } = plan::plan(wanted, held, job.fingerprints, job.deletion);
    let pace = Pace::default();
    let mut entries: Vec<(String, Fate)> = futures::stream::iter(steps)
        .map(|(wanted, fingerprint, step)| job.settle(wanted, fingerprint, step, &pace))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for (name, _) in &mut entries {
        if let Some(wanted) = renamed.get(name) {
            name.clone_from(wanted);
        }
    }
    entries.extend(refused);
    let whole = !entries
        .iter()
        .any(|(_, fate)| matches!(fate, Fate::Failed(_)));
    let whole = job.gate.pass(whole).await;
    let (delete, kept) = if whole {
        (delete, Vec::new())
    } else {
        (Vec::new(), delete)
    };
    let (missed, delete): (Vec<_>, Vec<_>) =
        { delete.into_iter() }.partition(|held| (job.missed)(&held.name));
    // What was allowed once may be no more: nothing is taken away without a rule either.
    let (delete, forbidden): (Vec<_>, Vec<_>) =
        { delete.into_iter() }.partition(|held| (job.allowed)(&held.name));
    entries.extend(forbidden.into_iter().map(|held| {
        let fate = Fate::Failed(job.not_deletable(&held.name));
        (held.name, fate)
    }));
    let deleted: Vec<_> = futures::stream::iter(delete)
        .map(|held| job.delete(held, &pace))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    entries.extend(deleted);
    let retained = retain.into_iter().chain(kept).chain(missed);
    entries.extend(retained.map(|held| (held.name, Fate::Retained)));
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Report {
        entries,
        guarded: guarded && !nothing_left,
    })
}

/// Calls what is wanted as it is called where it is held, if the store takes both names for one; what it was
/// called, by its new name.
fn as_held(
    wanted: &mut [Wanted],
    held: &[Held],
    fold: impl Fn(&str) -> String,
) -> HashMap<String, String> {
    let held: HashMap<String, &str> = { held.iter() }
        .map(|held| (fold(&held.name), held.name.as_str()))
        .collect();
    let mut renamed = HashMap::new();
    for wanted in wanted {
        let there = held.get(&fold(&wanted.name));
        if let Some(there) = there.filter(|there| **there != wanted.name) {
            let name = std::mem::replace(&mut wanted.name, (*there).to_owned());
            renamed.insert((*there).to_owned(), name);
        }
    }
    renamed
}

/// Deletes entries; how many those were.
///
/// # Errors
/// The first that was not deleted; the others were tried.
pub async fn delete_all(
    sink: &dyn Sink,
    owner: &Owner,
    held: Vec<Held>,
    timeout: Duration,
) -> Result<usize, Error> {
    let pace = &Pace::default();
    let answers: Vec<_> = futures::stream::iter(held)
        .map(|held| async move {
            pace.call(|| sink.delete(&held, owner, Instant::now() + timeout))
                .await
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut deleted = 0;
    for answer in answers {
        match answer {
            Ok(()) => deleted += 1,
            // Gone, or somebody else's by now.
            Err(WriteError::Exists | WriteError::Changed) => {}
            Err(WriteError::Failed(error)) if error.kind == ErrorKind::NotFound => {}
            Err(WriteError::Failed(error)) => return Err(error),
        }
    }
    Ok(deleted)
}

impl Job<'_> {
    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    async fn settle(
        &self,
        wanted: Wanted,
        fingerprint: Fingerprint,
        step: Step,
        pace: &Pace,
    ) -> (String, Fate) {
        let name = wanted.name;
        let put = Put {
            name: name.clone(),
            value: wanted.value,
            fingerprint,
            origin: Origin {
                revision: self.revision.to_owned(),
                file: wanted.file,
            },
        };
        let fate = match self.bring(&put, step, pace).await {
            Ok(fate) => fate,
            Err(failed) => Fate::Failed(failed),
        };
        (name, fate)
    }

    /// Brings one entry to its value, however often somebody else changes it meanwhile.
    async fn bring(&self, put: &Put, mut step: Step, pace: &Pace) -> Result<Fate, Failed> {
        for _ in 0..ROUNDS {
            let (fate, written) = match step {
                Step::Keep => {
                    self.recent.found(self.store, &put.name, &put.fingerprint);
                    return Ok(Fate::Unchanged);
                }
                Step::Compare(held) => {
                    step = self.compared(held, put, pace).await?;
                    continue;
                }
                Step::Create if self.dry => match self.look(put, pace).await? {
                    None => return Ok(Fate::Created),
                    Some(held) => {
                        step = Step::Compare(held);
                        continue;
                    }
                },
                Step::Update(_) if self.dry => return Ok(Fate::Updated),
                Step::Create => {
                    let create = || self.sink.create(put, self.owner, self.deadline());
                    (Fate::Created, pace.call(create).await)
                }
                Step::Update(held) => {
                    let update = || self.sink.update(&held, put, self.owner, self.deadline());
                    (Fate::Updated, pace.call(update).await)
                }
            };
            match written {
                Ok(()) => {
                    self.recent.wrote(self.store, &put.name, &put.fingerprint);
                    return Ok(fate);
                }
                Err(WriteError::Failed(error)) => return Err(self.failed(&error)),
                Err(WriteError::Exists | WriteError::Changed) => {
                    step = match self.look(put, pace).await? {
                        None => Step::Create,
                        Some(held) => Step::Compare(held),
                    };
                }
            }
        }
        Err(Failed {
            reason: "Changing",
            message: format!(
                "somebody else keeps changing the entry {} of the store \"{}\": find out who",
                put.name, self.store
            ),
        })
    }

    /// Whether an entry of ours has the value: by its digest, else by reading it once.
    async fn compared(&self, held: Held, put: &Put, pace: &Pace) -> Result<Step, Failed> {
        if held.fingerprint.as_ref() == Some(&put.fingerprint) {
            return Ok(Step::Keep);
        }
        let told = held
            .fingerprint
            .as_ref()
            .is_some_and(|other| self.fingerprints.made(other));
        let same = match &held.value {
            Some(value) => *value == put.value,
            None if told => false,
            None => self.read(&held, pace).await? == put.value,
        };
        if !same {
            return Ok(Step::Update(held));
        }
        if !self.dry && !self.passing && held.value.is_none() {
            let marked = pace.call(|| self.sink.remark(&held, put, self.owner, self.deadline()));
            match marked.await {
                // The value is right; without the mark it is read again the next time.
                Ok(()) | Err(WriteError::Exists | WriteError::Changed) => {}
                Err(WriteError::Failed(error)) => return Err(self.failed(&error)),
            }
        }
        Ok(Step::Keep)
    }

    async fn read(&self, held: &Held, pace: &Pace) -> Result<SecretBytes, Failed> {
        let read = || async {
            let mut values = self.sink.read(&[held.name.as_str()], self.deadline()).await;
            values
                .pop()
                .unwrap_or_else(|| {
                    Err(Error::new(
                        ErrorKind::Integrity,
                        "the store's answer says nothing about this entry",
                    ))
                })
                .map_err(WriteError::Failed)
        };
        match pace.call(read).await {
            Ok(value) => Ok(value),
            Err(WriteError::Failed(error)) => Err(self.failed(&error)),
            Err(other) => Err(self.failed(&Error::new(ErrorKind::Integrity, other.to_string()))),
        }
    }

    /// What there is under the name, if it is ours; brought back, if it was deleted.
    async fn look(&self, put: &Put, pace: &Pace) -> Result<Option<Held>, Failed> {
        for _ in 0..ROUNDS {
            let holder = || async {
                let holder = self.sink.holder(&put.name, self.owner, self.deadline());
                holder.await.map_err(WriteError::Failed)
            };
            let holder = match pace.call(holder).await {
                Ok(holder) => holder,
                Err(WriteError::Failed(error)) => return Err(self.failed(&error)),
                Err(other) => {
                    let error = Error::new(ErrorKind::Integrity, other.to_string());
                    return Err(self.failed(&error));
                }
            };
            match holder {
                Holder::Nobody => return Ok(None),
                Holder::Owner(held) => return Ok(Some(held)),
                Holder::Other(owner) => return Err(self.not_ours(&put.name, owner.as_ref(), "")),
                Holder::DeletedOther => {
                    return Err(self.not_ours(&put.name, None, "deleted, but not yet gone, and "));
                }
                Holder::Deleted if self.dry => return Ok(None),
                Holder::Deleted => {
                    let restored = pace.call(|| self.sink.restore(&put.name, self.deadline()));
                    match restored.await {
                        Ok(()) | Err(WriteError::Exists | WriteError::Changed) => {}
                        Err(WriteError::Failed(error)) => return Err(self.failed(&error)),
                    }
                }
            }
        }
        Err(Failed {
            reason: "StoreUnavailable",
            message: format!(
                "the deleted entry {} of the store \"{}\" is not back yet: it is tried again",
                put.name, self.store
            ),
        })
    }

    async fn delete(&self, held: Held, pace: &Pace) -> (String, Fate) {
        let name = held.name.clone();
        if self.dry {
            return (name, Fate::Deleted);
        }
        let deleted = pace.call(|| self.sink.delete(&held, self.owner, self.deadline()));
        let fate = match deleted.await {
            Ok(()) => Fate::Deleted,
            // It is somebody else's by now.
            Err(WriteError::Exists | WriteError::Changed) => Fate::Retained,
            Err(WriteError::Failed(error)) if error.kind == ErrorKind::NotFound => Fate::Deleted,
            Err(WriteError::Failed(error)) => Fate::Failed(self.failed(&error)),
        };
        if fate == Fate::Deleted {
            self.recent.deleted(self.store, &name);
        }
        (name, fate)
    }

    fn failed(&self, error: &Error) -> Failed {
        let reason = match error.kind {
            ErrorKind::Denied | ErrorKind::Unauthenticated => "StoreDenied",
            ErrorKind::TooLarge => "TooLarge",
            ErrorKind::Throttled { .. } | ErrorKind::Unavailable => "StoreUnavailable",
            _ => "StoreRefused",
        };
        Failed {
            reason,
            message: format!("the store \"{}\": {error}", self.store),
        }
    }

    fn not_ours(&self, name: &str, owner: Option<&Owner>, how: &str) -> Failed {
        let whose = match owner {
            Some(owner) => format!("belongs to {owner}"),
            None => "was not written by JASM".to_owned(),
        };
        Failed {
            reason: "NotOwned",
            message: format!(
                "the entry {name} of the store \"{}\" is {how}not this object's, it {whose}, and is left alone: rename \
                 the key, or remove the entry",
                self.store
            ),
        }
    }

    fn not_deletable(&self, name: &str) -> Failed {
        Failed {
            reason: "AccessDenied",
            message: format!(
                "{name} is in the source no more, and no rule in allowWrite of the store \"{}\" lets this namespace and \
                 identity delete it: ask whoever runs JASM, or set deletionPolicy: Retain",
                self.store
            ),
        }
    }

    fn not_allowed(&self, name: &str) -> Failed {
        Failed {
            reason: "AccessDenied",
            message: format!(
                "no rule in allowWrite of the store \"{}\" lets this namespace and identity write {name}: ask whoever \
                 runs JASM",
                self.store
            ),
        }
    }
}

#[cfg(test)]
mod tests;
