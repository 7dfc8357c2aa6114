//! References to Key Vault in values of App Configuration: whose they may be, and what they name. Pure.

use azure_core::http::Url;
use serde::Deserialize;

use super::connection::check_name;
use crate::{EntryRef, Error, ErrorKind, Kind, Scope};

/// The media type of a value that is a reference; parameters may follow.
const MEDIA: &str = "application/vnd.microsoft.appconfig.keyvaultref+json";
/// That of a feature flag.
const FLAG: &str = "application/vnd.microsoft.appconfig.ff+json";

/// What a value is, by its media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What is written.
    Value,
    /// A reference to a secret of a vault.
    Reference,
    /// A feature flag.
    Flag,
}

/// What a value is.
pub(super) fn form(media: Option<&str>) -> Form {
    let media = media.and_then(|media| media.split(';').next());
    let media = media.unwrap_or_default().trim();
    if media.eq_ignore_ascii_case(MEDIA) {
        Form::Reference
    } else if media.eq_ignore_ascii_case(FLAG) {
        Form::Flag
    } else {
        Form::Value
    }
}

#[derive(Deserialize)]
struct Reference {
    uri: String,
}

/// The vault, of those that are allowed, and the secret that a reference names.
///
/// # Errors
/// It is none, or one to another vault: nothing is asked then.
pub(super) fn target(
    text: &str,
    suffix: &str,
    vaults: &[String],
    subject: &str,
) -> Result<(String, EntryRef), Error> {
    let bad = || {
        Error::new(
            ErrorKind::Invalid,
            format!(
                "{subject} is a reference to key vault that names no secret: its uri has to be \
                 https://VAULT.{suffix}/secrets/NAME"
            ),
        )
    };
    let reference: Reference = serde_json::from_str(text).map_err(|_| bad())?;
    let url = Url::parse(&reference.uri).map_err(|_| bad())?;
    let plain = url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain {
        return Err(bad());
    }
    let host = url.host_str().unwrap_or_default();
    let vault = host
        .strip_suffix(suffix)
        .and_then(|rest| rest.strip_suffix('.'));
    let listed = vault.and_then(|vault| {
        let mut names = vaults.iter();
        names.find(|name| name.eq_ignore_ascii_case(vault))
    });
    let Some(vault) = listed else {
        let sentence = match vault.filter(|vault| check_name(vault).is_ok()) {
            Some(vault) => format!(
                "{subject} refers to the vault {vault}, which the store's vaults do not name, so that no token was \
                 sent there: add it to vaults in the store's config"
            ),
            None => format!(
                "{subject} refers to a host that is no vault of this cloud, so that no token was sent there: a \
                 reference leads to https://VAULT.{suffix}, for a VAULT of the store's vaults"
            ),
        };
        return Err(Error::new(ErrorKind::Denied, sentence));
    };
    let parts: Vec<&str> = url.path().split('/').collect();
    let (name, version) = match parts[..] {
        ["", "secrets", name] | ["", "secrets", name, ""] => (name, None),
        ["", "secrets", name, version] => (name, Some(version)),
        _ => return Err(bad()),
    };
    let entry = Kind::AzureKeyVault.entry(&Scope::default(), name, version);
    Ok((vault.clone(), entry.map_err(|_| bad())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(uri: &str) -> Result<(String, EntryRef), Error> {
        let text = serde_json::json!({"uri": uri}).to_string();
        target(&text, "vault.azure.net", &["acme".to_owned()], "app:db")
    }

    #[test]
    fn a_reference_names_a_secret_of_a_listed_vault() {
        let version = "0123456789abcdef0123456789abcdef";
        let table = [
            ("https://acme.vault.azure.net/secrets/db".to_owned(), None),
            ("https://ACME.vault.azure.net/secrets/db/".to_owned(), None),
            (
                format!("https://acme.vault.azure.net/secrets/db/{version}"),
                Some(version),
            ),
        ];
        for (uri, version) in table {
            let (vault, entry) = found(&uri).unwrap();
            assert_eq!((vault.as_str(), entry.path.as_str()), ("acme", "db"));
            assert_eq!(entry.version.as_deref(), version);
        }
    }

    #[test]
    fn any_other_is_refused() {
        let foreign = [
            "https://other.vault.azure.net/secrets/db",
            "https://acme.evil.example/secrets/db",
            "https://acme.vault.azure.net.evil.example/secrets/db",
            "https://x.acme.vault.azure.net/secrets/db",
            "https://acmevault.azure.net/secrets/db",
            "https://169.254.169.254/secrets/db",
        ];
        for uri in foreign {
            assert_eq!(found(uri).unwrap_err().kind, ErrorKind::Denied, "{uri}");
        }
        let bad = [
            "",
            "acme",
            "http://acme.vault.azure.net/secrets/db",
            "https://acme.vault.azure.net:444/secrets/db",
            "https://user@acme.vault.azure.net/secrets/db",
            "https://acme.vault.azure.net/keys/db",
            "https://acme.vault.azure.net/secrets/../keys/db",
            "https://acme.vault.azure.net/secrets/db/x",
            "https://acme.vault.azure.net/secrets/d_b",
            "https://acme.vault.azure.net/secrets/db?x",
        ];
        for uri in bad {
            assert_eq!(found(uri).unwrap_err().kind, ErrorKind::Invalid, "{uri}");
        }
        assert!(
            target("m4rk3r", "vault.azure.net", &[], "a")
                .is_err_and(|it| !it.to_string().contains("m4rk3r"))
        );
    }

    #[test]
    fn the_media_type_says_what_a_value_is() {
        let table = [
            (None, Form::Value),
            (Some("application/json"), Form::Value),
            (
                Some("application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8"),
                Form::Reference,
            ),
            (
                Some("Application/vnd.microsoft.appconfig.keyvaultref+json"),
                Form::Reference,
            ),
            (
                Some("application/vnd.microsoft.appconfig.ff+json; charset=utf-8"),
                Form::Flag,
            ),
        ];
        for (media, expected) in table {
            assert_eq!(form(media), expected, "{media:?}");
        }
    }
}
