//! A store that is looked at rather than read: without lanes, and each identity by itself.

use std::sync::Arc;

use jasm_providers::{Check, Error, Identity};

use super::connect::Connected;
use crate::settings::{self, Settings};

/// A store as `jasm doctor` looks at it.
#[derive(Debug)]
pub struct Examined(Connected);

impl Examined {
    /// Prepares it as the controller does; nothing is sent yet.
    ///
    /// # Errors
    /// One sentence about what cannot be.
    pub async fn connect(store: &settings::Store, settings: &Settings) -> Result<Self, String> {
        Connected::to(store, settings).await.map(Self)
    }

    /// Where it is; none for a directory.
    ///
    /// # Errors
    /// What the config says makes no address.
    pub fn address(&self) -> Result<Option<String>, Error> {
        self.0.address()
    }

    /// What reads it as one identity.
    ///
    /// # Errors
    /// If the identity has not what the store needs of it.
    pub fn source(&self, identity: Identity) -> Result<Arc<dyn Check>, Error> {
        self.0.source(identity, Arc::new(|_| ()))
    }
}
