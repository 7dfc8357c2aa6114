//! The controller may end at any moment of a push: the next one completes it, and nothing is done twice.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jasm_fakes::Fault;
use serde_json::json;

use super::stage::{FOLDER, Stage, message, value, versions};
use crate::support::aws;
use crate::support::clouds::Clouds;

const SECRETS: usize = 150;
const PARAMETERS: usize = 50;
const KILLS: usize = 20;

/// The two files: every fifth entry is as it was.
fn files(round: &str, from: usize) -> (String, String) {
    let value = |number: usize| {
        if number.is_multiple_of(5) {
            "same".to_owned()
        } else {
            format!("{round}-{number}")
        }
    };
    let (mut secrets, mut properties) = (String::new(), String::new());
    for number in from..from + SECRETS {
        let _ = writeln!(secrets, "SECRET_{number:03}={}", value(number));
    }
    for number in from..from + PARAMETERS {
        let _ = writeln!(properties, "setting.{number:03}={}", value(number));
    }
    (secrets, properties)
}

async fn offer(stage: &Stage, revision: &str, round: &str, from: usize) {
    let (secrets, properties) = files(round, from);
    let (env, plain) = (
        format!("{FOLDER}/application.secrets.env"),
        format!("{FOLDER}/application.properties"),
    );
    stage
        .source("shop", revision, &[(&env, &secrets), (&plain, &properties)])
        .await;
}

/// All parameters below the test's path: value and version.
async fn parameters(stage: &Stage) -> BTreeMap<String, (String, i64)> {
    let client = aws::ssm();
    let mut pages = client
        .get_parameters_by_path()
        .path(format!("/{}", stage.namespace()))
        .recursive(true)
        .into_paginator()
        .send();
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for parameter in page.unwrap().parameters.unwrap_or_default() {
            let value = parameter.value.unwrap();
            found.insert(parameter.name.unwrap(), (value, parameter.version));
        }
    }
    found
}

#[tokio::test]
async fn killed_at_twenty_moments_of_a_push_it_completes_it_and_does_nothing_twice() {
    let stage = Stage::without_config("smc-killed").await;
    let clouds = Clouds::beside(&stage.world).await;
    let endpoint = clouds.aws_server.endpoint();
    let rule = "{namespaces: [\"*\"], paths: [\"**\"], identities: [controller]}";
    stage.config(&format!(
        "{}{}",
        Stage::store_at("sm", "aws-secretsmanager", rule, &endpoint),
        Stage::store_at("ps", "aws-parameterstore", rule, &endpoint)
    ));
    let foreign = [stage.entry("SECRET_900"), stage.entry("other")];
    for name in &foreign {
        aws::create_secret(name, "foreign").await;
    }
    let foreign_versions = [versions(&foreign[0]).await, versions(&foreign[1]).await];
    let mut spec = stage.spec("shop");
    spec["configs"] = json!({"enabled": true});
    stage.object("shop", spec).await;
    offer(&stage, "main@sha1:1", "first", 0).await;
    let jasm = stage.world.jasm().await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    assert_eq!(status["entries"]["created"], 200, "{}", message(&status));
    assert_eq!(jasm.terminate().await, 0);
    let mut before = BTreeMap::new();
    for name in stage.held().await {
        before.insert(name.clone(), versions(&name).await);
    }
    let before_parameters = parameters(&stage).await;
    assert_eq!(
        (before.len(), before_parameters.len()),
        (SECRETS + foreign.len(), PARAMETERS)
    );

    // Ten entries of each are new, ten are in the source no more. Each call takes so long that all the kills
    // are within the one push.
    let server = &clouds.aws_server;
    server
        .faults
        .play("*", Fault::Late(Duration::from_millis(120)), None);
    let writes = || {
        let seen = server.record.all().into_iter();
        let is_write = |operation: &str| {
            [
                "CreateSecret",
                "PutSecretValue",
                "UpdateSecret",
                "PutParameter",
            ]
            .contains(&operation)
        };
        seen.filter(|seen| seen.operation.as_deref().is_some_and(is_write))
            .count()
    };
    let begun = writes();
    offer(&stage, "main@sha1:2", "second", 10).await;
    let mut moments = Vec::new();
    for _ in 0..KILLS {
        let jasm = stage.world.jasm_with(&[]).await;
        let moment = Duration::from_millis(fastrand::u64(0..3000));
        let _ = tokio::time::timeout(moment, std::future::pending::<()>()).await;
        jasm.kill().await;
        moments.push(writes() - begun);
    }
    server.faults.clear();
    let jasm = stage.world.jasm().await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:2").await;
    assert_eq!(status["entries"]["total"], 200, "{}", message(&status));
    assert_eq!(jasm.terminate().await, 0);
    // If this fails the machine is too fast or too slow: no kill was in the middle of writing.
    let changed = 2 * 10 + (SECRETS - 10) * 4 / 5 + (PARAMETERS - 10) * 4 / 5;
    let within = { moments.iter() }
        .filter(|&&written| written > 0 && written < changed)
        .count();
    assert!(within >= 3, "{moments:?}");

    let (secrets, properties) = files("second", 10);
    for line in secrets.lines() {
        let (key, expected) = line.split_once('=').unwrap();
        let name = stage.entry(key);
        assert_eq!(value(&name).await.as_deref(), Some(expected), "{name}");
        let (now, was) = (versions(&name).await, before.get(&name));
        match was {
            None => assert_eq!(now.len(), 1, "{name}: {now:?}"),
            Some(was) if expected == "same" => assert_eq!(&now, was, "{name}"),
            Some(was) => assert_eq!(now.len(), was.len() + 1, "{name}: {now:?}, before {was:?}"),
        }
    }
    let now = parameters(&stage).await;
    for line in properties.lines() {
        let (key, expected) = line.split_once('=').unwrap();
        let name = format!("/{}/prod/{key}", stage.namespace());
        let version = match before_parameters.get(&name) {
            None => 1,
            Some(_) if expected == "same" => 1,
            Some(_) => 2,
        };
        assert_eq!(now[&name], (expected.to_owned(), version), "{name}");
    }
    // What the source has no more stays as it was, and so does what is not ours.
    for number in 0..10 {
        let name = stage.entry(&format!("SECRET_{number:03}"));
        assert_eq!(versions(&name).await, before[&name], "{name}");
        let name = format!("/{}/prod/setting.{number:03}", stage.namespace());
        assert_eq!(now[&name], before_parameters[&name], "{name}");
    }
    assert_eq!(now.len(), PARAMETERS + 10);
    assert_eq!(stage.held().await.len(), SECRETS + 10 + foreign.len());
    for (name, versions_before) in foreign.iter().zip(foreign_versions) {
        assert_eq!(value(name).await.as_deref(), Some("foreign"));
        assert_eq!(versions(name).await, versions_before);
    }
}
