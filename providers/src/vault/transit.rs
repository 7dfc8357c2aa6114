//! The transit engine: one call, with a token that somebody gives.
//! <https://developer.hashicorp.com/vault/api-docs/secret/transit#decrypt-data>

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::answer;
use super::connection::Connection;
use super::options::check_path;
use crate::http::{Answer, observed};
use crate::source::Observer;
use crate::{Error, ErrorKind, SecretBytes, retry};

const OPERATION: &str = "Decrypt";
/// What every ciphertext begins with.
const PREFIX: &str = "vault:v";
/// Longest ciphertext: a key is a few hundred bytes.
const LONGEST: usize = 64 * 1024;
/// Tries of a call.
const TRIES: u32 = 3;

/// The keys of one server, with whatever token a call brings: never with the one that the store is read with.
#[derive(Clone)]
pub struct Transit {
    connection: Connection,
    observer: Observer,
}

#[derive(Serialize)]
struct Asked<'a> {
    ciphertext: &'a str,
}

#[derive(Deserialize)]
struct Opened<'a> {
    #[serde(borrow)]
    data: Plain<'a>,
}

#[derive(Deserialize)]
struct Plain<'a> {
    plaintext: &'a str,
}

impl Transit {
    /// The transit engine at a store's server, in the store's namespace.
    #[must_use]
    pub fn new(connection: &Connection, observer: Observer) -> Self {
        Self {
            connection: connection.clone(),
            observer,
        }
    }

    /// What was encrypted with a key of the engine that is mounted at `engine`.
    ///
    /// # Errors
    /// The engine or the key cannot be meant or is not there, the token may not use it, or the ciphertext is
    /// none of this key.
    pub async fn decrypt(
        &self,
        engine: &str,
        key: &str,
        ciphertext: &str,
        token: &SecretBytes,
        deadline: Instant,
    ) -> Result<SecretBytes, Error> {
        let path = path(engine, key)?;
        if !ciphertext.starts_with(PREFIX) || ciphertext.len() > LONGEST {
            return Err(not_of(&path));
        }
        let body = serde_json::to_vec(&Asked { ciphertext }).map_err(|_| not_of(&path))?;
        for tried in 1.. {
            let post = self
                .connection
                .post(OPERATION, &path, body.clone(), Some(token), deadline);
            let asked = async { opened(&post.await?, &path) };
            let error = match observed(&self.observer, OPERATION, asked).await {
                Ok(plaintext) => return Ok(plaintext),
                Err(error) => error,
            };
            let passes = matches!(
                error.kind,
                ErrorKind::Throttled { .. } | ErrorKind::Unavailable
            );
            if !passes || tried >= TRIES || !retry::pause(tried, deadline).await {
                return Err(error);
            }
        }
        Err(not_of(&path))
    }
}

impl fmt::Debug for Transit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transit")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// `ENGINE/decrypt/KEY`, if it is no other request.
fn path(engine: &str, key: &str) -> Result<String, Error> {
    let engine = engine.trim_matches('/');
    if check_path(engine).is_err() || check_path(key).is_err() || key.contains('/') {
        let sentence = format!(
            "{engine:?} and {key:?} cannot be the mount and the key of a transit engine: they are made of A-Z a-z 0-9 . _ -"
        );
        return Err(Error::new(ErrorKind::Invalid, sentence));
    }
    Ok(format!("{engine}/decrypt/{key}"))
}

fn not_of(path: &str) -> Error {
    let sentence = format!(
        "what is to be decrypted was not encrypted for {path}: encrypt it anew with that key"
    );
    Error::new(ErrorKind::Invalid, sentence)
}

fn opened(answer: &Answer, path: &str) -> Result<SecretBytes, Error> {
    match answer.status {
        200 => {}
        400 => return Err(not_of(path)),
        403 => {
            let sentence = format!(
                "the token may not decrypt, or is over: grant the capability update on {path} to its policies"
            );
            return Err(Error::new(ErrorKind::Denied, sentence));
        }
        404 => {
            let sentence = format!("there is no transit engine that has {path}");
            return Err(Error::new(ErrorKind::NotFound, sentence));
        }
        _ => return Err(answer::refused(answer, path, path)),
    }
    let senseless = || answer.senseless(path);
    let opened: Opened<'_> = serde_json::from_slice(&answer.body).map_err(|_| senseless())?;
    let plaintext = STANDARD.decode(opened.data.plaintext);
    plaintext.map(SecretBytes::new).map_err(|_| senseless())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_one_engine_and_one_key() {
        assert_eq!(
            path("transit", "sops").as_deref(),
            Ok("transit/decrypt/sops")
        );
        assert_eq!(
            path("team/keys/", "a-1").as_deref(),
            Ok("team/keys/decrypt/a-1")
        );
        for (engine, key) in [
            ("", "a"),
            ("transit", ""),
            ("transit", "a/b"),
            ("transit", ".."),
            ("transit/../sys", "a"),
            ("transit", "a?b"),
            ("tran sit", "a"),
        ] {
            assert!(path(engine, key).is_err(), "{engine} {key}");
        }
    }
}
