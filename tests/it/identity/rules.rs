//! Who decides: the cloud, the operator's rules, and what an annotation may add.

use super::{Stage, payload, wants};
use crate::support::aws;
use crate::support::clouds::{CONTROLLER, Clouds, ROLE, principals, session};
use crate::support::moto;
use crate::support::place::Place;
use crate::support::pods::template;

/// A place whose ServiceAccount `web` may read everything that AWS has, and `poor` nothing; two entries.
async fn place<'a>(stage: &'a Stage, clouds: &Clouds) -> (Place<'a>, [String; 2]) {
    let place = Place::new(&stage.world, "web").await;
    for account in ["web", "poor"] {
        let role = clouds.role(&format!("{}-{account}", place.name), &place.name, account);
        place.account(account, &[(ROLE, &role)]).await;
        if account == "web" {
            clouds
                .aws
                .grants
                .allow(&session(&role, &place.name, account), "*");
        }
    }
    let names = ["db", "other"].map(|entry| format!("{}/{entry}", place.name));
    for name in &names {
        aws::create_secret(name, &payload("in-aws").to_string()).await;
    }
    (place, names)
}

#[tokio::test]
async fn rules_narrow_what_a_pod_may_read_as_itself() {
    let stage = Stage::new("narrow").await;
    let clouds = Clouds::beside(&stage.world).await;
    let (place, [db, other]) = place(&stage, &clouds).await;
    let stores = format!(
        "{}- name: narrow\n  identity: workload\n{}  allow: [{{namespaces: [\"*\"], paths: [\"{{namespace}}/db\"]}}]\n",
        clouds.stores(),
        clouds.aws()
    );
    let jasm = stage.jasm(&stores).await;
    let pod = |name: &str, source: &str| {
        let pods = template(&[(&format!("secret.{name}"), source)]).service_account("web");
        pods.unschedulable().pod(name)
    };
    place
        .create(pod("refused", &format!("narrow:{other}")))
        .await;
    let note = place.event("AccessDenied", "refused").await;
    assert!(
        note.contains("does not let the namespace") && note.contains(&other),
        "{note}"
    );
    assert!(clouds.seen().is_empty() && stage.witness.asked().is_empty());
    place.create(pod("allowed", &format!("narrow:{db}"))).await;
    place.has("allowed", "user", "in-aws").await;
    // Without a rule it is the cloud that decides.
    place.create(pod("unruled", &format!("sm:{other}"))).await;
    place.has("unruled", "user", "in-aws").await;
    assert_eq!(place.secret("refused").await, None);
    stage.ends_clean(jasm, &[], &["in-aws"]).await;
}

#[tokio::test]
async fn an_annotation_asks_for_less_and_never_for_more() {
    let stage = Stage::new("less").await;
    let clouds = Clouds::beside(&stage.world).await;
    let (place, [db, _]) = place(&stage, &clouds).await;
    // The controller may read all of it, and lends it to every namespace.
    let stores = format!(
        "{}- name: lent\n  identity: controller\n{}  allow: [{{namespaces: [\"*\"], paths: [\"**\"]}}]\n",
        clouds.stores(),
        clouds.aws()
    );
    let jasm = stage.jasm(&stores).await;
    let reads = || principals(&clouds.aws_server, "GetSecretValue");
    let pod = |name: &str, account: &str, more: &[(&str, &str)]| {
        let source = format!("lent:{db}");
        let one = format!("secret.{name}");
        let mut annotations = vec![(one.as_str(), source.as_str())];
        annotations.extend_from_slice(more);
        template(&annotations)
            .service_account(account)
            .unschedulable()
            .pod(name)
    };
    place.create(pod("lent", "poor", &[])).await;
    place.has("lent", "user", "in-aws").await;
    assert_eq!(reads(), [CONTROLLER]);
    assert!(stage.witness.asked().is_empty());

    // As the pod, because the pod says so: who may not does not get it, whatever the controller may.
    place
        .create(pod("poor", "poor", &[("identity", "workload")]))
        .await;
    let note = place.event("FetchFailed", "poor").await;
    assert!(note.contains("/poor: "), "{note}");
    place
        .create(pod("rich", "web", &[("identity", "workload")]))
        .await;
    place.has("rich", "user", "in-aws").await;
    // The same said of one request.
    let field = format!("{{provider: lent, path: {db}, secretName: field, identity: workload}}");
    let pods = template(&[("secret-sync", &field)]).service_account("poor");
    place.create(pods.unschedulable().pod("field")).await;
    let note = place.event("FetchFailed", "field").await;
    assert!(note.contains("/poor: "), "{note}");
    let by_controller = clouds
        .seen()
        .into_iter()
        .filter(|seen| seen.credential.as_deref() == Some(moto::ACCESS_KEY));
    assert_eq!(by_controller.count(), 1, "the controller read once, before");

    // Never the other way, neither of a store that is read as the pod nor of the controller's.
    let before = clouds.seen().len();
    for (name, store) in [("more", "sm"), ("same", "lent")] {
        let field =
            format!("{{provider: {store}, path: {db}, secretName: {name}, identity: controller}}");
        let pods = template(&[("secret-sync", &field)]).service_account("poor");
        place.create(pods.unschedulable().pod(name)).await;
        let note = place.event("AnnotationInvalid", name).await;
        assert!(note.contains("not for an annotation to say"), "{note}");
    }
    let pods = wants("poor", &format!("sm:{db}")).unschedulable();
    let mut pod = pods.pod("pod");
    pod["metadata"]["annotations"]["jasm.codnod.io/identity"] = "controller".into();
    place.create(pod).await;
    let note = place.event("AnnotationInvalid", "pod").await;
    assert!(note.contains("not for an annotation to say"), "{note}");
    for secret in ["poor", "field", "more", "same", "db"] {
        assert_eq!(place.secret(secret).await, None, "{secret}");
    }
    let later: Vec<_> = clouds.seen().split_off(before);
    let own = format!("/jasm-{}-poor", place.name);
    for seen in later {
        let principal = seen.principal.unwrap_or_default();
        assert!(principal.ends_with(&own), "{principal}");
    }
    stage.ends_clean(jasm, &[], &["in-aws"]).await;
}
