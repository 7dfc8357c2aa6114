//! From the files of a source to what the stores shall hold: decrypt what is used, build the kustomization,
//! parse, route, name.
//!
//! Only files that are read are decrypted: a repository holds those of other environments too, whose keys
//! the object has not, and nobody is asked for them.

use std::collections::BTreeSet;

use jasm_providers::SecretBytes;
use jasm_sops::{KeyService, Keys};

use super::condition::{Problem, Reason};
use super::crd::SecretManagerConfigSpec;
use super::entries::{self, Built, Desired};
use super::kustomize::{self, Kind};
use super::layout::{self, Service};
use super::source::Snapshot;
use super::source::files::Wanted;

/// Rounds of decrypting what a kustomization reads: each file that is decrypted may name others.
const ROUNDS: usize = 32;

/// The files of a source that an object can read.
#[must_use]
pub fn wanted(spec: &SecretManagerConfigSpec) -> Wanted {
    match (&spec.secrets.kustomize_path, &spec.secrets.base_path) {
        // A kustomization may lead anywhere in the source.
        (Some(_), _) | (None, None) => Wanted::everything(),
        (None, Some(base)) => match base.trim_matches(['/', '.']) {
            "" => Wanted::everything(),
            _ => Wanted::below([base.trim_end_matches('/').trim_start_matches("./")]),
        },
    }
}

/// What the stores shall hold; `lacking` is said where no key opens a file.
///
/// # Errors
/// What refuses the object as a whole, before anything is written.
pub async fn build(
    mut snapshot: Snapshot,
    spec: &SecretManagerConfigSpec,
    keys: &Keys,
    service: &dyn KeyService,
    lacking: Option<&str>,
) -> Result<Desired, Problem> {
    let keys = &Opening {
        keys,
        service,
        lacking,
    };
    let found = layout::find(&snapshot.tree, &snapshot.left_out, spec)
        .map_err(|problem| Problem::new(Reason::FilesInvalid, problem.to_string()))?;
    for service in &found.services {
        nothing_left_out(&snapshot, service)?;
    }
    let plain: BTreeSet<String> = { found.services.iter() }
        .flat_map(|service| service.files.iter().map(|file| service.path(file)))
        .collect();
    for path in &plain {
        decrypt(&mut snapshot, path, keys).await?;
    }
    let mut built = Built::default();
    if let Some(folder) = &found.kustomization {
        let mut done = plain;
        for _ in 0..ROUNDS {
            let read = kustomize::reads(&snapshot.tree, folder);
            let new: Vec<_> = read.difference(&done).cloned().collect();
            for path in &new {
                decrypt(&mut snapshot, path, keys).await?;
            }
            if new.is_empty() {
                break;
            }
            done.extend(new);
        }
        let objects = kustomize::build(&snapshot.tree, folder)
            .map_err(|error| refused(&snapshot, &done, &error))?;
        for object in objects {
            let name = match &object.namespace {
                Some(namespace) => format!("{namespace}/{}", object.name),
                None => object.name,
            };
            match object.kind {
                Kind::Secret => built.secrets.push((name, object.data)),
                Kind::ConfigMap => built.configs.push((name, object.data)),
            }
        }
    }
    entries::desired(&snapshot.tree, found, &built, spec).map_err(|problem| {
        let reason = match problem {
            entries::Problem::Collisions(_) => Reason::NameCollision,
            _ => Reason::FilesInvalid,
        };
        Problem::new(reason, problem.to_string())
    })
}

/// What opens files.
struct Opening<'a> {
    keys: &'a Keys,
    service: &'a dyn KeyService,
    /// What there is to say where no key does.
    lacking: Option<&'a str>,
}

impl Opening<'_> {
    fn refused(&self, path: &str, error: &jasm_sops::Error) -> Problem {
        let mut message = format!("{path}: {error}");
        if let (jasm_sops::Error::NoDataKey { .. }, Some(lacking)) = (error, self.lacking) {
            message.push_str("; ");
            message.push_str(lacking);
        }
        Problem::new(Reason::DecryptionFailed, message)
    }
}

/// Decrypts a file in place, if it is encrypted.
async fn decrypt(snapshot: &mut Snapshot, path: &str, with: &Opening<'_>) -> Result<(), Problem> {
    let Some(content) = snapshot.tree.get(path) else {
        return Ok(());
    };
    let Some(format) = jasm_sops::detect(path, content.expose()) else {
        return Ok(());
    };
    let decrypted = jasm_sops::decrypt(content.expose(), format, with.keys, with.service).await;
    let mut plain = decrypted.map_err(|error| with.refused(path, &error))?;
    // Its own buffer is zeroed where it is left; nothing is copied.
    let content = SecretBytes::new(std::mem::take(&mut *plain));
    snapshot
        .tree
        .insert(path, content)
        .map_err(|why| Problem::new(Reason::FilesInvalid, why))?;
    Ok(())
}

/// A file that is there and was not taken is not one that was removed.
fn nothing_left_out(snapshot: &Snapshot, service: &Service) -> Result<(), Problem> {
    for file in &service.files {
        let path = service.path(file);
        if let Some(left_out) = snapshot.left_out.get(&path) {
            let message = format!(
                "{path} is in the source and cannot be taken: {}",
                left_out.why
            );
            return Err(Problem::new(Reason::FilesInvalid, message));
        }
    }
    Ok(())
}

/// Why a kustomization is not built, with what was left out of its files.
fn refused(snapshot: &Snapshot, read: &BTreeSet<String>, error: &kustomize::Error) -> Problem {
    let reason = match error.reason {
        kustomize::Reason::Unsupported => Reason::UnsupportedKustomizeFeature,
        _ => Reason::FilesInvalid,
    };
    let missing = read.iter().find_map(|path| snapshot.why_left_out(path));
    let message = match missing {
        Some((path, why)) => format!("{error}; {path} was left out of the source: {why}"),
        None => error.to_string(),
    };
    Problem::new(reason, message)
}
