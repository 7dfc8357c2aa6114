//! The tiers of rights in `config/rbac`, each tried by the real binary under exactly that account:
//! every verb that is given is used, and nothing is refused that it should have.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::pods::{Template, template};
use crate::support::tier::{Parts, Tier};
use crate::support::world::{Request, World};
use crate::support::{aws, eventually, moto, older};

/// A life in which everything happens that JASM has a right for: workloads of every kind that is looked
/// up, three of which share a Secret and a ConfigMap, and rollouts that change them.
async fn life(tier: &Tier, args: &[&str]) -> Vec<Request> {
    let world = &tier.world;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm_with(args).await;
    jasm.ready().await;
    let text = format!("local:{}/db", world.namespace);
    let annotations = [("secret.db", text.as_str()), ("config.db", text.as_str())];
    let pods = template(&annotations).env_from("db");
    world.create(pods.deployment("shop", 2)).await;
    world.running("shop", 2).await;
    // Later than the first, so that an owner has to be added.
    world.create(pods.job("once")).await;
    world.create(pods.stateful_set("state", 2)).await;
    for (app, count) in [("once", 1), ("state", 2)] {
        world.running(app, count).await;
    }
    // A rollout of the StatefulSet that is stuck between two revisions which differ: their order is asked.
    world.put("db", r#"{"user":"app","more":"x"}"#);
    let narrowed = format!("local:{}/db#more", world.namespace);
    let pods = template(&[("secret.db", &narrowed), ("config.db", &text)]).unschedulable();
    world.roll(&pods.stateful_set("state", 2)).await;
    eventually("the order of the revisions is asked", || async {
        let asked = |request: &Request| request.resource == "controllerrevisions";
        requests(world).iter().any(asked).then_some(())
    })
    .await;
    let pods = template(&[("secret.db", &narrowed), ("config.db", &narrowed)]).env_from("db");
    world.roll(&pods.deployment("shop", 2)).await;
    world.running("shop", 2).await;
    world.expect("db", &[("user", "app"), ("more", "x")]).await;
    assert_eq!(jasm.terminate().await, 0);
    list_by_pages(world, args).await;
    // The API server notes a watch when it has ended.
    let is_watch = |right: &&(String, String)| right.1 == "watch";
    eventually("the watches are noted", || async {
        let used = used(&requests(world));
        let mut watches = tier.given.iter().filter(is_watch);
        watches.all(|watch| used.contains(watch)).then_some(())
    })
    .await;
    requests(world)
}

/// What the right to list is for: an API server that streams no lists.
async fn list_by_pages(world: &World, args: &[&str]) {
    let version = world.admin.apiserver_version().await.unwrap();
    // The feature gate WatchList is on from 1.34 on.
    if version.minor.parse::<u32>().unwrap() >= 34 {
        let is_list = |right: &(String, String)| right.1 == "list";
        assert_eq!(used(&requests(world)).into_iter().find(is_list), None);
    }
    world.write_kubeconfig(Some(older::start().await)).await;
    let jasm = world.jasm_with(args).await;
    jasm.ready().await;
    assert_eq!(jasm.terminate().await, 0);
    world.write_kubeconfig(None).await;
}

fn used(requests: &[Request]) -> BTreeSet<(String, String)> {
    requests
        .iter()
        .map(|request| (request.resource.clone(), request.verb.clone()))
        .collect()
}

/// What JASM's account asked. The push half, whose rights are in no tier, looks whether it has them and is
/// refused: that look is left out.
fn requests(world: &World) -> Vec<Request> {
    let mut requests = world.requests();
    requests.retain(|request| {
        !(request.code == 403 && request.resource == "customresourcedefinitions")
    });
    requests
}

fn refused(requests: &[Request]) -> Vec<&Request> {
    requests
        .iter()
        .filter(|request| request.code == 403)
        .collect()
}

async fn owners(world: &World) -> BTreeSet<String> {
    let secret = world.secrets().get("db").await.unwrap();
    let owners = secret.metadata.owner_references.into_iter().flatten();
    owners.map(|owner| owner.name).collect()
}

#[tokio::test]
async fn default() {
    let resources = &["rbac/default"];
    let tier = Tier::install(
        "default",
        Parts {
            resources,
            ..Parts::default()
        },
    )
    .await;
    let requests = life(&tier, &[]).await;
    assert_eq!(used(&requests), tier.given);
    // This API server demands "delete" of whoever adds owners, which is not for this tier.
    let refused = refused(&requests);
    assert!(!refused.is_empty());
    assert!(
        refused.iter().all(|request| request.verb == "update"),
        "{refused:?}"
    );
    assert_eq!(
        owners(&tier.world).await,
        BTreeSet::from(["shop".to_owned()])
    );
}

#[tokio::test]
async fn shared_targets() {
    let resources = &["rbac/default"];
    let components = &["rbac/shared-targets"];
    let tier = Tier::install(
        "sharedtargets",
        Parts {
            resources,
            components,
            ..Parts::default()
        },
    )
    .await;
    let requests = life(&tier, &[]).await;
    assert_eq!(refused(&requests), Vec::<&Request>::new());
    let owners = owners(&tier.world).await;
    assert_eq!(owners, ["once", "shop", "state"].map(str::to_owned).into());
    // The right to delete is asked for when owners change, and never used.
    let mut given = tier.given.clone();
    for resource in ["secrets", "configmaps"] {
        assert!(given.remove(&(resource.to_owned(), "delete".to_owned())));
    }
    assert_eq!(used(&requests), given);

    let forged = tier.forged().await;
    let secrets = Api::<Secret>::namespaced(forged.clone(), &tier.world.namespace);
    let config_maps = Api::<ConfigMap>::namespaced(forged, &tier.world.namespace);
    for object in ["db", "kube-root-ca.crt"] {
        let error = config_maps
            .delete(object, &DeleteParams::default())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("JASM deletes nothing"),
            "{error}"
        );
    }
    let error = secrets
        .delete("db", &DeleteParams::default())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("JASM deletes nothing"),
        "{error}"
    );
    // Nor all at once; the list is refused, or the deletion.
    let error = secrets
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 403));
    assert!(tier.world.data("db").await.is_some());
}

#[tokio::test]
async fn namespaced() {
    let resources = &["rbac/namespaced"];
    let opt_in = true;
    let tier = Tier::install(
        "namespaced",
        Parts {
            resources,
            opt_in,
            ..Parts::default()
        },
    )
    .await;
    let world = &tier.world;
    let config = std::fs::read_to_string(world.config_file()).unwrap();
    let one = config.replace(
        &format!("[\"{}*\"]", world.namespace),
        &format!("[\"{}\"]", world.namespace),
    );
    assert_ne!(one, config);
    std::fs::write(world.config_file(), one).unwrap();
    // The pods of a namespace that did not opt in are seen and passed over.
    let text = format!("local:{}/db", world.namespace);
    let pod = template(&[("secret.db", &text)])
        .env_from("db")
        .pod("elsewhere");
    world.create_in(&tier.home, pod).await;
    let requests = life(&tier, &[]).await;
    assert_eq!(used(&requests), tier.given);
    let elsewhere: Vec<_> = requests
        .iter()
        .filter(|request| request.resource != "pods" && request.namespace != world.namespace)
        .collect();
    assert_eq!(elsewhere, Vec::<&Request>::new());
    assert!(
        refused(&requests)
            .iter()
            .all(|request| request.verb == "update")
    );

    // The same account gets nothing there by asking.
    let forged = tier.forged().await;
    let secrets = Api::<Secret>::namespaced(forged, &tier.home);
    let error = secrets.get_opt("db").await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 403));
}

#[tokio::test]
async fn observe() {
    let parts = Parts {
        resources: &["rbac/observe"],
        ..Parts::default()
    };
    let tier = Tier::install("observe", parts).await;
    let world = &tier.world;
    let requests = life(&tier, &["--rights", "observe"]).await;
    assert_eq!(used(&requests), tier.given);
    assert!(
        refused(&requests)
            .iter()
            .all(|request| request.verb == "update")
    );

    // What this tier is for: with every pod running, a deleted Secret and a changed one come back.
    world.put("mail", r#"{"host":"mail"}"#);
    let jasm = world.jasm_with(&["--rights", "observe"]).await;
    jasm.ready().await;
    let text = format!("local:{}/mail", world.namespace);
    let pods = template(&[("secret.mail", &text)]).env_from("mail");
    world.create(pods.deployment("mailer", 1)).await;
    world.running("mailer", 1).await;
    world.expect("mail", &[("host", "mail")]).await;
    let secrets = world.secrets();
    secrets
        .delete("mail", &DeleteParams::default())
        .await
        .unwrap();
    world.expect("mail", &[("host", "mail")]).await;
    let change = Patch::Merge(json!({"stringData": {"host": "elsewhere"}}));
    secrets
        .patch("mail", &PatchParams::default(), &change)
        .await
        .unwrap();
    world.expect("mail", &[("host", "mail")]).await;
    assert_eq!(jasm.terminate().await, 0);
}

/// A store of moto that is read as the pod, and the role that the namespace's pods have.
async fn as_the_pod(world: &World) {
    let endpoint = tokio::task::spawn_blocking(moto::endpoint).await.unwrap();
    let store = format!(
        "- name: as-pod\n  kind: aws-secretsmanager\n  region: {}\n  identity: workload\n  endpoint: {endpoint}\n  \
         stsEndpoint: {endpoint}\n",
        moto::REGION
    );
    world.config(&store).await;
    aws::secrets_manager()
        .create_secret()
        .name(format!("{}/own", world.namespace))
        .secret_string(r#"{"user":"pod"}"#)
        .send()
        .await
        .unwrap();
    let role = format!("arn:aws:iam::{}:role/reader", moto::ACCOUNT);
    let annotation = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": role}}});
    Api::<ServiceAccount>::namespaced(world.admin.clone(), &world.namespace)
        .patch(
            "default",
            &PatchParams::default(),
            &Patch::Merge(&annotation),
        )
        .await
        .unwrap();
}

/// A pod that reads as itself.
fn reader(world: &World) -> Template {
    let text = format!("as-pod:{}/own", world.namespace);
    template(&[("secret.own", &text)]).env_from("own")
}

#[tokio::test]
async fn workload_identity() {
    let parts = Parts {
        resources: &["rbac/default"],
        components: &["components/workload-identity"],
        ..Parts::default()
    };
    let tier = Tier::install("asthepod", parts).await;
    let world = &tier.world;
    life(&tier, &[]).await;
    as_the_pod(world).await;
    let jasm = world.jasm().await;
    world.create(reader(world).deployment("reader", 2)).await;
    world.running("reader", 2).await;
    world.expect("own", &[("user", "pod")]).await;
    assert_eq!(jasm.terminate().await, 0);
    // Every right is used, and of those on accounts none is refused; a burst of one identity asks once.
    let requests = requests(world);
    assert_eq!(used(&requests), tier.given);
    let accounts: Vec<_> = requests
        .iter()
        .filter(|request| request.resource.starts_with("serviceaccounts"))
        .map(|request| {
            let Request { verb, resource, .. } = request;
            let (namespace, name) = (request.namespace.as_str(), request.name.as_str());
            (
                verb.as_str(),
                resource.as_str(),
                namespace,
                name,
                request.code,
            )
        })
        .collect();
    let namespace = world.namespace.as_str();
    assert_eq!(
        accounts,
        [
            ("get", "serviceaccounts", namespace, "default", 200),
            ("create", "serviceaccounts/token", namespace, "default", 201),
        ]
    );
}

#[tokio::test]
async fn without_the_rights_for_workload_identity_the_event_names_what_gives_them() {
    let parts = Parts {
        resources: &["rbac/default"],
        ..Parts::default()
    };
    let tier = Tier::install("notasthepod", parts).await;
    let world = &tier.world;
    as_the_pod(world).await;
    let jasm = world.jasm().await;
    world.create(reader(world).pod("reader")).await;
    let note = world.event("FetchFailed", "reader").await;
    let account = format!("ServiceAccount {}/default", world.namespace);
    let words = format!(
        "JASM may not read as the {account}: its account lacks get on serviceaccounts; apply \
         config/components/workload-identity"
    );
    assert!(note.contains(&words), "{note}");
    // With half of them, the other half is named.
    let (_, suffix) = world.namespace.rsplit_once('-').unwrap();
    let roles = Api::<ClusterRole>::all(world.admin.clone());
    let name = format!("jasm-{suffix}");
    let mut role = roles.get(&name).await.unwrap();
    let rule = json!({"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get"]});
    let rules = &mut role.rules;
    rules
        .as_mut()
        .unwrap()
        .push(serde_json::from_value(rule).unwrap());
    roles
        .replace(&name, &PostParams::default(), &role)
        .await
        .unwrap();
    eventually("an event that names the other right", || async {
        let events = world.events().await;
        let named =
            |note: &str| note.contains("lacks create on serviceaccounts/token; apply config");
        events.iter().any(|(_, _, note)| named(note)).then_some(())
    })
    .await;
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_token_that_the_policy_refuses_is_told_with_its_audience() {
    let parts = Parts {
        resources: &["rbac/default"],
        components: &["components/workload-identity"],
        ..Parts::default()
    };
    let tier = Tier::install("unlisted", parts).await;
    let world = &tier.world;
    as_the_pod(world).await;
    let accounts = Api::<ServiceAccount>::namespaced(world.admin.clone(), &world.namespace);
    let audience = |audience: &str| {
        let change = json!({"metadata": {"annotations": {"eks.amazonaws.com/audience": audience}}});
        let accounts = accounts.clone();
        async move {
            let patch = Patch::Merge(&change);
            accounts
                .patch("default", &PatchParams::default(), &patch)
                .await
                .unwrap();
        }
    };
    audience("elsewhere").await;
    // A policy is in force a moment after it was created; asked with an account that no pod has.
    let probe: ServiceAccount =
        serde_json::from_value(json!({"metadata": {"name": "probe"}})).unwrap();
    let post = PostParams::default();
    accounts.create(&post, &probe).await.unwrap();
    let forged = tier.forged().await;
    let own = Api::<ServiceAccount>::namespaced(forged, &world.namespace);
    eventually("the policy is in force", || async {
        let asked = serde_json::from_value(json!({"spec": {"audiences": ["probe"]}})).unwrap();
        let refused = own.create_token_request("probe", &post, &asked).await;
        let why = refused.err()?.to_string();
        why.contains("jasm-tokens").then_some(())
    })
    .await;
    let jasm = world.jasm().await;
    world.create(reader(world).pod("reader")).await;
    let note = world.event("FetchFailed", "reader").await;
    let words = format!(
        "a policy of the cluster forbids a token of the ServiceAccount {}/default for the audience elsewhere: the \
         policy in config/components/workload-identity has to list the audience",
        world.namespace
    );
    assert!(note.contains(&words), "{note}");
    // The API server's own is not even asked for.
    audience("https://kubernetes.default.svc").await;
    eventually("an event about the API server's audience", || async {
        let events = world.events().await;
        let words = "the audience https://kubernetes.default.svc is the API server's own";
        events
            .iter()
            .any(|(_, _, note)| note.contains(words))
            .then_some(())
    })
    .await;
    // Whoever puts it right sees the pod start.
    audience("sts.amazonaws.com").await;
    world.pod_runs("reader").await;
    assert_eq!(jasm.terminate().await, 0);
    let codes: Vec<_> = world
        .requests()
        .into_iter()
        .filter(|request| request.resource == "serviceaccounts/token" && request.name == "default")
        .map(|request| request.code)
        .collect();
    assert_eq!(
        codes.iter().filter(|code| **code == 201).count(),
        1,
        "{codes:?}"
    );
}

/// What JASM tries so as to see that the policy keeps it from the objects of others.
fn is_trial(request: &Request) -> bool {
    request.name == "jasm-trial-of-the-admission-policy"
}

#[tokio::test]
async fn write_only() {
    let parts = Parts {
        resources: &["rbac/write-only"],
        ..Parts::default()
    };
    let tier = Tier::install("writeonly", parts).await;
    let world = &tier.world;
    world.put("db", r#"{"user":"app"}"#);
    let args = ["--rights", "write-only"];
    let jasm = world.jasm_with(&args).await;
    jasm.ready().await;
    let text = format!("local:{}/db", world.namespace);
    let pods = template(&[("secret.db", &text), ("config.db", &text)]).env_from("db");
    let deployment = pods.deployment("shop", 2);
    world.create(deployment.clone()).await;
    world.running("shop", 2).await;
    world.put("db", r#"{"user":"app","more":"x"}"#);
    let narrowed = format!("local:{}/db#more", world.namespace);
    let pods = template(&[("secret.db", &narrowed), ("config.db", &narrowed)]).env_from("db");
    world.roll(&pods.deployment("shop", 2)).await;
    world.rolled_out(&deployment, 2).await;
    world.expect("db", &[("more", "x")]).await;
    assert_eq!(jasm.terminate().await, 0);
    let requests = requests(world);
    let refused = refused(&requests);
    assert!(
        refused.iter().all(|request| is_trial(request)),
        "{refused:?}"
    );
    let objects = |rights: BTreeSet<(String, String)>| -> BTreeSet<_> {
        let ours = |right: &(String, String)| ["secrets", "configmaps"].contains(&right.0.as_str());
        rights.into_iter().filter(ours).collect()
    };
    assert_eq!(objects(used(&requests)), objects(tier.given.clone()));
    // Neither a Secret nor a ConfigMap can be read with this account.
    let forged = tier.forged().await;
    let secrets = Api::<Secret>::namespaced(forged.clone(), &tier.world.namespace);
    let config_maps = Api::<ConfigMap>::namespaced(forged, &tier.world.namespace);
    let errors = [
        secrets.get_opt("db").await.map(|_| ()).unwrap_err(),
        secrets
            .list(&ListParams::default())
            .await
            .map(|_| ())
            .unwrap_err(),
        config_maps.get_opt("db").await.map(|_| ()).unwrap_err(),
        config_maps
            .list(&ListParams::default())
            .await
            .map(|_| ())
            .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, kube::Error::Api(status) if status.code == 403));
    }
}

#[tokio::test]
async fn write_only_says_which_right_a_change_of_owners_needs() {
    let parts = Parts {
        resources: &["rbac/write-only"],
        ..Parts::default()
    };
    let tier = Tier::install("writeonlyowners", parts).await;
    let world = &tier.world;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm_with(&["--rights", "write-only"]).await;
    jasm.ready().await;
    let text = format!("local:{}/db", world.namespace);
    let pods = template(&[("secret.db", &text)]).env_from("db");
    world.create(pods.deployment("shop", 1)).await;
    world.running("shop", 1).await;
    world.create(pods.deployment("other", 1)).await;
    // Before the API server has taken up the policy, JASM says that it is not in force.
    eventually("an event that names the right", || async {
        let events = world.events().await;
        let names = |note: &str| note.contains("config/rbac/shared-targets");
        events
            .iter()
            .any(|(reason, pod, note)| {
                reason == "WriteFailed" && pod.starts_with("other") && names(note)
            })
            .then_some(())
    })
    .await;
    world.expect("db", &[("user", "app")]).await;
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn write_only_with_shared_targets() {
    let parts = Parts {
        resources: &["rbac/write-only"],
        components: &["rbac/shared-targets"],
        ..Parts::default()
    };
    let tier = Tier::install("writeonlyshared", parts).await;
    let requests = life(&tier, &["--rights", "write-only"]).await;
    assert!(refused(&requests).iter().all(|request| is_trial(request)));
    let mut given = tier.given.clone();
    given.retain(|(_, verb)| verb != "delete");
    assert_eq!(used(&requests), given);
}

/// Takes our policy away and puts one in its place that demands the same label of everybody.
async fn other_policy_instead(world: &World) {
    let (_, suffix) = world.namespace.rsplit_once('-').unwrap();
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(world.admin.clone());
    let ours = format!("jasm-promises-{suffix}");
    bindings
        .delete(&ours, &DeleteParams::default())
        .await
        .unwrap();
    let name = format!("labels-{suffix}");
    let policy = json!({"metadata": {"name": name}, "spec": {
        "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
            "operations": ["CREATE"], "resources": ["secrets", "configmaps"]}]},
        "validations": [{
            "expression": "'app.kubernetes.io/managed-by' in dyn(object).metadata.?labels.orValue({})",
            "message": "the label app.kubernetes.io/managed-by is required"}]}});
    Api::<ValidatingAdmissionPolicy>::all(world.admin.clone())
        .create(
            &PostParams::default(),
            &serde_json::from_value(policy).unwrap(),
        )
        .await
        .unwrap();
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": world.namespace}});
    let binding = json!({"metadata": {"name": name}, "spec": {"policyName": name,
        "validationActions": ["Deny"], "matchResources": {"namespaceSelector": here}}});
    bindings
        .create(
            &PostParams::default(),
            &serde_json::from_value(binding).unwrap(),
        )
        .await
        .unwrap();
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let foreign: Secret =
        serde_json::from_value(json!({"metadata": {"name": "not-labelled"}})).unwrap();
    eventually("the other policy is in force", || async {
        let refused = world.secrets().create(&dry_run, &foreign).await.err();
        refused.filter(|error| error.to_string().contains("is required"))
    })
    .await;
}

#[tokio::test]
async fn write_only_trusts_no_other_policy_and_not_what_it_saw_before() {
    let parts = Parts {
        resources: &["rbac/write-only"],
        components: &["rbac/shared-targets"],
        ..Parts::default()
    };
    let tier = Tier::install("deceived", parts).await;
    let world = &tier.world;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm_with(&["--rights", "write-only"]).await;
    jasm.ready().await;
    let text = format!("local:{}/db", world.namespace);
    // What is there is replaced, since the policy is seen to be in force.
    let ours =
        json!({"metadata": {"name": "own", "labels": {"app.kubernetes.io/managed-by": "jasm"}}});
    let ours: Secret = serde_json::from_value(ours).unwrap();
    world
        .secrets()
        .create(&PostParams::default(), &ours)
        .await
        .unwrap();
    let pods = template(&[("secret.own", &text)]).unschedulable();
    world.create(pods.pod("first")).await;
    world.expect("own", &[("user", "app")]).await;
    other_policy_instead(world).await;
    let foreign = json!({"metadata": {"name": "db", "labels": {"app.kubernetes.io/managed-by": "somebody"}},
        "stringData": {"user": "somebody"}});
    let foreign: Secret = serde_json::from_value(foreign).unwrap();
    world
        .secrets()
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    let pods = template(&[("secret.db", &text)]).unschedulable();
    world.create(pods.pod("shop")).await;
    let note = world.event("WriteFailed", "shop").await;
    assert!(note.contains("is not in force"), "{note}");
    world.expect("db", &[("user", "somebody")]).await;
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn write_only_leaves_alone_what_it_may_not_even_look_at() {
    let parts = Parts {
        resources: &["rbac/write-only"],
        // Else this API server refuses the owner before the policy refuses the rest.
        components: &["rbac/shared-targets"],
        ..Parts::default()
    };
    let tier = Tier::install("blind", parts).await;
    let world = &tier.world;
    world.put("db", r#"{"user":"app"}"#);
    let foreign = json!({"metadata": {"name": "db"}, "stringData": {"user": "somebody"}});
    let foreign: Secret = serde_json::from_value(foreign).unwrap();
    world
        .secrets()
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    let jasm = world.jasm_with(&["--rights", "write-only"]).await;
    jasm.ready().await;
    let text = format!("local:{}/db", world.namespace);
    world
        .create(
            template(&[("secret.db", &text)])
                .unschedulable()
                .pod("shop"),
        )
        .await;
    world.event("NotOwned", "shop").await;
    world.expect("db", &[("user", "somebody")]).await;
    assert_eq!(jasm.terminate().await, 0);
}
