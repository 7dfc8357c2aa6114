//! A test's own part of the cluster: namespaces, an account with exactly JASM's rights, a folder
//! of stores, a config.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cluster::{admin, cluster};
use super::controller::{Controller, Start};
use super::{eventually, manifests, moto};

pub(crate) struct World {
    pub(crate) namespace: String,
    /// Where JASM's account is, and what it is called.
    pub(crate) account: (String, String),
    pub(crate) admin: Client,
    pub(crate) dir: TempDir,
    started: AtomicU32,
}

/// One request that JASM made, as the API server saw it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    pub(crate) verb: String,
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) code: u64,
}

impl World {
    /// A namespace whose name begins with the test's, with an account that has the default rights.
    pub(crate) async fn new(test: &str) -> Self {
        let world = Self::without_account(test).await;
        let account = json!({"metadata": {"name": "jasm"}});
        world.create_typed::<ServiceAccount>(account).await;
        world.grant("jasm").await;
        world.write_kubeconfig(None).await;
        world
    }

    /// The same without an account: the caller makes one, and [`write_kubeconfig`](Self::write_kubeconfig).
    pub(crate) async fn without_account(test: &str) -> Self {
        let admin = admin().await;
        let namespace = format!("{test}-{:06x}", fastrand::u32(..0x0100_0000));
        let world = Self {
            account: (namespace.clone(), "jasm".to_owned()),
            namespace,
            admin,
            dir: TempDir::new().unwrap(),
            started: AtomicU32::new(0),
        };
        world.add_namespace(&world.namespace.clone()).await;
        std::fs::create_dir(world.dir.path().join("store")).unwrap();
        world.config("").await;
        world
    }

    /// The namespace `default` of a cluster of the test's own, with every right.
    pub(crate) fn elsewhere(admin: Client, kubeconfig: &str) -> Self {
        let world = Self {
            account: Default::default(),
            namespace: "default".to_owned(),
            admin,
            dir: TempDir::new().unwrap(),
            started: AtomicU32::new(0),
        };
        std::fs::copy(kubeconfig, world.kubeconfig()).unwrap();
        world
    }

    pub(crate) async fn add_namespace(&self, name: &str) {
        let namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        Api::<Namespace>::all(self.admin.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        eventually("the namespace's default account", || async {
            Api::<ServiceAccount>::namespaced(self.admin.clone(), name)
                .get_opt("default")
                .await
                .unwrap()
        })
        .await;
    }

    /// Binds the account to the ClusterRole of that name, read from `config/`.
    async fn grant(&self, role: &str) {
        let rules = rules();
        let name = format!("{role}-{}", self.namespace);
        let role = json!({"metadata": {"name": name}, "rules": rules});
        let roles = Api::<ClusterRole>::all(self.admin.clone());
        roles
            .create(
                &PostParams::default(),
                &serde_json::from_value(role).unwrap(),
            )
            .await
            .unwrap();
        let binding = json!({"metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "jasm", "namespace": self.namespace}]});
        let bindings = Api::<ClusterRoleBinding>::all(self.admin.clone());
        bindings
            .create(
                &PostParams::default(),
                &serde_json::from_value(binding).unwrap(),
            )
            .await
            .unwrap();
    }

    /// Replaces the rules of JASM's role.
    pub(crate) async fn set_rules(&self, change: impl Fn(&mut Vec<Value>)) {
        let mut rules = rules();
        change(&mut rules);
        let patch = json!({"rules": rules});
        let roles = Api::<ClusterRole>::all(self.admin.clone());
        let name = format!("jasm-{}", self.namespace);
        roles
            .patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    /// A kubeconfig with a token of JASM's account, by way of `server` if one is given.
    pub(crate) async fn write_kubeconfig(&self, server: Option<String>) {
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(7200),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let (namespace, name) = &self.account;
        let accounts = Api::<ServiceAccount>::namespaced(self.admin.clone(), namespace);
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .unwrap();
        let admin = kube::config::Kubeconfig::read_from(&cluster().kubeconfig).unwrap();
        let authority = admin.clusters[0]
            .cluster
            .as_ref()
            .unwrap()
            .certificate_authority_data
            .clone();
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {
                "server": server.unwrap_or_else(|| cluster().server.clone()), "certificate-authority-data": authority}}],
            "users": [{"name": "u", "user": {"token": answer.status.unwrap().token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]});
        std::fs::write(self.kubeconfig(), config.to_string()).unwrap();
    }

    /// A token of JASM's account for somebody else, in a file.
    pub(crate) async fn token_for(&self, audience: &str, file: &str) -> PathBuf {
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: Some(vec![audience.to_owned()]),
                expiration_seconds: Some(7200),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let (namespace, name) = &self.account;
        let accounts = Api::<ServiceAccount>::namespaced(self.admin.clone(), namespace);
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .unwrap();
        let path = self.dir.path().join(file);
        std::fs::write(&path, answer.status.unwrap().token.unwrap()).unwrap();
        path
    }

    /// Deletes JASM's account, and waits until its token is not accepted any more.
    pub(crate) async fn delete_account(&self) {
        let (namespace, name) = &self.account;
        Api::<ServiceAccount>::namespaced(self.admin.clone(), namespace)
            .delete(name, &kube::api::DeleteParams::default())
            .await
            .unwrap();
        let kubeconfig = kube::config::Kubeconfig::read_from(self.kubeconfig()).unwrap();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default())
            .await
            .unwrap();
        let pods = Api::<Pod>::namespaced(Client::try_from(config).unwrap(), &self.namespace);
        eventually("the token is refused", || async {
            let error = pods.list_metadata(&Default::default()).await.err()?;
            matches!(error, kube::Error::Api(status) if status.code == 401).then_some(())
        })
        .await;
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.dir.path().join("jasm.yaml")
    }

    /// Writes the config: the file store `local` and the two stores of moto, each open to
    /// `{namespace}/…`, and `more` stores.
    pub(crate) async fn config(&self, more: &str) {
        let root = self.dir.path().join("store");
        let (namespace, region, account, endpoint) = (
            &self.namespace,
            moto::REGION,
            moto::ACCOUNT,
            moto_endpoint().await,
        );
        let text = format!(
            "namespaces: [\"{namespace}*\"]\n\
             storeTimeout: 3s\n\
             stores:\n\
             - name: local\n  kind: file\n  root: {root}\n  configs: true\n  \
               allow: [{{namespaces: [\"*\"], paths: [\"{{namespace}}/**\", \"shared/*\"]}}]\n\
             - name: aws-secretsmanager\n  kind: aws-secretsmanager\n  region: {region}\n  account: \"{account}\"\n  \
               identity: controller\n  endpoint: {endpoint}\n  \
               allow: [{{namespaces: [\"*\"], paths: [\"{{namespace}}/**\", \"/{{namespace}}/**\"]}}]\n\
             - name: parameters\n  kind: aws-parameterstore\n  region: {region}\n  account: \"{account}\"\n  \
               identity: controller\n  endpoint: {endpoint}\n  \
               allow: [{{namespaces: [\"*\"], paths: [\"/{{namespace}}/**\"]}}]\n{more}",
            root = root.display()
        );
        std::fs::write(self.config_file(), text).unwrap();
    }

    /// Writes a config of a test's own.
    pub(crate) fn write_config(&self, text: &str) {
        std::fs::write(self.config_file(), text).unwrap();
    }

    /// Lets stores take as long as they do.
    pub(crate) fn be_patient_with_stores(&self) {
        let text = std::fs::read_to_string(self.config_file()).unwrap();
        let patient = text.replace("storeTimeout: 3s", "storeTimeout: 2m");
        std::fs::write(self.config_file(), patient).unwrap();
    }

    /// A store of kind aws-secretsmanager at an endpoint, for [`config`](Self::config).
    pub(crate) fn aws_store(name: &str, endpoint: &str) -> String {
        format!(
            "- name: {name}\n  kind: aws-secretsmanager\n  region: eu-west-1\n  identity: controller\n  \
             endpoint: {endpoint}\n  allow: [{{namespaces: [\"*\"], paths: [\"**\"]}}]\n"
        )
    }

    /// Puts an entry below the test's namespace into the file store.
    pub(crate) fn put(&self, name: &str, content: &str) {
        self.put_at(&format!("{}/{name}", self.namespace), content);
    }

    pub(crate) fn put_at(&self, path: &str, content: &str) {
        let path = self.dir.path().join("store").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // As an editor would: a reader sees the old or the new, never half.
        let draft = path.with_extension("draft~");
        std::fs::write(&draft, content).unwrap();
        std::fs::rename(draft, path).unwrap();
    }

    /// Starts JASM and waits until it is ready.
    pub(crate) async fn jasm(&self) -> Controller {
        let controller = self.jasm_with(&["--log-level", "debug"]).await;
        controller.ready().await;
        controller
    }

    pub(crate) async fn jasm_with(&self, args: &[&str]) -> Controller {
        Controller::start(self.start(args).await).await
    }

    pub(crate) async fn start<'a>(&self, args: &'a [&'a str]) -> Start<'a> {
        let count = self.started.fetch_add(1, Ordering::Relaxed);
        Start {
            config: Box::leak(self.config_file().into_boxed_path()),
            kubeconfig: Box::leak(self.kubeconfig().into_boxed_path()),
            log: self.dir.path().join(format!("jasm-{count}.log")),
            args,
            environment: Vec::new(),
        }
    }

    fn dynamic(&self, namespace: &str, manifest: &Value) -> Api<DynamicObject> {
        let (group, version) = match manifest["apiVersion"].as_str().unwrap().split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", manifest["apiVersion"].as_str().unwrap()),
        };
        let kind = GroupVersionKind::gvk(group, version, manifest["kind"].as_str().unwrap());
        Api::namespaced_with(self.admin.clone(), namespace, &ApiResource::from_gvk(&kind))
    }

    /// Creates an object in the test's namespace.
    pub(crate) async fn create(&self, manifest: Value) -> DynamicObject {
        self.create_in(&self.namespace, manifest).await
    }

    pub(crate) async fn create_in(&self, namespace: &str, manifest: Value) -> DynamicObject {
        let api = self.dynamic(namespace, &manifest);
        api.create(
            &PostParams::default(),
            &serde_json::from_value(manifest).unwrap(),
        )
        .await
        .unwrap()
    }

    async fn create_typed<T>(&self, value: Value)
    where
        T: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned,
    {
        let api = Api::<T>::namespaced(self.admin.clone(), &self.namespace);
        api.create(
            &PostParams::default(),
            &serde_json::from_value(value).unwrap(),
        )
        .await
        .unwrap();
    }

    /// Merges a change into an object that was made from such a manifest.
    pub(crate) async fn patch(&self, manifest: &Value, change: Value) {
        let api = self.dynamic(&self.namespace, manifest);
        api.patch(
            manifest["metadata"]["name"].as_str().unwrap(),
            &PatchParams::default(),
            &Patch::Merge(&change),
        )
        .await
        .unwrap();
    }

    /// Replaces the pod template by that of another manifest of the same kind and name.
    pub(crate) async fn roll(&self, manifest: &Value) {
        let api = self.dynamic(&self.namespace, manifest);
        let name = manifest["metadata"]["name"].as_str().unwrap();
        eventually("the new template is taken", || async {
            let mut present = api.get(name).await.unwrap();
            present.data["spec"]["template"] = manifest["spec"]["template"].clone();
            // A conflict means that its controller wrote the status between.
            api.replace(name, &PostParams::default(), &present)
                .await
                .ok()
        })
        .await;
    }

    /// `kubectl rollout restart`
    pub(crate) async fn restart(&self, manifest: &Value) {
        let now = k8s_openapi::jiff::Timestamp::now().to_string();
        let change = json!({"spec": {"template": {"metadata": {"annotations": {
            "kubectl.kubernetes.io/restartedAt": now}}}}});
        self.patch(manifest, change).await;
    }

    pub(crate) async fn scale(&self, manifest: &Value, replicas: u32) {
        self.patch(manifest, json!({"spec": {"replicas": replicas}}))
            .await;
    }

    pub(crate) async fn delete(&self, manifest: &Value) {
        let api = self.dynamic(&self.namespace, manifest);
        let parameters = kube::api::DeleteParams::background();
        api.delete(manifest["metadata"]["name"].as_str().unwrap(), &parameters)
            .await
            .unwrap();
    }

    /// Deletes an object and leaves what it made.
    pub(crate) async fn orphan(&self, manifest: &Value) {
        let api = self.dynamic(&self.namespace, manifest);
        let name = manifest["metadata"]["name"].as_str().unwrap();
        api.delete(name, &kube::api::DeleteParams::orphan())
            .await
            .unwrap();
        eventually("the object is gone", || async {
            api.get_opt(name).await.unwrap().is_none().then_some(())
        })
        .await;
    }

    /// An object as it is.
    pub(crate) async fn get(&self, manifest: &Value) -> DynamicObject {
        let api = self.dynamic(&self.namespace, manifest);
        api.get(manifest["metadata"]["name"].as_str().unwrap())
            .await
            .unwrap()
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    pub(crate) fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    /// A Secret's data as text; none if it is not there.
    pub(crate) async fn data(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let secret = self.secrets().get_opt(name).await.unwrap()?;
        let data = secret.data.unwrap_or_default();
        Some(
            data.into_iter()
                .map(|(key, value)| (key, String::from_utf8_lossy(&value.0).into_owned()))
                .collect(),
        )
    }

    /// Waits until a Secret has exactly these keys and values.
    pub(crate) async fn expect(&self, name: &str, expected: &[(&str, &str)]) {
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        eventually(
            &format!("Secret {name} with the keys {:?}", expected.keys()),
            || async { (self.data(name).await? == expected).then_some(()) },
        )
        .await;
    }

    /// Waits until this many pods with the label `app` run and no other is there.
    pub(crate) async fn running(&self, app: &str, count: usize) {
        let selector = ListParams::default().labels(&format!("app={app}"));
        eventually(&format!("{count} pods of {app} run"), || async {
            let pods = self.pods().list(&selector).await.unwrap().items;
            let running = pods.iter().filter(|pod| phase(pod) == "Running").count();
            (running == count && pods.len() == count).then_some(())
        })
        .await;
    }

    /// Waits until a Deployment's or StatefulSet's rollout is complete and old pods are gone.
    pub(crate) async fn rolled_out(&self, manifest: &Value, count: usize) {
        let api = self.dynamic(&self.namespace, manifest);
        let name = manifest["metadata"]["name"].as_str().unwrap();
        eventually(&format!("the rollout of {name} is complete"), || async {
            let object = api.get(name).await.unwrap();
            let status = &object.data["status"];
            let is = |field: &str| status[field].as_u64() == Some(count as u64);
            let seen = status["observedGeneration"].as_i64() == object.metadata.generation;
            (seen && is("updatedReplicas") && is("replicas") && is("readyReplicas")).then_some(())
        })
        .await;
        self.running(name, count).await;
    }

    /// Waits until a pod runs.
    pub(crate) async fn pod_runs(&self, name: &str) {
        eventually(&format!("the pod {name} runs"), || async {
            (phase(&self.pods().get_opt(name).await.unwrap()?) == "Running").then_some(())
        })
        .await;
    }

    /// Waits until the kubelet says of a pod of this app that it waits for its objects.
    pub(crate) async fn waiting(&self, app: &str) {
        let selector = ListParams::default().labels(&format!("app={app}"));
        eventually(&format!("a pod of {app} waits"), || async {
            let pods = self.pods().list(&selector).await.unwrap().items;
            pods.iter()
                .any(|pod| {
                    phase(pod) == "Pending" && pod.spec.as_ref().unwrap().node_name.is_some()
                })
                .then_some(())
        })
        .await;
    }

    /// Waits until a pod of this app is there that no node takes.
    pub(crate) async fn waiting_unscheduled(&self, app: &str) {
        let selector = ListParams::default().labels(&format!("app={app}"));
        eventually(&format!("a pod of {app} finds no node"), || async {
            let pods = self.pods().list(&selector).await.unwrap().items;
            let unscheduled = |pod: &Pod| pod.spec.as_ref().unwrap().node_name.is_none();
            pods.iter().any(unscheduled).then_some(())
        })
        .await;
    }

    /// All events that JASM wrote in the test's namespace: (reason, regarding's name, note).
    pub(crate) async fn events(&self) -> Vec<(String, String, String)> {
        self.events_in(&self.namespace).await
    }

    pub(crate) async fn events_in(&self, namespace: &str) -> Vec<(String, String, String)> {
        let api = Api::<Event>::namespaced(self.admin.clone(), namespace);
        let events = api.list(&ListParams::default()).await.unwrap().items;
        let ours = events.into_iter().filter(|event| {
            event
                .reporting_controller
                .as_deref()
                .is_some_and(|controller| controller.contains("jasm"))
        });
        ours.map(|event| {
            let regarding = event.regarding.unwrap();
            (
                event.reason.unwrap(),
                regarding.name.unwrap(),
                event.note.unwrap(),
            )
        })
        .collect()
    }

    /// Waits for an event with this reason about an object whose name begins so; returns its note.
    pub(crate) async fn event(&self, reason: &str, regarding: &str) -> String {
        eventually(&format!("an event {reason} about {regarding}"), || async {
            let events = self.events().await;
            events.into_iter().find_map(|(found, name, note)| {
                (found == reason && name.starts_with(regarding)).then_some(note)
            })
        })
        .await
    }

    /// Every finished request that JASM's account made, from the API server's audit log. What the push half
    /// follows is left out where it may: it is another story.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let (namespace, name) = &self.account;
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let text = std::fs::read_to_string(&cluster().audit_log).unwrap();
        let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        text.lines()
            .filter(|line| line.contains(&user))
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|entry| {
                entry["user"]["username"] == user.as_str() && entry["stage"] == "ResponseComplete"
            })
            .map(|entry| {
                let object = &entry["objectRef"];
                Request {
                    verb: text_of(&entry["verb"]),
                    resource: resource(object),
                    namespace: text_of(&object["namespace"]),
                    name: text_of(&object["name"]),
                    code: entry["responseStatus"]["code"].as_u64().unwrap_or_default(),
                }
            })
            .filter(|request| {
                let followed = ["customresourcedefinitions", "secretmanagerconfigs"];
                !(request.code < 300
                    && matches!(request.verb.as_str(), "list" | "watch")
                    && followed.contains(&request.resource.as_str()))
            })
            .collect()
    }
}

/// With its subresource, as rules name it.
fn resource(object: &Value) -> String {
    let words = [&object["resource"], &object["subresource"]];
    let words: Vec<_> = words.iter().filter_map(|word| word.as_str()).collect();
    words.join("/")
}

async fn moto_endpoint() -> &'static str {
    tokio::task::spawn_blocking(moto::endpoint).await.unwrap()
}

fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

/// The rules of the default installation: the default tier's and the push half's.
fn rules() -> Vec<Value> {
    let of = |file: &str| {
        let role = manifests::documents(&manifests::read(file));
        role[0]["rules"].as_array().unwrap().clone()
    };
    let mut rules = of("config/rbac/default/cluster_role.yaml");
    rules.extend(of("config/rbac/push/cluster_role.yaml"));
    rules
}
