//! Vault, as OpenBao plays it: with JASM's own token, that of its ServiceAccount.

use axum::Router;
use axum::routing::get;
use jasm_fakes::Signer;
use serde_json::json;

use super::{MARKER, finding, is, stores};
use crate::support::call::{folder, jasm};
use crate::support::openbao::{address, call};

const ISSUER: &str = "https://cluster.test";
const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: app
  namespace: a
  annotations:
    jasm.codnod.io/secret.db: good:app/db
    jasm.codnod.io/secret.more: good:app/more/**
";

#[tokio::test]
async fn a_vault_says_who_it_takes_jasm_for_and_what_is_mounted() {
    let own = format!("doctor-{:06x}", fastrand::u32(..0x0100_0000));
    let signer = Signer::new(ISSUER).unwrap();
    // The keys, as the cluster publishes them.
    let keys = signer.jwks().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let jwks = format!("http://{}/jwks", listener.local_addr().unwrap());
    let published = Router::new().route("/jwks", get(move || async { keys }));
    tokio::spawn(async move { axum::serve(listener, published).await });

    let engine = json!({"type": "kv", "options": {"version": "2"}});
    call("POST", &format!("sys/mounts/{own}"), Some(&engine)).await;
    let entry = json!({"data": {"user": "app", "password": MARKER}});
    call("POST", &format!("{own}/data/app/db"), Some(&entry)).await;
    call(
        "POST",
        &format!("sys/auth/{own}"),
        Some(&json!({"type": "jwt"})),
    )
    .await;
    let method = json!({"jwks_url": jwks, "bound_issuer": ISSUER});
    call("POST", &format!("auth/{own}/config"), Some(&method)).await;
    let role = |policy: &str| {
        json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"],
            "bound_subject": "system:serviceaccount:jasm-system:jasm", "token_policies": [policy]})
    };
    call(
        "POST",
        &format!("auth/{own}/role/reader"),
        Some(&role(&own)),
    )
    .await;
    call(
        "POST",
        &format!("auth/{own}/role/nobody"),
        Some(&role("default")),
    )
    .await;

    for path in ["app/more/x", "app/other"] {
        let entry = json!({"data": {"value": MARKER}});
        call("POST", &format!("{own}/data/{path}"), Some(&entry)).await;
    }

    let address = address().await;
    let store = |name: &str, more: &str| {
        format!(
            "- {{name: {name}, kind: vault, address: 'http://{address}', auth: jwt, authMount: {own}, tokenFile: token, \
             identity: controller, mount: {own}, {more}}}\n"
        )
    };
    let config = [
        "stores:\n".to_owned(),
        store(
            "good",
            "role: reader, allow: [{namespaces: [a], paths: [app/db, 'app/more/**']}]",
        ),
        store("unnamed", "role: reader"),
        store("version", "role: reader, kv: '1'"),
        store("denied", "role: nobody"),
        store("foreign", "role: none"),
    ]
    .concat();
    let token = signer.token("jasm-system", "jasm", "vault", 600).unwrap();
    let dir = folder(&[("jasm.yaml", &config), ("token", &token), ("pod.yaml", POD)]);
    // The policy is the one that is printed for what the annotations read.
    let args = [
        "policy",
        "iam",
        "-f",
        "pod.yaml",
        "--config",
        "jasm.yaml",
        "--store",
        "good",
    ];
    let printed = jasm(dir.path(), &args, b"").ends(0).out;
    let policy = json!({"policy": printed});
    call("POST", &format!("sys/policies/acl/{own}"), Some(&policy)).await;
    let report = stores(
        dir.path(),
        &[],
        &["--read", "good:app/db", "--read", "good:app/more/none"],
        1,
    )
    .await;
    let who = finding(&report, "good", "identity");
    is(
        &who,
        "ok",
        &format!("as {own}-system:serviceaccount:jasm-system:jasm, entity "),
    );
    assert!(
        who["said"]
            .as_str()
            .unwrap()
            .ends_with(&format!("with the policies default, {own}")),
        "{who:#}"
    );
    is(
        &finding(&report, "good", "read"),
        "ok",
        "app/db: secret, a JSON object with 2 members",
    );
    is(
        &report["stores"][0]["findings"][3],
        "fail",
        "there is no app/more/none",
    );
    let report_of = async |path: &str, code: i32| {
        let read = format!("good:{path}");
        let args = ["--store", "good", "--read", read.as_str()];
        finding(&stores(dir.path(), &[], &args, code).await, "good", "read")
    };
    is(
        &report_of("app/more/x", 0).await,
        "ok",
        "app/more/x: secret",
    );
    is(
        &report_of("app/other", 1).await,
        "fail",
        "reading app/other is not allowed",
    );
    let args = ["render", "-f", "pod.yaml", "--config", "jasm.yaml"];
    let folder = dir.path().to_owned();
    let rendered = tokio::task::spawn_blocking(move || jasm(&folder, &args, b"").ends(0).out);
    assert!(rendered.await.unwrap().contains("name: more"));
    is(
        &finding(&report, "unnamed", "read"),
        "warn",
        "the store lets this identity in",
    );
    is(
        &finding(&report, "version", "read"),
        "fail",
        "the other: write kv: 2",
    );
    is(
        &finding(&report, "denied", "read"),
        "warn",
        &format!("nothing below {own} is allowed"),
    );
    is(
        &finding(&report, "foreign", "identity"),
        "fail",
        "as role none (HTTP 400)",
    );

    // A token of another's, which the role does not bind.
    let other = signer.token("shop", "web", "vault", 600).unwrap();
    std::fs::write(dir.path().join("token"), &other).unwrap();
    let report = stores(dir.path(), &[], &["--store", "good"], 1).await;
    let found = finding(&report, "good", "identity");
    is(
        &found,
        "fail",
        "vault does not let this program's own ServiceAccount log in",
    );
    assert!(!report.to_string().contains(&other), "{report:#}");
    std::fs::remove_file(dir.path().join("token")).unwrap();
    let report = stores(dir.path(), &[], &["--store", "good"], 1).await;
    is(
        &finding(&report, "good", "identity"),
        "fail",
        "the token file token cannot be read",
    );
}
