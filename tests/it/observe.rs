//! The watch on objects, when it sees less than what happens.

use kube::api::DeleteParams;

use crate::support::eventually;
use crate::support::pods::template;
use crate::support::veil::Veil;
use crate::support::world::World;

#[tokio::test]
async fn an_object_that_came_and_went_while_the_watch_was_away_comes_back() {
    let world = World::new("unseen").await;
    let veil = Veil::before(world.admin.clone(), "/api/v1/secrets").await;
    world.write_kubeconfig(Some(veil.url.clone())).await;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm_with(&["--rights", "observe"]).await;
    jasm.ready().await;
    veil.fall();
    let text = format!("local:{}/db", world.namespace);
    let pods = template(&[("secret.db", &text)]).env_from("db");
    world.create(pods.deployment("shop", 1)).await;
    // No pod waits any more: nothing but the watch can tell that the Secret is gone.
    world.running("shop", 1).await;
    let made = world.secrets().get("db").await.unwrap();
    world
        .secrets()
        .delete("db", &DeleteParams::default())
        .await
        .unwrap();
    veil.lift();
    let anew = eventually("the Secret is made anew", || async {
        world.secrets().get_opt("db").await.unwrap()
    })
    .await;
    assert_ne!(made.metadata.uid, anew.metadata.uid);
    assert_eq!(jasm.terminate().await, 0);
}
