//! Objects and sources in a real API server, as their CRDs come and go.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Request;
use jasm::metrics::Metrics;
use jasm::push::crd::SourceKind;
use jasm::push::index::{Event, Found, Index, ObjectKey, State};
use jasm::push::source::flux::Artifact;
use jasm::push::source::{SourceKey, Usable, definitions};
use jasm::watch::Received;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::artifacts::{Storage, fetch};
use crate::support::{cluster, crds};

/// A follower of everything, as the program runs it.
struct Follower {
    index: Index,
    events: UnboundedReceiver<Received<Event>>,
    task: JoinHandle<()>,
}

impl Follower {
    fn start(client: Client) -> Self {
        let (out, events) = unbounded_channel();
        let task = tokio::spawn(async move {
            let (_all, used) = tokio::sync::watch::channel(SourceKind::WATCHED.into());
            definitions::follow(client, used, out, Metrics::default()).await;
        });
        Self {
            index: Index::default(),
            events,
            task,
        }
    }

    /// Takes in what comes until it is so; who was woken meanwhile.
    async fn until(&mut self, what: &str, so: impl Fn(&Index) -> bool) -> BTreeSet<ObjectKey> {
        let mut woken = BTreeSet::new();
        while !so(&self.index) {
            let next = tokio::time::timeout(Duration::from_secs(120), self.events.recv()).await;
            let (event, _) = next
                .unwrap_or_else(|_| panic!("did not come: {what}"))
                .unwrap();
            woken.extend(self.index.apply(event));
        }
        woken
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Place {
    client: Client,
    namespace: String,
}

impl Place {
    async fn new(name: &str) -> Self {
        let client = cluster::admin().await;
        let place = Self {
            client,
            namespace: name.to_owned(),
        };
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        place
            .send(Request::post("/api/v1/namespaces"), &namespace)
            .await;
        place
    }

    async fn send(&self, request: http::request::Builder, body: &Value) -> Value {
        let bytes = serde_json::to_vec(body).unwrap();
        let request = request
            .header("content-type", "application/json")
            .body(bytes)
            .unwrap();
        self.client.request(request).await.unwrap()
    }

    fn path(&self, group: &str, plural: &str) -> String {
        format!("/apis/{group}/namespaces/{}/{plural}", self.namespace)
    }

    async fn make(&self, group: &str, plural: &str, kind: &str, name: &str, spec: Value) -> Value {
        let metadata = json!({"name": name, "namespace": self.namespace});
        let object = json!({"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec});
        self.send(Request::post(self.path(group, plural)), &object)
            .await
    }

    /// Writes a status as source-controller does, which is a subresource.
    async fn status(&self, plural: &str, mut object: Value, status: Value) -> Value {
        let name = object["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}/status", self.path(FLUX, plural));
        object["status"] = status;
        self.send(Request::put(path), &object).await
    }

    async fn object(&self, name: &str, kind: &str, source: &str) -> ObjectKey {
        let spec = json!({
            "sourceRef": {"kind": kind, "name": source},
            "provider": {"type": "aws", "aws": {"region": "eu-west-1"}},
            "secrets": {"environment": "prod"},
        });
        self.make(
            OURS,
            "secretmanagerconfigs",
            "SecretManagerConfig",
            name,
            spec,
        )
        .await;
        ObjectKey {
            namespace: self.namespace.clone(),
            name: name.to_owned(),
        }
    }

    fn source(&self, kind: SourceKind, name: &str) -> SourceKey {
        SourceKey {
            kind,
            namespace: self.namespace.clone(),
            name: name.to_owned(),
        }
    }
}

const FLUX: &str = "source.toolkit.fluxcd.io/v1";
const ARGO: &str = "argoproj.io/v1alpha1";
const OURS: &str = "secret-manager.microscaler.io/v1alpha1";

fn ready(generation: i64, status: &str) -> Value {
    json!([{"type": "Ready", "status": status, "reason": "Succeeded", "message": "stored artifact",
        "observedGeneration": generation, "lastTransitionTime": "2026-11-22T00:00:00Z"}])
}

fn offered(generation: i64, artifact: &Artifact) -> Value {
    json!({
        "observedGeneration": generation,
        "conditions": ready(generation, "True"),
        "artifact": {"url": artifact.url, "revision": artifact.revision, "digest": artifact.digest,
            "size": artifact.size, "path": "a.tar.gz", "lastUpdateTime": "2026-11-22T00:00:00Z"},
    })
}

fn artifact_of(index: &Index, key: &SourceKey) -> Option<Artifact> {
    match index.source(key) {
        Found::There(State::Offer(offer)) => match offer.usable() {
            Usable::Now(artifact) => Some(artifact),
            _ => None,
        },
        _ => None,
    }
}

#[tokio::test]
async fn an_object_follows_its_source_from_commit_to_commit() {
    let place = Place::new("push-sources-flux").await;
    crds::of_objects(&place.client).await;
    for kind in [
        SourceKind::GitRepository,
        SourceKind::OciRepository,
        SourceKind::ExternalArtifact,
    ] {
        crds::of_source(&place.client, kind).await;
    }
    let mut follower = Follower::start(place.client.clone());
    let storage = Storage::start().await;
    let shop = place.object("shop", "GitRepository", "shop").await;
    let other = place.object("other", "OCIRepository", "charts").await;
    let key = place.source(SourceKind::GitRepository, "shop");
    follower
        .until("both are there, without their sources", |index| {
            index.object(&shop).is_some()
                && index.object(&other).is_some()
                && index.source(&key) == Found::Missing
        })
        .await;
    let spec = json!({"url": "https://git.example/shop", "interval": "1m"});
    let made = place
        .make(FLUX, "gitrepositories", "GitRepository", "shop", spec)
        .await;
    let first = storage.put("main@sha1:1", &[("a.env", "A=1")]);
    let made = place
        .status("gitrepositories", made, offered(1, &first))
        .await;
    let woken = follower
        .until("the first artifact is usable", |index| {
            artifact_of(index, &key).as_ref() == Some(&first)
        })
        .await;
    assert!(woken.contains(&shop) && !woken.contains(&other));
    let snapshot = fetch(&first).await.unwrap();
    assert_eq!(snapshot.tree.get("a.env").unwrap().expose(), b"A=1");
    // A failed fetch keeps the artifact in the status: it is not taken again from there.
    let mut failing = offered(1, &first);
    failing["conditions"] = ready(1, "False");
    let made = place.status("gitrepositories", made, failing).await;
    follower
        .until("it is not ready", |index| {
            artifact_of(index, &key).is_none()
        })
        .await;
    let second = storage.put("main@sha1:2", &[("a.env", "A=2")]);
    place
        .status("gitrepositories", made, offered(1, &second))
        .await;
    let woken = follower
        .until("the second artifact is usable", |index| {
            artifact_of(index, &key).as_ref() == Some(&second)
        })
        .await;
    assert_eq!(woken, BTreeSet::from([shop.clone()]));
    // An artifact of something else, which has no generation of its own in the status.
    let external = place.source(SourceKind::ExternalArtifact, "made");
    let made = place
        .make(
            FLUX,
            "externalartifacts",
            "ExternalArtifact",
            "made",
            json!({}),
        )
        .await;
    let mut status = offered(1, &second);
    status.as_object_mut().unwrap().remove("observedGeneration");
    place.status("externalartifacts", made, status).await;
    follower
        .until("the external artifact is usable", |index| {
            artifact_of(index, &external).is_some()
        })
        .await;
    let path = format!("{}/shop", place.path(FLUX, "gitrepositories"));
    let request = Request::delete(path).body(Vec::new()).unwrap();
    place.client.request_text(request).await.unwrap();
    let woken = follower
        .until("the source is gone", |index| {
            index.source(&key) == Found::Missing
        })
        .await;
    assert!(woken.contains(&shop));
}

#[tokio::test]
async fn an_application_says_which_commit_is_deployed() {
    let place = Place::new("push-sources-argo").await;
    crds::of_objects(&place.client).await;
    crds::of_source(&place.client, SourceKind::Application).await;
    let mut follower = Follower::start(place.client.clone());
    let object = place.object("shop", "Application", "shop").await;
    let key = place.source(SourceKind::Application, "shop");
    let source =
        json!({"repoURL": "https://git.example/shop", "targetRevision": "main", "path": "."});
    let spec = json!({"project": "default", "source": source, "destination": {}});
    let mut made = place
        .make(ARGO, "applications", "Application", "shop", spec)
        .await;
    let revision = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let compared = json!({"source": source, "destination": {}});
    made["status"] =
        json!({"sync": {"status": "Synced", "revision": revision, "comparedTo": compared}});
    // Argo CD's kind has no subresource for the status.
    let path = format!("{}/shop", place.path(ARGO, "applications"));
    place.send(Request::put(path), &made).await;
    let commit = |index: &Index| match index.source(&key) {
        Found::There(State::Application(application)) => match application.usable() {
            Usable::Now(commit) => Some(commit),
            _ => None,
        },
        _ => None,
    };
    follower
        .until("the commit is known", |index| {
            index.object(&object).is_some()
                && commit(index).is_some_and(|commit| commit.revision == revision)
        })
        .await;
}

/// The only test that deletes a CRD: buckets are its own.
#[tokio::test]
async fn a_kind_is_followed_from_when_its_crd_comes_until_it_goes() {
    let place = Place::new("push-sources-kinds").await;
    crds::of_objects(&place.client).await;
    let mut follower = Follower::start(place.client.clone());
    let object = place.object("shop", "Bucket", "shop").await;
    let key = place.source(SourceKind::Bucket, "shop");
    follower
        .until("the kind is not there", |index| {
            index.object(&object).is_some() && index.source(&key) == Found::NotServed
        })
        .await;
    let spec = json!({"bucketName": "a", "endpoint": "s3.example", "interval": "1m"});
    for round in 0..2 {
        crds::of_source(&place.client, SourceKind::Bucket).await;
        let woken = follower
            .until("the kind is there, without the source", |index| {
                index.source(&key) == Found::Missing
            })
            .await;
        assert!(woken.contains(&object), "round {round}");
        place
            .make(FLUX, "buckets", "Bucket", "shop", spec.clone())
            .await;
        follower
            .until("the source is there", |index| {
                matches!(index.source(&key), Found::There(_))
            })
            .await;
        crds::delete(&place.client, SourceKind::Bucket).await;
        let woken = follower
            .until("the kind is gone", |index| {
                index.source(&key) == Found::NotServed
            })
            .await;
        assert!(woken.contains(&object), "round {round}");
    }
}
