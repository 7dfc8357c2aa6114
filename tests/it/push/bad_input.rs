//! What bad input gets: a condition with a reason, an event, nothing written, and no value anywhere.

use std::fmt::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use jasm::push::source::flux::Artifact;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::stage::{FOLDER, Stage, age, condition, encrypted, message};
use crate::support::eventually;

const MARKER: &str = "mArKeR";

fn env() -> String {
    format!("{FOLDER}/application.secrets.env")
}

/// An archive with a link where the file should be.
fn linked() -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    builder
        .append_link(&mut header, env(), "/etc/passwd")
        .unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// One object with what is wrong with its source.
struct Case {
    name: &'static str,
    reason: &'static str,
    /// Words of the message.
    said: Vec<String>,
    artifact: Artifact,
    keys: Option<&'static str>,
    change: fn(&mut Value),
    /// It ends only when somebody changes something.
    stalled: bool,
}

struct Cases<'a> {
    stage: &'a Stage,
    all: Vec<Case>,
}

impl Cases<'_> {
    fn add(
        &mut self,
        name: &'static str,
        reason: &'static str,
        said: &[&str],
        files: &[(&str, &str)],
    ) -> &mut Case {
        let artifact = self.stage.storage.put(&format!("main@sha1:{name}"), files);
        let stalled = !["DecryptionFailed", "SourceUnavailable", "StoreFailed"].contains(&reason);
        self.all.push(Case {
            name,
            reason,
            said: said.iter().map(|&word| word.to_owned()).collect(),
            artifact,
            keys: None,
            change: |_| {},
            stalled,
        });
        self.all.last_mut().unwrap()
    }
}

#[tokio::test]
async fn bad_input_gets_a_reason_and_writes_nothing() {
    let stage = Stage::new("smc-bad").await;
    let (right, recipient) = age();
    let (wrong, other) = age();
    stage.secret("right", &[("a.agekey", &right)]).await;
    stage.secret("wrong", &[("a.agekey", &wrong)]).await;
    stage.secret("none", &[("readme.txt", "no key here")]).await;
    stage
        .secret(
            "spoilt",
            &[("a.agekey", &format!("AGE-SECRET-KEY-{MARKER}"))],
        )
        .await;
    let plain = format!("KEY_ONE={MARKER}-1\nKEY_TWO={MARKER}-2\n");
    let sealed = encrypted(&plain, &recipient);
    let sealed_otherwise = encrypted(&plain, &other);
    let env = env();
    // The lines of two values changed places: each decrypts by itself only with its own name.
    let tampered = {
        let mut lines: Vec<String> = sealed.lines().map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with("KEY_TWO="));
        lines.join("\n") + "\n"
    };
    let mut cases = Cases {
        stage: &stage,
        all: Vec::new(),
    };
    let sealed_files: &[(&str, &str)] = &[(&env, &sealed)];
    cases.add(
        "no-keys",
        "DecryptionFailed",
        &["application.secrets.env", "decryption.secretRef"],
        sealed_files,
    );
    cases
        .add(
            "lost-keys",
            "DecryptionFailed",
            &["lost", "does not exist"],
            sealed_files,
        )
        .keys = Some("lost");
    cases
        .add(
            "wrong-key",
            "DecryptionFailed",
            &["application.secrets.env"],
            sealed_files,
        )
        .keys = Some("wrong");
    cases
        .add(
            "empty-keys",
            "DecryptionFailed",
            &["application.secrets.env"],
            sealed_files,
        )
        .keys = Some("none");
    cases
        .add(
            "spoilt-key",
            "DecryptionFailed",
            &["a.agekey"],
            sealed_files,
        )
        .keys = Some("spoilt");
    cases
        .add(
            "recipient",
            "DecryptionFailed",
            &["application.secrets.env"],
            &[(&env, &sealed_otherwise)],
        )
        .keys = Some("right");
    cases
        .add(
            "tampered",
            "DecryptionFailed",
            &["application.secrets.env", "MAC"],
            &[(&env, &tampered)],
        )
        .keys = Some("right");
    let survived = format!("KEY_ONE=ENC[AES256_GCM,data:{MARKER},iv:a,tag:b,type:str]\n");
    cases.add(
        "survivor",
        "FilesInvalid",
        &["KEY_ONE", "ENC["],
        &[(&env, &survived)],
    );
    let broken = format!("{{\"{MARKER}\": ");
    let json_file = format!("{FOLDER}/application.secrets.json");
    cases.add(
        "broken",
        "FilesInvalid",
        &["application.secrets.json"],
        &[(&json_file, &broken)],
    );
    let elsewhere = env.replace("prod", "test");
    cases.add(
        "no-environment",
        "FilesInvalid",
        &["prod"],
        &[(&elsewhere, &plain)],
    );
    cases.add(
        "no-files",
        "FilesInvalid",
        &["prod"],
        &[(&format!("{FOLDER}/README.md"), &plain)],
    );
    let colliding = format!("KEY.ONE={MARKER}-1\nKEY_ONE={MARKER}-2\nKEY_TWO=2\n");
    cases.add(
        "colliding",
        "NameCollision",
        &["KEY.ONE", "KEY_ONE"],
        &[(&env, &colliding)],
    );
    let kustomized = [
        (
            "deploy/kustomization.yaml",
            "resources: [job.yaml]\nimages: [{name: a, newTag: b}]\nhelmCharts: [{name: a}]\n",
        ),
        (&*env, &*plain),
    ];
    cases
        .add(
            "kustomize",
            "UnsupportedKustomizeFeature",
            &["helmCharts"],
            &kustomized,
        )
        .change = |spec| {
        spec["secrets"]["kustomizePath"] = json!("deploy");
    };
    let case = cases.add(
        "digest",
        "SourceUnavailable",
        &["digest"],
        &[(&env, &plain)],
    );
    case.artifact.digest = digest(b"other");
    let case = cases.add(
        "cut",
        "SourceUnavailable",
        &["cut short"],
        &[(&env, &plain)],
    );
    case.artifact.size = case.artifact.size.map(|size| size + 10);
    let case = cases.add("algorithm", "SourceInvalid", &["blake3"], &[(&env, &plain)]);
    case.artifact.digest = "blake3:00".into();
    let case = cases.add(
        "gone",
        "SourceUnavailable",
        &["not there any more"],
        &[(&env, &plain)],
    );
    case.artifact.url = case.artifact.url.replace("gone", "nowhere");
    let archive = linked();
    let url = stage.storage.put_bytes("main@sha1:link", archive.clone());
    let case = cases.add(
        "linked",
        "SourceInvalid",
        &["application.secrets.env", "symbolic link"],
        &[(&env, &plain)],
    );
    case.artifact = Artifact {
        url,
        revision: "main@sha1:linked".into(),
        digest: digest(&archive),
        size: Some(archive.len() as u64),
    };
    for case in &cases.all {
        stage.offer(case.name, &case.artifact).await;
        let mut spec = stage.spec(case.name);
        if let Some(keys) = case.keys {
            spec["decryption"] = json!({"secretRef": {"name": keys}});
        }
        spec["deletionPolicy"] = json!("Delete");
        (case.change)(&mut spec);
        stage.object(case.name, spec).await;
    }
    let jasm = stage.world.jasm_with(&["--log-level", "trace"]).await;
    jasm.ready().await;
    let mut statuses = String::new();
    let mut wrong = Vec::new();
    for case in &cases.all {
        // Any reason, so that one wrong case does not hide the others.
        let status = eventually(&format!("{} says something", case.name), || async {
            let object = stage.objects().get(case.name).await.unwrap();
            let status = object.data["status"].clone();
            (!condition(&status, "Ready").is_null()).then_some(status)
        })
        .await;
        let ready = condition(&status, "Ready");
        let said = message(&status);
        let stalled = !condition(&status, "Stalled").is_null();
        let right = ready["reason"] == case.reason
            && ready["status"] == "False"
            && case.said.iter().all(|word| said.contains(word.as_str()))
            && stalled == case.stalled
            && status["lastAttemptedRevision"] == case.artifact.revision.as_str()
            && status["lastAppliedRevision"].is_null();
        if !right {
            wrong.push(format!(
                "{}: not {} {:?}: {ready}",
                case.name, case.reason, case.said
            ));
        }
        let _ = writeln!(statuses, "{status}");
        let note = stage
            .world
            .event(ready["reason"].as_str().unwrap(), case.name)
            .await;
        assert_eq!(note, said, "{}", case.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(stage.held().await, [""; 0]);

    // The right key comes: whoever waited for it goes on without anybody touching the object.
    stage.secret("lost", &[("a.agekey", &right)]).await;
    stage.says("lost-keys", "Succeeded").await;
    assert_eq!(
        stage.held().await,
        [stage.entry("KEY_ONE"), stage.entry("KEY_TWO")]
    );

    let events = serde_json::to_string(&stage.world.events().await).unwrap();
    let (_, metrics) = jasm.get("/metrics").await.unwrap();
    let log = jasm.log_text();
    assert!(log.contains("DecryptionFailed"));
    let identity = right.trim_start_matches("AGE-SECRET-KEY-").to_owned();
    let encoded = [MARKER.to_owned(), "bUFyS2VS".to_owned(), identity];
    for (what, text) in [
        ("log", &log),
        ("events", &events),
        ("metrics", &metrics),
        ("statuses", &statuses),
    ] {
        for (number, line) in text.lines().enumerate() {
            assert!(
                !encoded.iter().any(|marker| line.contains(marker)),
                "a value is in the {what}, line {number}"
            );
        }
    }
    // None of them holds anything, so each goes at once, whatever is wrong with its source.
    for case in cases.all.iter().filter(|case| case.name != "lost-keys") {
        stage.delete(case.name).await;
        stage.gone(case.name).await;
    }
    assert_eq!(stage.held().await.len(), 2);
    assert_eq!(jasm.terminate().await, 0);
}
