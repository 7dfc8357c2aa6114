//! `jasm push`: what it plans is what it does, it writes what the controller writes, and it prints no value.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use jasm_fakes::aws::{Aws, Role};
use jasm_fakes::{Server, Trust};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::aws::{create_secret, secrets_manager, ssm};
use crate::support::call::{Call, folder, jasm, program_as, unusable};
use crate::support::{moto, part};

/// In every value, so that none is printed unseen.
const MARKER: &str = "hunter2";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "/////wQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A pipeline's folder: objects, files, keys and a config for one prefix.
struct Pipeline {
    dir: TempDir,
    prefix: &'static str,
    variables: Vec<(&'static str, String)>,
}

impl Pipeline {
    fn new(prefix: &'static str) -> Self {
        let endpoint = moto::endpoint();
        Self::at(prefix, &format!("endpoint: {endpoint}"), "controller", "")
    }

    fn at(prefix: &'static str, endpoint: &str, identity: &str, auth: &str) -> Self {
        let rules = |paths: &str| {
            format!(
                "allowWrite: [{{namespaces: [team], paths: ['{paths}'], identities: ['{identity}']}}]"
            )
        };
        let (secrets, parameters) = (
            rules(&format!("{prefix}-*")),
            rules(&format!("/{prefix}/**")),
        );
        let common = format!(
            "region: {}\n  identity: controller\n  {endpoint}",
            moto::REGION
        );
        let config = format!(
            "push: {{cluster: ci-{prefix}}}\nstores:\n\
             - name: sm\n  kind: aws-secretsmanager\n  {common}\n  {secrets}\n\
             - name: ps\n  kind: aws-parameterstore\n  {common}\n  {parameters}\n\
             - {{name: away, kind: vault, address: 'https://127.0.0.1:1', mount: m, audience: vault, role: r, identity: workload, caFile: /nowhere/ca.pem}}\n"
        );
        let object = format!(
            "apiVersion: secret-manager.microscaler.io/v1alpha1\nkind: SecretManagerConfig\n\
             metadata: {{name: shop, namespace: team}}\nspec:\n  sourceRef: {{name: platform}}\n  \
             provider: {{type: aws, aws: {{region: {}{auth}}}}}\n  secrets: {{environment: prod, prefix: {prefix}}}\n  \
             configs: {{enabled: true}}\n  decryption: {{secretRef: {{name: keys}}}}\n",
            moto::REGION
        );
        let pipeline = Self {
            dir: folder(&[("jasm.yaml", &config), ("smc.yaml", &object)]),
            prefix,
            variables: vec![
                ("AWS_ACCESS_KEY_ID", moto::ACCESS_KEY.to_owned()),
                ("AWS_SECRET_ACCESS_KEY", moto::SECRET_KEY.to_owned()),
            ],
        };
        std::fs::create_dir_all(pipeline.file("")).unwrap();
        pipeline.write(
            "application.secrets.env",
            "DB=hunter2-a\nTOKEN=hunter2-b\nEMPTY=\n",
        );
        pipeline.write("application.config.properties", "level=hunter2-c\n");
        pipeline
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        let profile = "src/deployment-configuration/profiles/prod";
        self.dir.path().join(profile).join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), text).unwrap();
    }

    fn edit(&self, name: &str, old: &str, new: &str) {
        let path = self.dir.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old}: {text}");
        std::fs::write(path, text.replace(old, new)).unwrap();
    }

    fn call(&self, what: &str, more: &[&str]) -> Call {
        let mut args = vec![
            "push",
            what,
            "-f",
            "smc.yaml",
            "--source",
            "src",
            "--config",
            "jasm.yaml",
        ];
        args.extend(more);
        let variables: Vec<(&str, &str)> = { self.variables.iter() }
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let program = Path::new(env!("CARGO_BIN_EXE_jasm"));
        let call = program_as(program, self.dir.path(), &variables, &args, b"");
        for said in [&call.out, &call.err] {
            assert!(
                !said.contains(MARKER) && !said.contains("aHVudGVyMg"),
                "{said}"
            );
        }
        call
    }

    /// What becomes of each entry, by its name without the prefix.
    fn actions(&self, call: &Call) -> BTreeMap<String, String> {
        let report = call.json();
        let entries = report["objects"][0]["entries"].as_array().unwrap().iter();
        let short = |name: &str| {
            let rest = name.strip_prefix(&format!("{}-", self.prefix));
            rest.unwrap_or(name).to_owned()
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        entries
            .map(|entry| {
                let action = match entry["reason"].as_str() {
                    Some(reason) => format!("{} {reason}", text(&entry["action"])),
                    None => text(&entry["action"]),
                };
                (short(&text(&entry["name"])), action)
            })
            .collect()
    }

    async fn value(&self, key: &str) -> Option<String> {
        let name = format!("{}-{key}", self.prefix);
        let read = secrets_manager().get_secret_value().secret_id(name).send();
        read.await.ok()?.secret_string().map(str::to_owned)
    }

    async fn description(&self, key: &str) -> String {
        let name = format!("{}-{key}", self.prefix);
        let secret = secrets_manager().describe_secret().secret_id(name).send();
        let secret = secret.await.unwrap();
        secret.description().unwrap_or_default().to_owned()
    }

    async fn tags(&self, key: &str) -> BTreeMap<String, String> {
        let name = format!("{}-{key}", self.prefix);
        let secret = secrets_manager().describe_secret().secret_id(name).send();
        let secret = secret.await.unwrap();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        { secret.tags().iter() }
            .map(|tag| (text(tag.key()), text(tag.value())))
            .collect()
    }
}

fn is(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, action): &(&str, &str)| ((*name).to_owned(), (*action).to_owned());
    expected.iter().map(owned).collect()
}

/// Encrypts a file with the real sops, and gives the identity that decrypts it.
fn encrypt(plain: &str, into: &Path) -> String {
    let run = |program: String, args: &[&str], stdin: &str| -> String {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("plain.yaml");
        std::fs::write(&input, stdin).unwrap();
        let output = Command::new(program)
            .args(args)
            .arg(if args.is_empty() {
                Path::new("-pq=false")
            } else {
                input.as_path()
            })
            .env("HOME", dir.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let identity = run(
        part("JASM_TEST_AGE_KEYGEN", "tests/tools/sops.sh", "age-keygen="),
        &[],
        "",
    );
    let recipient = identity.split("public key: ").nth(1).unwrap();
    let recipient = recipient.lines().next().unwrap();
    let sops = part("JASM_TEST_SOPS", "tests/tools/sops.sh", "sops=");
    let args = ["encrypt", "--age", recipient];
    std::fs::write(into, run(sops, &args, plain)).unwrap();
    identity
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_is_done_and_nothing_else() {
    let pipeline = Pipeline::new("planned").with("JASM_PUSH_KEY", KEY);
    let identity = encrypt(
        "API: hunter2-d\n",
        &pipeline.file("application.secrets.api.yaml"),
    );
    std::fs::create_dir(pipeline.dir.path().join("keys")).unwrap();
    std::fs::write(pipeline.dir.path().join("keys/ci.agekey"), identity).unwrap();
    let keys = ["--keys", "keys", "-o", "json"];
    let parameter = "/planned/prod/level";
    let first = is(&[
        (parameter, "created"),
        ("API", "created"),
        ("DB", "created"),
        ("EMPTY", "skipped Empty"),
        ("TOKEN", "created"),
    ]);
    let plan = pipeline.call("plan", &keys).ends(0);
    assert_eq!(pipeline.actions(&plan), first);
    assert_eq!(plan.json()["dryRun"], true);
    let entry = &plan.json()["objects"][0]["entries"][0];
    assert_eq!(entry["store"], "ps");
    let file = "deployment-configuration/profiles/prod/application.config.properties";
    assert_eq!(entry["file"], file);
    assert_eq!(pipeline.value("DB").await, None, "a plan writes nothing");
    pipeline
        .call("plan", &["--keys", "keys", "--detailed-exitcode"])
        .ends(3);

    let revision = ["--revision", "main@sha1:1", "--keys", "keys", "-o", "json"];
    let apply = pipeline.call("apply", &revision).ends(0);
    assert_eq!(pipeline.actions(&apply), first);
    assert_eq!(apply.json()["objects"][0]["revision"], "main@sha1:1");
    for (key, value) in [
        ("DB", "hunter2-a"),
        ("TOKEN", "hunter2-b"),
        ("API", "hunter2-d"),
    ] {
        assert_eq!(pipeline.value(key).await.as_deref(), Some(value), "{key}");
    }
    let read = ssm().get_parameter().name(parameter).send().await.unwrap();
    assert_eq!(read.parameter().unwrap().value(), Some("hunter2-c"));
    let tags = pipeline.tags("DB").await;
    assert_eq!(tags["jasm.codnod.io/owner"], "ci-planned/team/shop");
    let about = pipeline.description("DB").await;
    assert!(about.contains("main@sha1:1"), "{about}");
    pipeline
        .call("plan", &["--keys", "keys", "--detailed-exitcode"])
        .ends(0);

    // A change, a removal, and what stays.
    pipeline.write("application.secrets.env", "DB=hunter2-changed\n");
    let text = pipeline.call("plan", &["--keys", "keys"]).ends(0).out;
    for line in [
        "    change   planned-DB",
        "    retain   planned-TOKEN",
        "    keep     planned-API",
        "  store sm",
        "1 change, 2 keep, 1 retain",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    pipeline.edit("smc.yaml", "configs:", "deletionPolicy: Delete\n  configs:");
    let second = is(&[
        (parameter, "unchanged"),
        ("API", "unchanged"),
        ("DB", "updated"),
        ("TOKEN", "deleted"),
    ]);
    assert_eq!(
        pipeline.actions(&pipeline.call("plan", &keys).ends(0)),
        second
    );
    assert_eq!(
        pipeline.actions(&pipeline.call("apply", &keys).ends(0)),
        second
    );
    assert_eq!(
        pipeline.value("DB").await.as_deref(),
        Some("hunter2-changed")
    );
    assert_eq!(pipeline.value("TOKEN").await, None);
}

/// Two services; of one of them something goes missing that nobody removed.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_in_the_source_still_is_not_deleted() {
    let pipeline = Pipeline::new("gaps").with("JASM_PUSH_KEY", KEY);
    pipeline.edit("smc.yaml", "configs:", "deletionPolicy: Delete\n  configs:");
    pipeline.edit(
        "smc.yaml",
        "enabled: true",
        "enabled: true, files: ['db/*.env', application.secrets.b.env]",
    );
    let root = pipeline.dir.path().join("src/b");
    let profiles = root.join("deployment-configuration/profiles");
    let (prod, moved) = (profiles.join("prod"), profiles.join("elsewhere"));
    let whole = || {
        let _ = std::fs::remove_dir_all(&root);
        let _ = std::fs::remove_file(&root);
        std::fs::create_dir_all(prod.join("db")).unwrap();
        std::fs::write(prod.join("application.secrets.b.env"), "B=hunter2-b\n").unwrap();
        std::fs::write(prod.join("db/secrets.env"), "C=hunter2-c\n").unwrap();
    };
    whole();
    pipeline.call("apply", &[]).ends(0);
    let lost = |what: &str, said: &str| {
        let call = pipeline.call("plan", &["-o", "json"]).ends(0);
        let actions = pipeline.actions(&call);
        let deleted: Vec<_> = { actions.iter() }
            .filter(|(_, action)| *action == "deleted")
            .collect();
        assert!(deleted.is_empty(), "{what}: {deleted:?}");
        assert!(
            actions.values().any(|action| action == "retained"),
            "{what}: {actions:?}"
        );
        for said in [said, "nothing that may be there is deleted"] {
            assert!(call.out.contains(said), "{what}: {said}: {}", call.out);
        }
        whole();
    };
    let link = |at: &Path| {
        std::fs::rename(at, pipeline.dir.path().join("away")).unwrap();
        std::os::unix::fs::symlink(pipeline.dir.path().join("away"), at).unwrap();
    };
    let unlink = |at: &Path| {
        std::fs::remove_file(at).unwrap();
        std::fs::rename(pipeline.dir.path().join("away"), at).unwrap();
    };
    std::fs::rename(&prod, &moved).unwrap();
    lost("another environment", "has no environment");
    std::fs::write(prod.join("application.secrets.b.env"), "").unwrap();
    lost("an empty file", "there is no key in");
    std::fs::rename(
        prod.join("application.secrets.b.env"),
        prod.join("application.secret.b.env"),
    )
    .unwrap();
    lost("a mistyped name", "application.secrets.b.env");
    std::fs::remove_dir_all(prod.join("db")).unwrap();
    std::fs::rename(prod.join("application.secrets.b.env"), prod.join("app.env")).unwrap();
    lost("another name", "nothing to read");
    for at in [&root, &prod, &prod.join("db")] {
        link(at);
        let call = pipeline.call("plan", &["-o", "json"]).ends(0);
        assert!(
            !call.out.contains("\"deleted\""),
            "{}: {}",
            at.display(),
            call.out
        );
        assert!(
            call.out.contains("leads out of the directory"),
            "{}",
            call.out
        );
        unlink(at);
    }
    // A file that is there and cannot be taken refuses the object.
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    std::fs::write(prod.join("db/secrets.env"), pointer).unwrap();
    let refused = pipeline.call("plan", &[]).ends(1);
    assert!(refused.out.contains("Git LFS"), "{}", refused.out);
    whole();
    // What is removed goes, with the folder of a whole service too.
    std::fs::remove_dir_all(&root).unwrap();
    let actions = pipeline.actions(&pipeline.call("apply", &["-o", "json"]).ends(0));
    assert_eq!(
        (&*actions["B"], &*actions["C"]),
        ("deleted", "deleted"),
        "{actions:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_entries_are_read_and_marks_stay() {
    let pipeline = Pipeline::new("keyless");
    let fingerprint = "jasm.codnod.io/fingerprint";
    std::fs::write(pipeline.dir.path().join("key"), KEY).unwrap();
    let key = ["--fingerprint-key", "key"];
    pipeline.call("apply", &key).ends(0);
    let marked = pipeline.tags("DB").await;
    let unchanged = |call: &Call| {
        let actions = pipeline.actions(call);
        assert_eq!(
            (&*actions["DB"], &*actions["TOKEN"]),
            ("unchanged", "unchanged")
        );
    };
    unchanged(&pipeline.call("plan", &["-o", "json"]).ends(0));
    unchanged(&pipeline.call("apply", &["-o", "json"]).ends(0));
    let still = pipeline.tags("DB").await;
    assert_eq!(still.get(fingerprint), marked.get(fingerprint));
    // Another lasting key is one that comes back.
    let other = Pipeline {
        variables: pipeline.variables.clone(),
        dir: pipeline.dir,
        prefix: pipeline.prefix,
    };
    let other = other.with("JASM_PUSH_KEY", OTHER_KEY);
    other.call("apply", &["-o", "json"]).ends(0);
    assert_ne!(
        other.tags("DB").await.get(fingerprint),
        marked.get(fingerprint)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_entry_is_told_and_the_others_are_written() {
    let pipeline = Pipeline::new("refusal");
    create_secret("refusal-DB", "hunter2-theirs").await;
    let expected = is(&[
        ("/refusal/prod/level", "created"),
        ("DB", "failed NotOwned"),
        ("EMPTY", "skipped Empty"),
        ("TOKEN", "created"),
    ]);
    for what in ["plan", "apply"] {
        let call = pipeline.call(what, &["-o", "json"]).ends(1);
        assert_eq!(pipeline.actions(&call), expected, "{what}");
    }
    assert_eq!(
        pipeline.value("DB").await.as_deref(),
        Some("hunter2-theirs")
    );
    assert_eq!(pipeline.value("TOKEN").await.as_deref(), Some("hunter2-b"));
    let text = pipeline.call("plan", &[]).ends(1).out;
    assert!(
        text.contains("refuse   refusal-DB") && text.contains("left alone"),
        "{text}"
    );
    // A rule that does not reach so far.
    pipeline.edit("jasm.yaml", "paths: ['refusal-*']", "paths: ['refusal-D*']");
    let call = pipeline.call("plan", &["-o", "json"]).ends(1);
    assert_eq!(pipeline.actions(&call)["TOKEN"], "failed AccessDenied");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_refused_as_in_the_cluster() {
    let table: [(&str, &str, &str, &str); 6] = [
        (
            "smc.yaml",
            "namespace: team",
            "namespace: other",
            "AccessDenied: the store \"sm\" lets no object",
        ),
        (
            "smc.yaml",
            "environment: prod",
            "environment: dev",
            "FilesInvalid: ",
        ),
        ("smc.yaml", "eu-west-1", "eu-west-2", "StoreUnknown: "),
        (
            "jasm.yaml",
            "push:",
            "namespaces: [x]\npush:",
            "AccessDenied: JASM does not serve",
        ),
        (
            "smc.yaml",
            "configs:",
            "suspend: true\n  configs:",
            "Suspended: suspend is true",
        ),
        (
            "src/deployment-configuration/profiles/prod/application.config.properties",
            "level=",
            "a=1\na=",
            "FilesInvalid: ",
        ),
    ];
    for (at, old, new, said) in table {
        let pipeline = Pipeline::new("whole");
        pipeline.edit(at, old, new);
        let code = i32::from(!said.starts_with("Suspended"));
        let call = pipeline.call("apply", &[]).ends(code);
        assert!(call.out.contains(said), "{said}: {}", call.out);
        assert_eq!(pipeline.value("DB").await, None, "{said}");
    }
    // Encrypted for somebody else.
    let pipeline = Pipeline::new("whole");
    let identity = encrypt(
        "API: hunter2-d\n",
        &pipeline.file("application.secrets.api.yaml"),
    );
    let text = pipeline.call("plan", &[]).ends(1).out;
    assert!(
        text.contains("DecryptionFailed: ") && text.contains("application.secrets.api.yaml"),
        "{text}"
    );
    assert!(
        text.contains("no keys were given") && text.contains("--keys"),
        "{text}"
    );
    let pipeline = pipeline.with("SOPS_AGE_KEY", identity);
    let text = pipeline.call("plan", &[]).ends(0).out;
    assert!(!text.contains("decryption.secretRef"), "{text}");
    // The cluster has no keys: that is told here already.
    pipeline.edit("smc.yaml", "  decryption: {secretRef: {name: keys}}\n", "");
    let text = pipeline.call("plan", &[]).ends(0).out;
    assert!(
        text.contains("note: ")
            && text.contains("application.secrets.api.yaml is encrypted, and the object names no decryption.secretRef"),
        "{text}"
    );
    // A key that fits is not what is lacking where a file was changed.
    let file = pipeline.file("application.secrets.api.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("more: hunter2-e\n{text}")).unwrap();
    let text = pipeline.call("plan", &[]).ends(1).out;
    assert!(text.contains("DecryptionFailed: "), "{text}");
    assert!(
        !text.contains("secretRef") && !text.contains("--keys"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_directory_and_of_standard_input_are_taken() {
    let pipeline = Pipeline::new("many");
    std::fs::create_dir_all(pipeline.dir.path().join("deploy/b")).unwrap();
    let object = std::fs::read_to_string(pipeline.dir.path().join("smc.yaml")).unwrap();
    let at = |name: &str| pipeline.dir.path().join("deploy").join(name);
    std::fs::write(at("smc.yaml"), &object).unwrap();
    std::fs::write(at("other.yaml"), "kind: Deployment\n").unwrap();
    std::fs::write(at("b/smc.yml"), object.replace("name: shop", "name: again")).unwrap();
    let plan = |file: &str, input: &str| {
        let variables: Vec<(&str, &str)> = { pipeline.variables.iter() }
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let args = [
            "push",
            "plan",
            "-f",
            file,
            "--source",
            "src",
            "--config",
            "jasm.yaml",
            "-o",
            "json",
        ];
        let program = Path::new(env!("CARGO_BIN_EXE_jasm"));
        program_as(
            program,
            pipeline.dir.path(),
            &variables,
            &args,
            input.as_bytes(),
        )
    };
    let names = |call: &Call| -> Vec<String> {
        let report = call.json();
        let objects = report["objects"].as_array().unwrap().iter();
        objects
            .map(|object| object["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&plan("deploy", "").ends(0)), ["again", "shop"]);
    // As `kubectl -n` has it.
    let nowhere = object.replace("namespace: team", "namespace: ''");
    let call = plan("-", &nowhere).ends(2);
    assert!(call.err.contains("give -n"), "{}", call.err);
    std::fs::write(at("b/smc.yml"), &object).unwrap();
    let call = plan("deploy", "").ends(2);
    assert!(call.err.contains("is there twice"), "{}", call.err);
    std::fs::remove_file(at("smc.yaml")).unwrap();
    std::fs::remove_file(at("b/smc.yml")).unwrap();
    let call = plan("deploy", "").ends(2);
    assert!(
        call.err.contains("there is no SecretManagerConfig"),
        "{}",
        call.err
    );
}

#[test]
fn a_source_that_is_no_folder_is_a_wrong_call() {
    for (source, why) in [
        ("nowhere", "entity not found"),
        ("smc.yaml", "not a directory"),
    ] {
        let pipeline = Pipeline::new("unusable");
        let args = [
            "push",
            "plan",
            "-f",
            "smc.yaml",
            "--config",
            "jasm.yaml",
            "--source",
            source,
        ];
        let call = jasm(pipeline.dir.path(), &args, b"").ends(2);
        assert!(
            call.err.contains(&format!(
                "--source {source}: the directory cannot be read: {why}"
            )),
            "{}",
            call.err
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_writes_as_the_identity_that_the_object_names() {
    let aws = Aws::new(Arc::new(Trust::default()), Some(moto::endpoint())).unwrap();
    aws.add_key(moto::ACCESS_KEY, moto::SECRET_KEY, "ci");
    let role = format!("arn:aws:iam::{}:role/cli-push", moto::ACCOUNT);
    aws.add_role(Role::new(&role, "https://nobody").trusts_principal("ci"));
    let session = format!("arn:aws:sts::{}:assumed-role/cli-push/*", moto::ACCOUNT);
    aws.grants.allow(&session, "*");
    let server = Server::start(aws, 0, None).await.unwrap();
    let endpoint = server.endpoint();
    let auth = format!(", auth: {{authType: Irsa, roleArn: '{role}'}}");
    let endpoint = format!("endpoint: {endpoint}\n  stsEndpoint: {endpoint}");
    let pipeline = Pipeline::at("assumed", &endpoint, &role, &auth);
    // Parameter Store has no gate of its own in the fake.
    pipeline.edit("smc.yaml", "  configs: {enabled: true}\n", "");
    std::fs::remove_file(pipeline.file("application.config.properties")).unwrap();
    let call = pipeline.call("apply", &["-o", "json"]).ends(0);
    assert_eq!(pipeline.actions(&call)["DB"], "created");
    assert_eq!(pipeline.value("DB").await.as_deref(), Some("hunter2-a"));
    let seen = server.record.all();
    let of = |operation: &str| -> Vec<String> {
        let seen = seen.iter();
        seen.filter(|seen| seen.operation.as_deref() == Some(operation))
            .map(|seen| seen.principal.clone().unwrap_or_default())
            .collect()
    };
    let writers = of("CreateSecret");
    assert!(
        !writers.is_empty()
            && writers
                .iter()
                .all(|who| who.contains("assumed-role/cli-push/")),
        "{writers:?}"
    );
    // Whoever is not trusted by the role writes nothing.
    let other = Pipeline::at(
        "stranger",
        &endpoint,
        &role.replace("cli-push", "other"),
        &auth.replace("cli-push", "other"),
    );
    other.edit("smc.yaml", "  configs: {enabled: true}\n", "");
    let text = other.call("apply", &[]).ends(1).out;
    assert!(text.contains("StoreFailed: "), "{text}");
}

#[test]
fn what_cannot_be_used_is_said_in_one_sentence() {
    let table: [(&str, &str, &str, &[&str], &str); 12] = [
        (
            "jasm.yaml",
            "push: {cluster: ci-unusable}\n",
            "",
            &[],
            "jasm.yaml has no push.cluster",
        ),
        (
            "jasm.yaml",
            "cluster:",
            "clutser:",
            &[],
            "did you mean \"cluster\"?",
        ),
        (
            "smc.yaml",
            "enabled:",
            "enbled:",
            &[],
            "unknown field in spec.configs: \"enbled\"",
        ),
        (
            "smc.yaml",
            ", namespace: team",
            "",
            &[],
            "write metadata.namespace, or give -n",
        ),
        (
            "smc.yaml",
            "",
            "",
            &["-n", "other"],
            "is in the namespace team, and -n says other",
        ),
        (
            "smc.yaml",
            "",
            "",
            &["-n", "Team"],
            "a namespace has up to 63",
        ),
        (
            "smc.yaml",
            "",
            "",
            &["--keys", "nowhere"],
            "--keys nowhere: it cannot be read",
        ),
        (
            "smc.yaml",
            "",
            "",
            &["--keys", "src"],
            "there is no *.agekey",
        ),
        (
            "smc.yaml",
            "",
            "",
            &["--keys", "bad"],
            "the key bad/a.agekey: ",
        ),
        (
            "smc.yaml",
            "",
            "",
            &["--fingerprint-key", "jasm.yaml"],
            "jasm.yaml holds no key of fingerprints",
        ),
        (
            "smc.yaml",
            "",
            "",
            &["--fingerprint-key", "nowhere"],
            "the key file nowhere cannot be read",
        ),
        (
            "smc.yaml",
            "",
            "",
            &["--revision", "a b"],
            "printable characters",
        ),
    ];
    for (at, old, new, more, said) in table {
        let pipeline = Pipeline::new("unusable");
        std::fs::create_dir(pipeline.dir.path().join("bad")).unwrap();
        std::fs::write(pipeline.dir.path().join("bad/a.agekey"), "hunter2\n").unwrap();
        pipeline.edit(at, old, new);
        let call = pipeline.call("plan", more).ends(2);
        assert!(
            call.err.contains(said) && call.out.is_empty(),
            "{said}: {call:?}"
        );
    }
    let pipeline = Pipeline::new("unusable");
    for (name, said) in unusable(pipeline.dir.path()) {
        std::fs::rename(
            pipeline.dir.path().join("smc.yaml"),
            pipeline.dir.path().join("kept"),
        )
        .unwrap();
        let target = pipeline.dir.path().join(&name);
        if target.exists() {
            std::os::unix::fs::symlink(target, pipeline.dir.path().join("smc.yaml")).unwrap();
        }
        let call = pipeline.call("plan", &[]).ends(2);
        assert!(call.err.contains(said), "{name}: {}", call.err);
        let _ = std::fs::remove_file(pipeline.dir.path().join("smc.yaml"));
        std::fs::rename(
            pipeline.dir.path().join("kept"),
            pipeline.dir.path().join("smc.yaml"),
        )
        .unwrap();
    }
    let pipeline = pipeline.with("JASM_PUSH_KEY", "hunter2");
    let call = pipeline.call("plan", &[]).ends(2);
    assert!(
        call.err.contains("JASM_PUSH_KEY holds no key"),
        "{}",
        call.err
    );
}
