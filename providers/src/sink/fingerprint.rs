//! Keyed digests of values: whether a value is the one that was written, without reading it. Pure.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, SecretBytes};

/// Bytes of a key.
pub const KEY: usize = 32;
/// Hexadecimal digits that name the key.
const ID: usize = 8;
/// Hexadecimal digits of the digest: 160 bits.
const DIGEST: usize = 40;

/// The keyed digest of one entry's name and value: `<key's name>-<digest>`, 49 characters of `[0-9a-f-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Length in characters.
    pub const LENGTH: usize = ID + 1 + DIGEST;

    /// What [`as_str`](Self::as_str) gave; none of anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, digest) = text.split_once('-')?;
        let is_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let fits = id.len() == ID && digest.len() == DIGEST && is_hex(id) && is_hex(digest);
        fits.then(|| Self(text.to_owned()))
    }

    /// As it stands on an entry.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes fingerprints with one key. Without the key a digest tells nothing, however few values are likely.
#[derive(Clone)]
pub struct Fingerprints {
    key: Zeroizing<[u8; KEY]>,
    id: String,
}

impl Fingerprints {
    /// Those of a key.
    ///
    /// # Errors
    /// The key is not [`KEY`] bytes long.
    pub fn new(key: &SecretBytes) -> Result<Self, Error> {
        let bytes: [u8; KEY] = key.expose().try_into().map_err(|_| {
            let sentence = format!("the key of fingerprints is not {KEY} bytes long");
            Error::new(ErrorKind::Invalid, sentence)
        })?;
        let key = Zeroizing::new(bytes);
        let id = hex(&digest(&key, &[b"id"])[..ID / 2]);
        Ok(Self { key, id })
    }

    /// A new random key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn random() -> Result<SecretBytes, Error> {
        let mut key = vec![0; KEY];
        getrandom::fill(&mut key)
            .map_err(|_| Error::new(ErrorKind::Unavailable, "the system has no randomness"))?;
        Ok(SecretBytes::new(key))
    }

    /// The fingerprint of a value under a name.
    #[must_use]
    pub fn of(&self, name: &str, value: &SecretBytes) -> Fingerprint {
        // The length parts them, so that no two pairs are one text.
        let length = (name.len() as u64).to_be_bytes();
        let digest = digest(&self.key, &[&length, name.as_bytes(), value.expose()]);
        Fingerprint(format!("{}-{}", self.id, hex(&digest[..DIGEST / 2])))
    }

    /// Whether it was made with this key; one of another key says nothing.
    #[must_use]
    pub fn made(&self, fingerprint: &Fingerprint) -> bool {
        fingerprint
            .0
            .split_once('-')
            .is_some_and(|(id, _)| id == self.id)
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprints")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn digest(key: &[u8; KEY], parts: &[&[u8]]) -> [u8; 32] {
    // What HMAC does itself with a key shorter than the hash's block (RFC 2104, 2), without a way to fail.
    let mut block = Zeroizing::new([0; 64]);
    block[..KEY].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&(*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_key(byte: u8) -> Fingerprints {
        Fingerprints::new(&SecretBytes::new(vec![byte; KEY])).unwrap()
    }

    #[test]
    fn a_fingerprint_tells_key_name_and_value_apart() {
        let value = |text: &str| SecretBytes::from(text.to_owned());
        let (one, two) = (of_key(1), of_key(2));
        let first = one.of("a", &value("bc"));
        assert_eq!(first, one.of("a", &value("bc")));
        assert_ne!(first, one.of("ab", &value("c")));
        assert_ne!(first, one.of("a", &value("bd")));
        assert_ne!(first, two.of("a", &value("bc")));
        assert!(one.made(&first) && !two.made(&first));
        assert_eq!(first.as_str().len(), Fingerprint::LENGTH);
        assert_eq!(Fingerprint::parse(first.as_str()), Some(first));
        for other in ["", "x", "12345678-", &"a".repeat(49)] {
            assert_eq!(Fingerprint::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_key_has_its_length_and_is_not_shown() {
        assert!(Fingerprints::new(&SecretBytes::new(vec![0; 31])).is_err());
        let key = Fingerprints::random().unwrap();
        assert_ne!(key.expose(), Fingerprints::random().unwrap().expose());
        let shown = format!("{:?}", Fingerprints::new(&key).unwrap());
        assert!(shown.len() < 60, "{shown}");
    }
}
