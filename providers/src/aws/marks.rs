//! What stands on an entry that is written: whose it is, which value it has, where that comes from. Pure.
//!
//! Tags are not secret, and CloudTrail keeps them and the ids of versions: nothing here tells a value to who
//! does not have the key of the fingerprints.

use sha2::{Digest as _, Sha256};

use crate::sink::{Fingerprint, Origin, Owner};

/// The tag with the owner.
pub(super) const OWNER: &str = "jasm.codnod.io/owner";
/// The tag with a fingerprint that was renewed without a version: `<fingerprint>@<version>`.
pub(super) const FINGERPRINT: &str = "jasm.codnod.io/fingerprint";
/// The tag that tells people and inventories who writes the entry.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "jasm");

/// Whose an entry is, by its tag.
pub(super) fn owner(tag: Option<&str>) -> Option<Owner> {
    tag.and_then(Owner::parse)
}

/// The id of a version of a secret: `<fingerprint>-<8 digits>`, of the 32 to 64 characters that are allowed.
///
/// What it follows tells it from others of the same value, so that a value can come back and the same call
/// said again means the same version. `turn` is for an id that is taken all the same.
pub(super) fn version_id(fingerprint: &Fingerprint, follows: &[u8], turn: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(turn.to_be_bytes());
    hash.update(follows);
    let hash = hash.finalize();
    let digits = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    format!("{}-{digits:08x}", fingerprint.as_str())
}

/// The fingerprint in the id of a version; none where it is somebody else's.
pub(super) fn of_version_id(id: &str) -> Option<Fingerprint> {
    let (fingerprint, digits) = id.rsplit_once('-')?;
    let fits = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| Fingerprint::parse(fingerprint)).flatten()
}

/// The fingerprint of a version that is written beside it.
pub(super) fn paired(fingerprint: &Fingerprint, version: &str) -> String {
    format!("{}@{version}", fingerprint.as_str())
}

/// What [`paired`] wrote, if it was for this version.
pub(super) fn of_pair(text: &str, version: &str) -> Option<Fingerprint> {
    let (fingerprint, of) = text.split_once('@')?;
    (of == version)
        .then(|| Fingerprint::parse(fingerprint))
        .flatten()
}

/// Where a value comes from, for people, in at most `most` bytes.
pub(super) fn origin(origin: &Origin, most: usize) -> String {
    let mut text = format!("from {} at {}", origin.file, origin.revision);
    text.truncate(text.floor_char_boundary(most));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretBytes;
    use crate::sink::Fingerprints;

    fn fingerprint() -> Fingerprint {
        let keys = Fingerprints::new(&SecretBytes::new(vec![1; 32])).unwrap();
        keys.of("a", &SecretBytes::new(b"v".to_vec()))
    }

    #[test]
    fn the_id_of_a_version_reads_back_and_nothing_else_does() {
        let id = version_id(&fingerprint(), b"before", 0);
        assert!((32..=64).contains(&id.len()));
        assert_eq!(of_version_id(&id), Some(fingerprint()));
        assert_eq!(id, version_id(&fingerprint(), b"before", 0));
        assert_ne!(id, version_id(&fingerprint(), b"other", 0));
        assert_ne!(id, version_id(&fingerprint(), b"before", 1));
        for other in [
            "",
            "e7f0a1b2-0000-4000-8000-0123456789ab",
            fingerprint().as_str(),
            &format!("{id}0"),
        ] {
            assert_eq!(of_version_id(other), None, "{other}");
        }
    }

    #[test]
    fn a_pair_is_of_one_version() {
        let pair = paired(&fingerprint(), "3");
        assert_eq!(of_pair(&pair, "3"), Some(fingerprint()));
        assert_eq!(of_pair(&pair, "4"), None);
        assert_eq!(of_pair("x@3", "3"), None);
        assert_eq!(of_pair("", ""), None);
    }

    #[test]
    fn an_origin_is_cut_between_characters() {
        let from = Origin {
            revision: "main@sha1:ab".into(),
            file: "ä".repeat(100),
        };
        assert!(origin(&from, 1000).ends_with("at main@sha1:ab"));
        for most in 0..40 {
            assert!(origin(&from, most).len() <= most);
        }
    }
}
