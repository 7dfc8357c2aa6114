//! From what is asked of a target to what the object shall be: the one way that the controller and
//! the commands share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use tokio::time::Instant;

use crate::pull::apply::Desired;
use crate::pull::condition::{Condition, Failure};
use crate::pull::fetch::{self, Fetched};
use crate::pull::merge::{self, Existing, Frozen, Share};
use crate::pull::plan::View;
use crate::pull::pod::Controller;
use crate::pull::render;
use crate::pull::request::{ObjectKind, Request, Target};
use crate::pull::shares::{self, FetchedRequests, Makers};
use crate::stores::Stores;

/// What failed, by workload; an empty name stands for all of them.
pub type Failures = Vec<(String, Failure)>;

/// All of a target's data as read, before the object that is there has its say.
#[derive(Debug)]
pub struct Made {
    /// What each revision of each workload puts in.
    pub shares: Vec<Share>,
    /// Workloads whose part could not be made.
    pub frozen: Frozen,
    /// Why.
    pub failures: Failures,
    /// Version tokens by `store:path`.
    pub versions: BTreeMap<String, String>,
    /// Begin of the oldest read in it; none if no store was asked.
    pub started: Option<Instant>,
    /// Digest of who asks what.
    pub digest: String,
    /// Owners to be; none for an object that outlives its workloads.
    pub owners: Vec<Controller>,
    /// Uids of the workloads that were served.
    pub workloads: BTreeSet<String>,
}

/// Binds, checks and reads every request of a target.
pub async fn fetch(
    target: &Target,
    view: &View,
    stores: &Stores,
    not_before: Instant,
) -> FetchedRequests {
    let fetches = requests(view)
        .into_iter()
        .map(|(canonical, request)| async move {
            let result = one(target, &request, stores, not_before).await;
            (canonical, result)
        });
    join_all(fetches).await.into_iter().collect()
}

fn requests(view: &View) -> BTreeMap<String, Arc<Request>> {
    view.groups
        .values()
        .flat_map(|group| &group.wish.requests)
        .map(|request| (request.canonical(), request.clone()))
        .collect()
}

/// One request's payload and items.
async fn one(
    target: &Target,
    request: &Request,
    stores: &Stores,
    not_before: Instant,
) -> Result<(Fetched, Vec<render::Item>), Failure> {
    let bound = fetch::bind(request, &target.namespace, stores)?;
    let fetched = bound.fetch(request, &target.namespace, not_before).await?;
    let items = render::items(request, &bound.label, &fetched.payload)
        .map_err(|message| Failure::new(Condition::Render, message))?;
    fetch::check_kind(target.kind, &bound, &items)?;
    Ok((fetched, items))
}

impl Made {
    /// Sorts what was fetched by workload and revision. `unknown` are the workloads that could not
    /// be told, with the reason.
    #[must_use]
    pub fn of(view: &View, makers: &Makers, unknown: Failures, fetched: FetchedRequests) -> Self {
        let mut made = Self {
            shares: Vec::new(),
            frozen: Frozen {
                workloads: unknown
                    .iter()
                    .map(|(workload, _)| workload.clone())
                    .collect(),
                files: BTreeSet::new(),
            },
            failures: unknown,
            versions: BTreeMap::new(),
            started: None,
            digest: shares::digest(view, makers),
            owners: Vec::new(),
            workloads: BTreeSet::new(),
        };
        let retained = requests(view).values().any(|request| request.retain);
        for (workload, revisions) in shares::by_workload(view, makers) {
            match shares::shares(&workload.name(), &revisions, &fetched) {
                Ok(mut shares) => {
                    made.shares.append(&mut shares);
                    made.workloads.insert(workload.owner.uid.clone());
                    if !retained {
                        made.owners.push(workload.owner.clone());
                    }
                }
                Err(failure) => {
                    let files = revisions
                        .values()
                        .flat_map(BTreeMap::values)
                        .filter_map(|request| request.file.as_ref());
                    made.frozen
                        .files
                        .extend(files.map(|file| file.name.clone()));
                    made.frozen.workloads.insert(workload.name());
                    made.failures.push((workload.name(), failure));
                }
            }
        }
        for (fetched, _) in fetched.into_values().flatten() {
            made.versions.extend(fetched.versions);
            made.started = [made.started, fetched.started].into_iter().flatten().min();
        }
        made
    }

    /// What the object shall be, given what is there; beside it the workloads that did not get
    /// their way.
    ///
    /// # Errors
    /// If the whole does not fit the object.
    pub fn desired(
        &self,
        kind: ObjectKind,
        frozen: &Frozen,
        existing: Option<&Existing>,
    ) -> Result<(Desired, Failures), Failure> {
        let merged = merge::merge(kind, self.shares.clone(), frozen, existing)?;
        let desired = Desired {
            data: merged.data,
            secret_type: merged.secret_type,
            holders: merged.holders,
            digest: self.digest.clone(),
            versions: self.versions.clone(),
            owners: self.owners.clone(),
        };
        Ok((desired, merged.conflicts))
    }
}
