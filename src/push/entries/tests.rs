use proptest::prelude::*;

use super::*;

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, content) in files {
        let content = SecretBytes::from((*content).to_owned());
        tree.insert(path, content).unwrap();
    }
    tree
}

fn of(tree: &Tree, built: &Built, spec: &SecretManagerConfigSpec) -> Result<Desired, Problem> {
    let found = layout::find(tree, &BTreeMap::new(), spec).map_err(Problem::Layout)?;
    desired(tree, found, built, spec)
}

const PROD: &str = "deployment-configuration/profiles/prod/";

/// Files of the one service of a repository called `shop`, in `prod`.
fn prod(files: &[(&str, &str)]) -> Tree {
    let paths: Vec<_> = files
        .iter()
        .map(|(name, content)| (format!("{PROD}{name}"), *content))
        .collect();
    let borrowed: Vec<_> = paths
        .iter()
        .map(|(path, content)| (path.as_str(), *content))
        .collect();
    tree(&borrowed)
}

fn spec(cloud: &str, secrets: &str, configs: &str) -> SecretManagerConfigSpec {
    let provider = match cloud {
        "aws" => r#"{"type": "aws", "aws": {"region": "eu-west-1"}}"#,
        "gcp" => r#"{"type": "gcp", "gcp": {"projectId": "p"}}"#,
        _ => r#"{"type": "azure", "azure": {"vaultName": "v"}}"#,
    };
    let configs = match configs {
        "" => String::new(),
        fields => format!(r#", "configs": {{{fields}}}"#),
    };
    serde_json::from_str(&format!(
        r#"{{"sourceRef": {{"name": "shop"}}, "provider": {provider},
            "secrets": {{"environment": "prod"{secrets}}}{configs}}}"#
    ))
    .unwrap()
}

fn data(pairs: &[(&str, &[u8])]) -> BTreeMap<String, SecretBytes> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), SecretBytes::new(value.to_vec())))
        .collect()
}

/// Entries as `name=value`.
fn shown(entries: &[Entry]) -> Vec<String> {
    let text = |entry: &Entry| String::from_utf8_lossy(entry.value.expose()).into_owned();
    entries
        .iter()
        .map(|entry| format!("{}={}", entry.name, text(entry)))
        .collect()
}

fn plain(tree: &Tree, spec: &SecretManagerConfigSpec) -> Desired {
    of(tree, &Built::default(), spec).unwrap()
}

fn problem(tree: &Tree, built: &Built, spec: &SecretManagerConfigSpec) -> (&'static str, String) {
    let problem = of(tree, built, spec).unwrap_err();
    (problem.reason(), problem.to_string())
}

const FILES: [(&str, &str); 3] = [
    ("application.secrets.env", "DB_PASSWORD=hunter2hunter2\n"),
    (
        "application.properties",
        "server.port=8080\ngreeting=caf\\u00e9 \"x\"\n",
    ),
    ("application.config.yaml", "log:\n  level: info\n"),
];

#[test]
fn without_configs_everything_is_the_secret_stores() {
    let desired = plain(&prod(&FILES), &spec("aws", r#", "suffix": "-live""#, ""));
    assert_eq!(
        shown(&desired.secrets),
        [
            "shop-DB_PASSWORD-live=hunter2hunter2",
            r#"shop-config_yaml-live={"log.level":"info"}"#,
            r#"shop-properties-live={"greeting":"café \"x\"","server.port":"8080"}"#,
        ]
    );
    assert_eq!((desired.configs.len(), desired.warnings.len()), (0, 0));
    let origin = &desired.secrets[0].origin;
    assert_eq!(
        origin.to_string(),
        format!("{PROD}application.secrets.env:1")
    );
    assert_eq!(desired.secrets[2].origin.line, None);
}

#[test]
fn with_configs_each_property_is_an_entry_of_the_config_store() {
    let enabled = |cloud, more: &str| {
        let desired = plain(
            &prod(&FILES),
            &spec(cloud, "", &format!(r#""enabled": true{more}"#)),
        );
        (shown(&desired.secrets), shown(&desired.configs))
    };
    let (secrets, configs) = enabled("aws", "");
    assert_eq!(secrets, ["shop-DB_PASSWORD=hunter2hunter2"]);
    assert_eq!(
        configs,
        [
            "/shop/prod/greeting=café \"x\"",
            "/shop/prod/log.level=info",
            "/shop/prod/server.port=8080"
        ]
    );
    let (secrets, configs) = enabled("azure", r#", "appConfigEndpoint": "https://c.azconfig.io""#);
    assert_eq!(secrets, ["shop-DB-PASSWORD=hunter2hunter2"]);
    assert_eq!(configs[2], "shop:prod:server.port=8080");
    let (_, configs) = enabled("gcp", r#", "store": "ParameterManager""#);
    assert_eq!(configs[2], "shop-server_port=8080");
}

#[test]
fn settings_that_say_nothing_are_warned_of() {
    let desired = plain(
        &prod(&FILES),
        &spec("gcp", "", r#""store": "ParameterManager""#),
    );
    assert_eq!(
        desired.warnings,
        [
            "configs.store says nothing, as configs.enabled is not true: set it, or leave the others away"
        ]
    );
    assert_eq!(desired.configs.len(), 0);
}

#[test]
fn an_empty_value_is_skipped_by_name() {
    let files = [
        ("application.secrets.env", "A=\nKEY=x\n"),
        ("application.properties", "a=\nb=1\n"),
    ];
    let desired = plain(&prod(&files), &spec("aws", "", r#""enabled": true"#));
    assert_eq!(shown(&desired.secrets), ["shop-KEY=x"]);
    assert_eq!(shown(&desired.configs), ["/shop/prod/b=1"]);
    let skipped: Vec<_> = desired
        .skipped
        .iter()
        .map(|one| (one.destination, one.name.as_str(), one.origin.line))
        .collect();
    assert_eq!(
        skipped,
        [
            (Destination::Configs, "/shop/prod/a", Some(1)),
            (Destination::Secrets, "shop-A", Some(1))
        ]
    );
    // It is a value all the same: another one for the same name is one too many.
    let twice = [
        ("application.secrets.env", "A=\n"),
        ("application.secrets.yaml", "A: x\n"),
    ];
    let (reason, _) = problem(&prod(&twice), &Built::default(), &spec("aws", "", ""));
    assert_eq!(reason, "NameCollision");
    // A JSON object can have it.
    let desired = plain(&prod(&files), &spec("aws", "", ""));
    assert_eq!(
        shown(&desired.secrets)[1],
        r#"shop-properties={"a":"","b":"1"}"#
    );
}

#[test]
fn what_one_store_cannot_have_fails_alone() {
    let large = "x".repeat(70_000);
    let files = [(
        "application.secrets.env",
        format!("LARGE={large}\n__=hidden\nGOOD=y\n"),
    )];
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let desired = plain(&prod(&files), &spec("aws", "", ""));
    assert_eq!(shown(&desired.secrets), ["shop-GOOD=y"]);
    let failed: Vec<_> = desired
        .failed
        .iter()
        .map(|one| (one.name.as_str(), one.reason))
        .collect();
    assert_eq!(
        failed,
        [("shop-LARGE", "TooLarge"), ("shop-__", "NameInvalid")]
    );
    assert_eq!(
        desired.failed[0].message,
        format!(
            "{PROD}application.secrets.env:1: \"shop-LARGE\" has 70000 bytes, and aws-secretsmanager takes 65536: \
             make it smaller, or part it into several keys"
        )
    );
    assert!(!format!("{desired:?}").contains("hidden"));
}

#[test]
fn a_file_that_cannot_be_read_refuses_everything() {
    let files = [
        ("application.secrets.env", "A=1\nhidden\n"),
        ("application.secrets.json", "{\"B\": hidden}"),
        ("application.secrets.toml", "C = 1"),
        ("application.properties", "d=1\n"),
    ];
    let (reason, message) = problem(&prod(&files), &Built::default(), &spec("aws", "", ""));
    assert_eq!(reason, "FileInvalid");
    for part in [
        "application.secrets.env:2: there is no",
        "application.secrets.json:1: not valid JSON",
        "application.secrets.toml: its format is not known",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("hidden"), "{message}");
}

#[test]
fn keys_that_would_share_a_name_refuse_everything() {
    let files = [
        ("application.secrets.env", "A.B=1\nC=2\n"),
        ("application.secrets.yaml", "A_B: 1\nC: 2\n"),
    ];
    let (reason, message) = problem(&prod(&files), &Built::default(), &spec("aws", "", ""));
    assert_eq!(reason, "NameCollision");
    assert_eq!(
        message,
        format!(
            "\"A.B\" of {PROD}application.secrets.env:1 and \"A_B\" of {PROD}application.secrets.yaml:1 would both be \
             the entry \"shop-A_B\"; \"C\" of {PROD}application.secrets.env:2 and \"C\" of \
             {PROD}application.secrets.yaml:2 would both be the entry \"shop-C\": rename one of them, or keep one"
        )
    );
}

#[test]
fn names_are_unique_in_a_store_and_not_beyond_it() {
    let same = [
        ("application.secrets.env", "LEVEL=x\n"),
        ("application.config.env", "LEVEL=y\n"),
    ];
    // One store for both.
    let (_, message) = problem(
        &prod(&same),
        &Built::default(),
        &spec("gcp", "", r#""enabled": true"#),
    );
    assert!(message.contains("\"shop-LEVEL\""), "{message}");
    let two = plain(
        &prod(&same),
        &spec("gcp", "", r#""enabled": true, "store": "ParameterManager""#),
    );
    assert_eq!((two.secrets.len(), two.configs.len()), (1, 1));
    let case = [("application.secrets.env", "Key=1\nKEY=2\n")];
    assert_eq!(plain(&prod(&case), &spec("aws", "", "")).secrets.len(), 2);
    let (reason, _) = problem(&prod(&case), &Built::default(), &spec("azure", "", ""));
    assert_eq!(reason, "NameCollision");
    let monolith = [
        (
            "a/deployment-configuration/prod/application.secrets.env",
            "KEY=1",
        ),
        (
            "b/deployment-configuration/prod/application.secrets.env",
            "KEY=2",
        ),
    ];
    let desired = plain(&tree(&monolith), &spec("aws", "", ""));
    assert_eq!(shown(&desired.secrets), ["a-KEY=1", "b-KEY=2"]);
    let prefixed = spec("aws", r#", "prefix": "all""#, "");
    assert_eq!(
        problem(&tree(&monolith), &Built::default(), &prefixed).0,
        "NameCollision"
    );
}

#[test]
fn an_empty_source_is_a_problem() {
    let (reason, message) = problem(
        &prod(&[("application.secrets.env", "# nothing\n")]),
        &Built::default(),
        &spec("aws", "", ""),
    );
    assert_eq!(reason, "EnvironmentEmpty");
    assert!(message.contains("there is no key in"), "{message}");
    let other = prod(&[("readme", "")]);
    let reason = |tree: &Tree| problem(tree, &Built::default(), &spec("aws", "", "")).0;
    assert_eq!(reason(&other), "EnvironmentEmpty");
    assert_eq!(
        reason(&tree(&[(
            "deployment-configuration/dev/application.secrets.env",
            "A=1"
        )])),
        "EnvironmentMissing"
    );
    assert_eq!(reason(&Tree::default()), "PathInvalid");
    // One file without keys beside one that has some is worth a word.
    let one = prod(&[
        ("application.secrets.env", "A=1"),
        ("application.properties", "#"),
    ]);
    assert_eq!(
        plain(&one, &spec("aws", "", "")).gaps,
        [Gap {
            service: Some("shop".into()),
            why: format!("there is no key in \"{PROD}application.properties\""),
        }]
    );
}

mod kustomized {
    use super::*;

    const PATH: &str = r#", "kustomizePath": "shop/profiles/prod""#;

    fn beside(files: &[(&str, &str)]) -> Tree {
        let mut all = tree(&[("shop/profiles/prod/kustomization.yaml", "")]);
        for (name, content) in files {
            all.insert(
                &format!("shop/profiles/prod/{name}"),
                SecretBytes::from((*content).to_owned()),
            )
            .unwrap();
        }
        all
    }

    fn built() -> Built {
        Built {
            secrets: vec![(
                "db".into(),
                data(&[("PASSWORD", b"p"), ("KEYSTORE", b"\xff\0")]),
            )],
            configs: vec![("app".into(), data(&[("LEVEL", b"info")]))],
        }
    }

    #[test]
    fn secrets_and_config_maps_go_to_their_stores_and_plain_files_too() {
        let spec = spec("aws", PATH, r#""enabled": true"#);
        let desired = of(&beside(&FILES), &built(), &spec).unwrap();
        let names = |entries: &[Entry]| -> Vec<String> {
            entries.iter().map(|entry| entry.name.clone()).collect()
        };
        assert_eq!(
            names(&desired.secrets),
            ["shop-DB_PASSWORD", "shop-KEYSTORE", "shop-PASSWORD"]
        );
        assert_eq!(
            names(&desired.configs),
            [
                "/shop/prod/LEVEL",
                "/shop/prod/greeting",
                "/shop/prod/log.level",
                "/shop/prod/server.port"
            ]
        );
        assert_eq!(desired.secrets[1].value.expose(), b"\xff\0");
        assert_eq!(
            desired.secrets[1].origin.to_string(),
            "shop/profiles/prod (Secret db)"
        );
    }

    #[test]
    fn without_configs_config_maps_go_nowhere_and_that_is_said() {
        let spec = spec("aws", PATH, "");
        let desired = of(&beside(&[]), &built(), &spec).unwrap();
        assert_eq!(desired.configs, []);
        assert_eq!(desired.secrets.len(), 2);
        assert_eq!(
            desired.warnings,
            [
                "the ConfigMaps that \"shop/profiles/prod\" makes go nowhere, as configs.enabled is not true: app"
            ]
        );
        let only = Built {
            secrets: Vec::new(),
            ..built()
        };
        let (reason, message) = problem(&beside(&[]), &only, &spec);
        assert_eq!(reason, "EnvironmentEmpty");
        assert!(
            message.contains("makes no Secret, and its ConfigMaps go nowhere"),
            "{message}"
        );
        let (_, message) = problem(&beside(&[]), &Built::default(), &spec);
        assert!(message.contains("no Secret and no ConfigMap"), "{message}");
    }

    #[test]
    fn what_a_generator_took_from_a_plain_file_is_one_entry() {
        let spec = spec("aws", PATH, r#""enabled": true"#);
        let (_, properties) = FILES[1];
        let built = Built {
            secrets: vec![("db".into(), data(&[("DB_PASSWORD", b"hunter2hunter2")]))],
            configs: vec![(
                "app".into(),
                data(&[("application.properties", properties.as_bytes())]),
            )],
        };
        let desired = of(&beside(&FILES), &built, &spec).unwrap();
        assert_eq!((desired.secrets.len(), desired.configs.len()), (1, 3));
        // The file is what is named: it has a line.
        assert!(
            desired
                .configs
                .iter()
                .all(|entry| entry.origin.line.is_some())
        );
        let changed = Built {
            secrets: vec![("db".into(), data(&[("DB_PASSWORD", b"hidden")]))],
            ..Built::default()
        };
        let (reason, message) = problem(&beside(&FILES), &changed, &spec);
        assert_eq!(reason, "NameCollision");
        assert!(
            message.contains("shop/profiles/prod (Secret db)"),
            "{message}"
        );
        assert!(!message.contains("hidden"), "{message}");
    }

    #[test]
    fn two_objects_with_one_key_collide() {
        let spec = spec("aws", PATH, "");
        let twice = Built {
            secrets: vec![
                ("a".into(), data(&[("KEY", b"1")])),
                ("b".into(), data(&[("KEY", b"1")])),
            ],
            ..Built::default()
        };
        let (reason, message) = problem(&beside(&[]), &twice, &spec);
        assert_eq!(reason, "NameCollision");
        assert!(
            message.contains("(Secret a)") && message.contains("(Secret b)"),
            "{message}"
        );
    }

    #[test]
    fn a_file_in_a_config_map_is_read_and_its_faults_are_said() {
        let spec = spec(
            "azure",
            PATH,
            r#""enabled": true, "appConfigEndpoint": "https://c.azconfig.io""#,
        );
        let bad = Built {
            configs: vec![(
                "app".into(),
                data(&[("application.config.env", b"A=1\nhidden")]),
            )],
            ..Built::default()
        };
        let (reason, message) = problem(&beside(&[]), &bad, &spec);
        assert_eq!(reason, "FileInvalid");
        assert!(
            message.starts_with(
                "shop/profiles/prod (ConfigMap app)/application.config.env:2: there is no"
            ),
            "{message}"
        );
    }

    #[test]
    fn what_is_still_encrypted_is_refused() {
        let value = b"ENC[AES256_GCM,data:hidden,iv:x,tag:x,type:str]";
        let encrypted = Built {
            secrets: vec![("db".into(), data(&[("KEY", value)]))],
            ..Built::default()
        };
        let (reason, message) = problem(&beside(&[]), &encrypted, &spec("aws", PATH, ""));
        assert_eq!(reason, "FileInvalid");
        assert!(
            message.contains("(Secret db): \"KEY\" is still encrypted"),
            "{message}"
        );
        assert!(!message.contains("hidden"), "{message}");
    }
}

proptest! {
    /// Every key is an entry of its own, skipped, failed, or part of a collision: none is lost.
    #[test]
    fn every_key_is_accounted_for(
        keys in proptest::collection::btree_map("[A-Za-z0-9_.-]{1,10}", "[a-z]{0,3}", 1..12),
        cloud in "aws|gcp|azure", enabled in any::<bool>(),
    ) {
        use std::fmt::Write as _;
        let mut secrets = String::new();
        let mut properties = String::new();
        for (index, (key, value)) in keys.iter().enumerate() {
            let file = if index % 2 == 0 { &mut secrets } else { &mut properties };
            writeln!(file, "{key}={value}").unwrap();
        }
        let tree = prod(&[("application.secrets.env", &secrets), ("application.properties", &properties)]);
        let endpoint = if cloud == "azure" { r#", "appConfigEndpoint": "https://c.azconfig.io""# } else { "" };
        let spec = spec(&cloud, "", &format!(r#""enabled": {enabled}{endpoint}"#));
        match of(&tree, &Built::default(), &spec) {
            Ok(desired) => {
                let alone = keys.len() - if enabled { 0 } else { keys.len() / 2 };
                let whole = usize::from(!enabled && keys.len() > 1);
                let all = desired.secrets.len() + desired.configs.len() + desired.skipped.len() + desired.failed.len();
                prop_assert_eq!(all, alone + whole);
                let kinds = Kinds::of(&spec);
                let mut names = BTreeSet::new();
                for (kind, entries) in [
                    (kinds.get(Destination::Secrets), &desired.secrets),
                    (kinds.get(Destination::Configs), &desired.configs),
                ] {
                    for entry in entries {
                        prop_assert!(!entry.value.is_empty());
                        prop_assert!(names.insert((kind, names::folded(kind, &entry.name))), "{}", entry.name);
                    }
                }
            }
            Err(Problem::Collisions(collisions)) => {
                for one in collisions {
                    prop_assert_ne!(one.first.0, one.second.0);
                }
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
