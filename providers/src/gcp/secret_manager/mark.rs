//! The mark on a secret: labels for the list's filter, annotations for everything else. Pure.
//!
//! A version cannot be added under a condition, and adding it is not idempotent. So it is announced first:
//! the annotations name the value and the number that its version will have, under the secret's etag.
//! Whoever comes after a crash sees the announcement, looks whether that number is there, and by number a
//! version is read as it is, without delay. When the version is there the annotations say so.
//! <https://cloud.google.com/secret-manager/docs/etags>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::sink::{Fingerprint, Origin, Owner, Put};

const MANAGED: (&str, &str) = ("managed-by", "jasm");
/// The label that the list is filtered by.
pub(super) const DIGEST: &str = "jasm-owner";
const OWNER: &str = "jasm-owner";
const FINGERPRINT: &str = "jasm-fingerprint";
const PENDING: &str = "jasm-pending";
const VERSION: &str = "jasm-version";
const REVISION: &str = "jasm-revision";
const FILE: &str = "jasm-file";

/// The words of a secret, by name.
pub(super) type Words = BTreeMap<String, String>;

/// Labels and annotations that are not the mark's.
pub(super) type Others = (Words, Words);

/// A `Secret`, as much as is needed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Secret {
    #[serde(default)]
    name: String,
    #[serde(default)]
    labels: Words,
    #[serde(default)]
    annotations: Words,
    #[serde(default)]
    pub(super) etag: String,
}

/// How far a write has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// The version of this number has the value.
    Settled(Fingerprint, u64),
    /// The version of this number is being added.
    Pending(Fingerprint, u64),
}

impl Secret {
    /// The secret's id.
    pub(super) fn id(&self) -> Option<&str> {
        self.name.rsplit_once("/secrets/").map(|(_, id)| id)
    }

    /// Whose it is: what both the label and the annotation say.
    pub(super) fn owner(&self) -> Option<Owner> {
        let owner = Owner::parse(self.annotations.get(OWNER)?)?;
        let labelled = self.labels.get(MANAGED.0).is_some_and(|it| it == MANAGED.1)
            && self.labels.get(DIGEST) == Some(&owner.digest());
        labelled.then_some(owner)
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        let fingerprint = |name: &str| Fingerprint::parse(self.annotations.get(name)?);
        let number = self.annotations.get(VERSION)?.parse().ok()?;
        match fingerprint(PENDING) {
            Some(pending) => Some(Progress::Pending(pending, number)),
            None => Some(Progress::Settled(fingerprint(FINGERPRINT)?, number)),
        }
    }

    /// What others wrote on it.
    pub(super) fn others(&self) -> Others {
        let mut others = (self.labels.clone(), self.annotations.clone());
        others
            .0
            .retain(|name, _| name != MANAGED.0 && name != DIGEST);
        let ours = [OWNER, FINGERPRINT, PENDING, VERSION, REVISION, FILE];
        others.1.retain(|name, _| !ours.contains(&name.as_str()));
        others
    }
}

/// Labels and annotations as they shall be.
pub(super) fn written(progress: &Progress, origin: &Origin, owner: &Owner, others: Others) -> Json {
    let (mut labels, mut annotations) = others;
    let mut label = |name: &str, value: String| labels.insert(name.to_owned(), value);
    label(MANAGED.0, MANAGED.1.to_owned());
    label(DIGEST, owner.digest());
    let (name, fingerprint, number) = match progress {
        Progress::Settled(fingerprint, number) => (FINGERPRINT, fingerprint, number),
        Progress::Pending(fingerprint, number) => (PENDING, fingerprint, number),
    };
    let words = [
        (OWNER, owner.to_string()),
        (name, fingerprint.as_str().to_owned()),
        (VERSION, number.to_string()),
        (REVISION, origin.revision.clone()),
        (FILE, origin.file.clone()),
    ];
    for (name, value) in words {
        annotations.insert(name.to_owned(), value);
    }
    json!({"labels": labels, "annotations": annotations})
}

impl Progress {
    pub(super) fn settled(put: &Put, number: u64) -> Self {
        Self::Settled(put.fingerprint.clone(), number)
    }

    pub(super) fn pending(put: &Put, number: u64) -> Self {
        Self::Pending(put.fingerprint.clone(), number)
    }

    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Settled(_, number) | Self::Pending(_, number) => *number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretBytes;
    use crate::sink::Fingerprints;

    #[test]
    fn a_mark_reads_back_and_leaves_what_others_wrote() {
        let owner = Owner {
            cluster: "prod".into(),
            namespace: "shop".into(),
            name: "config".into(),
        };
        let value = SecretBytes::from("v".to_owned());
        let key = SecretBytes::new(vec![1; 32]);
        let put = Put {
            name: "a".into(),
            fingerprint: Fingerprints::new(&key).unwrap().of("a", &value),
            value,
            origin: Origin {
                revision: "main@sha1:ab".into(),
                file: "app.env".into(),
            },
        };
        let word = |text: &str| BTreeMap::from([(text.to_owned(), "x".to_owned())]);
        let others = (word("team"), word("note"));
        for progress in [Progress::settled(&put, 3), Progress::pending(&put, 4)] {
            let written = written(&progress, &put.origin, &owner, others.clone());
            let mut secret: Secret = serde_json::from_value(written).unwrap();
            secret.name = "projects/1/secrets/a".into();
            assert_eq!(secret.id(), Some("a"));
            assert_eq!(secret.owner(), Some(owner.clone()));
            assert_eq!(secret.progress(), Some(progress));
            assert_eq!(secret.others(), others);
            // One of the two alone is no mark: labels are copied from one secret to another.
            secret.labels.insert(DIGEST.into(), "0".into());
            assert_eq!(secret.owner(), None);
        }
    }
}
