//! The annotation grammar: a pod's annotations to requests, or precise problems.
//!
//! Pure and strict. A problem refuses every request for the target it concerns; where the target
//! cannot be told, every request of that annotation. A typo must never widen what is copied, nor
//! leave half an object.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Place;
use crate::pull::request::{ObjectKind, ReadAs, Request};
use crate::yaml;

mod environment;
mod identity;
mod one_liner;
mod sync;
mod words;

pub use environment::NAME_LABELS;
pub use words::{valid_data_key, valid_object_name};

/// The prefix of every annotation that JASM reads.
pub const PREFIX: &str = "jasm.codnod.io/";

const SECRET_SYNC: &str = "secret-sync";
const CONFIG_SYNC: &str = "config-sync";
const ENVIRONMENT: &str = "environment";
const ENVIRONMENT_NAME: &str = "environment-name";
/// Options of a whole pod; beside `identity: workload` and `refresh: start`, which is what this version
/// does, all else is refused.
const OPTIONS: [&str; 4] = ["identity", "wait", "refresh", "restart"];
const KNOWN: [&str; 10] = [
    SECRET_SYNC,
    CONFIG_SYNC,
    "secret.NAME",
    "config.NAME",
    ENVIRONMENT,
    ENVIRONMENT_NAME,
    "identity",
    "wait",
    "refresh",
    "restart",
];

/// What is wrong with one annotation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The annotation's name with its prefix.
    pub annotation: String,
    /// One sentence: where, what, what to write instead.
    pub message: String,
    /// Where exactly, for whoever shows the annotation's text.
    pub spot: Spot,
}

impl Problem {
    /// The sentence without the line that it begins with.
    #[must_use]
    pub fn sentence(&self) -> &str {
        let Spot::Within(place) = self.spot else {
            return &self.message;
        };
        let line = format!("line {}: ", place.line);
        self.message.strip_prefix(&line).unwrap_or(&self.message)
    }
}

/// The part of an annotation that a problem concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// Its name.
    Name,
    /// The whole of its text.
    Value,
    /// A stretch of its text; lines and columns count from 1 within the text.
    Within(Place),
}

/// One request with the object it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Secret or ConfigMap.
    pub kind: ObjectKind,
    /// The object's name.
    pub name: String,
    /// What is asked.
    pub request: Request,
}

/// Everything that a pod's annotations say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The requests that stand.
    pub wanted: Vec<Wanted>,
    /// What was refused, sorted.
    pub problems: Vec<Problem>,
}

/// A problem inside one annotation, with the object it concerns where that is known.
#[derive(Debug)]
struct Refusal {
    target: Option<(ObjectKind, String)>,
    message: String,
    spot: Spot,
}

/// One request of an annotation, or why it is none.
type Part = Result<Wanted, Refusal>;

impl Refusal {
    fn of(message: impl Into<String>) -> Self {
        Self {
            target: None,
            message: message.into(),
            spot: Spot::Name,
        }
    }

    /// A problem of one object.
    fn target(kind: ObjectKind, name: &str, problem: &yaml::Problem) -> Self {
        Self {
            target: Some((kind, name.to_owned())),
            message: problem.to_string(),
            spot: Spot::Within(problem.place()),
        }
    }
}

impl From<yaml::Problem> for Refusal {
    fn from(problem: yaml::Problem) -> Self {
        Self {
            target: None,
            message: problem.to_string(),
            spot: Spot::Within(problem.place()),
        }
    }
}

/// Parses the annotations under [`PREFIX`] (given with the prefix) of one pod.
///
/// `labels` serve only to name the objects of the `environment` annotation.
#[must_use]
pub fn parse(annotations: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> Parsed {
    let mut wanted = Vec::new();
    let mut problems = Vec::new();
    let mut refused = BTreeSet::new();
    let mut refuse_all = false;
    let mut as_workload = false;
    for (full, text) in annotations {
        let Some(name) = full.strip_prefix(PREFIX) else {
            continue;
        };
        let mut complain = |message: String, spot: Spot| {
            problems.push(Problem {
                annotation: full.clone(),
                message,
                spot,
            })
        };
        let result = match name {
            SECRET_SYNC => sync::parse(ObjectKind::Secret, text),
            CONFIG_SYNC => sync::parse(ObjectKind::ConfigMap, text),
            ENVIRONMENT => environment::parse(text, annotations, labels),
            ENVIRONMENT_NAME => Ok(Vec::new()),
            "refresh" if text.trim() == "start" => Ok(Vec::new()),
            "identity" => match identity::parse(text.trim()) {
                Ok(_) => {
                    as_workload = true;
                    Ok(Vec::new())
                }
                Err(message) => {
                    refuse_all = true;
                    complain(message, Spot::Value);
                    continue;
                }
            },
            option if OPTIONS.contains(&option) => {
                refuse_all = true;
                let message = format!(
                    "\"{option}: {}\" is not implemented in this version; remove the annotation",
                    yaml::clip(text.trim())
                );
                complain(message, Spot::Name);
                continue;
            }
            _ => match name.split_once('.') {
                Some(("secret", object)) => {
                    one_liner::parse(ObjectKind::Secret, object, full, text)
                }
                Some(("config", object)) => {
                    one_liner::parse(ObjectKind::ConfigMap, object, full, text)
                }
                _ => {
                    complain(yaml::unknown("annotation", name, &KNOWN), Spot::Name);
                    // A misspelt word about all requests must not leave them to its default.
                    refuse_all |= yaml::nearest(name, &KNOWN)
                        .is_some_and(|near| near == ENVIRONMENT_NAME || OPTIONS.contains(&near));
                    continue;
                }
            },
        };
        let parts = result.unwrap_or_else(|refusal| vec![Err(refusal)]);
        let nowhere = |part: &Part| matches!(part, Err(refusal) if refusal.target.is_none());
        let refuse_annotation = parts.iter().any(nowhere);
        // The first problem of each target is told; the next shows once that is mended.
        let mut told = BTreeSet::new();
        for part in parts {
            match part {
                Ok(part) if refuse_annotation => {
                    refused.insert((part.kind, part.name));
                }
                Ok(part) => wanted.push(part),
                Err(refusal) => {
                    if told.insert(refusal.target.clone()) {
                        complain(refusal.message, refusal.spot);
                    }
                    refused.extend(refusal.target);
                }
            }
        }
    }
    if refuse_all {
        wanted.clear();
    }
    if as_workload {
        for wanted in &mut wanted {
            wanted.request.read_as = ReadAs::Workload;
        }
    }
    wanted.retain(|wanted| !refused.contains(&(wanted.kind, wanted.name.clone())));
    problems.sort();
    Parsed { wanted, problems }
}

#[cfg(test)]
mod tests;
