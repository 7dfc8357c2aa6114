//! The samples in `config/samples`, verbatim: read by the annotation parser, and served in the cluster
//! by the real binary under the config of `config/overlays/production`.

use std::collections::{BTreeMap, BTreeSet};

use jasm::pull::annotation;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::support::manifests::{self, Run, build, create, documents, kind, name};
use crate::support::tier::{Parts, Tier};
use crate::support::{aws, eventually, moto, root};

/// Whose entries the production overlay opens to the samples.
const NAMESPACE: &str = "shop";

/// A sample with what its first lines say that it makes: (kind, name) to keys.
struct Sample {
    file: String,
    object: Value,
    makes: BTreeMap<(String, String), BTreeSet<String>>,
}

fn samples() -> Vec<Sample> {
    let mut files: Vec<_> = std::fs::read_dir(root().join("config/samples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.ends_with(".yaml") && file != "kustomization.yaml")
        .collect();
    files.sort();
    files.into_iter().map(sample).collect()
}

fn sample(file: String) -> Sample {
    let text = manifests::read(&format!("config/samples/{file}"));
    let mut objects = documents(&text);
    assert_eq!(objects.len(), 1, "{file}");
    let makes = text
        .lines()
        .filter_map(|line| line.strip_prefix("# Makes "))
        .map(|line| {
            let (object, keys) = line.strip_suffix('.').unwrap().split_once(": ").unwrap();
            let (kind, name) = object.split_once(' ').unwrap();
            let keys = keys.split(", ").map(str::to_owned).collect();
            ((kind.to_owned(), name.to_owned()), keys)
        })
        .collect();
    Sample {
        file,
        object: objects.remove(0),
        makes,
    }
}

/// The pod, or the template that pods are made from.
fn pod(object: &Value) -> &Value {
    match kind(object) {
        "Pod" => object,
        "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
        _ => &object["spec"]["template"],
    }
}

fn words(value: &Value) -> BTreeMap<String, String> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn every_sample_is_understood_and_says_what_it_makes() {
    let samples = samples();
    for Sample {
        file,
        object,
        makes,
    } in &samples
    {
        let metadata = &pod(object)["metadata"];
        let parsed = annotation::parse(
            &words(&metadata["annotations"]),
            &words(&metadata["labels"]),
        );
        assert_eq!(parsed.problems, [], "{file}");
        let wanted: BTreeSet<_> = parsed
            .wanted
            .into_iter()
            .map(|wanted| (wanted.kind.as_str().to_owned(), wanted.name))
            .collect();
        assert_eq!(wanted, makes.keys().cloned().collect(), "{file}");
    }
    let listed = manifests::read("config/samples/kustomization.yaml");
    for sample in &samples {
        assert!(
            listed.contains(&format!("- {}\n", sample.file)),
            "{} is not listed",
            sample.file
        );
    }
}

#[test]
fn every_form_and_every_field_of_the_grammar_has_a_sample() {
    let said: String = samples()
        .iter()
        .flat_map(|sample| words(&pod(&sample.object)["metadata"]["annotations"]))
        .map(|(annotation, text)| format!("{annotation}: {text}\n"))
        .collect();
    let forms = [
        "/secret-sync: provider:",
        "/secret-sync: - provider:",
        "/config-sync: provider:",
        "/config-sync: - provider:",
        "/environment: ",
        "/secret.",
        "/config.",
        "/**\n",
    ];
    let fields = [
        "secretName",
        "configMapName",
        "keys",
        "key",
        "version",
        "names",
        "prefix",
        "type",
        "optional",
        "retain",
        "file",
        "format",
    ];
    let types =
        ["tls", "dockerconfigjson", "basic-auth", "ssh-auth"].map(|word| format!("type: {word}\n"));
    let fields = fields.map(|field| format!("{field}:"));
    for word in forms
        .into_iter()
        .chain(types.iter().chain(&fields).map(String::as_str))
    {
        assert!(said.contains(word), "no sample has {word:?}");
    }
}

/// What the samples' comments say that the stores hold.
async fn fill_stores() {
    let entries = [
        (
            "/shop/db",
            json!({"username": "shop", "password": "correct horse", "port": 5432}).to_string(),
        ),
        (
            "/shop/mail",
            json!({"host": "mail.internal", "user": "shop", "password": "x"}).to_string(),
        ),
        ("/shop/token", "t0k3n".to_owned()),
        (
            "/shop/api",
            json!({"id": "shop-1", "scopes": ["read", "write"]}).to_string(),
        ),
        (
            "/shop/tls",
            json!({"tls.crt": "certificate", "tls.key": "key"}).to_string(),
        ),
        (
            "/shop/registry",
            json!({"auths": {"registry.example": {"auth": "c2hvcDp4"}}}).to_string(),
        ),
        (
            "/shop/proxy",
            json!({"username": "shop", "password": "x"}).to_string(),
        ),
        ("/shop/deploy-key", "an ssh key".to_owned()),
        ("/shop/partners/acme", "one".to_owned()),
        ("/shop/partners/north/eu", "two".to_owned()),
        ("/shop/signing-key", "first".to_owned()),
    ];
    for (path, value) in entries {
        aws::create_secret(path, &value).await;
    }
    aws::put_secret("/shop/signing-key", "second").await;
    for (name, value) in [
        ("db/host", "db.internal"),
        ("db/port", "5432"),
        ("motd", "hello"),
    ] {
        aws::ssm()
            .put_parameter()
            .name(format!("/shop/config/{name}"))
            .value(value)
            .r#type(aws_sdk_ssm::types::ParameterType::String)
            .send()
            .await
            .unwrap();
    }
}

/// The labels and the content of an object by key; none if it is not there.
async fn content(
    tier: &Tier,
    kind: &str,
    name: &str,
) -> Option<(BTreeMap<String, String>, BTreeMap<String, Vec<u8>>)> {
    let admin = tier.world.admin.clone();
    if kind == "Secret" {
        let secret = Api::<Secret>::namespaced(admin, NAMESPACE)
            .get_opt(name)
            .await
            .unwrap()?;
        let data = secret.data.unwrap_or_default();
        let data = data
            .into_iter()
            .map(|(key, value)| (key, value.0))
            .collect();
        return Some((secret.metadata.labels.unwrap_or_default(), data));
    }
    let map = Api::<ConfigMap>::namespaced(admin, NAMESPACE)
        .get_opt(name)
        .await
        .unwrap()?;
    let data = map.data.unwrap_or_default();
    let data = data
        .into_iter()
        .map(|(key, value)| (key, value.into_bytes()))
        .collect();
    Some((map.metadata.labels.unwrap_or_default(), data))
}

#[tokio::test]
async fn every_sample_is_served_and_its_pods_run() {
    let parts = Parts {
        resources: &["rbac/default", "rbac/push"],
        ..Parts::default()
    };
    let tier = Tier::install("samples", parts).await;
    let world = &tier.world;
    fill_stores().await;
    // The production config as it is, but for where AWS is.
    let endpoint = format!("identity: controller\n    endpoint: {}\n", moto::endpoint());
    let config = manifests::read("config/overlays/production/jasm.yaml")
        .replace("identity: controller\n", &endpoint);
    assert_eq!(config.matches("endpoint: ").count(), 2);
    std::fs::write(world.config_file(), config).unwrap();
    // The namespaces of other tests are not for this one.
    let jasm = world.jasm_with(&["--namespaces", NAMESPACE]).await;
    jasm.ready().await;
    world.add_namespace(NAMESPACE).await;
    for object in build("config/samples") {
        create(&world.admin, &object, Run::Real)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", name(&object)));
        if kind(&object) == "CronJob" {
            // kubectl create job --from=cronjob/…
            let job = json!({"apiVersion": "batch/v1", "kind": "Job",
                "metadata": {"name": name(&object), "namespace": NAMESPACE},
                "spec": object["spec"]["jobTemplate"]["spec"]});
            create(&world.admin, &job, Run::Real).await.unwrap();
        }
    }
    for Sample { file, makes, .. } in samples() {
        for ((kind, name), keys) in makes {
            let (labels, data) = eventually(
                &format!("{kind} {name} of {file} with the keys {keys:?}"),
                || async {
                    let found = content(&tier, &kind, &name).await?;
                    found.1.keys().eq(&keys).then_some(found)
                },
            )
            .await;
            assert_eq!(labels["app.kubernetes.io/managed-by"], "jasm", "{file}");
            assert!(data.values().all(|value| !value.is_empty()), "{file}");
        }
    }
    let pods = Api::<Pod>::namespaced(world.admin.clone(), NAMESPACE);
    let count = samples().len();
    eventually(&format!("the {count} pods of the samples run"), || async {
        let pods = pods.list(&ListParams::default()).await.unwrap().items;
        let runs = |pod: &Pod| {
            pod.status
                .as_ref()
                .and_then(|status| status.phase.as_deref())
                == Some("Running")
        };
        (pods.len() == count && pods.iter().all(runs)).then_some(())
    })
    .await;
    let (_, verify) = content(&tier, "Secret", "verify").await.unwrap();
    assert_eq!(
        (&verify["current.pem"][..], &verify["previous.pem"][..]),
        (&b"second"[..], &b"first"[..])
    );
    let (_, invoices) = content(&tier, "Secret", "invoices").await.unwrap();
    assert_eq!(invoices["FIRST_SCOPE"], b"read");
    // A read that a busy machine made late is tried again, and then nothing is left that failed.
    eventually("no target is failing", || async {
        (jasm.metric("jasm_targets", &["failing"]).await == 0.0).then_some(())
    })
    .await;
    every_metric_of_the_alerts_is_there(&jasm.get("/metrics").await.unwrap().1);
    assert_eq!(jasm.terminate().await, 0);
    let refused: Vec<_> = world
        .requests()
        .into_iter()
        .filter(|request| request.code == 403)
        .collect();
    assert_eq!(refused, []);
}

/// A JASM that has done everything shows every series that an alert asks for.
fn every_metric_of_the_alerts_is_there(metrics: &str) {
    let rules = manifests::read("config/components/prometheus-rule/prometheus_rule.yaml");
    let mut asked = BTreeSet::new();
    for rule in documents(&rules)[0]["spec"]["groups"][0]["rules"]
        .as_array()
        .unwrap()
    {
        let expression = rule["expr"].as_str().unwrap();
        let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        asked.extend(
            words
                .filter(|word| word.starts_with("jasm_"))
                .map(str::to_owned),
        );
    }
    assert!(asked.len() > 5, "{asked:?}");
    for name in asked {
        let there = metrics
            .lines()
            .any(|line| line.split(['{', ' ']).next() == Some(&name));
        assert!(there, "an alert asks for {name}, which JASM does not show");
    }
}
