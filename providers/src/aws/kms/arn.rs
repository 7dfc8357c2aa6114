//! The ARN of a key. Pure.

use std::fmt;
use std::ops::Range;

use crate::reference::partition_of;
use crate::{Error, ErrorKind};

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`, or `alias/NAME` at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyArn {
    text: String,
    region: Range<usize>,
    account: Range<usize>,
    key: bool,
}

impl KeyArn {
    /// Reads one.
    ///
    /// # Errors
    /// It is none: the sentence shows the form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            let sentence = format!(
                "{text:?} is not the ARN of a key: write it like arn:aws:kms:eu-west-1:123456789012:key/ID"
            );
            Error::new(ErrorKind::Invalid, sentence)
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let (kind, id) = resource.split_once('/')?;
        let place = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let fits = arn == "arn"
            && service == "kms"
            && place(region)
            && partition_of(region) == partition
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && matches!(kind, "key" | "alias")
            && (1..=256).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/_-".contains(&b));
        let at = arn.len() + partition.len() + service.len() + 3;
        let next = at + region.len() + 1;
        fits.then(|| Self {
            text: text.to_owned(),
            region: at..at + region.len(),
            account: next..next + account.len(),
            key: kind == "key",
        })
    }

    /// The whole.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region that the key is in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.text[self.region.clone()]
    }

    /// The account that the key is of.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.text[self.account.clone()]
    }

    pub(super) fn is_in(&self, region: &str) -> bool {
        self.region() == region
    }

    /// Whether it is a key itself, not a name of one.
    pub(super) fn is_key(&self) -> bool {
        self.key
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_a_region_of_an_account() {
        let text = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let key = KeyArn::parse(text).unwrap();
        assert_eq!((key.region(), key.account()), ("eu-west-1", "123456789012"));
        assert!(key.is_key() && key.is_in("eu-west-1") && !key.is_in("eu-west-2"));
        assert_eq!(key.to_string(), text);
        let china =
            KeyArn::parse("arn:aws-cn:kms:cn-north-1:123456789012:alias/team/sops").unwrap();
        assert!(!china.is_key());
        assert_eq!(china.account(), "123456789012");
    }

    #[test]
    fn what_would_be_another_host_or_key_is_none() {
        for bad in [
            "",
            "1234abcd",
            "alias/sops",
            "arn:aws:kms:eu-west-1:123456789012:key/",
            "arn:aws:kms:eu-west-1:123456789012:grant/x",
            "arn:aws:kms:eu-west-1:1234:key/x",
            "arn:aws:kms::123456789012:key/x",
            "arn:aws:kms:evil.test/:123456789012:key/x",
            "arn:aws:s3:eu-west-1:123456789012:key/x",
            "arn:aws-cn:kms:eu-west-1:123456789012:key/x",
            "arn:aws:kms:eu-west-1:123456789012:key/x y",
        ] {
            let error = KeyArn::parse(bad).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{bad}");
        }
    }
}
