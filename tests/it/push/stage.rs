//! What every story needs: the world with the push half's rights, a source that is fetched, objects.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use http::Request;
use jasm::push::crd::SourceKind;
use jasm::push::source::flux::Artifact;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::push_sources::artifacts::Storage;
use crate::support::world::World;
use crate::support::{aws, cluster, crds, eventually, manifests, moto, part};

/// The folder of the environment that objects have.
pub(super) const FOLDER: &str = "shop/deployment-configuration/profiles/prod";

pub(super) struct Stage {
    pub(super) world: World,
    pub(super) storage: Storage,
}

impl Stage {
    /// The world of a test, with the rights of the push half and a config that lets objects of its namespaces
    /// write everything as JASM itself.
    pub(super) async fn new(test: &str) -> Self {
        let stage = Self::without_config(test).await;
        let stores = stage.stores();
        stage.config(&stores);
        stage
    }

    pub(super) async fn without_config(test: &str) -> Self {
        let world = World::new(test).await;
        crds::of_objects(&world.admin).await;
        crds::of_source(&world.admin, SourceKind::GitRepository).await;
        let role = manifests::documents(&manifests::read("config/rbac/push/cluster_role.yaml"));
        let push = role[0]["rules"].as_array().unwrap();
        world
            .set_rules(|rules| rules.extend(push.iter().cloned()))
            .await;
        // JASM's own namespace, where its key is.
        let text = std::fs::read_to_string(world.kubeconfig()).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config["contexts"][0]["context"]["namespace"] = json!(world.namespace);
        std::fs::write(world.kubeconfig(), config.to_string()).unwrap();
        Self {
            world,
            storage: Storage::start().await,
        }
    }

    /// In a cluster of the test's own, which knows none of the kinds yet.
    pub(super) async fn elsewhere() -> (cluster::Cluster, Self) {
        cluster::provider();
        let own = tokio::task::spawn_blocking(cluster::start).await.unwrap();
        let kubeconfig = Kubeconfig::read_from(&own.kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let admin = Client::try_from(config.unwrap()).unwrap();
        let world = World::elsewhere(admin, &own.kubeconfig);
        let storage = Storage::start().await;
        (own, Self { world, storage })
    }

    pub(super) fn namespace(&self) -> &str {
        &self.world.namespace
    }

    pub(super) fn admin(&self) -> Client {
        self.world.admin.clone()
    }

    /// Writes the config with these stores.
    pub(super) fn config(&self, stores: &str) {
        let text = format!(
            "namespaces: [\"{}*\"]\nstoreTimeout: 10s\nstores:\n{stores}",
            self.namespace()
        );
        self.world.write_config(&text);
    }

    /// The two stores of moto, each writable for the test's namespaces.
    pub(super) fn stores(&self) -> String {
        let rule = "{namespaces: [\"*\"], paths: [\"**\"], identities: [controller]}";
        format!(
            "{}{}",
            self.store("sm", "aws-secretsmanager", rule),
            self.store("ps", "aws-parameterstore", rule)
        )
    }

    /// A store of moto with these rules for writing.
    #[allow(clippy::unused_self, reason = "moto is started by the stage")]
    pub(super) fn store(&self, name: &str, kind: &str, rules: &str) -> String {
        Self::store_at(name, kind, rules, moto::endpoint())
    }

    pub(super) fn store_at(name: &str, kind: &str, rules: &str, endpoint: &str) -> String {
        format!(
            "- name: {name}\n  kind: {kind}\n  region: {}\n  account: \"{}\"\n  identity: controller\n  \
               endpoint: {endpoint}\n  allow: [{{namespaces: [\"*\"], paths: [\"**\"]}}]\n  allowWrite: [{rules}]\n",
            moto::REGION,
            moto::ACCOUNT,
        )
    }

    fn api(&self, namespace: &str, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(group, version, kind);
        Api::namespaced_with(self.admin(), namespace, &ApiResource::from_gvk(&kind))
    }

    pub(super) fn objects(&self) -> Api<DynamicObject> {
        self.objects_in(self.namespace())
    }

    pub(super) fn objects_in(&self, namespace: &str) -> Api<DynamicObject> {
        self.api(
            namespace,
            "secret-manager.microscaler.io",
            "v1alpha1",
            "SecretManagerConfig",
        )
    }

    /// An object as it is written for AWS; entries begin with its namespace, so that tests do not meet.
    pub(super) fn spec(&self, source: &str) -> Value {
        json!({
            "sourceRef": {"kind": "GitRepository", "name": source},
            "provider": {"type": "aws", "aws": {"region": moto::REGION}},
            "secrets": {"environment": "prod", "prefix": self.namespace()},
        })
    }

    pub(super) async fn object(&self, name: &str, spec: Value) -> DynamicObject {
        self.object_in(self.namespace(), name, spec).await
    }

    pub(super) async fn object_in(
        &self,
        namespace: &str,
        name: &str,
        spec: Value,
    ) -> DynamicObject {
        let object = json!({"apiVersion": "secret-manager.microscaler.io/v1alpha1",
            "kind": "SecretManagerConfig", "metadata": {"name": name}, "spec": spec});
        let object = serde_json::from_value(object).unwrap();
        self.objects_in(namespace)
            .create(&PostParams::default(), &object)
            .await
            .unwrap()
    }

    /// Merges a change into an object.
    pub(super) async fn change(&self, name: &str, change: Value) -> DynamicObject {
        self.objects()
            .patch(name, &PatchParams::default(), &Patch::Merge(&change))
            .await
            .unwrap()
    }

    pub(super) async fn delete(&self, name: &str) {
        self.objects()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    pub(super) async fn gone(&self, name: &str) {
        eventually(&format!("the object {name} is gone"), || async {
            let found = self.objects().get_opt(name).await.unwrap();
            found.is_none().then_some(())
        })
        .await;
    }

    /// Waits until the object says this of its present spec; its status.
    pub(super) async fn says(&self, name: &str, reason: &str) -> Value {
        self.says_in(self.namespace(), name, reason, |_| true).await
    }

    /// The same, and of this revision.
    pub(super) async fn says_of(&self, name: &str, reason: &str, revision: &str) -> Value {
        self.says_in(self.namespace(), name, reason, |status| {
            status["lastAttemptedRevision"] == revision
        })
        .await
    }

    pub(super) async fn says_in(
        &self,
        namespace: &str,
        name: &str,
        reason: &str,
        so: impl Fn(&Value) -> bool,
    ) -> Value {
        let last = std::cell::RefCell::new(Value::Null);
        let found = tokio::time::timeout(
            std::time::Duration::from_secs(90),
            eventually(&format!("{name} says {reason}"), || async {
                let object = self.objects_in(namespace).get(name).await.unwrap();
                let status = object.data["status"].clone();
                let of_now = status["observedGeneration"].as_i64() == object.metadata.generation;
                let right =
                    of_now && condition(&status, "Ready")["reason"] == reason && so(&status);
                *last.borrow_mut() = status.clone();
                right.then_some(status)
            }),
        )
        .await;
        let status =
            found.unwrap_or_else(|_| panic!("{name} never said {reason}: {}", last.borrow()));
        well_formed(&status);
        status
    }

    /// A GitRepository with what source-controller says of it: these files, ready.
    pub(super) async fn source(&self, name: &str, revision: &str, files: &[(&str, &str)]) {
        let mut artifact = self.storage.put(&format!("{name}/{revision}"), files);
        artifact.revision = revision.to_owned();
        self.offer(name, &artifact).await;
    }

    /// The same with an artifact of the test's own.
    pub(super) async fn offer(&self, name: &str, artifact: &Artifact) {
        self.offer_in(self.namespace(), name, artifact).await;
    }

    pub(super) async fn offer_in(&self, namespace: &str, name: &str, artifact: &Artifact) {
        let api = self.api(namespace, "source.toolkit.fluxcd.io", "v1", "GitRepository");
        if api.get_opt(name).await.unwrap().is_none() {
            let object = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
                "metadata": {"name": name}, "spec": {"url": "https://git.example/shop", "interval": "1m"}});
            let object = serde_json::from_value(object).unwrap();
            api.create(&PostParams::default(), &object).await.unwrap();
        }
        let status = json!({"status": {
            "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded",
                "message": "stored artifact", "observedGeneration": 1,
                "lastTransitionTime": "2026-11-22T00:00:00Z"}],
            "artifact": {"url": artifact.url, "revision": artifact.revision, "digest": artifact.digest,
                "size": artifact.size, "path": "a.tar.gz", "lastUpdateTime": "2026-11-22T00:00:00Z"},
        }});
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(&status))
            .await
            .unwrap();
    }

    pub(super) async fn delete_source(&self, name: &str) {
        let api = self.api(
            self.namespace(),
            "source.toolkit.fluxcd.io",
            "v1",
            "GitRepository",
        );
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// A Secret of the test's namespace.
    pub(super) async fn secret(&self, name: &str, data: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> = { data.iter() }
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": data});
        let request = Request::post(format!("/api/v1/namespaces/{}/secrets", self.namespace()))
            .header("content-type", "application/json")
            .body(secret.to_string().into_bytes())
            .unwrap();
        self.world.admin.request::<Value>(request).await.unwrap();
    }

    /// The name of a secret's entry.
    pub(super) fn entry(&self, key: &str) -> String {
        format!("{}-{key}", self.namespace())
    }

    /// The names of the secrets that begin with the test's namespace, sorted.
    pub(super) async fn held(&self) -> Vec<String> {
        held(self.namespace()).await
    }
}

/// The names of the secrets that begin so, sorted.
pub(super) async fn held(prefix: &str) -> Vec<String> {
    let client = aws::secrets_manager();
    let mut pages = client.list_secrets().into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let found = page.unwrap().secret_list.unwrap_or_default();
        names.extend(found.into_iter().filter_map(|secret| secret.name));
    }
    names.retain(|name| name.starts_with(prefix));
    names.sort();
    names
}

/// A condition of a status.
pub(super) fn condition<'a>(status: &'a Value, name: &str) -> &'a Value {
    let conditions = status["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|one| one["type"] == name));
    found.unwrap_or(&Value::Null)
}

/// The message of Ready.
pub(super) fn message(status: &Value) -> &str {
    condition(status, "Ready")["message"].as_str().unwrap()
}

/// What holds of every status.
fn well_formed(status: &Value) {
    for condition in status["conditions"].as_array().unwrap() {
        assert_eq!(
            condition["observedGeneration"], status["observedGeneration"],
            "{status}"
        );
        assert!(condition["lastTransitionTime"].is_string(), "{status}");
    }
    let ready = condition(status, "Ready");
    let stalled = condition(status, "Stalled");
    if ready["status"] == "True" {
        assert!(stalled.is_null(), "{status}");
        assert!(status["failures"].is_null(), "{status}");
        assert_eq!(
            status["lastAppliedRevision"], status["lastAttemptedRevision"],
            "{status}"
        );
    }
    if !stalled.is_null() {
        assert_eq!(stalled["status"], "True", "{status}");
        assert_eq!(stalled["reason"], ready["reason"], "{status}");
    }
}

/// What became of entries, without what is zero.
pub(super) fn counts(status: &Value) -> Vec<(String, u64)> {
    let entries = status["entries"].as_object().unwrap();
    { entries.iter() }
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// An age identity and its recipient.
pub(super) fn age() -> (String, String) {
    let keygen = part("JASM_TEST_AGE_KEYGEN", "tests/tools/sops.sh", "age-keygen=");
    let output = Command::new(keygen).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |begin: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(begin));
        found.unwrap().to_owned()
    };
    let secret = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"));
    (secret.unwrap().to_owned(), line("# public key: "))
}

/// A dotenv file, encrypted by the real sops.
pub(super) fn encrypted(text: &str, recipient: &str) -> String {
    static SOPS: OnceLock<PathBuf> = OnceLock::new();
    let sops = SOPS.get_or_init(|| part("JASM_TEST_SOPS", "tests/tools/sops.sh", "sops=").into());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.secrets.env");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(sops)
        .args([
            "--encrypt",
            "--input-type",
            "dotenv",
            "--output-type",
            "dotenv",
            "--age",
        ])
        .arg(recipient)
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sops: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// All versions of a secret: their ids, and the stages of each.
pub(super) async fn versions(name: &str) -> Vec<(String, Vec<String>)> {
    let answer = aws::secrets_manager()
        .list_secret_version_ids()
        .secret_id(name)
        .include_deprecated(true)
        .send()
        .await
        .unwrap();
    let mut versions: Vec<_> = { answer.versions.unwrap_or_default().into_iter() }
        .map(|version| {
            let stages = version.version_stages.unwrap_or_default();
            (version.version_id.unwrap(), stages)
        })
        .collect();
    versions.sort();
    versions
}

/// The value of a secret; none if there is none.
pub(super) async fn value(name: &str) -> Option<String> {
    let answer = aws::secrets_manager()
        .get_secret_value()
        .secret_id(name)
        .send()
        .await;
    answer.ok()?.secret_string
}
