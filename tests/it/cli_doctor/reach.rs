//! Addresses that do not answer, step by step.

use std::fs;

use axum::Router;
use jasm_fakes::azure::{Azure, KeyVault};
use jasm_fakes::{Authority, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{doctor, finding, is, stores};
use crate::support::call::folder;

/// A store of which only the address matters: without a ServiceAccount nobody signs in to it.
fn store(name: &str, address: &str, more: &str) -> String {
    format!(
        "- {{name: {name}, kind: vault, address: '{address}', role: r, identity: workload{more}}}\n"
    )
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn each_step_that_fails_is_named_with_what_mends_it() {
    let (closed, refused) = listener().await;
    drop(closed);
    let (hanging, hangs) = listener().await;
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = hanging.accept().await {
            held.push(stream);
        }
    });
    let (babbling, babbles) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = babbling.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
            });
        }
    });
    let (plain, talks) = listener().await;
    tokio::spawn(async move { axum::serve(plain, Router::new()).await });
    let authority = Authority::new().unwrap();
    let azure = Azure::new(std::sync::Arc::default());
    let tls = authority.acceptor(&[]).unwrap();
    let secure = Server::start(KeyVault::new(&azure), 0, Some(tls))
        .await
        .unwrap();
    let config = [
        "storeTimeout: 6s\nstores:\n".to_owned(),
        store("refused", &format!("http://{refused}"), ""),
        store("nameless", "https://vault.invalid", ""),
        store("hanging", &format!("http://{hangs}"), ""),
        store("babbling", &format!("http://{babbles}"), ""),
        store("clear", &format!("https://{talks}"), ""),
        store("talking", &format!("http://{talks}"), ""),
        store("untrusted", &secure.endpoint(), ""),
        store("trusted", &secure.endpoint(), ", caFile: ca.pem"),
        store("unreadable", &secure.endpoint(), ", caFile: none.pem"),
        store("senseless", &secure.endpoint(), ", caFile: jasm.yaml"),
    ]
    .concat();
    let dir = folder(&[("jasm.yaml", &config), ("ca.pem", &authority.ca_pem())]);
    let report = stores(dir.path(), &[], &[], 1).await;
    for (store, words, mend) in [
        (
            "refused",
            "nothing listens at 127.0.0.1:",
            "start what should listen there",
        ),
        (
            "nameless",
            "the name vault.invalid does not resolve",
            "see that names resolve here",
        ),
        ("hanging", "did not answer in time", "NetworkPolicy"),
        (
            "babbling",
            "does not answer as a web server does",
            "see what listens there",
        ),
        ("clear", "does not speak TLS", "see what listens there"),
        (
            "untrusted",
            "is signed by nobody who is trusted here",
            "the store's caFile",
        ),
    ] {
        let found = finding(&report, store, "address");
        is(&found, "fail", words);
        assert!(found["fix"].as_str().unwrap().contains(mend), "{found:#}");
    }
    for store in ["talking", "trusted"] {
        is(&finding(&report, store, "address"), "ok", "answers within");
        is(
            &finding(&report, store, "identity"),
            "warn",
            "no ServiceAccount is named",
        );
    }
    is(
        &finding(&report, "unreadable", "config"),
        "fail",
        "none.pem cannot be read",
    );
    is(
        &finding(&report, "senseless", "config"),
        "fail",
        "the CA file",
    );
    held.abort();
}

#[tokio::test]
async fn a_config_without_a_cluster_is_looked_at_as_far_as_it_goes() {
    let dir = folder(&[(
        "jasm.yaml",
        "stores:\n- {name: local, kind: file, root: .}\n",
    )]);
    let said = doctor(dir.path(), &[], &[]).await.ends(0).out;
    assert!(
        said.contains("cluster (not looked at): warn") && said.contains("store local (file): warn"),
        "{said}"
    );
    // A read that was asked for and could not be made is no mere warning.
    let workload = "stores:\n- {name: v, kind: file, root: .}\n".to_owned()
        + &store("w", "http://127.0.0.1:9", "");
    let (listening, address) = listener().await;
    tokio::spawn(async move { axum::serve(listening, Router::new()).await });
    fs::write(
        dir.path().join("jasm.yaml"),
        workload.replace("127.0.0.1:9", &address),
    )
    .unwrap();
    let report = stores(dir.path(), &[], &["--read", "w:a"], 1).await;
    is(
        &finding(&report, "w", "identity"),
        "fail",
        "no ServiceAccount is named",
    );
    let said = doctor(dir.path(), &[], &["--as", "shop/web"])
        .await
        .ends(1)
        .out;
    assert!(
        said.contains(
            "fail identity: there is no cluster to ask for a token of the ServiceAccount shop/web"
        ),
        "{said}"
    );
    let named = doctor(dir.path(), &[], &["--kubeconfig", "none"])
        .await
        .ends(1)
        .out;
    assert!(
        named.contains("the kubeconfig none cannot be read"),
        "{named}"
    );
    let unreachable = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "hunter2-marker"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}"#;
    fs::write(dir.path().join("kubeconfig"), unreachable).unwrap();
    let said = doctor(dir.path(), &[], &["--kubeconfig", "kubeconfig"])
        .await
        .ends(1)
        .out;
    assert!(
        said.contains("fail api server: the API server does not answer"),
        "{said}"
    );
}
