//! How much one build may take, whatever its files say. Pure.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::problem::Problem;

/// Folders that are built, however often each.
const MAX_FOLDERS: usize = 1_000;
/// Bytes of files that are read, however often each, and of values that aliases and copies repeat.
const MAX_BYTES: usize = 32 << 20;
/// Pieces of YAML, aliases followed.
const MAX_NODES: usize = 300_000;
/// Resources in one build.
const MAX_RESOURCES: usize = 10_000;
/// Resources that are looked at, by all patches and generators together.
const MAX_LOOKS: usize = 20_000_000;
/// Kustomizations below one another.
pub(super) const MAX_DEPTH: usize = 32;

/// What is left.
pub(super) struct Budget {
    folders: Cell<usize>,
    bytes: Cell<usize>,
    nodes: Cell<usize>,
    looks: Cell<usize>,
    read: RefCell<BTreeSet<String>>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            folders: Cell::new(MAX_FOLDERS),
            bytes: Cell::new(MAX_BYTES),
            nodes: Cell::new(MAX_NODES),
            looks: Cell::new(MAX_LOOKS),
            read: RefCell::default(),
        }
    }

    /// Notes that a file was read.
    pub(super) fn read(&self, path: &str) {
        self.read.borrow_mut().insert(path.to_owned());
    }

    /// Every file that was read.
    pub(super) fn into_read(self) -> BTreeSet<String> {
        self.read.into_inner()
    }

    pub(super) fn folder(&self) -> Result<(), Problem> {
        take(&self.folders, 1, || {
            format!("the kustomization builds more than {MAX_FOLDERS} folders")
        })
    }

    pub(super) fn bytes(&self, count: usize) -> Result<(), Problem> {
        take(&self.bytes, count, || {
            format!("the kustomization reads more than {} MiB", MAX_BYTES >> 20)
        })
    }

    pub(super) fn nodes(&self, count: usize) -> Result<(), Problem> {
        take(&self.nodes, count, || {
            format!("the kustomization has more than {MAX_NODES} pieces of YAML, aliases followed")
        })
    }

    pub(super) fn looks(&self, count: usize) -> Result<(), Problem> {
        if count > MAX_RESOURCES {
            return Err(Problem::too_large(format!(
                "the kustomization has more than {MAX_RESOURCES} resources"
            )));
        }
        take(&self.looks, count, || {
            "the kustomization has too many patches and generators for its resources".to_owned()
        })
    }
}

fn take(left: &Cell<usize>, count: usize, message: impl Fn() -> String) -> Result<(), Problem> {
    match left.get().checked_sub(count) {
        Some(rest) => {
            left.set(rest);
            Ok(())
        }
        None => Err(Problem::too_large(message())),
    }
}
