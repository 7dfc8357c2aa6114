//! Identities of age: X25519, and SSH keys of the kinds ed25519 and RSA.

use std::io::Read as _;

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity, x25519};
use zeroize::Zeroizing;

use super::ssh;
use crate::count::Work;
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
            self.0.push(ssh::identity(text)?);
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

    pub(super) fn decrypt(
        &self,
        recipient: &str,
        enc: &str,
        work: &mut Work,
    ) -> Result<Zeroizing<Vec<u8>>, String> {
        if recipient.starts_with("age1pq1") {
            return Err("recipients of the post-quantum kind age1pq are not supported: add one of the kind age1".to_owned());
        }
        if self.0.is_empty() {
            return Err("there is no age identity (a key ….agekey of the Secret)".to_owned());
        }
        if enc.is_empty() {
            return Err("the file holds no data key for it".to_owned());
        }
        let changed = || "what is encrypted for it was changed".to_owned();
        let mut file = Vec::with_capacity(enc.len());
        ArmoredReader::new(enc.as_bytes())
            .read_to_end(&mut file)
            .map_err(|_| changed())?;
        work.add(self.0.len() * stanzas(&file)?)?;
        let decryptor =
            Decryptor::new_buffered(file.as_slice()).map_err(|error| reason(&error).to_owned())?;
        if decryptor.is_scrypt() {
            return Err("it is encrypted with a passphrase".to_owned());
        }
        let reader = decryptor
            .decrypt(self.0.iter().map(|identity| &**identity as &dyn Identity))
            .map_err(|error| {
                // It was for one of them, whose key was used.
                if !matches!(error, DecryptError::NoMatchingKeys)
                    && let Err(why) = work.add(limits::HEAVY)
                {
                    return why;
                }
                reason(&error).to_owned()
            })?;
        work.add(limits::HEAVY)?;
        let mut part = Zeroizing::new(Vec::with_capacity(64));
        reader
            .take(limits::PART)
            .read_to_end(&mut part)
            .map_err(|_| changed())?;
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

/// How many stanzas a header has that an identity may try.
///
/// # Errors
/// One clause, where the header is longer than age reads in a moment.
fn stanzas(file: &[u8]) -> Result<usize, String> {
    let mut lines = 0;
    let mut stanzas = 0;
    for line in file.split(|&byte| byte == b'\n') {
        if line.starts_with(b"---") {
            break;
        }
        lines += 1;
        if lines > limits::HEADER_LINES {
            return Err(format!(
                "what is encrypted for it has a header of more than {} lines, and SOPS writes a few",
                limits::HEADER_LINES
            ));
        }
        stanzas += usize::from(line.starts_with(b"-> X25519 ") || line.starts_with(b"-> ssh-"));
    }
    Ok(stanzas)
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
