//! What the API server saw: exactly the requests that the role is for, and no refused one.

use std::collections::BTreeSet;

use crate::support::pods::template;
use crate::support::world::World;

#[tokio::test]
async fn every_request_is_one_that_the_role_names_and_every_verb_of_it_is_used() {
    let world = World::new("audit").await;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm().await;
    let text = format!("local:{}/db", world.namespace);
    let annotations = [("secret.db", text.as_str()), ("config.db", text.as_str())];
    let deployment = template(&annotations).env_from("db").deployment("shop", 2);
    let stateful = template(&annotations)
        .env_from("db")
        .stateful_set("state", 1);
    world.create(deployment.clone()).await;
    world
        .create(template(&annotations).env_from("db").job("once"))
        .await;
    world.create(stateful.clone()).await;
    for (app, count) in [("shop", 2), ("once", 1), ("state", 1)] {
        world.running(app, count).await;
    }
    // A stuck rollout of the StatefulSet makes two revisions differ, so that their order is asked.
    world.put("db", r#"{"user":"app","more":"x"}"#);
    let narrowed = format!("local:{}/db#more", world.namespace);
    world
        .roll(
            &template(&[("secret.db", &narrowed), ("config.db", &text)])
                .env_from("db")
                .stateful_set("state", 1),
        )
        .await;
    world
        .roll(
            &template(&[("secret.db", &narrowed), ("config.db", &narrowed)])
                .env_from("db")
                .deployment("shop", 2),
        )
        .await;
    world.running("shop", 2).await;
    world.running("state", 1).await;
    world.expect("db", &[("user", "app"), ("more", "x")]).await;
    assert_eq!(jasm.terminate().await, 0);

    let requests = world.requests();
    let refused: Vec<_> = requests
        .iter()
        .filter(|request| request.code == 403)
        .collect();
    // Two workloads share the target, and this account may not change owners: said once for each kind.
    assert!(
        refused.iter().all(|request| request.verb == "update"),
        "{refused:?}"
    );
    let seen: BTreeSet<_> = requests
        .iter()
        .map(|request| (request.resource.as_str(), request.verb.as_str()))
        .collect();
    let expected = BTreeSet::from([
        ("pods", "list"),
        ("pods", "watch"),
        ("secrets", "create"),
        ("secrets", "get"),
        ("secrets", "update"),
        ("configmaps", "create"),
        ("configmaps", "get"),
        ("configmaps", "update"),
        ("replicasets", "get"),
        ("jobs", "get"),
        ("controllerrevisions", "get"),
        ("events", "create"),
    ]);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_ordinary_life_has_no_refused_request() {
    let world = World::new("ordinary").await;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm().await;
    let text = format!("local:{}/db", world.namespace);
    let deployment = template(&[("secret.db", &text)])
        .env_from("db")
        .deployment("shop", 3);
    world.create(deployment.clone()).await;
    world.running("shop", 3).await;
    world.restart(&deployment).await;
    world.rolled_out(&deployment, 3).await;
    assert_eq!(jasm.terminate().await, 0);
    let requests = world.requests();
    assert!(
        requests.iter().all(|request| request.code < 300),
        "{requests:?}"
    );
    let of = |verb: &str| {
        requests
            .iter()
            .filter(|request| request.resource == "secrets" && request.verb == verb)
            .count()
    };
    assert_eq!(
        (
            of("create"),
            of("update"),
            of("list"),
            of("watch"),
            of("delete")
        ),
        (1, 0, 0, 0, 0)
    );
}
