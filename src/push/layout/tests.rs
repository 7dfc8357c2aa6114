use jasm_providers::SecretBytes;

use super::*;

fn tree(paths: &[&str]) -> Tree {
    let mut tree = Tree::default();
    for path in paths {
        tree.insert(path, SecretBytes::from("A=1".to_owned()))
            .unwrap();
    }
    tree
}

fn spec(environment: &str, secrets: &str, configs: &str) -> SecretManagerConfigSpec {
    serde_json::from_str(&format!(
        r#"{{"sourceRef": {{"name": "repository"}},
            "provider": {{"type": "aws", "aws": {{"region": "eu-west-1"}}}},
            "secrets": {{"environment": "{environment}"{secrets}}}, "configs": {{{configs}}}}}"#
    ))
    .unwrap()
}

/// Services as `name folder: files`.
fn services(paths: &[&str], spec: &SecretManagerConfigSpec) -> Vec<String> {
    let found = find(&tree(paths), &BTreeMap::new(), spec).unwrap();
    let shown = |service: &Service| {
        format!(
            "{} {}: {}",
            service.name,
            service.folder,
            service.files.join(" ")
        )
    };
    found.services.iter().map(shown).collect()
}

fn warnings(paths: &[&str], spec: &SecretManagerConfigSpec) -> Vec<String> {
    find(&tree(paths), &BTreeMap::new(), spec).unwrap().warnings
}

/// Why there may be more; what is left out and ends in `/` could be a folder.
fn gaps(paths: &[&str], left_out: &[&str], spec: &SecretManagerConfigSpec) -> Vec<String> {
    let left_out = { left_out.iter() }
        .map(|path| {
            let left_out = LeftOut {
                why: "it is a link".into(),
                is_file: !path.ends_with('/'),
            };
            (path.trim_end_matches('/').to_owned(), left_out)
        })
        .collect();
    let gaps = find(&tree(paths), &left_out, spec).unwrap().gaps;
    let said = |gap: &Gap| match &gap.service {
        Some(service) => format!("{service}: {}", gap.why),
        None => gap.why.clone(),
    };
    gaps.iter().map(said).collect()
}

fn problem(paths: &[&str], spec: &SecretManagerConfigSpec) -> String {
    find(&tree(paths), &BTreeMap::new(), spec)
        .unwrap_err()
        .to_string()
}

#[test]
fn one_service_at_the_root_is_called_as_the_source() {
    let paths = [
        "README.md",
        "deployment-configuration/profiles/prod/application.secrets.env",
        "deployment-configuration/profiles/prod/application.properties",
        "deployment-configuration/profiles/prod/values.yaml",
        "deployment-configuration/profiles/prod/below/application.properties",
        "deployment-configuration/profiles/dev/application.properties",
    ];
    assert_eq!(
        services(&paths, &spec("prod", "", "")),
        [
            "repository deployment-configuration/profiles/prod: application.properties application.secrets.env"
        ]
    );
}

#[test]
fn services_of_a_monolith_are_called_as_their_folders() {
    let paths = [
        "apps/cart/deployment-configuration/profiles/prod/application.secrets.yaml",
        "apps/shop/deployment-configuration/prod/application.secrets.env",
        "apps/mail/deployment-configuration/profiles/dev/application.secrets.env",
        "other/deployment-configuration/profiles/prod/application.properties",
    ];
    let below = spec("prod", r#", "basePath": "./apps/""#, "");
    assert_eq!(
        services(&paths, &below),
        [
            "cart apps/cart/deployment-configuration/profiles/prod: application.secrets.yaml",
            "shop apps/shop/deployment-configuration/prod: application.secrets.env",
        ]
    );
    assert_eq!(
        gaps(&paths, &[], &below),
        [
            "mail: \"apps/mail/deployment-configuration\" has no environment \"prod\": nothing is read there"
        ]
    );
    assert_eq!(
        services(&paths, &spec("prod", r#", "basePath": """#, "")).len(),
        3
    );
    for base in ["apps/shop", "apps/shop/deployment-configuration"] {
        let one = spec("prod", &format!(r#", "basePath": "{base}""#), "");
        assert_eq!(
            services(&paths, &one),
            ["shop apps/shop/deployment-configuration/prod: application.secrets.env"]
        );
    }
}

#[test]
fn profiles_stand_before_the_older_layout() {
    let paths = [
        "deployment-configuration/profiles/prod/application.properties",
        "deployment-configuration/prod/application.properties",
    ];
    let prod = spec("prod", "", "");
    assert_eq!(
        services(&paths, &prod),
        ["repository deployment-configuration/profiles/prod: application.properties"]
    );
    assert!(
        warnings(&paths, &prod)[0].starts_with("\"deployment-configuration/prod\" is not read")
    );
}

#[test]
fn files_that_are_named_are_read_too_and_missed_if_they_are_not_there() {
    let paths = [
        "deployment-configuration/profiles/prod/extra.env",
        "deployment-configuration/profiles/prod/more/a.env",
        "deployment-configuration/profiles/prod/more/b.txt",
    ];
    let named = spec(
        "prod",
        "",
        r#""enabled": true, "files": ["extra.env", "more/*.env", "none.env", "application.config.env"]"#,
    );
    assert_eq!(
        services(&paths, &named),
        ["repository deployment-configuration/profiles/prod: extra.env more/a.env"]
    );
    assert_eq!(
        warnings(&paths, &named),
        ["configs.files names \"none.env\", and there is no such file in environment \"prod\""]
    );
}

#[test]
fn an_environment_that_is_missing_or_empty_is_a_problem_with_what_there_is() {
    let paths = [
        "a/deployment-configuration/profiles/dev/application.secrets.env",
        "a/deployment-configuration/staging/application.secrets.env",
        "b/deployment-configuration/profiles/prod/aplication.secrets.env",
    ];
    assert_eq!(
        problem(&paths, &spec("test", "", "")),
        "there is no environment \"test\" in the source; environments there are: \"dev\", \"prod\", \"staging\""
    );
    assert_eq!(
        problem(&paths, &spec("prod", "", "")),
        "there is nothing to read in \"b/deployment-configuration/profiles/prod\": files are called \
         application.properties, application.secrets.* or application.config.*, or are in configs.files; \
         files there are: \"aplication.secrets.env\""
    );
    // Not the folder of the environments itself.
    assert!(find(&tree(&paths), &BTreeMap::new(), &spec("profiles", "", "")).is_err());
    assert_eq!(
        problem(&["a/b"], &spec("prod", "", "")),
        "there is no folder \"deployment-configuration\" below the source's root: set secrets.basePath to \
         the folder that has it, or secrets.kustomizePath to the folder of the files"
    );
    assert_eq!(
        problem(&paths, &spec("prod", r#", "basePath": "a/none/x""#, "")),
        "secrets.basePath \"a/none/x\" is no folder of the source; folders there are: \"a/deployment-configuration\""
    );
    assert!(problem(&[], &spec("prod", "", "")).contains("no folder"));
}

#[test]
fn paths_out_of_the_source_are_refused() {
    for field in ["basePath", "kustomizePath"] {
        for path in ["/etc", "../a", "a/../../b", "a\\\\b"] {
            let message = problem(
                &["a/b"],
                &spec("prod", &format!(r#", "{field}": "{path}""#), ""),
            );
            assert!(
                message.contains("no path below the source's root"),
                "{message}"
            );
        }
    }
}

#[test]
fn plain_files_beside_a_kustomization() {
    let kustomize = |path: &str, environment: &str| {
        spec(environment, &format!(r#", "kustomizePath": "{path}""#), "")
    };
    let paths = [
        "microservices/shop/profiles/prod/kustomization.yaml",
        "microservices/shop/profiles/prod/application.properties",
        "microservices/shop/profiles/dev/kustomization.yaml",
        "cart/deployment-configuration/profiles/prod/application.secrets.env",
        "cart/kustomization.yaml",
        "overlays/live/kustomization.yaml",
        "overlays/live/application.secrets.env",
        "kustomization.yaml",
    ];
    for (path, environment, expected) in [
        (
            "./microservices/shop/profiles/prod",
            "prod",
            "shop microservices/shop/profiles/prod: application.properties",
        ),
        (
            "microservices/shop",
            "prod",
            "shop microservices/shop/profiles/prod: application.properties",
        ),
        (
            "microservices/shop/profiles/dev",
            "dev",
            "shop microservices/shop/profiles/dev: ",
        ),
        (
            "cart",
            "prod",
            "cart cart/deployment-configuration/profiles/prod: application.secrets.env",
        ),
        (
            "cart/deployment-configuration/profiles/prod",
            "prod",
            "cart cart/deployment-configuration/profiles/prod: application.secrets.env",
        ),
        (
            "overlays/live",
            "prod",
            "live overlays/live: application.secrets.env",
        ),
        (".", "prod", "repository : "),
    ] {
        assert_eq!(
            services(&paths, &kustomize(path, environment)),
            [expected],
            "{path}"
        );
    }
    let found = find(
        &tree(&paths),
        &BTreeMap::new(),
        &kustomize("./cart/", "prod"),
    )
    .unwrap();
    assert_eq!(found.kustomization.as_deref(), Some("cart"));
    assert_eq!(
        problem(
            &paths,
            &kustomize("microservices/shop/profiles/dev", "prod")
        ),
        "secrets.kustomizePath \"microservices/shop/profiles/dev\" is the folder of another environment than \
         secrets.environment \"prod\": let both say the same"
    );
    assert_eq!(
        problem(&paths, &kustomize("microservices/shop", "test")),
        "there is no environment \"test\" in the source; environments there are: \"dev\", \"prod\""
    );
    assert!(problem(&paths, &kustomize("microservice", "prod")).contains("\"microservices\""));
}

#[test]
fn what_was_left_out_and_could_be_read_is_a_gap() {
    let paths = [
        "a/deployment-configuration/profiles/prod/application.secrets.env",
        "b/deployment-configuration/profiles/dev/application.secrets.env",
    ];
    let plain = spec("prod", r#", "basePath": "a""#, "");
    let below = spec("prod", "", r#""files": ["db/*.env"]"#);
    let at = "a/deployment-configuration/profiles";
    for (left_out, spec, gap) in [
        ("a/other/", &plain, true),
        ("a/deployment-configuration/", &plain, true),
        (&*format!("{at}/"), &plain, true),
        (&*format!("{at}/dev/"), &plain, false),
        (&*format!("{at}/prod/db/"), &plain, false),
        ("a/readme", &plain, false),
        (&*format!("{at}/prod/db/"), &below, true),
        (&*format!("{at}/prod/docs/"), &below, false),
        (&*format!("{at}/prod/db/x/"), &below, false),
    ] {
        let found = gaps(&paths, &[left_out], spec);
        let expected = format!(
            "\"{}\" was left out of the source: it is a link",
            left_out.trim_end_matches('/')
        );
        assert_eq!(found.contains(&expected), gap, "{left_out}: {found:?}");
    }
    // A file that is read is missed although it is not there, also as the only one.
    let only = "c/deployment-configuration/profiles/prod/application.properties".to_owned();
    let left_out = LeftOut {
        why: String::new(),
        is_file: true,
    };
    let left_out = BTreeMap::from([(only, left_out)]);
    let found = find(&tree(&[]), &left_out, &spec("prod", "", "")).unwrap();
    assert_eq!(found.services[0].files, ["application.properties"]);
}

#[test]
fn a_name_that_was_mistyped_is_a_gap() {
    let folder = "deployment-configuration/profiles/prod";
    let of = |name: &str| {
        let there = format!("{folder}/application.properties");
        gaps(
            &[&there, &format!("{folder}/{name}")],
            &[],
            &spec("prod", "", ""),
        )
    };
    assert_eq!(
        of("application.secret.env"),
        [
            "repository: \"deployment-configuration/profiles/prod/application.secret.env\" is not read: its name would have to \
             be application.secrets.env"
        ]
    );
    assert_eq!(of("values.yaml"), [""; 0]);
}

proptest::proptest! {
    #[test]
    fn what_is_found_is_in_the_tree(
        paths in proptest::collection::vec("(a|b|profiles|deployment-configuration|prod|dev){1}(/(a|deployment-configuration|profiles|prod|dev)){0,4}/(application[.]properties|x)", 0..8),
        path in "(/|\\.|\\.\\.|a|b|profiles|deployment-configuration|prod){0,4}", kustomize in proptest::bool::ANY,
    ) {
        let mut tree = Tree::default();
        for path in &paths {
            tree.insert(path, SecretBytes::from(String::new())).unwrap();
        }
        let field = if kustomize { "kustomizePath" } else { "basePath" };
        let spec = spec("prod", &format!(r#", "{field}": "{path}""#), "");
        if let Ok(found) = find(&tree, &BTreeMap::new(), &spec) {
            proptest::prop_assert!(!found.services.is_empty());
            for service in &found.services {
                proptest::prop_assert!(kustomize || !service.files.is_empty());
                for file in &service.files {
                    proptest::prop_assert!(tree.get(&service.path(file)).is_some());
                }
            }
        }
    }
}
