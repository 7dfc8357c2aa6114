//! Two identities, one target: what one may not read takes nothing from the other.

use serde_json::json;

use super::{Stage, data, payload, wants};
use crate::support::aws;
use crate::support::clouds::{Clouds, ROLE, principals, session};
use crate::support::place::Place;

/// What both ask for, by two roles of which one may read it.
struct Shared<'a> {
    place: Place<'a>,
    source: String,
}

impl<'a> Shared<'a> {
    async fn new(stage: &'a Stage, clouds: &Clouds, suffix: &str) -> Self {
        let place = Place::new(&stage.world, suffix).await;
        let name = format!("{}-db", place.name);
        aws::create_secret(&name, &payload("in-aws").to_string()).await;
        for account in ["may", "may-not"] {
            let role = clouds.role(&format!("{name}-{account}"), &place.name, account);
            place.account(account, &[(ROLE, &role)]).await;
            if account == "may" {
                let principal = session(&role, &place.name, account);
                clouds
                    .aws
                    .grants
                    .allow(&principal, &format!("secretsmanager:{name}"));
            }
        }
        let source = format!("sm:{name}");
        Self { place, source }
    }

    async fn starts(&self, app: &str, account: &str) {
        let pods = wants(account, &self.source).env_from("db");
        self.place.create(pods.deployment(app, 1)).await;
    }

    async fn is_intact(&self) {
        assert_eq!(self.place.secret("db").await, data("user", "in-aws"));
    }
}

#[tokio::test]
async fn a_denied_request_never_displaces_one_that_works() {
    let stage = Stage::new("shared").await;
    let clouds = Clouds::beside(&stage.world).await;
    let before = Shared::new(&stage, &clouds, "before").await;
    let after = Shared::new(&stage, &clouds, "after").await;
    let jasm = stage.jasm(&clouds.stores()).await;

    // The denied one comes second.
    before.starts("good", "may").await;
    before.place.runs("good").await;
    before.starts("bad", "may-not").await;
    let note = before.place.event("FetchFailed", "bad").await;
    assert!(
        note.contains("as the ServiceAccount") && note.contains("/may-not: "),
        "{note}"
    );
    before.is_intact().await;

    // It comes first, and then the other one gets what it may.
    after.starts("bad", "may-not").await;
    after.place.event("FetchFailed", "bad").await;
    assert_eq!(after.place.secret("db").await, None);
    after.starts("good", "may").await;
    after.place.runs("good").await;
    after.is_intact().await;

    // Edited while both are there, and the other way round: the same.
    for shared in [&before, &after] {
        let place = &shared.place;
        let bad = wants("may-not", &shared.source).unschedulable();
        place.create(bad.pod("edited")).await;
        place.event("FetchFailed", "edited").await;
        let other = format!("{}#user -> other", shared.source);
        place.annotate_pod("edited", "secret.db", &other).await;
        let good = wants("may", &shared.source).env_from("db");
        place.create(good.pod("more")).await;
        crate::support::eventually("the pod runs", || async {
            let pod = place.pods().get("more").await.unwrap();
            (pod.status?.phase.as_deref() == Some("Running")).then_some(())
        })
        .await;
        shared.is_intact().await;
        // Said of those who may not; never of those who may.
        for (reason, about, note) in place.events().await {
            // This API server demands a right that JASM does not have of whoever adds an owner.
            if reason == "WriteFailed" && note.contains("is up to date") {
                continue;
            }
            let denied = about.starts_with("bad") || about.starts_with("edited");
            assert_eq!(denied, reason == "FetchFailed", "{reason} {about}: {note}");
        }
    }
    stage.ends_clean(jasm, &[], &["in-aws"]).await;
}

#[tokio::test]
async fn a_rollout_to_an_account_that_may_not_read_keeps_what_is_there() {
    let stage = Stage::new("rolled").await;
    let clouds = Clouds::beside(&stage.world).await;
    let shared = Shared::new(&stage, &clouds, "web").await;
    let jasm = stage.jasm(&clouds.stores()).await;
    shared.starts("shop", "may").await;
    shared.place.runs("shop").await;
    let template = wants("may-not", &shared.source)
        .env_from("db")
        .deployment("shop", 1);
    let deployments: kube::Api<k8s_openapi::api::apps::v1::Deployment> =
        kube::Api::namespaced(stage.world.admin.clone(), &shared.place.name);
    let change = json!({"spec": {"template": template["spec"]["template"]}});
    deployments
        .patch(
            "shop",
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(&change),
        )
        .await
        .unwrap();
    let note = shared.place.event("FetchFailed", "shop").await;
    assert!(note.contains("/may-not: "), "{note}");
    shared.is_intact().await;
    let readers = principals(&clouds.aws_server, "GetSecretValue");
    let both = ["may", "may-not"].map(|account| format!("/jasm-{}-{account}", shared.place.name));
    assert!(
        both.iter()
            .all(|end| readers.iter().any(|reader| reader.ends_with(end))),
        "{readers:?}"
    );
    stage.ends_clean(jasm, &[], &["in-aws"]).await;
}
