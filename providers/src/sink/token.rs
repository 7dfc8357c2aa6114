//! What a sink notes of an entry that it listed: whose it was, its etag, its newest version. Pure.

use super::{Held, Owner};
use crate::VersionToken;

/// Parts of a [`VersionToken`]; what is not known is left empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Token {
    /// The digest of the owner: an etag alone would let an entry be written that was listed as another's.
    owner: String,
    /// The store's own word for the state of the entry.
    pub(crate) state: String,
    /// The newest version.
    pub(crate) version: Option<u64>,
}

impl Token {
    pub(crate) fn new(owner: &Owner, state: &str, version: Option<u64>) -> Self {
        Self {
            owner: owner.digest(),
            state: state.to_owned(),
            version,
        }
    }

    pub(crate) fn version_token(&self) -> VersionToken {
        let version = self.version.map(|number| number.to_string());
        VersionToken(format!(
            "{} {} {}",
            self.owner,
            version.unwrap_or_default(),
            self.state
        ))
    }

    /// What [`version_token`](Self::version_token) made, if the entry was listed as this owner's.
    pub(crate) fn of(held: &Held, owner: &Owner) -> Option<Self> {
        let text = &held.version.as_ref()?.0;
        let mut parts = text.splitn(3, ' ');
        let token = Self {
            owner: parts.next()?.to_owned(),
            version: parts.next()?.parse().ok(),
            state: parts.next()?.to_owned(),
        };
        (token.owner == owner.digest()).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_for_its_owner_only() {
        let owner = |name: &str| Owner {
            cluster: "prod".into(),
            namespace: "shop".into(),
            name: name.into(),
        };
        for token in [
            Token::new(&owner("a"), "\"et ag\"", Some(7)),
            Token::new(&owner("a"), "", None),
        ] {
            let held = Held {
                name: "x".into(),
                fingerprint: None,
                value: None,
                version: Some(token.version_token()),
            };
            assert_eq!(Token::of(&held, &owner("a")), Some(token));
            assert_eq!(Token::of(&held, &owner("b")), None);
        }
    }
}
