//! Tokens of Entra ID: for a workload, the ServiceAccount's token as the client's assertion; for the
//! controller, that of its own file, else the machine's managed identity.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, TokenCredential};
use azure_core::error::{Error as SdkError, ErrorKind as SdkKind};
use azure_core::http::{ClientMethodOptions, ClientOptions, Url};
use azure_core::time::OffsetDateTime;
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use tokio::time::{Instant, timeout_at};

use super::classify;
use super::connection::{Connection, is_id};
use crate::http::observed;
use crate::identity::required;
use crate::session::Issued;
use crate::source::Observer;
use crate::{Error, ErrorKind, Identity, Principal, SecretBytes, Workload, small_file};

/// The annotations of a ServiceAccount, as Azure's own webhook reads them.
pub(super) const CLIENT: &str = "azure.workload.identity/client-id";
pub(super) const TENANT: &str = "azure.workload.identity/tenant-id";

const OPERATION: &str = "GetToken";
/// The machine's own endpoint for tokens.
const IMDS: &str = "http://169.254.169.254";
/// No answer with a token is larger.
const LARGEST: usize = 64 * 1024;
/// Nor a file with one.
const LARGEST_FILE: u64 = 64 * 1024;
/// The longest life that is believed.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A token of the identity for a service, by a deadline of its own: it is for whoever asks.
pub(super) async fn token(
    connection: Connection,
    observer: Observer,
    identity: Identity,
    scope: &str,
) -> Result<Issued<SecretBytes>, Error> {
    let since = Instant::now();
    let deadline = since + connection.shared.options.timeout;
    let granting = async {
        match &identity {
            Identity::Workload(workload) => {
                federated(&connection, &observer, workload.as_ref(), scope, deadline).await
            }
            Identity::Assumed(principal) => {
                assumed(&connection, &observer, principal, scope, deadline).await
            }
            Identity::Controller => controller(&connection, &observer, scope, deadline).await,
        }
    };
    let granted = timeout_at(deadline, granting)
        .await
        .unwrap_or_else(|_| Err(late()))?;
    let life = granted.expires_on - OffsetDateTime::now_utc();
    let life = Duration::try_from(life).unwrap_or_default() + since.elapsed();
    let text = SecretBytes::from(granted.token.secret().to_owned());
    if text.is_empty() {
        return Err(Error::new(
            ErrorKind::Integrity,
            "entra gave an empty token",
        ));
    }
    Ok(Issued::lasting(text, since, life.min(LONGEST)))
}

async fn federated(
    connection: &Connection,
    observer: &Observer,
    workload: &dyn Workload,
    scope: &str,
    deadline: Instant,
) -> Result<AccessToken, Error> {
    let whose = format!("{}/{}", workload.namespace(), workload.service_account());
    let example = "00000000-0000-0000-0000-000000000000";
    let client = required(workload, CLIENT, example)?;
    let tenant = match workload.annotation(TENANT).filter(|it| !it.is_empty()) {
        Some(tenant) => tenant.to_owned(),
        None => own_tenant(connection).ok_or_else(|| {
            let sentence = format!(
                "the ServiceAccount {whose} has no annotation {TENANT} and the store no tenant: write one of them, \
                 for example {TENANT}: {example}"
            );
            Error::new(ErrorKind::Denied, sentence)
        })?,
    };
    // Before a token is asked for: they become parts of a URL and of a form.
    for (annotation, value) in [(CLIENT, client), (TENANT, tenant.as_str())] {
        if !is_id(value) {
            let sentence = format!(
                "the annotation {annotation} of the ServiceAccount {whose} is not an id of entra: write it like {example}"
            );
            return Err(Error::new(ErrorKind::Denied, sentence));
        }
    }
    let assertion = workload.token(classify::AUDIENCE, deadline).await?;
    let who = classify::Who {
        subject: format!(
            "system:serviceaccount:{}:{}",
            workload.namespace(),
            workload.service_account()
        ),
        client: client.to_owned(),
        tenant: tenant.clone(),
    };
    asserted(
        connection,
        observer,
        Assertion(assertion),
        &who,
        scope,
        deadline,
    )
    .await
}

/// An application or managed identity that trusts the controller's own ServiceAccount: the controller's
/// federated token, exchanged with another client id.
async fn assumed(
    connection: &Connection,
    observer: &Observer,
    principal: &Principal,
    scope: &str,
    deadline: Instant,
) -> Result<AccessToken, Error> {
    let Principal::EntraClient(client) = principal else {
        return Err(principal.foreign());
    };
    // Before it becomes a part of a form.
    if !is_id(client) {
        let sentence = "the client id to act as is not an id of entra: write it like \
                        00000000-0000-0000-0000-000000000000";
        return Err(Error::new(ErrorKind::Invalid, sentence));
    }
    let lacks = |what: &str| {
        let sentence = format!("jasm cannot act as the application {client}: {what}");
        Error::new(ErrorKind::Unauthenticated, sentence)
    };
    let path = token_file(connection).ok_or_else(|| {
        lacks(
            "its own ServiceAccount has no federated token; let azure workload identity give jasm's pod one \
             (AZURE_FEDERATED_TOKEN_FILE)",
        )
    })?;
    let tenant = own_tenant(connection)
        .ok_or_else(|| lacks("no tenant is known; set AZURE_TENANT_ID, or tenant on the store"))?;
    let assertion = Assertion(read(&path, deadline).await?);
    let who = classify::Who {
        subject: "jasm's own ServiceAccount".to_owned(),
        client: client.clone(),
        tenant,
    };
    asserted(connection, observer, assertion, &who, scope, deadline).await
}

/// The file that Azure's webhook gives a pod, else what the machine is.
async fn controller(
    connection: &Connection,
    observer: &Observer,
    scope: &str,
    deadline: Instant,
) -> Result<AccessToken, Error> {
    let options = &connection.shared.options;
    let client = options
        .client
        .clone()
        .or_else(|| variable("AZURE_CLIENT_ID"));
    if let Some(path) = token_file(connection) {
        let (Some(client), Some(tenant)) = (client, own_tenant(connection)) else {
            return Err(Error::new(
                ErrorKind::Unauthenticated,
                "there is a federated token but no client or tenant: set AZURE_CLIENT_ID and AZURE_TENANT_ID, or client \
                 and tenant on the store",
            ));
        };
        let assertion = Assertion(read(&path, deadline).await?);
        let who = classify::Who {
            subject: "the controller's own ServiceAccount".to_owned(),
            client,
            tenant,
        };
        return asserted(connection, observer, assertion, &who, scope, deadline).await;
    }
    let host = Url::parse(IMDS).map_err(|_| unusable())?;
    let credential = ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
        user_assigned_id: client.map(UserAssignedId::ClientId),
        client_options: connection.client_options(
            "the managed identity endpoint",
            vec![host],
            LARGEST,
        ),
    }))
    .map_err(|_| unusable())?;
    ask(observer, credential, scope, deadline, classify::managed).await
}

/// The grant of RFC 7523, 2.2, with the token as the assertion.
async fn asserted(
    connection: &Connection,
    observer: &Observer,
    assertion: Assertion,
    who: &classify::Who,
    scope: &str,
    deadline: Instant,
) -> Result<AccessToken, Error> {
    let authority = connection.shared.authority.clone();
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = authority.to_string();
    let client_options = ClientOptions {
        cloud: Some(Arc::new(CloudConfiguration::from(cloud))),
        ..connection.client_options("entra", vec![authority], LARGEST)
    };
    let options = ClientAssertionCredentialOptions { client_options };
    let credential = ClientAssertionCredential::new(
        who.tenant.clone(),
        who.client.clone(),
        assertion,
        Some(options),
    )
    .map_err(|_| unusable())?;
    ask(observer, credential, scope, deadline, |error| {
        classify::entra(error, who)
    })
    .await
}

async fn ask(
    observer: &Observer,
    credential: Arc<dyn TokenCredential>,
    scope: &str,
    deadline: Instant,
    failed: impl Fn(&SdkError) -> Error,
) -> Result<AccessToken, Error> {
    let scopes = [scope];
    observed(observer, OPERATION, async {
        match timeout_at(deadline, credential.get_token(&scopes, None)).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(late()),
        }
    })
    .await
}

fn late() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the credentials could not be had in time",
    )
}

/// A token that the SDK sends for us.
struct Assertion(SecretBytes);

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion(redacted)")
    }
}

#[async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        std::str::from_utf8(self.0.expose())
            .map(|text| text.trim().to_owned())
            .map_err(|_| {
                let ours = Error::new(
                    ErrorKind::Integrity,
                    "the ServiceAccount's token is not text",
                );
                SdkError::new(SdkKind::Credential, ours)
            })
    }
}

fn token_file(connection: &Connection) -> Option<PathBuf> {
    let named = connection.shared.options.token_file.clone();
    named.or_else(|| set("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from))
}

fn own_tenant(connection: &Connection) -> Option<String> {
    let options = &connection.shared.options;
    options
        .tenant
        .clone()
        .or_else(|| variable("AZURE_TENANT_ID"))
}

fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

pub(super) fn variable(name: &str) -> Option<String> {
    set(name)?.into_string().ok()
}

/// Read for every token: the kubelet replaces it.
async fn read(path: &Path, deadline: Instant) -> Result<SecretBytes, Error> {
    match small_file::read(path, LARGEST_FILE, deadline).await {
        Ok(bytes) if !bytes.is_empty() => Ok(SecretBytes::new(bytes.to_vec())),
        _ => Err(Error::new(
            ErrorKind::Unauthenticated,
            "the file of AZURE_FEDERATED_TOKEN_FILE cannot be read, or is empty",
        )),
    }
}

fn unusable() -> Error {
    Error::new(
        ErrorKind::Invalid,
        "the credentials for azure cannot be prepared: check tenant, client and authority",
    )
}
