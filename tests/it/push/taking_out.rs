//! The commands of docs/uninstall.md, in a cluster of the test's own, as they are for all of its objects.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::stage::{FOLDER, Stage, held};
use crate::support::{cluster, crds, eventually, manifests, root};

/// The commands below a heading of the page, one script for each block.
fn scripts(heading: &str) -> Vec<String> {
    let page = manifests::read("docs/uninstall.md");
    let (_, below) = page.split_once(&format!("## {heading}\n")).unwrap();
    let below = below.split("\n## ").next().unwrap();
    let mut scripts = vec![String::new()];
    for line in below.lines() {
        match line
            .strip_prefix("    ")
            .filter(|line| !line.starts_with("If "))
        {
            Some(line) => scripts.last_mut().unwrap().push_str(&format!("{line}\n")),
            None if line.is_empty() => {}
            None => scripts.push(String::new()),
        }
    }
    scripts.retain(|script| script.contains("kubectl"));
    scripts
}

/// Runs a script as somebody who runs the cluster; it has to end.
async fn sh(own: &cluster::Cluster, script: &str) {
    let kubectl = match own.kubectl.as_str() {
        "" => "kubectl",
        path => path,
    };
    let bin = tempfile::tempdir().unwrap();
    let text = format!("#!/bin/sh\nexec '{kubectl}' \"$@\"\n");
    let program = bin.path().join("kubectl");
    std::fs::write(&program, text).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let path = format!(
        "{}:{}",
        bin.path().display(),
        std::env::var("PATH").unwrap()
    );
    let mut command = Command::new("timeout");
    command
        .args(["60", "bash", "-euo", "pipefail", "-c", script])
        .env("KUBECONFIG", &own.kubeconfig)
        .env("PATH", path)
        .current_dir(root());
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    assert!(
        output.status.success(),
        "{script}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn what_the_page_on_taking_it_out_says_holds() {
    let (own, stage) = Stage::elsewhere().await;
    let admin = stage.admin();
    stage.config(&stage.stores());
    crds::of_objects(&admin).await;
    crds::of_source(&admin, jasm::push::crd::SourceKind::GitRepository).await;
    let env = format!("{FOLDER}/application.secrets.env");
    stage
        .source("shop", "main@sha1:1", &[(&env, "KEY_A=1\n")])
        .await;
    let prefix = format!("smc-out-{:06x}", fastrand::u32(..0x0100_0000));
    let objects = |names: &'static [&'static str]| {
        names.iter().map(|name| {
            let mut spec = stage.spec("shop");
            spec["secrets"]["prefix"] = json!(prefix);
            spec["secrets"]["suffix"] = json!(name);
            spec["deletionPolicy"] = json!("Delete");
            (*name, spec)
        })
    };
    let jasm = stage.world.jasm().await;
    for (name, spec) in objects(&["well", "suspended", "lost"]) {
        stage.object(name, spec).await;
        stage.says(name, "Succeeded").await;
    }
    let suspend = json!({"spec": {"suspend": true}});
    stage.change("suspended", suspend).await;
    stage.says("suspended", "Suspended").await;
    let elsewhere = json!({"spec": {"provider": {"aws": {"region": "eu-nowhere-1"}}}});
    stage.change("lost", elsewhere).await;
    stage.says("lost", "StoreUnknown").await;
    assert_eq!(held(&prefix).await.len(), 3);
    let [retain, wait, remove] = scripts("Step by step").try_into().unwrap();
    sh(&own, &retain).await;
    sh(&own, &wait).await;
    // The whole includes the definition, with which all objects go.
    let remove = remove.replace("config/default", "config/crd");
    sh(&own, &remove).await;
    assert_eq!(held(&prefix).await.len(), 3, "nothing of it went");

    // Another time, and JASM is gone first: what deletes them hangs until the finalizers are taken off.
    crds::of_objects(&admin).await;
    for (name, spec) in objects(&["well"]) {
        stage.object(name, spec).await;
        stage.says(name, "Succeeded").await;
    }
    assert_eq!(jasm.terminate().await, 0);
    stage.delete("well").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.objects().get("well").await.unwrap();
    let [free] = scripts("JASM is gone already").try_into().unwrap();
    sh(&own, &free).await;
    eventually("it is gone", || async {
        let found = stage.objects().get_opt("well").await.unwrap();
        found.is_none().then_some(())
    })
    .await;
    sh(&own, &remove).await;
    assert_eq!(held(&prefix).await.len(), 3, "nothing of it went");
    drop(own);
}
