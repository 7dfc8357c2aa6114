//! The controller's own credentials: a file that the environment names, the one that `gcloud` writes,
//! else the metadata server.
//!
//! Of a file, only what says who asks is taken; hosts are those of the settings, whatever it says.
//! <https://google.aip.dev/auth/4110>

mod whoami;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::connection::Connection;
use super::credentials::{SCOPE, form, granted};
use super::federation::{Subject, exchange, impersonate, is_email};
use super::{api, classify, metadata};
use crate::session::Issued;
use crate::small_file::{self, Unread};
use crate::source::Observer;
use crate::{Error, ErrorKind, SecretBytes};

pub(super) use whoami::whoami;

const NAMED: &str = "GOOGLE_APPLICATION_CREDENTIALS";
const OPERATION: &str = "GetToken";
/// Seconds that a signed request for a token is good for: the most that Google takes.
const LIFE: u64 = 3600;
/// No file of credentials is larger.
const LARGEST: u64 = 1024 * 1024;

/// A file of credentials; each type has some of the fields.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    client_email: Cow<'a, str>,
    #[serde(borrow, default)]
    private_key_id: Cow<'a, str>,
    #[serde(default)]
    private_key: Zeroized,
    #[serde(borrow, default)]
    client_id: Cow<'a, str>,
    #[serde(borrow, default)]
    client_secret: Cow<'a, str>,
    #[serde(borrow, default)]
    refresh_token: Cow<'a, str>,
    #[serde(borrow, default)]
    audience: Cow<'a, str>,
    #[serde(borrow, default)]
    subject_token_type: Cow<'a, str>,
    #[serde(borrow, default)]
    service_account_impersonation_url: Cow<'a, str>,
    credential_source: Option<Source>,
}

/// A text with escapes in it, so never a slice of the file, zeroed nevertheless.
#[derive(Default)]
struct Zeroized(Zeroizing<String>);

impl<'de> Deserialize<'de> for Zeroized {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

#[derive(Deserialize)]
struct Source {
    file: Option<PathBuf>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    subject_token_field_name: Option<String>,
}

/// A token of the controller.
pub(super) async fn token(
    connection: &Connection,
    observer: &Observer,
    deadline: Instant,
) -> Result<Issued<SecretBytes>, Error> {
    let Some(path) = file(connection) else {
        let since = Instant::now();
        let path = "instance/service-accounts/default/token";
        let response = metadata::get(connection, observer, path, deadline).await?;
        return granted(&response, since, OPERATION);
    };
    let text = read(&path, deadline).await?;
    let file: File<'_> = serde_json::from_slice(text.expose())
        .map_err(|_| unusable("is not one of google's: it has to be JSON with a type"))?;
    match &*file.kind {
        "service_account" => {
            let assertion = signed(&file, connection)?;
            let pairs = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", assertion.as_str()),
            ];
            ask(connection, observer, &pairs, deadline).await
        }
        "authorized_user" => {
            let pairs = [
                ("grant_type", "refresh_token"),
                ("client_id", &*file.client_id),
                ("client_secret", &*file.client_secret),
                ("refresh_token", &*file.refresh_token),
            ];
            ask(connection, observer, &pairs, deadline).await
        }
        "external_account" => external(connection, observer, &file, deadline).await,
        _ => Err(unusable(
            "has a type that jasm does not know: use service_account, authorized_user or external_account",
        )),
    }
}

/// Asks the OAuth host.
async fn ask(
    connection: &Connection,
    observer: &Observer,
    pairs: &[(&str, &str)],
    deadline: Instant,
) -> Result<Issued<SecretBytes>, Error> {
    let url = api::url(&connection.shared.options.hosts.oauth, "/token")?;
    let ask = form(OPERATION, url, pairs);
    let since = Instant::now();
    let response = api::plain(connection, observer, ask, deadline).await?;
    match response.status {
        200 => granted(&response, since, OPERATION),
        _ => {
            let refused =
                "google does not accept the controller's own credentials: replace their file";
            Err(classify::exchange(&response, OPERATION, refused.to_owned()))
        }
    }
}

/// A token of another issuer, from a file, for one of Google's.
async fn external(
    connection: &Connection,
    observer: &Observer,
    file: &File<'_>,
    deadline: Instant,
) -> Result<Issued<SecretBytes>, Error> {
    let source = file.credential_source.as_ref();
    let Some(path) = source.and_then(|source| source.file.clone()) else {
        return Err(unusable(
            "takes its token from elsewhere than a file, which jasm does not do",
        ));
    };
    let text = read(&path, deadline).await?;
    let field = source
        .and_then(|source| source.format.as_ref())
        .and_then(|format| format.subject_token_field_name.as_deref());
    let subject = match field {
        None => SecretBytes::new(text.expose().trim_ascii().to_vec()),
        Some(field) => member(&text, field)?,
    };
    let subject = Subject {
        token: &subject,
        kind: &file.subject_token_type,
        audience: &file.audience,
    };
    let refused = "google does not accept the token in the controller's credentials file: check the pool's provider";
    let federated = exchange(connection, observer, &subject, refused.to_owned(), deadline).await?;
    let account = file
        .service_account_impersonation_url
        .rsplit_once('/')
        .and_then(|(_, last)| last.strip_suffix(":generateAccessToken"));
    match account {
        None if file.service_account_impersonation_url.is_empty() => Ok(federated),
        Some(account) if is_email(account) => {
            let refused = format!(
                "the controller may not read as {account}: grant roles/iam.workloadIdentityUser"
            );
            impersonate(connection, observer, account, &federated, refused, deadline).await
        }
        _ => Err(unusable(
            "names no service account in service_account_impersonation_url",
        )),
    }
}

/// One text of a JSON object.
fn member(text: &SecretBytes, field: &str) -> Result<SecretBytes, Error> {
    let members: std::collections::HashMap<Cow<'_, str>, &serde_json::value::RawValue> =
        serde_json::from_slice(text.expose())
            .map_err(|_| unusable("names a token file that is not JSON"))?;
    let raw = members
        .get(field)
        .ok_or_else(|| unusable("names a field that its token file does not have"))?;
    serde_json::from_str::<String>(raw.get())
        .map(SecretBytes::from)
        .map_err(|_| unusable("names a field of its token file that is not a text"))
}

/// The JSON Web Token that a key's owner asks with (RFC 7523).
fn signed(file: &File<'_>, connection: &Connection) -> Result<Zeroizing<String>, Error> {
    let bad = || unusable("holds a private_key that cannot be used: create another key");
    let key = PrivateKeyDer::from_pem_slice(file.private_key.0.as_bytes()).map_err(|_| bad())?;
    let key = any_supported_type(&key).map_err(|_| bad())?;
    let signer = key
        .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
        .ok_or_else(bad)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                "the clock of this machine is wrong: set it",
            )
        })?
        .as_secs();
    let head = serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": file.private_key_id});
    let claims = serde_json::json!({
        "iss": file.client_email,
        "scope": SCOPE,
        "aud": token_url(connection),
        "iat": now,
        "exp": now + LIFE,
    });
    let mut text = Zeroizing::new(format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(head.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    ));
    let signature = signer.sign(text.as_bytes()).map_err(|_| bad())?;
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(text)
}

fn token_url(connection: &Connection) -> String {
    let host = connection.shared.options.hosts.oauth.trim_end_matches('/');
    format!("{host}/token")
}

/// Which file, if there is one.
fn file(connection: &Connection) -> Option<PathBuf> {
    if let Some(path) = &connection.shared.options.credentials {
        return Some(path.clone());
    }
    if let Some(path) = std::env::var_os(NAMED).filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    let known = Path::new(&home).join(".config/gcloud/application_default_credentials.json");
    known.is_file().then_some(known)
}

async fn read(path: &Path, deadline: Instant) -> Result<SecretBytes, Error> {
    match small_file::read(path, LARGEST, deadline).await {
        Ok(bytes) => Ok(SecretBytes::new(bytes.to_vec())),
        Err(Unread::Unreadable) => Err(unusable("cannot be read: check its path and its rights")),
        Err(Unread::Late) => Err(unusable("could not be read in time")),
    }
}

fn unusable(why: &str) -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        format!("the file of the controller's google credentials {why}"),
    )
}
