//! Which source an object refers to, and whether it may. Pure.

use crate::policy::glob;
use crate::push::crd::{SourceKind, SourceRef};
use crate::push::source::SourceKey;

/// Namespaces whose objects may refer to sources of another namespace. Within one namespace every object may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed(pub Vec<Pair>);

/// Objects of `from` may refer to sources of `to`; both are patterns in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The object's namespace.
    pub from: String,
    /// The source's namespace.
    pub to: String,
}

impl Allowed {
    fn allows(&self, from: &str, to: &str) -> bool {
        from == to
            || self
                .0
                .iter()
                .any(|pair| glob(&pair.from, from) && glob(&pair.to, to))
    }
}

/// The source that an object of `namespace` refers to, whether or not it may.
#[must_use]
pub fn key(reference: &SourceRef, namespace: &str) -> SourceKey {
    let namespace = match reference.kind {
        SourceKind::File => String::new(),
        _ => reference
            .namespace
            .clone()
            .unwrap_or_else(|| namespace.to_owned()),
    };
    SourceKey {
        kind: reference.kind,
        namespace,
        name: reference.name.clone(),
    }
}

/// The same if it may.
///
/// # Errors
/// One sentence: what the operator would have to allow.
pub fn resolve(
    reference: &SourceRef,
    namespace: &str,
    allowed: &Allowed,
) -> Result<SourceKey, String> {
    let key = key(reference, namespace);
    if key.kind == SourceKind::File || allowed.allows(namespace, &key.namespace) {
        return Ok(key);
    }
    Err(format!(
        "sourceRef names {key}, which is in another namespace: refer to one in {namespace}, or have the operator allow it by push.crossNamespaceSources: from {namespace} to {}",
        key.namespace
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(kind: SourceKind, namespace: Option<&str>) -> SourceRef {
        SourceRef {
            kind,
            name: "shop".into(),
            namespace: namespace.map(str::to_owned),
            git_credentials: None,
        }
    }

    #[test]
    fn another_namespace_is_refused_unless_the_pair_is_allowed() {
        let pair = |from: &str, to: &str| Pair {
            from: from.into(),
            to: to.into(),
        };
        let allowed = Allowed(vec![pair("team-*", "flux-system")]);
        let may = |from: &str, to: Option<&str>, allowed: &Allowed| {
            resolve(&reference(SourceKind::GitRepository, to), from, allowed).is_ok()
        };
        for allowed in [&Allowed::default(), &allowed] {
            assert!(may("shop", None, allowed));
            assert!(may("shop", Some("shop"), allowed));
            assert!(!may("shop", Some("flux-system"), allowed));
            assert!(!may("flux-system", Some("team-a"), allowed));
        }
        assert!(may("team-a", Some("flux-system"), &allowed));
        assert!(!may("team-a", Some("team-b"), &allowed));
        let other = reference(SourceKind::Application, Some("argocd"));
        let why = resolve(&other, "shop", &allowed).unwrap_err();
        assert!(
            why.contains("Application argocd/shop") && why.contains("from shop to argocd"),
            "{why}"
        );
    }

    #[test]
    fn a_directory_is_in_no_namespace() {
        let key = resolve(
            &reference(SourceKind::File, Some("x")),
            "shop",
            &Allowed::default(),
        );
        assert_eq!(key.unwrap().to_string(), "File shop");
    }
}
