//! What every kind of store does alike: with a store that works here, with one that does not in `contract/`.

mod aws_words;
pub(crate) mod azure_words;
mod directory;
pub(crate) mod faults;
pub(crate) mod gcp_words;
mod table;
mod vault_words;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use jasm_fakes::azure::Setting;
use jasm_fakes::gcp::Format;
use jasm_providers::{
    Changes, ErrorKind, Identity, Kind, Known, Scope, Source, VersionToken, aws, azure, file, gcp,
    vault,
};
use serde_json::{Value, json};

use self::faults::Subject;
use crate::moto::Cloud;
use crate::openbao::Bao;
use crate::support::{Calls, assert_clean, kind, list, read_one, soon, text, want};

/// Every kind that is behind a wire, before a server that answers as told.
pub(crate) fn wired() -> Vec<Box<dyn Subject>> {
    let mut all = aws_words::subjects();
    all.extend(azure_words::subjects());
    all.extend(gcp_words::subjects());
    all.extend(vault_words::subjects());
    all
}

/// A store that can be written.
#[async_trait]
trait Store: Send + Sync {
    fn kind(&self) -> Kind;
    fn source(&self) -> &dyn Source;
    /// The name that the kind has for a relative path.
    fn name(&self, path: &str) -> String;
    /// Everything below a relative path, as a prefix has it; none where names have no levels.
    fn base(&self, path: &str) -> Option<String>;
    /// The same for the whole store.
    fn whole(&self) -> &'static str {
        ""
    }
    async fn put(&self, name: &str, value: &str);
    /// What is read where that was put: byte for byte the same, unless the store itself keeps no bytes.
    fn as_read(&self, value: &str) -> String {
        value.to_owned()
    }
    /// Calls that the read of one entry costs.
    fn calls(&self) -> usize {
        1
    }
    fn changes(&self) -> Changes {
        self.kind().abilities().changes
    }
}

async fn holds(store: &dyn Store, calls: &Calls) {
    let source = store.source();
    let name = |path: &str| store.name(path);
    let body = |path: &str| format!("{{\"of\": \"{path}\", \"é\": \"\\u00e9\"}}\n");
    let paths = ["app/b", "app/a", "app/sub/c", "apple", "App/x", "other/a"];
    for path in paths {
        let name = name(path);
        assert!(
            store.kind().entry(&Scope::default(), &name, None).is_ok(),
            "{name}"
        );
        store.put(&name, &body(path)).await;
    }
    // Whoever has to log in does it now.
    read_one(source, want(name("app/b"))).await.unwrap();
    calls.take();

    // One by one, byte for byte.
    let entry = read_one(source, want(name("app/a"))).await;
    assert_eq!(text(&entry), store.as_read(&body("app/a")));
    assert_eq!(calls.take().len(), store.calls());

    // Many at once: in the order asked, each by itself, the same one twice.
    let mut asked = paths.to_vec();
    asked.insert(2, "missing");
    asked.push("app/a");
    let wants: Vec<_> = asked.iter().map(|path| want(name(path))).collect();
    let answers = source.read(&wants, soon()).await;
    assert_eq!(answers.len(), wants.len());
    for (path, answer) in asked.iter().zip(&answers) {
        if *path == "missing" {
            assert_eq!(kind(answer), Some(ErrorKind::NotFound));
            assert_clean(answer.as_ref().unwrap_err());
        } else {
            assert_eq!(text(answer), store.as_read(&body(path)));
        }
    }
    let every: Vec<_> = (0..45)
        .map(|number| name(&format!("many/{number:02}")))
        .collect();
    for name in &every {
        store.put(name, name).await;
    }
    let wants: Vec<_> = every.iter().map(want).collect();
    for (want, answer) in wants.iter().zip(source.read(&wants, soon()).await) {
        assert_eq!(text(&answer), store.as_read(&want.path));
    }
    assert!(source.read(&[], soon()).await.is_empty());

    // A missing entry by itself.
    assert_eq!(
        kind(&read_one(source, want(name("missing"))).await),
        Some(ErrorKind::NotFound)
    );

    // The version is that of the value.
    let first = entry.unwrap().version;
    assert_eq!(
        read_one(source, want(name("app/a"))).await.unwrap().version,
        first
    );
    changes(store, calls, &first).await;

    // Everything below a prefix, sorted, and nothing beside it.
    let below = |paths: &[&str]| paths.iter().map(|path| name(path)).collect::<Vec<_>>();
    let listings: [(&str, Vec<String>); 4] = [
        ("app", below(&["app/a", "app/b", "app/sub/c"])),
        ("app/sub", below(&["app/sub/c"])),
        ("nothing", Vec::new()),
        ("many", every.clone()),
    ];
    for (path, expected) in listings {
        if let Some(base) = store.base(path) {
            assert_eq!(list(source, &base).await.unwrap(), expected, "{base}");
        }
    }
    let mut all = below(&paths);
    all.extend(every);
    all.sort_unstable();
    assert_eq!(list(source, store.whole()).await.unwrap(), all);
}

/// What is still the version that is known is told by the kind's cheapest call; what is another one is read.
async fn changes(store: &dyn Store, calls: &Calls, first: &VersionToken) {
    let source = store.source();
    let name = store.name("app/a");
    let known = |path: &str| Known {
        want: want(path),
        version: first.clone(),
    };
    calls.take();
    let same = source.read_changed(&[known(&name)], soon()).await;
    assert_eq!(same, [Ok(None)]);
    let operations: Vec<_> = calls.take();
    match store.changes() {
        Changes::Probe(call) => assert_eq!(operations, [(call, "ok")]),
        Changes::Conditional => assert_eq!(operations.len(), 1),
        Changes::Read => assert_eq!(operations.len(), store.calls()),
    }
    store.put(&name, "changed").await;
    let changed = read_one(source, want(&name)).await;
    assert_eq!(text(&changed), store.as_read("changed"));
    let changed = changed.unwrap();
    assert_ne!(changed.version, *first);
    let missing = store.name("missing");
    let mut answers = source
        .read_changed(&[known(&name), known(&missing)], soon())
        .await;
    assert_eq!(
        kind(&answers.pop().unwrap()),
        Some(ErrorKind::NotFound),
        "{missing}"
    );
    assert_eq!(answers, [Ok(Some(changed))]);
}

struct Files {
    root: PathBuf,
    source: file::Directory,
}

#[async_trait]
impl Store for Files {
    fn kind(&self) -> Kind {
        Kind::File
    }

    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }

    fn base(&self, path: &str) -> Option<String> {
        Some(self.name(path))
    }

    async fn put(&self, name: &str, value: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value).unwrap();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[tokio::test]
async fn a_directory_holds_the_contract() {
    let root = std::env::temp_dir().join(format!("jasm-contract-{}", std::process::id()));
    fs::create_dir_all(&root).unwrap();
    let calls = Calls::default();
    let source = file::Directory::new(&root, calls.observer()).unwrap();
    holds(&Files { root, source }, &calls).await;
}

struct Secrets {
    cloud: Cloud,
    source: aws::SecretsManager,
}

#[async_trait]
impl Store for Secrets {
    fn kind(&self) -> Kind {
        Kind::AwsSecretsManager
    }

    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }

    fn base(&self, path: &str) -> Option<String> {
        Some(self.name(path))
    }

    async fn put(&self, name: &str, value: &str) {
        let created = self
            .cloud
            .secrets
            .create_secret()
            .name(name)
            .secret_string(value)
            .send()
            .await;
        if created.is_err() {
            self.cloud
                .secrets
                .put_secret_value()
                .secret_id(name)
                .secret_string(value)
                .send()
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn secrets_manager_holds_the_contract() {
    let cloud = Cloud::new().await;
    let calls = Calls::default();
    let source = aws::SecretsManager::new(&cloud.connection, calls.observer());
    holds(&Secrets { cloud, source }, &calls).await;
}

struct Parameters {
    cloud: Cloud,
    source: aws::ParameterStore,
}

#[async_trait]
impl Store for Parameters {
    fn kind(&self) -> Kind {
        Kind::AwsParameterStore
    }

    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn name(&self, path: &str) -> String {
        format!("/{path}")
    }

    fn base(&self, path: &str) -> Option<String> {
        Some(self.name(path))
    }

    async fn put(&self, name: &str, value: &str) {
        let put = self
            .cloud
            .parameters
            .put_parameter()
            .name(name)
            .value(value)
            .overwrite(true);
        put.r#type(ParameterType::SecureString)
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn parameter_store_holds_the_contract() {
    let cloud = Cloud::new().await;
    let calls = Calls::default();
    let source = aws::ParameterStore::new(&cloud.connection, calls.observer());
    holds(&Parameters { cloud, source }, &calls).await;
}

struct Mount {
    bao: Bao,
    path: String,
    source: vault::Vault,
}

/// The object that the engine holds for a value: it holds nothing else.
fn object(value: &str) -> Value {
    match serde_json::from_str(value) {
        Ok(object @ Value::Object(_)) => object,
        _ => json!({"value": value}),
    }
}

#[async_trait]
impl Store for Mount {
    fn kind(&self) -> Kind {
        Kind::Vault
    }

    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }

    fn base(&self, path: &str) -> Option<String> {
        Some(self.name(path))
    }

    async fn put(&self, name: &str, value: &str) {
        let path = format!("{}/{name}", self.path);
        if path.contains("/data/") {
            self.bao.write(&path, &json!({"data": object(value)})).await;
        } else {
            self.bao.write(&path, &object(value)).await;
        }
    }

    fn as_read(&self, value: &str) -> String {
        object(value).to_string()
    }

    /// Version 1 of the engine keeps nothing to ask for.
    fn changes(&self) -> Changes {
        if self.path.contains("/data") {
            self.kind().abilities().changes
        } else {
            Changes::Read
        }
    }
}

async fn mount(engine: vault::Engine) {
    let bao = Bao::new().await;
    let (version, below) = match engine {
        vault::Engine::V1 => (1, ""),
        vault::Engine::V2 => (2, "/data"),
    };
    let mount = bao.engine(version).await;
    let calls = Calls::default();
    let options = vault::Options {
        engine,
        mount: mount.clone(),
        ..crate::vault::options(&bao)
    };
    let connection = vault::Connection::new(&options).unwrap();
    let source = vault::Vault::new(&connection, Identity::Controller, calls.observer()).unwrap();
    let path = format!("{mount}{below}");
    holds(&Mount { bao, path, source }, &calls).await;
}

#[tokio::test]
async fn vault_version_1_holds_the_contract() {
    mount(vault::Engine::V1).await;
}

#[tokio::test]
async fn vault_version_2_holds_the_contract() {
    mount(vault::Engine::V2).await;
}

struct Google {
    world: crate::gcp::World,
    kind: Kind,
    source: Box<dyn Source>,
}

impl Google {
    async fn new(kind: Kind, calls: &Calls) -> Self {
        let world = crate::gcp::World::new().await;
        world.cloud.grants.allow(crate::gcp::SHOP, "*");
        let connection = gcp::Connection::new(&world.options()).unwrap();
        let (identity, _) = world.web().identity();
        let observer = calls.observer();
        let source: Box<dyn Source> = match kind {
            Kind::GcpSecretManager => {
                Box::new(gcp::SecretManager::new(&connection, identity, observer).unwrap())
            }
            _ => Box::new(
                gcp::ParameterManager::new(&connection, identity, false, observer).unwrap(),
            ),
        };
        Self {
            world,
            kind,
            source,
        }
    }
}

#[async_trait]
impl Store for Google {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn source(&self) -> &dyn Source {
        &*self.source
    }

    fn name(&self, path: &str) -> String {
        path.replace('/', "-")
    }

    fn base(&self, _: &str) -> Option<String> {
        None
    }

    async fn put(&self, name: &str, value: &str) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let (cloud, project) = (&self.world.cloud, crate::gcp::PROJECT);
        if self.kind == Kind::GcpSecretManager {
            let full = format!("projects/{project}/secrets/{name}");
            cloud.secrets.put(&full, value.as_bytes());
            return;
        }
        let full = format!("projects/{project}/locations/global/parameters/{name}");
        let version = format!("v{:06}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let put = &cloud.parameters;
        assert!(put.put(&full, Format::Unformatted, &version, value.as_bytes()));
    }

    /// Of a parameter, the newest version has to be found first.
    fn calls(&self) -> usize {
        if self.kind == Kind::GcpParameterManager {
            2
        } else {
            1
        }
    }
}

#[tokio::test]
async fn secret_manager_holds_the_contract() {
    let calls = Calls::default();
    holds(&Google::new(Kind::GcpSecretManager, &calls).await, &calls).await;
}

#[tokio::test]
async fn parameter_manager_holds_the_contract() {
    let calls = Calls::default();
    holds(
        &Google::new(Kind::GcpParameterManager, &calls).await,
        &calls,
    )
    .await;
}

struct Azure {
    world: crate::azure::World,
    kind: Kind,
    source: Box<dyn Source>,
}

impl Azure {
    async fn new(kind: Kind, calls: &Calls) -> Self {
        let world = crate::azure::World::new().await;
        world.azure.grants.allow(crate::azure::PRINCIPAL, "*");
        let source: Box<dyn Source> = match kind {
            Kind::AzureKeyVault => {
                let (identity, _) = world.web().identity();
                let connection = world.connection();
                let observer = calls.observer();
                let vault = azure::KeyVault::new(&connection, "default", identity, observer);
                Box::new(vault.unwrap())
            }
            _ => Box::new(world.settings(calls)),
        };
        Self {
            world,
            kind,
            source,
        }
    }
}

#[async_trait]
impl Store for Azure {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn source(&self) -> &dyn Source {
        &*self.source
    }

    fn name(&self, path: &str) -> String {
        match self.kind {
            Kind::AzureKeyVault => path.replace('/', "-"),
            _ => path.replace('/', ":"),
        }
    }

    fn base(&self, path: &str) -> Option<String> {
        let begins = self.kind == Kind::AzureAppConfiguration;
        begins.then(|| format!("{}:*", self.name(path)))
    }

    fn whole(&self) -> &'static str {
        match self.kind {
            Kind::AzureKeyVault => "",
            _ => "*",
        }
    }

    async fn put(&self, name: &str, value: &str) {
        if self.kind == Kind::AzureKeyVault {
            self.world.vault.put("default", name, value);
        } else {
            self.world.store.put("default", Setting::new(name, value));
        }
    }
}

#[tokio::test]
async fn key_vault_holds_the_contract() {
    let calls = Calls::default();
    holds(&Azure::new(Kind::AzureKeyVault, &calls).await, &calls).await;
}

#[tokio::test]
async fn app_configuration_holds_the_contract() {
    let calls = Calls::default();
    holds(
        &Azure::new(Kind::AzureAppConfiguration, &calls).await,
        &calls,
    )
    .await;
}
