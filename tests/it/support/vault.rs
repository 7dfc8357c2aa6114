//! OpenBao as a test uses it: an engine and two auth methods of its own that know the test's cluster, and
//! in front of them a proxy that notes with which token each request came.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{PostParams, Resource};
use serde_json::{Value, json};

use super::clouds::issuer;
use super::cluster::{authority, cluster, without_credentials};
use super::eventually;
use super::openbao;
use super::world::World;

/// One request, and the token that came with it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) status: u16,
    token: Option<String>,
}

type Record = Arc<Mutex<Vec<Seen>>>;

pub(crate) struct Vault {
    address: String,
    /// Where the engine and the methods are mounted.
    own: String,
    record: Record,
}

impl Vault {
    pub(crate) async fn beside(world: &World) -> Self {
        let own = world.namespace.clone();
        let engine = json!({"type": "kv", "options": {"version": "2"}});
        openbao::call("POST", &format!("sys/mounts/{own}"), Some(&engine)).await;
        for kind in ["kubernetes", "jwt"] {
            let path = format!("sys/auth/{own}/{kind}");
            openbao::call("POST", &path, Some(&json!({"type": kind}))).await;
        }
        // It asks the cluster's own TokenReview about each token.
        let reviewer = reviewer(world).await;
        let kubernetes = json!({"kubernetes_host": cluster().server, "kubernetes_ca_cert": authority(),
            "disable_local_ca_jwt": true, "token_reviewer_jwt": reviewer});
        let path = format!("auth/{own}/kubernetes/config");
        openbao::call("POST", &path, Some(&kubernetes)).await;
        // It checks signatures with the keys that the cluster publishes.
        publish_keys(world).await;
        let jwt = json!({"jwks_url": format!("{}/openid/v1/jwks", cluster().server),
            "jwks_ca_pem": authority(), "bound_issuer": issuer(world).await});
        openbao::call("POST", &format!("auth/{own}/jwt/config"), Some(&jwt)).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let record = Record::default();
        let router = Router::new().fallback(pass).with_state(record.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            own,
            record,
        }
    }

    /// A store that is read as the pod, for the world's config; `auth` is a method.
    pub(crate) fn store(&self, name: &str, auth: &str) -> String {
        let (own, address) = (&self.own, &self.address);
        format!(
            "- name: {name}\n  kind: vault\n  identity: workload\n  address: {address}\n  mount: {own}\n  \
             auth: {auth}\n  authMount: {own}/{auth}\n  role: \"{{namespace}}.{{serviceaccount}}\"\n"
        )
    }

    pub(crate) async fn put(&self, path: &str, data: &Value) {
        let path = format!("{}/data/{path}", self.own);
        openbao::call("POST", &path, Some(&json!({"data": data}))).await;
    }

    /// Lets a ServiceAccount read what is at the path, which may end in `*`.
    pub(crate) async fn lets(&self, auth: &str, namespace: &str, account: &str, path: &str) {
        self.role(auth, namespace, account, path, "vault").await;
    }

    /// The same with a role that takes tokens for an audience only.
    pub(crate) async fn role(
        &self,
        auth: &str,
        namespace: &str,
        account: &str,
        path: &str,
        audience: &str,
    ) {
        let (own, name) = (&self.own, format!("{namespace}.{account}"));
        let rule = format!("path \"{own}/data/{path}\" {{ capabilities = [\"read\"] }}");
        let policy = format!("sys/policies/acl/{name}");
        openbao::call("POST", &policy, Some(&json!({"policy": rule}))).await;
        let role = match auth {
            "kubernetes" => json!({"bound_service_account_names": [account],
                "bound_service_account_namespaces": [namespace], "audience": audience,
                "alias_name_source": "serviceaccount_name", "token_policies": [name]}),
            _ => json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": [audience],
                "bound_subject": format!("system:serviceaccount:{namespace}:{account}"),
                "token_policies": [name]}),
        };
        openbao::call(
            "POST",
            &format!("auth/{own}/{auth}/role/{name}"),
            Some(&role),
        )
        .await;
    }

    /// The requests so far whose path contains `part`.
    pub(crate) fn seen(&self, part: &str) -> Vec<Seen> {
        let record = self.record.lock().unwrap();
        let seen = record.iter().filter(|seen| seen.path.contains(part));
        seen.cloned().collect()
    }

    /// Every token that came with a request.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let record = self.record.lock().unwrap();
        record
            .iter()
            .filter_map(|seen| seen.token.clone())
            .collect()
    }

    /// Whose the token of a request is, as OpenBao has it: the name of its entity's alias.
    pub(crate) async fn whose(&self, seen: &Seen) -> String {
        let asked = json!({"token": seen.token.as_ref().expect("a token")});
        let token = openbao::call("POST", "auth/token/lookup", Some(&asked)).await;
        let entity = token["data"]["entity_id"].as_str().unwrap();
        let entity = openbao::call("GET", &format!("identity/entity/id/{entity}"), None).await;
        let aliases = entity["data"]["aliases"].as_array().unwrap();
        assert_eq!(aliases.len(), 1);
        aliases[0]["name"].as_str().unwrap().to_owned()
    }
}

async fn pass(State(record): State<Record>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches("/v1/").to_owned();
    let query = request.uri().query().map(|query| format!("?{query}"));
    let token = request.headers().get("x-vault-token");
    let token = token.map(|token| token.to_str().unwrap().to_owned());
    let method = request.method().to_string();
    let body: Bytes = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap();
    let target = format!("{path}{}", query.unwrap_or_default());
    let (status, answer) = openbao::send(&method, &target, token.as_deref(), &body).await;
    record.lock().unwrap().push(Seen {
        path,
        status,
        token,
    });
    let kind = [("content-type", "application/json")];
    (StatusCode::from_u16(status).unwrap(), kind, answer).into_response()
}

/// A token that may ask the cluster about others' tokens.
async fn reviewer(world: &World) -> String {
    let account = json!({"metadata": {"name": "reviewer"}});
    let accounts = Api::<ServiceAccount>::namespaced(world.admin.clone(), &world.namespace);
    create(&accounts, account).await;
    let bindings = Api::<ClusterRoleBinding>::all(world.admin.clone());
    let binding = json!({"metadata": {"name": format!("reviewer-{}", world.namespace)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "name": "reviewer", "namespace": world.namespace}]});
    create(&bindings, binding).await;
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            expiration_seconds: Some(7200),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let answer = accounts
        .create_token_request("reviewer", &PostParams::default(), &request)
        .await
        .unwrap();
    let token = answer.status.unwrap().token.unwrap();
    let client = without_credentials().await;
    eventually("the reviewer may review", || async {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": {"token": token}});
        let request = http::Request::post("/apis/authentication.k8s.io/v1/tokenreviews")
            .header("authorization", format!("Bearer {token}"))
            .body(review.to_string().into_bytes())
            .unwrap();
        client.request::<Value>(request).await.ok().map(drop)
    })
    .await;
    token
}

/// Lets everybody read the keys, as is usual for token services outside of a cluster.
async fn publish_keys(world: &World) {
    let bindings = Api::<ClusterRoleBinding>::all(world.admin.clone());
    let name = format!("keys-{}", world.namespace);
    let binding = json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "system:service-account-issuer-discovery"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}]});
    create(&bindings, binding).await;
    let client = without_credentials().await;
    eventually("the keys are to be had", || async {
        let request = http::Request::get("/openid/v1/jwks")
            .body(Vec::new())
            .unwrap();
        client.request::<Value>(request).await.ok().map(drop)
    })
    .await;
}

async fn create<T>(api: &Api<T>, object: Value)
where
    T: Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}
