//! Azure's services where their answers are odd, late, or without end, and in their other clouds.

use std::collections::BTreeMap;
use std::time::Duration;

use jasm_fakes::Fault;
use jasm_fakes::azure::{AzureCloud, Setting};
use jasm_providers::{ErrorKind, Known, Source, azure};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::azure::{PRINCIPAL, World};
use crate::support::{Calls, assert_clean, kind, list, prefix, read_one, soon, text, want};
use crate::wire::{Reply, Request, Wire};

/// A service that answers as it is told, under a certificate that is trusted.
async fn scripted(
    world: &World,
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Wire {
    Wire::tls(world.authority.acceptor(&[]).unwrap(), script).await
}

/// The store at an address, which may refer to no vault.
fn settings_of(
    world: &World,
    connection: &azure::Connection,
    endpoint: &str,
) -> azure::AppConfiguration {
    world.settings_of(connection, endpoint, &[], &Calls::default())
}

/// The vault at an address.
fn vault_of(world: &World, endpoint: &str) -> azure::KeyVault {
    let options = azure::Options {
        vault_endpoints: BTreeMap::from([("default".to_owned(), endpoint.to_owned())]),
        ..world.options()
    };
    let connection = azure::Connection::new(&options).unwrap();
    let (identity, _) = world.web().identity();
    let observer = Calls::default().observer();
    azure::KeyVault::new(&connection, "default", identity, observer).unwrap()
}

#[tokio::test]
async fn each_cloud_has_tokens_of_its_own() {
    let world = World::new().await;
    world.vault.put("default", "db", "one");
    world.store.put("default", Setting::new("app:a", "plain"));
    for resource in ["vaults/default/secrets/db", "configurations/default"] {
        world.azure.grants.allow(PRINCIPAL, resource);
    }
    // A token for one is none for another.
    let table = [
        (azure::Cloud::Public, AzureCloud::Public),
        (azure::Cloud::Government, AzureCloud::Government),
        (azure::Cloud::China, AzureCloud::China),
    ];
    for (cloud, theirs) in table {
        world.vault.set_cloud(theirs);
        world.store.set_cloud(theirs);
        let options = azure::Options {
            cloud,
            ..world.options()
        };
        let connection = azure::Connection::new(&options).unwrap();
        let (identity, _) = world.web().identity();
        let observer = Calls::default().observer();
        let vault = azure::KeyVault::new(&connection, "default", identity, observer).unwrap();
        assert_eq!(
            text(&read_one(&vault, want("db")).await),
            "one",
            "{cloud:?}"
        );
        let endpoint = world.store_server.endpoint();
        let store = settings_of(&world, &connection, &endpoint);
        let read = read_one(&store, want("app:a")).await;
        assert_eq!(text(&read), "plain", "{cloud:?}");
    }
}

#[tokio::test]
async fn a_vault_that_hangs_holds_up_its_own_references_alone() {
    let world = World::new().await;
    let source = world.settings(&Calls::default());
    for resource in ["vaults/default/secrets/*", "configurations/default"] {
        world.azure.grants.allow(PRINCIPAL, resource);
    }
    world.store.put("default", Setting::new("app:plain", "1"));
    for name in ["slow", "slow-too", "fast"] {
        world.vault.put("default", name, name);
        let uri = format!("https://default.vault.azure.net/secrets/{name}");
        let setting = Setting::reference(&format!("app:{name}"), &uri);
        world.store.put("default", setting);
    }
    world
        .vault_server
        .faults
        .play("*/secrets/slow*", Fault::Hang, None);
    let wants = ["app:slow", "app:slow-too", "app:fast", "app:plain"].map(want);
    let began = Instant::now();
    let answers = source.read(&wants, soon()).await;
    // One after the other, or to the deadline, would be longer.
    assert!(began.elapsed() < Duration::from_millis(3500));
    for late in &answers[..2] {
        assert_eq!(kind(late), Some(ErrorKind::Unavailable));
    }
    assert_eq!((text(&answers[2]), text(&answers[3])), ("fast", "1"));
    let together = || wants.clone().map(|want| source.batches(&want));
    assert_eq!(together(), [false, false, true, true]);

    // By itself it has all the time that there is.
    world.vault_server.faults.clear();
    let late = Fault::Late(Duration::from_millis(2500));
    world
        .vault_server
        .faults
        .play("*/secrets/slow*", late, Some(1));
    assert_eq!(text(&read_one(&source, want("app:slow")).await), "slow");
    assert_eq!(together(), [true, false, true, true]);
}

/// The keys that a listing asks for.
fn keys_of(request: &Request) -> Vec<String> {
    let query = request.line.split_once('?').map_or("", |(_, query)| query);
    let pairs: Vec<_> = query
        .split('&')
        .filter_map(|it| it.split_once('='))
        .collect();
    let keys = pairs.iter().find(|(name, _)| *name == "key").unwrap().1;
    let keys = keys.replace("%3A", ":").replace("%2C", ",");
    keys.split(',').map(str::to_owned).collect()
}

#[tokio::test]
async fn one_odd_setting_fails_alone() {
    let world = World::new().await;
    let odd = |items: Value| {
        move |request: &Request| {
            let keys = keys_of(request);
            let asked = |item: &Value| {
                let key = item["key"].as_str().unwrap_or("app:none");
                keys.iter().any(|it| it == key || it == "app:*")
            };
            let items: Vec<_> = items
                .as_array()
                .unwrap()
                .iter()
                .filter(|it| asked(it))
                .collect();
            Reply::Json(200, json!({"items": items}))
        }
    };
    let items = json!([
        {"key": "app:a", "value": "one", "etag": "W/1"},
        {"key": "app:b", "value": "m4rk3r", "etag": 5},
        {"key": "app:c", "value": ["m4rk3r"], "etag": "e"},
        {"key": "app:d", "value": "m4rk3r", "etag": "a b"},
        {"key": "app:e", "value": "five", "etag": "e", "label": ""},
        {"key": "app:f", "value": "m4rk3r", "etag": "e", "label": "other"},
    ]);
    let store = scripted(&world, odd(items)).await;
    let source = settings_of(&world, &world.connection(), &store.endpoint);
    let wants = ["app:a", "app:b", "app:c", "app:d", "app:e"].map(want);
    let answers = source.read(&wants, soon()).await;
    assert_eq!((text(&answers[0]), text(&answers[4])), ("one", "five"));
    for answer in &answers[1..4] {
        assert_eq!(kind(answer), Some(ErrorKind::Integrity));
        assert_clean(answer.as_ref().unwrap_err());
    }
    assert_eq!(store.requests().len(), 1);
    // In a listing it is without its value: it is read by itself then, and fails by itself.
    let listed = source.list(&prefix("app:*"), soon()).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|it| (it.path.as_str(), it.entry.is_some()))
        .collect();
    assert_eq!(
        listed,
        [
            ("app:a", true),
            ("app:b", false),
            ("app:c", false),
            ("app:d", false),
            ("app:e", true)
        ]
    );
}

#[tokio::test]
async fn a_call_that_one_of_five_spoils_is_made_for_each() {
    let world = World::new().await;
    let good = |key: &str| json!({"key": key, "value": key, "etag": "e"});
    let spoilt = [
        Reply::Json as fn(u16, Value) -> Reply,
        |_, _| Reply::Raw(200, "", b"{\"items\":[{}]}".to_vec()),
        |_, _| Reply::Raw(200, "", vec![b' '; 5 << 20]),
    ];
    for (case, spoilt) in spoilt.into_iter().enumerate() {
        let store = scripted(&world, move |request| match &keys_of(request)[..] {
            [one] if one == "app:b" => spoilt(400, json!({})),
            [one] => Reply::Json(200, json!({"items": [good(one)]})),
            _ => spoilt(400, json!({})),
        })
        .await;
        let source = settings_of(&world, &world.connection(), &store.endpoint);
        let wants = ["app:a", "app:b", "app:c"].map(want);
        let answers = source.read(&wants, soon()).await;
        assert_eq!(text(&answers[0]), "app:a", "{case}");
        assert_eq!(text(&answers[2]), "app:c", "{case}");
        let expected = [
            ErrorKind::Invalid,
            ErrorKind::Integrity,
            ErrorKind::TooLarge,
        ];
        assert_eq!(kind(&answers[1]), Some(expected[case]));
        assert_eq!(store.requests().len(), 4, "{case}");
    }
}

#[tokio::test]
async fn a_version_of_a_reference_is_told_from_an_etag_with_a_slash() {
    let world = World::new().await;
    let script = |request: &Request| {
        if request.headers.contains_key("if-none-match") {
            return Reply::Raw(304, "", Vec::new());
        }
        Reply::Json(
            200,
            json!({"items": [{"key": "app:a", "value": "v", "etag": "a/b"}]}),
        )
    };
    let store = scripted(&world, script).await;
    let source = settings_of(&world, &world.connection(), &store.endpoint);
    let entry = read_one(&source, want("app:a")).await.unwrap();
    assert_eq!(entry.version.0, "a/b");
    let known = Known {
        want: want("app:a"),
        version: entry.version,
    };
    let changed = source.read_changed(&[known], soon()).await;
    assert_eq!(changed, [Ok(None)]);
    // Asked for with the condition, which a reference is not.
    let sent = store.requests().pop().unwrap();
    assert_eq!(sent.headers["if-none-match"], "\"a/b\"");
}

#[tokio::test]
async fn a_page_without_a_list_is_no_empty_one_and_a_circle_of_pages_ends() {
    let world = World::new().await;
    let empty = json!({"items": [], "value": []});
    let table = [
        (empty, None),
        (json!({}), Some(ErrorKind::Integrity)),
        (json!({"items": null}), Some(ErrorKind::Integrity)),
    ];
    for (body, expected) in table {
        let case = body.to_string();
        let server = scripted(&world, move |_| Reply::Json(200, body.clone())).await;
        let store = settings_of(&world, &world.connection(), &server.endpoint);
        let vault = vault_of(&world, &server.endpoint);
        assert_eq!(kind(&list(&store, "app:*").await), expected, "{case}");
        assert_eq!(kind(&list(&vault, "").await), expected, "{case}");
        let read = read_one(&store, want("app:a")).await;
        let expected = expected.unwrap_or(ErrorKind::NotFound);
        assert_eq!(kind(&read), Some(expected), "{case}");
    }
    let circle = |path: &'static str, link: &'static str| {
        move |request: &Request| {
            let other = if request.line.contains("page=a") {
                "b"
            } else {
                "a"
            };
            let next = format!("{path}?page={other}");
            Reply::Json(200, json!({"items": [], "value": [], link: next}))
        }
    };
    let server = scripted(&world, circle("/kv", "@nextLink")).await;
    let store = settings_of(&world, &world.connection(), &server.endpoint);
    assert_eq!(
        kind(&list(&store, "app:*").await),
        Some(ErrorKind::Integrity)
    );
    assert_eq!(server.requests().len(), 3);
    let server = scripted(&world, circle("/secrets", "nextLink")).await;
    let vault = vault_of(&world, &server.endpoint);
    assert_eq!(kind(&list(&vault, "").await), Some(ErrorKind::Integrity));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_listing_leaves_out_what_a_read_would_call_gone() {
    let world = World::new().await;
    let (past, future) = (1_000_000_000, 4_000_000_000_u64);
    let item = |name: &str, attributes: Value| {
        let id = format!("https://default.vault.azure.net/secrets/{name}");
        json!({"id": id, "attributes": attributes})
    };
    let items = json!([
        item("a", json!({"enabled": true})),
        item("b", json!({"enabled": true, "exp": past})),
        item("c", json!({"enabled": true, "nbf": future})),
        item("d", json!({"enabled": false})),
        item("e", json!({"enabled": true, "nbf": past, "exp": future})),
    ]);
    let server = scripted(&world, move |_| Reply::Json(200, json!({"value": items}))).await;
    let vault = vault_of(&world, &server.endpoint);
    assert_eq!(list(&vault, "").await.unwrap(), ["a", "e"]);
}
