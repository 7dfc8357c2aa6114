//! References of App Configuration to a key vault: resolved as the same pod, or not at all.

use jasm_fakes::azure::Setting;

use super::{Stage, data};
use crate::support::clouds::{CLIENT, Clouds, principals};
use crate::support::place::Place;
use crate::support::pods::template;

#[tokio::test]
async fn a_reference_is_resolved_as_the_pod_that_reads_it() {
    let stage = Stage::new("refer").await;
    let clouds = Clouds::beside(&stage.world).await;
    let place = Place::new(&stage.world, "web").await;
    for account in ["both", "settings"] {
        let client = clouds.app(account, &place.name, account);
        place.account(account, &[(CLIENT, &client)]).await;
        clouds.azure.grants.allow(account, "configurations/default");
    }
    clouds
        .azure
        .grants
        .allow("both", "vaults/default/secrets/db");
    clouds.vault.put("default", "db", "in-kv");
    let reference = Setting::reference("app:db", "https://default.vault.azure.net/secrets/db");
    clouds.configuration.put("default", reference);
    let jasm = stage.jasm(&clouds.stores()).await;
    for account in ["both", "settings"] {
        let source = "settings:app:db -> value";
        let pods = template(&[(&format!("secret.{account}"), source)]).service_account(account);
        place.create(pods.unschedulable().pod(account)).await;
    }
    place.has("both", "value", "in-kv").await;
    // Who may read the setting may not yet read what it refers to, and nobody lends a hand.
    let note = place.event("FetchFailed", "settings").await;
    assert!(
        note.contains("/settings: ") && note.contains("Key Vault Secrets User"),
        "{note}"
    );
    assert_eq!(place.secret("settings").await, None);
    let mut readers = principals(&clouds.vault_server, "/secrets/db");
    readers.retain(|reader| !reader.is_empty());
    readers.sort();
    readers.dedup();
    assert_eq!(readers, ["both", "settings"]);
    // A secret stays one behind a reference: it goes into no ConfigMap.
    let config = "{provider: settings, path: \"app:db\", configMapName: conf, key: value}";
    let pods = template(&[("config-sync", config)]).service_account("both");
    place.create(pods.unschedulable().pod("conf")).await;
    place.event("AccessDenied", "conf").await;
    assert_eq!(place.config_map("conf").await, None);
    assert_eq!(place.secret("both").await, data("value", "in-kv"));
    stage.asked_properly(&clouds.issuer, &[&place]).await;
    stage.ends_clean(jasm, &[], &["in-kv"]).await;
}
