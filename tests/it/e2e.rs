//! The scripts in `e2e/`: the stories on a test cluster, what they refuse on minikube, and the
//! set-up against a cluster that says it is minikube.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::cluster::{Cluster, start};
use crate::support::controller::{Controller, Start};
use crate::support::{aws, eventually, moto, part, root};

/// Programs that the scripts take from the system.
const SYSTEM: [&str; 21] = [
    "base64", "bash", "cat", "chmod", "cp", "dirname", "env", "find", "flock", "grep", "head",
    "mkdir", "mktemp", "mv", "od", "rm", "sed", "sleep", "tail", "touch", "tr",
];

fn script(name: &str) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(root().join("e2e").join(name))
        .stdin(Stdio::null());
    command
}

/// A story on a test cluster of its own, with the AWS of the tests.
fn story(name: &str) -> Command {
    let mut command = script(name);
    command
        .env("JASM_E2E_TARGET", "testcluster")
        .env("JASM_E2E_AWS_ENDPOINT", moto::endpoint())
        .env("JASM_BINARY", env!("CARGO_BIN_EXE_jasm"))
        .env(
            "JASM_CLUSTER_BIN",
            part("JASM_TEST_BIN", "tests/cluster/build.sh", "bin="),
        );
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn passed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{}: {said}", output.status);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(
        printed.ends_with(": passed\n") || printed.ends_with(": done\n"),
        "{printed}"
    );
    said
}

/// The namespace of a run, from what it said.
fn space(said: &str) -> String {
    let line = said
        .lines()
        .find(|line| line.contains("the namespace of this run is "));
    line.unwrap_or_else(|| panic!("{said}"))
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned()
}

/// The names of all entries that the stores have of a run.
async fn entries(space: &str) -> Vec<String> {
    let mut names = Vec::new();
    let secrets = aws::secrets_manager()
        .list_secrets()
        .include_planned_deletion(true);
    let mut pages = secrets.into_paginator().send();
    while let Some(page) = pages.next().await {
        let secrets = page.unwrap().secret_list.unwrap();
        names.extend(secrets.into_iter().filter_map(|secret| secret.name));
    }
    let mut pages = aws::ssm().describe_parameters().into_paginator().send();
    while let Some(page) = pages.next().await {
        let parameters = page.unwrap().parameters.unwrap();
        names.extend(
            parameters
                .into_iter()
                .filter_map(|parameter| parameter.name),
        );
    }
    names.retain(|name| name.contains(space));
    names
}

/// Programs of a test's own, in a folder that stands before the system's.
struct Programs {
    dir: TempDir,
}

impl Programs {
    /// None but what every system has; above all no minikube, kubectl, aws and docker.
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        for name in SYSTEM {
            let found = std::env::split_paths(&path)
                .map(|folder| folder.join(name))
                .find(|file| file.is_file())
                .unwrap_or_else(|| panic!("{name} is not installed"));
            symlink(found, dir.path().join(name)).unwrap();
        }
        // Python itself, as what is on the PATH may be a script that looks for it.
        let python = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable, end='')"])
            .output()
            .unwrap();
        let python = String::from_utf8(python.stdout).unwrap();
        symlink(python, dir.path().join("python3")).unwrap();
        Self { dir }
    }

    /// One that notes how it is called, and then does what the text says.
    fn add(&self, name: &str, text: &str) {
        let file = self.dir.path().join(name);
        let log = self.log();
        let text = format!(
            "#!/usr/bin/env bash\nprintf '%s\\n' \"{name} $*\" >>'{}'\n{text}\n",
            log.display()
        );
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Whoever is asked for minikube, with this context and this state of the machine.
    fn minikube(&self, context: &str, state: &str) {
        self.add("minikube", &format!("[[ $1 != status ]] || echo '{state}'"));
        self.add(
            "kubectl",
            &format!("[[ '{context}' ]] || exit 1; echo '{context}'"),
        );
        self.add("aws", "");
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("calls.log")
    }

    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// A script with nothing else on its PATH and in its environment.
    fn run(&self, name: &str, variables: &[(&str, &str)]) -> Output {
        script(name)
            .env_clear()
            .env("PATH", self.dir.path())
            .env("HOME", self.dir.path())
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }
}

#[tokio::test]
async fn the_secrets_stories_pass_and_leave_nothing_behind_even_when_interrupted() {
    tokio::task::spawn_blocking(moto::endpoint).await.unwrap();
    let mut child = story("test_aws_sync.sh")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut early = String::new();
    for line in lines.by_ref() {
        early.push_str(&line.unwrap());
        early.push('\n');
        if early.contains("secret/shop-db has what it should have") {
            break;
        }
    }
    let interrupted = space(&early);
    assert!(!entries(&interrupted).await.is_empty());
    let status = Command::new("kill").arg(child.id().to_string()).status();
    assert!(status.unwrap().success());
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(
        child.wait().unwrap().code(),
        Some(143),
        "{}",
        rest.join("\n")
    );
    assert_eq!(entries(&interrupted).await, Vec::<String>::new());

    let output = passed(&mut story("test_aws_sync.sh"));
    assert_eq!(entries(&space(&output)).await, Vec::<String>::new());
    let work = root().join("target/e2e/test_aws_sync-testcluster");
    assert!(!work.exists(), "{}", work.display());
}

#[tokio::test]
async fn the_config_stories_pass_also_without_the_cli_of_aws() {
    tokio::task::spawn_blocking(moto::endpoint).await.unwrap();
    let broken = TempDir::new().unwrap();
    let aws = broken.path().join("aws");
    std::fs::write(&aws, "#!/bin/sh\nexit 127\n").unwrap();
    std::fs::set_permissions(&aws, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = passed(
        story("test_config_sync.sh").env("PATH", format!("{}:{path}", broken.path().display())),
    );
    assert_eq!(entries(&space(&output)).await, Vec::<String>::new());
}

#[test]
fn no_other_cluster_and_no_other_account_is_touched() {
    let scripts = [
        "setup.sh",
        "test_aws_sync.sh",
        "test_config_sync.sh",
        "teardown.sh",
        "run.sh",
    ];
    let ours = ("AWS_PROFILE", "codnod");
    for name in scripts {
        let refused = |programs: &Programs, variables: &[(&str, &str)], why: &str| {
            let output = programs.run(name, variables);
            let said = said(&output);
            assert_eq!(output.status.code(), Some(1), "{name}: {said}");
            assert!(said.contains(why), "{name}: {said}");
            assert_eq!(output.stdout, b"", "{name}");
            for call in programs.calls() {
                assert!(
                    call.starts_with("minikube status") || call == "kubectl config current-context",
                    "{name} called {call}"
                );
            }
        };
        refused(&Programs::new(), &[ours], "minikube is not installed");
        refused(
            &Programs::new(),
            &[ours, ("JASM_E2E_TARGET", "kind")],
            "it may be minikube or testcluster",
        );
        let programs = Programs::new();
        programs.minikube("production", "Running");
        refused(
            &programs,
            &[ours],
            "the kube context is \"production\", not \"minikube\"",
        );
        let programs = Programs::new();
        programs.minikube("production", "Stopped");
        refused(&programs, &[ours], "the kube context is \"production\"");
        let programs = Programs::new();
        programs.minikube("minikube", "Running");
        refused(
            &programs,
            &[],
            "AWS_PROFILE is \"\", not \"codnod\": entries are made only in the project's account",
        );
        refused(
            &programs,
            &[("AWS_PROFILE", "work")],
            "AWS_PROFILE is \"work\"",
        );
        refused(
            &programs,
            &[ours, ("JASM_E2E_PROFILE", "other")],
            "not \"other\"",
        );
        refused(
            &programs,
            &[ours, ("AWS_ACCESS_KEY_ID", "AKIA")],
            "AWS_ACCESS_KEY_ID is set",
        );
    }
}

#[test]
fn minikube_is_started_if_it_does_not_run() {
    let programs = Programs::new();
    programs.minikube("", "Stopped");
    programs.add("docker", "exit 1");
    let output = programs.run("setup.sh", &[("AWS_PROFILE", "codnod")]);
    assert!(
        said(&output).contains("no Docker daemon answers"),
        "{}",
        said(&output)
    );
    assert!(programs.calls().contains(&"minikube start".to_owned()));
}

fn kubectl_of(cluster: &Cluster) -> &str {
    if cluster.kubectl.is_empty() {
        "kubectl"
    } else {
        &cluster.kubectl
    }
}

/// A cluster that calls itself minikube.
fn as_minikube(programs: &Programs, cluster: &Cluster) {
    let text = format!(
        "case \"$*\" in\n\
         'config current-context') echo minikube ;;\n\
         *) exec '{kubectl}' \"$@\" ;;\n\
         esac",
        kubectl = kubectl_of(cluster)
    );
    programs.add("kubectl", &text);
    let text = format!(
        "case \"$*\" in\n\
         status*) echo Running ;;\n\
         update-context) cp '{kubeconfig}' \"$KUBECONFIG\" ;;\n\
         'image ls') printf '%s\\n' registry.k8s.io/pause:3.10 docker.io/library/jasm:e2e-test ;;\n\
         esac",
        kubeconfig = cluster.kubeconfig
    );
    programs.add("minikube", &text);
}

/// The CLI of AWS with nothing but moto behind it.
fn as_aws(programs: &Programs) {
    let moto_server = PathBuf::from(part("JASM_TEST_MOTO", "tests/tools/moto.sh", ""));
    let credentials = format!(
        "AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        moto::ACCESS_KEY,
        moto::SECRET_KEY
    );
    let text = format!(
        "if [[ $1 == configure ]]; then printf '%s\\n' {credentials}; exit; fi\n\
         [[ \"$*\" == '--region {region} --endpoint-url {endpoint} --output text '* ]] || exit 2\n\
         shift 6\n\
         export {credentials} JASM_E2E_AWS_ENDPOINT={endpoint} JASM_E2E_REGION={region}\n\
         unset AWS_PROFILE\n\
         exec '{python}' '{script}' \"$@\"",
        region = moto::REGION,
        endpoint = moto::endpoint(),
        python = moto_server.with_file_name("python").display(),
        script = root().join("e2e/aws.py").display(),
    );
    programs.add("aws", &text);
}

/// What jsonpath finds in an object of the namespace jasm-system; empty if that is not there.
fn get(cluster: &Cluster, kind: &str, name: &str, path: &str) -> String {
    kubectl(
        cluster,
        &[
            "get",
            kind,
            name,
            "--ignore-not-found",
            "-o",
            &format!("jsonpath={path}"),
        ],
    )
}

fn kubectl(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = Command::new(kubectl_of(cluster))
        .args(["--kubeconfig", &cluster.kubeconfig, "-n", "jasm-system"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The kubelet here only pretends to run the image, so that the real JASM runs beside it, with the
/// account and the config that the set-up made.
async fn deployed(cluster: &Cluster, dir: &Path) -> Controller {
    let mut kubeconfig: serde_json::Value = serde_json::from_str(&kubectl(
        cluster,
        &["config", "view", "--raw", "-o", "json"],
    ))
    .unwrap();
    let token = kubectl(cluster, &["create", "token", "jasm"]);
    kubeconfig["users"][0]["user"] = serde_json::json!({"token": token.trim()});
    std::fs::write(dir.join("kubeconfig"), kubeconfig.to_string()).unwrap();
    let config = get(cluster, "configmap", "jasm-config", "{.data.jasm\\.yaml}");
    accepted(&config);
    std::fs::write(dir.join("jasm.yaml"), config).unwrap();
    let jasm = Controller::start(Start {
        config: &dir.join("jasm.yaml"),
        kubeconfig: &dir.join("kubeconfig"),
        log: dir.join("jasm.log"),
        args: &[],
        environment: Vec::new(),
    })
    .await;
    jasm.ready().await;
    jasm
}

#[tokio::test]
async fn what_the_setup_deploys_serves_the_stories_and_teardown_removes_it() {
    tokio::task::spawn_blocking(moto::endpoint).await.unwrap();
    let cluster = start();
    let programs = Programs::new();
    as_minikube(&programs, &cluster);
    as_aws(&programs);
    programs.add("docker", "");
    let variables = [
        ("AWS_PROFILE", "codnod"),
        ("JASM_E2E_IMAGE", "jasm:e2e-test"),
        ("JASM_E2E_AWS_ENDPOINT", moto::endpoint()),
    ];
    let run = |name: &str| {
        let output = programs.run(name, &variables);
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };

    run("setup.sh");
    assert_eq!(
        get(
            &cluster,
            "deployment",
            "jasm",
            "{.spec.template.spec.containers[*].image} {.status.readyReplicas}"
        ),
        "jasm:e2e-test 1"
    );
    let reference = "{.spec.template.spec.containers[0].envFrom[0].secretRef.name}";
    let reference = get(&cluster, "deployment", "jasm", reference);
    assert_ne!(
        get(&cluster, "secret", &reference, "{.data.AWS_ACCESS_KEY_ID}"),
        ""
    );
    let loaded = "minikube image load jasm:e2e-test".to_owned();
    assert!(programs.calls().contains(&loaded));
    // It may be run again.
    run("setup.sh");

    let dir = TempDir::new().unwrap();
    let _jasm = deployed(&cluster, dir.path()).await;
    let space = space(&run("test_config_sync.sh"));
    assert_eq!(entries(&space).await, Vec::<String>::new());
    eventually("the namespace of the run is gone", || async {
        get(&cluster, "namespace", &space, "{.metadata.name}")
            .is_empty()
            .then_some(())
    })
    .await;

    run("teardown.sh");
    assert_eq!(get(&cluster, "deployment", "jasm", "{.metadata.name}"), "");
    assert_eq!(get(&cluster, "clusterrole", "jasm", "{.metadata.name}"), "");
    let removed = "minikube image rm docker.io/library/jasm:e2e-test".to_owned();
    assert!(programs.calls().contains(&removed));
    for name in ["setup-minikube", "teardown-minikube"] {
        let work = root().join("target/e2e").join(name);
        assert!(!work.exists(), "{}", work.display());
    }
}

/// The config is one that JASM takes, and it names both stores.
fn accepted(text: &str) {
    let settings = jasm::settings::Settings::read(Some(text), &Default::default());
    let settings = settings.unwrap_or_else(|problem| panic!("{problem:?}: {text}"));
    let names: Vec<_> = settings.stores.iter().map(|store| &store.name).collect();
    assert_eq!(names, ["aws-secretsmanager", "aws-parameterstore"]);
}

#[test]
fn every_script_can_be_run() {
    for entry in std::fs::read_dir(root().join("e2e")).unwrap() {
        let path = entry.unwrap().path();
        let is_library = path.file_name() == Some("lib.sh".as_ref());
        let is_script = path.extension() == Some("sh".as_ref());
        assert_eq!(
            executable(&path),
            is_script && !is_library,
            "{}",
            path.display()
        );
    }
}

fn executable(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o111 != 0
}
