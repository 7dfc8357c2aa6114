use super::*;

fn configs(enabled: bool, files: &[&str]) -> Configs {
    Configs {
        enabled,
        files: Some(files.iter().map(|file| (*file).to_owned()).collect()),
        ..Configs::default()
    }
}

#[test]
fn the_table() {
    use Destination::{Configs as Config, Secrets as Secret};
    use Shape::{Each, Whole};
    let on = configs(true, &["extra.yaml", "my.secrets.env", "sub/*.env"]);
    let off = configs(false, &["extra.yaml", "my.secrets.env", "sub/*.env"]);
    for (name, with, without) in [
        (
            "application.secrets.env",
            Some((Secret, Each)),
            Some((Secret, Each)),
        ),
        (
            "application.secrets.yaml",
            Some((Secret, Each)),
            Some((Secret, Each)),
        ),
        (
            "application.config.secrets.env",
            Some((Secret, Each)),
            Some((Secret, Each)),
        ),
        (
            "application.properties",
            Some((Config, Each)),
            Some((Secret, Whole)),
        ),
        (
            "application.config.env",
            Some((Config, Each)),
            Some((Secret, Whole)),
        ),
        (
            "application.config.json",
            Some((Config, Each)),
            Some((Secret, Whole)),
        ),
        ("extra.yaml", Some((Config, Each)), Some((Secret, Whole))),
        ("my.secrets.env", Some((Secret, Each)), Some((Secret, Each))),
        ("sub/a.env", Some((Config, Each)), Some((Secret, Whole))),
        (
            "sub/Secrets.env",
            Some((Secret, Each)),
            Some((Secret, Each)),
        ),
        ("sub/application.properties", None, None),
        ("application.secrets", None, None),
        ("application.secrets.", None, None),
        ("application.configs.env", None, None),
        ("application.secrets.d/a.env", None, None),
        ("values.yaml", None, None),
    ] {
        assert_eq!(route(name, Some(&on)), with, "{name} with configs");
        assert_eq!(route(name, Some(&off)), without, "{name} without configs");
        if !name.starts_with("application") {
            assert_eq!(route(name, None), None, "{name} without any");
        }
    }
    assert_eq!(route("application.properties", None), Some((Secret, Whole)));
}

#[test]
fn stars_stay_within_a_folder() {
    for (pattern, name, fits) in [
        ("a.env", "a.env", true),
        ("a.env", "b/a.env", false),
        ("*.env", "a.env", true),
        ("*.env", ".env", true),
        ("*.env", "b/a.env", false),
        ("b/*", "b/a", true),
        ("*/a", "b/a", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "ac", false),
        ("a*a", "a", false),
        ("a**", "ab", true),
        ("ab*bc", "abc", false),
        ("*", "", true),
    ] {
        assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
    }
}

#[test]
fn a_mistyped_name_is_told_from_another_one() {
    for (name, meant_to_be) in [
        ("application.secret.env", Some("application.secrets.env")),
        ("Application.Secrets.env", Some("application.secrets.env")),
        ("aplication.secrets.yaml", Some("application.secrets.yaml")),
        ("application-secrets.env", Some("application.secrets.env")),
        (
            "application.configs.a.env",
            Some("application.config.a.env"),
        ),
        ("application.property", None),
        ("application.propertis", Some("application.properties")),
        ("application.yml", None),
        ("application.prod.env", None),
        ("application.secrets", None),
        ("kustomization.yaml", None),
        ("secrets.env", None),
    ] {
        assert_eq!(meant(name).as_deref(), meant_to_be, "{name}");
    }
}

#[test]
fn a_folder_can_hold_what_a_pattern_names() {
    for (folder, pattern, can) in [
        ("a", "a/b.env", true),
        ("a", "*/b.env", true),
        ("a", "a/b/c.env", true),
        ("a/b", "a/b/c.env", true),
        ("a", "a", false),
        ("a", "b/a.env", false),
        ("a/b", "a/b.env", false),
    ] {
        assert_eq!(leads_to(folder, pattern), can, "{folder} {pattern}");
    }
}

/// The plainest matcher there is.
fn plain(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            plain(rest, name)
                || matches!(name, [c, more @ ..] if *c != b'/' && plain(pattern, more))
        }
        ([a, rest @ ..], [b, more @ ..]) => a == b && plain(rest, more),
        _ => false,
    }
}

proptest::proptest! {
    #[test]
    fn patterns_fit_as_by_the_plainest_matcher(pattern in "[ab*/]{0,8}", name in "[ab/]{0,8}") {
        proptest::prop_assert_eq!(
            matches(&pattern, &name),
            plain(pattern.as_bytes(), name.as_bytes())
        );
    }
}
