//! Applications of Argo CD, as far as they matter here. Pure.
//!
//! Fields: `argo-cd`, `pkg/apis/application/v1alpha1/types.go`. Argo CD keeps its clones to itself, so the
//! commit is fetched from the repository that the application names.

use serde::Deserialize;

use crate::push::source::Usable;
use crate::push::source::repository::{self, Repository};

/// One application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    spec: Spec,
    status: Status,
}

/// One commit of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commit {
    /// Where.
    pub repository: Repository,
    /// Its SHA-1, 40 hexadecimal digits.
    pub revision: String,
    /// What the application follows, where it says: a branch, a tag.
    pub target: Option<String>,
}

#[derive(Deserialize)]
struct Object {
    spec: Spec,
    status: Option<Status>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    source: Option<Source>,
    sources: Option<Vec<Source>>,
    source_hydrator: Option<Hydrator>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    #[serde(rename = "repoURL")]
    repo_url: String,
    target_revision: Option<String>,
    chart: Option<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    sync: Sync,
    operation_state: Option<Operation>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sync {
    status: String,
    compared_to: Spec,
    revision: Option<String>,
    revisions: Option<Vec<String>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Operation {
    sync_result: Option<Applied>,
}

/// That there is one is all that matters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Hydrator {}

/// What the last operation applied, or is applying.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Applied {
    revision: Option<String>,
    revisions: Option<Vec<String>>,
    source: Option<Source>,
    sources: Option<Vec<Source>>,
}

/// A spec's sources with the revision that goes with each.
struct Pairs<'a> {
    sources: &'a [Source],
    revisions: &'a [String],
}

impl Application {
    /// An application as the API server shows it.
    ///
    /// # Errors
    /// It is none.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        let Object { spec, status } = serde_json::from_str(json)?;
        Ok(Self {
            spec,
            status: status.unwrap_or_default(),
        })
    }

    /// The commit that is deployed: `status.sync.revision` where the application is in sync with it, else
    /// the one that the last operation applied or is applying.
    #[must_use]
    pub fn usable(&self) -> Usable<Commit> {
        if self.spec.source_hydrator.is_some() {
            return Usable::Never("it has a sourceHydrator, whose manifests are made by Argo CD: refer to an application with source".into());
        }
        let sources = self.spec.sources();
        let mut in_git = sources
            .iter()
            .enumerate()
            .filter(|(_, source)| source.chart.as_deref().is_none_or(str::is_empty));
        let (at, source) = match (in_git.next(), in_git.next()) {
            (Some(one), None) => one,
            (Some(_), Some(_)) => {
                return Usable::Never("it has more than one Git source, and nothing says which is meant: refer to an application with one".into());
            }
            (None, _) if sources.is_empty() => return Usable::Never("it has no source".into()),
            (None, _) => {
                return Usable::Never("it has a Helm chart for its source, which is in no Git repository: refer to an application whose source is one".into());
            }
        };
        let repository = match Repository::parse(&source.repo_url) {
            Ok(repository) => repository,
            Err(why) => return Usable::Never(why),
        };
        let pairs = match self.status.sync.status.as_str() {
            "Synced" => Some(self.status.sync.pairs()),
            "OutOfSync" => self
                .status
                .operation_state
                .as_ref()
                .and_then(|operation| operation.sync_result.as_ref())
                .map(Applied::pairs),
            _ => return Usable::Later("Argo CD has not compared it yet".into()),
        };
        let Some(Pairs { sources, revisions }) = pairs else {
            return Usable::Later("it was never synced: sync it".into());
        };
        // What the revision was resolved from; a source that was changed since has another one.
        if sources
            .get(at)
            .is_none_or(|seen| seen.repo_url != source.repo_url)
        {
            return Usable::Later(
                "its source was changed and Argo CD has not synced it since".into(),
            );
        }
        let Some(revision) = revisions.get(at).filter(|revision| !revision.is_empty()) else {
            return Usable::Later("its status has no revision yet".into());
        };
        if !repository::is_commit(revision) {
            return Usable::Never("its revision is no commit of Git (40 hexadecimal digits): refer to an application whose source is a Git repository".into());
        }
        Usable::Now(Commit {
            repository,
            revision: revision.clone(),
            target: source
                .target_revision
                .clone()
                .filter(|target| !target.is_empty()),
        })
    }
}

impl Spec {
    /// With `sources` the single one is not looked at, as Argo CD does.
    fn sources(&self) -> &[Source] {
        either(self.sources.as_ref(), self.source.as_ref())
    }
}

impl Sync {
    fn pairs(&self) -> Pairs<'_> {
        Pairs {
            sources: self.compared_to.sources(),
            revisions: either(self.revisions.as_ref(), self.revision.as_ref()),
        }
    }
}

impl Applied {
    fn pairs(&self) -> Pairs<'_> {
        Pairs {
            sources: either(self.sources.as_ref(), self.source.as_ref()),
            revisions: either(self.revisions.as_ref(), self.revision.as_ref()),
        }
    }
}

fn either<'a, T>(many: Option<&'a Vec<T>>, one: Option<&'a T>) -> &'a [T] {
    match many {
        Some(many) if !many.is_empty() => many,
        _ => one.map(std::slice::from_ref).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NEW: &str = "1111111111111111111111111111111111111111";
    const OLD: &str = "2222222222222222222222222222222222222222";

    fn usable(object: &Value) -> Usable<Commit> {
        Application::from_json(&object.to_string())
            .unwrap()
            .usable()
    }

    fn application() -> Value {
        let source = json!({"repoURL": "https://git.example/shop", "targetRevision": "main", "path": "deploy"});
        json!({
            "metadata": {"name": "shop"},
            "spec": {"project": "default", "source": source, "destination": {}},
            "status": {
                "sync": {"status": "Synced", "revision": NEW, "comparedTo": {"source": source, "destination": {}}},
                "operationState": {"phase": "Succeeded", "syncResult": {"revision": OLD, "source": source}},
            },
        })
    }

    fn revision(object: &Value) -> String {
        match usable(object) {
            Usable::Now(commit) => commit.revision,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_commit_is_the_one_that_is_deployed() {
        let mut object = application();
        assert_eq!(revision(&object), NEW);
        // A newer commit is known, and not synced: by hand, or in waves that are under way.
        object["status"]["sync"]["status"] = json!("OutOfSync");
        assert_eq!(revision(&object), OLD);
        object["status"]["operationState"] = json!(null);
        let Usable::Later(why) = usable(&object) else {
            panic!("usable")
        };
        assert!(why.contains("never synced"), "{why}");
    }

    #[test]
    fn one_git_source_among_several_is_found_with_its_own_revision() {
        let mut object = application();
        let git = object["spec"]["source"].clone();
        let chart = json!({"repoURL": "https://charts.example", "chart": "redis", "targetRevision": "1.2.3"});
        let sources = json!([chart, git]);
        object["spec"] = json!({"sources": sources});
        object["status"]["sync"] = json!({"status": "Synced", "revisions": ["1.2.3", NEW], "comparedTo": {"sources": sources}});
        assert_eq!(revision(&object), NEW);
        object["spec"]["sources"] = json!([git, git]);
        assert!(matches!(usable(&object), Usable::Never(why) if why.contains("more than one")));
        object["spec"]["sources"] = json!([chart]);
        assert!(matches!(usable(&object), Usable::Never(why) if why.contains("Helm chart")));
    }

    #[test]
    fn what_waits_and_what_never_works_is_said_apart() {
        let table = [
            ("/status", json!(null), "Later", "not compared"),
            (
                "/status/sync/status",
                json!("Unknown"),
                "Later",
                "not compared",
            ),
            ("/status/sync/revision", json!(""), "Later", "no revision"),
            (
                "/spec/source/repoURL",
                json!("https://git.example/other"),
                "Later",
                "was changed",
            ),
            (
                "/status/sync/revision",
                json!("1.2.3"),
                "Never",
                "no commit",
            ),
            ("/spec/source", json!(null), "Never", "no source"),
            (
                "/spec/source/repoURL",
                json!("git@git.example:shop"),
                "Never",
                "https",
            ),
            (
                "/spec",
                json!({"sourceHydrator": {"drySource": {}}}),
                "Never",
                "sourceHydrator",
            ),
        ];
        for (pointer, value, kind, said) in table {
            let mut object = application();
            *object.pointer_mut(pointer).unwrap() = value;
            let (found, why) = match usable(&object) {
                Usable::Now(_) => panic!("{pointer}"),
                Usable::Later(why) => ("Later", why),
                Usable::Never(why) => ("Never", why),
            };
            assert!(
                found == kind && why.contains(said),
                "{pointer}: {found}: {why}"
            );
        }
    }
}
