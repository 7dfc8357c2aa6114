//! Identities of age: X25519, and SSH keys of the kinds ed25519 and RSA.

use std::io::Read as _;

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity, ssh, x25519};
use zeroize::Zeroizing;

use crate::limits;

#[derive(Default)]
pub(super) struct Identities(Vec<Box<dyn Identity + Send + Sync>>);

impl Identities {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        let before = self.0.len();
        if text.contains("PRIVATE KEY-----") {
            self.0.push(ssh_identity(text)?);
        } else {
            for (index, line) in text.lines().enumerate() {
                let line = line.trim();
                if !line.is_empty() && !line.starts_with('#') {
                    self.0
                        .push(native(line).map_err(|why| format!("line {} {why}", index + 1))?);
                }
            }
        }
        if self.0.len() == before {
            return Err("it has no age identity, which begins with AGE-SECRET-KEY-1".to_owned());
        }
        if self.0.len() > limits::IDENTITIES {
            return Err(format!(
                "there are more than {} age identities",
                limits::IDENTITIES
            ));
        }
        Ok(())
    }

    pub(super) fn decrypt(&self, recipient: &str, enc: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        if recipient.starts_with("age1pq1") {
            return Err("recipients of the post-quantum kind age1pq are not supported: add one of the kind age1".to_owned());
        }
        if self.0.is_empty() {
            return Err("there is no age identity (a key ….agekey of the Secret)".to_owned());
        }
        if enc.is_empty() {
            return Err("the file holds no data key for it".to_owned());
        }
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(enc.as_bytes()))
            .map_err(|error| reason(&error).to_owned())?;
        if decryptor.is_scrypt() {
            return Err("it is encrypted with a passphrase".to_owned());
        }
        let reader = decryptor
            .decrypt(self.0.iter().map(|identity| &**identity as &dyn Identity))
            .map_err(|error| reason(&error).to_owned())?;
        let mut part = Zeroizing::new(Vec::with_capacity(64));
        reader
            .take(limits::PART)
            .read_to_end(&mut part)
            .map_err(|_| "what is encrypted for it was changed".to_owned())?;
        Ok(part)
    }
}

fn native(line: &str) -> Result<Box<dyn Identity + Send + Sync>, &'static str> {
    if line.starts_with("age1") || line.starts_with("ssh-") {
        return Err("is a recipient, the public half: the identity begins with AGE-SECRET-KEY-1");
    }
    if line.starts_with("AGE-SECRET-KEY-PQ-") {
        return Err(
            "is an identity of the post-quantum kind, which is not supported: make one with `age-keygen` without -pq",
        );
    }
    if line.starts_with("AGE-PLUGIN-") {
        return Err("is an identity of a plugin, and plugins are not run");
    }
    line.parse::<x25519::Identity>()
        .map(|identity| Box::new(identity) as _)
        .map_err(|_| "is no age identity, which begins with AGE-SECRET-KEY-1")
}

fn ssh_identity(text: &str) -> Result<Box<dyn Identity + Send + Sync>, String> {
    let start = text.find("-----BEGIN").unwrap_or(0);
    match ssh::Identity::from_buffer(&text.as_bytes()[start..], None) {
        Ok(identity @ ssh::Identity::Unencrypted(_)) => Ok(Box::new(identity)),
        Ok(ssh::Identity::Encrypted(_)) => {
            Err("the SSH key has a passphrase: take it off with `ssh-keygen -p`".to_owned())
        }
        Ok(ssh::Identity::Unsupported(_)) => {
            Err("the SSH key is of a kind that age does not take: ed25519 and RSA are".to_owned())
        }
        Err(_) => Err("it is no SSH key of OpenSSH".to_owned()),
    }
}

fn reason(error: &DecryptError) -> &'static str {
    match error {
        DecryptError::NoMatchingKeys => "no age identity is the one it is encrypted for",
        DecryptError::UnknownFormat => {
            "what is encrypted for it is of a version of age that is not known"
        }
        DecryptError::KeyDecryptionFailed => "an age identity could not be used",
        _ => "what is encrypted for it was changed, or is nothing that age writes",
    }
}
