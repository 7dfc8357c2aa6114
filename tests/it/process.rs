//! The program as an operator meets it: start, bad config, reload, health, log level, end.

use std::time::Duration;

use crate::support::controller::Controller;
use crate::support::eventually;
use crate::support::fake_aws::{Answer, FakeAws};
use crate::support::pods::template;
use crate::support::world::World;

#[tokio::test]
async fn a_bad_config_file_is_refused_with_line_and_field() {
    let world = World::new("badconfig").await;
    let cases = [
        (
            "stores:\n- name: a\n  knd: file\n",
            ":3:3:",
            "did you mean \"kind\"?",
        ),
        (
            "stores:\n- name: a\n  kind: file\n  root: /\n  identity: workload\n",
            ":5:13:",
            "a directory knows no identities",
        ),
        (
            "stores:\n- name: a\n  kind: azure-keyvault\n  vault: acme.vault.azure.net\n  identity: workload\n",
            ":4:10:",
            "write the name alone, without its host",
        ),
        (
            "stores:\n- name: a\n  kind: aws-secretsmanager\n  region: eu-west-1\n",
            ":2:",
            "needs the field \"identity\"",
        ),
        ("logLevel: loud\n", ":1:", "known are"),
    ];
    for (text, place, word) in cases {
        std::fs::write(world.config_file(), text).unwrap();
        let start = world.start(&[]).await;
        let log = start.log.clone();
        let output = crate::support::controller::spawn(&start)
            .wait_with_output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = std::fs::read_to_string(log).unwrap();
        assert!(said.contains(place) && said.contains(word), "{said}");
    }
}

#[tokio::test]
async fn the_file_is_followed_and_the_last_good_one_stays() {
    let world = World::new("reload").await;
    let jasm = world.jasm().await;
    let good = std::fs::read_to_string(world.config_file()).unwrap();
    std::fs::write(world.config_file(), good.replace("stores:", "storse:")).unwrap();
    eventually("it is not ready with a bad file", || async {
        let (status, body) = jasm.get("/readyz").await?;
        (status == 503 && body.contains("[-] the config file")).then_some(())
    })
    .await;
    assert!(
        jasm.log_text().contains("did you mean \\\"stores\\\"?"),
        "{}",
        jasm.log_text()
    );
    assert_eq!(jasm.get("/livez").await.unwrap().0, 200);
    // The last good one still serves.
    world.put("db", r#"{"user":"app"}"#);
    let text = format!(
        "provider: local\npath: {}/db\nsecretName: db\n",
        world.namespace
    );
    world
        .create(
            template(&[("secret-sync", &text)])
                .env_from("db")
                .pod("shop"),
        )
        .await;
    world.pod_runs("shop").await;

    std::fs::write(world.config_file(), format!("logLevel: trace\n{good}")).unwrap();
    jasm.ready().await;
    assert_eq!(
        jasm.metric("jasm_config_reloads_total", &["\"ok\""]).await,
        1.0
    );
    assert_eq!(
        jasm.metric("jasm_config_reloads_total", &["refused"]).await,
        1.0
    );
}

#[tokio::test]
async fn the_log_level_changes_while_it_runs() {
    let world = World::new("level").await;
    let good = std::fs::read_to_string(world.config_file()).unwrap();
    std::fs::write(world.config_file(), format!("logLevel: error\n{good}")).unwrap();
    let start = world.start(&[]).await;
    let log = start.log.clone();
    let _child = crate::support::controller::spawn(&start);
    world.put("db", r#"{"user":"app"}"#);
    let text = format!(
        "provider: local\npath: {}/db\nsecretName: db\n",
        world.namespace
    );
    world
        .create(
            template(&[("secret-sync", &text)])
                .unschedulable()
                .pod("one"),
        )
        .await;
    world.expect("db", &[("user", "app")]).await;
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "");
    std::fs::write(world.config_file(), format!("logLevel: debug\n{good}")).unwrap();
    eventually("the new level shows", || async {
        std::fs::read_to_string(&log)
            .unwrap()
            .contains("in force")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn sigterm_finishes_what_is_under_way_and_exits_with_zero() {
    let world = World::new("sigterm").await;
    let store = FakeAws::start().await;
    store.set("db", Answer::Value(r#"{"user":"app"}"#.to_owned()));
    store.latency(Duration::from_secs(4));
    world
        .config(&World::aws_store("cloud", &store.endpoint))
        .await;
    world.be_patient_with_stores();
    let jasm = world.jasm().await;
    let text = "provider: cloud\npath: db\nsecretName: db\n";
    world
        .create(
            template(&[("secret-sync", text)])
                .unschedulable()
                .pod("shop"),
        )
        .await;
    eventually("the store is asked", || async {
        (store.asked("db") == 1).then_some(())
    })
    .await;
    jasm.signal("TERM");
    eventually("it is no longer ready", || async {
        (jasm.get("/readyz").await?.0 == 503).then_some(())
    })
    .await;
    assert_eq!(jasm.exit().await, 0);
    assert_eq!(
        world.data("db").await.unwrap()["user"],
        "app",
        "the object was written before the end"
    );
    assert!(
        world
            .events()
            .await
            .iter()
            .any(|(reason, _, _)| reason == "SecretSynced"),
        "and its event too"
    );
}

#[tokio::test]
async fn it_is_ready_only_when_the_watch_is_in_sync() {
    let world = World::new("ready").await;
    world
        .set_rules(|rules| rules[0]["verbs"] = serde_json::json!(["get"]))
        .await;
    let jasm: Controller = world.jasm_with(&[]).await;
    eventually("it says what is missing", || async {
        jasm.log_text()
            .contains("needs list and watch on pods")
            .then_some(())
    })
    .await;
    let (status, body) = jasm.get("/readyz").await.unwrap();
    assert!(
        status == 503 && body.contains("[-] the watch on pods is in sync"),
        "{body}"
    );
    assert_eq!(jasm.get("/healthz").await.unwrap().0, 200);
    world.set_rules(|_| {}).await;
    jasm.ready().await;
}

#[tokio::test]
async fn with_the_right_to_observe_it_is_ready_only_when_all_three_watches_are_in_sync() {
    let world = World::new("readyobserve").await;
    let with = |rules: &mut Vec<serde_json::Value>, resources: &[&str]| {
        rules.push(serde_json::json!({"apiGroups": [""], "resources": resources, "verbs": ["list", "watch"]}));
    };
    world.set_rules(|rules| with(rules, &["secrets"])).await;
    let jasm: Controller = world.jasm_with(&["--rights", "observe"]).await;
    let body = eventually("two of the watches are in sync", || async {
        let (status, body) = jasm.get("/readyz").await?;
        assert_eq!(status, 503, "{body}");
        let synced = |resource| body.contains(&format!("[+] the watch on {resource} is in sync"));
        (synced("pods") && synced("secrets")).then_some(body)
    })
    .await;
    assert!(
        body.contains("[-] the watch on configmaps is in sync"),
        "{body}"
    );
    eventually("it says what is missing", || async {
        jasm.log_text()
            .contains("needs list and watch on configmaps")
            .then_some(())
    })
    .await;
    world
        .set_rules(|rules| with(rules, &["secrets", "configmaps"]))
        .await;
    jasm.ready().await;
}

#[tokio::test]
async fn a_token_that_is_not_accepted_any_more_is_named() {
    let world = World::new("token").await;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm().await;
    world.delete_account().await;
    let text = format!("local:{}/db", world.namespace);
    world
        .create(
            template(&[("secret.db", &text)])
                .unschedulable()
                .pod("shop"),
        )
        .await;
    // The watch on pods lives on: who it is was asked when it began.
    eventually("the log says what to do", || async {
        let said = jasm.lines().into_iter().find_map(|line| {
            let message = line.get("message")?.as_str()?.to_owned();
            message
                .contains("does not accept JASM's token (401)")
                .then_some(message)
        })?;
        assert!(said.contains("restart JASM's pod"), "{said}");
        Some(())
    })
    .await;
    assert_eq!(world.data("db").await, None);
}
