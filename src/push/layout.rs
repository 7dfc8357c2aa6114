//! Which files of a source belong to an environment, and to which service. Pure.
//!
//! Below `secrets.basePath`, each folder `deployment-configuration` is one service's, which is called as
//! the folder that it is in. Its environments are the folders in its `profiles`, or in itself where
//! `profiles` has no such one. With `secrets.kustomizePath` there is one service, and its files are those
//! of the first of these folders that there is: `deployment-configuration/profiles/{environment}` and
//! `profiles/{environment}` below it, and the folder itself.
//!
//! An environment that is not there, or has no file to read, is a problem and never an empty result: what
//! is gone from a source may be deleted from a store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::push::crd::SecretManagerConfigSpec;
use crate::push::route::{self, BEGINNINGS, PROPERTIES};
use crate::push::source::files::LeftOut;
use crate::push::tree::Tree;
use crate::yaml::clip;

/// The folder of a service's configuration.
const CONFIGURATION: &str = "deployment-configuration";
/// The folder of its environments.
const PROFILES: &str = "profiles";
/// A message lists at most this many names.
const LISTED: usize = 20;

/// The files of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it is called.
    pub name: String,
    /// The environment's folder, from the source's root; empty for the root itself.
    pub folder: String,
    /// The files that are read, from the environment's folder, sorted.
    pub files: Vec<String>,
}

impl Service {
    /// The path of one of its files from the source's root.
    #[must_use]
    pub fn path(&self, file: &str) -> String {
        join(&self.folder, file)
    }
}

/// What there is to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Services, sorted by folder. With a kustomization there is one, and it may have no files.
    pub services: Vec<Service>,
    /// The folder of the kustomization, from the source's root; empty for the root itself.
    pub kustomization: Option<String>,
    /// What an author should know, one sentence each.
    pub warnings: Vec<String>,
    /// Where the source may have more than what is read.
    pub gaps: Vec<Gap>,
}

/// Where a source may have more than what is read: what is missing from there is not to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Of which service; none if it may be of any.
    pub service: Option<String>,
    /// Why, in one sentence.
    pub why: String,
}

/// Why there is nothing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A path of the spec that leads out of the source.
    Path {
        /// The field.
        field: &'static str,
        /// What it says.
        path: String,
    },
    /// A path of the spec that is not in the source.
    NoFolder {
        /// The field.
        field: &'static str,
        /// What it says.
        path: String,
        /// Folders beside the one that is missing.
        there: BTreeSet<String>,
    },
    /// No folder `deployment-configuration`.
    NoConfiguration {
        /// Where it was looked for; empty for the source's root.
        base: String,
    },
    /// No folder of the environment.
    NoEnvironment {
        /// The environment.
        environment: String,
        /// The environments that there are.
        there: BTreeSet<String>,
    },
    /// The path of the kustomization is that of another environment.
    OtherEnvironment {
        /// What the spec says.
        environment: String,
        /// The path.
        path: String,
    },
    /// A kustomization, without plain files beside it, that makes nothing that is read.
    NothingBuilt {
        /// Its folder; empty for the root itself.
        folder: String,
        /// Whether it makes ConfigMaps.
        configs: bool,
    },
    /// No file that is read.
    NoFiles {
        /// The environment's folders.
        folders: Vec<String>,
        /// Names of files that are there.
        there: BTreeSet<String>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { field, path } => write!(
                f,
                "secrets.{field} \"{}\" is no path below the source's root: write it without a leading \"/\" and without \"..\"",
                clip(path)
            ),
            Self::NoFolder { field, path, there } => write!(
                f,
                "secrets.{field} \"{}\" is no folder of the source; {}",
                clip(path),
                listed("folders there are", there)
            ),
            Self::NoConfiguration { base } => write!(
                f,
                "there is no folder \"{CONFIGURATION}\" below {}: set secrets.basePath to the folder that has it, or secrets.kustomizePath to the folder of the files",
                folder(base)
            ),
            Self::NoEnvironment { environment, there } => write!(
                f,
                "there is no environment \"{}\" in the source; {}",
                clip(environment),
                listed("environments there are", there)
            ),
            Self::OtherEnvironment { environment, path } => write!(
                f,
                "secrets.kustomizePath \"{}\" is the folder of another environment than secrets.environment \"{}\": let both say the same",
                clip(path),
                clip(environment)
            ),
            Self::NothingBuilt {
                folder: path,
                configs,
            } => {
                write!(f, "the kustomization in {} makes no Secret", folder(path))?;
                f.write_str(if *configs {
                    ", and its ConfigMaps go nowhere as configs.enabled is not true: set it"
                } else {
                    " and no ConfigMap, and there is no file beside it to read"
                })
            }
            Self::NoFiles { folders, there } => write!(
                f,
                "there is nothing to read in {}: files are called {PROPERTIES}, {}* or {}*, or are in configs.files; {}",
                folders
                    .iter()
                    .take(3)
                    .map(|path| folder(path))
                    .collect::<Vec<_>>()
                    .join(", "),
                BEGINNINGS[0],
                BEGINNINGS[1],
                listed("files there are", there)
            ),
        }
    }
}

impl std::error::Error for Problem {}

fn folder(path: &str) -> String {
    if path.is_empty() {
        "the source's root".to_owned()
    } else {
        format!("\"{}\"", clip(path))
    }
}

/// A path in a message: each part is clipped by itself, as the end says most.
pub fn path_of(path: &str) -> String {
    let parts: Vec<_> = path.split('/').map(clip).collect();
    parts.join("/")
}

fn listed(what: &str, names: &BTreeSet<String>) -> String {
    let quoted: Vec<_> = names
        .iter()
        .take(LISTED)
        .map(|name| format!("\"{}\"", clip(name)))
        .collect();
    match (quoted.is_empty(), names.len() - quoted.len()) {
        (true, _) => format!("{what}: none"),
        (false, 0) => format!("{what}: {}", quoted.join(", ")),
        (false, more) => format!("{what}: {} and {more} more", quoted.join(", ")),
    }
}

/// The files that a spec asks for; also those that were left out, so that they are missed.
///
/// # Errors
/// A path leads nowhere, the environment is not there, or it has no file that is read.
pub fn find(
    tree: &Tree,
    left_out: &BTreeMap<String, LeftOut>,
    spec: &SecretManagerConfigSpec,
) -> Result<Found, Problem> {
    let paths: BTreeSet<&str> = { tree.iter().map(|(path, _)| path) }
        .chain(left_out.keys().map(String::as_str))
        .collect();
    let look = Look {
        folders: folders(&paths),
        paths,
        spec,
    };
    let mut found = match spec.secrets.kustomize_path.as_deref() {
        Some(path) => look.beside(path)?,
        None => look.below(spec.secrets.base_path.as_deref().unwrap_or_default())?,
    };
    if spec.secrets.kustomize_path.is_none() {
        found.warnings.extend(look.unmatched(&found.services));
    }
    for service in &found.services {
        found
            .gaps
            .extend(look.misnamed(&service.name, &service.folder));
    }
    let folders = left_out.iter().filter(|(_, left_out)| !left_out.is_file);
    for (path, LeftOut { why, .. }) in folders {
        if look.may_hold(path, &found.services) {
            let why = format!("\"{}\" was left out of the source: {why}", path_of(path));
            found.gaps.push(Gap { service: None, why });
        }
    }
    Ok(found)
}

/// All folders of these files; the root is the empty one.
fn folders<'p>(paths: &BTreeSet<&'p str>) -> BTreeSet<&'p str> {
    let mut folders = BTreeSet::from([""]);
    for path in paths {
        folders.extend(path.match_indices('/').filter_map(|(at, _)| path.get(..at)));
    }
    folders
}

fn join(folder: &str, rest: &str) -> String {
    match (folder.is_empty(), rest.is_empty()) {
        (true, _) => rest.to_owned(),
        (_, true) => folder.to_owned(),
        _ => format!("{folder}/{rest}"),
    }
}

/// What follows a folder in a path below it.
fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    if folder.is_empty() {
        return Some(path).filter(|path| !path.is_empty());
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

struct Look<'a> {
    paths: BTreeSet<&'a str>,
    spec: &'a SecretManagerConfigSpec,
    folders: BTreeSet<&'a str>,
}

impl Look<'_> {
    /// A folder of the source as the spec writes it: `.` and empty parts say nothing.
    fn folder(&self, field: &'static str, path: &str) -> Result<String, Problem> {
        let parts: Vec<_> = path
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        let outside = path.starts_with('/') || parts.contains(&"..") || path.contains('\\');
        if outside {
            return Err(Problem::Path {
                field,
                path: path.to_owned(),
            });
        }
        let folder = parts.join("/");
        if self.folders.contains(folder.as_str()) {
            return Ok(folder);
        }
        // What stands where the path leaves the tree.
        let mut nearest = parent(&folder);
        while !self.folders.contains(nearest) {
            nearest = parent(nearest);
        }
        Err(Problem::NoFolder {
            field,
            path: folder.clone(),
            there: self
                .children(nearest)
                .map(|child| join(nearest, child))
                .collect(),
        })
    }

    /// Names of the folders in a folder.
    fn children<'s>(&'s self, folder: &'s str) -> impl Iterator<Item = &'s str> {
        self.folders
            .iter()
            .filter_map(move |path| below(folder, path))
            .filter(|rest| !rest.contains('/'))
    }

    /// The files in a folder that are read, and the names of all files right in it.
    fn files(&self, folder: &str) -> (Vec<String>, BTreeSet<String>) {
        let configs = self.spec.configs.as_ref();
        let (mut read, mut there) = (Vec::new(), BTreeSet::new());
        for name in self.paths.iter().filter_map(|path| below(folder, path)) {
            if route::route(name, configs).is_some() {
                read.push(name.to_owned());
            }
            if !name.contains('/') {
                there.insert(name.to_owned());
            }
        }
        (read, there)
    }

    /// What a service at the source's root is called: there is no folder to be called by.
    fn source(&self) -> &str {
        &self.spec.source_ref.name
    }

    fn below(&self, base: &str) -> Result<Found, Problem> {
        let base = self.folder("basePath", base)?;
        let environment = self.spec.secrets.environment.as_str();
        let configurations: Vec<&str> = self
            .folders
            .iter()
            .copied()
            .filter(|path| last(path) == CONFIGURATION)
            .filter(|path| *path == base || below(&base, path).is_some())
            .collect();
        if configurations.is_empty() {
            return Err(Problem::NoConfiguration { base });
        }
        let mut found = Found::default();
        let (mut environments, mut without) = (BTreeSet::new(), Vec::new());
        let (mut looked_at, mut there) = (Vec::new(), BTreeSet::new());
        for configuration in configurations {
            let name = match last(parent(configuration)) {
                "" => self.source().to_owned(),
                name => name.to_owned(),
            };
            let profiles = join(configuration, PROFILES);
            let (new, old) = (
                join(&profiles, environment),
                join(configuration, environment),
            );
            let is_old = environment != PROFILES && self.folders.contains(old.as_str());
            let folder = if self.folders.contains(new.as_str()) {
                if is_old {
                    found.warnings.push(format!(
                        "\"{}\" is not read, as there is \"{}\": remove one of them",
                        clip(&old),
                        clip(&new)
                    ));
                }
                new
            } else if is_old {
                old
            } else {
                environments.extend(self.children(&profiles).map(str::to_owned));
                let old = self
                    .children(configuration)
                    .filter(|name| *name != PROFILES);
                environments.extend(old.map(str::to_owned));
                without.push((name, configuration));
                continue;
            };
            let (files, names) = self.files(&folder);
            looked_at.push(folder.clone());
            if files.is_empty() {
                there.extend(names);
                found.gaps.push(Gap {
                    why: format!("there is nothing to read in \"{}\"", path_of(&folder)),
                    service: Some(name.clone()),
                });
                found.gaps.extend(self.misnamed(&name, &folder));
                continue;
            }
            found.services.push(Service {
                name,
                folder,
                files,
            });
        }
        if looked_at.is_empty() {
            return Err(Problem::NoEnvironment {
                environment: environment.to_owned(),
                there: environments,
            });
        }
        if found.services.is_empty() {
            return Err(Problem::NoFiles {
                folders: looked_at,
                there,
            });
        }
        found
            .gaps
            .extend(without.into_iter().map(|(name, path)| Gap {
                service: Some(name),
                why: format!(
                    "\"{}\" has no environment \"{}\": nothing is read there",
                    path_of(path),
                    clip(environment)
                ),
            }));
        Ok(found)
    }

    fn beside(&self, path: &str) -> Result<Found, Problem> {
        let base = self.folder("kustomizePath", path)?;
        let environment = self.spec.secrets.environment.as_str();
        if last(parent(&base)) == PROFILES && last(&base) != environment {
            return Err(Problem::OtherEnvironment {
                environment: environment.to_owned(),
                path: base,
            });
        }
        let mut folder = base.clone();
        for profiles in [
            join(&base, &format!("{CONFIGURATION}/{PROFILES}")),
            join(&base, PROFILES),
        ] {
            if !self.folders.contains(profiles.as_str()) {
                continue;
            }
            folder = join(&profiles, environment);
            if !self.folders.contains(folder.as_str()) {
                return Err(Problem::NoEnvironment {
                    environment: environment.to_owned(),
                    there: self.children(&profiles).map(str::to_owned).collect(),
                });
            }
            break;
        }
        // Without the parts that every service has, what is left ends in the service's own folder.
        let mut service = base.as_str();
        if last(parent(service)) == PROFILES {
            service = parent(parent(service));
        }
        if last(service) == CONFIGURATION {
            service = parent(service);
        }
        let name = match last(service) {
            "" => self.source().to_owned(),
            name => name.to_owned(),
        };
        let (files, _) = self.files(&folder);
        Ok(Found {
            services: vec![Service {
                name,
                folder,
                files,
            }],
            kustomization: Some(base.clone()),
            ..Found::default()
        })
    }

    /// Files in a folder whose names are all but what is looked for.
    fn misnamed(&self, service: &str, folder: &str) -> impl Iterator<Item = Gap> {
        let configs = self.spec.configs.as_ref();
        let names = self
            .paths
            .iter()
            .filter_map(move |path| below(folder, path));
        names
            .filter(move |name| !name.contains('/') && route::route(name, configs).is_none())
            .filter_map(move |name| {
                let meant = route::meant(name)?;
                let why = format!(
                    "\"{}\" is not read: its name would have to be {meant}",
                    path_of(&join(folder, name))
                );
                let service = Some(service.to_owned());
                Some(Gap { service, why })
            })
    }

    /// Whether a folder that is not there, as a link stands for it, could have files that are read.
    fn may_hold(&self, path: &str, services: &[Service]) -> bool {
        let configs = self.spec.configs.as_ref();
        let mut patterns = configs
            .and_then(|configs| configs.files.as_deref())
            .into_iter()
            .flatten();
        let environment = services
            .iter()
            .find_map(|service| below(&service.folder, path));
        if let Some(inner) = environment {
            return patterns.any(|pattern| route::leads_to(inner, pattern));
        }
        // Other environments are not read, and beside a kustomization nothing else is.
        let other = path
            .split('/')
            .rev()
            .skip(1)
            .any(|part| part == CONFIGURATION)
            && ![PROFILES, self.spec.secrets.environment.as_str()].contains(&last(path));
        !other && self.spec.secrets.kustomize_path.is_none()
    }

    /// Sentences about files that are named and nowhere; what is looked for anyway may be missing.
    fn unmatched(&self, services: &[Service]) -> Vec<String> {
        let configs = self.spec.configs.as_ref();
        let patterns = configs.and_then(|configs| configs.files.as_deref());
        let nowhere = |pattern: &&String| {
            route::route(pattern, None).is_none()
                && !services
                    .iter()
                    .flat_map(|service| &service.files)
                    .any(|file| route::matches(pattern, file))
        };
        patterns
            .unwrap_or_default()
            .iter()
            .filter(nowhere)
            .map(|pattern| {
                format!(
                    "configs.files names \"{}\", and there is no such file in environment \"{}\"",
                    clip(pattern),
                    clip(&self.spec.secrets.environment)
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
