//! Impersonation: a token of a service account, by the rights of the controller's own credentials.
//! <https://cloud.google.com/iam/docs/service-account-impersonation>

use tokio::time::Instant;

use super::adc;
use super::connection::Connection;
use super::federation::{impersonate, is_email};
use crate::session::Issued;
use crate::source::Observer;
use crate::{Error, ErrorKind, Principal, SecretBytes};

/// The address of the service account, checked before it becomes a part of a URL.
pub(super) fn account(principal: &Principal) -> Result<&str, Error> {
    match principal {
        Principal::GoogleServiceAccount(account) if is_email(account) => Ok(account),
        Principal::GoogleServiceAccount(_) => Err(Error::new(
            ErrorKind::Invalid,
            "the service account to act as is not the address of one: write it like \
             writer@my-project.iam.gserviceaccount.com",
        )),
        Principal::AwsRole { .. } | Principal::EntraClient(_) => Err(principal.foreign()),
    }
}

/// A token of the service account.
pub(super) async fn token(
    connection: &Connection,
    observer: &Observer,
    principal: &Principal,
    deadline: Instant,
) -> Result<Issued<SecretBytes>, Error> {
    let account = account(principal)?;
    let own = adc::token(connection, observer, deadline).await?;
    let refused = format!(
        "jasm may not act as {account}, or there is no such service account: grant \
         roles/iam.serviceAccountTokenCreator on it to jasm's own identity"
    );
    impersonate(connection, observer, account, &own, refused, deadline).await
}
