//! From a request to its payload: store, path, policy, then the store's lane.

use std::sync::Arc;

use jasm_providers::{Entry, EntryRef, ErrorKind, Prefix};
use tokio::time::Instant;

use crate::pull::condition::{Condition, Failure, Retry};
use crate::pull::reference::{self, Reference, Resolved, patterns};
use crate::pull::render::Payload;
use crate::pull::request::{ObjectKind, Request};
use crate::stores::{Store, Stores};
use crate::yaml::clip;

/// A request whose store, path and right are settled; reading it is all that is left.
#[derive(Debug, Clone)]
pub struct Bound {
    /// `store:path` under the store's own name: equal for one origin only.
    pub label: String,
    what: Reference<Arc<Store>>,
}

/// What was read, and when the read began.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The payload.
    pub payload: Payload,
    /// Begin of the oldest read that it took; none for literals.
    pub started: Option<Instant>,
    /// Version tokens by `store:path`, to be noted on the object.
    pub versions: Vec<(String, String)>,
}

/// Settles store, path and right; no call is made.
///
/// # Errors
/// As [`reference::resolve`].
pub fn bind(request: &Request, namespace: &str, stores: &Stores) -> Result<Bound, Failure> {
    let Resolved { label, reference } = reference::resolve(request, Some(namespace), stores)?;
    Ok(Bound {
        label,
        what: reference,
    })
}

impl Bound {
    /// Reads it; a read of the lane that began at `not_before` or later will do.
    ///
    /// # Errors
    /// `FetchFailed`, or `AccessDenied` for a prefix below which something may not be read.
    pub async fn fetch(
        &self,
        request: &Request,
        namespace: &str,
        not_before: Instant,
    ) -> Result<Fetched, Failure> {
        let fetched = match &self.what {
            Reference::Literal(text) => Fetched {
                payload: Payload::Literal(text.clone()),
                started: None,
                versions: Vec::new(),
            },
            Reference::Entry(store, entry) => match self
                .entry(store, entry, request, namespace, not_before)
                .await
            {
                Ok((read, started)) => Fetched {
                    versions: vec![(self.label.clone(), read.version.0.clone())],
                    payload: Payload::Entry {
                        entry: read,
                        segment: entry.last_segment().to_owned(),
                    },
                    started: Some(started),
                },
                Err((error, started)) if request.optional && error.kind == ErrorKind::NotFound => {
                    Fetched {
                        payload: Payload::Absent,
                        started: Some(started),
                        versions: Vec::new(),
                    }
                }
                Err((error, _)) => {
                    return Err(self.failed(&error, request, namespace));
                }
            },
            Reference::Prefix(store, prefix) => {
                return self
                    .below(store, prefix, request, namespace, not_before)
                    .await;
            }
        };
        Ok(fetched)
    }

    /// Whether the operator lets secret values of its store go into ConfigMaps.
    #[must_use]
    pub fn configs(&self) -> bool {
        match &self.what {
            Reference::Entry(store, _) | Reference::Prefix(store, _) => store.settings.configs,
            Reference::Literal(_) => true,
        }
    }

    /// The store's error with what follows from it.
    fn failed(&self, error: &jasm_providers::Error, request: &Request, namespace: &str) -> Failure {
        let as_whom = match &self.what {
            Reference::Entry(store, _) | Reference::Prefix(store, _) => {
                store.as_whom(&request.read_as, namespace)
            }
            Reference::Literal(_) => String::new(),
        };
        let condition = Condition::Fetch(error.kind);
        let next = match condition.row().retry {
            Retry::OnChange => "",
            Retry::WhileWaiting => "; it is read again while a pod waits",
            Retry::Backoff(_) => "; it is read again",
        };
        Failure::new(condition, format!("{}{as_whom}: {error}{next}", self.label))
    }

    async fn entry(
        &self,
        store: &Store,
        entry: &EntryRef,
        request: &Request,
        namespace: &str,
        not_before: Instant,
    ) -> Result<(Entry, Instant), (jasm_providers::Error, Instant)> {
        let lane = store
            .lane(&request.read_as, namespace)
            .await
            .map_err(|error| {
                doubt(store, &error, request, namespace);
                (error, Instant::now())
            })?;
        let outcome = lane.read(entry, not_before).await;
        match &outcome.result {
            Ok(read) => Ok((read.clone(), outcome.started)),
            Err(error) => {
                doubt(store, error, request, namespace);
                Err((error.clone(), outcome.started))
            }
        }
    }

    async fn below(
        &self,
        store: &Arc<Store>,
        prefix: &Prefix,
        request: &Request,
        namespace: &str,
        not_before: Instant,
    ) -> Result<Fetched, Failure> {
        let label = &self.label;
        let failed = |error: &jasm_providers::Error| {
            doubt(store, error, request, namespace);
            self.failed(error, request, namespace)
        };
        let lane = store.lane(&request.read_as, namespace).await;
        let outcome = lane
            .map_err(|error| failed(&error))?
            .list(prefix, not_before)
            .await;
        let listed = outcome.result.as_ref().map_err(failed)?;
        // Everything is checked before the first value is asked for or used.
        if let Some(denied) = listed
            .iter()
            .find(|listed| !store.settings.lets(namespace, &listed.path))
        {
            let message = format!(
                "{}: {label} has {} below it, which the store \"{}\" does not let the namespace {namespace} read: \
                 a prefix is read whole or not at all; a rule {{namespaces: [\"{namespace}\"], paths: [{}]}} \
                 in its \"allow\" would let it",
                request.said_in,
                denied.path,
                store.settings.name,
                patterns(prefix)
            );
            return Err(Failure::new(Condition::PolicyRefused, message));
        }
        let reads = listed.iter().map(|listed| async {
            let relative = prefix
                .relative(&listed.path)
                .unwrap_or(&listed.path)
                .to_owned();
            match &listed.entry {
                Some(entry) => Ok((relative, entry.clone(), outcome.started)),
                None => {
                    let want = EntryRef {
                        path: listed.path.clone(),
                        version: None,
                    };
                    match self
                        .entry(store, &want, request, namespace, not_before)
                        .await
                    {
                        Ok((entry, started)) => Ok((relative, entry, started)),
                        Err((error, _)) => Err(failed(&error)),
                    }
                }
            }
        });
        let mut entries = Vec::new();
        let mut started = outcome.started;
        let mut versions = Vec::new();
        for read in futures::future::join_all(reads).await {
            let (relative, entry, began) = read?;
            started = started.min(began);
            versions.push((relative.clone(), entry.version.0.clone()));
            entries.push((relative, entry));
        }
        if entries.is_empty() {
            if request.optional {
                return Ok(Fetched {
                    payload: Payload::Absent,
                    started: Some(started),
                    versions: Vec::new(),
                });
            }
            return Err(Failure::new(
                Condition::Fetch(ErrorKind::NotFound),
                format!("{label}: there is no entry below it"),
            ));
        }
        versions.sort();
        // One line for thousands of entries: a digest of names and version tokens, none of it values.
        let digest = crate::pull::digest(&versions);
        Ok(Fetched {
            payload: Payload::Below(entries),
            started: Some(started),
            versions: vec![(
                label.clone(),
                format!("{} entries, {digest}", versions.len()),
            )],
        })
    }
}

/// What was refused may have been mended on the ServiceAccount: it is looked at again.
fn doubt(store: &Store, error: &jasm_providers::Error, request: &Request, namespace: &str) {
    if matches!(error.kind, ErrorKind::Denied | ErrorKind::Unauthenticated) {
        store.doubt(&request.read_as, namespace);
    }
}

/// Refuses a secret value in a ConfigMap.
///
/// # Errors
/// `AccessDenied`, naming the key and what the operator would have to say.
pub fn check_kind(
    kind: ObjectKind,
    bound: &Bound,
    items: &[crate::pull::render::Item],
) -> Result<(), Failure> {
    let secret = items.iter().find(|item| item.secret);
    match secret {
        Some(item) if kind == ObjectKind::ConfigMap && !bound.configs() => Err(Failure::new(
            Condition::SecretInConfigMap,
            format!(
                "\"{}\" from {} is a secret and does not go into a ConfigMap: use secret-sync, \
                 or let the operator say \"configs: true\" on the store",
                clip(&item.key),
                bound.label
            ),
        )),
        _ => Ok(()),
    }
}
