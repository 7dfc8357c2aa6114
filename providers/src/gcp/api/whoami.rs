//! As whom a service is asked.

use tokio::time::Instant;

use super::Api;
use crate::Error;

impl Api {
    pub(in crate::gcp) async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        self.credentials.whoami(deadline).await
    }
}
