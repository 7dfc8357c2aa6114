//! What Secrets Manager says about a secret, but for its value. Pure.

use std::collections::HashMap;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{SecretListEntry, Tag};

use super::CURRENT;
use crate::VersionToken;
use crate::aws::marks;
use crate::sink::{Fingerprint, Held, Owner};

/// A secret as it is.
#[derive(Debug)]
pub(super) struct State {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) owner: Option<Owner>,
    /// Scheduled for deletion.
    pub(super) deleted: bool,
    /// The id of the current version.
    pub(super) current: Option<String>,
    /// The ids of the others that have a stage, sorted.
    pub(super) others: Vec<String>,
    /// The fingerprint that was renewed, with the version that it is of.
    renewed: Option<String>,
}

type Versions = Option<HashMap<String, Vec<String>>>;

impl State {
    /// As the list has it; none where it lacks what every secret has.
    pub(super) fn listed(secret: SecretListEntry) -> Option<Self> {
        let deleted = secret.deleted_date.is_some();
        let (tags, versions) = (secret.tags, secret.secret_versions_to_stages);
        Self::new((secret.name?, secret.arn?), deleted, tags, versions)
    }

    /// As it is asked for; none where it lacks what every secret has.
    pub(super) fn described(secret: DescribeSecretOutput) -> Option<Self> {
        let deleted = secret.deleted_date.is_some();
        let (tags, versions) = (secret.tags, secret.version_ids_to_stages);
        Self::new((secret.name?, secret.arn?), deleted, tags, versions)
    }

    fn new(
        (name, arn): (String, String),
        deleted: bool,
        tags: Option<Vec<Tag>>,
        versions: Versions,
    ) -> Option<Self> {
        let tag = |key: &str| {
            let mut tags = tags.iter().flatten();
            tags.find(|tag| tag.key() == Some(key))
                .and_then(|tag| tag.value())
        };
        let (mut current, mut others) = (None, Vec::new());
        for (id, stages) in versions.unwrap_or_default() {
            if stages.iter().any(|stage| stage == CURRENT) {
                current = Some(id);
            } else {
                others.push(id);
            }
        }
        others.sort_unstable();
        // What is parted by spaces elsewhere has none.
        let plain = |text: &String| !text.is_empty() && !text.contains(' ');
        if ![&arn].into_iter().chain(&current).chain(&others).all(plain) {
            return None;
        }
        Some(Self {
            owner: marks::owner(tag(marks::OWNER)),
            renewed: tag(marks::FINGERPRINT).map(str::to_owned),
            name,
            arn,
            deleted,
            current,
            others,
        })
    }

    pub(super) fn is_of(&self, owner: &Owner) -> bool {
        self.owner.as_ref() == Some(owner)
    }

    /// That of the current value; none where somebody else wrote it.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        let current = self.current.as_deref()?;
        let renewed = self.renewed.as_deref();
        renewed
            .and_then(|pair| marks::of_pair(pair, current))
            .or_else(|| marks::of_version_id(current))
    }

    /// As the caller has it.
    pub(super) fn held(self) -> Held {
        let fingerprint = self.fingerprint();
        let seen = Seen {
            arn: self.arn,
            current: self.current,
            others: self.others,
        };
        Held {
            name: self.name,
            fingerprint,
            value: None,
            version: Some(seen.token()),
        }
    }
}

/// What a later call has to find unchanged, as the caller keeps it: `<ARN> <current> <other>…`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) arn: String,
    pub(super) current: Option<String>,
    pub(super) others: Vec<String>,
}

impl Seen {
    fn token(&self) -> VersionToken {
        let current = self.current.as_deref().unwrap_or_default();
        let mut text = format!("{} {current}", self.arn);
        for other in &self.others {
            text.push(' ');
            text.push_str(other);
        }
        VersionToken(text)
    }

    pub(super) fn parse(token: &VersionToken) -> Option<Self> {
        let mut parts = token.0.split(' ').map(str::to_owned);
        let (arn, current) = (parts.next()?, parts.next()?);
        Some(Self {
            arn,
            current: Some(current).filter(|current| !current.is_empty()),
            others: parts.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(tags: &[(&str, &str)], versions: &[(&str, &str)]) -> Option<State> {
        let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build();
        let versions = versions
            .iter()
            .map(|(id, stage)| ((*id).to_owned(), vec![(*stage).to_owned()]));
        State::new(
            ("a".to_owned(), "arn:a".to_owned()),
            false,
            Some(tags.iter().map(tag).collect()),
            Some(versions.collect()),
        )
    }

    #[test]
    fn what_was_seen_reads_back() {
        for versions in [
            &[("1", CURRENT), ("3", "x"), ("2", "AWSPREVIOUS")][..],
            &[("2", "AWSPREVIOUS")],
            &[],
        ] {
            let found = state(&[], versions).unwrap();
            let (current, others) = (found.current.clone(), found.others.clone());
            let seen = Seen::parse(&found.held().version.unwrap()).unwrap();
            assert_eq!((seen.current, seen.others), (current, others));
            assert_eq!(seen.arn, "arn:a");
        }
        assert!(state(&[], &[("1 2", CURRENT)]).is_none());
    }

    #[test]
    fn a_fingerprint_is_of_the_current_version_only() {
        let of = |digit: &str| format!("{}-{}", digit.repeat(8), digit.repeat(40));
        let ours = format!("{}-00000000", of("a"));
        let tags = [(marks::FINGERPRINT, format!("{}@{ours}", of("b")))];
        let tags = tags.each_ref().map(|(key, value)| (*key, value.as_str()));
        let shown = |tags: &[(&str, &str)], id: &str| {
            let found = state(tags, &[(id, CURRENT)]).unwrap();
            found.fingerprint().map(|it| it.as_str().to_owned())
        };
        assert_eq!(shown(&[], &ours), Some(of("a")));
        // Renewed for this version, and for one that is not current any more.
        assert_eq!(shown(&tags, &ours), Some(of("b")));
        let later = format!("{}-11111111", of("a"));
        assert_eq!(shown(&tags, &later), Some(of("a")));
        assert_eq!(shown(&tags, "theirs"), None);
    }

    #[test]
    fn an_owner_is_the_whole_tag() {
        let owner = Owner::parse("prod/shop/config").unwrap();
        let of = |value: &str| state(&[(marks::OWNER, value)], &[]).unwrap().is_of(&owner);
        assert!(of("prod/shop/config"));
        assert!(!of("prod/shop/config-2") && !of("prod/shop") && !of(""));
        assert!(
            !state(&[("other", "prod/shop/config")], &[])
                .unwrap()
                .is_of(&owner)
        );
    }
}
