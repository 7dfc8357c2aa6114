//! Entra ID's token endpoint for a client assertion:
//! https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow

mod refusal;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::Method;
use serde_json::json;

use super::{Azure, AzureCloud, LIFETIME};
use crate::lock::lock;
use crate::server::Cloud;
use crate::{Answer, Ask, jwks};
use refusal::Refusal;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A federated credential: all three must be those of the assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Federated {
    issuer: String,
    subject: String,
    audience: String,
}

/// An application or a managed identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    tenant: String,
    client: String,
    principal: String,
    federated: Vec<Federated>,
}

impl App {
    /// One that nobody can become yet; `principal` is what grants and the record call it.
    #[must_use]
    pub fn new(tenant: &str, client: &str, principal: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            client: client.to_owned(),
            principal: principal.to_owned(),
            federated: Vec::new(),
        }
    }

    /// Whoever has a token of this ServiceAccount of this issuer can become it.
    #[must_use]
    pub fn federated(self, issuer: &str, namespace: &str, account: &str) -> Self {
        let subject = format!("system:serviceaccount:{namespace}:{account}");
        self.federated_as(issuer, &subject, "api://AzureADTokenExchange")
    }

    /// The same for another subject and audience.
    #[must_use]
    pub fn federated_as(mut self, issuer: &str, subject: &str, audience: &str) -> Self {
        self.federated.push(Federated {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience: audience.to_owned(),
        });
        self
    }
}

/// The token endpoint.
#[derive(Debug)]
pub struct Entra {
    azure: Azure,
    apps: Mutex<Vec<App>>,
}

impl Entra {
    /// One that knows no application.
    #[must_use]
    pub fn new(azure: &Azure) -> Arc<Self> {
        Arc::new(Self {
            azure: azure.clone(),
            apps: Mutex::default(),
        })
    }

    /// Makes an application known.
    pub fn add(&self, app: App) {
        lock(&self.apps).push(app);
    }

    fn token(&self, ask: &Ask, tenant: &str) -> Result<Answer, Refusal> {
        let field = |name: &'static str| {
            ask.field(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| Refusal::missing(name))
        };
        if field("grant_type")? != "client_credentials" {
            return Err(Refusal::grant());
        }
        let (client, scope) = (field("client_id")?, field("scope")?);
        let resource = scope
            .strip_suffix("/.default")
            .map(|resource| resource.trim_end_matches('/').to_owned())
            .ok_or_else(|| Refusal::scope(&scope))?;
        let app = {
            let apps = lock(&self.apps);
            if apps.iter().all(|app| app.tenant != tenant) {
                return Err(Refusal::tenant(tenant));
            }
            apps.iter()
                .find(|app| app.tenant == tenant && app.client == client)
                .cloned()
        };
        let app = app.ok_or_else(|| Refusal::application(&client, tenant))?;
        if field("client_assertion_type")? != ASSERTION {
            return Err(Refusal::missing("client_assertion_type"));
        }
        self.believe(&field("client_assertion")?, &app)?;
        if !known(&resource) {
            return Err(Refusal::resource(&resource, tenant));
        }
        let body = json!({
            "token_type": "Bearer",
            "expires_in": LIFETIME.as_secs() - 1,
            "ext_expires_in": LIFETIME.as_secs() - 1,
            "access_token": self.azure.token(&app.principal, &resource),
        });
        let answer = Answer::json(200, &body).header("cache-control", "no-store, no-cache");
        Ok(answer.by(app.principal))
    }

    /// The assertion is good, and one of the application's federated credentials is its.
    fn believe(&self, assertion: &str, app: &App) -> Result<(), Refusal> {
        let audiences: Vec<&str> = app
            .federated
            .iter()
            .map(|one| one.audience.as_str())
            .collect();
        let claims =
            self.azure
                .trust
                .check(assertion, &audiences)
                .map_err(|refusal| match refusal {
                    jwks::Refusal::Malformed => Refusal::malformed(),
                    jwks::Refusal::Issuer(issuer) => Refusal::issuer(&issuer),
                    jwks::Refusal::Signature => Refusal::signature(),
                    jwks::Refusal::Expired => Refusal::expired(),
                    jwks::Refusal::Audience => Refusal::audience(),
                })?;
        let of_issuer: Vec<_> = app
            .federated
            .iter()
            .filter(|one| one.issuer == claims.issuer)
            .collect();
        if of_issuer.is_empty() {
            return Err(Refusal::issuer(&claims.issuer));
        }
        let of_subject: Vec<_> = of_issuer
            .iter()
            .filter(|one| one.subject == claims.subject)
            .collect();
        if of_subject.is_empty() {
            return Err(Refusal::subject(&claims.subject));
        }
        if of_subject.iter().any(|one| one.audience == claims.audience) {
            Ok(())
        } else {
            Err(Refusal::audience())
        }
    }
}

/// The services here, by the names under which clients ask for them.
fn known(resource: &str) -> bool {
    AzureCloud::ALL.into_iter().any(|cloud| {
        let Some(host) = resource.strip_prefix("https://") else {
            return false;
        };
        let store = host.strip_suffix(cloud.stores());
        host == cloud.vaults()
            || resource == cloud.configuration()
            || store.is_some_and(|store| store.is_empty() || store.ends_with('.'))
    })
}

#[async_trait]
impl Cloud for Entra {
    async fn answer(&self, ask: &Ask) -> Answer {
        let segments = ask.segments();
        let parts: Vec<&str> = segments.iter().map(|part| &**part).collect();
        match parts.as_slice() {
            [tenant, "oauth2", "v2.0", "token"] if ask.method == Method::POST => {
                let answer = self
                    .token(ask, tenant)
                    .unwrap_or_else(|refusal| refusal.answer());
                answer.operation("Token")
            }
            _ => Answer::new(404),
        }
    }

    fn error(&self, _: &Ask, status: u16) -> Answer {
        Refusal::of_status(status).answer()
    }
}
