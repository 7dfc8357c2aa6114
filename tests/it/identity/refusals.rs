//! Bad input: whoever cannot be read as is told why, nothing leaves for a host that is not the store's, and
//! nobody else is tried.

use std::sync::Arc;
use std::time::Duration;

use jasm_fakes::azure::Setting;
use jasm_fakes::{Signer, Trust};

use super::{Stage, payload};
use crate::support::aws;
use crate::support::clouds::{CLIENT, Clouds, PROJECT, ROLE, issuer, member, session};
use crate::support::moto;
use crate::support::place::Place;
use crate::support::pods::template;
use crate::support::vault::Vault;

fn pod(name: &str, account: &str, source: &str) -> serde_json::Value {
    let pods = template(&[(&format!("secret.{name}"), source)]).service_account(account);
    pods.unschedulable().pod(name)
}

#[tokio::test]
async fn an_account_that_is_gone_is_said_to_be() {
    let stage = Stage::new("gone").await;
    let clouds = Clouds::beside(&stage.world).await;
    let place = Place::new(&stage.world, "web").await;
    place.account("left", &[]).await;
    for store in ["sm", "gsm", "kv"] {
        place
            .create(pod(store, "left", &format!("{store}:db")))
            .await;
    }
    place.delete_account("left").await;
    let jasm = stage.jasm(&clouds.stores()).await;
    for store in ["sm", "gsm", "kv"] {
        let note = place.event("FetchFailed", store).await;
        let said = format!("the ServiceAccount {}/left does not exist", place.name);
        assert!(note.contains(&said), "{note}");
    }
    assert!(clouds.seen().is_empty() && stage.witness.asked().is_empty());
    stage.ends_clean(jasm, &[], &[]).await;
}

#[tokio::test]
async fn a_missing_annotation_is_named_and_added_while_the_pod_waits() {
    let stage = Stage::new("annotate").await;
    let clouds = Clouds::beside(&stage.world).await;
    let place = Place::new(&stage.world, "web").await;
    let name = format!("{}-db", place.name);
    aws::create_secret(&name, &payload("in-aws").to_string()).await;
    let role = clouds.role(&name, &place.name, "web");
    let principal = session(&role, &place.name, "web");
    clouds
        .aws
        .grants
        .allow(&principal, &format!("secretsmanager:{name}"));
    let client = clouds.app("web", &place.name, "web");
    clouds
        .vault
        .put("default", &name, &payload("in-kv").to_string());
    clouds
        .azure
        .grants
        .allow("web", &format!("vaults/default/secrets/{name}"));
    place.account("web", &[]).await;
    let jasm = stage.jasm(&clouds.stores()).await;
    for store in ["sm", "kv"] {
        let pods = template(&[(&format!("secret.{store}"), &format!("{store}:{name}"))]);
        let pods = pods.service_account("web").env_from(store);
        place.create(pods.deployment(store, 1)).await;
    }
    let note = place.event("FetchFailed", "sm").await;
    let said = [
        format!(
            "the ServiceAccount {}/web has no annotation {ROLE}",
            place.name
        ),
        format!("{ROLE}: arn:aws:iam::123456789012:role/reader"),
        "an EKS Pod Identity association does not do".to_owned(),
    ];
    assert!(said.iter().all(|said| note.contains(said)), "{note}");
    let note = place.event("FetchFailed", "kv").await;
    let said = format!(
        "the ServiceAccount {}/web has no annotation {CLIENT}",
        place.name
    );
    assert!(
        note.contains(&said) && note.contains(&format!("{CLIENT}: 0000")),
        "{note}"
    );
    assert!(
        clouds.seen().iter().all(|seen| seen.credential.is_none()),
        "nobody was tried"
    );

    place.annotate_account("web", ROLE, &role).await;
    place.annotate_account("web", CLIENT, &client).await;
    // Sooner than what is known of a ServiceAccount grows old by itself.
    let soon = Duration::from_secs(50);
    for store in ["sm", "kv"] {
        let runs = tokio::time::timeout(soon, place.runs(store)).await;
        assert!(runs.is_ok(), "{store}: what was added is not seen");
    }
    stage.ends_clean(jasm, &[], &["in-aws", "in-kv"]).await;
}

#[tokio::test]
async fn tokens_of_another_cluster_and_tokens_that_are_over_are_refused() {
    let stage = Stage::new("foreign").await;
    let signer = Arc::new(Signer::new(&issuer(&stage.world).await).unwrap());
    let trust = Trust::default();
    // Who says to be the cluster, with other keys.
    trust
        .add(&issuer(&stage.world).await, &signer.jwks().unwrap())
        .unwrap();
    let clouds = Clouds::believing(&stage.world, Arc::new(trust)).await;
    let place = Place::new(&stage.world, "web").await;
    let name = format!("{}-db", place.name);
    let role = clouds.role(&name, &place.name, "web");
    clouds.aws.grants.allow("*", "*");
    clouds.azure.grants.allow("*", "*");
    clouds.gcp.grants.allow("*", "*");
    let full = format!("projects/{PROJECT}/secrets/{name}");
    clouds
        .gcp
        .secrets
        .put(&full, payload("in-gcp").to_string().as_bytes());
    let client = clouds.app("web", &place.name, "web");
    place
        .account("web", &[(ROLE, &role), (CLIENT, &client)])
        .await;
    place.account("late", &[]).await;
    let jasm = stage.jasm(&clouds.stores()).await;
    let said = [
        ("sm", "cannot verify the token of the ServiceAccount"),
        ("gsm", "does not accept the token of the ServiceAccount"),
        ("kv", "entra"),
    ];
    for (store, words) in said {
        place
            .create(pod(store, "web", &format!("{store}:{name}")))
            .await;
        let note = place.event("FetchFailed", store).await;
        assert!(note.contains(words), "{store}: {note}");
    }
    // The right keys, but a token whose time is over.
    let expired = signer.clone();
    stage.witness.forge(move |namespace, account, audience| {
        expired.token(namespace, account, audience, -60).unwrap()
    });
    let said = [
        ("sm", "for expired: check the clocks"),
        ("gsm", "does not accept the token of the ServiceAccount"),
        ("kv", "expired"),
    ];
    place
        .account("over", &[(ROLE, &role), (CLIENT, &client)])
        .await;
    for (store, words) in said {
        let name = format!("{store}-over");
        place
            .create(pod(&name, "over", &format!("{store}:{name}")))
            .await;
        let note = place.event("FetchFailed", &name).await;
        assert!(note.contains(words), "{store}: {note}");
    }
    let read = clouds.seen().into_iter().filter(|seen| {
        seen.operation.as_deref() == Some("GetSecretValue")
            || (seen.path.contains("/secrets/") && seen.credential.is_some())
    });
    assert_eq!(read.count(), 0, "no store was read");

    // That this was the reason: with a good one all is well.
    let good = signer.clone();
    stage.witness.forge(move |namespace, account, audience| {
        good.token(namespace, account, audience, 600).unwrap()
    });
    place
        .create(pod("late", "late", &format!("gsm:{name}")))
        .await;
    place.has("late", "user", "in-gcp").await;
    stage.ends_clean(jasm, &[], &["in-gcp"]).await;
}

#[tokio::test]
async fn a_vault_role_for_another_audience_lets_nobody_in() {
    let stage = Stage::new("audience").await;
    let vault = Vault::beside(&stage.world).await;
    let place = Place::new(&stage.world, "web").await;
    vault.put("db", &payload("in-vault")).await;
    let methods = ["kubernetes", "jwt"];
    for auth in methods {
        place.account(auth, &[]).await;
        vault.role(auth, &place.name, auth, "db", "another").await;
    }
    let jasm = stage
        .jasm(&methods.map(|auth| vault.store(auth, auth)).concat())
        .await;
    for auth in methods {
        place.create(pod(auth, auth, &format!("{auth}:db"))).await;
        let note = place.event("FetchFailed", auth).await;
        assert!(note.contains("and name the audience vault"), "{note}");
    }
    assert!(vault.seen("/data/").is_empty());
    for auth in methods {
        vault.role(auth, &place.name, auth, "db", "vault").await;
        place.has(auth, "user", "in-vault").await;
    }
    stage.ends_clean(jasm, &vault.tokens(), &["in-vault"]).await;
}

#[tokio::test]
async fn what_is_not_the_stores_is_never_asked_for() {
    let stage = Stage::new("outside").await;
    let clouds = Clouds::beside(&stage.world).await;
    let place = Place::new(&stage.world, "web").await;
    let client = clouds.app("web", &place.name, "web");
    place.account("web", &[(CLIENT, &client)]).await;
    clouds.azure.grants.allow("web", "*");
    clouds.gcp.grants.allow(&member(&place.name, "web"), "*");
    let kv = clouds.vault_server.address();
    let references = [
        (
            "other",
            "https://other.vault.azure.net/secrets/db".to_owned(),
            "refers to the vault other, which the store's vaults do not name",
        ),
        (
            "host",
            format!("https://{kv}/secrets/db"),
            "names no secret: its uri has to be",
        ),
        (
            "nested",
            "https://default.vault.azure.net.evil.example/secrets/db".to_owned(),
            "refers to a host that is no vault of this cloud",
        ),
    ];
    for (key, uri, _) in &references {
        clouds
            .configuration
            .put("default", Setting::reference(key, uri));
    }
    let jasm = stage.jasm(&clouds.stores()).await;
    // Another project, another vault: refused before anything is asked for.
    let paths = [
        ("gsm", "projects/other/secrets/db"),
        ("gsm", "../../other/secrets/db"),
        ("kv", "https://other.vault.azure.net/secrets/db"),
        ("kv", "../other/db"),
        ("kv", "db/../../keys/k"),
    ];
    for (number, (store, path)) in paths.into_iter().enumerate() {
        let name = format!("path-{number}");
        let field = format!("{{provider: {store}, path: \"{path}\", secretName: {name}}}");
        let pods = template(&[("secret-sync", &field)]).service_account("web");
        place.create(pods.unschedulable().pod(&name)).await;
        place.event("AnnotationInvalid", &name).await;
    }
    assert!(clouds.seen().is_empty() && stage.witness.asked().is_empty());
    // A reference that leads elsewhere: the setting is read, what it names is not.
    for (key, _, words) in references {
        place
            .create(pod(key, "web", &format!("settings:{key} -> value")))
            .await;
        let note = place.event("FetchFailed", key).await;
        assert!(note.contains(words), "{note}");
        assert_eq!(place.secret(key).await, None);
    }
    assert!(clouds.vault_server.record.all().is_empty());
    assert!(
        clouds
            .seen()
            .iter()
            .all(|seen| seen.credential.as_deref() != Some(moto::ACCESS_KEY))
    );
    let audiences: Vec<_> = stage
        .witness
        .asked()
        .iter()
        .map(|asked| asked.audience().to_owned())
        .collect();
    assert_eq!(audiences, ["api://AzureADTokenExchange"]);
    stage.ends_clean(jasm, &[], &[]).await;
}
