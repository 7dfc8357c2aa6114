//! The principal that Google takes a ServiceAccount for.

use tokio::time::Instant;

use super::ANNOTATION;
use crate::gcp::Connection;
use crate::source::Observer;
use crate::{Error, Workload};

/// The Google service account that it names, else its own principal as a binding of IAM writes it.
pub(in crate::gcp) async fn whoami(
    connection: &Connection,
    observer: &Observer,
    workload: &dyn Workload,
    deadline: Instant,
) -> Result<String, Error> {
    let (namespace, name) = (workload.namespace(), workload.service_account());
    if let Some(account) = workload.annotation(ANNOTATION).filter(|it| !it.is_empty()) {
        return Ok(format!("serviceAccount:{account}"));
    }
    let federation = connection.federation(observer, deadline).await?;
    Ok(
        match federation.exchange_audience.split_once("/providers/") {
            Some((pool, _)) => {
                format!("principal:{pool}/subject/system:serviceaccount:{namespace}:{name}")
            }
            None => format!(
                "serviceAccount:{}[{namespace}/{name}]",
                federation.token_audience
            ),
        },
    )
}
