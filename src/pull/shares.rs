//! Which workload and revision asks what, and what each puts into the target. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::pull::condition::{Condition, Failure};
use crate::pull::fetch::Fetched;
use crate::pull::merge::{self, Share};
use crate::pull::plan::View;
use crate::pull::render;
use crate::pull::request::{Request, SecretType};
use crate::pull::workload::Workload;

/// What the makers of pods turned out to be.
pub type Makers = BTreeMap<String, Workload>;

/// Digest of who asks what, as noted on the object. While all pods ask the same it is what they
/// ask; else also in which order of revisions each workload asks it.
#[must_use]
pub fn digest(view: &View, makers: &Makers) -> String {
    if view.groups.len() == 1 {
        return crate::pull::digest(&view.groups.keys().collect::<Vec<_>>());
    }
    let mut asked: BTreeMap<String, BTreeSet<(i64, &str)>> = BTreeMap::new();
    for (canonical, group) in &view.groups {
        for workload in group.makers.keys().filter_map(|maker| makers.get(maker)) {
            asked
                .entry(workload.name())
                .or_default()
                .insert((workload.revision, canonical));
        }
    }
    // Each text once, where it stands newest: a rollout that changes nothing of it changes no digest.
    let ordered: BTreeMap<_, Vec<_>> = asked
        .into_iter()
        .map(|(name, asked)| {
            let mut newest_first = Vec::new();
            for (_, text) in asked.into_iter().rev() {
                if !newest_first.contains(&text) {
                    newest_first.push(text);
                }
            }
            (name, newest_first)
        })
        .collect();
    crate::pull::digest(&ordered)
}

/// What each revision of a workload asks, by the requests' canonical texts.
pub type Revisions = BTreeMap<i64, BTreeMap<String, Arc<Request>>>;

/// Every workload of the target with its revisions.
#[must_use]
pub fn by_workload(view: &View, makers: &Makers) -> Vec<(Workload, Revisions)> {
    let mut workloads: BTreeMap<String, (Workload, Revisions)> = BTreeMap::new();
    for group in view.groups.values() {
        for workload in group.makers.keys().filter_map(|maker| makers.get(maker)) {
            let (_, revisions) = workloads
                .entry(workload.name())
                .or_insert_with(|| (workload.clone(), Revisions::new()));
            let requests = revisions.entry(workload.revision).or_default();
            requests.extend(
                group
                    .wish
                    .requests
                    .iter()
                    .map(|request| (request.canonical(), request.clone())),
            );
        }
    }
    workloads.into_values().collect()
}

/// What each request came to, by its canonical text.
pub type FetchedRequests = BTreeMap<String, Result<(Fetched, Vec<render::Item>), Failure>>;

/// The shares of one workload, all or none: half of what it asks helps none of its pods.
///
/// # Errors
/// The first thing that is wrong with any of them.
pub fn shares(
    workload: &str,
    revisions: &Revisions,
    fetched: &FetchedRequests,
) -> Result<Vec<Share>, Failure> {
    let mut shares = Vec::new();
    for (revision, requests) in revisions {
        let mut items = Vec::new();
        let mut absent = false;
        let mut types = BTreeSet::new();
        for (canonical, request) in requests {
            types.insert(request.secret_type.as_str());
            match fetched.get(canonical) {
                Some(Ok((fetched, made))) => {
                    absent |= matches!(fetched.payload, render::Payload::Absent);
                    items.extend(made.iter().map(|item| (request.file.clone(), item.clone())));
                }
                Some(Err(failure)) => return Err(failure.clone()),
                None => {}
            }
        }
        if types.len() > 1 {
            let types: Vec<_> = types.into_iter().collect();
            let message = format!(
                "one Secret is asked for with the types {}: choose one",
                types.join(" and ")
            );
            return Err(Failure::new(Condition::Conflict, message));
        }
        merge::check_share(&items)?;
        let secret_type = requests
            .values()
            .next()
            .map_or(SecretType::Opaque, |request| request.secret_type);
        shares.push(Share {
            workload: workload.to_owned(),
            revision: *revision,
            secret_type,
            items,
            absent,
        });
    }
    Ok(shares)
}
