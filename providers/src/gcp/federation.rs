//! Workload identity from outside of the pod: the ServiceAccount's token for a federated one, and that
//! for one of a Google service account where the ServiceAccount names one.
//!
//! As GKE's own metadata server does it: <https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity>.

mod whoami;

use std::borrow::Cow;

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use tokio::time::Instant;

use super::api;
use super::classify;
use super::connection::{Connection, Federation};
use super::credentials::{SCOPE, form, granted, token as token_of};
use crate::http::{Ask, sensitive};
use crate::session::Issued;
use crate::source::Observer;
use crate::{Error, ErrorKind, SecretBytes, Workload};

pub(super) use whoami::whoami;

/// The annotation that names a Google service account to read as.
pub(super) const ANNOTATION: &str = "iam.gke.io/gcp-service-account";

const EXCHANGE: &str = "ExchangeToken";
const IMPERSONATE: &str = "GenerateAccessToken";
/// How long the service account's token is to live, in seconds: the longest that needs no extra policy.
const LIFE: u64 = 3600;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A token of the workload's own principal or of the service account that it names.
pub(super) async fn token(
    connection: &Connection,
    observer: &Observer,
    workload: &dyn Workload,
    deadline: Instant,
) -> Result<Issued<SecretBytes>, Error> {
    let whose = format!("{}/{}", workload.namespace(), workload.service_account());
    // Before anything is sent: it becomes a part of a URL.
    let account = match workload.annotation(ANNOTATION).filter(|it| !it.is_empty()) {
        Some(account) if is_email(account) => Some(account),
        Some(_) => {
            return Err(Error::new(
                ErrorKind::Denied,
                format!(
                    "the annotation {ANNOTATION} of the ServiceAccount {whose} is not the address of a google \
                     service account: write it like reader@my-project.iam.gserviceaccount.com"
                ),
            ));
        }
        None => None,
    };
    let federation = connection.federation(observer, deadline).await?;
    let subject = workload.token(&federation.token_audience, deadline).await?;
    let refused = format!(
        "google does not accept the token of the ServiceAccount {whose} for {}: check the store's cluster and pool",
        federation.token_audience
    );
    let federated = exchange(
        connection,
        observer,
        &Subject {
            token: &subject,
            kind: JWT,
            audience: &federation.exchange_audience,
        },
        refused,
        deadline,
    )
    .await?;
    let Some(account) = account else {
        return Ok(federated);
    };
    let refused = format!(
        "the ServiceAccount {whose} may not read as {account}, or there is no such service account: grant \
         roles/iam.workloadIdentityUser on it to {}",
        member(federation, workload.namespace(), workload.service_account())
    );
    impersonate(connection, observer, account, &federated, refused, deadline).await
}

/// How IAM writes a ServiceAccount of the cluster: as a member of the pool that GKE keeps, or as a subject
/// of one of IAM's own. <https://cloud.google.com/iam/docs/principal-identifiers>
fn member(federation: &Federation, namespace: &str, account: &str) -> String {
    let pool = federation
        .exchange_audience
        .strip_prefix("//iam.googleapis.com/")
        .and_then(|rest| rest.split_once("/providers/"));
    match pool {
        Some((pool, _)) => format!(
            "principal://iam.googleapis.com/{pool}/subject/system:serviceaccount:{namespace}:{account}"
        ),
        None => format!(
            "serviceAccount:{}[{namespace}/{account}]",
            federation.token_audience
        ),
    }
}

/// A token of another issuer, and what it is exchanged at.
pub(super) struct Subject<'a> {
    pub(super) token: &'a SecretBytes,
    /// Its type, as RFC 8693 names it.
    pub(super) kind: &'a str,
    pub(super) audience: &'a str,
}

/// RFC 8693 at Google's Security Token Service.
pub(super) async fn exchange(
    connection: &Connection,
    observer: &Observer,
    subject: &Subject<'_>,
    refused: String,
    deadline: Instant,
) -> Result<Issued<SecretBytes>, Error> {
    let text = std::str::from_utf8(subject.token.expose()).map_err(|_| {
        Error::new(
            ErrorKind::Integrity,
            "the ServiceAccount's token is not text",
        )
    })?;
    let ask = form(
        EXCHANGE,
        api::url(&connection.shared.options.hosts.sts, "/v1/token")?,
        &[
            ("grant_type", GRANT),
            ("audience", subject.audience),
            ("scope", SCOPE),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token_type", subject.kind),
            ("subject_token", text),
        ],
    );
    let since = Instant::now();
    let response = api::plain(connection, observer, ask, deadline).await?;
    match response.status {
        200 => granted(&response, since, EXCHANGE),
        _ => Err(classify::exchange(&response, EXCHANGE, refused)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
}

/// A token of a Google service account.
pub(super) async fn impersonate(
    connection: &Connection,
    observer: &Observer,
    account: &str,
    federated: &Issued<SecretBytes>,
    refused: String,
    deadline: Instant,
) -> Result<Issued<SecretBytes>, Error> {
    let path = format!("/v1/projects/-/serviceAccounts/{account}:generateAccessToken");
    let url = api::url(&connection.shared.options.hosts.iam_credentials, &path)?;
    let body = format!(r#"{{"scope":["{SCOPE}"],"lifetime":"{LIFE}s"}}"#).into_bytes();
    let mut ask = Ask::post(IMPERSONATE, url, ("application/json", body), 64 * 1024);
    ask.headers
        .insert(AUTHORIZATION, sensitive("Bearer ", &federated.value)?);
    let since = Instant::now();
    let response = api::plain(connection, observer, ask, deadline).await?;
    match response.status {
        200 => {
            let generated: Generated<'_> = serde_json::from_slice(&response.body)
                .map_err(|_| classify::garbage(IMPERSONATE))?;
            // What was asked for is what is given, or an error; so the date in the answer is not needed.
            token_of(&generated.access_token, since, LIFE, IMPERSONATE)
        }
        _ => Err(classify::exchange(&response, IMPERSONATE, refused)),
    }
}

/// `NAME@PROJECT.iam.gserviceaccount.com` and its older kin; nothing that could end a part of a URL.
pub(super) fn is_email(text: &str) -> bool {
    let part = |part: &str, extra: &str| {
        !part.is_empty()
            && part.len() <= 255
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    text.split_once('@').is_some_and(|(name, domain)| {
        part(name, "-_")
            && part(domain, "-.")
            && !domain.contains("..")
            && domain.ends_with(".gserviceaccount.com")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_advised_to_whom_the_pool_makes_of_it() {
        let pool = "projects/7/locations/global/workloadIdentityPools/clusters";
        let table = [
            (
                Federation {
                    token_audience: "acme.svc.id.goog".into(),
                    exchange_audience: "identitynamespace:acme.svc.id.goog:https://x".into(),
                },
                "serviceAccount:acme.svc.id.goog[shop/web]".to_owned(),
            ),
            (
                Federation {
                    token_audience: format!("https://iam.googleapis.com/{pool}/providers/prod"),
                    exchange_audience: format!("//iam.googleapis.com/{pool}/providers/prod"),
                },
                format!(
                    "principal://iam.googleapis.com/{pool}/subject/system:serviceaccount:shop:web"
                ),
            ),
        ];
        for (federation, expected) in table {
            assert_eq!(member(&federation, "shop", "web"), expected);
        }
    }

    #[test]
    fn an_address_cannot_become_another_url() {
        for good in [
            "reader@acme.iam.gserviceaccount.com",
            "1-compute@developer.gserviceaccount.com",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "reader",
            "a/b@acme.iam.gserviceaccount.com",
            "../x@acme.iam.gserviceaccount.com",
            "a@acme.iam.gserviceaccount.com/x",
            "a@b@acme.iam.gserviceaccount.com",
            "a@acme.iam.gserviceaccount.com?x",
            "a%2f@acme.iam.gserviceaccount.com",
            "a@evil.example",
            "a:b@acme.iam.gserviceaccount.com",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
