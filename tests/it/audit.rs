//! What the API server saw of an ordinary life.

use crate::support::pods::template;
use crate::support::world::World;

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
