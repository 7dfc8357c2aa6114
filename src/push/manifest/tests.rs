use super::*;

const GOOD: &str = "apiVersion: secret-manager.microscaler.io/v1alpha1
kind: SecretManagerConfig
metadata: {name: shop, namespace: team}
spec:
  sourceRef: {kind: GitRepository, name: platform}
  provider: {type: aws, aws: {region: eu-west-1}}
  secrets: {environment: prod}
";

fn look(text: &str) -> Result<Vec<Object>, Vec<String>> {
    let source = Arc::new(Source::new("smc.yaml", text));
    read(&[source]).map_err(|problems| {
        let said = problems.iter().map(|problem| {
            let place = problem.place.map_or(0, |place| place.line);
            format!("{place}: {}", problem.message)
        });
        said.collect()
    })
}

#[test]
fn documents_lists_and_json_are_read_and_other_kinds_are_passed_over() {
    let stream = format!(
        "kind: Secret\ndata: {{a: &x b, c: *x}}\n---\n{GOOD}---\n# nothing\n---\n{}",
        GOOD.replace("shop", "b")
    );
    let objects = look(&stream).unwrap();
    let names: Vec<_> = { objects.iter() }
        .map(|object| (object.name.as_str(), object.place.line))
        .collect();
    assert_eq!(names, [("shop", 4), ("b", 14)]);
    assert_eq!(objects[0].namespace.as_deref(), Some("team"));
    assert_eq!(objects[0].spec.secrets.environment, "prod");
    let json = r#"{"kind": "List", "apiVersion": "v1", "items": [{
        "apiVersion": "secret-manager.microscaler.io/v1alpha1", "kind": "SecretManagerConfig",
        "metadata": {"name": "c", "managedFields": [{"f:spec": {"f:x": {}}}]},
        "spec": {"sourceRef": {"name": "p"}, "provider": {"type": "gcp", "gcp": {"projectId": "p"}},
        "secrets": {"environment": "2024"}, "suspend": true, "configs": null}, "status": {}}]}"#;
    let objects = look(json).unwrap();
    assert!(objects[0].spec.suspend && objects[0].namespace.is_none());
    assert_eq!(objects[0].spec.secrets.environment, "2024");
}

#[test]
fn what_an_api_server_refuses_is_refused_with_its_place() {
    let table = [
        (
            "environment: prod",
            "enviroment: prod",
            "7: unknown field in spec.secrets: \"enviroment\"; did you mean \"environment\"?",
        ),
        (
            "environment: prod",
            "enviroment: prod",
            "7: spec.secrets needs the field \"environment\"",
        ),
        (
            "environment: prod",
            "environment: 2024",
            "7: spec.secrets.environment must be text: write \"2024\" in quotes",
        ),
        (
            "environment: prod",
            "environment: on",
            "7: spec.secrets.environment must be text",
        ),
        (
            "environment: prod",
            "environment: a/b",
            "7: spec.secrets.environment must match",
        ),
        (
            "environment: prod",
            "environment: ''",
            "7: spec.secrets.environment needs at least 1",
        ),
        (
            "environment: prod",
            "environment:",
            "7: spec.secrets.environment is empty",
        ),
        (
            "environment: prod",
            "environment: [a]",
            "7: spec.secrets.environment must be text, not a list",
        ),
        (
            "name: platform",
            "name: PLATFORM",
            "5: spec.sourceRef.name must match",
        ),
        (
            "GitRepository",
            "GitRepo",
            "5: unknown value of spec.sourceRef.kind: \"GitRepo\"",
        ),
        (
            "type: aws,",
            "type: was,",
            "6: unknown value of spec.provider.type: \"was\"; did you mean",
        ),
        (
            "spec:",
            "spec:\n  suspend: \"true\"",
            "5: spec.suspend must be true or false",
        ),
        (
            "spec:",
            "spec:\n  deletionPolicy: delete",
            "5: unknown value of spec.deletionPolicy: \"delete\"; did you mean \"Delete\"?",
        ),
        (
            "spec:",
            "spec:\n  configs: {files: a}",
            "5: spec.configs.files must be a list",
        ),
        (
            "spec:",
            "sepc:",
            "4: unknown field in SecretManagerConfig: \"sepc\"; did you mean \"spec\"?",
        ),
        (
            "metadata: {",
            "metadata: {nmae: x, ",
            "3: unknown field in metadata: \"nmae\"",
        ),
        ("name: shop, ", "", "3: metadata needs the field \"name\""),
        (
            "namespace: team",
            "namespace: Team_1",
            "3: metadata.namespace must be",
        ),
        (
            "v1alpha1",
            "v1beta1",
            "1: the apiVersion of a SecretManagerConfig is secret-manager.microscaler.io/v1alpha1",
        ),
        (
            "kind: SecretManagerConfig",
            "kind: SecretsManagerConfig",
            "2: the kind of a SecretManagerConfig is",
        ),
        ("spec:", "spec:\n  suspend: true\n  suspend: true", "6: "),
    ];
    for (old, new, said) in table {
        let problems = look(&GOOD.replace(old, new)).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.starts_with(said)),
            "{new}: {problems:?}"
        );
    }
    let role = "auth: {authType: IRSA, roleArn: 'arn:aws:iam::123456789012:role/a'}";
    let named = GOOD.replace("region: eu-west-1", &format!("region: eu-west-1, {role}"));
    let problems = look(&named).unwrap_err();
    assert!(
        problems[0].ends_with("known are Irsa, irsa"),
        "{problems:?}"
    );
    let none = look("kind: Secret\n").unwrap_err();
    assert!(
        none[0].contains("there is no SecretManagerConfig"),
        "{none:?}"
    );
}

/// Objects that break one rule of the CRD each.
const BROKEN: [(&str, &str, usize); 15] = [
    ("name: shop", "name: shop.a", 3),
    ("spec:", "spec:\n  configs: {label: a}", 5),
    ("spec:", "spec:\n  configs: {keySeparator: '/'}", 5),
    ("spec:", "spec:\n  configs: {store: SecretManager}", 5),
    (
        "type: aws, aws: {region: eu-west-1}",
        "type: gcp, gcp: {projectId: p}}\n  configs: {parameterPath: /a",
        7,
    ),
    (
        "type: aws, aws: {region: eu-west-1}",
        "type: azure, azure: {vaultName: v}}\n  configs: {enabled: true",
        7,
    ),
    ("spec:", "spec:\n  driftInterval: 59s", 5),
    ("spec:", "spec:\n  driftInterval: -5h", 5),
    ("spec:", "spec:\n  driftInterval: 99999999999999h", 5),
    ("spec:", "spec:\n  driftInterval: often", 5),
    (
        "name: platform",
        "name: platform, gitCredentials: {name: a}",
        5,
    ),
    (
        "region: eu-west-1}",
        "region: eu-west-1}, gcp: {projectId: p}",
        6,
    ),
    (
        "environment: prod",
        "environment: prod, basePath: a, kustomizePath: b",
        7,
    ),
    (
        "environment: prod",
        "environment: prod, basePath: a/../b",
        7,
    ),
    (
        "environment: prod",
        "environment: prod, kustomizePath: /a",
        7,
    ),
];

#[test]
fn no_rule_of_the_crd_is_missing() {
    let mut said = BTreeSet::new();
    for (old, new, line) in BROKEN {
        let problems = look(&GOOD.replace(old, new)).unwrap_err();
        let [problem] = problems.as_slice() else {
            panic!("{new}: {problems:?}");
        };
        let (at, message) = problem.split_once(": ").unwrap();
        assert_eq!(at, line.to_string(), "{problem}");
        said.insert(message.to_owned());
    }
    let crd = serde_json::to_value(SecretManagerConfig::crd()).unwrap();
    let mut rules = BTreeSet::new();
    collect(&crd, &mut rules);
    assert!(rules.len() >= 11, "{rules:?}");
    assert_eq!(said, rules);
}

fn collect(value: &serde_json::Value, rules: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            let list = fields.get("x-kubernetes-validations");
            for rule in list.and_then(|list| list.as_array()).into_iter().flatten() {
                rules.insert(rule["message"].as_str().unwrap().to_owned());
            }
            fields.values().for_each(|value| collect(value, rules));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| collect(value, rules)),
        _ => {}
    }
}

#[test]
fn an_object_is_in_one_namespace_and_there_once() {
    let read = |text: &str| look(text).unwrap();
    let said = |objects, given| -> String {
        let problems: Vec<Diagnostic> = placed(objects, given).unwrap_err();
        problems[0].message.clone()
    };
    for none in ["", ", namespace: ''", ", namespace: "] {
        let nowhere = GOOD.replace(", namespace: team", none);
        let placed = placed(read(&nowhere), Some("a")).unwrap();
        assert_eq!(placed[0].0, "a", "{none}");
    }
    let nowhere = GOOD.replace(", namespace: team", "");
    assert_eq!(placed(read(GOOD), Some("team")).unwrap()[0].0, "team");
    assert!(said(read(&nowhere), None).contains("write metadata.namespace"));
    assert!(said(read(GOOD), Some("other")).contains("-n says other"));
    assert!(said(read(&format!("{GOOD}---\n{GOOD}")), None).contains("twice"));
}
