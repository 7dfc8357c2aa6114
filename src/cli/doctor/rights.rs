//! What JASM's account has to be allowed, by the tier of the config: `config/rbac`. Pure.

use crate::settings::Rights;

/// A verb on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) verb: &'static str,
    pub(super) group: &'static str,
    pub(super) resource: &'static str,
    pub(super) subresource: &'static str,
    /// It is enough to have it in the namespaces that are served.
    pub(super) namespaced: bool,
}

impl Right {
    /// `get on secrets`
    pub(super) fn words(&self) -> String {
        let below = match self.subresource {
            "" => String::new(),
            name => format!("/{name}"),
        };
        format!("{} on {}{below}", self.verb, self.resource)
    }
}

const fn right(verb: &'static str, group: &'static str, resource: &'static str) -> Right {
    Right {
        verb,
        group,
        resource,
        subresource: "",
        namespaced: true,
    }
}

/// What every tier needs.
const ALWAYS: [Right; 6] = [
    Right {
        namespaced: false,
        ..right("list", "", "pods")
    },
    Right {
        namespaced: false,
        ..right("watch", "", "pods")
    },
    right("get", "apps", "replicasets"),
    right("get", "apps", "controllerrevisions"),
    right("get", "batch", "jobs"),
    right("create", "events.k8s.io", "events"),
];

/// What reading as pods needs besides.
pub(super) const TOKENS: [Right; 2] = [
    right("get", "", "serviceaccounts"),
    Right {
        subresource: "token",
        ..right("create", "", "serviceaccounts")
    },
];

/// What a tier needs.
pub(super) fn needed(tier: Rights) -> Vec<Right> {
    let verbs: &[&'static str] = match tier {
        Rights::Default => &["create", "get", "update"],
        Rights::Observe => &["create", "get", "update", "list", "watch"],
        Rights::WriteOnly => &["create", "update"],
    };
    let objects = ["secrets", "configmaps"].into_iter().flat_map(|resource| {
        let verbs = verbs.iter();
        verbs.map(move |verb| Right {
            // A watch of all is one of all.
            namespaced: !matches!(*verb, "list" | "watch"),
            ..right(verb, "", resource)
        })
    });
    ALWAYS.into_iter().chain(objects).collect()
}

/// What a tier does without, and an account had better not have.
pub(super) fn unneeded(tier: Rights) -> Vec<Right> {
    let verbs: &[&'static str] = match tier {
        Rights::Default => &["list", "delete"],
        Rights::Observe => &["delete"],
        Rights::WriteOnly => &["get", "list", "delete"],
    };
    verbs
        .iter()
        .map(|verb| right(verb, "", "secrets"))
        .collect()
}

/// `get on secrets, list on pods`
pub(super) fn words<'a>(rights: impl IntoIterator<Item = &'a Right>) -> String {
    let words: Vec<_> = rights.into_iter().map(Right::words).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tier_needs_what_it_does_without() {
        for tier in [Rights::Default, Rights::Observe, Rights::WriteOnly] {
            let needed = words(&needed(tier));
            for right in unneeded(tier) {
                assert!(!needed.contains(&right.words()), "{needed}");
            }
        }
        assert_eq!(
            words(&TOKENS),
            "get on serviceaccounts, create on serviceaccounts/token"
        );
    }
}
