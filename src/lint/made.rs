//! What the annotations of one workload make.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Place;
use crate::manifests::Workload;
use crate::pull::request::{ObjectKind, Request, Take};

/// Everything that one workload's annotations make.
#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) workload: &'a Workload,
    /// Its own, or the one that is said for those that name none.
    pub(super) namespace: Option<&'a str>,
    pub(super) objects: BTreeMap<(ObjectKind, String), Object>,
    /// Every annotation could be understood: what is not made is not asked for either.
    pub(super) sound: bool,
}

/// One object with what goes into it.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) asked: Vec<Asked>,
}

/// One request and where in the file it is written.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) object: Place,
    pub(super) store: Place,
    pub(super) path: Place,
}

/// Where a value goes: a data key, or a key within a file.
pub(super) type Slot = (Option<String>, String);

impl Object {
    /// The data keys that it surely has and no others; none where a payload decides.
    pub(super) fn keys(&self) -> Option<BTreeSet<&str>> {
        let mut keys = BTreeSet::new();
        for asked in &self.asked {
            match (&asked.request.file, &asked.request.take) {
                (Some(file), _) => {
                    keys.insert(file.name.as_str());
                }
                (None, Take::Keys(map)) => keys.extend(map.keys().map(String::as_str)),
                (None, Take::Whole(key)) => {
                    keys.insert(key.as_str());
                }
                (None, Take::All) => return None,
            }
        }
        Some(keys)
    }

    /// The place where it is asked for first.
    pub(super) fn place(&self) -> Option<Place> {
        self.asked.iter().map(|asked| asked.object).min()
    }
}

impl Asked {
    /// What it surely puts where, and where that comes from.
    pub(super) fn slots(&self) -> Vec<(Slot, String)> {
        let origin = &self.request.origin;
        let file = || self.request.file.as_ref().map(|file| file.name.clone());
        match &self.request.take {
            Take::All => Vec::new(),
            Take::Whole(key) => vec![((file(), key.clone()), origin.to_string())],
            Take::Keys(keys) => keys
                .iter()
                .map(|(key, source)| ((file(), key.clone()), format!("{origin}#{source}")))
                .collect(),
        }
    }
}

impl Made<'_> {
    /// True if both may be in one namespace.
    pub(super) fn near(&self, namespace: Option<&str>) -> bool {
        match (self.namespace, namespace) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}
