//! A namespace beside the test's own, with ServiceAccounts as whom stores are read.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use serde_json::{Value, json};

use super::eventually;
use super::world::World;

pub(crate) struct Place<'a> {
    world: &'a World,
    pub(crate) name: String,
}

impl<'a> Place<'a> {
    /// A new namespace, whose name begins with the test's.
    pub(crate) async fn new(world: &'a World, suffix: &str) -> Self {
        let name = format!("{}-{suffix}", world.namespace);
        world.add_namespace(&name).await;
        Self { world, name }
    }

    /// The test's own namespace.
    pub(crate) fn own(world: &'a World) -> Self {
        let name = world.namespace.clone();
        Self { world, name }
    }

    fn api<T>(&self) -> Api<T>
    where
        T: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.world.admin.clone(), &self.name)
    }

    /// A ServiceAccount with these annotations.
    pub(crate) async fn account(&self, name: &str, annotations: &[(&str, &str)]) {
        let annotations: BTreeMap<_, _> = annotations.iter().copied().collect();
        let account = json!({"metadata": {"name": name, "annotations": annotations}});
        self.api::<ServiceAccount>()
            .create(
                &PostParams::default(),
                &serde_json::from_value(account).unwrap(),
            )
            .await
            .unwrap();
    }

    pub(crate) async fn annotate_account(&self, name: &str, annotation: &str, value: &str) {
        let change = json!({"metadata": {"annotations": {annotation: value}}});
        self.api::<ServiceAccount>()
            .patch(name, &PatchParams::default(), &Patch::Merge(&change))
            .await
            .unwrap();
    }

    pub(crate) async fn delete_account(&self, name: &str) {
        self.api::<ServiceAccount>()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    pub(crate) async fn create(&self, manifest: Value) {
        self.world.create_in(&self.name, manifest).await;
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        self.api()
    }

    /// Changes a JASM annotation of a live pod.
    pub(crate) async fn annotate_pod(&self, pod: &str, annotation: &str, text: &str) {
        let name = format!("jasm.codnod.io/{annotation}");
        let change = json!({"metadata": {"annotations": {name: text}}});
        self.pods()
            .patch(pod, &PatchParams::default(), &Patch::Merge(&change))
            .await
            .unwrap();
    }

    /// Deletes a pod, and waits until it is gone.
    pub(crate) async fn delete_pod(&self, name: &str) {
        let now = DeleteParams::default().grace_period(0);
        self.pods().delete(name, &now).await.unwrap();
        eventually(&format!("the pod {name} is gone"), || async {
            self.pods()
                .get_opt(name)
                .await
                .unwrap()
                .is_none()
                .then_some(())
        })
        .await;
    }

    /// Waits until a pod with the label `app` runs.
    pub(crate) async fn runs(&self, app: &str) {
        let selector = ListParams::default().labels(&format!("app={app}"));
        eventually(&format!("a pod of {app} runs in {}", self.name), || async {
            let pods = self.pods().list(&selector).await.unwrap().items;
            let running = |pod: &Pod| {
                pod.status
                    .as_ref()
                    .and_then(|status| status.phase.as_deref())
                    == Some("Running")
            };
            pods.iter().any(running).then_some(())
        })
        .await;
    }

    /// A Secret's data as text; none if it is not there.
    pub(crate) async fn secret(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let secret = self.api::<Secret>().get_opt(name).await.unwrap()?;
        let data = secret.data.unwrap_or_default();
        let text = |value: Vec<u8>| String::from_utf8(value).unwrap();
        Some(
            data.into_iter()
                .map(|(key, value)| (key, text(value.0)))
                .collect(),
        )
    }

    pub(crate) async fn config_map(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let found = self.api::<ConfigMap>().get_opt(name).await.unwrap()?;
        Some(found.data.unwrap_or_default())
    }

    /// Waits until a Secret has exactly this key and value.
    pub(crate) async fn has(&self, secret: &str, key: &str, value: &str) {
        let expected = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        eventually(&format!("the Secret {secret} with {key}"), || async {
            (self.secret(secret).await? == expected).then_some(())
        })
        .await;
    }

    /// Waits for an event with this reason about an object whose name begins so; its note.
    pub(crate) async fn event(&self, reason: &str, regarding: &str) -> String {
        eventually(&format!("an event {reason} about {regarding}"), || async {
            let events = self.world.events_in(&self.name).await;
            events.into_iter().find_map(|(found, name, note)| {
                (found == reason && name.starts_with(regarding)).then_some(note)
            })
        })
        .await
    }

    /// All that was said in it: (reason, about whom, note).
    pub(crate) async fn events(&self) -> Vec<(String, String, String)> {
        self.world.events_in(&self.name).await
    }
}
