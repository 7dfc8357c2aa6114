//! Objects of Flux that offer an artifact, as far as they matter here. Pure.
//!
//! Fields: `source-controller`, `api/v1` (`Artifact` is in `fluxcd/pkg/apis/meta`).

use serde::Deserialize;

use crate::push::source::Usable;

/// One object, of any of the four kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    generation: i64,
    status: Status,
}

/// An artifact that can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Artifact {
    /// Where.
    pub url: String,
    /// The source's name for what is in it.
    pub revision: String,
    /// `<algorithm>:<hex>`.
    pub digest: String,
    /// Bytes, where it is said.
    pub size: Option<u64>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    artifact: Option<Written>,
    conditions: Vec<Condition>,
    observed_generation: Option<i64>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Written {
    url: String,
    revision: String,
    digest: Option<String>,
    size: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: String,
    status: String,
    #[serde(default)]
    reason: String,
    observed_generation: Option<i64>,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    // A user can write null.
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    generation: i64,
}

impl Offer {
    /// An object as the API server shows it.
    ///
    /// # Errors
    /// It is none.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        let Object { metadata, status } = serde_json::from_str(json)?;
        let mut status = status.unwrap_or_default();
        // The others say what became of the fetch, and change without it.
        status
            .conditions
            .retain(|condition| condition.r#type == "Ready");
        Ok(Self {
            generation: metadata.generation,
            status,
        })
    }

    /// Whether its artifact may be used: only one that is of the spec as it is now, and said to be good.
    /// One that is not ready any more keeps its last artifact, which was taken when it was.
    #[must_use]
    pub fn usable(&self) -> Usable<Artifact> {
        let Some(ready) = self.status.conditions.first() else {
            return Usable::Later("it has no condition Ready yet: Flux has not fetched it".into());
        };
        // An ExternalArtifact has it in the condition only.
        let observed = self
            .status
            .observed_generation
            .or(ready.observed_generation);
        let stale = observed.is_some_and(|observed| observed != self.generation);
        if stale {
            return Usable::Later("it was changed and Flux has not fetched it since".into());
        }
        if ready.status != "True" {
            return Usable::Later(format!(
                "it is not ready{}: its own conditions say why",
                word(&ready.reason)
            ));
        }
        let Some(artifact) = &self.status.artifact else {
            return Usable::Later("it is ready without an artifact: Flux has not stored it".into());
        };
        if artifact.url.is_empty() || artifact.revision.is_empty() {
            return Usable::Later("its artifact has no url or no revision".into());
        }
        match artifact.digest.as_deref().filter(|digest| !digest.is_empty()) {
            // Nothing else says that what is downloaded is what Flux fetched.
            None => Usable::Never(
                "its artifact has no digest, so that nothing tells whether it is whole: use a Flux that writes status.artifact.digest (source-controller 1.0 or later)".into(),
            ),
            Some(digest) => Usable::Now(Artifact {
                url: artifact.url.clone(),
                revision: artifact.revision.clone(),
                digest: digest.to_owned(),
                size: artifact.size,
            }),
        }
    }
}

/// A reason, if it is the one word that it should be.
fn word(reason: &str) -> String {
    let plain = !reason.is_empty()
        && reason.len() <= 64
        && reason.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain {
        format!(" ({reason})")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn usable(object: &Value) -> Usable<Artifact> {
        Offer::from_json(&object.to_string()).unwrap().usable()
    }

    fn repository() -> Value {
        json!({
            "metadata": {"name": "a", "generation": 3},
            "spec": {"url": "https://git.example/a", "suspend": true},
            "status": {
                "observedGeneration": 3,
                "conditions": [
                    {"type": "ArtifactInStorage", "status": "True", "reason": "Succeeded", "observedGeneration": 3},
                    {"type": "Ready", "status": "True", "reason": "Succeeded", "observedGeneration": 3},
                ],
                "artifact": {"url": "http://source-controller.flux-system.svc.cluster.local./a.tar.gz",
                    "revision": "main@sha1:abc", "digest": "sha256:00", "size": 7, "path": "a.tar.gz"},
            },
        })
    }

    #[test]
    fn one_that_is_ready_is_used_suspended_or_not() {
        let Usable::Now(artifact) = usable(&repository()) else {
            panic!("not usable")
        };
        assert_eq!(artifact.size, Some(7));
        assert_eq!(artifact.revision, "main@sha1:abc");
    }

    #[test]
    fn what_is_not_ready_or_of_an_older_spec_waits_although_an_artifact_is_there() {
        let changed = |pointer: &str, value: Value| {
            let mut object = repository();
            *object.pointer_mut(pointer).unwrap() = value;
            usable(&object)
        };
        let table = [
            ("/metadata/generation", json!(4), "was changed"),
            ("/status/observedGeneration", json!(2), "was changed"),
            (
                "/status/conditions/1/status",
                json!("False"),
                "not ready (Succeeded)",
            ),
            ("/status/conditions/1/status", json!("Unknown"), "not ready"),
            ("/status/conditions", json!([]), "no condition Ready"),
            ("/status", json!(null), "no condition Ready"),
            ("/status/artifact", json!(null), "without an artifact"),
            ("/status/artifact/url", json!(""), "no url"),
        ];
        for (pointer, value, said) in table {
            let Usable::Later(why) = changed(pointer, value) else {
                panic!("{pointer}")
            };
            assert!(why.contains(said), "{why}");
        }
        let Usable::Never(why) = changed("/status/artifact/digest", json!("")) else {
            panic!("no digest")
        };
        assert!(why.contains("no digest"), "{why}");
    }

    #[test]
    fn an_external_artifact_has_the_generation_in_its_condition() {
        let mut object = repository();
        object["status"]
            .as_object_mut()
            .unwrap()
            .remove("observedGeneration");
        assert!(matches!(usable(&object), Usable::Now(_)));
        object["metadata"]["generation"] = json!(4);
        assert!(matches!(usable(&object), Usable::Later(_)));
        // Who writes no generation at all is believed.
        object["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        assert!(matches!(usable(&object), Usable::Now(_)));
    }

    #[test]
    fn what_changes_beside_it_is_no_change() {
        let mut other = repository();
        other["status"]["conditions"][0]["status"] = json!("False");
        other["metadata"]["labels"] = json!({"a": "b"});
        let of = |object: &Value| Offer::from_json(&object.to_string()).unwrap();
        assert_eq!(of(&other), of(&repository()));
    }

    #[test]
    fn a_reason_that_is_no_word_is_not_repeated() {
        let mut object = repository();
        object["status"]["conditions"][1]["status"] = json!("False");
        object["status"]["conditions"][1]["reason"] = json!("https://user:marker@host");
        let Usable::Later(why) = usable(&object) else {
            panic!("usable")
        };
        assert!(!why.contains("marker"), "{why}");
    }
}
