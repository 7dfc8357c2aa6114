//! What is told about a `SecretManagerConfig`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The last look at the source and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The generation of the spec that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, and `Stalled` where trying again is of no use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The source's revision that was in the stores, all of it, when the object was last ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// The source's revision that was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision: Option<String>,
    /// The value of the annotation `jasm.codnod.io/reconcile` that was obeyed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// How many entries there are and what became of them in the last run; none if it did not come as far
    /// as the stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Entries>,
    /// The first entries that were not written, ten at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

impl Status {
    /// Whether the last run was a success.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let ready = { self.conditions.iter() }.find(|condition| condition.r#type == "Ready");
        ready.is_some_and(|ready| ready.status == "True")
    }
}

/// One condition (`metav1.Condition`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready` or `Stalled`.
    pub r#type: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word for the cause.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// When the status became what it is.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// The generation of the spec that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Entries and what became of them in the last run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Entries {
    /// In the source.
    pub total: u32,
    /// Made anew.
    pub created: u32,
    /// Given a new version.
    pub updated: u32,
    /// As they were.
    pub unchanged: u32,
    /// Deleted.
    pub deleted: u32,
    /// In the source no more, and kept.
    pub retained: u32,
    /// With an empty value, which no store takes.
    pub skipped: u32,
    /// Not written; all of them where a store does not say what it holds.
    pub failed: u32,
}

/// An entry that was not written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its name in the store.
    pub name: String,
    /// The store.
    pub store: String,
    /// One word for the cause.
    pub reason: String,
    /// One sentence.
    pub message: String,
}
