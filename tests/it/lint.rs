//! `jasm lint` as a program: what it reads, what it writes, how it ends.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const GOOD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  template:
    metadata:
      annotations:
        jasm.codnod.io/secret-sync: |
          provider: local
          path: shop/db
          secretName: shop-db
    spec:
      containers:
        - name: shop
          envFrom: [{secretRef: {name: shop-db}}]
";

fn jasm(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_jasm"))
        .arg("lint")
        .args(arguments)
        .current_dir(directory)
        .env_remove("JASM_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that does not read its input closes it.
    let feed = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

#[test]
fn good_manifests_are_quietly_fine() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), GOOD).unwrap();
    let output = jasm(dir.path(), &["a.yaml"], b"");
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""));
    assert_eq!(stderr(&output), "nothing wrong in 1 workload of 1 file\n");
}

#[test]
fn a_problem_on_standard_input_is_shown_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = GOOD.replace("provider:", "provder:").replace('\n', "\r\n");
    let output = jasm(dir.path(), &["-"], text.as_bytes());
    assert_eq!(code(&output), 1);
    assert_eq!(
        stdout(&output),
        "\
error[annotation/unknown-field]: unknown field in secret-sync: \"provder\"
 --> <stdin>:9:11
  |
9 |           provder: local
  |           ^^^^^^^
  |
  = help: did you mean \"provider\"?

"
    );
    assert_eq!(stderr(&output), "1 error in 1 workload of 1 file\n");
}

#[test]
fn directories_are_read_with_all_below_and_warnings_count_only_if_strict() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("deploy/base");
    fs::create_dir_all(&below).unwrap();
    fs::create_dir_all(dir.path().join("deploy/.hidden")).unwrap();
    fs::write(dir.path().join("deploy/.hidden/x.yaml"), "a: b: c").unwrap();
    fs::write(dir.path().join("deploy/notes.txt"), "a: b: c").unwrap();
    fs::write(dir.path().join("deploy/values.yml"), "replicas: 1\n").unwrap();
    let unused = GOOD.replace("envFrom: [{secretRef: {name: shop-db}}]", "image: x");
    fs::write(below.join("shop.yaml"), unused).unwrap();
    let output = jasm(dir.path(), &["deploy"], b"");
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("--> deploy/base/shop.yaml:11:23\n"));
    assert_eq!(stderr(&output), "1 warning in 1 workload of 2 files\n");
    assert_eq!(code(&jasm(dir.path(), &["--strict", "deploy"], b"")), 1);
    // A file that was named must have an object in it.
    let output = jasm(dir.path(), &["deploy/values.yml"], b"");
    assert!(stdout(&output).contains("there is no Kubernetes object in this file"));
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    fs::create_dir(dir.path().join("nothing")).unwrap();
    write("latin1.yaml", b"kind: Pod\nname: caf\xe9\n");
    write("utf16.yaml", b"\xff\xfek\0i\0");
    write("empty.yaml", b"\n# nothing\n---\n");
    write(
        "bad.yaml",
        GOOD.replace("secretName", "secretNme").as_bytes(),
    );
    let output = jasm(
        dir.path(),
        &[
            "gone.yaml",
            "nothing",
            "latin1.yaml",
            "utf16.yaml",
            "empty.yaml",
            "bad.yaml",
        ],
        b"",
    );
    assert_eq!(code(&output), 2);
    let text = stdout(&output);
    for expected in [
        "error[input/unreadable]: this cannot be read: entity not found\n --> gone.yaml\n",
        "error[input/empty]: there is no *.yaml, *.yml or *.json file in this directory\n --> nothing\n",
        "error[input/not-utf8]: line 2 has a byte in it that is not UTF-8\n --> latin1.yaml:2:10\n",
        "error[input/not-utf8]: this is UTF-16; Kubernetes and JASM read UTF-8\n --> utf16.yaml\n",
        "error[input/empty]: there is nothing in this input\n --> empty.yaml\n",
        "error[annotation/unknown-field]: unknown field in secret-sync: \"secretNme\"\n",
    ] {
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
    let output = jasm(dir.path(), &["-"], b"");
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).contains("there is nothing in this input"));
    assert_eq!(
        code(&jasm(dir.path(), &[], b"")),
        2,
        "no file is a wrong call"
    );
}

#[test]
fn the_config_says_what_its_policy_would() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), GOOD).unwrap();
    let config = dir.path().join("jasm.yaml");
    fs::write(
        &config,
        "stores:\n  - {name: local, kind: file, root: /nowhere, allow: [{namespaces: [bank], paths: ['**']}]}\n",
    )
    .unwrap();
    let output = jasm(dir.path(), &["--config", "jasm.yaml", "a.yaml"], b"");
    assert_eq!(code(&output), 1);
    let expected = "\
error[policy/refused]: shop: the store \"local\" does not let the namespace shop read shop/db";
    assert!(
        stdout(&output).contains(&expected.replace("shop: ", "")),
        "{}",
        stdout(&output)
    );
    // The manifest's own namespace counts, the flag is for those that name none.
    let output = jasm(
        dir.path(),
        &["--config", "jasm.yaml", "-n", "bank", "a.yaml"],
        b"",
    );
    assert_eq!(code(&output), 1);
    let nameless = GOOD.replace(", namespace: shop", "");
    let output = jasm(
        dir.path(),
        &["--config", "jasm.yaml", "-n", "bank", "-"],
        nameless.as_bytes(),
    );
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""));

    fs::write(&config, "stores:\n  - {nme: local}\n").unwrap();
    let output = jasm(dir.path(), &["--config", "jasm.yaml", "a.yaml"], b"");
    assert_eq!(code(&output), 2);
    let text = stdout(&output);
    assert!(
        text.contains("--> jasm.yaml:2:6\n") && text.contains("^^^\n"),
        "{text}"
    );
}

#[test]
fn machines_get_their_formats() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), GOOD.replace("path:", "pth:")).unwrap();
    let run = |format: &str| {
        let output = jasm(dir.path(), &["--format", format, "a.yaml"], b"");
        assert_eq!(
            (code(&output), stderr(&output).as_str()),
            (1, ""),
            "{format}"
        );
        stdout(&output)
    };
    let json: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(json["errors"], 1);
    assert_eq!(json["diagnostics"][0]["file"], "a.yaml");
    assert_eq!(json["diagnostics"][0]["line"], 10);

    let sarif: Value = serde_json::from_str(&run("sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run_of_it = &sarif["runs"][0];
    assert_eq!(run_of_it["tool"]["driver"]["name"], "jasm");
    let result = &run_of_it["results"][0];
    assert_eq!(
        result["ruleId"],
        run_of_it["tool"]["driver"]["rules"][0]["id"]
    );
    assert_eq!(result["level"], "error");
    assert!(result["message"]["text"].as_str().unwrap().contains("pth"));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a.yaml");
    assert_eq!(place["region"]["startLine"], 10);

    assert_eq!(
        run("github"),
        "::error file=a.yaml,line=10,col=11,endColumn=14,title=annotation/unknown-field::unknown field in secret-sync: \"pth\"%0Adid you mean \"path\"?\n"
    );
    // Where nothing is wrong a machine still gets a document.
    let output = jasm(dir.path(), &["--format", "sarif", "-"], GOOD.as_bytes());
    assert_eq!(code(&output), 0);
    let sarif: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(sarif["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn large_inputs_end_soon_and_clearly() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        let start = Instant::now();
        let output = jasm(dir.path(), &[name], b"");
        // Generous for a debug build on a busy machine; the point is that it is not minutes.
        let took = start.elapsed();
        assert!(took < Duration::from_secs(60), "{name}: {took:?}");
        output
    };
    let document = format!("{GOOD}---\n");
    let of = |bytes: usize| document.repeat(bytes / document.len());
    let output = run("huge.yaml", &of(50_000_000));
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).contains("this is larger than 32 MiB"));

    let output = run("many.yaml", &of(2_000_000));
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""));

    let output = run("nodes.yaml", &format!("kind: [{}]", "a,".repeat(1_100_000)));
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("nodes in one document"));

    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let output = run("bomb.yaml", &bomb);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("the aliases up to this one stand for more than"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let bad = GOOD.replace("provider", "provder");
    fs::write(
        dir.path().join("a.yaml"),
        format!("{bad}---\n").repeat(2000),
    )
    .unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_jasm"))
        .args(["lint", "a.yaml"])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1);
    assert_eq!(stderr(&output), "2000 errors in 2000 workloads of 1 file\n");
}
