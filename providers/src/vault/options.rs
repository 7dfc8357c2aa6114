//! What the operator writes about a Vault, and what of it cannot be meant. Pure.

use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, ErrorKind};

/// Where a role's name takes the namespace of the ServiceAccount.
const NAMESPACE: &str = "{namespace}";
/// Where it takes the ServiceAccount's name.
const SERVICE_ACCOUNT: &str = "{serviceaccount}";
/// Audience of the tokens that a login shows.
const AUDIENCE: &str = "vault";

/// How a Vault is reached; written by the operator, never by an annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `https://HOST:PORT`, or with a path where a proxy has it there.
    pub address: String,
    /// The namespace of mount and login; none is the root.
    pub namespace: Option<String>,
    /// Where the key-value engine is mounted.
    pub mount: String,
    /// Which version of it.
    pub engine: Engine,
    /// How tokens are got.
    pub auth: Auth,
    /// Certificates trusted besides the system's, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Longest that a login may take, and a connection in part.
    pub timeout: Duration,
}

impl Options {
    /// The defaults: version 2 of the engine at `secret`.
    pub fn new(address: impl Into<String>, auth: Auth) -> Self {
        Self {
            address: address.into(),
            namespace: None,
            mount: "secret".to_owned(),
            engine: Engine::V2,
            auth,
            ca_pem: None,
            timeout: Duration::from_secs(10),
        }
    }

    /// Refuses what would become another request than the one that is meant.
    pub(super) fn check(&self) -> Result<(), Error> {
        check_path(&self.mount)?;
        if let Some(namespace) = &self.namespace {
            check_path(namespace)?;
        }
        if let Auth::Login(login) = &self.auth {
            check_path(&login.mount)?;
            login.check()?;
        }
        Ok(())
    }
}

/// The version of the key-value engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    /// Keeps one value per path.
    V1,
    /// Keeps versions.
    #[default]
    V2,
}

/// How tokens are got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// A token in a file, for the program's own identity only.
    TokenFile(PathBuf),
    /// A login with a ServiceAccount's token.
    Login(Login),
}

/// Which auth method a login is for; both take a role and a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Asks the cluster about the token.
    Kubernetes,
    /// Checks the token's signature with the cluster's keys.
    Jwt,
}

impl Method {
    /// Where it is mounted unless somebody said otherwise.
    #[must_use]
    pub fn mount(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Jwt => "jwt",
        }
    }
}

/// A login with a ServiceAccount's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Where the method is mounted, without `auth/`.
    pub mount: String,
    /// The role, in which `{namespace}` and `{serviceaccount}` are those of the ServiceAccount.
    pub role: String,
    /// Audience of the token; the role has to name it too.
    pub audience: String,
    /// The program's own token for that audience, read again for each login.
    pub token_file: PathBuf,
}

impl Login {
    /// The defaults of a method: its usual mount and the audience `vault`.
    pub fn new(method: Method, role: impl Into<String>) -> Self {
        Self {
            mount: method.mount().to_owned(),
            role: role.into(),
            audience: AUDIENCE.to_owned(),
            token_file: PathBuf::from("/var/run/secrets/jasm/vault/token"),
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.role.is_empty() || self.audience.is_empty() {
            return Err(refuse("a login needs a role and an audience"));
        }
        check_role(&self.role)
    }

    /// Whether the role depends on who reads.
    pub(super) fn templated(&self) -> bool {
        self.role.contains('{')
    }

    /// The role of a ServiceAccount. Names of either hold no braces, so nothing is replaced twice.
    pub(super) fn role_of(&self, namespace: &str, service_account: &str) -> String {
        self.role
            .replace(NAMESPACE, namespace)
            .replace(SERVICE_ACCOUNT, service_account)
    }
}

/// A role's name, in which the reader's names may stand.
///
/// # Errors
/// Other braces, or characters that no name has.
pub fn check_role(role: &str) -> Result<(), Error> {
    let plain = role.replace(NAMESPACE, "").replace(SERVICE_ACCOUNT, "");
    if plain.contains(['{', '}']) || plain.chars().any(char::is_control) {
        return Err(refuse(
            "the role of a vault store may hold {namespace} and {serviceaccount}, and no other braces",
        ));
    }
    Ok(())
}

/// A mount or namespace: a name of one or more parts, as a URL and a header can hold it.
///
/// # Errors
/// It would become another request.
pub fn check_path(text: &str) -> Result<(), Error> {
    let fits = |part: &str| {
        !part.is_empty()
            && !part.contains("..")
            && part != "."
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if text.split('/').all(fits) {
        Ok(())
    } else {
        Err(refuse(
            "a mount or namespace of a vault store has to be made of A-Z a-z 0-9 . _ - and single / between parts",
        ))
    }
}

fn refuse(sentence: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: impl FnOnce(&mut Options, &mut Login)) -> Result<(), Error> {
        let mut login = Login::new(Method::Kubernetes, "reader");
        let mut options = Options::new("https://vault", Auth::TokenFile(PathBuf::new()));
        change(&mut options, &mut login);
        options.auth = Auth::Login(login);
        options.check()
    }

    #[test]
    fn what_is_usual_is_taken() {
        assert_eq!(options(|_, _| ()), Ok(()));
        let taken = options(|options, login| {
            options.mount = "team/kv-2".to_owned();
            options.namespace = Some("org/team_a".to_owned());
            login.mount = "k8s/eu.1".to_owned();
            login.role = "{namespace}-{serviceaccount}".to_owned();
        });
        assert_eq!(taken, Ok(()));
    }

    #[test]
    fn what_would_ask_for_something_else_is_refused() {
        for hostile in [
            "", "/", "a/", "/a", "a//b", "../sys", "a/..", "a..b", ".", "a b", "a%2fb", "a?b",
            "a\nb", "ä",
        ] {
            let text = hostile.to_owned();
            assert!(
                options(|options, _| options.mount = text.clone()).is_err(),
                "{hostile:?}"
            );
            assert!(
                options(|options, _| options.namespace = Some(text.clone())).is_err(),
                "{hostile:?}"
            );
            assert!(
                options(|_, login| login.mount = text.clone()).is_err(),
                "{hostile:?}"
            );
        }
        for role in ["", "{pod}", "{namespace", "a\nb"] {
            assert!(
                options(|_, login| login.role = role.to_owned()).is_err(),
                "{role:?}"
            );
        }
        assert!(options(|_, login| login.audience = String::new()).is_err());
    }

    #[test]
    fn a_role_is_that_of_the_service_account() {
        let login = Login::new(Method::Jwt, "jasm-{namespace}-{serviceaccount}");
        assert_eq!(login.role_of("shop", "web"), "jasm-shop-web");
        assert!(login.templated() && !Login::new(Method::Jwt, "plain").templated());
    }
}
