//! AWS KMS: one call, signed by hand.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>

mod arn;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::Connection;
use super::classify::{self, About};
use super::role::Role;
use crate::http::{self, Answer, Ask, Client, observed};
use crate::session::{Issued, Session};
use crate::source::Observer;
use crate::{Error, ErrorKind, SecretBytes, retry};

pub use arn::KeyArn;

const ACTION: &str = "kms:Decrypt";
const OPERATION: &str = "Decrypt";
const TARGET: &str = "TrentService.Decrypt";
const MEDIA: &str = "application/x-amz-json-1.1";
/// Most bytes of an answer: a plaintext has at most 4096.
const LIMIT: usize = 64 * 1024;
/// Longest ciphertext: <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>
const LONGEST: usize = 6144;
/// Tries of a call.
const TRIES: u32 = 3;

/// The keys of one region as one identity.
#[derive(Clone)]
pub struct Kms {
    connection: Connection,
    address: Url,
    client: Client,
    observer: Observer,
    /// The program's own credentials, which nobody else keeps.
    session: Session<Credentials>,
    role: Option<Arc<Role>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Asked<'a> {
    ciphertext_blob: String,
    key_id: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    encryption_context: &'a BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Opened<'a> {
    key_id: &'a str,
    plaintext: &'a str,
}

#[derive(Deserialize)]
struct Refused<'a> {
    #[serde(rename = "__type", borrow, default)]
    code: std::borrow::Cow<'a, str>,
    #[serde(alias = "Message", borrow, default)]
    message: std::borrow::Cow<'a, str>,
}

impl Kms {
    /// KMS of a connection's region, as its identity.
    ///
    /// # Errors
    /// The address of the config is none, or there are no certificates to trust.
    pub fn new(connection: &Connection, observer: Observer) -> Result<Self, Error> {
        let regional = connection.regional("kms");
        let address = http::address(connection.kms_endpoint.as_deref().unwrap_or(&regional))?;
        let client = match connection.http.get() {
            Some(client) => client.clone(),
            None => {
                let new = Client::new(connection.ca_pem.as_deref(), connection.timeout)?;
                connection.http.get_or_init(|| new).clone()
            }
        };
        if let Some(role) = &connection.role {
            role.observed_by(&observer);
        }
        Ok(Self {
            role: connection.role.clone(),
            connection: connection.clone(),
            address,
            client,
            observer,
            session: Session::default(),
        })
    }

    /// What was encrypted with a key, and with this context: bytes of at most 4096.
    ///
    /// # Errors
    /// The key is of another region, the identity may not use it, or the ciphertext is none of this key with
    /// this context.
    pub async fn decrypt(
        &self,
        key: &KeyArn,
        ciphertext: &[u8],
        context: &BTreeMap<String, String>,
        deadline: Instant,
    ) -> Result<SecretBytes, Error> {
        if !key.is_in(self.connection.region()) {
            let sentence = format!(
                "the key {key} is of the region {}, and the store is of {}: name a store of that region",
                key.region(),
                self.connection.region()
            );
            return Err(Error::new(ErrorKind::Denied, sentence));
        }
        if !(1..=LONGEST).contains(&ciphertext.len()) {
            return Err(not_of(key));
        }
        let asked = Asked {
            ciphertext_blob: STANDARD.encode(ciphertext),
            key_id: key.as_str(),
            encryption_context: context,
        };
        let body = serde_json::to_vec(&asked).map_err(|_| not_of(key))?;
        let mut renewed = false;
        for tried in 1.. {
            let began = Instant::now();
            let result = observed(&self.observer, OPERATION, self.once(key, &body, deadline)).await;
            let Err(error) = result else { return result };
            let again = match error.kind {
                ErrorKind::Unauthenticated => {
                    !std::mem::replace(&mut renewed, true) && self.refuse_older(began)
                }
                ErrorKind::Throttled { .. } | ErrorKind::Unavailable => {
                    tried < TRIES && retry::pause(tried, deadline).await
                }
                _ => false,
            };
            if !again {
                return Err(error);
            }
        }
        Err(classify::late(about(key)))
    }

    async fn once(
        &self,
        key: &KeyArn,
        body: &[u8],
        deadline: Instant,
    ) -> Result<SecretBytes, Error> {
        let credentials = timeout_at(deadline, self.credentials())
            .await
            .map_err(|_| classify::late(about(key)))??;
        let ask = self.signed(body, credentials)?;
        opened(&self.client.send(ask, deadline).await?, key)
    }

    /// A role keeps its own; those of the process are kept here.
    async fn credentials(&self) -> Result<Credentials, Error> {
        let none = || {
            let sentence =
                "there are no credentials: give the identity that reads this store a role";
            Error::new(ErrorKind::Unauthenticated, sentence)
        };
        let provider = self.connection.config.credentials_provider();
        let provider = provider.ok_or_else(none)?;
        let provide = async move {
            let found = provider.provide_credentials().await;
            found.map_err(|error| classify::credentials(Some(&error)).unwrap_or_else(none))
        };
        if self.role.is_some() {
            return provide.await;
        }
        let deadline = Instant::now() + self.connection.timeout;
        let issue = |_| async move {
            let (since, value) = (Instant::now(), provide.await?);
            Ok(match value.expiry() {
                Some(ends) => {
                    let life = ends.duration_since(SystemTime::now()).unwrap_or_default();
                    Issued::lasting(value, since, life)
                }
                None => Issued {
                    value,
                    renew: None,
                    ends: None,
                },
            })
        };
        let held = self.session.get(deadline, issue).await?;
        Ok(held.value().clone())
    }

    fn refuse_older(&self, began: Instant) -> bool {
        match &self.role {
            Some(role) => role.refuse_older(began),
            None => self.session.refuse_older(began),
        }
    }

    fn signed(&self, body: &[u8], credentials: Credentials) -> Result<Ask, Error> {
        let unsigned = || {
            let sentence = format!("{ACTION} cannot be signed: check the store's region");
            Error::new(ErrorKind::Invalid, sentence)
        };
        let identity = credentials.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.connection.region())
            .name("kms")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| unsigned())?
            .into();
        let headers = [("content-type", MEDIA), ("x-amz-target", TARGET)];
        let request = SignableRequest::new(
            "POST",
            self.address.as_str(),
            headers.into_iter(),
            SignableBody::Bytes(body),
        );
        let (signature, _) = request
            .and_then(|request| sign(request, &params))
            .map_err(|_| unsigned())?
            .into_parts();
        let mut ask = Ask::post(
            OPERATION,
            self.address.clone(),
            (MEDIA, body.to_vec()),
            LIMIT,
        );
        ask.headers
            .insert("x-amz-target", HeaderValue::from_static(TARGET));
        for (name, value) in signature.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsigned())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| unsigned())?;
            value.set_sensitive(true);
            ask.headers.insert(name, value);
        }
        Ok(ask)
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kms")
            .field("address", &self.address.as_str())
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

fn about(key: &KeyArn) -> About<'_> {
    About {
        action: ACTION,
        writes: false,
        subject: Some(key.as_str()),
    }
}

fn not_of(key: &KeyArn) -> Error {
    let sentence = format!(
        "what is to be decrypted was not encrypted with {key} and this encryption context: encrypt it anew"
    );
    Error::new(ErrorKind::Invalid, sentence)
}

fn opened(answer: &Answer, key: &KeyArn) -> Result<SecretBytes, Error> {
    if !answer.success() {
        return Err(refusal(answer, key));
    }
    let senseless = || classify::garbage(about(key));
    let opened: Opened<'_> = serde_json::from_slice(&answer.body).map_err(|_| senseless())?;
    // An alias is answered with the key that it stands for.
    if key.is_key() && opened.key_id != key.as_str() {
        return Err(senseless());
    }
    let plaintext = STANDARD.decode(opened.plaintext);
    plaintext.map(SecretBytes::new).map_err(|_| senseless())
}

fn refusal(answer: &Answer, key: &KeyArn) -> Error {
    let refused: Refused<'_> = match serde_json::from_slice(&answer.body) {
        Ok(refused) => refused,
        Err(_) => return classify::by_status(answer.status, answer.retry_after(), about(key)),
    };
    // `com.amazonaws.kms#NotFoundException` is the long form.
    let code = refused.code.rsplit('#').next().unwrap_or_default();
    let error = |kind: ErrorKind, sentence: String| Error::new(kind, sentence).with_code(code);
    match code {
        "" => classify::by_status(answer.status, answer.retry_after(), about(key)),
        "InvalidCiphertextException" | "IncorrectKeyException" => not_of(key).with_code(code),
        "NotFoundException" => error(
            ErrorKind::NotFound,
            format!("there is no key {key}: check the account, the region and the id"),
        ),
        "DisabledException" | "KMSInvalidStateException" | "InvalidKeyUsageException" => error(
            ErrorKind::Denied,
            format!("the key {key} decrypts nothing now: enable it, or cancel its deletion"),
        ),
        "AccessDeniedException" => error(
            ErrorKind::Denied,
            format!(
                "{ACTION} is not allowed for {key}, or what is to be decrypted is of another key: grant it, in the key's \
                 policy too where the key is of another account"
            ),
        ),
        "KMSInternalException" | "DependencyTimeoutException" | "KeyUnavailableException" => error(
            ErrorKind::Unavailable,
            format!("{ACTION} fails on the side of aws"),
        ),
        _ => classify::by_code(
            code,
            Some(&refused.message),
            Some(answer.status),
            answer.retry_after(),
            about(key),
        ),
    }
}
