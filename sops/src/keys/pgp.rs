//! Secret keys of PGP.

use std::io::Read as _;

use pgp::composed::{DecryptionOptions, Deserializable as _, Message, SignedSecretKey, TheRing};
use pgp::types::Password;
use zeroize::Zeroizing;

use crate::limits;

const BEGIN: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";
const END: &str = "-----END PGP PRIVATE KEY BLOCK-----";

#[derive(Default)]
pub(super) struct Identities(Vec<SignedSecretKey>);

impl Identities {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        let broken = || {
            "it has no PGP secret key in ASCII armour: export it with `gpg --armor --export-secret-keys`".to_owned()
        };
        let before = self.0.len();
        // Files are put together of several, and the library reads one block.
        for (start, _) in text.match_indices(BEGIN) {
            let block = &text[start..];
            let end = block.find(END).ok_or_else(broken)? + END.len();
            let (keys, _) =
                SignedSecretKey::from_armor_many(&block.as_bytes()[..end]).map_err(|_| broken())?;
            for key in keys {
                self.push(key.map_err(|_| broken())?)?;
            }
        }
        if self.0.len() == before {
            return Err(if text.contains("BEGIN PGP PUBLIC KEY") {
                "it is a public key: export the secret one with `gpg --armor --export-secret-keys`"
                    .to_owned()
            } else {
                broken()
            });
        }
        Ok(())
    }

    fn push(&mut self, key: SignedSecretKey) -> Result<(), String> {
        let locked = key.primary_key.secret_params().is_encrypted()
            && key
                .secret_subkeys
                .iter()
                .all(|subkey| subkey.key.secret_params().is_encrypted());
        if locked {
            return Err("the PGP key has a passphrase: export it without one".to_owned());
        }
        if self.0.len() == limits::IDENTITIES {
            return Err(format!(
                "there are more than {} PGP keys",
                limits::IDENTITIES
            ));
        }
        self.0.push(key);
        Ok(())
    }

    pub(super) fn decrypt(&self, enc: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        if self.0.is_empty() {
            return Err("there is no PGP key (a key ….asc of the Secret)".to_owned());
        }
        if enc.is_empty() {
            return Err("the file holds no data key for it".to_owned());
        }
        let changed =
            || "what is encrypted for it was changed, or is nothing that PGP writes".to_owned();
        let password = Password::empty();
        let (message, _) = Message::from_armor(enc.as_bytes()).map_err(|_| changed())?;
        let ring = TheRing {
            secret_keys: self.0.iter().collect(),
            key_passwords: vec![&password],
            // What GnuPG writes for keys that say so.
            decrypt_options: DecryptionOptions::new().enable_gnupg_aead(),
            ..TheRing::default()
        };
        let (mut message, _) =
            message
                .decrypt_the_ring(ring, true)
                .map_err(|error| match error {
                    pgp::errors::Error::MissingKey => {
                        "no PGP key is the one it is encrypted for".to_owned()
                    }
                    _ => changed(),
                })?;
        // A signature inside would be one layer more; nothing is known of signers here.
        for _ in 0..3 {
            if !message.is_compressed() {
                break;
            }
            message = message.decompress().map_err(|_| changed())?;
        }
        let mut part = Zeroizing::new(Vec::with_capacity(64));
        message
            .take(limits::PART)
            .read_to_end(&mut part)
            .map_err(|_| changed())?;
        Ok(part)
    }
}
