//! Writing as an identity of the cloud that the program takes on, and the keys that it decrypts with as that.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jasm_fakes::azure::App;
use jasm_fakes::gcp::Pool;
use jasm_providers::{ErrorKind, Identity, Principal, Sink, azure, gcp};
use serde_json::json;

use crate::azure::{CLIENT, TENANT, World as Azure};
use crate::contract::gcp_words;
use crate::gcp::{PROJECT, World as Google};
use crate::sinks::{listed, owner, put};
use crate::support::{Calls, MARKER, assert_clean, soon};
use crate::wire::{Reply, Wire};
use crate::workload::{ISSUER, Web};

/// A folder for what the program finds in its pod; it goes with the test.
struct Mounted(PathBuf);

impl Mounted {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("jasm-mounted-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const WRITER: &str = "writer@acme-prod.iam.gserviceaccount.com";
const AUDIENCE: &str = "//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/clusters/providers/test";
/// The program's own ServiceAccount, as the pool has it.
const JASM: &str = "principal://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/clusters/subject/\
                    system:serviceaccount:jasm:jasm";

/// A connection whose program has a token of its own ServiceAccount.
fn google(world: &Google, mounted: &Mounted) -> gcp::Connection {
    world
        .cloud
        .add_pool(Pool::federation("42", "clusters", "test", ISSUER));
    let token = world.token("jasm", "jasm", &format!("https:{AUDIENCE}"));
    let credentials = json!({
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "credential_source": {"file": mounted.file("token", &token)},
    });
    let options = gcp::Options {
        credentials: Some(mounted.file("credentials.json", &credentials.to_string())),
        ..world.options()
    };
    gcp::Connection::new(&options).unwrap()
}

fn as_account(account: &str) -> Identity {
    Identity::Assumed(Principal::GoogleServiceAccount(account.to_owned()))
}

fn secrets(connection: &gcp::Connection, identity: Identity) -> gcp::SecretManager {
    gcp::SecretManager::new(connection, identity, Calls::default().observer()).unwrap()
}

#[tokio::test]
async fn an_object_writes_as_the_service_account_that_it_names() {
    let (world, mounted, mine) = (Google::new().await, Mounted::new(), owner("config"));
    let connection = google(&world, &mounted);
    let sink = secrets(&connection, as_account(WRITER));
    let refused = sink.held(&mine, soon()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    assert_eq!(
        refused.message,
        format!(
            "jasm may not act as {WRITER}, or there is no such service account: grant \
             roles/iam.serviceAccountTokenCreator on it to jasm's own identity"
        )
    );
    let own = format!("serviceAccounts/{WRITER}");
    world.cloud.grants.allow(JASM, &own);
    // The service account's rights, not the program's.
    world
        .cloud
        .grants
        .allow(&format!("serviceAccount:{WRITER}"), "projects/*");
    let sink = secrets(&connection, as_account(WRITER));
    for name in ["a", "b"] {
        sink.create(&put(name, "one"), &mine, soon()).await.unwrap();
    }
    assert!(listed(&sink, "a", &mine).await.is_some());
    let program = secrets(&connection, Identity::Controller);
    let refused = program.held(&mine, soon()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied, "{refused}");
    // One token for all calls of an object; another object has one of its own.
    let tokens = || world.server.record.of(":generateAccessToken").len();
    let before = tokens();
    let other = secrets(&connection, as_account(WRITER));
    assert!(listed(&other, "a", &mine).await.is_some());
    assert!(listed(&sink, "a", &mine).await.is_some());
    assert_eq!(tokens(), before + 1);
    let written = world.server.record.of("/secrets");
    let principal = format!("serviceAccount:{WRITER}");
    let wrote = written.iter().filter(|seen| seen.method != "GET");
    assert!(wrote.clone().count() > 0);
    assert!(
        wrote
            .clone()
            .all(|seen| seen.principal.as_deref() == Some(&principal))
    );
}

#[tokio::test]
async fn what_is_no_service_account_is_not_asked_for() {
    let (world, mounted) = (Google::new().await, Mounted::new());
    let connection = google(&world, &mounted);
    let others = [
        (
            as_account("a/b@acme.iam.gserviceaccount.com"),
            "write it like writer@",
        ),
        (as_account("writer@evil.example"), "write it like writer@"),
        (
            Identity::Assumed(Principal::EntraClient(CLIENT.to_owned())),
            "name an identity of its own cloud",
        ),
    ];
    for (identity, part) in others {
        let sink = secrets(&connection, identity);
        let refused = sink.held(&owner("config"), soon()).await.unwrap_err();
        assert!(refused.message.contains(part), "{refused}");
    }
    assert_eq!(world.server.record.all().len(), 0);
}

const KEY: &str = "projects/acme-prod/locations/global/keyRings/sops/cryptoKeys/shop";

#[tokio::test]
async fn a_key_of_kms_decrypts_for_whom_it_may() {
    let (world, mounted) = (Google::new().await, Mounted::new());
    let connection = google(&world, &mounted);
    world
        .cloud
        .grants
        .allow(JASM, &format!("serviceAccounts/{WRITER}"));
    world.cloud.kms.add(KEY);
    let other = KEY.replace("shop", "other");
    world.cloud.kms.add(&other);
    let plain = format!("data key {MARKER}");
    let cipher = world.cloud.kms.encrypt(KEY, plain.as_bytes()).unwrap();
    let kms =
        || gcp::Kms::new(&connection, as_account(WRITER), Calls::default().observer()).unwrap();
    let kms = kms();
    let refused = kms.decrypt(KEY, &cipher, soon()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    assert!(
        refused
            .message
            .contains("roles/cloudkms.cryptoKeyDecrypter"),
        "{refused}"
    );
    let keys = format!("projects/{PROJECT}/locations/global/keyRings/*");
    world
        .cloud
        .grants
        .allow(&format!("serviceAccount:{WRITER}"), &keys);
    let value = kms.decrypt(KEY, &cipher, soon()).await.unwrap();
    assert!(value.expose() == plain.as_bytes());
    let mut changed = cipher.clone();
    changed[20] ^= 1;
    let wrong = [
        kms.decrypt(&other, &cipher, soon()).await,
        kms.decrypt(KEY, &changed, soon()).await,
        kms.decrypt(KEY, b"", soon()).await,
    ];
    for wrong in wrong {
        let refused = wrong.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
        assert!(
            refused.message.contains("was not encrypted with the key"),
            "{refused}"
        );
        assert_clean(&refused);
    }
    let missing = kms
        .decrypt(&KEY.replace("shop", "none"), &cipher, soon())
        .await;
    assert_eq!(missing.unwrap_err().kind, ErrorKind::NotFound);
    // Nothing is asked for that is no key.
    let before = world.server.record.all().len();
    let refused = kms
        .decrypt("projects/x/../y", &cipher, soon())
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Invalid);
    assert_eq!(world.server.record.all().len(), before);
}

#[tokio::test]
async fn what_a_key_gives_is_under_a_checksum() {
    // CRC-32C of "123456789": the check value of its definition.
    let answers = [
        (
            json!({"plaintext": "MTIzNDU2Nzg5", "plaintextCrc32c": "3808858755"}),
            true,
        ),
        (
            json!({"plaintext": "MTIzNDU2Nzg5", "plaintextCrc32c": "3808858756"}),
            false,
        ),
        (json!({"plaintext": "MTIzNDU2Nzg5"}), false),
        (json!({"plaintext": MARKER, "plaintextCrc32c": "1"}), false),
        (json!({"plaintextCrc32c": "1"}), false),
    ];
    for (answer, good) in answers {
        let said = answer.clone();
        let server = Wire::new(move |request| {
            let token = json!({"access_token": "t", "expires_in": 3600});
            let asks_for_key = request.line.contains(":decrypt");
            Reply::Json(200, if asks_for_key { said.clone() } else { token })
        })
        .await;
        let connection = gcp::Connection::new(&gcp_words::options(&server.endpoint)).unwrap();
        let identity = Identity::Workload(Arc::new(Web));
        let kms = gcp::Kms::new(&connection, identity, Calls::default().observer()).unwrap();
        let found = kms.decrypt(KEY, b"cipher", soon()).await;
        if good {
            assert!(found.unwrap().expose() == b"123456789");
            continue;
        }
        let refused = found.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Integrity, "{refused}");
        assert_clean(&refused);
    }
}

const OTHER: &str = "33333333-3333-3333-3333-333333333333";

/// A connection whose program has a federated token.
fn entra(world: &Azure, file: Option<&Path>) -> azure::Connection {
    let options = azure::Options {
        tenant: Some(TENANT.to_owned()),
        token_file: file.map(Path::to_path_buf),
        ..world.options()
    };
    azure::Connection::new(&options).unwrap()
}

fn as_client(client: &str) -> Identity {
    Identity::Assumed(Principal::EntraClient(client.to_owned()))
}

fn vault(connection: &azure::Connection, identity: Identity) -> azure::KeyVault {
    let observer = Calls::default().observer();
    azure::KeyVault::new(connection, "default", identity, observer).unwrap()
}

#[tokio::test]
async fn an_object_writes_as_the_client_that_it_names() {
    let (world, mounted, mine) = (Azure::new().await, Mounted::new(), owner("config"));
    let token = world.token("jasm", "jasm", "api://AzureADTokenExchange");
    let file = mounted.file("token", &token);
    let connection = entra(&world, Some(&file));
    // It trusts the pod's ServiceAccount, and not the program's.
    let refused = vault(&connection, as_client(CLIENT));
    let refused = refused.held(&mine, soon()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    let part = format!(
        "the application {CLIENT} has no federated credential for jasm's own ServiceAccount"
    );
    assert!(refused.message.contains(&part), "{refused}");
    world.add(App::new(TENANT, OTHER, "shop-writer").federated(ISSUER, "jasm", "jasm"));
    world.azure.grants.allow("shop-writer", "vaults/default*");
    let sink = vault(&connection, as_client(OTHER));
    sink.create(&put("a", "one"), &mine, soon()).await.unwrap();
    assert!(listed(&sink, "a", &mine).await.is_some());
    let written = world.vault_server.record.all();
    let mut written = written.iter().filter(|seen| seen.method == "PUT");
    assert!(written.all(|seen| seen.principal.as_deref() == Some("shop-writer")));
    let settings = azure::Settings {
        name: "default".into(),
        endpoint: Some(world.store_server.endpoint()),
        ..azure::Settings::default()
    };
    world
        .azure
        .grants
        .allow("shop-writer", "configurations/default");
    let observer = Calls::default().observer();
    let store = azure::AppConfiguration::new(&connection, settings, as_client(OTHER), observer);
    let store = store.unwrap();
    store.create(&put("a", "one"), &mine, soon()).await.unwrap();
    assert!(listed(&store, "a", &mine).await.is_some());
}

#[tokio::test]
async fn without_a_token_of_its_own_nothing_is_asked_for() {
    let (world, mounted, mine) = (Azure::new().await, Mounted::new(), owner("config"));
    let empty = mounted.file("token", "");
    let cases = [
        (
            Some(empty.as_path()),
            as_client(OTHER),
            ErrorKind::Unauthenticated,
            "cannot be read, or is empty",
        ),
        (
            None,
            as_client(OTHER),
            ErrorKind::Unauthenticated,
            "AZURE_FEDERATED_TOKEN_FILE",
        ),
        (
            None,
            as_client("a/b"),
            ErrorKind::Invalid,
            "is not an id of entra",
        ),
        (
            None,
            as_account(WRITER),
            ErrorKind::Unsupported,
            "an identity of its own cloud",
        ),
    ];
    for (file, identity, kind, part) in cases {
        let sink = vault(&entra(&world, file), identity);
        let refused = sink.held(&mine, soon()).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{refused}");
        assert!(refused.message.contains(part), "{refused}");
    }
    assert_eq!(world.vault_server.record.all().len(), 0);
}

#[tokio::test]
async fn a_key_of_a_vault_decrypts_for_whom_it_may() {
    let (world, mounted) = (Azure::new().await, Mounted::new());
    let token = world.token("jasm", "jasm", "api://AzureADTokenExchange");
    let connection = entra(&world, Some(&mounted.file("token", &token)));
    world.add(App::new(TENANT, OTHER, "shop-writer").federated(ISSUER, "jasm", "jasm"));
    let keys = azure::Keys::new(
        &connection,
        "default",
        as_client(OTHER),
        Calls::default().observer(),
    );
    let keys = keys.unwrap();
    let (version, other) = (
        world.vault.add_key("default", "sops").unwrap(),
        world.vault.add_key("default", "other").unwrap(),
    );
    let plain = format!("data key {MARKER}");
    let cipher = world
        .vault
        .encrypt("default", "sops", plain.as_bytes())
        .unwrap();
    let refused = keys
        .decrypt("sops", &version, &cipher, soon())
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    assert!(
        refused.message.contains("Key Vault Crypto User"),
        "{refused}"
    );
    world
        .azure
        .grants
        .permit("shop-writer", "decrypt", "vaults/default/keys/*");
    let value = keys
        .decrypt("sops", &version, &cipher, soon())
        .await
        .unwrap();
    assert!(value.expose() == plain.as_bytes());
    let mut changed = cipher.clone();
    changed[20] ^= 1;
    let wrong = [
        keys.decrypt("other", &other, &cipher, soon()).await,
        keys.decrypt("sops", &version, &changed, soon()).await,
    ];
    for wrong in wrong {
        let refused = wrong.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
        assert!(
            refused.message.contains("was not encrypted with the key"),
            "{refused}"
        );
        assert_clean(&refused);
    }
    let missing = keys.decrypt("sops", &other, &cipher, soon()).await;
    assert_eq!(missing.unwrap_err().kind, ErrorKind::NotFound);
    let before = world.vault_server.record.all().len();
    for (name, version) in [("../sops", version.as_str()), ("sops", "1")] {
        let refused = keys
            .decrypt(name, version, &cipher, soon())
            .await
            .unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid);
    }
    assert_eq!(world.vault_server.record.all().len(), before);
}
