//! One ServiceAccount.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jasm_providers::{Error, ErrorKind, SecretBytes, Workload};
use kube::Client;
use tokio::time::Instant;

use crate::identity::Own;
use crate::identity::api::{self, Refusal};
use crate::pull::index::{Index, PodName};

/// So many pods of it are tried: each may be gone before the API server is asked.
const TRIES: usize = 100;

/// Where the pods are that a token can be bound to.
pub(super) enum Pods {
    /// Those that are watched.
    Watched(Arc<Mutex<Index>>),
    /// Those that there were at one moment.
    Listed(Vec<PodName>),
}

/// A ServiceAccount as it was when it was looked up.
pub struct Account {
    client: Client,
    own: Arc<Own>,
    pods: Pods,
    namespace: Box<str>,
    name: Box<str>,
    annotations: BTreeMap<String, String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccount {}/{}", self.namespace, self.name)
    }
}

impl Account {
    pub(super) fn new(
        client: Client,
        own: Arc<Own>,
        pods: Pods,
        namespace: &str,
        name: &str,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        Self {
            client,
            own,
            pods,
            namespace: namespace.into(),
            name: name.into(),
            annotations,
        }
    }
}

#[async_trait]
impl Workload for Account {
    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn service_account(&self) -> &str {
        &self.name
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    async fn token(&self, audience: &str, deadline: Instant) -> Result<SecretBytes, Error> {
        if let Err(why) = self.own.allows(audience) {
            return Err(Error::new(ErrorKind::Denied, why.to_string()));
        }
        let pods = match &self.pods {
            Pods::Watched(index) => {
                let index = index.lock().unwrap_or_else(PoisonError::into_inner);
                index.pods_as(&self.namespace, &self.name, TRIES)
            }
            Pods::Listed(pods) => pods.clone(),
        };
        for pod in pods {
            let asked = api::token(
                &self.client,
                &self.namespace,
                &self.name,
                audience,
                &pod,
                deadline,
            );
            match asked.await {
                Ok(token) => return Ok(token),
                Err(Refusal::PodIsGone) => {}
                Err(Refusal::Failed(error)) => return Err(error),
            }
        }
        Err(lifeless(&self.namespace, &self.name))
    }
}

/// No token can be had where no pod lives.
pub(super) fn lifeless(namespace: &str, name: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "no pod of the ServiceAccount {namespace}/{name} lives, to which a token could be bound"
        ),
    )
}
