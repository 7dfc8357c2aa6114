//! The classes of problem that are found here.

use crate::diagnostic::Rule;

macro_rules! rules {
    ($($name:ident = $id:literal: $about:literal;)*) => {
        $(#[doc = $about] pub const $name: Rule = Rule { id: $id, about: $about };)*
        /// All of them.
        pub const ALL: &[Rule] = &[$($name),*];
    };
}

rules! {
    UNKNOWN_ANNOTATION = "annotation/unknown": "An annotation under JASM's prefix does not exist.";
    UNKNOWN_FIELD = "annotation/unknown-field": "An annotation has a field that does not exist.";
    INVALID_ANNOTATION = "annotation/invalid": "An annotation cannot be understood.";
    MISPLACED_ANNOTATION = "annotation/misplaced": "An annotation is on the workload instead of its pod template.";
    NOT_ON_A_POD = "annotation/not-on-a-pod": "An annotation is on something that is no pod and, as far as lint knows, makes none.";
    LARGE_ANNOTATION = "annotation/too-large": "An annotation is larger than the API server takes.";
    UNKNOWN_OBJECT = "consumer/unknown-object": "A container takes an object whose name is almost that of one that an annotation makes.";
    WRONG_KIND = "consumer/wrong-kind": "A container takes a Secret where an annotation makes a ConfigMap of that name, or the reverse.";
    UNMADE_OBJECT = "consumer/unmade-object": "A container takes an object that nothing in the input makes.";
    UNKNOWN_KEY = "consumer/unknown-key": "A container takes a key that no annotation makes.";
    OPTIONAL = "consumer/optional": "A pod would start without an object that JASM makes.";
    UNUSED = "object/unused": "An annotation makes an object that no container takes.";
    TWO_SOURCES = "object/two-sources": "Two sources fill one key.";
    DISPUTED = "object/disputed": "Two workloads fill one key from different sources.";
    UNKNOWN_STORE = "store/unknown": "The operator's config names no such store.";
    INVALID_PATH = "store/invalid-path": "The store's kind has no such paths or versions.";
    SECRET_IN_CONFIG_MAP = "store/secret-in-configmap": "A store's secret values would go into a ConfigMap.";
    REFUSED = "policy/refused": "No rule of the store lets the namespace read the path.";
    NOT_SERVED = "policy/namespace-not-served": "JASM does not serve the namespace.";
    NOT_CHECKED = "policy/not-checked": "Who may read what was not checked.";
}
