//! The rights as a user applies them: the component and its policy are enough, and no more than is used.

use super::{Stage, payload, wants};
use crate::support::aws;
use crate::support::clouds::{CLIENT, Clouds, ROLE, session};
use crate::support::place::Place;
use crate::support::tier::{Parts, Tier};
use crate::support::vault::Vault;

#[tokio::test]
async fn the_component_lets_pods_read_as_themselves_for_the_clouds_it_names() {
    let parts = Parts {
        resources: &["rbac/default"],
        components: &["components/workload-identity"],
        ..Parts::default()
    };
    let tier = Tier::install("component", parts).await;
    let stage = Stage::of(tier.world).await;
    let clouds = Clouds::beside(&stage.world).await;
    let vault = Vault::beside(&stage.world).await;
    // The policy of this test holds in its own namespace only.
    let place = Place::own(&stage.world);
    let name = format!("{}-db", place.name);
    let role = clouds.role(&name, &place.name, "web");
    let client = clouds.app("web", &place.name, "web");
    place
        .account("web", &[(ROLE, &role), (CLIENT, &client)])
        .await;
    let principal = session(&role, &place.name, "web");
    clouds
        .aws
        .grants
        .allow(&principal, &format!("secretsmanager:{name}"));
    clouds
        .azure
        .grants
        .allow("web", &format!("vaults/default/secrets/{name}"));
    aws::create_secret(&name, &payload("in-aws").to_string()).await;
    clouds
        .vault
        .put("default", &name, &payload("in-kv").to_string());
    vault.put(&name, &payload("in-vault")).await;
    vault.lets("kubernetes", &place.name, "web", &name).await;
    let jasm = stage
        .jasm(&(clouds.stores() + &vault.store("bao", "kubernetes")))
        .await;
    for (store, value) in [("sm", "in-aws"), ("kv", "in-kv"), ("bao", "in-vault")] {
        let source = format!("{store}:{name}");
        let pods = crate::support::pods::template(&[(&format!("secret.{store}"), &source)]);
        let pods = pods.service_account("web").env_from(store);
        place.create(pods.deployment(store, 1)).await;
        place.runs(store).await;
        place.has(store, "user", value).await;
    }
    stage.asked_properly(&clouds.issuer, &[&place]).await;
    // Google's pool is named by whoever has one: until then the policy gives no token for it.
    place
        .create(
            wants("web", &format!("gsm:{name}"))
                .unschedulable()
                .pod("google"),
        )
        .await;
    let note = place.event("FetchFailed", "google").await;
    let said = [
        "a policy of the cluster forbids a token",
        "for the audience acme-prod.svc.id.goog",
    ];
    assert!(said.iter().all(|said| note.contains(said)), "{note}");
    assert!(clouds.gcp_server.record.all().is_empty());
    stage
        .ends_clean(jasm, &vault.tokens(), &["in-aws", "in-kv", "in-vault"])
        .await;
}
