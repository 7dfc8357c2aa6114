use super::*;
use crate::pull::annotation::{self, PREFIX};
use crate::pull::request::Take;
use crate::settings::Overrides;

const CONFIG: &str = "stores:\n\
     - {name: local, kind: file, root: /x, allow: [{namespaces: ['*'], paths: ['**']}]}\n\
     - {name: prod, kind: azure-appconfiguration, configuration: acme, label: prod, identity: workload}\n\
     - {name: any, kind: azure-appconfiguration, configuration: acme, identity: workload}\n";

/// What an annotation that asks for one entry comes to.
fn settled(text: &str) -> Result<String, Failure> {
    let settings = Settings::read(Some(CONFIG), &Overrides::default()).unwrap();
    let annotations = [(format!("{PREFIX}secret-sync"), text.to_owned())];
    let parsed = annotation::parse(&annotations.into(), &Default::default());
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
    resolve(&parsed.wanted[0].request, Some("n"), &&settings).map(|resolved| resolved.label)
}

#[test]
fn a_directory_is_read_as_nobody() {
    let failure =
        settled("{provider: local, path: a, secretName: s, identity: workload}").unwrap_err();
    assert_eq!(failure.condition, Condition::AnnotationInvalid);
    assert!(
        failure.message.contains("\"local\" is a directory"),
        "{failure:?}"
    );
    assert!(settled("{provider: local, path: a, secretName: s}").is_ok());
}

#[test]
fn who_was_given_one_label_was_not_given_the_others() {
    let ask = |store: &str, version: &str| {
        settled(&format!(
            "{{provider: {store}, path: a, secretName: s, version: {version}}}"
        ))
    };
    let failure = ask("prod", "dev").unwrap_err();
    assert_eq!(failure.condition, Condition::AnnotationInvalid);
    assert!(
        failure.message.contains("the label \"prod\" and no other"),
        "{failure:?}"
    );
    assert!(ask("prod", "prod").is_ok());
    assert!(ask("any", "dev").is_ok());
}

/// What a prefix of App Configuration comes to: its label, or why it is refused.
fn prefix(namespace: &str, path: &str) -> Result<String, String> {
    let text = "stores:\n- {name: app, kind: azure-appconfiguration, configuration: acme, identity: controller,\n\
                \x20  allow: [{namespaces: [shop], paths: ['{namespace}:*', 'all/**']}]}\n";
    let settings = Settings::read(Some(text), &Overrides::default()).unwrap();
    let origin = Origin::Prefix {
        store: "app".to_owned(),
        path: path.to_owned(),
    };
    let request = Request::new(origin, Take::All, "config-sync");
    resolve(&request, Some(namespace), &&settings)
        .map(|resolved| resolved.label)
        .map_err(|failure| failure.message)
}

#[test]
fn a_beginning_is_read_where_a_rule_reaches_it_and_a_refusal_names_the_rule_that_covers_it() {
    for path in ["shop:*", "shop:db:*", "all/*", "all/x*", "*"] {
        assert_eq!(prefix("shop", path), Ok(format!("app:{path}")));
    }
    let table = [
        ("shop", "other:*", r#"paths: ["other:*", "other:*/**"]"#),
        ("shop", "other/*", r#"paths: ["other/**"]"#),
        ("team", "shop:*", r#"paths: ["shop:*", "shop:*/**"]"#),
        ("team", "*", r#"paths: ["**"]"#),
    ];
    for (namespace, path, rule) in table {
        let refused = prefix(namespace, path).unwrap_err();
        assert!(refused.contains(rule), "{refused}");
        assert!(refused.contains(&format!("read {path};")), "{refused}");
    }
    assert!(prefix("shop", "shop:**").is_err());
}
