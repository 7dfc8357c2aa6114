//! A vault when it is looked at.

use std::sync::Arc;

use azure_security_keyvault_secrets::models::SecretClientListSecretPropertiesOptions;
use futures::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{LIST, READER, Vault};
use crate::azure::account::Account;
use crate::azure::classify::{self, About};
use crate::http::observed;
use crate::{Error, ErrorKind};

impl Vault {
    pub(in crate::azure) fn account(&self) -> &Arc<Account> {
        &self.caller.account
    }

    /// One name of the listing, or none.
    pub(in crate::azure) async fn first_page(&self, deadline: Instant) -> Result<(), Error> {
        let about = About {
            operation: LIST,
            subject: "the store",
            role: READER,
        };
        self.caller.account.token(deadline).await?;
        let options = SecretClientListSecretPropertiesOptions {
            maxresults: Some(1),
            ..SecretClientListSecretPropertiesOptions::default()
        };
        let pager = self
            .client
            .list_secret_properties(Some(options))
            .map_err(|error| classify::sdk_error(&error, about))?;
        let mut pages = Box::pin(pager.into_pages());
        observed(&self.observer, LIST, async {
            match timeout_at(deadline, pages.next()).await {
                Ok(None | Some(Ok(_))) => Ok(()),
                Ok(Some(Err(error))) => Err(classify::sdk_error(&error, about)),
                Err(_) => Err(Error::new(
                    ErrorKind::Unavailable,
                    format!("{LIST} did not answer in time"),
                )),
            }
        })
        .await
    }
}
