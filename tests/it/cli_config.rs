//! `jasm config`, `jasm completions`, `jasm man` and the plugin's name, as their caller sees them.

use crate::support::call::{folder, jasm, program, unusable};

const GOOD: &str = "stores:
- name: aws-secretsmanager
  kind: aws-secretsmanager
  region: eu-west-1
  account: \"123456789012\"
  identity: controller
  allow:
  - namespaces: [\"shop\", \"team-*\"]
    paths: [\"/{namespace}/**\"]
- name: local
  kind: file
  root: /srv
";

#[test]
fn a_good_config_is_described() {
    let dir = folder(&[("jasm.yaml", GOOD)]);
    let said = jasm(dir.path(), &["config", "check", "jasm.yaml"], b"").ends(0);
    for part in [
        "jasm.yaml is good",
        "store aws-secretsmanager: aws-secretsmanager, eu-west-1, account 123456789012, read as JASM's own identity",
        "line 8: pods in shop, team-* may read /{namespace}/**",
        "store \"local\": no rule in \"allow\": nobody may read this store",
        "jasm.yaml:10:3",
        "namespaces served: *",
        "rights default",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
    let strict = ["config", "check", "--strict", "jasm.yaml"];
    jasm(dir.path(), &strict, b"").ends(1);
    let report = jasm(
        dir.path(),
        &["config", "check", "--format", "json", "-"],
        GOOD.as_bytes(),
    )
    .ends(0)
    .json();
    assert_eq!(report["good"], true);
    assert_eq!(report["rights"], "default");
    assert_eq!(report["stores"][0]["allow"][0]["line"], 8);
    assert_eq!(report["stores"][1]["kind"], "file");
    assert_eq!(report["diagnostics"][0]["severity"], "warning");
}

#[test]
fn a_rule_that_is_no_border_between_namespaces_is_doubted_at_its_line() {
    let text = "stores:
- name: sm
  kind: aws-secretsmanager
  region: eu-west-1
  identity: workload
  allowWrite:
  - namespaces: [\"shop\"]
    paths: [\"{namespace}_*\"]
    identities: [controller]
  - namespaces: [\"team-*\"]
    paths: [\"{namespace}-*\"]
    identities: [controller]
";
    let dir = folder(&[("jasm.yaml", text)]);
    let said = jasm(dir.path(), &["config", "check", "jasm.yaml"], b"").ends(0);
    for part in [
        "warning[config/doubtful]",
        "jasm.yaml:10:",
        "\"{namespace}-*\" lets",
        "write \"{namespace}_*\"",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
    let report = jasm(
        dir.path(),
        &["config", "check", "--format", "json", "jasm.yaml"],
        b"",
    )
    .ends(0)
    .json();
    assert_eq!(
        report["diagnostics"].as_array().unwrap().len(),
        1,
        "{report}"
    );
    let strict = ["config", "check", "--strict", "jasm.yaml"];
    jasm(dir.path(), &strict, b"").ends(1);
}

#[test]
fn a_bad_config_is_underlined() {
    let text = GOOD.replace("  kind: file", "  knd: file");
    let dir = folder(&[("jasm.yaml", &text)]);
    let said = jasm(dir.path(), &["config", "check", "jasm.yaml"], b"").ends(1);
    assert!(said.out.contains("jasm.yaml:11:3"), "{}", said.out);
    assert!(said.out.contains("did you mean \"kind\"?"), "{}", said.out);
    assert!(said.out.contains("  knd: file"), "{}", said.out);
    assert!(
        said.out
            .lines()
            .any(|line| line.trim_end().ends_with(" ^^^")),
        "{}",
        said.out
    );
    let report = jasm(
        dir.path(),
        &["config", "check", "--format", "json", "jasm.yaml"],
        b"",
    )
    .ends(1)
    .json();
    assert_eq!(report["good"], false);
    assert_eq!(report["diagnostics"][0]["line"], 11);
}

#[test]
fn windows_line_ends_move_no_place() {
    let text = GOOD
        .replace("  kind: file", "  knd: file")
        .replace('\n', "\r\n");
    let dir = folder(&[("jasm.yaml", &text)]);
    let said = jasm(dir.path(), &["config", "check", "jasm.yaml"], b"").ends(1);
    assert!(said.out.contains("jasm.yaml:11:3"), "{}", said.out);
    let good = folder(&[("jasm.yaml", &GOOD.replace('\n', "\r\n"))]);
    jasm(good.path(), &["config", "check", "jasm.yaml"], b"").ends(0);
}

#[test]
fn what_cannot_be_read_is_said() {
    let dir = folder(&[]);
    for (name, word) in unusable(dir.path()) {
        let said = jasm(dir.path(), &["config", "check", &name], b"").ends(2);
        assert!(
            said.err.contains(word) && said.err.contains(&name),
            "{}",
            said.err
        );
    }
    for (mebibytes, word) in [(2, "larger than 1 MiB"), (50, "larger than 32 MiB")] {
        let text = format!("logLevel: {}", "x".repeat(mebibytes << 20));
        std::fs::write(dir.path().join("large"), text).unwrap();
        let said = jasm(dir.path(), &["config", "check", "large"], b"").ends(2);
        assert!(said.err.contains(word), "{}", said.err);
    }
    let said = jasm(dir.path(), &["config", "chek", "large"], b"").ends(2);
    assert!(said.err.contains("check"), "{}", said.err);
}

#[test]
fn the_schema_in_the_checkout_is_the_one_it_prints() {
    let dir = folder(&[]);
    let printed = jasm(dir.path(), &["config", "schema"], b"").ends(0);
    let there = std::fs::read_to_string(crate::support::root().join("config/jasm.schema.json"));
    assert_eq!(printed.out, there.unwrap());
}

#[test]
fn shells_complete_and_pages_are_written() {
    let dir = folder(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = jasm(dir.path(), &["completions", shell], b"").ends(0);
        assert!(script.out.contains("config") && script.out.contains("explain"));
    }
    // The shell itself takes it.
    let script = jasm(dir.path(), &["completions", "bash"], b"").out;
    std::fs::write(
        dir.path().join("script"),
        format!("{script}\ncomplete -p jasm\n"),
    )
    .unwrap();
    let bash = std::path::Path::new("/bin/bash");
    let taken = program(bash, dir.path(), &["--norc", "script"], b"").ends(0);
    assert!(taken.out.contains("jasm"), "{}", taken.out);

    let listed = jasm(dir.path(), &["man", "pages"], b"").ends(0);
    let pages: Vec<_> = listed.out.lines().collect();
    for page in [
        "jasm.1",
        "jasm-run.1",
        "jasm-config-check.1",
        "jasm-policy-test.1",
        "jasm-explain-pod.1",
        "jasm-doctor.1",
    ] {
        assert!(
            pages.contains(&format!("pages/{page}").as_str()),
            "{pages:?}"
        );
    }
    let page = std::fs::read_to_string(dir.path().join("pages/jasm-config-check.1")).unwrap();
    assert!(
        page.contains("jasm config check") && page.contains("Examples"),
        "{page}"
    );
    std::fs::write(dir.path().join("file"), "").unwrap();
    let said = jasm(dir.path(), &["man", "file"], b"").ends(2);
    assert!(said.err.contains("file cannot be written"), "{}", said.err);
}

#[test]
fn as_a_plugin_it_names_itself_as_kubectl_does() {
    let dir = folder(&[]);
    let plugin = dir.path().join("kubectl-jasm");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_jasm"), &plugin).unwrap();
    let help = program(&plugin, dir.path(), &["explain", "pod", "--help"], b"").ends(0);
    assert!(
        help.out.contains("Usage: kubectl jasm explain pod"),
        "{}",
        help.out
    );
    for flag in ["--context", "--kubeconfig", "--namespace"] {
        assert!(help.out.contains(flag), "{}", help.out);
    }
    let help = jasm(dir.path(), &["explain", "pod", "--help"], b"").ends(0);
    assert!(help.out.contains("Usage: jasm explain pod"), "{}", help.out);
}

#[test]
fn every_help_begins_with_one_line_and_knows_the_exit_codes() {
    let dir = folder(&[]);
    let commands: [&[&str]; 9] = [
        &["run"],
        &["explain"],
        &["explain", "pod"],
        &["render"],
        &["policy", "test"],
        &["policy", "iam"],
        &["doctor"],
        &["config", "check"],
        &["completions"],
    ];
    for command in commands {
        let mut call = command.to_vec();
        call.push("--help");
        let help = jasm(dir.path(), &call, b"").ends(0).out;
        let first = help.lines().next().unwrap_or_default();
        assert!(
            first.len() > 20 && first.len() < 100,
            "{command:?}: {first}"
        );
        if command != ["run"] {
            assert!(help.contains("Examples:"), "{command:?}: {help}");
        }
    }
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_jasm"))
        .args(["config", "schema"])
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}
