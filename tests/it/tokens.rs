//! The component `workload-identity`: what the API server lets JASM's account have of other accounts' tokens.
//! A client with JASM's account asks for what JASM never asks for.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenReview};
use k8s_openapi::api::core::v1::{Pod, Secret, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::manifests::{Overlays, kind, name};
use crate::support::pods::template;
use crate::support::tier::{Parts, Tier};
use crate::support::world::World;

const AUDIENCE: &str = "sts.amazonaws.com";
/// The test cluster's own.
const OWN: &str = "https://kubernetes.default.svc";

fn typed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// The component in force, and a pod to bind tokens to.
struct Held {
    tier: Tier,
    forged: Client,
    pod: Pod,
}

async fn held(test: &str) -> Held {
    let parts = Parts {
        resources: &["rbac/default"],
        components: &["components/workload-identity"],
        ..Parts::default()
    };
    let tier = Tier::install(test, parts).await;
    let forged = tier.forged().await;
    tier.world.create(template(&[]).pod("shop")).await;
    // By then a kubelet has had a token of the pod, which the policy lets it have.
    tier.world.pod_runs("shop").await;
    let pod = tier.world.pods().get("shop").await.unwrap();
    let held = Held { tier, forged, pod };
    // A policy is in force a moment after it was created, and so is a right.
    eventually("the policy is in force", || async {
        let refused = held.ask(with(&held.honest(), "/spec/audiences", json!(["probe"])));
        refused
            .await
            .err()
            .filter(|why| why.contains("jasm-tokens"))
    })
    .await;
    held
}

impl Held {
    /// What JASM itself asks for.
    fn honest(&self) -> Value {
        let metadata = &self.pod.metadata;
        json!({"spec": {"audiences": [AUDIENCE], "expirationSeconds": 600,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": metadata.name, "uid": metadata.uid}}})
    }

    /// A token of the account `default` of the test's namespace, or why there is none.
    async fn ask(&self, request: Value) -> Result<String, String> {
        self.ask_for(&self.tier.world.namespace, "default", request)
            .await
    }

    async fn ask_for(
        &self,
        namespace: &str,
        account: &str,
        request: Value,
    ) -> Result<String, String> {
        token(&self.forged, namespace, account, request).await
    }
}

#[track_caller]
fn refused(result: Result<String, String>, words: &str) {
    // Not by what it is: a token is for nobody's eyes.
    let why = result
        .err()
        .unwrap_or_else(|| panic!("a token was given, but \"{words}\" was expected"));
    assert!(
        why.contains("ValidatingAdmissionPolicy 'jasm-tokens-") && why.contains(words),
        "{why}"
    );
}

async fn token(
    client: &Client,
    namespace: &str,
    account: &str,
    request: Value,
) -> Result<String, String> {
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let request = typed::<TokenRequest>(request);
    let post = PostParams::default();
    match accounts
        .create_token_request(account, &post, &request)
        .await
    {
        Ok(answer) => Ok(answer.status.unwrap().token.unwrap()),
        Err(kube::Error::Api(status)) if status.code == 403 => Err(status.message.clone()),
        Err(error) => panic!("neither given nor refused: {error}"),
    }
}

fn with(request: &Value, place: &str, value: Value) -> Value {
    let mut request = request.clone();
    *request.pointer_mut(place).unwrap() = value;
    request
}

fn without(request: &Value, field: &str) -> Value {
    let mut request = request.clone();
    request["spec"]
        .as_object_mut()
        .unwrap()
        .remove(field)
        .unwrap();
    request
}

#[tokio::test]
async fn a_forged_client_gets_no_token_but_for_a_cloud_a_pod_and_ten_minutes() {
    let held = held("tokens").await;
    let (world, home) = (&held.tier.world, held.tier.home.as_str());
    let honest = held.honest();
    // The same account's honest request: a token for the cloud and nobody else.
    let token = held.ask(honest.clone()).await.unwrap();
    let review: TokenReview =
        typed(json!({"metadata": {}, "spec": {"token": token, "audiences": [OWN]}}));
    let review = Api::<TokenReview>::all(world.admin.clone())
        .create(&PostParams::default(), &review)
        .await
        .unwrap();
    assert_ne!(review.status.unwrap().authenticated, Some(true));

    // For the API server: by name, by saying nothing, and beside a cloud.
    let own = format!("no token for the audience {OWN}, which is an API server's own");
    let audiences = |audiences: Value| with(&honest, "/spec/audiences", audiences);
    refused(held.ask(audiences(json!([OWN]))).await, &own);
    refused(held.ask(audiences(json!([]))).await, &own);
    refused(held.ask(audiences(json!([AUDIENCE, OWN]))).await, &own);
    // For somebody who is not listed, alone and beside one who is.
    refused(
        held.ask(audiences(json!(["https://elsewhere.example"])))
            .await,
        "no token for the audience https://elsewhere.example: the policy jasm-tokens allows sts.amazonaws.com,",
    );
    let several = "tokens for one audience each, not for 2";
    refused(
        held.ask(audiences(json!([AUDIENCE, "foreign"]))).await,
        several,
    );
    refused(
        held.ask(audiences(json!([AUDIENCE, "vault"]))).await,
        several,
    );
    refused(
        held.ask(audiences(json!([" sts.amazonaws.com"]))).await,
        "no token for the audience",
    );

    // Bound to nothing, to a pod by name only, or to what outlives the pod.
    let bound = "only for tokens that are bound to a pod";
    let secret: Secret = typed(json!({"metadata": {"name": "stays"}}));
    let secret = world
        .secrets()
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    let by_name = with(&honest, "/spec/boundObjectRef/uid", Value::Null);
    let to_secret =
        json!({"apiVersion": "v1", "kind": "Secret", "name": "stays", "uid": secret.metadata.uid});
    let to_node = json!({"apiVersion": "v1", "kind": "Node", "name": held.pod.spec.as_ref().unwrap().node_name});
    let to = |object: Value| with(&honest, "/spec/boundObjectRef", object);
    for request in [
        without(&honest, "boundObjectRef"),
        by_name,
        to(to_secret),
        to(to_node),
    ] {
        refused(held.ask(request).await, bound);
    }

    // To a pod, and of an account that is not that pod's.
    let other: ServiceAccount = typed(json!({"metadata": {"name": "other"}}));
    let accounts = Api::<ServiceAccount>::namespaced(world.admin.clone(), &world.namespace);
    accounts
        .create(&PostParams::default(), &other)
        .await
        .unwrap();
    let accounts = Api::<ServiceAccount>::namespaced(held.forged.clone(), &world.namespace);
    let asked = typed::<TokenRequest>(honest.clone());
    let error = accounts
        .create_token_request("other", &PostParams::default(), &asked)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("different serviceaccount"), "{error}");

    // For longer.
    let ten_minutes = "only for tokens of ten minutes";
    for seconds in [601, 3600, 3607, 86_400] {
        let longer = with(&honest, "/spec/expirationSeconds", json!(seconds));
        refused(held.ask(longer).await, ten_minutes);
    }
    refused(
        held.ask(without(&honest, "expirationSeconds")).await,
        ten_minutes,
    );

    // Of the system's accounts, and its own.
    for place in ["kube-system", "kube-public", "kube-node-lease", home] {
        let words = format!("no token in the namespace {place}, which is the system's or its own");
        refused(held.ask_for(place, "default", honest.clone()).await, &words);
    }
    let (_, account) = &world.account;
    let words = format!("no token in the namespace {home}");
    refused(held.ask_for(home, account, honest.clone()).await, &words);
}

#[tokio::test]
async fn an_api_servers_audience_is_refused_also_when_somebody_lists_it() {
    let held = held("listed").await;
    let audiences = [
        OWN,
        "https://kubernetes.default.svc.cluster.local",
        "kubernetes.svc.default",
        "kubernetes",
        "api",
        "k3s",
        "rke2",
        "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c",
        "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE",
        "https://oidc-eks.eu-west-1.api.aws/id/EXAMPLE",
        "https://westeurope.oic.prod-aks.azure.com/tenant/id/",
        "https://shop-dns-1234.hcp.westeurope.azmk8s.io:443",
        "https://10.0.0.1:6443",
    ];
    // These look a little alike, and are not.
    let others = [
        "https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/c",
        "https://kubernetes-vault.example",
        "https://vault.example:8200",
    ];
    let listed: Vec<_> = audiences.iter().chain(&others).collect();
    let (_, suffix) = held.tier.world.namespace.rsplit_once('-').unwrap();
    let policies = Api::<ValidatingAdmissionPolicy>::all(held.tier.world.admin.clone());
    let name = format!("jasm-tokens-{suffix}");
    let mut policy = policies.get(&name).await.unwrap();
    let list = &mut policy.spec.as_mut().unwrap().variables.as_mut().unwrap()[0];
    assert_eq!(list.name, "allowed");
    list.expression = json!(listed).to_string();
    policies
        .replace(&name, &PostParams::default(), &policy)
        .await
        .unwrap();
    let ask = |audience: &str| held.ask(with(&held.honest(), "/spec/audiences", json!([audience])));
    eventually("the list is in force", || async {
        ask(others[0]).await.ok()
    })
    .await;
    for audience in others {
        ask(audience).await.unwrap();
    }
    for audience in audiences {
        let words = format!("the audience {audience}, which is an API server's own");
        refused(ask(audience).await, &words);
    }
}

#[tokio::test]
async fn others_get_their_tokens_whatever_the_policy_says_of_jasms() {
    let held = held("others").await;
    let (world, admin) = (&held.tier.world, &held.tier.world.admin);
    for request in [
        json!({"spec": {"audiences": []}}),
        json!({"spec": {"audiences": ["foreign"]}}),
    ] {
        token(admin, &world.namespace, "default", request.clone())
            .await
            .unwrap();
        token(admin, &held.tier.home, "default", request)
            .await
            .unwrap();
    }
    // An account whose name only begins or ends like JASM's.
    for account in ["jasmine", "notjasm"] {
        let user = format!("system:serviceaccount:{}:{account}", world.namespace);
        let role = json!({"metadata": {"name": account}, "rules": [
            {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}]});
        let binding = json!({"metadata": {"name": account},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}]});
        let role = with_kind(role, "Role");
        world.create(role).await;
        world.create(with_kind(binding, "RoleBinding")).await;
        let mut config = kube::Config::from_custom_kubeconfig(
            kube::config::Kubeconfig::read_from(&crate::support::cluster::cluster().kubeconfig)
                .unwrap(),
            &kube::config::KubeConfigOptions::default(),
        )
        .await
        .unwrap();
        config.auth_info.impersonate = Some(user);
        let client = Client::try_from(config).unwrap();
        let request = json!({"spec": {"audiences": ["foreign"]}});
        eventually("the right is in force", || async {
            token(&client, &world.namespace, "default", request.clone())
                .await
                .ok()
        })
        .await;
    }
    // And while the policy refuses JASM's account, pods go on to start, each with a token of a kubelet's.
    world.create(template(&[]).pod("later")).await;
    world.pod_runs("later").await;
}

fn with_kind(mut object: Value, kind: &str) -> Value {
    object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    object["kind"] = json!(kind);
    object
}

#[tokio::test]
async fn the_policy_has_no_parameters_and_no_expression_that_the_api_server_doubts() {
    let held = held("typed").await;
    let admin = &held.tier.world.admin;
    let (_, suffix) = held.tier.world.namespace.rsplit_once('-').unwrap();
    let name = format!("jasm-tokens-{suffix}");
    let policies = Api::<ValidatingAdmissionPolicy>::all(admin.clone());
    let policy = eventually("the policy's types are checked", || async {
        let policy = policies.get(&name).await.unwrap();
        let checked =
            |policy: &ValidatingAdmissionPolicy| policy.status.as_ref()?.observed_generation;
        checked(&policy).is_some().then_some(policy)
    })
    .await;
    let warnings = policy
        .status
        .and_then(|status| status.type_checking)
        .and_then(|checked| checked.expression_warnings);
    assert_eq!(warnings.unwrap_or_default(), []);
    // While parameters are missing, the API server refuses tokens to everybody, so that no pod starts.
    assert_eq!(policy.spec.unwrap().param_kind, None);
    let binding = Api::<ValidatingAdmissionPolicyBinding>::all(admin.clone())
        .get(&name)
        .await
        .unwrap();
    let spec = binding.spec;
    assert_eq!((spec.param_ref, spec.policy_name), (None, name));
}

#[test]
fn the_rights_are_there_only_where_a_namespace_opts_in() {
    let overlays = Overlays::new();
    let text =
        "resources: [CONFIG/rbac/namespaced]\ncomponents: [CONFIG/components/workload-identity]\n";
    overlays.write("all", text);
    let holders: Vec<_> = overlays
        .build("all")
        .into_iter()
        .filter(|object| kind(object) == "ClusterRole")
        .filter(|object| object["rules"].to_string().contains("serviceaccounts"))
        .map(|object| name(&object).to_owned())
        .collect();
    assert_eq!(holders, ["jasm-namespace"]);
}

#[tokio::test]
async fn a_store_for_the_api_servers_audience_is_refused_with_the_config() {
    let world = World::new("ownaudience").await;
    let vault = |audience: &str| {
        format!(
            "- name: vault\n  kind: vault\n  address: https://127.0.0.1:9\n  identity: workload\n  role: jasm\n  \
             audience: {audience}\n"
        )
    };
    world.config(&vault(OWN)).await;
    let start = world.start(&[]).await;
    let log = start.log.clone();
    let code = crate::support::controller::spawn(&start)
        .wait()
        .await
        .unwrap()
        .code();
    let said = std::fs::read_to_string(log).unwrap();
    assert_eq!(code, Some(1), "{said}");
    let words = format!("the audience {OWN} is the API server's own");
    assert!(
        said.contains(&words) && said.contains("jasm.yaml:"),
        "{said}"
    );
    // Another one is taken.
    world.config(&vault("vault")).await;
    let jasm = world.jasm().await;
    assert_eq!(jasm.terminate().await, 0);
}
