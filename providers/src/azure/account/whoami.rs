//! Whose token it is: as the token itself says, else as the ServiceAccount and the store do.

use std::borrow::Cow;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Account, Credential};
use crate::azure::connection::is_id;
use crate::azure::{classify, entra};
use crate::{Error, Identity, Principal};

/// Access token claims of the Microsoft identity platform, in both versions.
#[derive(Deserialize, Default)]
struct Claims<'a> {
    #[serde(borrow)]
    appid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    azp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    oid: Option<Cow<'a, str>>,
}

impl Account {
    pub(in crate::azure) async fn whoami(
        self: &Arc<Self>,
        deadline: Instant,
    ) -> Result<String, Error> {
        // First, so that what is wrong is said in our words.
        self.token(deadline).await?;
        let credential = Credential(Arc::clone(self));
        let token = credential
            .get_token(&[self.scope], None)
            .await
            .map_err(|_| classify::garbage("GetToken"))?;
        let payload = token.token.secret().split('.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
        let claims: Claims<'_> = serde_json::from_slice(&payload).unwrap_or_default();
        let said = |claim: Option<Cow<'_, str>>| {
            claim
                .filter(|claim| is_id(claim))
                .map(std::borrow::Cow::into_owned)
        };
        let written = |name: &str| match &self.identity {
            Identity::Workload(workload) => workload.annotation(name).map(str::to_owned),
            Identity::Controller | Identity::Assumed(_) => None,
        };
        let assumed = match &self.identity {
            Identity::Assumed(Principal::EntraClient(client)) => Some(client.clone()),
            _ => None,
        };
        let options = &self.connection.shared.options;
        let client = said(claims.appid.or(claims.azp))
            .or(assumed)
            .or_else(|| written(entra::CLIENT))
            .or_else(|| options.client.clone())
            .or_else(|| entra::variable("AZURE_CLIENT_ID"));
        let tenant = said(claims.tid)
            .or_else(|| written(entra::TENANT))
            .or_else(|| options.tenant.clone())
            .or_else(|| entra::variable("AZURE_TENANT_ID"));
        let mut words = match client {
            Some(client) => format!("the application {client}"),
            None => "an application that its token does not name".to_owned(),
        };
        if let Some(tenant) = tenant {
            words.push_str(&format!(" of the tenant {tenant}"));
        }
        if let Some(object) = said(claims.oid) {
            words.push_str(&format!(", object {object}"));
        }
        Ok(words)
    }
}
