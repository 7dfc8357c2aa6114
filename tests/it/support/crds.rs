//! CRDs of the one cluster: they are for everybody in it, so most tests only see to it that they are there.

use http::Request;
use jasm::push::crd::SourceKind;
use kube::Client;
use serde_json::Value;

use super::{eventually, manifests, part};

const OBJECTS: &str = "secretmanagerconfigs.secret-manager.microscaler.io";
const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Makes the CRD of a source's kind, Flux's or Argo CD's own, and waits until it is served.
pub(crate) async fn of_source(client: &Client, kind: SourceKind) {
    let folder = part("JASM_TEST_CRDS", "tests/tools/crds.sh", "");
    let name = kind.definition().unwrap();
    let file = match kind {
        SourceKind::Application => "application-crd.yaml".to_owned(),
        _ => format!(
            "source.toolkit.fluxcd.io_{}.yaml",
            name.split_once('.').unwrap().0
        ),
    };
    let text = std::fs::read(format!("{folder}/{file}")).unwrap();
    make(client, name, "application/yaml", text).await;
}

/// Makes our own, from the file that is installed.
pub(crate) async fn of_objects(client: &Client) {
    let crd = manifests::read("config/crd/secretmanagerconfigs.yaml");
    make(client, OBJECTS, "application/yaml", crd.into_bytes()).await;
}

/// Deletes our own with all objects. Only in a cluster of the test's own.
pub(crate) async fn delete_objects(client: &Client) {
    delete_named(client, OBJECTS).await;
}

/// Deletes the CRD of a source's kind with all its objects. For a kind that one test has to itself.
pub(crate) async fn delete(client: &Client, kind: SourceKind) {
    delete_named(client, kind.definition().unwrap()).await;
}

async fn delete_named(client: &Client, name: &str) {
    let request = Request::delete(format!("{PATH}/{name}"))
        .body(Vec::new())
        .unwrap();
    client.request_text(request).await.unwrap();
    eventually("the CRD is gone", || async {
        get(client, name).await.is_none().then_some(())
    })
    .await;
}

async fn make(client: &Client, name: &str, media: &str, body: Vec<u8>) {
    let request = Request::post(format!("{PATH}?fieldManager=tests"))
        .header("content-type", media)
        .body(body)
        .unwrap();
    match client.request_text(request).await {
        Ok(_) => {}
        // Another test was faster.
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => panic!("{name}: {error}"),
    }
    eventually("the CRD is served", || async {
        let crd = get(client, name).await?;
        let conditions = crd["status"]["conditions"].as_array()?;
        let established = conditions.iter().find(|one| one["type"] == "Established")?;
        (established["status"] == "True").then_some(())
    })
    .await;
}

async fn get(client: &Client, name: &str) -> Option<Value> {
    let request = Request::get(format!("{PATH}/{name}"))
        .body(Vec::new())
        .unwrap();
    match client.request::<Value>(request).await {
        Ok(crd) => Some(crd),
        Err(kube::Error::Api(status)) if status.code == 404 => None,
        Err(error) => panic!("{name}: {error}"),
    }
}
