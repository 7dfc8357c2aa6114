//! App Configuration: what it remembers of the store's replicas, and feature flags.

use jasm_fakes::azure::Setting;
use jasm_providers::{Source, azure};

use crate::azure::{PRINCIPAL, World};
use crate::support::{Calls, list, prefix, read_one, soon, text, want};

const FLAG: &str = "application/vnd.microsoft.appconfig.ff+json;charset=utf-8";

#[tokio::test]
async fn what_was_heard_last_of_the_store_is_said_with_the_next_request() {
    let world = World::new().await;
    let source = world.settings(&Calls::default());
    world
        .azure
        .grants
        .allow(PRINCIPAL, "configurations/default");
    let write = |value| world.store.put("default", Setting::new("app:a", value));
    let read = async || text(&read_one(&source, want("app:a")).await).to_owned();

    write("one");
    assert_eq!(read().await, "one");
    assert_eq!(world.store.sync_tokens(), Vec::<String>::new());
    // The token of the first answer: without its number, which is for comparing only.
    write("two");
    assert_eq!(read().await, "two");
    let [first] = &world.store.sync_tokens()[..] else {
        panic!("{:?}", world.store.sync_tokens())
    };
    assert!(!first.contains(";sn="), "{first}");
    // A prefix read says the one of the second answer, and only that.
    assert_eq!(list(&source, "app:*").await.unwrap(), ["app:a"]);
    let [_, second] = &world.store.sync_tokens()[..] else {
        panic!("{:?}", world.store.sync_tokens())
    };
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("zAJw6V16=MDoxIzE=", "zAJw6V16=MDoxIzI=")
    );
    // Another client has heard nothing.
    let other = world.settings(&Calls::default());
    assert_eq!(text(&read_one(&other, want("app:a")).await), "two");
    assert_eq!(world.store.sync_tokens().len(), 2);
}

#[tokio::test]
async fn feature_flags_are_below_a_prefix_only_where_the_store_says_so() {
    let world = World::new().await;
    world
        .azure
        .grants
        .allow(PRINCIPAL, "configurations/default");
    let (plain, flag) = (
        ".appconfig.featureflag/note",
        ".appconfig.featureflag/checkout",
    );
    let value = r#"{"id":"checkout","enabled":true,"conditions":{"client_filters":[]}}"#;
    world.store.put("default", Setting::new(plain, "text"));
    world
        .store
        .put("default", Setting::new(flag, value).content_type(FLAG));
    let source = |feature_flags| {
        let settings = azure::Settings {
            name: "default".into(),
            endpoint: Some(world.store_server.endpoint()),
            feature_flags,
            ..azure::Settings::default()
        };
        let (identity, _) = world.web().identity();
        let observer = Calls::default().observer();
        azure::AppConfiguration::new(&world.connection(), settings, identity, observer).unwrap()
    };
    let (with, without) = (source(true), source(false));
    let below = ".appconfig.featureflag/*";
    assert_eq!(list(&with, below).await.unwrap(), [flag, plain]);
    assert_eq!(list(&without, below).await.unwrap(), [plain]);
    // It comes with its value, which is what a read of it gives, and is no secret.
    let listed = with.list(&prefix(below), soon()).await.unwrap();
    let entry = read_one(&with, want(flag)).await.unwrap();
    assert_eq!(listed[0].entry.as_ref(), Some(&entry));
    assert_eq!(
        (entry.value.expose(), entry.secret),
        (value.as_bytes(), false)
    );
    // Who names one wants it.
    assert_eq!(text(&read_one(&without, want(flag)).await), value);
}
