//! The kinds come after the controller: ours, and those of the sources.

use jasm::push::crd::SourceKind;
use serde_json::json;

use super::stage::{FOLDER, Stage, message};
use crate::support::{crds, eventually};

#[tokio::test]
async fn kinds_that_are_installed_later_are_followed_from_then_on() {
    let (own, stage) = Stage::elsewhere().await;
    let admin = stage.admin();
    stage.config(&stage.stores());
    let jasm = stage.world.jasm().await;
    crds::of_objects(&admin).await;
    let mut spec = stage.spec("shop");
    let prefix = format!("smc-late-{:06x}", fastrand::u32(..0x0100_0000));
    spec["secrets"]["prefix"] = json!(prefix);
    stage.object("shop", spec).await;
    let status = stage.says("shop", "SourceNotFound").await;
    assert!(
        message(&status).contains("the cluster has no GitRepository"),
        "{status}"
    );
    crds::of_source(&admin, SourceKind::GitRepository).await;
    eventually("the kind is there, and the source is not", || async {
        let object = stage.objects().get("shop").await.unwrap();
        message(&object.data["status"])
            .contains("check sourceRef")
            .then_some(())
    })
    .await;
    let env = format!("{FOLDER}/application.secrets.env");
    stage
        .source("shop", "main@sha1:1", &[(&env, "KEY_A=1\n")])
        .await;
    stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    // Ours goes, with all objects, and comes back.
    crds::delete_objects(&admin).await;
    crds::of_objects(&admin).await;
    let mut spec = stage.spec("shop");
    spec["secrets"]["prefix"] = json!(prefix);
    spec["secrets"]["suffix"] = json!("again");
    stage.object("shop", spec).await;
    stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    assert_eq!(jasm.terminate().await, 0);
    drop(own);
}
