//! Whose credentials the controller's are.

use tokio::time::Instant;

use super::{File, file, read, unusable};
use crate::Error;
use crate::gcp::federation::is_email;
use crate::gcp::{Connection, metadata};
use crate::source::Observer;

/// The account in the file that the environment names, else the machine's own.
pub(in crate::gcp) async fn whoami(
    connection: &Connection,
    observer: &Observer,
    deadline: Instant,
) -> Result<String, Error> {
    let Some(path) = file(connection) else {
        let path = "instance/service-accounts/default/email";
        let email = metadata::text(connection, observer, path, deadline).await?;
        return Ok(format!("serviceAccount:{email}, by the metadata server"));
    };
    let by = format!("by the file {}", path.display());
    let text = read(&path, deadline).await?;
    let file: File<'_> = serde_json::from_slice(text.expose())
        .map_err(|_| unusable("is not one of google's: it has to be JSON with a type"))?;
    let impersonated = file
        .service_account_impersonation_url
        .rsplit_once('/')
        .and_then(|(_, last)| last.strip_suffix(":generateAccessToken"));
    Ok(match (&*file.kind, impersonated) {
        ("service_account", _) if is_email(&file.client_email) => {
            format!("serviceAccount:{}, {by}", file.client_email)
        }
        ("external_account", Some(email)) if is_email(email) => {
            format!("serviceAccount:{email}, {by}")
        }
        ("external_account", _) => format!("a principal of another issuer's, {by}"),
        ("authorized_user", _) => format!("the login of a person, {by}"),
        _ => format!("an account that is not named, {by}"),
    })
}
