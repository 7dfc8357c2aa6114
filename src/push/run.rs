//! One object carried to its stores: for the controller and for the commands.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::future::join_all;
use jasm_providers::SecretBytes;
use jasm_providers::reference::Kind;
use jasm_providers::sink::{Fingerprints, Owner};
use jasm_sops::Keys;
use tokio::time::Instant;

use super::build;
use super::condition::{Problem, Reason};
use super::crd::{DeletionPolicy, SecretManagerConfigSpec};
use super::destination::{Destinations, destinations};
use super::entries::{Desired, Entry, Failed, Skipped};
use super::key_service::Services;
use super::layout::Gap;
use super::names::{self, Names};
use super::outcome::{Outcome, Tally};
use super::plan::Wanted;
use super::route::Destination;
use super::sinks::Sinks;
use super::source::Snapshot;
use super::write::{self, Gate, Job, Recent, Report};
use crate::configuration::Config;
use crate::policy;
use crate::settings::Store;

/// A message lists at most this many gaps of a source.
const GAPS: usize = 5;

/// The keys that an object names, by their names in its Secret.
pub type KeyData = BTreeMap<String, SecretBytes>;

/// What is carried.
#[derive(Debug)]
pub struct Push<'a> {
    /// The config in force.
    pub config: &'a Arc<Config>,
    /// Whose entries these are.
    pub owner: &'a Owner,
    /// What the object says.
    pub spec: &'a SecretManagerConfigSpec,
    /// What tells values apart.
    pub fingerprints: &'a Fingerprints,
    /// The key of `fingerprints` is of this run alone.
    pub passing: bool,
    /// Nothing is written: what would be is told.
    pub dry: bool,
    /// What there is to say where no key opens a file.
    pub lacking: Option<&'a str>,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    /// How it is told.
    pub outcome: Outcome,
    /// What became of each store's entries, by its name.
    pub stores: Vec<(String, Report)>,
    /// Something was written.
    pub wrote: bool,
    /// What else there is to say of the source's entries.
    pub details: Details,
}

/// What the files said, beside what became of it. Names of stores and entries, never a value.
#[derive(Debug, Default)]
pub struct Details {
    /// The file of each entry, by its store and name.
    pub files: BTreeMap<(String, String), String>,
    /// Entries without a value, each with its store.
    pub skipped: Vec<(String, Skipped)>,
    /// Entries that their store cannot have, each with its name.
    pub failed: Vec<(String, Failed)>,
    /// Stores that could not be asked what they hold, and why.
    pub unanswered: Vec<(String, String)>,
    /// What an author should know.
    pub warnings: Vec<String>,
}

impl Push<'_> {
    /// What the stores shall hold by the files of a source.
    ///
    /// # Errors
    /// What refuses the object as a whole.
    pub async fn read(&self, snapshot: Snapshot, keys: &KeyData) -> Result<Desired, Problem> {
        let to = self.destinations()?;
        self.build(&to, snapshot, keys).await
    }

    /// Brings the stores to what they shall hold by a revision of a source.
    ///
    /// # Errors
    /// What refuses the object as a whole, before anything is written.
    pub async fn write(
        &self,
        sinks: &mut Sinks,
        recent: &Recent,
        desired: Desired,
        revision: &str,
    ) -> Result<Done, Problem> {
        let to = self.destinations()?;
        self.carry(sinks, recent, &to, desired, revision).await
    }

    /// The stores that the object names.
    ///
    /// # Errors
    /// There is none, or the operator does not allow it.
    pub fn destinations(&self) -> Result<Destinations<'_>, Problem> {
        let Owner {
            namespace, name, ..
        } = self.owner;
        destinations(&self.config.settings.stores, namespace, name, self.spec)
    }

    async fn build(
        &self,
        to: &Destinations<'_>,
        snapshot: Snapshot,
        data: &KeyData,
    ) -> Result<Desired, Problem> {
        let mut keys = Keys::default();
        let named = |name: &str| name.ends_with(".agekey") || name.ends_with(".asc");
        for (name, content) in data.iter().filter(|(name, _)| named(name)) {
            keys.add(name, content.expose()).map_err(|error| {
                let message = format!("decryption.secretRef: {error}");
                Problem::new(Reason::DecryptionFailed, message)
            })?;
        }
        let token = data
            .get("sops.vault-token")
            .map(|token| SecretBytes::new(token.expose().trim_ascii().to_vec()));
        let namespace = &self.owner.namespace;
        let services = Services::new(self.config.clone(), namespace, to.write_as.clone(), token);
        let spec = self.spec.clone();
        let runtime = tokio::runtime::Handle::current();
        // Megabytes are decrypted and parsed in one go: not where everything else waits for it.
        let lacking = self.lacking.map(str::to_owned);
        let built = tokio::task::spawn_blocking(move || {
            let lacking = lacking.as_deref();
            runtime.block_on(build::build(snapshot, &spec, &keys, &services, lacking))
        });
        built.await.unwrap_or_else(|_| {
            let message = "the files could not be read: an error of JASM's own, which its log has";
            Err(Problem::new(Reason::FilesInvalid, message))
        })
    }

    async fn carry(
        &self,
        sinks: &mut Sinks,
        recent: &Recent,
        to: &Destinations<'_>,
        desired: Desired,
        revision: &str,
    ) -> Result<Done, Problem> {
        let Desired {
            secrets,
            configs,
            skipped,
            failed,
            warnings,
            gaps,
        } = desired;
        let none_failed = failed.is_empty();
        let store_of = |destination: Destination| match destination {
            Destination::Secrets => to.secrets,
            Destination::Configs => to.configs.unwrap_or(to.secrets),
        };
        let mut details = Details::default();
        let mut wanted: BTreeMap<&str, Vec<Wanted>> = BTreeMap::new();
        let mut kept: BTreeMap<&str, HashSet<String>> = BTreeMap::new();
        for (destination, entries) in [
            (Destination::Secrets, secrets),
            (Destination::Configs, configs),
        ] {
            let store = store_of(destination).name.as_str();
            let entries = entries.into_iter().map(|entry| {
                let Entry {
                    name,
                    value,
                    origin,
                    ..
                } = entry;
                let key = (store.to_owned(), name.clone());
                details.files.insert(key, origin.file.clone());
                Wanted {
                    name,
                    value,
                    file: origin.file,
                }
            });
            wanted.entry(store).or_default().extend(entries);
        }
        let mut tally = Tally::default();
        for entry in skipped {
            tally.skip(&entry.name);
            let store = store_of(entry.destination).name.as_str();
            kept.entry(store).or_default().insert(entry.name.clone());
            details.skipped.push((store.to_owned(), entry));
        }
        for entry in failed {
            let store = store_of(entry.destination).name.as_str();
            tally.fail(store, &entry.name, entry.reason, &entry.message);
            kept.entry(store).or_default().insert(entry.name.clone());
            details.failed.push((store.to_owned(), entry));
        }
        details.warnings = warnings;
        details.warnings.extend(self.told(&gaps));
        details
            .warnings
            .iter()
            .cloned()
            .for_each(|warning| tally.note(warning));

        let mut jobs = Vec::new();
        for store in to.all() {
            let allowed = self.allowed(store, to);
            let sink = self.sink(sinks, to, store)?;
            let name = store.name.as_str();
            jobs.push((
                name,
                store.backend.kind(),
                self.missed(&gaps, store.backend.kind()),
                sink,
                allowed,
                wanted.remove(name).unwrap_or_default(),
                kept.remove(name).unwrap_or_default(),
            ));
        }
        let timeout = self.config.settings.store_timeout;
        let gate = Gate::new(jobs.len(), none_failed);
        let gate = &gate;
        let runs = jobs.into_iter().map(
            |(store, kind, missed, sink, allowed, wanted, keep)| async move {
                let count = wanted.len();
                let job = Job {
                    sink,
                    store,
                    kind,
                    owner: self.owner,
                    fingerprints: self.fingerprints,
                    revision,
                    wanted,
                    keep,
                    missed: &missed,
                    recent,
                    gate,
                    deletion: self.spec.deletion_policy,
                    allowed: &allowed,
                    timeout,
                    passing: self.passing,
                    dry: self.dry,
                };
                (store.to_owned(), count, write::run(job).await)
            },
        );
        let mut stores = Vec::new();
        let mut refused = Vec::new();
        for (store, count, answer) in join_all(runs).await {
            match answer {
                Ok(report) => {
                    tally.add(&store, &report);
                    stores.push((store, report));
                }
                Err(error) => {
                    tally.unasked(count);
                    let why =
                        format!("the store \"{store}\" cannot be asked what it holds: {error}");
                    details.unanswered.push((store, why.clone()));
                    refused.push(why);
                }
            }
        }
        let wrote = tally.wrote();
        let mut outcome = tally.finish(revision);
        if !refused.is_empty() {
            outcome.reason = Reason::StoreFailed;
            outcome.message = refused.join("; ");
        }
        Ok(Done {
            outcome,
            stores,
            wrote,
            details,
        })
    }

    /// What keeps entries from being deleted, as notes.
    fn told(&self, gaps: &[Gap]) -> Vec<String> {
        let mut notes: Vec<_> = gaps.iter().take(GAPS).map(|gap| gap.why.clone()).collect();
        match gaps.len().saturating_sub(GAPS) {
            0 => {}
            more => notes.push(format!("and {more} more such gaps")),
        }
        if !gaps.is_empty() && self.spec.deletion_policy == DeletionPolicy::Delete {
            notes.push("as long as this is so, nothing that may be there is deleted".to_owned());
        }
        notes
    }

    /// What tells which entries of a store may be in the source although they were not read.
    fn missed(&self, gaps: &[Gap], kind: Kind) -> impl Fn(&str) -> bool + Send + Sync + use<> {
        let beginnings: Option<Vec<String>> = { gaps.iter() }
            .map(|gap| {
                let begin = Names::new(self.spec, gap.service.as_deref()?).beginning(kind)?;
                Some(names::folded(kind, &begin))
            })
            .collect();
        move |name: &str| {
            let name = names::folded(kind, name);
            // One that may have any name is one that may have this.
            beginnings
                .as_ref()
                .is_none_or(|all| all.iter().any(|begin| name.starts_with(begin.as_str())))
        }
    }

    /// Deletes everything that the object holds in its stores; how many entries that were.
    ///
    /// # Errors
    /// A store is not what the object may write to, or does not do it: what is left is tried again.
    pub async fn delete_all(&self, sinks: &mut Sinks, recent: &Recent) -> Result<usize, Problem> {
        let to = self.destinations()?;
        let timeout = self.config.settings.store_timeout;
        let mut deleted = 0;
        for store in to.all() {
            let sink = self.sink(sinks, &to, store)?;
            let failed = |error: jasm_providers::Error| {
                let message = format!(
                    "its entries in the store \"{}\" cannot be deleted: {error}",
                    store.name
                );
                Problem::new(Reason::StoreFailed, message)
            };
            let listed = sink.held(self.owner, Instant::now() + timeout * 6).await;
            let held = recent
                .settle(
                    &store.name,
                    listed.map_err(failed)?,
                    &*sink,
                    self.owner,
                    timeout,
                )
                .await
                .map_err(failed)?;
            let allowed = self.allowed(store, &to);
            if let Some(other) = held.iter().find(|held| !allowed(&held.name)) {
                let message = format!(
                    "no rule in allowWrite of the store \"{}\" lets it delete {}",
                    store.name, other.name
                );
                return Err(Problem::new(Reason::AccessDenied, message));
            }
            deleted += write::delete_all(&*sink, self.owner, held, timeout)
                .await
                .map_err(failed)?;
        }
        Ok(deleted)
    }

    fn allowed(
        &self,
        store: &Store,
        to: &Destinations<'_>,
    ) -> impl Fn(&str) -> bool + Send + Sync + use<> {
        let rules = store.allow_write.clone();
        let namespace = self.owner.namespace.clone();
        let identity = to.write_as.name().to_owned();
        move |name: &str| policy::may_write(&rules, &namespace, name, &identity)
    }

    fn sink(
        &self,
        sinks: &mut Sinks,
        to: &Destinations<'_>,
        store: &Store,
    ) -> Result<Arc<dyn jasm_providers::Sink>, Problem> {
        let unknown = || {
            let message = format!("the store \"{}\" is not in the config any more", store.name);
            Problem::new(Reason::StoreUnknown, message)
        };
        let connected = self.config.stores.get(&store.name).ok_or_else(unknown)?;
        let label = self
            .spec
            .configs
            .as_ref()
            .and_then(|configs| configs.label.as_deref());
        sinks.of(connected, &to.write_as, label).map_err(|error| {
            let message = format!("the store \"{}\": {error}", store.name);
            Problem::new(Reason::AccessDenied, message)
        })
    }
}
