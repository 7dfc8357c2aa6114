//! A ServiceAccount with the pods that it has at this moment: for a command, which follows nothing.

use std::sync::Arc;

use jasm_providers::{Error, Workload};
use kube::Client;
use tokio::time::Instant;

use super::account::{self, Account, Pods};
use super::{Own, api};

/// Looks up a ServiceAccount and its live pods.
///
/// # Errors
/// It does not exist, no pod of it lives, or the API server does not tell.
pub async fn found(
    client: &Client,
    own: &Arc<Own>,
    namespace: &str,
    name: &str,
    deadline: Instant,
) -> Result<Arc<dyn Workload>, Error> {
    let written = api::look_up(client, namespace, name, deadline).await?;
    let pods = api::pods(client, namespace, name, deadline).await?;
    if pods.is_empty() {
        return Err(account::lifeless(namespace, name));
    }
    let annotations = written.annotations;
    Ok(Arc::new(Account::new(
        client.clone(),
        own.clone(),
        Pods::Listed(pods),
        namespace,
        name,
        annotations,
    )))
}
