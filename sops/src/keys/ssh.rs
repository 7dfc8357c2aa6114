//! SSH keys that age takes: ed25519 and RSA, in OpenSSH's form or in that of PKCS#1.

use age::{Identity, ssh};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::limits;

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";

/// The key of a file, which may have text above it.
///
/// # Errors
/// One clause that holds nothing of it.
pub(super) fn identity(text: &str) -> Result<Box<dyn Identity + Send + Sync>, String> {
    let start = text.find("-----BEGIN").unwrap_or(0);
    let text = &text[start..];
    if text.len() > limits::SSH_KEY {
        return Err(format!(
            "the SSH key has more than {} bytes, and one of RSA with 8192 bits has fewer",
            limits::SSH_KEY
        ));
    }
    let broken = || "it is no SSH key of OpenSSH".to_owned();
    if let Some(body) = text.strip_prefix(BEGIN) {
        let body = &body[..body.find(END).ok_or_else(broken)?];
        let body: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let body = Zeroizing::new(STANDARD.decode(&*body).map_err(|_| broken())?);
        if has_empty_number(&body) {
            return Err(broken());
        }
    }
    match ssh::Identity::from_buffer(text.as_bytes(), None) {
        Ok(identity @ ssh::Identity::Unencrypted(_)) => Ok(Box::new(identity)),
        Ok(ssh::Identity::Encrypted(_)) => {
            Err("the SSH key has a passphrase: take it off with `ssh-keygen -p`".to_owned())
        }
        Ok(ssh::Identity::Unsupported(_)) => {
            Err("the SSH key is of a kind that age does not take: ed25519 and RSA are".to_owned())
        }
        Err(_) => Err(broken()),
    }
}

/// Whether a number of an RSA key has no digit but 0, which makes age 0.12 panic. Other flaws it finds itself.
fn has_empty_number(key: &[u8]) -> bool {
    numbers(key)
        .unwrap_or_default()
        .iter()
        .any(|number| !number.is_empty() && number.iter().all(|&byte| byte == 0))
}

/// The six numbers of an RSA key without a passphrase: PROTOCOL.key of OpenSSH. As many as there are.
fn numbers(key: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = key.strip_prefix(b"openssh-key-v1\0")?;
    // Cipher, derivation of its key, options of that.
    for _ in 0..3 {
        string(&mut rest)?;
    }
    // One key; its public half.
    rest = rest.get(4..)?;
    string(&mut rest)?;
    let mut rest = string(&mut rest)?;
    // Twice the same number.
    rest = rest.get(8..)?;
    if string(&mut rest)? != b"ssh-rsa" {
        return None;
    }
    Some((0..6).map_while(|_| string(&mut rest)).collect())
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(text)
}
