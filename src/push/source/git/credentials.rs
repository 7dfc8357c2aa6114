//! With what a repository is asked for. Pure.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_providers::SecretBytes;
use zeroize::Zeroizing;

use crate::push::secret::Data;

/// The user's name that goes with a token alone: GitHub's own, and other hosts take any.
const WITH_TOKEN: &[u8] = b"x-access-token";

/// Credentials of one repository, and the CA that it is trusted by.
pub struct Credentials {
    authorization: Option<(&'static str, SecretBytes)>,
    ca: Option<Vec<u8>>,
}

impl Credentials {
    /// Those of a Secret: `bearerToken`; `username` with `password` or `token`; `token` or `githubToken`
    /// alone. `ca.crt` or `caFile`, in PEM, stands beside them or alone.
    ///
    /// # Errors
    /// One sentence: what is missing, or cannot be used.
    pub fn of(secret: &Data) -> Result<Self, String> {
        let get = |keys: &[&str]| {
            let found = keys.iter().find_map(|key| secret.get(*key));
            found.filter(|value| !value.is_empty())
        };
        let ca = get(&["ca.crt", "caFile"]).map(|pem| pem.expose().to_vec());
        let (user, token) = (get(&["username"]), get(&["token", "githubToken"]));
        let authorization = if let Some(bearer) = get(&["bearerToken"]) {
            Some(("Bearer ", plain(bearer)?.clone()))
        } else if let (Some(user), Some(password)) = (user, get(&["password"]).or(token)) {
            Some(("Basic ", basic(plain(user)?.expose(), plain(password)?)?))
        } else if let Some(token) = token {
            Some(("Basic ", basic(WITH_TOKEN, plain(token)?)?))
        } else if user.is_some() {
            return Err(refusal("has a username without password or token: add one"));
        } else if let Some(key) = [
            "identity",
            "sshPrivateKey",
            "ssh-privatekey",
            "githubAppPrivateKey",
        ]
        .iter()
        .find(|key| secret.contains_key(**key))
        {
            return Err(refusal(&format!(
                "has {key}, and neither SSH nor GitHub Apps are spoken here: write username and password, token or bearerToken"
            )));
        } else if ca.is_some() {
            None
        } else {
            return Err(refusal(
                "has no credentials: write username and password, token or bearerToken",
            ));
        };
        Ok(Self { authorization, ca })
    }

    pub(super) fn authorization(&self) -> Option<(&'static str, SecretBytes)> {
        self.authorization.clone()
    }

    pub(super) fn is_secret(&self) -> bool {
        self.authorization.is_some()
    }

    pub(super) fn ca(&self) -> Option<&[u8]> {
        self.ca.as_deref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

fn refusal(why: &str) -> String {
    format!("the Secret that gitCredentials names {why}")
}

/// Refuses what nobody means to send: a line break that an editor or `echo` has left.
fn plain(value: &SecretBytes) -> Result<&SecretBytes, String> {
    if value.expose().iter().any(u8::is_ascii_control) {
        return Err(refusal(
            "has a line break or control character in a credential: write it without (printf, not echo)",
        ));
    }
    Ok(value)
}

/// RFC 7617.
fn basic(user: &[u8], password: &SecretBytes) -> Result<SecretBytes, String> {
    if user.contains(&b':') {
        return Err(refusal(
            "has a username with a \":\" in it, which none can have",
        ));
    }
    let pair = Zeroizing::new([user, b":", password.expose()].concat());
    Ok(SecretBytes::from(STANDARD.encode(&*pair)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(keys: &[(&str, &str)]) -> Result<(String, String), String> {
        let data = keys
            .iter()
            .map(|(key, value)| ((*key).to_owned(), SecretBytes::from((*value).to_owned())));
        let credentials = Credentials::of(&data.collect())?;
        let (scheme, secret) = credentials.authorization().unwrap();
        let text = String::from_utf8(secret.expose().to_vec()).unwrap();
        let text = if scheme == "Basic " {
            String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
        } else {
            text
        };
        Ok((scheme.trim().to_owned(), text))
    }

    #[test]
    fn the_ways_to_write_them() {
        let pair = |scheme: &str, text: &str| Ok((scheme.to_owned(), text.to_owned()));
        assert_eq!(
            of(&[("username", "u"), ("password", "p")]),
            pair("Basic", "u:p")
        );
        assert_eq!(
            of(&[("username", "u"), ("token", "t")]),
            pair("Basic", "u:t")
        );
        assert_eq!(of(&[("token", "t")]), pair("Basic", "x-access-token:t"));
        assert_eq!(
            of(&[("githubToken", "t")]),
            pair("Basic", "x-access-token:t")
        );
        assert_eq!(
            of(&[("bearerToken", "t"), ("username", "u")]),
            pair("Bearer", "t")
        );
    }

    #[test]
    fn what_cannot_be_used_is_said_without_being_shown() {
        for (keys, said) in [
            (&[][..], "no credentials"),
            (&[("token", "")], "no credentials"),
            (&[("username", "marker")], "without password"),
            (&[("identity", "marker")], "SSH"),
            (&[("githubAppPrivateKey", "marker")], "GitHub Apps"),
            (&[("token", "marker\n")], "line break"),
            (
                &[("username", "mar:ker"), ("password", "marker")],
                "with a \":\"",
            ),
        ] {
            let why = of(keys).unwrap_err();
            assert!(why.contains(said) && !why.contains("marker"), "{why}");
        }
    }

    #[test]
    fn a_ca_can_stand_alone_and_nothing_is_shown() {
        let data = Data::from([("ca.crt".to_owned(), SecretBytes::from("pem".to_owned()))]);
        let credentials = Credentials::of(&data).unwrap();
        assert!(!credentials.is_secret() && credentials.ca() == Some(b"pem"));
        assert_eq!(format!("{credentials:?}"), "Credentials { .. }");
    }
}
