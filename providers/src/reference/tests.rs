//! The grammar as tables: what is taken, what is refused and what the sentence says.

use proptest::prelude::*;

use super::{EntryRef, Kind, Prefix, Scope, UnknownKind, is_prefix};

use Kind::{
    AwsParameterStore as Parameter, AwsSecretsManager as Secret, AzureAppConfiguration as Setting,
    AzureKeyVault as Vaulted, File, GcpParameterManager as Rendered, GcpSecretManager as Google,
    Vault,
};

fn scope() -> Scope {
    Scope {
        region: Some("eu-west-1".into()),
        account: Some("123456789012".into()),
        project: Some("acme-prod".into()),
        location: None,
    }
}

fn accepted(kind: Kind, path: &str, version: Option<&str>) -> EntryRef {
    kind.entry(&scope(), path, version)
        .unwrap_or_else(|why| panic!("{kind} {path:?} {version:?}: {why}"))
}

fn refused(kind: Kind, path: &str, version: Option<&str>) -> String {
    match kind.entry(&scope(), path, version) {
        Ok(entry) => panic!("{kind} {path:?} {version:?} was taken as {entry}"),
        Err(why) => why.to_string(),
    }
}

#[test]
fn names_are_taken_as_written() {
    let long_secret = "s".repeat(512);
    let long_parameter = format!("/{}", "p".repeat(1010));
    let long_vault = "v".repeat(512);
    let deep = "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15";
    let table: &[(Kind, &[&str])] = &[
        (
            File,
            &["a", "app/db.json", "app/.env", "A-1_b.c/d", "a..b", "a."],
        ),
        (
            Secret,
            &[
                "a",
                "/a",
                "team/app",
                "/team/app",
                "a_b+c=d.e@f-g",
                "db-secret",
                "db-AbC123",
                &long_secret,
            ],
        ),
        (
            Parameter,
            &[
                "a",
                "/a",
                "/team/app/x.y_z-1",
                "/AWS/service/x",
                deep,
                &long_parameter,
            ],
        ),
        (
            Google,
            &["a", "A-1_b", "latest", "projects", &long_secret[..255]],
        ),
        (Rendered, &["a", "A-1_b", &long_secret[..63]]),
        (Vaulted, &["a", "A-1-b", &long_secret[..127]]),
        (
            Setting,
            &[
                "a",
                "/a",
                "app:db:url",
                "app/db.url",
                "/application/x@y+z=$-_",
                ".appconfig.featureflag/x",
            ],
        ),
        (
            Vault,
            &[
                "a",
                "app/db",
                "a_b+c=d.e@f-g/h",
                ".hidden",
                "a.",
                &long_vault,
            ],
        ),
    ];
    for (kind, paths) in table {
        for path in *paths {
            assert_eq!(accepted(*kind, path, None).path, *path);
        }
    }
}

#[test]
fn every_kind_refuses_what_could_mean_two_things() {
    let table = [
        ("", "empty"),
        ("a//b", "//"),
        ("a/../b", ". or .."),
        ("a/./b", ". or .."),
        ("..", ". or .."),
        ("a/", "must not end in /"),
        ("/", "must not end in /"),
        ("a%2fb", "% escapes"),
        ("a\u{0}b", "control characters"),
        ("a\nb", "control characters"),
        ("a\u{7f}b", "control characters"),
        ("a b", "white space"),
        ("a\u{a0}b", "white space"),
        ("a\\b", "backslash"),
        ("a?version=1", "? and #"),
        ("a#key", "? and #"),
        ("a/*", "only allowed as a final /**"),
        ("a*", "only allowed as a final /**"),
        ("a/**/b", "only allowed as a final /**"),
        ("a/**", "reads many entries"),
        ("**", "reads many entries"),
        ("ä", "must not contain '\\u{e4}'"),
        ("a~b", "must not contain '~'"),
        ("a{b}", "must not contain '{'"),
    ];
    for kind in Kind::ALL {
        for (path, why) in table {
            // A parameter name with levels has to begin with `/` before anything else can be wrong.
            let path = if kind == Parameter && path.contains('/') && path != "/" {
                format!("/{path}")
            } else {
                path.into()
            };
            // Where the beginning of names may be asked for, the star says so.
            let why = match path.as_str() {
                "a/*" | "a*" if kind == Setting => "reads many entries",
                _ => why,
            };
            let sentence = refused(kind, &path, None);
            assert!(sentence.contains(why), "{kind} {path:?}: {sentence}");
        }
    }
}

#[test]
fn every_kind_has_its_own_limits() {
    let table: &[(Kind, String, &str)] = &[
        (File, "/a".into(), "relative"),
        (File, "..data/a".into(), "must not start with .."),
        (File, "a/..b".into(), "must not start with .."),
        (File, "a@b".into(), "must not contain '@'"),
        (File, "a".repeat(256), "longer than 255"),
        (File, "a/".repeat(32) + "a", "more than the 32 levels"),
        (File, "a/".repeat(512) + "a", "longer than the 1024"),
        (Secret, "s".repeat(513), "longer than the 512"),
        (Secret, "a:b".into(), "must not contain ':'"),
        (Parameter, "/a:3".into(), "use version"),
        (Parameter, "a:label".into(), "use version"),
        (Parameter, "a/b".into(), "must start with /"),
        (Parameter, "/a@b".into(), "must not contain '@'"),
        (
            Parameter,
            format!("/{}", "p".repeat(1011)),
            "longer than the 1011",
        ),
        (
            Parameter,
            "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16".into(),
            "more than the 15 levels",
        ),
        (
            Parameter,
            "/aws/reference/secretsmanager/x".into(),
            "past its rules",
        ),
        (
            Parameter,
            "/AWS/Reference/secretsmanager/x".into(),
            "past its rules",
        ),
        (Parameter, "/aws/reference".into(), "past its rules"),
        (Google, "/a".into(), "relative"),
        (Google, "a/b".into(), "has no /"),
        (Google, "a.b".into(), "must not contain '.'"),
        (Google, "s".repeat(256), "longer than the 255"),
        (Rendered, "a/b".into(), "has no /"),
        (Rendered, "s".repeat(64), "longer than the 63"),
        (Vaulted, "a_b".into(), "must not contain '_'"),
        (Vaulted, "a/b".into(), "has no /"),
        (Vaulted, "../keys/a".into(), ". or .."),
        (Vaulted, "s".repeat(128), "longer than the 127"),
        (Setting, "a,b".into(), "must not contain ','"),
        (Setting, "a~b".into(), "must not contain '~'"),
        (Setting, "s".repeat(1025), "longer than the 1024"),
        (Vault, "/a".into(), "relative"),
        (Vault, "a:b".into(), "must not contain ':'"),
        (Vault, "a..b/c".into(), "must not contain .."),
        (Vault, "v".repeat(513), "longer than the 512"),
        (Vault, "a/".repeat(32) + "a", "more than the 32 levels"),
    ];
    for (kind, path, why) in table {
        let sentence = refused(*kind, path, None);
        assert!(sentence.contains(why), "{kind} {path:?}: {sentence}");
    }
}

#[test]
fn an_arn_of_the_scope_is_its_name() {
    let table = [
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/db-AbC123",
            "team/db",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-secret-AbC123",
            "db-secret",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/a-000000",
            "/a",
        ),
        (
            Parameter,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/x/y",
            "/x/y",
        ),
        (
            Parameter,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/x",
            "x",
        ),
    ];
    for (kind, arn, name) in table {
        assert_eq!(accepted(kind, arn, None).path, name);
    }
    let china = Scope {
        region: Some("cn-north-1".into()),
        ..scope()
    };
    let arn = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/x";
    assert_eq!(
        Parameter
            .entry(&china, arn, None)
            .map(|entry| entry.path)
            .as_deref(),
        Ok("x")
    );
}

#[test]
fn an_arn_of_anything_else_is_refused() {
    let table = [
        (
            File,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/x",
            "no ARNs",
        ),
        (
            Vault,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/x",
            "no ARNs",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012",
            "incomplete",
        ),
        (
            Secret,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/x",
            "not one of secretsmanager",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbC123",
            "another region",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:999999999999:secret:a-AbC123",
            "another account",
        ),
        (
            Secret,
            "arn:aws-cn:secretsmanager:eu-west-1:123456789012:secret:a-AbC123",
            "another partition",
        ),
        (
            Secret,
            "ARN:aws:secretsmanager:eu-west-1:123456789012:secret:a",
            "six characters",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-Ab!123",
            "six characters",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:-AbC123",
            "six characters",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:key:a-AbC123",
            "not one of a secret",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a/../b-AbC123",
            ". or ..",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a:b-AbC123",
            "must not contain ':'",
        ),
        (
            Parameter,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbC123",
            "not one of ssm",
        ),
        (
            Parameter,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/",
            "not one of a parameter",
        ),
        (
            Parameter,
            "arn:aws:ssm:eu-west-1:123456789012:document/x",
            "not one of a parameter",
        ),
        (
            Parameter,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/aws/reference/secretsmanager/x",
            "past its rules",
        ),
        (
            Parameter,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/x:3",
            "use version",
        ),
    ];
    for (kind, arn, why) in table {
        let sentence = refused(kind, arn, None);
        assert!(sentence.contains(why), "{kind} {arn}: {sentence}");
    }
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbC123";
    let no_account = Scope {
        account: None,
        ..scope()
    };
    let no_region = Scope {
        region: None,
        ..scope()
    };
    for (scope, what) in [(no_account, "set account"), (no_region, "set region")] {
        let why = Secret
            .entry(&scope, arn, None)
            .map_err(|why| why.to_string());
        assert!(why.as_ref().is_err_and(|why| why.contains(what)), "{why:?}");
    }
}

#[test]
fn a_resource_name_of_the_scope_is_its_id() {
    let regional = Scope {
        location: Some("europe-west1".into()),
        ..scope()
    };
    let table = [
        (Google, scope(), "projects/acme-prod/secrets/db", "db"),
        (
            Google,
            regional.clone(),
            "projects/acme-prod/locations/europe-west1/secrets/db",
            "db",
        ),
        (
            Rendered,
            scope(),
            "projects/acme-prod/locations/global/parameters/db",
            "db",
        ),
    ];
    for (kind, scope, path, id) in table {
        assert_eq!(
            kind.entry(&scope, path, None)
                .map(|entry| entry.path)
                .as_deref(),
            Ok(id)
        );
    }
    let no_project = Scope {
        project: None,
        ..scope()
    };
    let refusals = [
        (
            Google,
            scope(),
            "projects/other/secrets/db",
            "another project",
        ),
        (
            Google,
            scope(),
            "projects/acme-prod/locations/europe-west1/secrets/db",
            "another location",
        ),
        (
            Google,
            regional,
            "projects/acme-prod/secrets/db",
            "another location",
        ),
        (
            Google,
            scope(),
            "projects/acme-prod/secrets/db/versions/1",
            "the version in version",
        ),
        (
            Google,
            scope(),
            "projects/acme-prod/parameters/db",
            "which is what this store reads",
        ),
        (
            Google,
            scope(),
            "projects/acme-prod/secrets",
            "not one of secrets",
        ),
        (Google, scope(), "projects/acme-prod/secrets/", "empty"),
        (
            Google,
            scope(),
            "projects/acme-prod/secrets/..",
            "must not contain . or ..",
        ),
        (
            Google,
            no_project,
            "projects/acme-prod/secrets/db",
            "set project",
        ),
        (Secret, scope(), "projects/acme-prod/secrets/%", "% escapes"),
    ];
    for (kind, scope, path, why) in refusals {
        let sentence = kind
            .entry(&scope, path, None)
            .map_err(|why| why.to_string());
        assert!(
            sentence.as_ref().is_err_and(|found| found.contains(why)),
            "{kind} {path}: {sentence:?}"
        );
    }
}

#[test]
fn versions_are_those_of_the_kind() {
    let id = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";
    let taken = [
        (Secret, "AWSCURRENT"),
        (Secret, "AWSPREVIOUS"),
        (Secret, "my/stage+1=@."),
        (Secret, id),
        (Parameter, "1"),
        (Parameter, "9223372036854775807"),
        (Parameter, "prod"),
        (Parameter, "v1.2_3-rc"),
        (Parameter, "a-label"),
        (Google, "1"),
        (Google, "latest"),
        (Google, "prod-1_a"),
        (Rendered, "1"),
        (Rendered, "0a_b-c"),
        (Vaulted, "0123456789abcdef0123456789abcdef"),
        (Setting, "prod"),
        (Setting, "v1.2/eu:west"),
        (Vault, "1"),
        (Vault, "4294967295"),
    ];
    for (kind, version) in taken {
        assert_eq!(
            accepted(kind, "x", Some(version)).version.as_deref(),
            Some(version)
        );
    }
    let long = "v".repeat(257);
    let long_label = "v".repeat(101);
    let refusals = [
        (File, "1", "keeps no versions"),
        (Secret, "", "staging label"),
        (Secret, "a b", "staging label"),
        (Secret, "ä", "staging label"),
        (Secret, long.as_str(), "staging label"),
        (Parameter, "", "1 to 100"),
        (Parameter, "0", "without leading zeros"),
        (Parameter, "03", "without leading zeros"),
        (Parameter, "9223372036854775808", "without leading zeros"),
        (Parameter, "1st", "without leading zeros"),
        (Parameter, "awsprod", "aws or ssm"),
        (Parameter, "SSM-x", "aws or ssm"),
        (Parameter, "a b", "1 to 100"),
        (Parameter, "a/b", "1 to 100"),
        (Parameter, long_label.as_str(), "1 to 100"),
        (Google, "0", "without leading zeros"),
        (Google, "07", "without leading zeros"),
        (Google, "-a", "starts with a letter"),
        (Google, "a.b", "starts with a letter"),
        (Google, &long_label[..64], "starts with a letter"),
        (Rendered, "", "its name"),
        (Rendered, "a/b", "its name"),
        (Vaulted, "0123456789ABCDEF0123456789ABCDEF", "32 digits"),
        (Vaulted, "0123456789abcdef", "32 digits"),
        (Setting, "a*", "the label"),
        (Setting, "a,b", "the label"),
        (Setting, "", "the label"),
        (Vault, "", "positive number"),
        (Vault, "0", "positive number"),
        (Vault, "03", "positive number"),
        (Vault, "+3", "positive number"),
        (Vault, "latest", "positive number"),
        (Vault, "4294967296", "positive number"),
    ];
    for (kind, version, why) in refusals {
        let sentence = refused(kind, "x", Some(version));
        assert!(sentence.contains(why), "{kind} {version:?}: {sentence}");
    }
    assert!(super::is_version_id(id) && !super::is_version_id("AWSCURRENT"));
}

#[test]
fn a_prefix_is_the_path_without_its_stars() {
    let table = [
        (File, "**", ""),
        (File, "app/**", "app"),
        (Secret, "**", ""),
        (Secret, "team/app/**", "team/app"),
        (Secret, "/team/**", "/team"),
        (Parameter, "/**", ""),
        (Parameter, "/team/app/**", "/team/app"),
        (Google, "**", ""),
        (Rendered, "**", ""),
        (Vaulted, "**", ""),
        (Setting, "*", "*"),
        (Setting, "app:*", "app:*"),
        (Setting, "/app/*", "/app/*"),
        (Vault, "**", ""),
        (Vault, "team/app/**", "team/app"),
    ];
    for (kind, path, base) in table {
        assert!(is_prefix(path));
        assert_eq!(
            kind.prefix(&scope(), path),
            Ok(Prefix { base: base.into() }),
            "{kind} {path}"
        );
    }
    let refusals = [
        (File, "/**", "written **"),
        (File, "/a/**", "relative"),
        (Secret, "/**", "written **"),
        (Parameter, "**", "written /**"),
        (Parameter, "a/**", "must start with /"),
        (Parameter, "/aws/reference/**", "past its rules"),
        (Secret, "a", "must end in /**"),
        (Secret, "a/*", "must end in /**"),
        (Secret, "a/***", "must end in /**"),
        (Secret, "a**", "must end in /**"),
        (Secret, "a//**", "must not end in /"),
        (Secret, "a/../**", ". or .."),
        (Secret, "*/**", "only allowed as a final /**"),
        (Secret, "", "must end in /**"),
        (Google, "a/**", "have no levels"),
        (Google, "a*", "have no levels"),
        (Vaulted, "/**", "written **"),
        (Setting, "**", "knows * only"),
        (Setting, "app/**", "knows * only"),
        (Setting, "app*x", "must end in *"),
        (Setting, "a*b*", "only allowed as a final"),
        (Setting, "a//*", "//"),
        (Setting, "a,*", "must not contain ','"),
        (
            Secret,
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbC123/**",
            "names one entry",
        ),
        (
            Secret,
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbC123/**",
            "another region",
        ),
    ];
    for (kind, path, why) in refusals {
        match kind.prefix(&scope(), path) {
            Ok(prefix) => panic!("{kind} {path} was taken as {prefix}"),
            Err(sentence) => assert!(
                sentence.to_string().contains(why),
                "{kind} {path}: {sentence}"
            ),
        }
    }
}

#[test]
fn a_prefix_knows_what_is_below_it() {
    let table = [
        ("/a", "/a/b", Some("b")),
        ("/a", "/a/b/c", Some("b/c")),
        ("/a", "/ab", None),
        ("/a", "/a", None),
        ("/a", "/a/", None),
        ("/a", "a/b", None),
        ("/a", "/A/b", None),
        ("", "/a/b", Some("a/b")),
        ("", "a/b", Some("a/b")),
        ("", "/", None),
        ("", "", None),
        ("app:*", "app:db:url", Some("db:url")),
        ("app:*", "app:", None),
        ("app:*", "apple", None),
        ("*", "app:db", Some("app:db")),
    ];
    for (base, path, rest) in table {
        assert_eq!(
            Prefix { base: base.into() }.relative(path),
            rest,
            "{base:?} {path:?}"
        );
    }
}

#[test]
fn what_is_printed_is_what_was_written() {
    let entry = |path: &str, version: Option<&str>| EntryRef {
        path: path.into(),
        version: version.map(String::from),
    };
    assert_eq!(entry("/a/b", None).to_string(), "/a/b");
    assert_eq!(entry("/a/b", Some("3")).to_string(), "/a/b?version=3");
    assert_eq!(entry("/a/b", None).last_segment(), "b");
    assert_eq!(entry("b", None).last_segment(), "b");
    assert_eq!(Prefix { base: "/a".into() }.to_string(), "/a/**");
    assert_eq!(Prefix { base: "a:*".into() }.to_string(), "a:*");
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert_eq!("aws".parse::<Kind>(), Err(UnknownKind));
}

proptest! {
    #[test]
    fn no_input_panics(path in any::<String>(), version in proptest::option::of(any::<String>())) {
        for kind in Kind::ALL {
            let _ = kind.entry(&scope(), &path, version.as_deref());
            let _ = kind.prefix(&scope(), &path);
            let _ = kind.prefix(&scope(), &format!("{path}/**"));
            let _ = kind.entry(&scope(), &format!("arn:{path}"), version.as_deref());
        }
    }

    #[test]
    fn what_is_taken_is_harmless_and_unchanged(path in "[a-zA-Z0-9/._@:%*?# \\\\-]{0,24}") {
        for kind in Kind::ALL {
            if let Ok(entry) = kind.entry(&scope(), &path, None) {
                prop_assert_eq!(&entry.path, &path);
                prop_assert_eq!(kind.entry(&scope(), &entry.path, None), Ok(entry.clone()));
                let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(&path).split('/').collect();
                prop_assert!(parts.iter().all(|part| !matches!(*part, "" | "." | "..")));
                prop_assert!(!path.contains(['%', '*', '?', '#', '\\', ' ', ',']));
                prop_assert!(kind == Setting || !path.contains(':'));
                prop_assert!(!matches!(kind, File | Vault) || !path.starts_with('/'));
                prop_assert!(kind != Vault || !path.contains(".."));
                prop_assert!(kind != Parameter || !path.to_lowercase().starts_with("/aws/reference"));
            }
        }
    }

    #[test]
    fn an_entry_is_below_the_prefix_it_was_made_from(base in "/[a-z]{1,4}(/[a-z]{1,4}){0,3}", rest in "[a-z]{1,4}(/[a-z]{1,4}){0,3}") {
        for kind in [Secret, Parameter] {
            let prefix = kind.prefix(&scope(), &format!("{base}/**")).map_err(|why| TestCaseError::fail(why.to_string()))?;
            let (below, beside) = (format!("{base}/{rest}"), format!("{base}x/{rest}"));
            prop_assert_eq!(prefix.relative(&below), Some(rest.as_str()));
            prop_assert_eq!(prefix.relative(&beside), None);
            prop_assert_eq!(prefix.relative(&base), None);
        }
    }
}
