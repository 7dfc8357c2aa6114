//! The stores of Google Cloud and Azure as the fakes play them, written as the identity of the world's pod.

use std::sync::Arc;

use async_trait::async_trait;
use jasm_fakes::azure::Setting;
use jasm_fakes::gcp::Format;
use jasm_fakes::{Fault, Faults, Record};
use jasm_providers::sink::WriteError;
use jasm_providers::{ErrorKind, Sink, azure, gcp};

use super::{Ground, listed, owner, put, tells};
use crate::azure::{PRINCIPAL, World as Azure};
use crate::gcp::{PROJECT, SHOP, World as Google};
use crate::support::{Calls, assert_clean, soon};

/// Google's world, with every right for whoever writes.
pub(crate) struct Shared {
    pub(crate) world: Google,
    pub(crate) calls: Calls,
}

impl Shared {
    async fn new() -> (Self, gcp::Connection, jasm_providers::Identity) {
        let world = Google::new().await;
        world.cloud.grants.allow(SHOP, "projects/*");
        let connection = gcp::Connection::new(&world.options()).unwrap();
        let (identity, _) = world.web().identity();
        let calls = Calls::default();
        (Self { world, calls }, connection, identity)
    }
}

/// What the observer was told of, but for how tokens are had.
fn operations(calls: &Calls) -> Vec<&'static str> {
    let tokens = ["ExchangeToken", "GenerateAccessToken", "GetToken"];
    let calls = calls.take().into_iter().map(|(operation, _)| operation);
    calls.filter(|it| !tokens.contains(it)).collect()
}

/// The next write to a store is done, and half of its answer arrives.
fn lose_an_answer(faults: &Faults, pattern: &str) {
    faults.play(&format!("WRITE {pattern}"), Fault::Cut, Some(1));
}

/// Secret Manager.
pub(crate) struct Secrets {
    pub(crate) shared: Shared,
    sink: Arc<dyn Sink>,
}

impl Secrets {
    pub(crate) async fn new() -> Self {
        let (shared, connection, identity) = Shared::new().await;
        let sink = gcp::SecretManager::new(&connection, identity, shared.calls.observer());
        Self {
            shared,
            sink: Arc::new(sink.unwrap()),
        }
    }

    pub(crate) fn full(name: &str) -> String {
        format!("projects/{PROJECT}/secrets/{name}")
    }
}

#[async_trait]
impl Ground for Secrets {
    fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.sink)
    }

    fn page(&self) -> usize {
        5_000
    }

    fn binary(&self) -> bool {
        true
    }

    fn largest(&self) -> usize {
        65_536
    }

    fn list_tells(&self) -> bool {
        false
    }

    fn remarks(&self) -> bool {
        true
    }

    fn restores(&self) -> bool {
        false
    }

    fn operations(&self) -> Vec<&'static str> {
        operations(&self.shared.calls)
    }

    async fn make(&self, name: &str, value: &str) {
        let secrets = &self.shared.world.cloud.secrets;
        secrets.put(&Self::full(name), value.as_bytes());
    }

    async fn change(&self, name: &str, value: &str) {
        self.make(name, value).await;
    }

    async fn beside(&self, name: &str) -> Option<bool> {
        let secrets = &self.shared.world.cloud.secrets;
        let all = secrets.annotations(&Self::full(name));
        if !all.contains_key("team") {
            secrets.annotate(&Self::full(name), "team", "theirs");
            return Some(false);
        }
        Some(true)
    }

    async fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.world.cloud.secrets.value(&Self::full(name))
    }

    async fn versions(&self, name: &str) -> usize {
        self.shared.world.cloud.secrets.versions(&Self::full(name))
    }

    async fn origin(&self, name: &str) -> String {
        let all = self
            .shared
            .world
            .cloud
            .secrets
            .annotations(&Self::full(name));
        format!("{} {}", all["jasm-revision"], all["jasm-file"])
    }

    fn lose_an_answer(&self) {
        lose_an_answer(&self.shared.world.server.faults, "*/secrets*");
    }

    fn faults(&self) -> Option<(Arc<Faults>, &'static str)> {
        let faults = &self.shared.world.server.faults;
        Some((Arc::clone(faults), "*/secrets*"))
    }

    fn deny(&self) -> Option<&'static str> {
        let grants = &self.shared.world.cloud.grants;
        grants.withdraw(SHOP, "projects/*");
        for right in [
            "secretmanager.secrets.list",
            "secretmanager.secrets.get",
            "secretmanager.versions.*",
        ] {
            grants.permit(SHOP, right, "projects/*");
        }
        Some("roles/secretmanager.admin")
    }
}

/// Parameter Manager.
pub(crate) struct Parameters {
    shared: Shared,
    sink: Arc<dyn Sink>,
}

impl Parameters {
    pub(crate) async fn new() -> Self {
        let (shared, connection, identity) = Shared::new().await;
        let sink =
            gcp::ParameterManager::new(&connection, identity, false, shared.calls.observer());
        Self {
            shared,
            sink: Arc::new(sink.unwrap()),
        }
    }

    fn full(name: &str) -> String {
        format!("projects/{PROJECT}/locations/global/parameters/{name}")
    }
}

/// `_` and two digits for what a label does not hold.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('_');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = u8::from_str_radix(&part[..2], 16).unwrap();
        whole.push(char::from(byte));
        whole.push_str(&part[2..]);
    }
    whole
}

#[async_trait]
impl Ground for Parameters {
    fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.sink)
    }

    fn page(&self) -> usize {
        1_000
    }

    fn binary(&self) -> bool {
        true
    }

    fn largest(&self) -> usize {
        1 << 20
    }

    fn list_tells(&self) -> bool {
        false
    }

    fn remarks(&self) -> bool {
        true
    }

    fn restores(&self) -> bool {
        false
    }

    fn operations(&self) -> Vec<&'static str> {
        operations(&self.shared.calls)
    }

    async fn make(&self, name: &str, value: &str) {
        let parameters = &self.shared.world.cloud.parameters;
        let version = format!("v{}", parameters.versions(&Self::full(name)) + 1);
        let new = parameters.put(
            &Self::full(name),
            Format::Unformatted,
            &version,
            value.as_bytes(),
        );
        assert!(new);
    }

    async fn change(&self, name: &str, value: &str) {
        self.make(name, value).await;
    }

    async fn beside(&self, name: &str) -> Option<bool> {
        let parameters = &self.shared.world.cloud.parameters;
        if !parameters.labels(&Self::full(name)).contains_key("team") {
            parameters.label(&Self::full(name), "team", "theirs");
            return Some(false);
        }
        Some(true)
    }

    async fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.world.cloud.parameters.value(&Self::full(name))
    }

    async fn versions(&self, name: &str) -> usize {
        self.shared
            .world
            .cloud
            .parameters
            .versions(&Self::full(name))
    }

    async fn origin(&self, name: &str) -> String {
        let all = self.shared.world.cloud.parameters.labels(&Self::full(name));
        let word = |label: &str| unescaped(&all[label]);
        format!("{} {}", word("jasm-revision"), word("jasm-file"))
    }

    fn lose_an_answer(&self) {
        lose_an_answer(&self.shared.world.server.faults, "*/parameters*");
    }

    fn faults(&self) -> Option<(Arc<Faults>, &'static str)> {
        let faults = &self.shared.world.server.faults;
        Some((Arc::clone(faults), "*/parameters*"))
    }

    fn deny(&self) -> Option<&'static str> {
        let grants = &self.shared.world.cloud.grants;
        grants.withdraw(SHOP, "projects/*");
        for right in ["*.list", "*.get"] {
            grants.permit(SHOP, &format!("parametermanager.{right}"), "projects/*");
        }
        Some("roles/parametermanager.admin")
    }
}

/// A vault.
pub(crate) struct Vault {
    world: Azure,
    calls: Calls,
    sink: Arc<dyn Sink>,
}

const VAULT: &str = "default";

impl Vault {
    pub(crate) async fn new() -> Self {
        let world = Azure::new().await;
        world.azure.grants.allow(PRINCIPAL, "vaults/*");
        let calls = Calls::default();
        let (identity, _) = world.web().identity();
        let sink = azure::KeyVault::new(&world.connection(), VAULT, identity, calls.observer());
        Self {
            world,
            calls,
            sink: Arc::new(sink.unwrap()),
        }
    }

    /// Gives an entry an owner's mark.
    pub(crate) fn mark(&self, name: &str, owner: &str) {
        self.world.vault.tag(VAULT, name, "jasm-owner", owner);
    }

    /// What the vault was asked.
    pub(crate) fn record(&self) -> &Record {
        &self.world.vault_server.record
    }

    /// What can go wrong before the vault.
    pub(crate) fn vault_faults(&self) -> &Faults {
        &self.world.vault_server.faults
    }
}

#[async_trait]
impl Ground for Vault {
    fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.sink)
    }

    fn page(&self) -> usize {
        25
    }

    fn binary(&self) -> bool {
        false
    }

    fn largest(&self) -> usize {
        25 << 10
    }

    fn list_tells(&self) -> bool {
        false
    }

    fn remarks(&self) -> bool {
        true
    }

    fn restores(&self) -> bool {
        true
    }

    fn operations(&self) -> Vec<&'static str> {
        operations(&self.calls)
    }

    async fn make(&self, name: &str, value: &str) {
        self.world.vault.put(VAULT, name, value);
    }

    async fn change(&self, name: &str, value: &str) {
        self.world.vault.change(VAULT, name, value);
    }

    async fn beside(&self, name: &str) -> Option<bool> {
        if !self.world.vault.tags(VAULT, name).contains_key("team") {
            self.world.vault.tag(VAULT, name, "team", "theirs");
            return Some(false);
        }
        Some(true)
    }

    async fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.world.vault.value(VAULT, name)
    }

    async fn versions(&self, name: &str) -> usize {
        self.world.vault.versions(VAULT, name)
    }

    async fn origin(&self, name: &str) -> String {
        let all = self.world.vault.tags(VAULT, name);
        format!("{} {}", all["jasm-revision"], all["jasm-file"])
    }

    fn lose_an_answer(&self) {
        lose_an_answer(&self.world.vault_server.faults, "*secrets/*");
    }

    fn faults(&self) -> Option<(Arc<Faults>, &'static str)> {
        Some((Arc::clone(&self.world.vault_server.faults), "*secrets/*"))
    }

    fn deny(&self) -> Option<&'static str> {
        let grants = &self.world.azure.grants;
        grants.withdraw(PRINCIPAL, "vaults/*");
        for right in ["getSecret", "list", "getDeletedSecret"] {
            grants.permit(PRINCIPAL, right, "vaults/*");
        }
        Some("Key Vault Secrets Officer")
    }
}

/// A store of App Configuration, with a label or without one.
pub(crate) struct Settings {
    world: Azure,
    calls: Calls,
    label: Option<&'static str>,
    sink: Arc<dyn Sink>,
}

const STORE: &str = "default";

impl Settings {
    pub(crate) async fn new(label: Option<&'static str>) -> Self {
        let world = Azure::new().await;
        world.azure.grants.allow(PRINCIPAL, "configurations/*");
        let calls = Calls::default();
        let (identity, _) = world.web().identity();
        let settings = azure::Settings {
            name: STORE.into(),
            endpoint: Some(world.store_server.endpoint()),
            label: label.map(str::to_owned),
            ..azure::Settings::default()
        };
        let sink =
            azure::AppConfiguration::new(&world.connection(), settings, identity, calls.observer());
        // Of another label, and of nobody's business.
        let other = Setting::new("shop:prod:a______", "other").label("other");
        world.store.put(STORE, other);
        Self {
            world,
            calls,
            label,
            sink: Arc::new(sink.unwrap()),
        }
    }

    fn setting(&self, name: &str) -> Option<Setting> {
        self.world.store.get(STORE, name, self.label)
    }
}

#[async_trait]
impl Ground for Settings {
    fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.sink)
    }

    /// Of one length each, as the limit is of key and value together.
    fn name(&self, word: &str) -> String {
        format!("shop:prod:{word:_<7}")
    }

    fn page(&self) -> usize {
        100
    }

    fn binary(&self) -> bool {
        false
    }

    fn largest(&self) -> usize {
        let put = put("a", "");
        let words = ["jasm-owner", "jasm-revision", "jasm-file"].map(str::len);
        let tags = words.iter().sum::<usize>()
            + owner("config").to_string().len()
            + put.origin.revision.len()
            + put.origin.file.len();
        let label = self.label.map_or(0, str::len);
        10_240 - self.name("a").len() - label - tags - "text/plain".len()
    }

    fn remarks(&self) -> bool {
        false
    }

    fn restores(&self) -> bool {
        false
    }

    fn operations(&self) -> Vec<&'static str> {
        operations(&self.calls)
    }

    async fn make(&self, name: &str, value: &str) {
        let setting = Setting::new(name, value).content_type("text/plain");
        let setting = match self.label {
            Some(label) => setting.label(label),
            None => setting,
        };
        self.world.store.put(STORE, setting);
    }

    async fn change(&self, name: &str, value: &str) {
        let mut setting = self.setting(name).unwrap();
        value.clone_into(&mut setting.value);
        self.world.store.put(STORE, setting);
    }

    async fn beside(&self, name: &str) -> Option<bool> {
        let mut setting = self.setting(name).unwrap();
        if setting.tags.contains_key("team") {
            return Some(true);
        }
        setting.tags.insert("team".into(), "theirs".into());
        self.world.store.put(STORE, setting);
        Some(false)
    }

    async fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.setting(name).map(|setting| setting.value.into_bytes())
    }

    async fn versions(&self, name: &str) -> usize {
        self.world.store.revisions(STORE, name, self.label)
    }

    async fn origin(&self, name: &str) -> String {
        let all = self.setting(name).unwrap().tags;
        format!("{} {}", all["jasm-revision"], all["jasm-file"])
    }

    fn lose_an_answer(&self) {
        lose_an_answer(&self.world.store_server.faults, "/kv/*");
    }

    fn faults(&self) -> Option<(Arc<Faults>, &'static str)> {
        Some((Arc::clone(&self.world.store_server.faults), "/kv/*"))
    }

    fn deny(&self) -> Option<&'static str> {
        let grants = &self.world.azure.grants;
        grants.withdraw(PRINCIPAL, "configurations/*");
        grants.permit(PRINCIPAL, "read", "configurations/*");
        Some("App Configuration Data Owner")
    }
}

#[tokio::test]
async fn a_locked_entry_is_named() {
    let ground = Settings::new(None).await;
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    sink.create(&put(&name, "one"), &mine, soon())
        .await
        .unwrap();
    let mut setting = ground.setting(&name).unwrap();
    setting.locked = true;
    ground.world.store.put(STORE, setting);
    let held = listed(&*sink, &name, &mine).await.unwrap();
    let refused = [
        sink.update(&held, &put(&name, "two"), &mine, soon()).await,
        sink.delete(&held, &mine, soon()).await,
    ];
    for refused in refused {
        let Err(WriteError::Failed(error)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.kind, ErrorKind::Denied);
        let expected = format!("{name} is locked: unlock it, or take it out of what is written");
        assert_eq!(error.message, expected);
        assert_clean(&error);
    }
}

#[tokio::test]
async fn an_entry_that_became_a_reference_is_written_as_text_again() {
    let ground = Settings::new(None).await;
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    let one = put(&name, "one");
    sink.create(&one, &mine, soon()).await.unwrap();
    let mut setting = ground.setting(&name).unwrap();
    let kind = "application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8";
    setting.content_type = Some(kind.to_owned());
    ground.world.store.put(STORE, setting);
    let held = listed(&*sink, &name, &mine).await.unwrap();
    assert!(!tells(&held, &one));
    sink.update(&held, &one, &mine, soon()).await.unwrap();
    let setting = ground.setting(&name).unwrap();
    assert_eq!(setting.content_type.as_deref(), Some("text/plain"));
    let held = listed(&*sink, &name, &mine).await.unwrap();
    assert!(tells(&held, &one));
}
