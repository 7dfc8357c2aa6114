//! Nobody writes what the operator did not allow, and everybody as whom the object says.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::stage::{FOLDER, Stage, message, value};
use crate::support::clouds::{CONTROLLER, Clouds, answered, principals};
use crate::support::place::Place;
use crate::support::{aws, eventually, moto};

fn env() -> String {
    format!("{FOLDER}/application.secrets.env")
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{}:role/{name}", moto::ACCOUNT)
}

fn acting_as(mut spec: Value, role: &str) -> Value {
    spec["provider"]["aws"]["auth"] = json!({"authType": "Irsa", "roleArn": role});
    spec
}

#[tokio::test]
async fn what_no_rule_allows_is_not_even_fetched() {
    let stage = Stage::without_config("smc-policy").await;
    let namespace = stage.namespace().to_owned();
    let rule = |rest: &str| format!("{{namespaces: [\"{namespace}\"], {rest}}}");
    // Nothing may be written at all.
    stage.config(&stage.store("sm", "aws-secretsmanager", ""));
    stage
        .source("shop", "main@sha1:1", &[(&env(), "KEY_A=1\nKEY_B=2\n")])
        .await;
    stage.object("shop", stage.spec("shop")).await;
    stage
        .object("as", acting_as(stage.spec("shop"), &role("shop")))
        .await;
    let mut region = stage.spec("shop");
    region["provider"]["aws"]["region"] = json!("eu-central-1");
    stage.object("region", region).await;
    let jasm = stage.world.jasm().await;
    for (name, who) in [("shop", "controller"), ("as", &*role("shop"))] {
        let status = stage.says(name, "AccessDenied").await;
        let said = message(&status);
        assert!(said.contains("allowWrite") && said.contains(who), "{said}");
        assert_eq!(
            super::stage::condition(&status, "Stalled")["status"],
            "True"
        );
        assert!(status["lastAttemptedRevision"].is_null(), "{status}");
        stage.world.event("AccessDenied", name).await;
    }
    let status = stage.says("region", "StoreUnknown").await;
    assert!(message(&status).contains("eu-central-1"), "{status}");
    assert_eq!(stage.held().await, [""; 0]);
    assert_eq!(jasm.calls().await, 0.0);

    // For JASM itself, and some names: the object that acts as a role is still refused.
    let names = format!("paths: [\"{namespace}-KEY_A\"], identities: [controller]");
    stage.config(&stage.store("sm", "aws-secretsmanager", &rule(&names)));
    let status = stage.says("shop", "EntriesFailed").await;
    assert_eq!(status["entries"]["created"], 1, "{status}");
    let failure = &status["failures"][0];
    assert_eq!(failure["name"], stage.entry("KEY_B").as_str(), "{status}");
    assert!(
        failure["message"].as_str().unwrap().contains("allowWrite"),
        "{failure}"
    );
    stage.says("as", "AccessDenied").await;
    assert_eq!(stage.held().await, [stage.entry("KEY_A")]);

    // The rule that was missing wakes the object.
    stage.config(&stage.store(
        "sm",
        "aws-secretsmanager",
        &rule("paths: [\"**\"], identities: [controller]"),
    ));
    let status = stage.says("shop", "Succeeded").await;
    assert_eq!(
        (
            &status["entries"]["created"],
            &status["entries"]["unchanged"]
        ),
        (&json!(1), &json!(1))
    );
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn sources_of_other_namespaces_are_for_whom_the_operator_says() {
    let stage = Stage::new("smc-across").await;
    let other = Place::new(&stage.world, "flux").await;
    let artifact = stage.storage.put("main@sha1:1", &[(&env(), "KEY_A=1\n")]);
    stage.offer_in(&other.name, "shop", &artifact).await;
    let mut spec = stage.spec("shop");
    spec["sourceRef"]["namespace"] = json!(other.name);
    stage.object("shop", spec).await;
    let jasm = stage.world.jasm().await;
    let status = stage.says("shop", "AccessDenied").await;
    assert!(
        message(&status).contains("crossNamespaceSources"),
        "{status}"
    );
    assert_eq!(stage.held().await, [""; 0]);
    stage.config(&format!(
        "{}push:\n  crossNamespaceSources:\n  - {{namespaces: [\"{}\"], sources: [\"*-flux\"]}}\n",
        stage.stores(),
        stage.namespace()
    ));
    stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    // And is followed there.
    let artifact = stage.storage.put("main@sha1:2", &[(&env(), "KEY_A=2\n")]);
    stage.offer_in(&other.name, "shop", &artifact).await;
    stage.says_of("shop", "Succeeded", "main@sha1:2").await;
    assert_eq!(value(&stage.entry("KEY_A")).await.as_deref(), Some("2"));
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn each_object_writes_as_its_own_role_and_no_other() {
    let stage = Stage::without_config("smc-roles").await;
    let clouds = Clouds::beside(&stage.world).await;
    let endpoint = clouds.aws_server.endpoint();
    // A role is named as its namespace and the object.
    let pattern = role("{namespace}-*");
    let rule = format!("{{namespaces: [\"*\"], paths: [\"**\"], identities: [\"{pattern}\"]}}");
    let store = Stage::store_at("sm", "aws-secretsmanager", &rule, &endpoint)
        + &format!("  stsEndpoint: {endpoint}\n");
    stage.config(&store);
    let mut sessions = Vec::new();
    for name in ["one", "two"] {
        let arn = role(&format!("{}-{name}", stage.namespace()));
        let known = jasm_fakes::aws::Role::new(&arn, &clouds.issuer).trusts_principal(CONTROLLER);
        clouds.aws.add_role(known);
        let session = format!(
            "arn:aws:sts::{}:assumed-role/{}-{name}/jasm-{}-{name}",
            moto::ACCOUNT,
            stage.namespace(),
            stage.namespace()
        );
        // Only what is its own, and lists.
        let own = format!("secretsmanager:{}-*-{name}*", stage.namespace());
        clouds.aws.grants.allow(&session, &own);
        clouds
            .aws
            .grants
            .permit(&session, "secretsmanager:ListSecrets", "*");
        sessions.push(session);
        let mut spec = acting_as(stage.spec("shop"), &arn);
        spec["secrets"]["suffix"] = json!(name);
        stage.object(name, spec).await;
    }
    // A third one names the role of the first, writes the names of the second: its own entries only.
    let mut spec = acting_as(
        stage.spec("shop"),
        &role(&format!("{}-one", stage.namespace())),
    );
    spec["secrets"]["suffix"] = json!("two");
    spec["secrets"]["prefix"] = json!(format!("{}-x", stage.namespace()));
    stage.object("three", spec).await;
    // And one a role that does not trust JASM.
    let arn = role(&format!("{}-shut", stage.namespace()));
    clouds
        .aws
        .add_role(jasm_fakes::aws::Role::new(&arn, &clouds.issuer));
    stage
        .object("shut", acting_as(stage.spec("shop"), &arn))
        .await;
    stage
        .source("shop", "main@sha1:1", &[(&env(), "KEY_A=1\nKEY_B=2\n")])
        .await;
    let jasm = stage.world.jasm().await;
    stage.says("one", "Succeeded").await;
    stage.says("two", "Succeeded").await;
    // A call whose answer was lost is made again: what counts is who was answered, and one version each.
    let created = answered(&clouds.aws_server, "CreateSecret");
    for session in &sessions {
        let own = || created.iter().filter(|(who, _)| who == session);
        let answered = own().filter(|(_, status)| *status == Some(200)).count();
        assert!(
            own().count() >= 2 && answered <= 2,
            "{session}: {created:?}"
        );
    }
    let others = created.iter().find(|(who, _)| !sessions.contains(who));
    assert_eq!(others, None, "{created:?}");
    // Nobody was asked as JASM itself but the token service.
    let as_controller = { clouds.aws_server.record.all().into_iter() }
        .filter(|seen| seen.principal.as_deref() == Some(CONTROLLER))
        .filter_map(|seen| seen.operation)
        .find(|operation| operation != "AssumeRole");
    assert_eq!(as_controller, None);
    let assumed = principals(&clouds.aws_server, "AssumeRole");
    for session in &sessions {
        assert!(
            assumed.iter().any(|who| who.contains(session.as_str())),
            "{assumed:?}"
        );
    }
    // It is a session of its own, which may not even list.
    let status = stage.says("three", "StoreFailed").await;
    assert!(message(&status).contains("ListSecrets"), "{status}");
    let status = stage.says("shut", "StoreFailed").await;
    assert!(message(&status).contains(&arn), "{status}");
    assert_eq!(stage.held().await.len(), 4);
    for name in stage.held().await {
        let found = aws::secrets_manager()
            .describe_secret()
            .secret_id(&name)
            .send()
            .await
            .unwrap();
        let owner = if name.ends_with("one") {
            "/one"
        } else {
            "/two"
        };
        assert!(
            format!("{:?}", found.tags()).contains(&format!("{}{owner}", stage.namespace())),
            "{found:?}"
        );
        let versions = found.version_ids_to_stages().map(HashMap::len);
        assert_eq!(versions, Some(1), "{found:?}");
    }
    // The role is taken from the first: the other goes on.
    clouds.aws.grants.withdraw(
        &sessions[0],
        &format!("secretsmanager:{}-*-one*", stage.namespace()),
    );
    clouds.aws.grants.withdraw(&sessions[0], "*");
    stage
        .source("shop", "main@sha1:2", &[(&env(), "KEY_A=3\nKEY_B=2\n")])
        .await;
    stage.says_of("two", "Succeeded", "main@sha1:2").await;
    eventually("the first is denied", || async {
        let object = stage.objects().get("one").await.unwrap();
        let status = &object.data["status"];
        (status["conditions"][0]["status"] == "False").then_some(())
    })
    .await;
    assert_eq!(value(&stage.entry("KEY_A-one")).await.as_deref(), Some("1"));
    assert_eq!(value(&stage.entry("KEY_A-two")).await.as_deref(), Some("3"));
    assert_eq!(jasm.terminate().await, 0);
}
