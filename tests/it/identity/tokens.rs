//! The tokens behind it: how many, and bound to whom.

use futures::StreamExt;
use serde_json::json;

use super::{Stage, payload, wants};
use crate::support::aws;
use crate::support::clouds::{CLIENT, Clouds, PROJECT, ROLE, member, principals, session};
use crate::support::eventually;
use crate::support::place::Place;
use crate::support::pods::template;
use crate::support::vault::Vault;

#[tokio::test]
async fn a_burst_of_a_hundred_pods_is_one_exchange_for_each_cloud() {
    let stage = Stage::new("exchange").await;
    let clouds = Clouds::beside(&stage.world).await;
    let vault = Vault::beside(&stage.world).await;
    let place = Place::new(&stage.world, "many").await;
    let name = format!("{}-db", stage.world.namespace);
    aws::create_secret(&name, "in-aws").await;
    let role = clouds.role(&name, &place.name, "web");
    let principal = session(&role, &place.name, "web");
    clouds
        .aws
        .grants
        .allow(&principal, &format!("secretsmanager:{name}"));
    let full = format!("projects/{PROJECT}/secrets/{name}");
    clouds.gcp.secrets.put(&full, b"in-gcp");
    clouds.gcp.grants.allow(&member(&place.name, "web"), &full);
    let client = clouds.app("web", &place.name, "web");
    clouds.vault.put("default", &name, "in-kv");
    clouds
        .azure
        .grants
        .allow("web", &format!("vaults/default/secrets/{name}"));
    vault.put(&name, &json!({"d": "in-vault"})).await;
    vault.lets("kubernetes", &place.name, "web", &name).await;
    place
        .account("web", &[(ROLE, &role), (CLIENT, &client)])
        .await;
    let jasm = stage
        .jasm(&(clouds.stores() + &vault.store("bao", "kubernetes")))
        .await;

    let sources = format!("sm:{name} -> a\ngsm:{name} -> b\nkv:{name} -> c\nbao:{name}#d -> d\n");
    let pods = (0..100).map(|number| {
        let pod = format!("p{number}");
        let pods = template(&[(&format!("secret.{pod}"), &sources)]).service_account("web");
        pods.unschedulable().pod(&pod)
    });
    futures::stream::iter(pods)
        .for_each_concurrent(32, |pod| place.create(pod))
        .await;
    let expected = [
        ("a", "in-aws"),
        ("b", "in-gcp"),
        ("c", "in-kv"),
        ("d", "in-vault"),
    ];
    let expected = Some(
        expected
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    );
    for number in 0..100 {
        eventually(&format!("the Secret p{number}"), || async {
            (place.secret(&format!("p{number}")).await == expected).then_some(())
        })
        .await;
    }

    let mut audiences: Vec<_> = stage
        .witness
        .asked()
        .iter()
        .map(|asked| asked.audience().to_owned())
        .collect();
    audiences.sort();
    assert_eq!(
        audiences,
        [
            "acme-prod.svc.id.goog",
            "api://AzureADTokenExchange",
            "sts.amazonaws.com",
            "vault"
        ]
    );
    assert_eq!(stage.witness.looked_up(&place.name, "web"), 1);
    assert_eq!(
        principals(&clouds.aws_server, "AssumeRoleWithWebIdentity").len(),
        1
    );
    assert_eq!(principals(&clouds.gcp_server, "ExchangeToken").len(), 1);
    assert_eq!(principals(&clouds.entra_server, "Token").len(), 1);
    assert_eq!(vault.seen("/login").len(), 1);
    // The API server's own record says the same: nothing went around the witness.
    let created = stage.world.requests().into_iter().filter(|request| {
        (request.resource.as_str(), request.verb.as_str()) == ("serviceaccounts/token", "create")
    });
    assert_eq!(created.count(), 4);
    stage.asked_properly(&clouds.issuer, &[&place]).await;
    let values = ["in-aws", "in-gcp", "in-kv", "in-vault"];
    stage.ends_clean(jasm, &vault.tokens(), &values).await;
}

#[tokio::test]
async fn a_token_is_bound_to_the_next_pod_when_its_own_is_gone() {
    let stage = Stage::new("bound").await;
    let clouds = Clouds::beside(&stage.world).await;
    let place = Place::new(&stage.world, "web").await;
    let name = format!("{}-db", stage.world.namespace);
    aws::create_secret(&name, &payload("in-aws").to_string()).await;
    let role = clouds.role(&name, &place.name, "web");
    let principal = session(&role, &place.name, "web");
    let grant = format!("secretsmanager:{name}");
    clouds.aws.grants.allow(&principal, &grant);
    place.account("web", &[(ROLE, &role)]).await;
    let jasm = stage.jasm(&clouds.stores()).await;
    let source = format!("sm:{name}");
    let pod = |pod: &str| wants("web", &source).unschedulable().pod(pod);
    let asked = || {
        let asked = stage.witness.asked_of(&place.name, "web");
        let asked = asked
            .iter()
            .map(|asked| (asked.bound().0.to_owned(), asked.code));
        asked.collect::<Vec<_>>()
    };

    // Both are there before anything may be read, so that it is plain which one a token is bound to.
    clouds.aws.grants.withdraw(&principal, &grant);
    place.create(pod("older")).await;
    place.event("FetchFailed", "older").await;
    // The API server tells the age of pods in seconds, and of two as old the later name goes first.
    place.create(pod("younger")).await;
    place.event("FetchFailed", "younger").await;
    assert_eq!(asked(), [("older".to_owned(), 201)]);

    // JASM does not hear that a pod goes; the API server does not bind to it any more.
    stage.witness.hide_pods();
    place.delete_pod("younger").await;
    clouds.aws.revoke_sessions();
    clouds.aws.grants.allow(&principal, &grant);
    place.has("db", "user", "in-aws").await;
    assert_eq!(
        asked(),
        [("older", 201), ("younger", 404), ("older", 201)]
            .map(|(pod, code)| (pod.to_owned(), code))
    );
    assert_eq!(
        principals(&clouds.aws_server, "AssumeRoleWithWebIdentity").len(),
        2
    );
    stage.ends_clean(jasm, &[], &["in-aws"]).await;
}
