//! What somebody who looks for a fault asks of a store.

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Error, Source};

/// A source that can be asked about itself. Neither answer has a value or a credential in it.
#[async_trait]
pub trait Check: Source {
    /// As whom it reads, in one line: as the store, or what gives its credentials, says.
    ///
    /// # Errors
    /// There are no credentials, they are not accepted, or nobody tells whose they are.
    async fn whoami(&self, deadline: Instant) -> Result<String, Error>;

    /// The cheapest call that names no entry and shows that the store lets this identity in. It may need
    /// a right that reading does not need, so a refusal says nothing of single entries.
    ///
    /// # Errors
    /// As for a read.
    async fn probe(&self, deadline: Instant) -> Result<(), Error>;
}
