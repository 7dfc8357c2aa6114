//! The loop closed: what a team commits arrives in its pods.

use serde_json::json;

use super::stage::{FOLDER, Stage, age, counts, encrypted, message, value, versions};
use crate::support::git_server::{GitServer, Repository};
use crate::support::pods::template;
use crate::support::{aws, eventually};

/// The files of a commit, as Flux packs them.
fn files(repository: &Repository, revision: &str) -> Vec<(String, String)> {
    let names = repository.served_git(&["ls-tree", "-r", "--name-only", revision]);
    { names.lines() }
        .map(|name| {
            let content = repository.served_git(&["show", &format!("{revision}:{name}")]);
            (name.to_owned(), content + "\n")
        })
        .collect()
}

async fn parameter(name: &str) -> Option<(String, i64)> {
    let answer = aws::ssm().get_parameter().name(name).send().await.ok()?;
    let parameter = answer.parameter?;
    Some((parameter.value?, parameter.version))
}

#[tokio::test]
async fn what_is_committed_arrives_in_pods() {
    let stage = Stage::new("smc-loop").await;
    let (identity, recipient) = age();
    stage.secret("sops", &[("shop.agekey", &identity)]).await;
    let server = GitServer::start().await;
    let repository = server.repository("shop");
    let secrets = encrypted(
        "DB_USER=app\nDB_PASSWORD=first-password\n# a comment\n",
        &recipient,
    );
    assert!(!secrets.contains("first-password"));
    repository.write(&format!("{FOLDER}/application.secrets.env"), &secrets);
    let properties = "log.level=info\nfeature.colour = blue\n";
    repository.write(&format!("{FOLDER}/application.properties"), properties);
    let commit = repository.push("the shop's configuration");

    let put = |commit: String| {
        let files = files(&repository, &commit);
        let stage = &stage;
        async move {
            let files: Vec<_> = { files.iter() }
                .map(|(name, content)| (name.as_str(), content.as_str()))
                .collect();
            let revision = format!("main@sha1:{commit}");
            stage.source("shop", &revision, &files).await;
            revision
        }
    };
    let revision = put(commit.clone()).await;
    let mut spec = stage.spec("shop");
    spec["decryption"] = json!({"secretRef": {"name": "sops"}});
    spec["configs"] = json!({"enabled": true});
    stage.object("shop", spec).await;
    let jasm = stage.world.jasm().await;
    let status = stage.says_of("shop", "Succeeded", &revision).await;
    assert_eq!(status["lastAppliedRevision"], revision.as_str());
    assert_eq!(
        counts(&status),
        [("created".to_owned(), 4), ("total".to_owned(), 4)]
    );
    let (user, password) = (stage.entry("DB_USER"), stage.entry("DB_PASSWORD"));
    assert_eq!(value(&user).await.as_deref(), Some("app"));
    assert_eq!(value(&password).await.as_deref(), Some("first-password"));
    assert_eq!(stage.held().await, [password.clone(), user.clone()]);
    let path = format!("/{}/prod", stage.namespace());
    let (level, colour) = (
        format!("{path}/log.level"),
        format!("{path}/feature.colour"),
    );
    assert_eq!(parameter(&level).await, Some(("info".into(), 1)));
    assert_eq!(parameter(&colour).await, Some(("blue".into(), 1)));
    // Who finds an entry in the store finds the commit, and whose it is.
    let found = aws::secrets_manager()
        .describe_secret()
        .secret_id(&password)
        .send()
        .await
        .unwrap();
    assert!(found.description().unwrap().contains(&commit), "{found:?}");
    let tags = format!("{:?}", found.tags());
    assert!(
        tags.contains(&format!("/{}/shop", stage.namespace())) || tags.contains(stage.namespace()),
        "{tags}"
    );
    let pushed = stage.world.event("Pushed", "shop").await;
    assert!(pushed.contains(&commit), "{pushed}");

    // The other half: a pod that asks for them.
    let secret = format!("sm:{user}\nsm:{password}\n");
    let config = format!("{{provider: ps, path: {path}/**, configMapName: settings}}\n");
    let pods = template(&[("secret.db", &secret), ("config-sync", &config)])
        .env_from("db")
        .config_volume("settings");
    let deployment = pods.deployment("web", 1);
    stage.world.create(deployment.clone()).await;
    stage.world.running("web", 1).await;
    let before = stage.world.data("db").await.unwrap();
    let values: Vec<_> = before.values().map(String::as_str).collect();
    assert!(
        values.contains(&"app") && values.contains(&"first-password"),
        "{:?}",
        before.keys()
    );
    let settings = stage.world.config_maps().get("settings").await.unwrap();
    let settings = settings.data.unwrap();
    let values: Vec<_> = settings.values().map(String::as_str).collect();
    assert!(
        values.contains(&"info") && values.contains(&"blue"),
        "{settings:?}"
    );

    // One secret and one parameter change.
    let untouched = versions(&user).await;
    let first = versions(&password).await;
    let secrets = encrypted("DB_USER=app\nDB_PASSWORD=second-password\n", &recipient);
    repository.write(&format!("{FOLDER}/application.secrets.env"), &secrets);
    repository.write(
        &format!("{FOLDER}/application.properties"),
        properties.replace("blue", "green"),
    );
    let commit = repository.push("another password");
    let revision = put(commit.clone()).await;
    let status = stage.says_of("shop", "Succeeded", &revision).await;
    assert_eq!(
        counts(&status),
        [
            ("total".to_owned(), 4),
            ("unchanged".to_owned(), 2),
            ("updated".to_owned(), 2)
        ],
        "{}",
        message(&status)
    );
    assert_eq!(value(&password).await.as_deref(), Some("second-password"));
    assert_eq!(versions(&user).await, untouched);
    let second = versions(&password).await;
    assert_eq!(second.len(), first.len() + 1, "{second:?}");
    assert_eq!(parameter(&colour).await, Some(("green".into(), 2)));
    assert_eq!(parameter(&level).await, Some(("info".into(), 1)));
    let found = aws::secrets_manager()
        .describe_secret()
        .secret_id(&password)
        .send()
        .await
        .unwrap();
    assert!(found.description().unwrap().contains(&commit), "{found:?}");

    // Pods get it when they start, but for those that start within five seconds of the last read.
    eventually("the new values are there", || async {
        stage.world.restart(&deployment).await;
        stage.world.rolled_out(&deployment, 1).await;
        let data = stage.world.data("db").await?;
        let settings = stage.world.config_maps().get("settings").await.unwrap();
        let new = data.values().any(|value| value == "second-password");
        let green = settings.data?.values().any(|value| value == "green");
        (new && green).then_some(())
    })
    .await;
    assert_eq!(jasm.terminate().await, 0);
}
