//! JASM's own key, by which it tells whether an entry has the value that it shall have.
//!
//! It lives in one Secret in JASM's own namespace. If that is lost a new one is made, and entries are
//! compared by reading them once.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_providers::SecretBytes;
use jasm_providers::sink::Fingerprints;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};
use tracing::info;
use zeroize::Zeroizing;

use crate::client::NOT_ACCEPTED;

/// The Secret's name.
pub const NAME: &str = "jasm-push-key";
/// The key's name in it.
const FIELD: &str = "key";
/// Tries to read what somebody else makes at the same time.
const TRIES: usize = 3;

/// The key; read once in the life of a process.
#[derive(Clone)]
pub struct Keyring {
    client: Client,
    namespace: String,
    fingerprints: Arc<OnceCell<Fingerprints>>,
}

#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow, default)]
    data: Data<'a>,
}

#[derive(Deserialize, Default)]
struct Data<'a> {
    key: Option<&'a str>,
}

impl Keyring {
    /// The key in JASM's namespace.
    #[must_use]
    pub fn new(client: Client, namespace: String) -> Self {
        Self {
            client,
            namespace,
            fingerprints: Arc::default(),
        }
    }

    /// What the key makes; the first call reads it, or makes it.
    ///
    /// # Errors
    /// One sentence.
    pub async fn fingerprints(&self, deadline: Instant) -> Result<&Fingerprints, String> {
        self.fingerprints
            .get_or_try_init(|| self.read_or_make(deadline))
            .await
    }

    async fn read_or_make(&self, deadline: Instant) -> Result<Fingerprints, String> {
        for _ in 0..TRIES {
            if let Some(key) = self.read(deadline).await? {
                return Fingerprints::new(&key).map_err(|_| {
                    format!(
                        "the Secret {} holds no key of JASM's: restore it, or delete it, and every entry is read once",
                        self.shown()
                    )
                });
            }
            let key = Fingerprints::random().map_err(|error| error.to_string())?;
            if self.make(&key, deadline).await? {
                info!(secret = self.shown(), "made the key of fingerprints");
                return Fingerprints::new(&key).map_err(|error| error.to_string());
            }
        }
        Err(format!(
            "the Secret {} comes and goes: find out who deletes it",
            self.shown()
        ))
    }

    /// The key, if the Secret is there.
    async fn read(&self, deadline: Instant) -> Result<Option<SecretBytes>, String> {
        let path = format!("/api/v1/namespaces/{}/secrets/{NAME}", self.namespace);
        let request = http::Request::get(path).body(Vec::new());
        let request = request.map_err(|_| "JASM's namespace has an impossible name".to_owned())?;
        let text = match timeout_at(deadline, self.client.request_text(request)).await {
            Ok(Ok(text)) => Zeroizing::new(text),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(None),
            Ok(Err(error)) => return Err(self.refused(&error, "get")),
            Err(_) => return Err("the API server did not answer in time".to_owned()),
        };
        let stored: Stored<'_> = serde_json::from_str(&text)
            .map_err(|_| format!("the Secret {} cannot be understood", self.shown()))?;
        let key = STANDARD.decode(stored.data.key.unwrap_or_default());
        Ok(Some(SecretBytes::new(key.unwrap_or_default())))
    }

    /// False if somebody else was quicker.
    async fn make(&self, key: &SecretBytes, deadline: Instant) -> Result<bool, String> {
        let labels = [
            ("app.kubernetes.io/name", "jasm"),
            ("app.kubernetes.io/component", "push"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                labels: Some(labels.into()),
                ..ObjectMeta::default()
            },
            data: Some([(FIELD.to_owned(), ByteString(key.expose().to_vec()))].into()),
            immutable: Some(true),
            ..Secret::default()
        };
        let api: kube::Api<Secret> = kube::Api::namespaced(self.client.clone(), &self.namespace);
        match timeout_at(
            deadline,
            api.create(&kube::api::PostParams::default(), &secret),
        )
        .await
        {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(false),
            Ok(Err(error)) => Err(self.refused(&error, "create")),
            Err(_) => Err("the API server did not answer in time".to_owned()),
        }
    }

    fn refused(&self, error: &kube::Error, verb: &str) -> String {
        match error {
            kube::Error::Api(status) if status.code == 401 => {
                format!("the API server {NOT_ACCEPTED}")
            }
            kube::Error::Api(status) if status.code == 403 => format!(
                "JASM's own Secret {} cannot be used: JASM's account needs {verb} on secrets in its namespace",
                self.shown()
            ),
            kube::Error::Api(status) => format!(
                "JASM's own Secret {} cannot be used: the API server answers {}",
                self.shown(),
                status.code
            ),
            _ => "the API server cannot be reached".to_owned(),
        }
    }

    fn shown(&self) -> String {
        format!("{}/{NAME}", self.namespace)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
