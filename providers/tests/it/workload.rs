//! A ServiceAccount with tokens of a signer made for the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jasm_fakes::{Signer, Trust};
use jasm_providers::{Error, Identity, SecretBytes, Workload};
use tokio::time::Instant;

use crate::support::MARKER;

pub(crate) const ISSUER: &str = "https://cluster.test";

/// What trusts the signer's tokens, and the signer.
pub(crate) fn cluster() -> (Arc<Trust>, Arc<Signer>) {
    let signer = Signer::new(ISSUER).unwrap();
    let trust = Trust::default();
    trust.add(ISSUER, &signer.jwks().unwrap()).unwrap();
    (Arc::new(trust), Arc::new(signer))
}

pub(crate) struct Account {
    signer: Arc<Signer>,
    namespace: &'static str,
    name: &'static str,
    annotations: Vec<(&'static str, String)>,
    seconds: i64,
    /// What tokens were asked for.
    pub(crate) audiences: Mutex<Vec<String>>,
    pub(crate) tokens: AtomicUsize,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl Account {
    pub(crate) fn new(
        signer: &Arc<Signer>,
        (namespace, name): (&'static str, &'static str),
        annotations: &[(&'static str, &str)],
    ) -> Self {
        Self {
            signer: Arc::clone(signer),
            namespace,
            name,
            annotations: annotations
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            seconds: 600,
            audiences: Mutex::default(),
            tokens: AtomicUsize::new(0),
        }
    }

    /// The same with tokens that are over.
    pub(crate) fn expired(self) -> Self {
        Self {
            seconds: -600,
            ..self
        }
    }

    /// To read as, and to look at.
    pub(crate) fn identity(self) -> (Identity, Arc<Self>) {
        let account = Arc::new(self);
        (Identity::Workload(account.clone()), account)
    }
}

#[async_trait]
impl Workload for Account {
    fn namespace(&self) -> &str {
        self.namespace
    }

    fn service_account(&self) -> &str {
        self.name
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        let mut annotations = self.annotations.iter();
        annotations
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    async fn token(&self, audience: &str, _: Instant) -> Result<SecretBytes, Error> {
        self.tokens.fetch_add(1, Ordering::SeqCst);
        self.audiences.lock().unwrap().push(audience.to_owned());
        let token = self
            .signer
            .token(self.namespace, self.name, audience, self.seconds);
        Ok(SecretBytes::from(token.unwrap()))
    }
}

/// A ServiceAccount with tokens that no server of its tests checks, annotated for every cloud.
pub(crate) struct Web;

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Web")
    }
}

#[async_trait]
impl Workload for Web {
    fn namespace(&self) -> &str {
        "shop"
    }

    fn service_account(&self) -> &str {
        "web"
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        match name {
            "eks.amazonaws.com/role-arn" => Some("arn:aws:iam::123456789012:role/reader"),
            "azure.workload.identity/client-id" => Some("22222222-2222-2222-2222-222222222222"),
            "azure.workload.identity/tenant-id" => Some("11111111-1111-1111-1111-111111111111"),
            _ => None,
        }
    }

    async fn token(&self, audience: &str, _: Instant) -> Result<SecretBytes, Error> {
        Ok(SecretBytes::from(format!("jwt-{MARKER}-{audience}")))
    }
}
