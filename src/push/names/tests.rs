use proptest::prelude::*;

use super::*;

/// A spec for one cloud, with more fields as JSON.
fn spec(cloud: &str, secrets: &str, configs: &str) -> SecretManagerConfigSpec {
    let provider = match cloud {
        "aws" => r#"{"type": "aws", "aws": {"region": "eu-west-1"}}"#,
        "gcp" => r#"{"type": "gcp", "gcp": {"projectId": "p"}}"#,
        _ => r#"{"type": "azure", "azure": {"vaultName": "v"}}"#,
    };
    serde_json::from_str(&format!(
        r#"{{"sourceRef": {{"name": "s"}}, "provider": {provider},
            "secrets": {{"environment": "prod"{secrets}}}, "configs": {{"enabled": true{configs}}}}}"#
    ))
    .unwrap()
}

fn name(spec: &SecretManagerConfigSpec, kind: Kind, key: &str) -> String {
    Names::new(spec, "shop").name(kind, key).unwrap()
}

fn refused(spec: &SecretManagerConfigSpec, kind: Kind, key: &str) -> (String, String) {
    let refusal = Names::new(spec, "shop").name(kind, key).unwrap_err();
    (refusal.name, refusal.message)
}

#[test]
fn each_kind_has_its_own() {
    use Kind::*;
    let aws = spec("aws", r#", "suffix": "--live""#, "");
    let bare = spec("aws", "", "");
    let prefixed = spec("aws", r#", "prefix": "pay.ments""#, "");
    let pathed = spec("aws", "", r#", "parameterPath": "/a/b""#);
    let azure = spec("azure", "", r#", "keySeparator": "/""#);
    for (spec, kind, key, expected) in [
        (&aws, AwsSecretsManager, "DB_URL", "shop-DB_URL-live"),
        (&bare, AwsSecretsManager, "a.b/c d", "shop-a_b_c_d"),
        (&bare, AwsSecretsManager, "-a--b-", "shop-a-b"),
        (&prefixed, AwsSecretsManager, "KEY", "pay_ments-KEY"),
        (&aws, GcpSecretManager, "a[0].b", "shop-a_0__b-live"),
        (
            &bare,
            GcpParameterManager,
            "server.port",
            "shop-server_port",
        ),
        (&aws, AzureKeyVault, "DB_URL", "shop-DB-URL-live"),
        (&bare, AzureKeyVault, "_a__b.c_", "shop-a-b-c"),
        (
            &aws,
            AwsParameterStore,
            "server.port",
            "/shop/prod/server.port",
        ),
        (
            &prefixed,
            AwsParameterStore,
            "a/b[0]",
            "/pay.ments/prod/a_b_0_",
        ),
        (&pathed, AwsParameterStore, "k", "/a/b/k"),
        (
            &bare,
            AzureAppConfiguration,
            "server.port",
            "shop:prod:server.port",
        ),
        (&bare, AzureAppConfiguration, "a:b[0]", "shop:prod:a:b_0_"),
        (&azure, AzureAppConfiguration, "k", "shop/prod/k"),
    ] {
        assert_eq!(name(spec, kind, key), expected, "{kind} {key}");
    }
}

#[test]
fn what_a_store_cannot_have_is_refused() {
    use Kind::*;
    let aws = spec("aws", "", "");
    // AWS advises against such an end, as a part of an ARN may look like it; a name is none.
    assert_eq!(name(&aws, AwsSecretsManager, "APIKEY"), "shop-APIKEY");

    for (prefix, path) in [
        ("aws-tools", ""),
        ("SSMthing", ""),
        ("x", r#", "parameterPath": "/Aws/x""#),
    ] {
        let spec = spec("aws", &format!(r#", "prefix": "{prefix}""#), path);
        let (_, message) = refused(&spec, AwsParameterStore, "k");
        assert!(message.contains("keeps for itself"), "{message}");
    }
    let dots = spec(
        "azure",
        r#", "prefix": ".appconfig.featureflag""#,
        r#", "keySeparator": "/""#,
    );
    assert!(
        refused(&dots, AzureAppConfiguration, "k")
            .1
            .contains("keeps for itself")
    );
    for kind in [
        AwsSecretsManager,
        AzureKeyVault,
        AwsParameterStore,
        AzureAppConfiguration,
    ] {
        let (_, message) = refused(&aws, kind, "--");
        assert!(
            message.contains("no letter and no digit"),
            "{kind}: {message}"
        );
    }
}

#[test]
fn all_names_of_a_service_have_one_beginning() {
    use Kind::*;
    let kinds = [
        AwsSecretsManager,
        AwsParameterStore,
        GcpSecretManager,
        GcpParameterManager,
        AzureKeyVault,
        AzureAppConfiguration,
    ];
    let own = spec("aws", r#", "suffix": "x""#, "");
    for kind in kinds {
        let names = Names::new(&own, "my.shop");
        let begin = names.beginning(kind).unwrap();
        for key in ["a", "-b", "APIKEY"] {
            let name = names.name(kind, key).unwrap();
            assert!(name.starts_with(&begin), "{kind}: {name} {begin}");
        }
        let other = Names::new(&own, "other").name(kind, "a").unwrap();
        assert!(!other.starts_with(&begin), "{kind}");
        let shared = spec("aws", r#", "prefix": "p""#, "");
        assert_eq!(Names::new(&shared, "my.shop").beginning(kind), None);
    }
    let path = spec("aws", "", r#", "parameterPath": "/x""#);
    assert_eq!(Names::new(&path, "s").beginning(AwsParameterStore), None);
}

#[test]
fn the_longest_names() {
    use Kind::*;
    let aws = spec("aws", "", "");
    // "shop-" stands before; "/shop/prod/" of a parameter, whose ARN has 44 characters more.
    for (kind, longest) in [
        (AwsSecretsManager, 507),
        (GcpSecretManager, 250),
        (GcpParameterManager, 58),
        (AzureKeyVault, 122),
        (AwsParameterStore, 1011 - 44 - 11),
    ] {
        name(&aws, kind, &"k".repeat(longest));
        let (_, message) = refused(&aws, kind, &"k".repeat(longest + 1));
        assert!(message.contains("characters"), "{kind}: {message}");
    }
    let deep = spec(
        "aws",
        "",
        &format!(r#", "parameterPath": "{}""#, "/x".repeat(15)),
    );
    assert!(
        refused(&deep, AwsParameterStore, "k")
            .1
            .contains("15 levels")
    );
}

#[test]
fn key_vault_takes_letters_of_any_case_for_the_same() {
    assert_eq!(
        folded(Kind::AzureKeyVault, "shop-Key"),
        folded(Kind::AzureKeyVault, "Shop-KEY")
    );
    assert_ne!(
        folded(Kind::AwsSecretsManager, "shop-Key"),
        folded(Kind::AwsSecretsManager, "shop-KEY")
    );
}

const KINDS: [Kind; 6] = [
    Kind::AwsSecretsManager,
    Kind::AwsParameterStore,
    Kind::GcpSecretManager,
    Kind::GcpParameterManager,
    Kind::AzureKeyVault,
    Kind::AzureAppConfiguration,
];

proptest! {
    #[test]
    fn every_name_is_one_that_jasm_can_read(
        key in "[A-Za-z0-9_.\\-/ :\\[\\]é%*]{1,30}", service in "[A-Za-z0-9 _.-]{1,12}", suffix in "[A-Za-z0-9._-]{1,8}",
    ) {
        let spec = spec("aws", &format!(r#", "suffix": "{suffix}""#), "");
        for kind in KINDS {
            if let Ok(name) = Names::new(&spec, &service).name(kind, &key) {
                prop_assert_eq!(kind.entry(&Scope::default(), &name, None).unwrap().path, name);
            }
        }
    }

    #[test]
    fn plain_keys_never_share_a_name(
        a in "[A-Za-z][A-Za-z0-9_]{6,20}", b in "[A-Za-z][A-Za-z0-9_]{6,20}",
    ) {
        prop_assume!(a != b);
        let spec = spec("aws", "", "");
        for kind in KINDS.into_iter().filter(|kind| *kind != Kind::AzureKeyVault) {
            prop_assert_ne!(name(&spec, kind, &a), name(&spec, kind, &b));
        }
    }
}
