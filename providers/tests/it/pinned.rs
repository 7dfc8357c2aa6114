//! A token goes to the hosts of the config and nowhere else, whatever a server, an entry or a file says.
//!
//! That a redirect of a read is not followed is in the contract, for every kind.

use std::fs;
use std::sync::Arc;

use jasm_providers::{ErrorKind, Identity, Source, aws, gcp, vault};
use serde_json::{Value, json};

use crate::contract::{azure_words, gcp_words};
use crate::support::{Calls, MARKER, assert_clean, connect, list, options, read_one, want};
use crate::vault_faults;
use crate::wire::{Reply, Request, Wire};
use crate::workload::Web;

/// The host that nothing may come to; it takes what it gets.
async fn foreign() -> Wire {
    Wire::new(|_| Reply::Json(200, json!({}))).await
}

/// The same over TLS.
async fn foreign_tls() -> Wire {
    azure_words::wire(Box::new(|_| Reply::Json(200, json!({})))).await
}

fn redirect(to: &Wire) -> impl Fn() -> Reply + Send + Sync + 'static {
    let location: &'static str = format!("Location: {}/x\r\n", to.endpoint).leak();
    move || Reply::Raw(307, location, Vec::new())
}

fn workload() -> Identity {
    Identity::Workload(Arc::new(Web))
}

/// The read fails without having sent anything to the foreign host.
async fn stays(source: &dyn Source, foreign: &Wire, about: &str) -> ErrorKind {
    let error = read_one(source, want("a")).await.unwrap_err();
    assert_clean(&error);
    assert_eq!(foreign.requests().len(), 0, "{about}");
    error.kind
}

#[tokio::test]
async fn a_token_service_that_redirects_is_not_followed() {
    let elsewhere = foreign_tls().await;
    let answer = redirect(&elsewhere);
    let entra = azure_words::wire(Box::new(move |_| answer())).await;
    let secrets = azure_words::vault(&entra.endpoint);
    let settings = azure_words::settings(&entra.endpoint);
    for source in [&secrets as &dyn Source, &settings] {
        let kind = stays(source, &elsewhere, "entra").await;
        assert_eq!(kind, ErrorKind::Unavailable);
    }

    let elsewhere = foreign().await;
    let answer = redirect(&elsewhere);
    let sts = Wire::new(move |_| answer()).await;
    let connection = gcp_words::connection(&sts.endpoint);
    let observer = || Calls::default().observer();
    let secrets = gcp::SecretManager::new(&connection, workload(), observer()).unwrap();
    let kind = stays(&secrets, &elsewhere, "google").await;
    assert_eq!(kind, ErrorKind::Invalid);
    let options_of_aws = aws::Options {
        attempts: 1,
        sts_endpoint: Some(sts.endpoint.clone()),
        ..options(&sts.endpoint, "eu-west-1")
    };
    let connection = connect(&options_of_aws).await.of(workload()).unwrap();
    let secrets = aws::SecretsManager::new(&connection, observer());
    let kind = stays(&secrets, &elsewhere, "aws").await;
    assert_eq!(kind, ErrorKind::Unavailable);
    let connection = vault::Connection::new(&vault_faults::options(&sts.endpoint)).unwrap();
    let secrets = vault::Vault::new(&connection, workload(), observer()).unwrap();
    let error = read_one(&secrets, want("a")).await.unwrap_err();
    assert!(error.message.contains("active node"), "{error}");
    assert_eq!(
        stays(&secrets, &elsewhere, "vault").await,
        ErrorKind::Invalid
    );
    assert!(!sts.requests().is_empty() && !entra.requests().is_empty());
}

#[tokio::test]
async fn a_standby_of_vault_says_which_address_to_write() {
    let elsewhere = foreign().await;
    let (answer, tokens) = (redirect(&elsewhere), vault_faults::Tokens::default());
    let standby = Wire::new(move |request| tokens.answer(request).unwrap_or_else(&answer)).await;
    let connection = vault::Connection::new(&vault_faults::options(&standby.endpoint)).unwrap();
    let observer = Calls::default().observer();
    let source = vault::Vault::new(&connection, workload(), observer).unwrap();
    let error = read_one(&source, want("a")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    for words in [
        "standby",
        "address of the active node",
        "service that leads to it",
    ] {
        assert!(error.message.contains(words), "{error}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_vault_cannot_choose_who_gives_the_token_nor_what_it_is_for() {
    // Whom it names, what the token is to be for, and whether that is a vault's to ask.
    for (resource, allowed) in [
        ("https://vault.azure.net", true),
        ("https://management.azure.com", false),
        ("https://evil.example", false),
    ] {
        let elsewhere = foreign_tls().await;
        let challenge: &'static str = format!(
            "WWW-Authenticate: Bearer authorization=\"{}/tenant\", resource=\"{resource}\"\r\n",
            elsewhere.endpoint
        )
        .leak();
        let id = "https://default.vault.azure.net/secrets/a/0123456789abcdef0123456789abcdef";
        let script = move |request: &Request| {
            if !azure_words::is_login(request) && !request.headers.contains_key("authorization") {
                return Reply::Raw(401, challenge, Vec::new());
            }
            azure_words::aside(request)
                .unwrap_or_else(|| Reply::Json(200, json!({"id": id, "value": "one"})))
        };
        let server = azure_words::wire(Box::new(script)).await;
        let source = azure_words::vault(&server.endpoint);
        let entry = read_one(&source, want("a")).await;
        if allowed {
            assert_eq!(crate::support::text(&entry), "one");
        } else {
            let error = entry.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Integrity, "{resource}: {error}");
            assert!(error.message.contains("not for vaults"), "{error}");
            let shown = |request: &Request| request.headers.contains_key("authorization");
            assert!(!server.requests().iter().any(shown), "{resource}");
        }
        assert_eq!(elsewhere.requests().len(), 0, "{resource}");
    }
}

#[tokio::test]
async fn the_next_page_is_of_the_same_host() {
    let elsewhere = foreign_tls().await;
    let link = format!("{}/next?api-version=1", elsewhere.endpoint);
    let id = "https://default.vault.azure.net/secrets/a";
    let pages: [(Value, bool); 2] = [
        (json!({"value": [{"id": id}], "nextLink": link}), true),
        (json!({"items": [], "@nextLink": link}), false),
    ];
    for (page, is_vault) in pages {
        let script = move |request: &Request| {
            azure_words::aside(request).unwrap_or_else(|| Reply::Json(200, page.clone()))
        };
        let server = azure_words::wire(Box::new(script)).await;
        let found = if is_vault {
            list(&azure_words::vault(&server.endpoint), "").await
        } else {
            list(&azure_words::settings(&server.endpoint), "p/*").await
        };
        let error = found.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Integrity, "{error}");
        assert!(error.message.contains("nothing was sent there"), "{error}");
        assert_eq!(elsewhere.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_reference_leads_to_the_stores_vaults_only() {
    let table = [
        ("https://other.vault.azure.net/secrets/a", "the vault other"),
        ("https://default.evil.example/secrets/a", "no vault"),
        ("https://169.254.169.254/secrets/a", "no vault"),
    ];
    for (uri, words) in table {
        let item = json!({
            "key": "a", "etag": "e", "value": json!({"uri": uri}).to_string(),
            "content_type": "application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8",
        });
        let script = move |request: &Request| {
            azure_words::aside(request)
                .unwrap_or_else(|| Reply::Json(200, json!({"items": [item]})))
        };
        let server = azure_words::wire(Box::new(script)).await;
        let source = azure_words::settings(&server.endpoint);
        let error = read_one(&source, want("a")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{uri}");
        assert!(error.message.contains(words), "{uri}: {error}");
        assert!(error.message.contains("vaults"), "{uri}: {error}");
        // The entry was read, and no token for vaults was asked for.
        let logins = server.requests();
        let logins = logins
            .iter()
            .filter(|request| azure_words::is_login(request));
        assert_eq!(logins.count(), 1, "{uri}");
    }
}

#[tokio::test]
async fn a_file_of_credentials_cannot_choose_the_host() {
    let elsewhere = foreign().await;
    let dir = std::env::temp_dir().join(format!("jasm-pinned-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let (token, file) = (dir.join("token"), dir.join("credentials.json"));
    fs::write(&token, format!("jwt-{MARKER}")).unwrap();
    let evil = &elsewhere.endpoint;
    let account = "reader@acme.iam.gserviceaccount.com";
    let files = [
        json!({
            "type": "external_account", "audience": "//iam.googleapis.com/x",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{evil}/v1/token"), "universe_domain": "evil.example",
            "service_account_impersonation_url":
                format!("{evil}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"),
            "credential_source": {"file": token},
        }),
        json!({
            "type": "authorized_user", "client_id": "a", "client_secret": MARKER,
            "refresh_token": MARKER, "token_uri": format!("{evil}/token"),
        }),
    ];
    for written in files {
        fs::write(&file, written.to_string()).unwrap();
        let server = Wire::new(|request| {
            let granted = json!({"access_token": "t", "expires_in": 3600, "accessToken": "t"});
            let secret = json!({"name": "projects/1/secrets/a/versions/1", "payload": {}});
            Reply::Json(
                200,
                if request.line.starts_with("POST ") {
                    granted
                } else {
                    secret
                },
            )
        })
        .await;
        let options = gcp::Options {
            credentials: Some(file.clone()),
            ..gcp_words::options(&server.endpoint)
        };
        let connection = gcp::Connection::new(&options).unwrap();
        let observer = Calls::default().observer();
        let source = gcp::SecretManager::new(&connection, Identity::Controller, observer).unwrap();
        let entry = read_one(&source, want("a")).await;
        assert!(entry.is_ok(), "{entry:?}");
        assert!(server.requests().len() >= 2);
        assert_eq!(elsewhere.requests().len(), 0);
    }
    let _ = fs::remove_dir_all(dir);
}
