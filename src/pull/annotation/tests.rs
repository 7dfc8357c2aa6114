use proptest::prelude::*;

use super::*;
use crate::pull::request::{File, Format, Names, Origin, SecretType, Take};

fn pod(annotations: &[(&str, &str)], labels: &[(&str, &str)]) -> Parsed {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let annotations = annotations
        .iter()
        .map(owned)
        .map(|(key, value)| (format!("{PREFIX}{key}"), value))
        .collect();
    parse(&annotations, &labels.iter().map(owned).collect())
}

/// What one annotation asks; there must be nothing wrong with it.
fn asked(annotation: &str, text: &str) -> Vec<Wanted> {
    let parsed = pod(&[(annotation, text)], &[]);
    assert_eq!(parsed.problems, [], "{annotation}: {text}");
    parsed.wanted
}

fn asked_once(annotation: &str, text: &str) -> Wanted {
    let mut wanted = asked(annotation, text);
    assert_eq!(wanted.len(), 1, "{annotation}: {text}");
    wanted.remove(0)
}

/// The one sentence for an annotation of which nothing may be left.
fn refused(annotation: &str, text: &str) -> String {
    let mut parsed = pod(&[(annotation, text)], &[]);
    assert_eq!(parsed.wanted, [], "{annotation}: {text}");
    assert_eq!(parsed.problems.len(), 1, "{annotation}: {text}");
    let problem = parsed.problems.remove(0);
    assert_eq!(problem.annotation, format!("{PREFIX}{annotation}"));
    problem.message
}

fn names(parsed: &Parsed) -> Vec<(&'static str, &str)> {
    let mut names: Vec<_> = parsed
        .wanted
        .iter()
        .map(|wanted| (wanted.kind.as_str(), wanted.name.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn entry(store: &str, path: &str, version: Option<&str>) -> Origin {
    Origin::Entry {
        store: store.to_owned(),
        path: path.to_owned(),
        version: version.map(str::to_owned),
    }
}

fn below(store: &str, path: &str) -> Origin {
    Origin::Prefix {
        store: store.to_owned(),
        path: path.to_owned(),
    }
}

fn keys(pairs: &[(&str, &str)]) -> Take {
    Take::Keys(
        pairs
            .iter()
            .map(|(key, source)| ((*key).to_owned(), (*source).to_owned()))
            .collect(),
    )
}

fn whole(key: &str) -> Take {
    Take::Whole(key.to_owned())
}

fn secret(name: &str, request: Request) -> Wanted {
    Wanted {
        kind: ObjectKind::Secret,
        name: name.to_owned(),
        request,
    }
}

fn config_map(name: &str, request: Request) -> Wanted {
    Wanted {
        kind: ObjectKind::ConfigMap,
        name: name.to_owned(),
        request,
    }
}

#[test]
fn the_original_annotation_is_understood() {
    let wanted = asked_once(
        "secret-sync",
        "provider: aws-secretsmanager\npath: /shop/db\nsecretName: shop-db\nkeys:\n  DB_USER: username\n  DB_PASSWORD: password\n",
    );
    let request = Request::new(
        entry("aws-secretsmanager", "/shop/db", None),
        keys(&[("DB_USER", "username"), ("DB_PASSWORD", "password")]),
        "secret-sync",
    );
    assert_eq!(wanted, secret("shop-db", request));
}

#[test]
fn the_least_takes_every_default() {
    let text = "{provider: aws, path: /a, secretName: s}";
    let request = Request::new(entry("aws", "/a", None), Take::All, "secret-sync");
    assert_eq!(asked_once("secret-sync", text), secret("s", request));
    let text = "{provider: aws, path: /a, configMapName: c}";
    let request = Request::new(entry("aws", "/a", None), Take::All, "config-sync");
    assert_eq!(asked_once("config-sync", text), config_map("c", request));
}

#[test]
fn every_field_of_secret_sync_is_read() {
    let wanted = asked_once(
        "secret-sync",
        "provider: aws\npath: /a\nsecretName: s.example\nversion: AWSPREVIOUS\nnames: env\nprefix: APP_\n\
         type: kubernetes.io/basic-auth\noptional: true\nretain: true\n",
    );
    let request = Request {
        names: Names::Env,
        prefix: "APP_".to_owned(),
        secret_type: SecretType::BasicAuth,
        optional: true,
        retain: true,
        ..Request::new(
            entry("aws", "/a", Some("AWSPREVIOUS")),
            Take::All,
            "secret-sync",
        )
    };
    assert_eq!(wanted, secret("s.example", request));
}

#[test]
fn every_field_of_config_sync_is_read() {
    let wanted = asked_once(
        "config-sync",
        "provider: local\npath: shop/**\nconfigMapName: c\nkeys: {app.name: app/name}\nnames: as-is\nprefix: x.\n\
         file: application.cfg\nformat: properties\noptional: false\nretain: true\n",
    );
    let request = Request {
        prefix: "x.".to_owned(),
        file: Some(File {
            name: "application.cfg".to_owned(),
            format: Format::Properties,
        }),
        retain: true,
        ..Request::new(
            below("local", "shop/**"),
            keys(&[("app.name", "app/name")]),
            "config-sync",
        )
    };
    assert_eq!(wanted, config_map("c", request));
}

#[test]
fn a_list_is_many_requests_in_the_order_written() {
    let wanted = asked(
        "secret-sync",
        "- {provider: aws, path: /a, secretName: one}\n- {provider: aws, path: /b, secretName: two, key: whole.bin}\n\
         - {provider: aws, path: /c/**, secretName: one}\n",
    );
    let expected = [
        secret(
            "one",
            Request::new(entry("aws", "/a", None), Take::All, "secret-sync[0]"),
        ),
        secret(
            "two",
            Request::new(
                entry("aws", "/b", None),
                whole("whole.bin"),
                "secret-sync[1]",
            ),
        ),
        secret(
            "one",
            Request::new(below("aws", "/c/**"), Take::All, "secret-sync[2]"),
        ),
    ];
    assert_eq!(wanted, expected);
}

#[test]
fn a_version_may_be_written_as_any_number_and_stays_as_written() {
    for version in ["3", "007", "1.10", "12345678901234567890", "'3'", "\"3\""] {
        let text = format!("{{provider: v, path: /a, secretName: s, version: {version}}}");
        let wanted = asked_once("secret-sync", &text);
        let plain = version.trim_matches(['\'', '"']);
        assert_eq!(
            wanted.request.origin,
            entry("v", "/a", Some(plain)),
            "{version}"
        );
    }
}

#[test]
fn a_secret_has_one_of_five_types() {
    let table = [
        ("Opaque", SecretType::Opaque),
        ("tls", SecretType::Tls),
        ("kubernetes.io/tls", SecretType::Tls),
        ("basic-auth", SecretType::BasicAuth),
        ("kubernetes.io/ssh-auth", SecretType::SshAuth),
        (
            "kubernetes.io/dockerconfigjson",
            SecretType::DockerConfigJson,
        ),
    ];
    for (word, expected) in table {
        let text = format!("{{provider: aws, path: /a, secretName: s, type: {word}}}");
        assert_eq!(
            asked_once("secret-sync", &text).request.secret_type,
            expected,
            "{word}"
        );
    }
    for word in [
        "kubernetes.io/service-account-token",
        "service-account-token",
        "bootstrap.kubernetes.io/token",
        "helm.sh/release.v1",
        "kubernetes.io/Opaque",
        "kubernetes.io/dockercfg",
        "opaque",
        "TLS",
    ] {
        let text = format!("{{provider: aws, path: /a, secretName: s, type: {word}}}");
        assert_eq!(
            refused("secret-sync", &text),
            format!(
                "line 1: a Secret of type \"{word}\" is never produced; allowed are Opaque, tls, dockerconfigjson, basic-auth, ssh-auth"
            )
        );
    }
}

#[test]
fn dockerconfigjson_takes_a_payload_whole_unless_it_says_otherwise() {
    let base = "provider: aws, secretName: s, type: dockerconfigjson";
    let table = [
        ("path: /a", whole(".dockerconfigjson")),
        ("path: /a, key: other", whole("other")),
        (
            "path: /a, keys: {.dockerconfigjson: config}",
            keys(&[(".dockerconfigjson", "config")]),
        ),
        ("path: /a/**", Take::All),
    ];
    for (rest, expected) in table {
        let wanted = asked_once("secret-sync", &format!("{{{base}, {rest}}}"));
        assert_eq!(wanted.request.take, expected, "{rest}");
    }
    assert_eq!(
        refused("secret-sync", &format!("{{{base}, path: /a, names: env}}")),
        "line 1: \"names\" has no effect here: the type takes all as \".dockerconfigjson\"; remove it"
    );
}

#[test]
fn a_file_takes_its_format_from_its_extension_or_from_the_field() {
    let table = [
        ("file: application.properties", Format::Properties),
        ("file: app.env", Format::Env),
        ("file: .env", Format::Env),
        ("file: app.json", Format::Json),
        ("file: app.yaml", Format::Yaml),
        ("file: app.yml", Format::Yaml),
        ("file: app.yml, format: json", Format::Json),
        ("file: app, format: env", Format::Env),
    ];
    for (rest, expected) in table {
        let text = format!("{{provider: aws, path: /a, configMapName: c, {rest}}}");
        let file = asked_once("config-sync", &text).request.file;
        assert_eq!(file.map(|file| file.format), Some(expected), "{rest}");
    }
}

#[test]
fn what_a_sync_annotation_cannot_say_is_refused_with_the_place() {
    const SECRET: &str = "provider: aws\npath: /a\nsecretName: s\n";
    const CONFIG: &str = "provider: aws\npath: /a\nconfigMapName: c\n";
    let table = [
        (
            SECRET,
            "keyss: {a: b}",
            "line 4: unknown field in secret-sync: \"keyss\"; did you mean \"keys\"?",
        ),
        (
            SECRET,
            "region: us-east-1",
            "line 4: unknown field in secret-sync: \"region\"; known are provider, path, secretName, keys, key, version, names, prefix, type, optional, retain, identity",
        ),
        (
            SECRET,
            "namespace: other",
            "line 4: unknown field in secret-sync: \"namespace\"; known are provider, path, secretName, keys, key, version, names, prefix, type, optional, retain, identity",
        ),
        (
            SECRET,
            "file: a.env",
            "line 4: unknown field in secret-sync: \"file\"; known are provider, path, secretName, keys, key, version, names, prefix, type, optional, retain, identity",
        ),
        (
            SECRET,
            "key: {a: b}",
            "line 4: \"key\" is one data key for the whole payload; a mapping is written as \"keys\"",
        ),
        (
            SECRET,
            "key: a\nkeys: {a: b}",
            "line 5: \"keys\" and \"key\" exclude each other; \"key\" takes all as it is",
        ),
        (
            SECRET,
            "key: a\nprefix: p",
            "line 5: \"prefix\" and \"key\" exclude each other; \"key\" takes all as it is",
        ),
        (
            SECRET,
            "key: a\nnames: env",
            "line 5: \"names\" and \"key\" exclude each other; \"key\" takes all as it is",
        ),
        (
            SECRET,
            "key: a/b",
            "line 4: \"a/b\" cannot be a data key: use up to 253 letters, digits, \"-\", \"_\" and \".\", not beginning with \"..\"",
        ),
        (SECRET, "key:", "line 4: key is empty"),
        (
            SECRET,
            "keys: {}",
            "line 4: \"keys\" is empty: leave it out to take every key",
        ),
        (
            SECRET,
            "keys:",
            "line 4: keys must be a mapping, not nothing",
        ),
        (
            SECRET,
            "keys: [a]",
            "line 4: keys must be a mapping, not a list",
        ),
        (
            SECRET,
            "keys:\n  a: b\n  ..x: b",
            "line 6: \"..x\" cannot be a data key: use up to 253 letters, digits, \"-\", \"_\" and \".\", not beginning with \"..\"",
        ),
        (
            SECRET,
            "keys: {a: }",
            "line 4: the source key of \"a\" is empty",
        ),
        (
            SECRET,
            "keys: {a: ''}",
            "line 4: the source key of \"a\" is empty",
        ),
        (
            SECRET,
            "keys: {a: [b]}",
            "line 4: the source key of \"a\" must be text, not a list",
        ),
        (
            SECRET,
            "keys: {a: true}",
            "line 4: the source key of \"a\" must be text: write \"true\" in quotes if that is meant",
        ),
        (
            SECRET,
            "keys: {a: /b~c}",
            "line 4: \"/b~c\" is not a JSON Pointer: write \"~\" as \"~0\" and \"/\" as \"~1\"",
        ),
        (
            SECRET,
            "keys: {a: /b~}",
            "line 4: \"/b~\" is not a JSON Pointer: write \"~\" as \"~0\" and \"/\" as \"~1\"",
        ),
        (
            SECRET,
            "keys: {a: b, a: c}",
            "line 4: the key \"a\" is written twice",
        ),
        (SECRET, "version:", "line 4: version is empty"),
        (
            SECRET,
            "version: [1]",
            "line 4: version must be text, not a list",
        ),
        (
            SECRET,
            "names: upper",
            "line 4: unknown value of names: \"upper\"; known are as-is, env",
        ),
        (
            SECRET,
            "prefix: a b",
            "line 4: prefix may have letters, digits, \"-\", \"_\" and \".\" only",
        ),
        (
            SECRET,
            "optional: yes",
            "line 4: optional must be true or false",
        ),
        (
            SECRET,
            "retain: 'true'",
            "line 4: retain must be true or false",
        ),
        (
            SECRET,
            "refresh: 1h",
            "line 4: \"refresh\" is not implemented in this version; remove it",
        ),
        (
            SECRET,
            "identity: controller",
            "line 4: \"identity: controller\" is not for an annotation to say: the operator's config says it of a store; remove it, or write workload to read as the pod's ServiceAccount",
        ),
        (
            SECRET,
            "path: /b",
            "line 4: the key \"path\" is written twice",
        ),
        (
            SECRET,
            "---\na: b",
            "line 4: a second YAML document (\"---\") is not allowed here",
        ),
        (
            SECRET,
            "keys: &x {a: b}",
            "line 4: YAML anchors (\"&name\") are not allowed here",
        ),
        (
            SECRET,
            "<<: {a: b}",
            "line 4: YAML merge keys (\"<<\") are not allowed here",
        ),
        (
            CONFIG,
            "type: tls",
            "line 4: a ConfigMap has no type; remove \"type\"",
        ),
        (
            CONFIG,
            "secretName: s",
            "line 4: unknown field in config-sync: \"secretName\"; known are provider, path, configMapName, keys, key, version, names, prefix, file, format, optional, retain, identity",
        ),
        (
            CONFIG,
            "format: json",
            "line 4: \"format\" needs \"file\": the data key to render into",
        ),
        (
            CONFIG,
            "file: app.toml",
            "line 4: the format of \"app.toml\" cannot be told from its extension: add \"format\", one of properties, env, json, yaml",
        ),
        (
            CONFIG,
            "file: app.env\nformat: hcl",
            "line 5: unknown format: \"hcl\"; known are properties, env, json, yaml",
        ),
        (
            CONFIG,
            "file: a/b.env",
            "line 4: \"a/b.env\" cannot be a data key: use up to 253 letters, digits, \"-\", \"_\" and \".\", not beginning with \"..\"",
        ),
    ];
    for (base, rest, sentence) in table {
        let annotation = if base == SECRET {
            "secret-sync"
        } else {
            "config-sync"
        };
        assert_eq!(
            refused(annotation, &format!("{base}{rest}")),
            sentence,
            "{rest}"
        );
    }
}

#[test]
fn what_is_no_request_at_all_is_refused() {
    let table = [
        (
            "provder: aws\npath: /a\nsecretName: s",
            "line 1: unknown field in secret-sync: \"provder\"; did you mean \"provider\"?",
        ),
        (
            "path: /a\nsecretName: s",
            "line 1: secret-sync needs the field \"provider\"",
        ),
        (
            "provider: aws\nsecretName: s",
            "line 1: secret-sync needs the field \"path\"",
        ),
        (
            "provider: aws\npath:\nsecretName: s",
            "line 2: path is empty",
        ),
        (
            "provider: aws\npath: /a",
            "line 1: secret-sync needs the field \"secretName\"",
        ),
        (
            "provider: aws\npath: /a\nsecretname: s",
            "line 3: unknown field in secret-sync: \"secretname\"; did you mean \"secretName\"?",
        ),
        (
            "provider: aws\npath: /a\nsecretName: My_Secret",
            "line 3: \"My_Secret\" cannot be an object's name: use up to 253 lower case letters, digits, \"-\" and \".\"",
        ),
        (
            "provider: aws\npath: /a\nsecretName: ''",
            "line 3: secretName is empty",
        ),
        ("", "line 1: there is nothing here"),
        ("# nothing", "line 1: there is nothing here"),
        (
            "~",
            "line 1: secret-sync must be a mapping or a list of mappings, not nothing",
        ),
        (
            "/shop/db",
            "line 1: secret-sync must be a mapping or a list of mappings, not text",
        ),
        ("[]", "line 1: the list is empty"),
        ("{}", "line 1: secret-sync needs the field \"secretName\""),
        ("- a", "line 1: secret-sync[0] must be a mapping, not text"),
        (
            "[[]]",
            "line 1: secret-sync[0] must be a mapping, not a list",
        ),
        ("? [a]\n: b", "line 1: a mapping's key must be text"),
    ];
    for (text, sentence) in table {
        assert_eq!(refused("secret-sync", text), sentence, "{text}");
    }
    for text in ["a: [", "a: b: c", "\"open", "a:\n\t- b", "*x", "!!map {}"] {
        assert!(refused("secret-sync", text).starts_with("line "), "{text}");
    }
}

#[test]
fn a_prefix_read_takes_neither_version_nor_key_nor_pointers() {
    let base = "provider: aws\nsecretName: s\npath: /a/**\n";
    let table = [
        (
            "version: 3",
            "line 4: \"version\" cannot be used with a path that ends in \"*\"; remove it",
        ),
        (
            "key: k",
            "line 4: \"key\" cannot be used with a path that ends in \"*\"; remove it",
        ),
        (
            "keys: {a: /b}",
            "line 4: with a path that ends in \"*\" a source key is the entry's path below it, without a \"/\" in front",
        ),
    ];
    for (rest, sentence) in table {
        assert_eq!(
            refused("secret-sync", &format!("{base}{rest}")),
            sentence,
            "{rest}"
        );
    }
    // Whether the kind has such a prefix is its own grammar to say: App Configuration has `a:*`.
    for path in ["**", "/**", "/a/**", "a/**", "a:*", "*"] {
        let text = format!("{{provider: local, secretName: s, path: '{path}'}}");
        assert_eq!(
            asked_once("secret-sync", &text).request.origin,
            below("local", path)
        );
    }
}

#[test]
fn an_unknown_annotation_names_the_nearest_one() {
    let table = [
        (
            "secret-snyc",
            "unknown annotation: \"secret-snyc\"; did you mean \"secret-sync\"?",
        ),
        (
            "enviroment",
            "unknown annotation: \"enviroment\"; did you mean \"environment\"?",
        ),
        (
            "secrets.app",
            "unknown annotation: \"secrets.app\"; known are secret-sync, config-sync, secret.NAME, config.NAME, environment, environment-name, identity, wait, refresh, restart",
        ),
    ];
    for (name, sentence) in table {
        assert_eq!(refused(name, "provider: aws"), sentence);
    }
}

#[test]
fn annotations_of_others_are_none_of_ours() {
    let annotations = [
        ("secret-sync", "x"),
        ("jasm.codnod.io", "x"),
        ("x.jasm.codnod.io/secret-sync", "x"),
    ];
    let annotations = annotations.map(|(key, text)| (key.to_owned(), text.to_owned()));
    assert_eq!(
        parse(&BTreeMap::from(annotations), &BTreeMap::new()),
        Parsed::default()
    );
}

#[test]
fn a_misspelt_option_refuses_the_whole_pod_and_a_misspelt_annotation_only_itself() {
    let good = ("secret.db", "local:a");
    for misspelt in ["identiy", "refrsh", "wiat", "enviroment-name"] {
        let parsed = pod(&[good, (misspelt, "workload")], &[]);
        assert_eq!(
            (parsed.wanted.len(), parsed.problems.len()),
            (0, 1),
            "{misspelt}"
        );
    }
    let parsed = pod(&[good, ("secret-snyc", "x")], &[]);
    assert_eq!((parsed.wanted.len(), parsed.problems.len()), (1, 1));
}

#[test]
fn a_pod_or_a_request_may_ask_to_be_read_as_itself() {
    let one = "{provider: aws, path: /a, secretName: a, identity: workload}";
    let two = "{provider: aws, path: /b, secretName: b}";
    let said = pod(&[("secret-sync", &format!("[{one}, {two}]"))], &[]);
    let asked: Vec<_> = said.wanted.iter().map(|it| &it.request.read_as).collect();
    assert_eq!(asked, [&ReadAs::Workload, &ReadAs::Store]);
    let said = pod(&[("secret-sync", two), ("identity", "workload")], &[]);
    assert_eq!(said.wanted[0].request.read_as, ReadAs::Workload);
    // Never the other way.
    for word in ["controller", "worklaod"] {
        let said = pod(&[("secret-sync", two), ("identity", word)], &[]);
        assert_eq!((said.wanted.len(), said.problems.len()), (0, 1), "{word}");
    }
}

#[test]
fn an_option_that_is_not_built_refuses_the_whole_pod() {
    for (option, value) in [
        ("refresh", "1h"),
        ("refresh", "event"),
        ("wait", "required"),
        ("restart", "rollout"),
    ] {
        let parsed = pod(
            &[
                (option, value),
                ("secret.a", "aws:/a"),
                ("secret-sync", "{provider: aws, path: /b, secretName: b}"),
            ],
            &[],
        );
        assert_eq!(parsed.wanted, [], "{option}");
        assert_eq!(
            parsed.problems,
            [Problem {
                annotation: format!("{PREFIX}{option}"),
                message: format!(
                    "\"{option}: {value}\" is not implemented in this version; remove the annotation"
                ),
                spot: Spot::Name,
            }]
        );
    }
    let parsed = pod(&[("refresh", "start"), ("secret.a", "aws:/a")], &[]);
    assert_eq!(
        (names(&parsed), parsed.problems.len()),
        (vec![("Secret", "a")], 0)
    );
}

#[test]
fn an_environment_is_literals_as_written_and_single_entries() {
    let parsed = pod(
        &[(
            "environment",
            "LOG_LEVEL: info\nRATIO: 1.10\nDEBUG: true\nEMPTY: \"\"\nTEXT: |\n  two\n  lines\n\
             DB_URL: {secret: /shop/db, provider: aws}\n\
             DB_PASSWORD:\n  secret: /shop/db\n  provider: aws\n  version: 3\n  key: /users/0/password\n",
        )],
        &[("app.kubernetes.io/name", "shop")],
    );
    assert_eq!(parsed.problems, []);
    let literal = |name: &str, text: &str| {
        let origin = Origin::Literal(text.to_owned());
        config_map(
            "shop-env",
            Request::new(origin, whole(name), format!("environment {name}")),
        )
    };
    let expected = [
        literal("LOG_LEVEL", "info"),
        literal("RATIO", "1.10"),
        literal("DEBUG", "true"),
        literal("EMPTY", ""),
        literal("TEXT", "two\nlines\n"),
        secret(
            "shop-secrets",
            Request::new(
                entry("aws", "/shop/db", None),
                whole("DB_URL"),
                "environment DB_URL",
            ),
        ),
        secret(
            "shop-secrets",
            Request::new(
                entry("aws", "/shop/db", Some("3")),
                keys(&[("DB_PASSWORD", "/users/0/password")]),
                "environment DB_PASSWORD",
            ),
        ),
    ];
    assert_eq!(parsed.wanted, expected);
}

#[test]
fn an_environment_is_named_after_the_annotation_then_the_labels() {
    const INSTANCE: &str = "app.kubernetes.io/instance";
    const NAME: &str = "app.kubernetes.io/name";
    let named = ("environment-name", " mine ");
    let table: [(&[_], &[_], &str); 6] = [
        (&[named], &[(INSTANCE, "one"), (NAME, "two")], "mine-env"),
        (&[], &[(INSTANCE, "one"), (NAME, "two")], "one-env"),
        (&[], &[(NAME, "two")], "two-env"),
        (&[], &[(INSTANCE, ""), (NAME, "two")], "two-env"),
        (&[], &[(INSTANCE, "")], "app-env"),
        (&[], &[], "app-env"),
    ];
    for (more, labels, expected) in table {
        let mut annotations = vec![("environment", "A: b")];
        annotations.extend(more);
        assert_eq!(names(&pod(&annotations, labels)), [("ConfigMap", expected)]);
    }
    for (name, from) in [
        ("My_App", "app.kubernetes.io/name"),
        ("", "jasm.codnod.io/environment-name"),
    ] {
        let (annotations, labels) = if name.is_empty() {
            (
                vec![("environment", "A: b"), ("environment-name", "")],
                vec![],
            )
        } else {
            (vec![("environment", "A: b")], vec![(NAME, name)])
        };
        let parsed = pod(&annotations, &labels);
        assert_eq!(parsed.wanted, []);
        assert_eq!(
            parsed.problems[0].message,
            format!(
                "\"{name}\" (from {from}) cannot begin an object's name: set jasm.codnod.io/environment-name \
                 to lower case letters, digits and \"-\""
            )
        );
    }
}

#[test]
fn what_an_environment_cannot_say_is_refused_with_the_place() {
    let table = [
        (
            "A: ${B}",
            "line 1: A has \"${…}\" in it: JASM fills in no templates, that belongs to the tool that writes the manifest",
        ),
        (
            "A: 'x-${'",
            "line 1: A has \"${…}\" in it: JASM fills in no templates, that belongs to the tool that writes the manifest",
        ),
        ("A:", "line 1: A is empty: write \"\" for an empty value"),
        ("A: ~", "line 1: A is empty: write \"\" for an empty value"),
        (
            "A: [b]",
            "line 1: A must be a value or a mapping with \"secret\"",
        ),
        (
            "1A: b",
            "line 1: \"1A\" cannot be an environment variable: use letters, digits and \"_\", no digit in front",
        ),
        (
            "a.b: c",
            "line 1: \"a.b\" cannot be an environment variable: use letters, digits and \"_\", no digit in front",
        ),
        (
            "A-B: {secret: /a, provider: aws}",
            "line 1: \"A-B\" cannot be an environment variable: use letters, digits and \"_\", no digit in front",
        ),
        ("A: {}", "line 1: A needs the field \"secret\""),
        ("A: {secret: /a}", "line 1: A needs the field \"provider\""),
        ("A: {secret: , provider: aws}", "line 1: secret is empty"),
        (
            "A: {secret: /a, provder: aws}",
            "line 1: unknown field in A: \"provder\"; did you mean \"provider\"?",
        ),
        (
            "A: {secret: /a/**, provider: aws}",
            "line 1: one variable takes one entry, not a path that ends in \"*\"",
        ),
        (
            "A: {secret: /a, provider: aws, key: /x~}",
            "line 1: \"/x~\" is not a JSON Pointer: write \"~\" as \"~0\" and \"/\" as \"~1\"",
        ),
        ("A: b\nA: c", "line 2: the key \"A\" is written twice"),
        ("{}", "line 1: environment is empty"),
        (
            "- A: b",
            "line 1: environment must be a mapping, not a list",
        ),
        ("A=b", "line 1: environment must be a mapping, not text"),
    ];
    for (text, sentence) in table {
        assert_eq!(refused("environment", text), sentence, "{text}");
    }
    let long = "A".repeat(254);
    assert!(refused("environment", &format!("{long}: b")).contains("cannot be an environment"));
}

#[test]
fn a_one_liner_says_it_in_one_line() {
    let table = [
        ("aws:/a", entry("aws", "/a", None), Take::All),
        ("aws:/a?version=3", entry("aws", "/a", Some("3")), Take::All),
        (
            "aws:/a#user",
            entry("aws", "/a", None),
            keys(&[("user", "user")]),
        ),
        (
            "aws:/a#user -> DB_USER",
            entry("aws", "/a", None),
            keys(&[("DB_USER", "user")]),
        ),
        (
            "aws:/a#/users/0 -> first",
            entry("aws", "/a", None),
            keys(&[("first", "/users/0")]),
        ),
        (
            "aws:/a -> whole.pem",
            entry("aws", "/a", None),
            whole("whole.pem"),
        ),
        (
            "aws:/a?version=AWSPREVIOUS#k -> n",
            entry("aws", "/a", Some("AWSPREVIOUS")),
            keys(&[("n", "k")]),
        ),
        ("  aws:/a   ->   n  ", entry("aws", "/a", None), whole("n")),
        (
            "aws:/a#a -> b -> c",
            entry("aws", "/a", None),
            keys(&[("c", "a -> b")]),
        ),
        (
            "aws:/a#k#l -> n",
            entry("aws", "/a", None),
            keys(&[("n", "k#l")]),
        ),
        (
            "aws:/a#a:b?c -> n",
            entry("aws", "/a", None),
            keys(&[("n", "a:b?c")]),
        ),
        ("aws:/a/**", below("aws", "/a/**"), Take::All),
        ("local:**", below("local", "**"), Take::All),
        ("azure:a:*", below("azure", "a:*"), Take::All),
        (
            "aws:/a/**#b/c -> n",
            below("aws", "/a/**"),
            keys(&[("n", "b/c")]),
        ),
        (
            "aws:/a/**#b.c",
            below("aws", "/a/**"),
            keys(&[("b.c", "b.c")]),
        ),
        (
            "aws:arn:aws:secretsmanager:eu-west-1:1:secret:a",
            entry("aws", "arn:aws:secretsmanager:eu-west-1:1:secret:a", None),
            Take::All,
        ),
        (
            "aws:/a%23b%3fc%3Ad%20e",
            entry("aws", "/a#b?c:d e", None),
            Take::All,
        ),
        (
            "aws:/a%3Fversion=3",
            entry("aws", "/a?version=3", None),
            Take::All,
        ),
        ("aws:/a%20->%20n", entry("aws", "/a -> n", None), Take::All),
        (
            "aws:/a%2Fb%25%zz%",
            entry("aws", "/a%2Fb%25%zz%", None),
            Take::All,
        ),
        ("aws:/ä%é%2", entry("aws", "/ä%é%2", None), Take::All),
    ];
    for (line, origin, take) in table {
        let request = Request::new(origin, take, "secret.s line 1");
        assert_eq!(asked_once("secret.s", line), secret("s", request), "{line}");
    }
}

#[test]
fn a_one_liner_has_one_source_a_line_and_comments() {
    let text = "\n# shop\naws:/a#user\r\n\n   # mail\n  local:b -> mail\n";
    let wanted = asked("config.shop", text);
    let expected = [
        config_map(
            "shop",
            Request::new(
                entry("aws", "/a", None),
                keys(&[("user", "user")]),
                "config.shop line 3",
            ),
        ),
        config_map(
            "shop",
            Request::new(
                entry("local", "b", None),
                whole("mail"),
                "config.shop line 6",
            ),
        ),
    ];
    assert_eq!(wanted, expected);
}

#[test]
fn what_a_one_liner_cannot_say_is_refused_with_the_line() {
    const FORM: &str = "it is not STORE:PATH[?version=V][#KEY][ -> NAME]";
    const DATA_KEY: &str = "cannot be a data key: use up to 253 letters, digits, \"-\", \"_\" and \".\", not beginning with \"..\"";
    let table = [
        ("->", FORM.to_owned()),
        ("-> n", FORM.to_owned()),
        ("/a", FORM.to_owned()),
        (":/a", FORM.to_owned()),
        ("aws:", FORM.to_owned()),
        ("aws:#k", FORM.to_owned()),
        ("aws:?version=3", FORM.to_owned()),
        ("aws:/a ->", "there is no name after \"->\"".to_owned()),
        ("aws:/a -> ", "there is no name after \"->\"".to_owned()),
        ("aws:/a -> b c", format!("\"b c\" {DATA_KEY}")),
        ("aws:/a -> ..", format!("\"..\" {DATA_KEY}")),
        ("aws:/a#", "a source key is empty".to_owned()),
        ("aws:/a# -> n", "a source key is empty".to_owned()),
        ("aws:/a#k ->n", format!("\"k ->n\" {DATA_KEY}")),
        ("aws:/a#k?version=3", format!("\"k?version=3\" {DATA_KEY}")),
        (
            "aws:/a#/k",
            "\"#/k\" is a pointer and needs \" -> NAME\"".to_owned(),
        ),
        (
            "aws:/a#/k~ -> n",
            "\"/k~\" is not a JSON Pointer: write \"~\" as \"~0\" and \"/\" as \"~1\"".to_owned(),
        ),
        (
            "aws:/a?version=",
            "there is no version after \"?version=\"".to_owned(),
        ),
        (
            "aws:/a?version=#k",
            "there is no version after \"?version=\"".to_owned(),
        ),
        (
            "aws:/a/**?version=3",
            "a path that ends in \"*\" takes no version".to_owned(),
        ),
        (
            "aws:/a/** -> n",
            "a path that ends in \"*\" has many entries: take one with #KEY -> NAME".to_owned(),
        ),
        (
            "aws:/a/**#/b -> n",
            "after \"*\" a KEY is the entry's path below it, without a \"/\" in front".to_owned(),
        ),
        ("aws:/a/**#b/c", format!("\"b/c\" {DATA_KEY}")),
    ];
    for (line, sentence) in table {
        assert_eq!(
            refused("secret.s", &format!("aws:/fine\n{line}")),
            format!("line 2: {sentence}"),
            "{line}"
        );
    }
    assert_eq!(
        refused("secret.s", "# nothing\n\n"),
        "there is no source in it: write STORE:PATH, one a line"
    );
    assert_eq!(
        refused("config.Bad_Name", "aws:/a"),
        "\"Bad_Name\" cannot be an object's name: use up to 253 lower case letters, digits, \"-\" and \".\""
    );
    assert!(refused("secret.", "aws:/a").starts_with("\"\" cannot be an object's name"));
}

#[test]
fn a_problem_refuses_its_target_and_no_other() {
    let parsed = pod(
        &[
            (
                "secret-sync",
                "- {provider: aws, path: /a, secretName: a}\n- {provider: aws, path: /b, secretName: b}\n\
                 - {provider: aws, pth: /b, secretName: b}\n- {provider: aws, path: /b, secretName: b, kys: {}}\n\
                 - {provider: aws, path: /c, secretName: c}\n",
            ),
            ("secret.b", "aws:/b"),
            ("config.b", "aws:/b"),
        ],
        &[],
    );
    assert_eq!(
        names(&parsed),
        [("ConfigMap", "b"), ("Secret", "a"), ("Secret", "c")]
    );
    let messages: Vec<_> = parsed
        .problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    assert_eq!(
        messages,
        ["line 3: unknown field in secret-sync[2]: \"pth\"; did you mean \"path\"?"],
        "the first problem of a target is told"
    );
}

#[test]
fn problems_of_several_targets_are_told_each() {
    let parsed = pod(
        &[(
            "secret-sync",
            "- {provider: aws, path: /a, secretName: a, key: ''}\n- {provider: aws, path: /b, secretName: b, key: ''}\n",
        )],
        &[],
    );
    assert_eq!((parsed.wanted.len(), parsed.problems.len()), (0, 2));
}

#[test]
fn a_problem_whose_target_is_unknown_refuses_its_annotation() {
    for bad in [
        "{provider: aws, path: /b}",
        "{provider: aws, path: /b, secretName: B}",
        "text",
    ] {
        let parsed = pod(
            &[
                (
                    "secret-sync",
                    &format!("- {{provider: aws, path: /a, secretName: a}}\n- {bad}\n"),
                ),
                ("config.c", "aws:/c"),
                ("secret.a", "aws:/more"),
            ],
            &[],
        );
        assert_eq!(
            names(&parsed),
            [("ConfigMap", "c")],
            "half of a would be left by {bad}"
        );
        assert_eq!(parsed.problems.len(), 1);
    }
    let parsed = pod(
        &[
            ("secret-sync", "{a: b"),
            ("environment", "A: b"),
            ("secret.c", "aws:/c"),
            ("nonsense", ""),
        ],
        &[],
    );
    assert_eq!(names(&parsed), [("ConfigMap", "app-env"), ("Secret", "c")]);
    assert_eq!(parsed.problems.len(), 2);
}

#[test]
fn a_bad_literal_leaves_the_secrets_of_an_environment_and_a_bad_secret_the_literals() {
    let table: [(&str, &[_]); 4] = [
        ("A: ${x}", &[("Secret", "app-secrets")]),
        ("A-B: x", &[("Secret", "app-secrets")]),
        ("A: {secret: /a}", &[("ConfigMap", "app-env")]),
        ("A: [x]", &[]),
    ];
    for (bad, left) in table {
        let text = format!("GOOD: x\nALSO: {{secret: /a, provider: aws}}\n{bad}\n");
        let parsed = pod(&[("environment", &text)], &[]);
        assert_eq!(names(&parsed), left, "{bad}");
        assert_eq!(parsed.problems.len(), 1, "{bad}");
    }
}

#[test]
fn foreign_text_in_a_message_is_short_and_clean() {
    let name = format!("a\u{1b}[31m{}", "x".repeat(100_000));
    let message = refused(
        "secret-sync",
        &format!("\"{}\": b", name.replace('\u{1b}', "\\e")),
    );
    assert!(message.len() < 300 && !message.contains('\u{1b}'));
    let message = refused("secret.s", &format!("aws:/a -> {name}"));
    assert!(message.len() < 300 && !message.contains('\u{1b}'));
}

#[test]
fn names_are_those_that_the_api_server_accepts() {
    let long = "a".repeat(253);
    for name in ["a", "a-b.c", "0", long.as_str()] {
        assert!(valid_object_name(name), "{name}");
    }
    let longer = "a".repeat(254);
    for name in [
        "",
        "A",
        "a_b",
        "-a",
        "a-",
        "a..b",
        ".a",
        "a.",
        "a/b",
        "ä",
        longer.as_str(),
    ] {
        assert!(!valid_object_name(name), "{name}");
    }
    for key in [
        "a",
        "A_b-c.d",
        ".env",
        "...".strip_prefix('.').unwrap_or("x"),
        long.as_str(),
    ] {
        assert_eq!(valid_data_key(key), key != "..", "{key}");
    }
    for key in ["", ".", "..", "..a", "a b", "a/b", "ä", longer.as_str()] {
        assert!(!valid_data_key(key), "{key}");
    }
}

/// A request as YAML, each field that differs from its default.
fn printed(wanted: &Wanted) -> String {
    let quote = |text: &str| serde_json::to_string(text).unwrap();
    let request = &wanted.request;
    let mut fields = Vec::new();
    let (store, path, version) = match &request.origin {
        Origin::Entry {
            store,
            path,
            version,
        } => (store, path, version.as_deref()),
        Origin::Prefix { store, path } => (store, path, None),
        Origin::Literal(_) => unreachable!("not generated"),
    };
    fields.push(format!("provider: {}", quote(store)));
    fields.push(format!("path: {}", quote(path)));
    let field = match wanted.kind {
        ObjectKind::Secret => "secretName",
        ObjectKind::ConfigMap => "configMapName",
    };
    fields.push(format!("{field}: {}", quote(&wanted.name)));
    fields.extend(version.map(|version| format!("version: {}", quote(version))));
    match &request.take {
        Take::All => {}
        Take::Whole(key) => fields.push(format!("key: {}", quote(key))),
        Take::Keys(keys) => {
            fields.push("keys:".to_owned());
            fields.extend(
                keys.iter()
                    .map(|(key, source)| format!("  {}: {}", quote(key), quote(source))),
            );
        }
    }
    if request.names == Names::Env {
        fields.push("names: env".to_owned());
    }
    if !request.prefix.is_empty() {
        fields.push(format!("prefix: {}", quote(&request.prefix)));
    }
    if request.secret_type != SecretType::Opaque {
        fields.push(format!("type: {}", request.secret_type.as_str()));
    }
    if let Some(file) = &request.file {
        fields.push(format!("file: {}", quote(&file.name)));
        let format = serde_json::to_string(&file.format).unwrap();
        fields.push(format!("format: {format}"));
    }
    fields.push(format!("optional: {}", request.optional));
    fields.push(format!("retain: {}", request.retain));
    fields.join("\n")
}

fn any_origin() -> impl Strategy<Value = Origin> {
    let text = "[!-~ äß€😀]{0,12}[a-zA-Z0-9]";
    prop_oneof![
        (text, text, proptest::option::of(text)).prop_map(|(store, path, version)| Origin::Entry {
            store,
            path,
            version
        }),
        (text, text).prop_map(|(store, path)| Origin::Prefix {
            store,
            path: format!("{path}/**")
        }),
    ]
}

fn any_take() -> impl Strategy<Value = Take> {
    let data_key = "[a-zA-Z_-][a-zA-Z0-9._-]{0,20}";
    prop_oneof![
        Just(Take::All),
        data_key.prop_map(Take::Whole),
        proptest::collection::btree_map(data_key, "[!-.0-}äß€😀]([ -}äß€😀]{0,9}[!-}])?", 1..4)
            .prop_map(Take::Keys),
    ]
}

prop_compose! {
    fn any_wanted()(
        kind in prop_oneof![Just(ObjectKind::Secret), Just(ObjectKind::ConfigMap)],
        name in "[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\\.[a-z0-9]{1,5})?",
        origin in any_origin(),
        take in any_take(),
        env in any::<bool>(),
        prefix in "[A-Za-z_.-]{0,5}",
        type_index in 0..5_usize,
        file in proptest::option::of(("[a-zA-Z_-][a-zA-Z0-9._-]{0,20}", 0..4_usize)),
        optional in any::<bool>(),
        retain in any::<bool>(),
    ) -> Wanted {
        // What the grammar excludes gives way to what it is excluded by.
        let take = match (&origin, take) {
            (Origin::Prefix { .. }, Take::Whole(_)) => Take::All,
            (_, take) => take,
        };
        let types = [SecretType::Opaque, SecretType::Tls, SecretType::BasicAuth, SecretType::SshAuth, SecretType::DockerConfigJson];
        let mut secret_type = types[type_index];
        let generated = !matches!(take, Take::Whole(_));
        if kind == ObjectKind::ConfigMap || (take == Take::All && secret_type == SecretType::DockerConfigJson) {
            secret_type = SecretType::Opaque;
        }
        let formats = [Format::Properties, Format::Env, Format::Json, Format::Yaml];
        let file = file
            .filter(|_| kind == ObjectKind::ConfigMap)
            .map(|(name, format)| File { name, format: formats[format] });
        let said_in = match kind {
            ObjectKind::Secret => "secret-sync",
            ObjectKind::ConfigMap => "config-sync",
        };
        let request = Request {
            names: if env && generated { Names::Env } else { Names::AsIs },
            prefix: if generated { prefix } else { String::new() },
            secret_type,
            file,
            optional,
            retain,
            ..Request::new(origin, take, said_in)
        };
        Wanted { kind, name, request }
    }
}

/// Words of the grammar thrown together: closer to an annotation than any random text.
fn yaml_like() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "provider",
            "path",
            "secretName",
            "configMapName",
            "keys",
            "key",
            "version",
            "names",
            "env",
            "prefix",
            "type",
            "tls",
            "file",
            "format",
            "json",
            "optional",
            "retain",
            "true",
            "aws",
            "/a",
            "/a/**",
            "secret",
            "refresh",
            "x",
            ": ",
            ":",
            "\n",
            "\n  ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            "\"",
            "'",
            "#",
            "&a ",
            "*a",
            "!t ",
            "|",
            ">-",
            "? ",
            "---\n",
            "...\n",
            "~",
            "%",
            "\t",
            " -> ",
            "->",
            "?version=",
            "${",
            "\u{feff}",
            "é",
            "\r\n",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9:,{}\\[\\] \n]{1,3}",
    ];
    proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn a_request_survives_being_written_down(wanted in any_wanted()) {
        let annotation = wanted.request.said_in.clone();
        let parsed = pod(&[(&annotation, &printed(&wanted))], &[]);
        prop_assert_eq!(parsed.problems, vec![]);
        prop_assert_eq!(parsed.wanted, vec![wanted]);
    }

    #[test]
    fn a_one_liner_survives_being_written_down(
        store in "[a-z-]{1,8}",
        path in "/[!-$&-~ é]{0,12}[!-$&-)+-~]",
        version in proptest::option::of("[A-Za-z0-9.-]{1,8}"),
        key in proptest::option::of("[a-zA-Z_-][a-zA-Z0-9_-]{0,8}"),
        name in proptest::option::of("[a-zA-Z_-][a-zA-Z0-9_-]{0,8}"),
    ) {
        let encoded = path.replace('#', "%23").replace('?', "%3F").replace(':', "%3a").replace(' ', "%20");
        let mut line = format!("{store}:{encoded}");
        line.extend(version.iter().map(|version| format!("?version={version}")));
        line.extend(key.iter().map(|key| format!("#{key}")));
        line.extend(name.iter().map(|name| format!(" -> {name}")));
        let take = match (&key, &name) {
            (None, None) => Take::All,
            (None, Some(name)) => whole(name),
            (Some(key), name) => keys(&[(name.as_ref().unwrap_or(key), key)]),
        };
        let request = Request::new(entry(&store, &path, version.as_deref()), take, "secret.s line 1");
        let parsed = pod(&[("secret.s", &line)], &[]);
        prop_assert_eq!(parsed.problems, vec![]);
        prop_assert_eq!(parsed.wanted, vec![secret("s", request)]);
    }

    #[test]
    fn no_text_panics_and_what_is_accepted_has_only_good_names(
        annotation in prop::sample::select(vec![
            "secret-sync", "config-sync", "environment", "environment-name", "secret.s", "config.c", "secret.é", "refresh",
        ]),
        text in prop_oneof![yaml_like(), "\\PC{0,80}", any::<String>()],
    ) {
        let parsed = pod(&[(annotation, &text), ("environment", "A: b")], &[("app.kubernetes.io/name", &text)]);
        prop_assert!(parsed.problems.iter().all(|problem| problem.message.len() < 1024));
        for wanted in parsed.wanted {
            prop_assert!(valid_object_name(&wanted.name));
            match &wanted.request.take {
                Take::All => {}
                Take::Whole(key) => prop_assert!(valid_data_key(key)),
                Take::Keys(keys) => {
                    prop_assert!(!keys.is_empty());
                    prop_assert!(keys.iter().all(|(key, source)| valid_data_key(key) && !source.is_empty()));
                }
            }
        }
    }
}
