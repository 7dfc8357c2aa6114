//! A version token where the store has none: version 1 of the engine keeps no versions.
//!
//! HMAC-SHA256 under a key that this process made and nobody sees. A token is printed and kept, and from
//! a plain hash of a short secret the secret can be guessed. After a restart the tokens are others, which
//! alone causes no write.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, VersionToken};

/// Bytes of the hash in a token: enough that two values of one path never have the same.
const SHOWN: usize = 16;

/// Makes tokens; two of them make different ones.
pub(super) struct Marker(Zeroizing<[u8; 32]>);

impl Marker {
    pub(super) fn new() -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| unusable())?;
        Ok(Self(key))
    }

    /// The token of a value at a path.
    pub(super) fn token(&self, path: &str, value: &[u8]) -> Result<VersionToken, Error> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).map_err(|_| unusable())?;
        // No path holds a zero byte, so no path and value together are like another two.
        mac.update(path.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        let mut text = "hmac-".to_owned();
        for byte in mac.finalize().into_bytes().iter().take(SHOWN) {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(VersionToken(text))
    }
}

fn unusable() -> Error {
    let sentence = "the system gives no random numbers, which version tokens need";
    Error::new(ErrorKind::Unavailable, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_that_of_path_value_and_process() {
        let (ours, theirs) = (Marker::new().unwrap(), Marker::new().unwrap());
        let token = ours.token("a", b"1").unwrap();
        assert_eq!(token, ours.token("a", b"1").unwrap());
        for other in [
            ours.token("a", b"2"),
            ours.token("b", b"1"),
            theirs.token("a", b"1"),
        ] {
            assert_ne!(token, other.unwrap());
        }
        assert_eq!(token.0.len(), "hmac-".len() + 2 * SHOWN);
    }
}
