//! Secret keys of PGP.

use std::io::Read as _;

use pgp::composed::{
    DecryptionOptions, Deserializable as _, Esk, Message, SignedSecretKey, TheRing,
};
use pgp::types::Password;
use zeroize::Zeroizing;

use crate::count::Work;
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
        let mut rest = text;
        while let Some(start) = rest.find(BEGIN) {
            let block = &rest[start..];
            let end = block.find(END).ok_or_else(broken)? + END.len();
            let (block, behind) = block.split_at(end);
            rest = behind;
            let (keys, _) =
                SignedSecretKey::from_armor_many(block.as_bytes()).map_err(|_| broken())?;
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

    fn push(&mut self, mut key: SignedSecretKey) -> Result<(), String> {
        let locked = key.primary_key.secret_params().is_encrypted()
            && key
                .secret_subkeys
                .iter()
                .all(|subkey| subkey.key.secret_params().is_encrypted());
        if locked {
            return Err("the PGP key has a passphrase: export it without one".to_owned());
        }
        // Nothing is ever tried as their passphrase: what that takes, up to terabytes, the file would say.
        key.secret_subkeys
            .retain(|subkey| !subkey.key.secret_params().is_encrypted());
        if self.0.len() == limits::IDENTITIES {
            return Err(format!(
                "there are more than {} PGP keys",
                limits::IDENTITIES
            ));
        }
        self.0.push(key);
        Ok(())
    }

    pub(super) fn decrypt(&self, enc: &str, work: &mut Work) -> Result<Zeroizing<Vec<u8>>, String> {
        if self.0.is_empty() {
            return Err("there is no PGP key (a key ….asc of the Secret)".to_owned());
        }
        if enc.is_empty() {
            return Err("the file holds no data key for it".to_owned());
        }
        let changed =
            || "what is encrypted for it was changed, or is nothing that PGP writes".to_owned();
        let password = Password::empty();
        let mut plain = Zeroizing::new(Vec::new());
        let (message, _) = Message::from_armor(enc.as_bytes()).map_err(|_| changed())?;
        let Message::Encrypted { esk, .. } = &message else {
            return Err(changed());
        };
        let ring = TheRing {
            secret_keys: self.tried(esk, work)?,
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
        // Read apart, and never further than a key is long: what is in it may be of any size.
        if let Message::Compressed { reader, .. } = message {
            reader
                .decompress()
                .map_err(|_| changed())?
                .take(limits::DECOMPRESSED)
                .read_to_end(&mut plain)
                .map_err(|_| changed())?;
            message = Message::from_bytes(plain.as_slice()).map_err(|_| changed())?;
        }
        if !message.is_literal() && !message.is_signed() {
            return Err(changed());
        }
        let mut part = Zeroizing::new(Vec::with_capacity(64));
        message
            .take(limits::PART)
            .read_to_end(&mut part)
            .map_err(|_| changed())?;
        Ok(part)
    }

    /// The keys that a message may be for; what they have to do is counted beforehand.
    fn tried(&self, esk: &[Esk], work: &mut Work) -> Result<Vec<&SignedSecretKey>, String> {
        if esk.len() > limits::SESSION_KEYS {
            return Err(format!(
                "what is encrypted for it has more than {} session keys, and SOPS writes one",
                limits::SESSION_KEYS
            ));
        }
        let mut tried = Vec::new();
        for key in &self.0 {
            let mut matches = 0;
            let mut locked = false;
            for esk in esk {
                let Esk::PublicKeyEncryptedSessionKey(esk) = esk else {
                    continue;
                };
                if esk.match_identity(key.primary_key.public_key()) {
                    matches += 1;
                    locked |= key.primary_key.secret_params().is_encrypted();
                }
                matches += key
                    .secret_subkeys
                    .iter()
                    .filter(|subkey| esk.match_identity(subkey.public_key()))
                    .count();
            }
            if matches > 0 && !locked {
                work.add(matches.saturating_mul(limits::HEAVY))?;
                tried.push(key);
            }
        }
        Ok(tried)
    }
}
