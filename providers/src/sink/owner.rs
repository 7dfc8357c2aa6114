//! Whose entry it is. Pure.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The object that an entry belongs to. Each part is a DNS label of at most 63 characters, so that it
/// fits into the tags and labels of every store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The cluster, as its operator calls it.
    pub cluster: String,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

impl Owner {
    /// What [`Display`](fmt::Display) wrote; none of anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (cluster, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
        let complete = parts.next().is_none();
        (complete
            && [cluster, namespace, name]
                .iter()
                .all(|part| !part.is_empty()))
        .then(|| Self {
            cluster: cluster.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// A short digest for labels, which hold less than the whole and no `/`. It hides nothing.
    #[must_use]
    pub fn digest(&self) -> String {
        use fmt::Write as _;
        let hash = Sha256::digest(self.to_string());
        hash.iter()
            .take(16)
            .fold(String::with_capacity(32), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.cluster, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_reads_back_and_nothing_else_is_one() {
        let owner = Owner {
            cluster: "prod".into(),
            namespace: "shop".into(),
            name: "config".into(),
        };
        assert_eq!(Owner::parse(&owner.to_string()), Some(owner.clone()));
        for other in ["", "prod/shop", "prod//config", "a/b/c/d", "/b/c"] {
            assert_eq!(Owner::parse(other), None, "{other}");
        }
        assert_eq!(owner.digest().len(), 32);
    }
}
