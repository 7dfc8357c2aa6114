//! The mark on a parameter: labels, as there is nothing else. Pure.
//!
//! Who reads takes the newest version that is enabled. A version has the name that it is given, so that
//! making it is idempotent: the digest of its value and a number that grows, as a value that comes back is
//! another version. It is announced on the labels before it is made: else a value that is taken back between
//! a crash and the next run would be taken for unchanged, while the version is the newest one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::sink::{Fingerprint, Owner, Put};

const MANAGED: (&str, &str) = ("managed-by", "jasm");
/// For whoever filters; whose it is the three parts say.
const DIGEST: &str = "jasm-owner";
const CLUSTER: &str = "jasm-cluster";
const NAMESPACE: &str = "jasm-namespace";
const NAME: &str = "jasm-name";
const FINGERPRINT: &str = "jasm-fingerprint";
const PENDING: &str = "jasm-pending";
const NUMBER: &str = "jasm-number";
const VERSION: &str = "jasm-version";
const REVISION: &str = "jasm-revision";
const FILE: &str = "jasm-file";
const OURS: [&str; 11] = [
    MANAGED.0,
    DIGEST,
    CLUSTER,
    NAMESPACE,
    NAME,
    FINGERPRINT,
    PENDING,
    NUMBER,
    VERSION,
    REVISION,
    FILE,
];
/// Instead of a fingerprint, where the parameter is being deleted.
const DELETING: &str = "deleting";
/// Longest value of a label.
const LONGEST: usize = 63;

/// Labels by name.
pub(super) type Labels = BTreeMap<String, String>;

/// A `Parameter`, as much as is needed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Parameter {
    #[serde(default)]
    name: String,
    #[serde(default)]
    labels: Labels,
}

/// How far a write has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// The version of this name has the value.
    Settled {
        fingerprint: Fingerprint,
        number: u64,
        /// As a label holds it: in lower case.
        version: String,
    },
    /// The version of this value and number is being made.
    Pending {
        fingerprint: Fingerprint,
        number: u64,
    },
    /// Its versions are being deleted.
    Deleting { number: u64 },
}

impl Progress {
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Settled { number, .. }
            | Self::Pending { number, .. }
            | Self::Deleting { number } => *number,
        }
    }

    pub(super) fn pending(put: &Put, number: u64) -> Self {
        Self::Pending {
            fingerprint: put.fingerprint.clone(),
            number,
        }
    }

    pub(super) fn settled(put: &Put, number: u64, version: &str) -> Self {
        Self::Settled {
            fingerprint: put.fingerprint.clone(),
            number,
            version: version.to_ascii_lowercase(),
        }
    }

    /// A word for what a list has seen.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Settled { fingerprint, .. } => format!("settled-{}", fingerprint.as_str()),
            Self::Pending { fingerprint, .. } => format!("pending-{}", fingerprint.as_str()),
            Self::Deleting { .. } => DELETING.to_owned(),
        }
    }
}

/// The name of the version of a value: 63 characters at most.
pub(super) fn version(fingerprint: &Fingerprint, number: u64) -> String {
    format!("{}-{number}", fingerprint.as_str())
}

impl Parameter {
    /// The parameter's id.
    pub(super) fn id(&self) -> Option<&str> {
        self.name.rsplit_once("/parameters/").map(|(_, id)| id)
    }

    pub(super) fn owner(&self) -> Option<Owner> {
        let label = |name: &str| self.labels.get(name).cloned();
        let owner = Owner {
            cluster: label(CLUSTER)?,
            namespace: label(NAMESPACE)?,
            name: label(NAME)?,
        };
        let marked = label(MANAGED.0)? == MANAGED.1 && label(DIGEST)? == owner.digest();
        marked.then_some(owner)
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        let label = |name: &str| self.labels.get(name);
        let number = label(NUMBER)?.parse().ok()?;
        if let Some(pending) = label(PENDING) {
            return match pending.as_str() {
                DELETING => Some(Progress::Deleting { number }),
                text => Fingerprint::parse(text).map(|fingerprint| Progress::Pending {
                    fingerprint,
                    number,
                }),
            };
        }
        Some(Progress::Settled {
            fingerprint: Fingerprint::parse(label(FINGERPRINT)?)?,
            number,
            version: label(VERSION)?.clone(),
        })
    }

    /// The labels as they shall be; those of others stay.
    pub(super) fn marked(&self, progress: &Progress, origin: Origin<'_>, owner: &Owner) -> Json {
        let others = self.labels.iter();
        let mut labels: Labels = others
            .filter(|(name, _)| !OURS.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut label = |name: &str, value: String| labels.insert(name.to_owned(), value);
        label(MANAGED.0, MANAGED.1.to_owned());
        label(DIGEST, owner.digest());
        label(CLUSTER, owner.cluster.clone());
        label(NAMESPACE, owner.namespace.clone());
        label(NAME, owner.name.clone());
        label(NUMBER, progress.number().to_string());
        match progress {
            Progress::Settled {
                fingerprint,
                version,
                ..
            } => {
                label(FINGERPRINT, fingerprint.as_str().to_owned());
                label(VERSION, version.clone());
            }
            Progress::Pending { fingerprint, .. } => {
                label(PENDING, fingerprint.as_str().to_owned());
            }
            Progress::Deleting { .. } => {
                label(PENDING, DELETING.to_owned());
            }
        }
        match origin {
            Origin::New(origin) => {
                label(REVISION, escaped(&origin.revision));
                label(FILE, escaped(&origin.file));
            }
            Origin::Same => {
                for name in [REVISION, FILE] {
                    if let Some(value) = self.labels.get(name) {
                        label(name, value.clone());
                    }
                }
            }
        }
        json!({"labels": labels})
    }
}

/// Which origin stands on a parameter after a write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    New(&'a crate::sink::Origin),
    /// The one that stands there.
    Same,
}

/// A text as a label holds it: what is no lower-case letter, digit or `-` becomes `_` and two digits; of
/// one that is too long, the end, which tells more of a path and of a revision.
fn escaped(text: &str) -> String {
    let parts: Vec<String> = text
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            byte => format!("_{byte:02x}"),
        })
        .collect();
    let (mut from, mut length) = (parts.len(), 0);
    while from > 0 && length + parts[from - 1].len() <= LONGEST {
        from -= 1;
        length += parts[from].len();
    }
    parts[from..].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretBytes;
    use crate::sink::{self, Fingerprints};

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
            origin: sink::Origin {
                revision: "main@sha1:ab".into(),
                file: "profiles/dev/application.properties".into(),
            },
        };
        let mut parameter = Parameter {
            name: "projects/1/locations/global/parameters/a".into(),
            labels: BTreeMap::from([("team".to_owned(), "x".to_owned())]),
        };
        assert_eq!((parameter.owner(), parameter.progress()), (None, None));
        let id = version(&put.fingerprint, u64::from(u32::MAX));
        assert!(id.len() <= 63, "{id}");
        for progress in [
            Progress::pending(&put, 1),
            Progress::settled(&put, 1, &version(&put.fingerprint, 1)),
            Progress::Deleting { number: 1 },
        ] {
            let origin = Origin::New(&put.origin);
            let marked = parameter.marked(&progress, origin, &owner);
            let labels: Parameter = serde_json::from_value(marked).unwrap();
            parameter.labels = labels.labels;
            assert_eq!(parameter.id(), Some("a"));
            assert_eq!(parameter.owner(), Some(owner.clone()));
            assert_eq!(parameter.progress(), Some(progress));
            assert_eq!(parameter.labels["team"], "x");
            assert_eq!(parameter.labels[REVISION], "main_40sha1_3aab");
            assert!(
                parameter
                    .labels
                    .values()
                    .all(|value| value.len() <= LONGEST)
            );
        }
        let same = parameter.marked(&Progress::pending(&put, 2), Origin::Same, &owner);
        assert_eq!(same["labels"][REVISION], "main_40sha1_3aab");
    }

    #[test]
    fn a_long_text_keeps_its_end_whole() {
        assert_eq!(escaped("a/B_c"), "a_2f_42_5fc");
        let long = format!("{}/application.env", "a".repeat(80));
        let short = escaped(&long);
        assert!(short.len() <= LONGEST && short.ends_with("a_2fapplication_2eenv"));
        // No escape is cut in two.
        assert_eq!(escaped(&"/".repeat(40)).len(), 63);
        assert_eq!(escaped(&format!("/{}", "a".repeat(62))), "a".repeat(62));
    }
}
