use proptest::prelude::*;

use jasm_providers::{Kind, Scope};

use super::stores::check_endpoint;
use super::*;
use crate::policy::Rule;
use crate::yaml::Problem;

/// The sample of DESIGN section 3.
const SAMPLE: &str = r#"stores:
  - name: aws-secretsmanager
    kind: aws-secretsmanager
    region: eu-west-1
    account: "123456789012"         # needed before ARNs are accepted as paths
    identity: controller            # or workload; must be written for every store but `file`
    allow:
      - namespaces: ["payments", "team-*"]
        paths: ["/{namespace}/**", "/shared/smtp"]
    # endpoint, caFile: a private endpoint, an emulator
  - name: local
    kind: file
    root: /var/lib/jasm/store
    configs: true
    allow: [{namespaces: ["*"], paths: ["**"]}]
"#;

/// A file with every setting that the sample leaves out.
const EVERY: &str = "namespaces: [shop, team-*]\nlisten: 127.0.0.1:9\nlogLevel: debug\nlogFormat: text\nstoreTimeout: 2m\n\
     stores:\n  - {name: p, kind: aws-parameterstore, region: us-gov-east-1, identity: controller,\n\
     \x20    endpoint: 'https://vpce.example:4566', caFile: /ca.pem, configs: true}\n";

/// A file with the kinds beyond AWS, and every field of them.
const CLOUDS: &str = "stores:\n\
     - {name: gsm, kind: gcp-secretmanager, project: acme-prod, location: europe-west1, clusterProject: acme,\n\
     \x20  clusterLocation: europe-west1-b, clusterName: prod, workloadPool: acme.svc.id.goog, identity: workload,\n\
     \x20  endpoint: 'https://vpce.example', stsEndpoint: 'http://localhost:1', iamEndpoint: 'http://localhost:2',\n\
     \x20  kmsEndpoint: 'http://localhost:3'}\n\
     - {name: gpm, kind: gcp-parametermanager, project: 'example.com:acme', render: raw, identity: controller,\n\
     \x20  workloadProvider: //iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b}\n\
     - {name: kv, kind: azure-keyvault, vault: acme-1, cloud: china, authority: 'https://login.example', identity: workload}\n\
     - {name: ac, kind: azure-appconfiguration, configuration: acme, label: prod, featureFlags: true, identity: workload,\n\
     \x20  tenant: 00000000-0000-0000-0000-000000000000, client: 11111111-0000-0000-0000-000000000000,\n\
     \x20  vaults: [acme-1, {name: acme-2, endpoint: 'https://127.0.0.1:1'}]}\n\
     - {name: vault, kind: vault, address: 'https://vault:8200', vaultNamespace: org/team, mount: kv/eu.1, kv: 1, auth: jwt,\n\
     \x20  authMount: jwt-eu, role: '{namespace}-{serviceaccount}', audience: vault, tokenFile: /t, caFile: /ca.pem,\n\
     \x20  identity: workload, allow: [{namespaces: ['*'], paths: ['{namespace}/**']}]}\n";

/// A file with every setting of the push half.
const PUSH: &str = "push:\n  cluster: prod-eu\n  crossNamespaceSources:\n  - {namespaces: [team-*], sources: [flux-system]}\n\
     \x20 directories:\n  - {name: demo, path: /srv/config, namespaces: [shop]}\n\
     stores:\n- name: a\n  kind: aws-secretsmanager\n  region: eu-west-1\n  identity: controller\n  allowWrite:\n\
     \x20 - {namespaces: ['team-*'], paths: ['{namespace}-*', '/{namespace}/**'],\n\
     \x20    identities: ['arn:aws:iam::123456789012:role/{namespace}', controller]}\n";

/// Files that are understood.
pub(super) const GOOD: [&str; 8] = [
    SAMPLE,
    PUSH,
    EVERY,
    CLOUDS,
    "stores: []",
    "{}",
    "listen: '[::1]:80'\nstoreTimeout: 600s\n",
    "stores:\n- {name: s, kind: aws-secretsmanager, region: eu-west-1, account: 123456789012, identity: controller,\n\
     \x20  endpoint: 'http://127.0.0.1:4566', allow: [{namespaces: ['*'], paths: ['/{namespace}/**', '/a/*/b', '**']}]}\n",
];

fn read(text: &str) -> Result<Settings, Problem> {
    Settings::read(Some(text), &Overrides::default())
}

fn refused(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

fn rule_of(namespaces: &[&str], paths: &[&str]) -> Rule {
    let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
    Rule {
        namespaces: owned(namespaces),
        paths: owned(paths),
    }
}

#[test]
fn the_sample_of_the_design_is_understood() {
    let settings = read(SAMPLE).unwrap();
    let aws = Store {
        name: "aws-secretsmanager".to_owned(),
        backend: Backend::AwsSecretsManager(AwsEndpoint {
            region: "eu-west-1".to_owned(),
            endpoint: None,
            sts_endpoint: None,
            kms_endpoint: None,
            ca_file: None,
        }),
        identity: Identity::Controller,
        scope: Scope {
            region: Some("eu-west-1".to_owned()),
            account: Some("123456789012".to_owned()),
            ..Scope::default()
        },
        configs: false,
        allow: vec![rule_of(
            &["payments", "team-*"],
            &["/{namespace}/**", "/shared/smtp"],
        )],
        allow_write: Vec::new(),
    };
    let local = Store {
        name: "local".to_owned(),
        backend: Backend::File {
            root: "/var/lib/jasm/store".into(),
        },
        identity: Identity::Controller,
        scope: Scope::default(),
        configs: true,
        allow: vec![rule_of(&["*"], &["**"])],
        allow_write: Vec::new(),
    };
    assert_eq!(
        settings,
        Settings {
            stores: vec![aws, local],
            namespaces: vec!["*".to_owned()],
            listen: "0.0.0.0:8080".parse().unwrap(),
            log_level: LogLevel::Info,
            log_format: LogFormat::Json,
            store_timeout: Duration::from_secs(10),
            rights: Rights::Default,
            push: Push::default(),
        }
    );
}

#[test]
fn what_is_said_of_the_push_half_is_read() {
    let settings = read(PUSH).unwrap();
    let push = &settings.push;
    assert_eq!(push.cluster.as_deref(), Some("prod-eu"));
    let pairs = push.allowed().0;
    let pairs: Vec<_> = { pairs.iter() }
        .map(|pair| (pair.from.as_str(), pair.to.as_str()))
        .collect();
    assert_eq!(pairs, [("team-*", "flux-system")]);
    assert!(push.directory("demo", "shop").is_some());
    assert!(push.directory("demo", "cart").is_none() && push.directory("x", "shop").is_none());
    let rules = &settings.stores[0].allow_write;
    let role = "arn:aws:iam::123456789012:role/team-a";
    assert!(policy::may_write(rules, "team-a", "team-a-db", role));
    assert!(!policy::may_write(rules, "team-b", "team-b-db", role));
}

#[test]
fn every_other_setting_is_read() {
    let settings = read(EVERY).unwrap();
    assert_eq!(settings.namespaces, ["shop", "team-*"]);
    assert_eq!(settings.listen, "127.0.0.1:9".parse().unwrap());
    assert_eq!(settings.log_level, LogLevel::Debug);
    assert_eq!(settings.log_format, LogFormat::Text);
    assert_eq!(settings.store_timeout, Duration::from_secs(120));
    let endpoint = AwsEndpoint {
        region: "us-gov-east-1".to_owned(),
        endpoint: Some("https://vpce.example:4566".to_owned()),
        kms_endpoint: None,
        sts_endpoint: None,
        ca_file: Some("/ca.pem".into()),
    };
    let store = &settings.stores[0];
    assert_eq!(store.backend, Backend::AwsParameterStore(endpoint));
    assert_eq!(store.backend.kind(), Kind::AwsParameterStore);
    assert_eq!((store.configs, &store.allow), (true, &Vec::new()));
    for (namespace, served) in [
        ("shop", true),
        ("team-a", true),
        ("team", false),
        ("other", false),
    ] {
        assert_eq!(settings.serves(namespace), served, "{namespace}");
    }
}

#[test]
fn without_a_file_everything_has_a_default() {
    let settings = Settings::read(None, &Overrides::default()).unwrap();
    assert_eq!(settings, read("stores: []").unwrap());
    assert!(settings.serves("any"));
}

/// Files with one bad setting, and what is said of each.
const BAD_SETTINGS: [(&str, &str); 26] = [
    (
        "push: {cluster: Prod}",
        "line 1: cluster must be up to 63 lower-case letters, digits and \"-\"",
    ),
    (
        "push: {clster: a}",
        "line 1: unknown field in push: \"clster\"; did you mean \"cluster\"?",
    ),
    (
        "push: {crossNamespaceSources: [{namespaces: [a]}]}",
        "line 1: a rule of crossNamespaceSources needs the field \"sources\"",
    ),
    (
        "push: {directories: [{name: a, namespaces: [b]}]}",
        "line 1: a directory needs the field \"path\"",
    ),
    (
        "stores: [{name: a, kind: aws-secretsmanager, region: b, identity: controller, allowWrite: [{namespaces: [a], paths: [b]}]}]",
        "line 1: a rule of allowWrite needs the field \"identities\"",
    ),
    (
        "stores: [{name: a, kind: aws-secretsmanager, region: b, identity: controller, allowWrite: [{namespaces: [a], paths: [b], identities: ['a b']}]}]",
        "line 1: \"a b\" is no identity: write a role's ARN, a service account's address, a client id or \"controller\"",
    ),
    (
        "stores: [{name: a, kind: aws-secretsmanager, region: b, identity: controller, allowWrite: [{namespaces: [a], paths: [b], identities: ['{ns}']}]}]",
        "line 1: \"{ns}\": the only placeholder is {namespace}",
    ),
    (
        "stores: [{name: a, kind: file, root: b, allowWrite: []}]",
        "line 1: a store of kind file has no \"allowWrite\"; remove it",
    ),
    ("", "line 1: there is nothing here"),
    ("[]", "line 1: the config must be a mapping, not a list"),
    (
        "stores: []\nlogLevl: debug",
        "line 2: unknown field in the config: \"logLevl\"; did you mean \"logLevel\"?",
    ),
    (
        "stores: []\nstores: []",
        "line 2: the key \"stores\" is written twice",
    ),
    (
        "stores: []\n---\n{}",
        "line 2: a second YAML document (\"---\") is not allowed here",
    ),
    ("stores: {}", "line 1: stores must be a list, not a mapping"),
    ("stores:", "line 1: stores must be a list, not nothing"),
    (
        "namespaces: shop",
        "line 1: namespaces must be a list, not text",
    ),
    (
        "namespaces: []",
        "line 1: namespaces is empty and so matches nothing; name something or remove the rule",
    ),
    (
        "namespaces:\n  - shop\n  -",
        "line 3: an item of namespaces is empty",
    ),
    (
        "namespaces: [true]",
        "line 1: an item of namespaces must be text: write \"true\" in quotes if that is meant",
    ),
    (
        "listen: '8080'",
        "line 1: listen must be ADDRESS:PORT, for example 0.0.0.0:8080",
    ),
    (
        "listen: localhost:8080",
        "line 1: listen must be ADDRESS:PORT, for example 0.0.0.0:8080",
    ),
    (
        "logLevel: loud",
        "line 1: unknown logLevel: \"loud\"; known are error, warn, info, debug, trace",
    ),
    (
        "logLevel: DEBUG",
        "line 1: unknown logLevel: \"DEBUG\"; known are error, warn, info, debug, trace",
    ),
    (
        "\nlogFormat: jsn",
        "line 2: unknown logFormat: \"jsn\"; did you mean \"json\"?",
    ),
    (
        "storeTimeout: 10",
        "line 1: storeTimeout must be a whole number of seconds or minutes from 1s to 10m, for example 10s",
    ),
    ("storeTimeout:", "line 1: storeTimeout is empty"),
];

#[test]
fn a_bad_setting_is_refused_with_its_line_and_field() {
    for (text, sentence) in BAD_SETTINGS {
        assert_eq!(refused(text), sentence, "{text}");
    }
}

const AWS: &str =
    "stores:\n- name: s\n  kind: aws-secretsmanager\n  region: eu-west-1\n  identity: controller\n";

/// Files with one bad store, and what is said of each.
fn bad_stores() -> Vec<(String, String)> {
    const FILE: &str = "stores:\n- name: s\n  kind: file\n  root: /x\n";
    const BARE: &str = "stores:\n- name: s\n";
    let endpoint = |url: &str| format!("  endpoint: '{url}'");
    let table = [
        (
            "stores:\n- s",
            String::new(),
            "line 2: a store must be a mapping, not text",
        ),
        (
            "stores:\n- kind: file\n",
            String::new(),
            "line 2: a store needs the field \"name\"",
        ),
        (
            "stores:\n- name: a/b\n  kind: file\n",
            String::new(),
            "line 2: name must be up to 63 letters, digits, \"-\", \"_\" and \".\"",
        ),
        (
            "stores:\n- name: a:b\n  kind: file\n",
            String::new(),
            "line 2: name must be up to 63 letters, digits, \"-\", \"_\" and \".\"",
        ),
        (
            BARE,
            String::new(),
            "line 2: a store needs the field \"kind\"",
        ),
        (
            BARE,
            "  kind: aws".to_owned(),
            "line 3: unknown kind: \"aws\"; known are file, aws-secretsmanager, aws-parameterstore, gcp-secretmanager, gcp-parametermanager, azure-keyvault, azure-appconfiguration, vault",
        ),
        (
            BARE,
            "  kind: aws-secretmanager".to_owned(),
            "line 3: unknown kind: \"aws-secretmanager\"; did you mean \"aws-secretsmanager\"?",
        ),
        (
            BARE,
            "  kind: aws-parameterstore\n  region: eu-west-1".to_owned(),
            "line 2: a store needs the field \"identity\"",
        ),
        (
            BARE,
            "  kind: aws-parameterstore\n  identity: controller".to_owned(),
            "line 2: a store needs the field \"region\"",
        ),
        (
            BARE,
            "  kind: file".to_owned(),
            "line 2: a store needs the field \"root\"",
        ),
        (
            FILE,
            "  regoin: x".to_owned(),
            "line 5: unknown field in a store: \"regoin\"; did you mean \"region\"?",
        ),
        (
            FILE,
            "  region: eu-west-1".to_owned(),
            "line 5: a store of kind file has no \"region\"; remove it",
        ),
        (
            FILE,
            "  account: '123456789012'".to_owned(),
            "line 5: a store of kind file has no \"account\"; remove it",
        ),
        (
            FILE,
            "  identity: workload".to_owned(),
            "line 5: a directory knows no identities: write controller, and say in \"allow\" who may read what",
        ),
        (
            FILE,
            "  configs: 'yes'".to_owned(),
            "line 5: configs must be true or false",
        ),
        (
            FILE,
            "- name: t\n  kind: file\n  root: /y\n- name: s\n  kind: file\n  root: /z".to_owned(),
            "line 8: two stores are named \"s\"",
        ),
        (
            AWS,
            "  root: /x".to_owned(),
            "line 6: a store of kind aws-secretsmanager has no \"root\"; remove it",
        ),
        (
            AWS,
            "  identity: controller".to_owned(),
            "line 6: the key \"identity\" is written twice",
        ),
        (
            AWS,
            "  account: 12345".to_owned(),
            "line 6: account must be twelve digits",
        ),
        (
            AWS,
            "  account: 12345678901x".to_owned(),
            "line 6: account must be twelve digits",
        ),
        (
            AWS,
            endpoint("http://vpce.example"),
            "line 6: endpoint must be https: secrets would cross the network in clear text",
        ),
        (
            AWS,
            endpoint("http://10.0.0.1:4566"),
            "line 6: endpoint must be https: secrets would cross the network in clear text",
        ),
        (
            AWS,
            endpoint("http://localhost.example"),
            "line 6: endpoint must be https: secrets would cross the network in clear text",
        ),
        (
            AWS,
            endpoint("https://user:pw@vpce.example"),
            "line 6: endpoint must not carry credentials",
        ),
        (
            AWS,
            endpoint("http://localhost@evil.example"),
            "line 6: endpoint must not carry credentials",
        ),
        (
            AWS,
            endpoint("ftp://vpce.example"),
            "line 6: endpoint must begin with https://",
        ),
        (
            AWS,
            endpoint("vpce.example"),
            "line 6: endpoint must begin with https://",
        ),
        (
            AWS,
            endpoint("/path"),
            "line 6: endpoint must be a URL with a host",
        ),
        (
            AWS,
            endpoint("https://a b"),
            "line 6: endpoint must be a URL",
        ),
        (AWS, "  endpoint:".to_owned(), "line 6: endpoint is empty"),
        (
            AWS,
            "  allow: {}".to_owned(),
            "line 6: allow must be a list, not a mapping",
        ),
        (
            AWS,
            "  allow:\n  - namespaces: [a]".to_owned(),
            "line 7: a rule of allow needs the field \"paths\"",
        ),
        (
            AWS,
            "  allow:\n  - paths: [/a]".to_owned(),
            "line 7: a rule of allow needs the field \"namespaces\"",
        ),
        (
            AWS,
            "  allow:\n  - {namespaces: [a], paths: []}".to_owned(),
            "line 7: paths is empty and so matches nothing; name something or remove the rule",
        ),
        (
            AWS,
            "  allow:\n  - {namespaces: [a], paths: [/a], verbs: [get]}".to_owned(),
            "line 7: unknown field in a rule of allow: \"verbs\"; known are namespaces, paths",
        ),
        (
            AWS,
            "  allow:\n  - namespaces: [a]\n    paths: [/a, '/{ns}/b']".to_owned(),
            "line 8: \"/{ns}/b\": the only placeholder is {namespace}",
        ),
        (
            AWS,
            "  allow:\n  - namespaces: [a]\n    paths:\n    - /a**".to_owned(),
            "line 9: \"/a**\": \"**\" stands for whole segments, so nothing else is in its segment",
        ),
        (
            AWS,
            "  allow:\n  - {namespaces: [a], paths: [/a//b]}".to_owned(),
            "line 7: \"/a//b\": no path has \"//\", \".\" or \"..\" in it",
        ),
    ];
    table
        .into_iter()
        .map(|(base, rest, sentence)| (format!("{base}{rest}"), sentence.to_owned()))
        .collect()
}

/// Every file that is refused.
pub(super) fn bad() -> Vec<(String, String)> {
    let settings = BAD_SETTINGS
        .into_iter()
        .map(|(text, sentence)| (text.to_owned(), sentence.to_owned()));
    settings.chain(bad_stores()).collect()
}

#[test]
fn a_bad_store_is_refused_with_its_line_and_field() {
    for (text, sentence) in bad_stores() {
        assert_eq!(refused(&text), sentence, "{text}");
    }
    let bad_identity = AWS.replace("controller", "controler");
    assert_eq!(
        refused(&bad_identity),
        "line 5: unknown identity: \"controler\"; did you mean \"controller\"?"
    );
    let workload = AWS.replace("controller", "workload");
    assert_eq!(
        read(&workload).unwrap().stores[0].identity,
        Identity::Workload
    );
    let region = AWS.replace("eu-west-1", "EU (Ireland)");
    assert!(refused(&region).starts_with("line 4: region must be the name of an AWS region"));
}

/// What would become a part of a URL, by kind and field.
const HOSTILE: [(&str, &str, &str); 12] = [
    ("gcp-secretmanager\n  project: a", "location", "eu/../x"),
    ("gcp-secretmanager\n  project: a", "clusterName", "a/b"),
    (
        "gcp-secretmanager\n  project: a",
        "workloadProvider",
        "//evil.example/projects/1",
    ),
    ("azure-keyvault\n  vault: a", "tenant", "../common"),
    (
        "azure-keyvault\n  vault: a",
        "endpoint",
        "http://127.0.0.1:1",
    ),
    (
        "azure-appconfiguration\n  configuration: a",
        "vaults",
        "[acme.vault.azure.net]",
    ),
    (
        "azure-appconfiguration\n  configuration: a",
        "vaults",
        "[{name: a, endpoint: 'http://localhost:1'}]",
    ),
    ("vault\n  role: r\n  address: https://v", "mount", "../sys"),
    (
        "vault\n  role: r\n  address: https://v",
        "vaultNamespace",
        "a//b",
    ),
    (
        "azure-appconfiguration\n  configuration: a",
        "label",
        "'prod,*'",
    ),
    (
        "gcp-secretmanager\n  project: a",
        "stsEndpoint",
        "https://h?x",
    ),
    (
        "gcp-secretmanager\n  project: a",
        "workloadProvider",
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a",
    ),
];

#[test]
fn what_would_become_another_url_is_refused_with_its_line_and_field() {
    for (kind, field, text) in HOSTILE {
        let file = format!(
            "stores:\n- name: s\n  identity: workload\n  kind: {kind}\n  {field}: {text}\n"
        );
        let line = file.lines().count();
        let refused = refused(&file);
        assert!(refused.starts_with(&format!("line {line}: ")), "{refused}");
        let inner = field == "vaults";
        assert!(inner || refused.contains(&format!("{field} ")), "{refused}");
        assert!(schema::tests::refuses(&file), "{file}");
    }
}

#[test]
fn clear_text_is_for_this_machine_only() {
    for endpoint in [
        "http://localhost:4566",
        "http://127.0.0.1:4566",
        "http://127.9.9.9",
        "http://[::1]:4566/",
        "https://vpce-1.secretsmanager.eu-west-1.vpce.amazonaws.com",
        "https://10.0.0.1",
    ] {
        assert_eq!(check_endpoint(endpoint), Ok(()), "{endpoint}");
    }
    for endpoint in [
        "http://0.0.0.0:4566",
        "http://[::2]",
        "http://127.0.0.1.evil",
        "http://LOCALHOST",
    ] {
        assert!(check_endpoint(endpoint).is_err(), "{endpoint}");
    }
}

#[test]
fn a_duration_is_whole_seconds_or_minutes_up_to_ten_minutes() {
    let table = [
        ("1s", Some(1)),
        ("600s", Some(600)),
        ("1m", Some(60)),
        ("10m", Some(600)),
        ("0s", None),
        ("601s", None),
        ("11m", None),
        ("1h", None),
        ("1.5s", None),
        ("-1s", None),
        ("10", None),
        ("s", None),
        ("1 s", None),
        ("1ms", None),
        ("99999999999999999999s", None),
        ("18446744073709551615m", None),
    ];
    for (text, expected) in table {
        assert_eq!(
            duration(text).ok(),
            expected.map(Duration::from_secs),
            "{text}"
        );
    }
}

#[test]
fn what_a_flag_says_stands_before_the_file() {
    let file = format!(
        "namespaces: [shop]\nlisten: 127.0.0.1:9\nlogLevel: debug\nlogFormat: text\nstoreTimeout: 2m\n{SAMPLE}"
    );
    let overrides = Overrides {
        listen: Some("127.0.0.1:7".parse().unwrap()),
        log_level: Some(LogLevel::Error),
        log_format: Some(LogFormat::Json),
        namespaces: Some(vec!["cart".to_owned()]),
        store_timeout: Some(Duration::from_secs(3)),
        rights: Some(Rights::Observe),
        stores: Some("[{name: tmp, kind: file, root: /tmp}]".to_owned()),
        push: Some("{cluster: other}".to_owned()),
    };
    let settings = Settings::read(Some(&file), &overrides).unwrap();
    assert_eq!(
        settings,
        Settings::read(None, &overrides).unwrap(),
        "nothing of the file is left"
    );
    assert_eq!(settings.namespaces, ["cart"]);
    assert_eq!(settings.listen, "127.0.0.1:7".parse().unwrap());
    assert_eq!(settings.store_timeout, Duration::from_secs(3));
    assert_eq!(
        (settings.log_level, settings.log_format, settings.rights),
        (LogLevel::Error, LogFormat::Json, Rights::Observe)
    );
    let names: Vec<_> = settings.stores.iter().map(|store| &store.name).collect();
    assert_eq!(names, ["tmp"]);
    // One flag leaves the rest to the file.
    let one = Overrides {
        log_level: Some(LogLevel::Error),
        ..Overrides::default()
    };
    let expected = Settings {
        log_level: LogLevel::Error,
        ..read(&file).unwrap()
    };
    assert_eq!(Settings::read(Some(&file), &one).unwrap(), expected);
}

#[test]
fn stores_of_a_flag_are_checked_as_those_of_the_file() {
    let overrides = Overrides {
        stores: Some("- name: a\n  kind: fil\n  root: /x".to_owned()),
        ..Overrides::default()
    };
    assert_eq!(
        Settings::read(None, &overrides).unwrap_err().to_string(),
        "line 2: unknown kind: \"fil\"; did you mean \"file\"?"
    );
}

#[test]
fn a_pattern_that_is_no_border_between_namespaces_is_doubted_and_told_what_to_write() {
    let store = |kind: &str, list: &str, pattern: &str| {
        let rest = match kind {
            "azure-keyvault" => "vault: v, tenant: 11111111-1111-1111-1111-111111111111",
            "azure-appconfiguration" => {
                "configuration: c, tenant: 11111111-1111-1111-1111-111111111111"
            }
            "gcp-secretmanager" | "gcp-parametermanager" => "project: p-12345",
            _ => "region: eu-west-1",
        };
        let identities = match list {
            "allowWrite" => ", identities: [controller]",
            _ => "",
        };
        let rule = format!("{{namespaces: ['team-*'], paths: [all, '{pattern}']{identities}}}");
        let text = format!(
            "stores:\n- {{name: s, kind: {kind}, identity: workload, {rest}, {list}: [{rule}]}}\n"
        );
        let settings = read(&text).unwrap();
        let warnings = settings.warnings();
        warnings
            .iter()
            .map(|warning| (warning.rule, warning.message.clone()))
            .collect::<Vec<_>>()
    };
    let write = |kind, pattern| store(kind, "allowWrite", pattern);
    for (kind, pattern, instead) in [
        ("aws-secretsmanager", "{namespace}-*", "{namespace}_*"),
        ("gcp-secretmanager", "{namespace}*", "{namespace}_*"),
        ("gcp-parametermanager", "{namespace}-app-*", "{namespace}_*"),
        ("aws-parameterstore", "/{namespace}-*/**", "/{namespace}/**"),
        ("azure-appconfiguration", "{namespace}*", "{namespace}:*"),
        ("azure-keyvault", "{namespace}-*", "a vault of its own"),
    ] {
        let [(rule, message)] = write(kind, pattern).try_into().unwrap();
        assert_eq!(rule, Some(RuleAt::AllowWrite(0)));
        for said in [pattern, instead, "write what is another's", "team-a-prod"] {
            assert!(message.contains(said), "{said}: {message}");
        }
    }
    let [(rule, message)] = store("aws-secretsmanager", "allow", "{namespace}-*")
        .try_into()
        .unwrap();
    assert_eq!(rule, Some(RuleAt::Allow(0)));
    assert!(message.contains("read what is another's"), "{message}");
    for (kind, pattern) in [
        ("aws-secretsmanager", "{namespace}_*"),
        ("aws-secretsmanager", "{namespace}/*"),
        ("aws-secretsmanager", "{namespace}-db"),
        ("aws-secretsmanager", "{namespace}-DB-*"),
        ("aws-parameterstore", "/{namespace}/**"),
        ("aws-parameterstore", "/team/{namespace}-x/**"),
        ("azure-appconfiguration", "{namespace}:*"),
        ("azure-keyvault", "shop-*"),
    ] {
        assert_eq!(write(kind, pattern), [], "{kind} {pattern}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "stores", "name", "kind", "file", "root", "region", "allow", "paths", "namespaces", "endpoint",
                "http://", "listen", "[", "]", "{", "}", ": ", "\n", "\n  ", "- ", "**", "'", "\"", "a", "1", "é", "#",
            ]),
            0..30,
        ),
    ) {
        let text = words.concat();
        let _ = read(&text);
        let overrides = Overrides { stores: Some(text.clone()), ..Overrides::default() };
        let _ = Settings::read(None, &overrides);
        let _ = duration(&text);
        let _ = check_endpoint(&text);
    }

    #[test]
    fn any_letter_changed_in_the_sample_is_read_or_refused_and_never_panics(at in 0..SAMPLE.len(), c in any::<char>()) {
        let mut text = SAMPLE.to_owned();
        text.replace_range(at..=at, c.encode_utf8(&mut [0; 4]));
        if let Err(problem) = read(&text) {
            prop_assert!(problem.line >= 1 && problem.line <= text.split('\n').count() + 1);
        }
    }
}
