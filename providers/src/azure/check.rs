//! Key Vault and App Configuration when they are looked at.

use async_trait::async_trait;
use tokio::time::Instant;

use super::classify::About;
use super::connection::secure;
use super::{AppConfiguration, Connection, KeyVault, Settings};
use crate::Error;
use crate::check::Check;

impl Connection {
    /// Where a vault is.
    ///
    /// # Errors
    /// The name is not one of a vault.
    pub fn address_of_vault(&self, name: &str) -> Result<String, Error> {
        self.vault(name).map(String::from)
    }

    /// Where a store of App Configuration is.
    ///
    /// # Errors
    /// The name or the endpoint is not one that Azure can have.
    pub fn address_of_configuration(&self, settings: &Settings) -> Result<String, Error> {
        let suffix = self.shared.options.cloud.configuration_suffix();
        let own = || format!("https://{}.{suffix}", settings.name);
        let address = settings.endpoint.clone().unwrap_or_else(own);
        secure(&address).map(String::from)
    }
}

#[async_trait]
impl Check for KeyVault {
    async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        self.vault.account().whoami(deadline).await
    }

    async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        self.vault.first_page(deadline).await
    }
}

#[async_trait]
impl Check for AppConfiguration {
    async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        self.shared.caller.account.whoami(deadline).await
    }

    async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        let shared = &self.shared;
        let about = About {
            operation: "GetKeyValues",
            subject: "the store",
            role: "App Configuration Data Reader",
        };
        // Rights are for the whole store, so a key that nobody has tells as much as any.
        let mut url = shared.listing_url("jasm-doctor", None);
        url.query_pairs_mut().append_pair("$select", "key");
        shared.send(&url, None, about, deadline).await.map(drop)
    }
}
