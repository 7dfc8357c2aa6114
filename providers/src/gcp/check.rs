//! Secret Manager and Parameter Manager when they are looked at.

use async_trait::async_trait;
use tokio::time::Instant;

use super::classify::About;
use super::{Connection, ParameterManager, SecretManager};
use crate::check::Check;
use crate::{Error, Kind};

impl Connection {
    /// Where a service is asked: at the store's own endpoint, or at its location's.
    ///
    /// # Errors
    /// The location cannot be a part of an address.
    pub fn address(&self, kind: Kind) -> Result<String, Error> {
        let service = match kind {
            Kind::GcpParameterManager => "parametermanager",
            _ => "secretmanager",
        };
        self.endpoint(service).map(String::from)
    }
}

#[async_trait]
impl Check for SecretManager {
    async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        self.api.whoami(deadline).await
    }

    async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        let path = format!("v1/{}/secrets", self.parent());
        let about = About {
            operation: "ListSecrets",
            subject: None,
        };
        let query = "pageSize=1&fields=secrets/name";
        self.api
            .get(&path, Some(query), about, deadline)
            .await
            .map(drop)
    }
}

#[async_trait]
impl Check for ParameterManager {
    async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        self.api.whoami(deadline).await
    }

    async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        let path = format!("v1/{}/parameters", self.parent());
        let about = About {
            operation: "ListParameters",
            subject: None,
        };
        let query = "pageSize=1&fields=parameters/name";
        self.api
            .get(&path, Some(query), about, deadline)
            .await
            .map(drop)
    }
}
