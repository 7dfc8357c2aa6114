//! Whose token it is: Google's own answer has no name in it.

use tokio::time::Instant;

use super::Credentials;
use crate::gcp::{adc, assumed, federation};
use crate::{Error, Identity};

impl Credentials {
    pub(in crate::gcp) async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        // A name is worth something only where there is a token for it.
        self.token(deadline).await?;
        let (connection, observer) = (&self.connection, &self.observer);
        match &self.identity {
            Identity::Workload(workload) => {
                federation::whoami(connection, observer, workload.as_ref(), deadline).await
            }
            Identity::Assumed(principal) => {
                let account = assumed::account(principal)?;
                let own = adc::whoami(connection, observer, deadline).await?;
                Ok(format!("serviceAccount:{account}, impersonated by {own}"))
            }
            Identity::Controller => adc::whoami(connection, observer, deadline).await,
        }
    }
}
