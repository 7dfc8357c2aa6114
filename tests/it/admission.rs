//! The admission policy: the API server itself holds JASM to its promises. A client with JASM's
//! account and more rights than JASM ever has does what JASM never does.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::pods::template;
use crate::support::tier::{Parts, Tier};

const LABEL: &str = "app.kubernetes.io/managed-by";

async fn held(test: &str) -> Tier {
    let parts = Parts {
        resources: &["rbac/default", "rbac/push"],
        components: &["components/admission-policy"],
        ..Parts::default()
    };
    let tier = Tier::install(test, parts).await;
    // Every right on both kinds everywhere, so that what refuses is the policy and not a missing right.
    let name = format!("anything-{}", tier.world.namespace);
    let role = json!({"metadata": {"name": name}, "rules": [
        {"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["*"]}]});
    let (namespace, account) = &tier.world.account;
    let binding = json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]});
    let roles = Api::<ClusterRole>::all(tier.world.admin.clone());
    roles
        .create(&PostParams::default(), &typed(role))
        .await
        .unwrap();
    let bindings = Api::<ClusterRoleBinding>::all(tier.world.admin.clone());
    bindings
        .create(&PostParams::default(), &typed(binding))
        .await
        .unwrap();
    let (forged, world) = (tier.forged().await, &tier.world);
    // A new policy is in force a moment after it was created, and so is a new right.
    eventually("the policy is in force", || async {
        let foreign = config_map("not-labelled", json!({}));
        refusal(dry(&forged, &world.namespace, &foreign).await).filter(|why| why.contains("has to"))
    })
    .await;
    tier
}

fn typed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn secret(name: &str, labels: Value) -> Secret {
    typed(json!({"metadata": {"name": name, "labels": labels}, "stringData": {"key": "value"}}))
}

fn config_map(name: &str, labels: Value) -> ConfigMap {
    typed(json!({"metadata": {"name": name, "labels": labels}, "data": {"key": "value"}}))
}

fn ours() -> Value {
    json!({LABEL: "jasm"})
}

async fn dry<T>(client: &Client, namespace: &str, object: &T) -> Result<T, kube::Error>
where
    T: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + DeserializeOwned,
{
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    Api::namespaced(client.clone(), namespace)
        .create(&parameters, object)
        .await
}

/// The words of the API server if it refuses.
fn refusal<T>(result: Result<T, kube::Error>) -> Option<String> {
    match result {
        Ok(_) => None,
        Err(kube::Error::Api(status)) if status.code == 403 => Some(status.message.clone()),
        Err(error) => panic!("neither done nor refused: {error}"),
    }
}

#[track_caller]
fn refused<T>(result: Result<T, kube::Error>, words: &str) {
    let why = refusal(result).unwrap_or_else(|| panic!("was done, but \"{words}\" was expected"));
    assert!(
        why.contains("jasm-promises") && why.contains(words),
        "{why}"
    );
}

#[tokio::test]
async fn a_forged_client_is_refused_what_jasm_promises_not_to_do() {
    let tier = held("forged").await;
    let forged = tier.forged().await;
    let (world, namespace) = (&tier.world, tier.world.namespace.as_str());
    let mine = Api::<Secret>::namespaced(forged.clone(), namespace);
    let my_maps = Api::<ConfigMap>::namespaced(forged.clone(), namespace);
    let post = PostParams::default();
    mine.create(&post, &secret("ours", ours())).await.unwrap();
    my_maps
        .create(&post, &config_map("ours", ours()))
        .await
        .unwrap();
    world
        .secrets()
        .create(&post, &secret("foreign", json!({})))
        .await
        .unwrap();
    let other = json!({LABEL: "Helm"});
    world
        .config_maps()
        .create(&post, &config_map("foreign", other.clone()))
        .await
        .unwrap();

    // Without the label: made, or taken off.
    let unlabelled = format!("Secret {namespace}/new would not carry the label {LABEL}=jasm");
    refused(
        mine.create(&post, &secret("new", json!({}))).await,
        &unlabelled,
    );
    refused(
        my_maps.create(&post, &config_map("new", other)).await,
        "would not carry the label",
    );
    refused(
        mine.replace("ours", &post, &secret("ours", json!({})))
            .await,
        "would not carry the label",
    );
    let bare = Patch::Merge(json!({"metadata": {"labels": null}}));
    let patch = PatchParams::default();
    refused(
        mine.patch("ours", &patch, &bare).await,
        "would not carry the label",
    );
    let apply = Patch::Apply(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "applied"}}),
    );
    let force = PatchParams::apply("jasm").force();
    refused(
        mine.patch("applied", &force, &apply).await,
        "would not carry the label",
    );

    // What is another's: overwritten, or taken over by way of the label.
    let not_ours = format!("Secret {namespace}/foreign is not JASM's");
    refused(
        mine.replace("foreign", &post, &secret("foreign", ours()))
            .await,
        &not_ours,
    );
    let label = Patch::Merge(json!({"metadata": {"labels": ours()}}));
    refused(mine.patch("foreign", &patch, &label).await, &not_ours);
    refused(
        my_maps.patch("foreign", &patch, &label).await,
        "is not JASM's",
    );
    refused(
        my_maps.patch("kube-root-ca.crt", &patch, &label).await,
        "is not JASM's",
    );

    // Secrets by which an account is taken over.
    for kind in [
        "kubernetes.io/service-account-token",
        "bootstrap.kubernetes.io/token",
        "example.com/any",
    ] {
        let mut token = secret("token", ours());
        token.type_ = Some(kind.to_owned());
        token.metadata.annotations = Some(
            [(
                "kubernetes.io/service-account.name".to_owned(),
                "default".to_owned(),
            )]
            .into(),
        );
        refused(
            mine.create(&post, &token).await,
            &format!("JASM writes no Secret of type {kind}"),
        );
    }
    let mut annotated = secret("annotated", ours());
    annotated.metadata.annotations = Some(
        [(
            "kubernetes.io/service-account.name".to_owned(),
            "default".to_owned(),
        )]
        .into(),
    );
    refused(
        mine.create(&post, &annotated).await,
        "kubernetes.io/service-account.",
    );

    // The system's namespaces, and JASM's own.
    for place in ["kube-system", "kube-public", "kube-node-lease", &tier.home] {
        let words = format!("JASM writes nothing into the namespace {place}");
        refused(dry(&forged, place, &secret("new", ours())).await, &words);
        refused(
            dry(&forged, place, &config_map("new", ours())).await,
            &words,
        );
    }

    // There the one Secret of its own is made, by no other name, nowhere else and only once.
    let key = |labels| secret("jasm-push-key", labels);
    assert_eq!(
        refusal(dry(&forged, &tier.home, &key(json!({}))).await),
        None
    );
    refused(
        dry(&forged, namespace, &key(json!({}))).await,
        "would not carry the label",
    );
    let map = config_map("jasm-push-key", json!({}));
    refused(
        dry(&forged, &tier.home, &map).await,
        "JASM writes nothing into the namespace",
    );
    let home = Api::<Secret>::namespaced(forged.clone(), &tier.home);
    home.create(&post, &key(json!({}))).await.unwrap();
    refused(
        home.patch("jasm-push-key", &patch, &label).await,
        "JASM writes nothing into the namespace",
    );
    refused(
        home.delete("jasm-push-key", &DeleteParams::default()).await,
        "JASM deletes nothing",
    );

    // Deleting, even what is its own.
    refused(
        mine.delete("ours", &DeleteParams::default()).await,
        "JASM deletes nothing",
    );
    refused(
        my_maps.delete("ours", &DeleteParams::default()).await,
        "JASM deletes nothing",
    );
    let all = ListParams::default();
    refused(
        mine.delete_collection(&DeleteParams::default(), &all).await,
        "JASM deletes nothing",
    );

    // Of all this, nothing happened.
    let names = |secrets: Vec<Secret>| -> Vec<_> {
        secrets
            .into_iter()
            .filter_map(|secret| secret.metadata.name)
            .collect()
    };
    let there = names(world.secrets().list(&all).await.unwrap().items);
    assert_eq!(there, ["foreign", "ours"]);
}

#[tokio::test]
async fn what_jasm_does_and_what_others_do_is_let_through() {
    let tier = held("letthrough").await;
    let forged = tier.forged().await;
    let (world, namespace) = (&tier.world, tier.world.namespace.as_str());
    let payloads = [
        ("Opaque", json!({"key": "value"})),
        (
            "kubernetes.io/tls",
            json!({"tls.crt": "crt", "tls.key": "key"}),
        ),
        (
            "kubernetes.io/dockerconfigjson",
            json!({".dockerconfigjson": "{}"}),
        ),
        (
            "kubernetes.io/basic-auth",
            json!({"username": "u", "password": "p"}),
        ),
        ("kubernetes.io/ssh-auth", json!({"ssh-privatekey": "key"})),
    ];
    assert_eq!(payloads.len(), jasm::pull::request::SecretType::WORDS.len());
    for (kind, data) in payloads {
        let object = json!({"metadata": {"name": "new", "labels": ours()}, "type": kind, "stringData": data});
        dry::<Secret>(&forged, namespace, &typed(object))
            .await
            .unwrap();
    }
    // Another's account is not meant: here the administrator does what JASM may not.
    let admin = &world.admin;
    let foreign = secret("foreign", json!({}));
    dry(admin, &tier.home, &foreign).await.unwrap();
    world
        .secrets()
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    world
        .secrets()
        .delete("foreign", &DeleteParams::default())
        .await
        .unwrap();

    // JASM's own life: made, changed, others' labels on it, gone with its workload.
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm().await;
    let text = format!("local:{namespace}/db");
    let pods = template(&[("secret.db", &text), ("config.db", &text)]).env_from("db");
    let deployment = pods.deployment("shop", 1);
    world.create(deployment.clone()).await;
    world.running("shop", 1).await;
    let theirs = Patch::Merge(json!({"metadata": {"labels": {"team": "a"}}}));
    let patch = PatchParams::default();
    world.secrets().patch("db", &patch, &theirs).await.unwrap();
    world.put("db", r#"{"user":"app","more":"x"}"#);
    let text = format!("local:{namespace}/db#more");
    let pods = template(&[("secret.db", &text), ("config.db", &text)]).env_from("db");
    world.roll(&pods.deployment("shop", 1)).await;
    world.rolled_out(&deployment, 1).await;
    world.expect("db", &[("more", "x")]).await;
    world.delete(&deployment).await;
    eventually("the garbage collector deletes the Secret", || async {
        world.data("db").await.is_none().then_some(())
    })
    .await;
    assert_eq!(jasm.terminate().await, 0);
    // The probes of the policy above are refused; whatever JASM asked for is not.
    let refused: Vec<_> = world
        .requests()
        .into_iter()
        .filter(|request| request.code == 403 && request.name != "not-labelled")
        .collect();
    assert_eq!(refused, []);
}

#[tokio::test]
async fn the_policy_has_no_expression_that_the_api_server_doubts() {
    use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
    let tier = held("expressions").await;
    let (_, suffix) = tier.world.namespace.rsplit_once('-').unwrap();
    let policies = Api::<ValidatingAdmissionPolicy>::all(tier.world.admin.clone());
    let status = eventually("the policy's types are checked", || async {
        let policy = policies
            .get(&format!("jasm-promises-{suffix}"))
            .await
            .unwrap();
        policy
            .status
            .filter(|status| status.observed_generation.is_some())
    })
    .await;
    let warnings = status
        .type_checking
        .and_then(|checked| checked.expression_warnings);
    assert_eq!(warnings.unwrap_or_default(), []);
}
