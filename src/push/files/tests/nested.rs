//! YAML and JSON: flattened, as written, within bounds.

use std::fmt::Write as _;

use super::*;

fn yaml(text: &str) -> Vec<(String, String)> {
    read_text(Format::Yaml, text).unwrap()
}

fn yaml_fault(text: &str) -> String {
    read_text(Format::Yaml, text).unwrap_err()
}

fn json(text: &str) -> Vec<(String, String)> {
    read_text(Format::Json, text).unwrap()
}

fn json_fault(text: &str) -> String {
    read_text(Format::Json, text).unwrap_err()
}

#[test]
fn levels_become_one() {
    let flat = own(&[
        ("server.port", "8080"),
        ("server.hosts[0]", "a"),
        ("server.hosts[1].name", "b"),
        ("server.hosts[2][0]", "c"),
        ("top", "d"),
    ]);
    assert_eq!(
        yaml("server:\n  port: 8080\n  hosts:\n    - a\n    - name: b\n    - [c]\ntop: d\n"),
        flat
    );
    assert_eq!(
        json(r#"{"server": {"port": 8080, "hosts": ["a", {"name": "b"}, ["c"]]}, "top": "d"}"#),
        flat
    );
}

#[test]
fn scalars_stay_as_written() {
    let texts = [
        "1.10",
        "0x1F",
        "12345678901234567890",
        "1e400",
        "yes",
        "True",
        "2026-01-01",
        "1_000",
        "0o7",
        ".inf",
    ];
    for text in texts {
        assert_eq!(yaml(&format!("a: {text}")), own(&[("a", text)]));
    }
    for text in ["1.10", "-0", "12345678901234567890", "1E+400", "true"] {
        assert_eq!(json(&format!("{{\"a\": {text} }}")), own(&[("a", text)]));
    }
    assert_eq!(
        yaml(
            "a: '1'\nb: \"x\\ty\"\nc: |\n  two\n  lines\nd: >-\n  one\n  line\ne: '~'\n1: f\ntrue: g\n"
        ),
        own(&[
            ("a", "1"),
            ("b", "x\ty"),
            ("c", "two\nlines\n"),
            ("d", "one line"),
            ("e", "~"),
            ("1", "f"),
            ("true", "g")
        ])
    );
    assert_eq!(
        json("{\"a\": \"\\ud83d\\ude00\\n\\/\"}"),
        own(&[("a", "😀\n/")])
    );
}

#[test]
fn nothing_is_the_empty_value_and_still_there() {
    let empty = own(&[("a", ""), ("b", ""), ("c", ""), ("d.e", "")]);
    assert_eq!(yaml("a:\nb: ~\nc: {}\nd: {e: []}\n"), empty);
    assert_eq!(
        json(r#"{"a": null, "b": "", "c": {}, "d": {"e": []}}"#),
        empty
    );
}

#[test]
fn a_file_may_hold_nothing() {
    for text in ["", "# only this\n", "---\n", "{}", "~"] {
        assert_eq!(yaml(text), [], "{text:?}");
    }
    for text in ["", " \n", "{}"] {
        assert_eq!(json(text), [], "{text:?}");
    }
}

#[test]
fn aliases_are_followed() {
    let text = "base: &b\n  x: 1\n  y: &y [2]\nother: *b\nlist: [*y, *b]\n";
    assert_eq!(
        yaml(text),
        own(&[
            ("base.x", "1"),
            ("base.y[0]", "2"),
            ("other.x", "1"),
            ("other.y[0]", "2"),
            ("list[0][0]", "2"),
            ("list[1].x", "1"),
            ("list[1].y[0]", "2"),
        ])
    );
    assert!(yaml_fault("a: &a [*a]").starts_with("1: the alias is inside"));
    assert!(yaml_fault("a: *none").starts_with("1: not valid YAML"));
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{items}]").unwrap();
    }
    assert!(yaml_fault(&bomb).contains("more than 10000 keys"));
    let mut chain = String::from("a0: &a0 [x]\n");
    for level in 1..50_000 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert!(yaml_fault(&chain).contains("nested deeper than 32"));
}

#[test]
fn what_readers_take_differently_is_refused() {
    for (text, begin) in [
        ("a: !!str 1", "1: a YAML tag"),
        ("a: 1\nb: !Ref x", "2: a YAML tag"),
        ("x: &x {a: 1}\n<<: *x", "2: a YAML merge key"),
        ("a: 1\n---\nb: 2", "2: a second YAML document"),
        ("- a", "1: the file must be one mapping"),
        ("text", "1: the file must be one mapping"),
        ("? [a]\n: b", "1: a key must be plain text"),
        ("~: b", "1: a key is null"),
        ("a: 1\n'': b", "2: a key is empty"),
        ("a: [1", "1: not valid YAML"),
        ("a: @hidden", "1: not valid YAML"),
    ] {
        let message = yaml_fault(text);
        assert!(message.starts_with(begin), "{text:?}: {message}");
        assert!(!message.contains("hidden"), "{message}");
    }
    assert!(yaml_fault(&format!("a: {}", "[".repeat(100))).contains("nested deeper than 32"));
}

#[test]
fn what_is_no_json_object_is_refused() {
    for (text, begin) in [
        ("[1]", "1: the file must be one JSON object"),
        ("\n \"hidden\"", "2: the file must be one JSON object"),
        ("{\"a\": 1,\n}", "2: not valid JSON"),
        ("{\"a\": hidden}", "1: not valid JSON"),
        ("{\"a\": 1}\n{}", "2: not valid JSON"),
        (
            "{\"a\": [\n{\"b\":\n\"\\ud83d\"}]}",
            "3: a string has an escape",
        ),
        ("{\"a\":\n{\"\\ud83d\": 1}}", "2: not valid JSON"),
        ("{\"\": 1}", "1: a key is empty"),
    ] {
        let message = json_fault(text);
        assert!(message.starts_with(begin), "{text:?}: {message}");
        assert!(!message.contains("hidden"), "{message}");
    }
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(40), "]".repeat(40));
    assert!(json_fault(&deep).contains("nested deeper than 32"));
    let bottomless = "[".repeat(1_000_000);
    assert!(json_fault(&bottomless).contains("not valid JSON"));
}
