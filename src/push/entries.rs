//! From the files of a source to the entries of the stores. Pure.
//!
//! Nothing is half done that a retry would not finish: a file that cannot be read, or two keys that would
//! share a name, refuse the whole object before anything is written, as what is missing from the result
//! could be deleted from a store. What is wrong with one entry alone, a value that is too large or a name
//! that its store cannot have, fails that entry and no other. An empty value is named and skipped, as no
//! store takes it. Entries that failed or were skipped are in the source still: they are not to be
//! deleted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use jasm_providers::SecretBytes;

use crate::pull::render::files::quoted;
use crate::push::crd::{Configs, SecretManagerConfigSpec};
use crate::push::files::{self, Pair};
use crate::push::layout::{self, Found, Gap, Service, path_of};
use crate::push::limits;
use crate::push::names::{self, Names};
use crate::push::route::{self, Destination, Kinds, Shape};
use crate::push::tree::Tree;
use crate::yaml::clip;

/// A message lists at most this many problems.
const LISTED: usize = 5;

/// What a kustomization made: objects by name, each with its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// Its Secrets.
    pub secrets: Vec<(String, BTreeMap<String, SecretBytes>)>,
    /// Its ConfigMaps.
    pub configs: Vec<(String, BTreeMap<String, SecretBytes>)>,
}

/// Where an entry comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file, from the source's root; of what a kustomization made, its folder.
    pub file: String,
    /// The Secret or ConfigMap that a kustomization made.
    pub object: Option<String>,
    /// The line, from 1; none of a kustomization, and of a file that is one entry.
    pub line: Option<usize>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(object) = &self.object {
            write!(f, " ({object})")?;
        }
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

/// One entry as it shall be in its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as the store's kind has names.
    pub name: String,
    /// Its value: not empty, and within the store's limits.
    pub value: SecretBytes,
    /// Where it comes from.
    pub origin: Origin,
    /// The key in the file; of a file that is one entry, what its name is made of.
    pub key: String,
}

/// An entry with an empty value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The store that it would be in.
    pub destination: Destination,
    /// The name that it would have.
    pub name: String,
    /// The key in the file.
    pub key: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// An entry that its store cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The store that it would be in.
    pub destination: Destination,
    /// The name that it would have.
    pub name: String,
    /// The key in the file.
    pub key: String,
    /// Where it comes from.
    pub origin: Origin,
    /// One word for the cause: `NameInvalid`, `TooLarge`, `ValueInvalid`.
    pub reason: &'static str,
    /// One sentence with the origin and the name, never a value.
    pub message: String,
}

/// What the stores shall hold. Lists are sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Entries of the secret store.
    pub secrets: Vec<Entry>,
    /// Entries of the config store; none without `configs.enabled`.
    pub configs: Vec<Entry>,
    /// What has an empty value. Not to be written, and not to be deleted.
    pub skipped: Vec<Skipped>,
    /// What its store cannot have. Not to be written, and not to be deleted.
    pub failed: Vec<Failed>,
    /// What an author should know, one sentence each.
    pub warnings: Vec<String>,
    /// Where the source may have more entries than these.
    pub gaps: Vec<Gap>,
}

impl Desired {
    /// Bytes of memory that its entries take, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let entries = self.secrets.iter().chain(&self.configs);
        let sizes = entries.map(|entry| {
            let Entry {
                name,
                value,
                origin,
                key,
            } = entry;
            size_of::<Entry>() + name.len() + value.len() + origin.file.len() + key.len()
        });
        sizes.sum::<usize>() as u64
    }
}

/// Two keys whose entries would have one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The name.
    pub name: String,
    /// The first key.
    pub first: (String, Origin),
    /// The second key.
    pub second: (String, Origin),
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" of {} and \"{}\" of {} would both be the entry \"{}\"",
            clip(&self.first.0),
            self.first.1,
            clip(&self.second.0),
            self.second.1,
            self.name
        )
    }
}

/// Why there are no entries at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Files are not where they should be.
    Layout(layout::Problem),
    /// Files cannot be read: each with its first problem.
    Files(Vec<files::Problem>),
    /// Keys would share names.
    Collisions(Vec<Collision>),
    /// The files have no keys. An empty source never deletes what was written from a full one.
    Empty {
        /// The files and objects that were read.
        read: BTreeSet<String>,
    },
}

impl Problem {
    /// One word for it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Layout(layout::Problem::NoEnvironment { .. }) => "EnvironmentMissing",
            Self::Layout(
                layout::Problem::NoFiles { .. } | layout::Problem::NothingBuilt { .. },
            )
            | Self::Empty { .. } => "EnvironmentEmpty",
            Self::Layout(_) => "PathInvalid",
            Self::Files(_) => "FileInvalid",
            Self::Collisions(_) => "NameCollision",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(problem) => problem.fmt(f),
            Self::Files(problems) => f.write_str(&several(problems)),
            Self::Collisions(collisions) => write!(
                f,
                "{}: rename one of them, or keep one",
                several(collisions)
            ),
            Self::Empty { read } => write!(
                f,
                "there is no key in {}: to remove all entries, delete the object",
                several(read.iter().map(|path| path_of(path)))
            ),
        }
    }
}

impl std::error::Error for Problem {}

fn several<T: fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    let mut all: Vec<_> = all.into_iter().map(|one| one.to_string()).collect();
    let more = all.len().saturating_sub(LISTED);
    all.truncate(LISTED);
    let listed = all.join("; ");
    match more {
        0 => listed,
        more => format!("{listed}; and {more} more"),
    }
}

/// What the stores shall hold by a decrypted source and the files that are read of it, what a kustomization
/// made of it, and a spec.
///
/// # Errors
/// What concerns the object as a whole; nothing is to be written then.
pub fn desired(
    tree: &Tree,
    found: Found,
    built: &Built,
    spec: &SecretManagerConfigSpec,
) -> Result<Desired, Problem> {
    let mut gather = Gather {
        spec,
        kinds: Kinds::of(spec),
        candidates: Vec::new(),
        problems: Vec::new(),
        read: BTreeSet::new(),
        warnings: found.warnings,
        gaps: found.gaps,
    };
    for service in &found.services {
        gather.files(tree, service);
    }
    if let Some(folder) = &found.kustomization
        && let Some(service) = found.services.first()
    {
        gather.built(folder, service, built);
        if gather.read.is_empty() {
            return Err(Problem::Layout(layout::Problem::NothingBuilt {
                folder: folder.clone(),
                configs: !built.configs.is_empty(),
            }));
        }
    }
    gather.settings();
    gather.settle()
}

/// A key with its value on its way to a store.
struct Candidate<'a> {
    destination: Destination,
    service: &'a str,
    key: String,
    value: SecretBytes,
    origin: Origin,
}

struct Gather<'a> {
    spec: &'a SecretManagerConfigSpec,
    kinds: Kinds,
    candidates: Vec<Candidate<'a>>,
    problems: Vec<files::Problem>,
    read: BTreeSet<String>,
    warnings: Vec<String>,
    gaps: Vec<Gap>,
}

impl<'a> Gather<'a> {
    fn configs(&self) -> Option<&'a Configs> {
        self.spec.configs.as_ref()
    }

    fn files(&mut self, tree: &Tree, service: &'a Service) {
        for name in &service.files {
            let path = service.path(name);
            let Some(content) = tree.get(&path) else {
                continue;
            };
            let origin = Origin {
                file: path.clone(),
                object: None,
                line: None,
            };
            self.file(name, &path, content, &service.name, &origin);
        }
    }

    /// Reads one file; `label` is what its problems call it.
    fn file(
        &mut self,
        name: &str,
        label: &str,
        content: &SecretBytes,
        service: &'a str,
        origin: &Origin,
    ) {
        let Some((destination, shape)) = route::route(name, self.configs()) else {
            return;
        };
        self.read.insert(label.to_owned());
        let pairs = match files::read(label, content) {
            Ok(pairs) => pairs,
            Err(problem) => {
                self.problems.push(problem);
                return;
            }
        };
        if pairs.is_empty() {
            self.gaps.push(Gap {
                service: Some(service.to_owned()),
                why: format!("there is no key in \"{}\"", path_of(label)),
            });
        } else if shape == Shape::Whole {
            self.candidates.push(Candidate {
                destination,
                service,
                key: whole_key(name),
                value: object(&pairs),
                origin: origin.clone(),
            });
        } else {
            self.candidates
                .extend(pairs.into_iter().map(|pair| Candidate {
                    destination,
                    service,
                    key: pair.key,
                    value: pair.value,
                    origin: Origin {
                        line: origin.object.is_none().then_some(pair.line),
                        ..origin.clone()
                    },
                }));
        }
    }

    fn built(&mut self, folder: &str, service: &'a Service, built: &Built) {
        for (name, data) in &built.secrets {
            self.object(
                folder,
                &format!("Secret {name}"),
                data,
                Destination::Secrets,
                service,
            );
        }
        if self.kinds.configs.is_some() {
            for (name, data) in &built.configs {
                self.object(
                    folder,
                    &format!("ConfigMap {name}"),
                    data,
                    Destination::Configs,
                    service,
                );
            }
        } else if !built.configs.is_empty() {
            self.warnings.push(format!(
                "the ConfigMaps that \"{}\" makes go nowhere, as configs.enabled is not true: {}",
                clip(folder),
                several(built.configs.iter().map(|(name, _)| clip(name)))
            ));
        }
    }

    fn object(
        &mut self,
        folder: &str,
        object: &str,
        data: &BTreeMap<String, SecretBytes>,
        destination: Destination,
        service: &'a Service,
    ) {
        let origin = Origin {
            file: if folder.is_empty() { "." } else { folder }.to_owned(),
            object: Some(object.to_owned()),
            line: None,
        };
        self.read.insert(origin.to_string());
        for (key, value) in data {
            // A file that a ConfigMap holds whole is read as it is read beside the kustomization.
            if destination == Destination::Configs && route::route(key, self.configs()).is_some() {
                self.file(
                    key,
                    &format!("{origin}/{key}"),
                    value,
                    &service.name,
                    &origin,
                );
            } else if files::encrypted(value.expose()) {
                self.problems.push(files::Problem {
                    file: origin.to_string(),
                    line: None,
                    message: format!("\"{}\" {}", clip(key), files::STILL_ENCRYPTED),
                });
            } else {
                self.candidates.push(Candidate {
                    destination,
                    service: &service.name,
                    key: key.clone(),
                    value: value.clone(),
                    origin: origin.clone(),
                });
            }
        }
    }

    /// Settings that say something else than their author thinks.
    fn settings(&mut self) {
        let Some(configs) = self.configs() else {
            return;
        };
        if configs.enabled {
            return;
        }
        let set = [
            ("store", configs.store.is_some()),
            ("parameterPath", configs.parameter_path.is_some()),
            ("appConfigEndpoint", configs.app_config_endpoint.is_some()),
            ("label", configs.label.is_some()),
            ("keySeparator", configs.key_separator.is_some()),
        ];
        let set: Vec<_> = set
            .iter()
            .filter(|(_, set)| *set)
            .map(|(field, _)| format!("configs.{field}"))
            .collect();
        if !set.is_empty() {
            self.warnings.push(format!(
                "{} says nothing, as configs.enabled is not true: set it, or leave the others away",
                set.join(", ")
            ));
        }
    }

    fn settle(self) -> Result<Desired, Problem> {
        if !self.problems.is_empty() {
            return Err(Problem::Files(self.problems));
        }
        let mut desired = Desired::default();
        if self.candidates.is_empty() {
            return Err(Problem::Empty { read: self.read });
        }
        // Both stores are one where Secret Manager holds configuration too.
        let mut taken: HashMap<(jasm_providers::Kind, String), usize> = HashMap::new();
        let mut collisions = Vec::new();
        for (index, candidate) in self.candidates.iter().enumerate() {
            let kind = self.kinds.get(candidate.destination);
            let (name, refusal) =
                match Names::new(self.spec, candidate.service).name(kind, &candidate.key) {
                    Ok(name) => (name, None),
                    Err(refusal) => (refusal.name, Some(("NameInvalid", refusal.message))),
                };
            let place = (kind, names::folded(kind, &name));
            if let Some(first) = taken.get(&place).and_then(|at| self.candidates.get(*at)) {
                if !same(first, candidate) {
                    collisions.push(Collision {
                        name,
                        first: (first.key.clone(), first.origin.clone()),
                        second: (candidate.key.clone(), candidate.origin.clone()),
                    });
                }
                continue;
            }
            taken.insert(place, index);
            if candidate.value.is_empty() {
                desired.skipped.push(Skipped {
                    destination: candidate.destination,
                    name,
                    key: candidate.key.clone(),
                    origin: candidate.origin.clone(),
                });
                continue;
            }
            let refusal = refusal.or_else(|| {
                let label = self.configs().and_then(|configs| configs.label.as_deref());
                let why = limits::check(kind, &name, label, candidate.value.expose()).err()?;
                Some((why.reason(), why.sentence(kind)))
            });
            if let Some((reason, why)) = refusal {
                desired.failed.push(Failed {
                    destination: candidate.destination,
                    message: format!("{}: \"{name}\" {why}", candidate.origin),
                    name,
                    key: candidate.key.clone(),
                    origin: candidate.origin.clone(),
                    reason,
                });
                continue;
            }
            let entry = Entry {
                name,
                value: candidate.value.clone(),
                origin: candidate.origin.clone(),
                key: candidate.key.clone(),
            };
            match candidate.destination {
                Destination::Secrets => desired.secrets.push(entry),
                Destination::Configs => desired.configs.push(entry),
            }
        }
        if !collisions.is_empty() {
            return Err(Problem::Collisions(collisions));
        }
        desired.warnings = self.warnings;
        desired.gaps = self.gaps;
        desired.secrets.sort_by(|a, b| a.name.cmp(&b.name));
        desired.configs.sort_by(|a, b| a.name.cmp(&b.name));
        desired.skipped.sort_by(|a, b| a.name.cmp(&b.name));
        desired.failed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(desired)
    }
}

/// Whether two are one thing that was read on two ways: from a plain file, and through a kustomization
/// that takes the same file in.
fn same(a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
    a.origin.object.is_some() != b.origin.object.is_some()
        && a.destination == b.destination
        && a.key == b.key
        && a.value == b.value
}

/// What the name of a file that is one entry is made of: `application.properties` is `properties`.
fn whole_key(name: &str) -> String {
    name.strip_prefix("application.").unwrap_or(name).to_owned()
}

/// A JSON object of strings, sorted by key: equal content is equal bytes.
fn object(pairs: &[Pair]) -> SecretBytes {
    let sorted: BTreeMap<&str, &SecretBytes> = pairs
        .iter()
        .map(|pair| (pair.key.as_str(), &pair.value))
        .collect();
    let length: usize = pairs
        .iter()
        .map(|pair| pair.key.len() + pair.value.len() + 8)
        .sum();
    let mut text = String::with_capacity(2 * length + 2);
    text.push('{');
    for (key, value) in sorted {
        if text.len() > 1 {
            text.push(',');
        }
        quoted(&mut text, key);
        text.push(':');
        // The parsers make text only.
        quoted(
            &mut text,
            std::str::from_utf8(value.expose()).unwrap_or_default(),
        );
    }
    text.push('}');
    SecretBytes::from(text)
}

#[cfg(test)]
mod tests;
