//! The Security Token Service: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token

use std::sync::Mutex;

use serde_json::json;

use super::{AUDIENCE, Gcp, HOUR};
use crate::jwks::Refusal;
use crate::lock::lock;
use crate::{Answer, Ask, Claims};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// Whose tokens become federated ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// What clients write as the audience of the exchange.
    pub audience: String,
    /// What the tokens that are exchanged must be for.
    pub token_audience: String,
    /// Who signs them.
    pub issuer: String,
    /// How the principal begins: `SUBJECT` or `[ns/sa]` follows.
    pub members: Members,
}

/// How the principals of a pool are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// `serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME]`
    Gke {
        /// The project that the pool is named after.
        project: String,
    },
    /// `principal://iam.googleapis.com/POOL/subject/SUBJECT`
    Federation {
        /// `projects/NUMBER/locations/global/workloadIdentityPools/POOL`
        pool: String,
    },
}

impl Pool {
    /// The pool that a GKE cluster has without anybody making it. The issuer is the cluster's, which is
    /// at Google; of a test cluster it is its own.
    #[must_use]
    pub fn gke(project: &str, location: &str, cluster: &str, issuer: &str) -> Self {
        let pool = format!("{project}.svc.id.goog");
        Self {
            audience: format!(
                "identitynamespace:{pool}:https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{cluster}"
            ),
            token_audience: pool,
            issuer: issuer.to_owned(),
            members: Members::Gke {
                project: project.to_owned(),
            },
        }
    }

    /// A pool with a provider that someone made, for clusters that are not GKE's.
    #[must_use]
    pub fn federation(number: &str, pool: &str, provider: &str, issuer: &str) -> Self {
        let pool = format!("projects/{number}/locations/global/workloadIdentityPools/{pool}");
        let audience = format!("//iam.googleapis.com/{pool}/providers/{provider}");
        Self {
            // The provider's own name is its audience, with the scheme.
            token_audience: format!("https:{audience}"),
            audience,
            issuer: issuer.to_owned(),
            members: Members::Federation { pool },
        }
    }

    fn principal(&self, claims: &Claims) -> Option<String> {
        match &self.members {
            Members::Gke { project } => {
                let (namespace, account) = claims.service_account()?;
                Some(format!(
                    "serviceAccount:{project}.svc.id.goog[{namespace}/{account}]"
                ))
            }
            Members::Federation { pool } => Some(format!(
                "principal://iam.googleapis.com/{pool}/subject/{}",
                claims.subject
            )),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Pools(Mutex<Vec<Pool>>);

impl Pools {
    pub(super) fn add(&self, pool: Pool) {
        lock(&self.0).push(pool);
    }

    fn find(&self, audience: &str) -> Option<Pool> {
        lock(&self.0)
            .iter()
            .find(|pool| pool.audience == audience)
            .cloned()
    }
}

/// RFC 8693. Answers in the form of OAuth, not in Google's envelope.
pub(super) fn exchange(gcp: &Gcp, ask: &Ask) -> Answer {
    match exchanged(gcp, ask) {
        Ok(answer) => answer.operation("ExchangeToken"),
        Err((code, why)) => Answer::json(400, &json!({"error": code, "error_description": why}))
            .operation("ExchangeToken"),
    }
}

fn exchanged(gcp: &Gcp, ask: &Ask) -> Result<Answer, (&'static str, String)> {
    // Both spellings: the form's and the JSON body's.
    let field = |snake: &str, camel: &str| {
        ask.field(snake)
            .or_else(|| ask.field(camel))
            .unwrap_or_default()
    };
    let invalid = |what: &str| ("invalid_request", format!("Invalid value for \"{what}\"."));
    if ask.method != http::Method::POST || field("grant_type", "grantType") != EXCHANGE {
        return Err((
            "unsupported_grant_type",
            "Only token exchange is supported.".to_owned(),
        ));
    }
    if field("requested_token_type", "requestedTokenType") != ACCESS_TOKEN {
        return Err(invalid("requested_token_type"));
    }
    if ![JWT, ID_TOKEN].contains(&field("subject_token_type", "subjectTokenType").as_str()) {
        return Err(invalid("subject_token_type"));
    }
    if field("scope", "scope").is_empty() {
        return Err(("invalid_scope", "Scope is required.".to_owned()));
    }
    let pool = gcp
        .pools
        .find(&field("audience", "audience"))
        .ok_or_else(|| {
            (
                "invalid_target",
                "The target service indicated by the \"audience\" parameters is invalid."
                    .to_owned(),
            )
        })?;
    let token = field("subject_token", "subjectToken");
    let claims = gcp
        .trust
        .check(&token, &[&pool.token_audience])
        .map_err(|refusal| {
            let why = match &refusal {
                Refusal::Malformed => "Unable to parse the ID Token.".to_owned(),
                Refusal::Issuer(issuer) => {
                    format!("The issuer in ID Token {issuer} does not match the expected one.")
                }
                Refusal::Signature => {
                    "Error connecting to the given credential's issuer.".to_owned()
                }
                Refusal::Expired => "ID Token is stale to sign-in.".to_owned(),
                Refusal::Audience => {
                    "The audience in ID Token does not match the expected audience.".to_owned()
                }
            };
            ("invalid_grant", why)
        })?;
    if pool.issuer != claims.issuer {
        return Err((
            "invalid_grant",
            "The issuer in ID Token does not match the expected one.".to_owned(),
        ));
    }
    let principal = pool.principal(&claims).ok_or_else(|| {
        (
            "invalid_grant",
            "The subject is no ServiceAccount.".to_owned(),
        )
    })?;
    let body = json!({
        "access_token": gcp.tokens.issue("ya29.d.", &principal, AUDIENCE, HOUR),
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": HOUR.as_secs(),
    });
    Ok(Answer::json(200, &body).by(principal))
}
