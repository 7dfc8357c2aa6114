//! Azure's stores as a workload, against the fake cloud, over TLS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jasm_fakes::azure::{App, AppConfiguration, Azure, Entra, KeyVault, Setting};
use jasm_fakes::{Authority, Server, Signer};
use jasm_providers::{ErrorKind, Known, Source, VersionToken, azure};

use crate::support::{Calls, assert_clean, kind, list, read_one, soon, text, versioned, want};
use crate::workload::{Account, ISSUER, cluster};

pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
pub(crate) const PRINCIPAL: &str = "shop-reader";

pub(crate) struct World {
    pub(crate) azure: Azure,
    pub(crate) vault: Arc<KeyVault>,
    pub(crate) store: Arc<AppConfiguration>,
    entra: Arc<Entra>,
    pub(crate) authority: Authority,
    entra_server: Server,
    pub(crate) vault_server: Server,
    pub(crate) store_server: Server,
    pub(crate) ca: String,
    signer: Arc<Signer>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (trust, signer) = cluster();
        let azure = Azure::new(trust);
        let authority = Authority::new().unwrap();
        let tls = || Some(authority.acceptor(&[]).unwrap());
        let (entra, vault, store) = (
            Entra::new(&azure),
            KeyVault::new(&azure),
            AppConfiguration::new(&azure),
        );
        entra.add(App::new(TENANT, CLIENT, PRINCIPAL).federated(ISSUER, "shop", "web"));
        let entra_server = Server::start(Arc::clone(&entra), 0, tls()).await.unwrap();
        vault.set_authority(&entra_server.endpoint());
        Self {
            vault_server: Server::start(Arc::clone(&vault), 0, tls()).await.unwrap(),
            store_server: Server::start(Arc::clone(&store), 0, tls()).await.unwrap(),
            ca: authority.ca_pem(),
            azure,
            vault,
            store,
            entra,
            authority,
            entra_server,
            signer,
        }
    }

    pub(crate) fn options(&self) -> azure::Options {
        azure::Options {
            authority: Some(self.entra_server.endpoint()),
            vault_endpoints: BTreeMap::from([("default".to_owned(), self.vault_server.endpoint())]),
            ca_pem: Some(self.ca.clone().into_bytes()),
            ..azure::Options::default()
        }
    }

    /// Another application.
    pub(crate) fn add(&self, app: App) {
        self.entra.add(app);
    }

    /// A token of a ServiceAccount of the cluster.
    pub(crate) fn token(&self, namespace: &str, account: &str, audience: &str) -> String {
        let token = self.signer.token(namespace, account, audience, 600);
        token.unwrap()
    }

    pub(crate) fn connection(&self) -> azure::Connection {
        azure::Connection::new(&self.options()).unwrap()
    }

    /// The store at an address.
    pub(crate) fn settings_of(
        &self,
        connection: &azure::Connection,
        endpoint: &str,
        vaults: &[&str],
        calls: &Calls,
    ) -> azure::AppConfiguration {
        let (identity, _) = self.web().identity();
        let settings = azure::Settings {
            name: "default".into(),
            endpoint: Some(endpoint.to_owned()),
            vaults: vaults.iter().map(|name| (*name).to_owned()).collect(),
            ..azure::Settings::default()
        };
        azure::AppConfiguration::new(connection, settings, identity, calls.observer()).unwrap()
    }

    pub(crate) fn web(&self) -> Account {
        let annotations = [
            ("azure.workload.identity/client-id", CLIENT),
            ("azure.workload.identity/tenant-id", TENANT),
        ];
        Account::new(&self.signer, ("shop", "web"), &annotations)
    }

    pub(crate) fn secrets(&self, account: Account) -> (azure::KeyVault, Arc<Account>) {
        let (identity, account) = account.identity();
        let calls = Calls::default();
        let source =
            azure::KeyVault::new(&self.connection(), "default", identity, calls.observer());
        (source.unwrap(), account)
    }

    pub(crate) fn settings(&self, calls: &Calls) -> azure::AppConfiguration {
        let endpoint = self.store_server.endpoint();
        self.settings_of(&self.connection(), &endpoint, &["default"], calls)
    }
}

#[tokio::test]
async fn a_workload_reads_what_its_application_may() {
    let world = World::new().await;
    let (source, account) = world.secrets(world.web());
    let first = world.vault.put("default", "db", "one");
    world
        .azure
        .grants
        .allow(PRINCIPAL, "vaults/default/secrets/db");
    let entry = read_one(&source, want("db")).await;
    assert_eq!(text(&entry), "one");
    assert_eq!(entry.unwrap().version.0, first);
    assert_eq!(
        *account.audiences.lock().unwrap(),
        ["api://AzureADTokenExchange"]
    );
    world.vault.put("default", "db", "two");
    assert_eq!(text(&read_one(&source, want("db")).await), "two");
    assert_eq!(
        text(&read_one(&source, versioned("db", first.as_str())).await),
        "one"
    );

    world.vault.put("default", "other", "no");
    let refused = read_one(&source, want("other")).await;
    assert_eq!(kind(&refused), Some(ErrorKind::Denied));
    assert_clean(refused.as_ref().unwrap_err());
    assert!(world.vault.set_enabled("default", "db", None, false));
    assert_eq!(
        kind(&read_one(&source, want("db")).await),
        Some(ErrorKind::Gone)
    );
    assert_eq!(account.tokens.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_is_not_trusted_or_names_nobody_gets_no_token() {
    let world = World::new().await;
    let annotations = [
        ("azure.workload.identity/client-id", CLIENT),
        ("azure.workload.identity/tenant-id", TENANT),
    ];
    let (_, foreign) = cluster();
    // Of a cluster that Entra can check, but that no application trusts.
    let other = Arc::new(Signer::new("https://other.test").unwrap());
    let keys = other.jwks().unwrap();
    world.azure.trust.add("https://other.test", &keys).unwrap();
    let (someone, stranger) = (
        "33333333-3333-3333-3333-333333333333",
        "44444444-4444-4444-4444-444444444444",
    );
    world
        .entra
        .add(App::new(TENANT, someone, "someone").federated_as(
            ISSUER,
            "system:serviceaccount:shop:web",
            "api://other",
        ));
    let named = |client, tenant| {
        [
            ("azure.workload.identity/client-id", client),
            ("azure.workload.identity/tenant-id", tenant),
        ]
    };
    let web = |signer: &Arc<Signer>, annotations: &[(&'static str, &'static str)]| {
        Account::new(signer, ("shop", "web"), annotations)
    };
    let denied = ErrorKind::Denied;
    let table = [
        (
            web(&world.signer, &[]),
            denied,
            "no annotation azure.workload.identity/client-id",
        ),
        (
            web(&world.signer, &annotations[..1]),
            denied,
            "no annotation azure.workload.identity/tenant-id",
        ),
        (
            Account::new(&world.signer, ("else", "web"), &annotations),
            denied,
            "has no federated credential for system:serviceaccount:else:web",
        ),
        (
            web(&other, &annotations),
            denied,
            "has no federated credential of this cluster's issuer",
        ),
        (
            web(&foreign, &annotations),
            denied,
            "finds the signature of the token of system:serviceaccount:shop:web wrong",
        ),
        (
            web(&world.signer, &named(someone, TENANT)),
            denied,
            "set its audience to api://AzureADTokenExchange",
        ),
        (
            web(&world.signer, &named(stranger, TENANT)),
            denied,
            "no application 44444444-4444-4444-4444-444444444444 in the tenant",
        ),
        (
            web(&world.signer, &named(CLIENT, stranger)),
            denied,
            "no tenant 44444444-4444-4444-4444-444444444444",
        ),
        (
            world.web().expired(),
            ErrorKind::Unauthenticated,
            "token of system:serviceaccount:shop:web as it is expired",
        ),
    ];
    for (account, expected, part) in table {
        let (source, _) = world.secrets(account);
        let refused = read_one(&source, want("db")).await.unwrap_err();
        assert_eq!(refused.kind, expected, "{part}: {refused}");
        assert!(refused.message.contains(part), "{part}: {refused}");
        assert_clean(&refused);
    }
    // Two had nothing to ask with.
    assert_eq!(world.entra_server.record.all().len(), 7);
    assert!(world.vault_server.record.all().is_empty());
}

#[tokio::test]
async fn a_hundred_reads_of_one_identity_cost_one_exchange() {
    let world = World::new().await;
    let (source, account) = world.secrets(world.web());
    world.vault.put("default", "db", "one");
    world
        .azure
        .grants
        .allow(PRINCIPAL, "vaults/default/secrets/db");
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let source = source.clone();
        reads.spawn(async move { read_one(&source, want("db")).await.is_ok() });
    }
    assert!(reads.join_all().await.into_iter().all(|read| read));
    assert_eq!(account.tokens.load(Ordering::SeqCst), 1);
    world.azure.tokens.revoke_all();
    assert_eq!(text(&read_one(&source, want("db")).await), "one");
    assert_eq!(account.tokens.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn settings_are_keys_with_a_label_and_references_are_read_as_the_same_identity() {
    let world = World::new().await;
    let source = world.settings(&Calls::default());
    world
        .azure
        .grants
        .allow(PRINCIPAL, "configurations/default");
    world
        .azure
        .grants
        .allow(PRINCIPAL, "vaults/default/secrets/db");
    world.vault.put("default", "db", "hidden");
    world.store.put("default", Setting::new("app:a", "plain"));
    world
        .store
        .put("default", Setting::new("app:a", "labelled").label("prod"));
    let reference = |key: &str, uri: &str| world.store.put("default", Setting::reference(key, uri));
    reference("app:db", "https://default.vault.azure.net/secrets/db");
    reference("app:foreign", "https://evil.vault.azure.net/secrets/db");

    let plain = read_one(&source, want("app:a")).await.unwrap();
    assert_eq!((plain.value.expose(), plain.secret), (&b"plain"[..], false));
    assert_eq!(
        text(&read_one(&source, versioned("app:a", "prod")).await),
        "labelled"
    );
    let hidden = read_one(&source, want("app:db")).await.unwrap();
    assert_eq!(
        (hidden.value.expose(), hidden.secret),
        (&b"hidden"[..], true)
    );
    // That vault is there, and no request comes to it while the store does not name it.
    let evil = KeyVault::new(&world.azure);
    let tls = Some(world.authority.acceptor(&[]).unwrap());
    let evil = Server::start(evil, 0, tls).await.unwrap();
    let mut known = world.options();
    let address = evil.endpoint();
    known.vault_endpoints.insert("evil".to_owned(), address);
    let known = azure::Connection::new(&known).unwrap();
    let endpoint = world.store_server.endpoint();
    let narrow = world.settings_of(&known, &endpoint, &["default"], &Calls::default());
    let foreign = read_one(&narrow, want("app:foreign")).await;
    assert_eq!(kind(&foreign), Some(ErrorKind::Denied));
    assert!(evil.record.all().is_empty());
    let wide = world.settings_of(&known, &endpoint, &["default", "evil"], &Calls::default());
    assert!(read_one(&wide, want("app:foreign")).await.is_err());
    assert!(!evil.record.all().is_empty());
    assert_eq!(
        kind(&read_one(&source, want("app:none")).await),
        Some(ErrorKind::NotFound)
    );
    assert_eq!(
        list(&source, "app:*").await.unwrap(),
        ["app:a", "app:db", "app:foreign"]
    );

    // Nothing is sent where nothing changed, but what a reference leads to changes without it.
    let changed = async |path: &str, version: &VersionToken| {
        let known = Known {
            want: want(path),
            version: version.clone(),
        };
        source.read_changed(&[known], soon()).await.remove(0)
    };
    let status = || world.store_server.record.all().last().unwrap().status;
    assert_eq!(changed("app:a", &plain.version).await, Ok(None));
    assert_eq!(status(), Some(304));
    assert_eq!(changed("app:db", &hidden.version).await, Ok(None));
    assert_eq!(status(), Some(200));
    world.vault.put("default", "db", "newer");
    let newer = changed("app:db", &hidden.version).await.unwrap().unwrap();
    assert_eq!(newer.value.expose(), b"newer");
    assert!(world.store.delete("default", "app:a", None));
    assert_eq!(
        kind(&changed("app:a", &plain.version).await),
        Some(ErrorKind::NotFound)
    );
}

#[tokio::test]
async fn settings_come_five_in_a_call_and_on_every_page() {
    let world = World::new().await;
    let source = world.settings(&Calls::default());
    world
        .azure
        .grants
        .allow(PRINCIPAL, "configurations/default");
    let keys: Vec<String> = (0..250).map(|number| format!("app:{number:03}")).collect();
    for key in &keys {
        world.store.put("default", Setting::new(key, key));
    }
    world.store.set_page_limit(100);
    assert_eq!(list(&source, "app:*").await.unwrap(), keys);
    let before = world.store_server.record.all().len();
    let wants: Vec<_> = keys[..10].iter().map(want).collect();
    for (want, answer) in wants.iter().zip(source.read(&wants, soon()).await) {
        assert_eq!(text(&answer), want.path);
    }
    assert_eq!(world.store_server.record.all().len() - before, 2);
}
