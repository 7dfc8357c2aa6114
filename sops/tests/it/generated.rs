//! Trees of every shape, generated, encrypted by the real sops and decrypted here.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};

use crate::support::{both, open, text};
use crate::yaml::same_meaning;

const CASES: u32 = 12;
/// So many times as many are made where few of them are left.
const ROUNDS: usize = 5;

/// Text that formats quote, escape, or take for something else.
const ODD: [&str; 36] = [
    "",
    " ",
    "\n",
    "a\nb",
    "a\n",
    "\na",
    " a",
    "a ",
    "\t",
    "'",
    "\"",
    "\\",
    "\\n",
    "#",
    "# x",
    "a #b",
    "a: b",
    ":",
    "-",
    "- a",
    "? a",
    "~",
    "null",
    "true",
    "yes",
    "0x10",
    "010",
    "1_0",
    "1e3",
    ".inf",
    "2024-01-02",
    "<<",
    "!x",
    "*a",
    "{",
    "ENC[",
];

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "\\PC{0,24}",
        2 => proptest::sample::select(&ODD[..]).prop_map(str::to_owned),
        1 => any::<Vec<char>>().prop_map(|chars| chars.into_iter().take(30).collect()),
        1 => "[a-z \n]{0,200}",
    ]
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        // Negative zero is written by sops in a way that it does not read as such.
        any::<f64>()
            .prop_filter("JSON has finite numbers only", |number| number.is_finite()
                && *number != 0.0)
            .prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
    ]
}

fn key() -> impl Strategy<Value = String> {
    (
        prop_oneof!["[a-zA-Z_.-]{1,12}", string()],
        prop_oneof![4 => Just(""), 1 => Just("_unencrypted")],
    )
        // Longer keys, and those of several lines, are written by Go's YAML in a way that it does not read.
        .prop_map(|(key, suffix)| {
            format!(
                "{}{suffix}",
                key.replace('\n', "").chars().take(30).collect::<String>()
            )
        })
        .prop_filter("mean something else", |key| key != "sops" && key != "<<")
}

fn map(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::vec((key(), value), 0..8)
        .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>()))
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        3 => number(),
        6 => string().prop_map(Value::from),
    ];
    let nested = leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            map(inner)
        ]
    });
    proptest::collection::vec((key(), nested), 1..24)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

fn run<S: Strategy>(strategy: &S, check: impl Fn(S::Value)) {
    let config = Config {
        cases: CASES,
        // A run takes processes: some shrinking is enough to see what it is about.
        max_shrink_iters: 40,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(strategy, |value| {
            check(value);
            Ok(())
        })
        .unwrap();
}

/// Whether what came out is what went in: SOPS knows integers of 64 bits with a sign, and floats.
fn same(out: &Value, into: &Value) -> bool {
    match (out, into) {
        (Value::Number(out), Value::Number(into)) => {
            out == into
                || out.as_f64().zip(into.as_f64()).is_some_and(|(out, into)| {
                    // The parser of these tests is off in the last digit at times.
                    (out - into).abs() <= into.abs() * 1e-14
                })
        }
        (Value::Array(out), Value::Array(into)) => {
            out.len() == into.len() && out.iter().zip(into).all(|(out, into)| same(out, into))
        }
        (Value::Object(out), Value::Object(into)) => {
            out.len() == into.len()
                && out
                    .iter()
                    .all(|(key, value)| into.get(key).is_some_and(|into| same(value, into)))
        }
        _ => out == into,
    }
}

#[test]
fn json_trees_come_out_as_they_went_in() {
    let [new, old] = both();
    run(&tree(), |value| {
        let plain = serde_json::to_vec(&value).unwrap();
        for sops in [&new, &old] {
            let encrypted = sops.encrypt(&[], "tree.json", &plain);
            let ours = open("tree.json", &encrypted);
            assert_eq!(
                text(&ours),
                text(&new.decrypt(&[], "tree.json", &encrypted).unwrap())
            );
            if sops.new {
                let ours = serde_json::from_slice(&ours).unwrap();
                assert!(same(&ours, &value), "{ours}\n{value}");
            }
        }
    });
}

/// JSON, but with escapes that YAML has too.
fn flow(value: &Value, out: &mut String) {
    let quoted = |text: &str, out: &mut String| {
        out.push('"');
        for c in text.chars() {
            if c.is_ascii_alphanumeric() || c == ' ' {
                out.push(c);
            } else {
                out.push_str(&format!("\\U{:08X}", u32::from(c)));
            }
        }
        out.push('"');
    };
    match value {
        Value::String(text) => quoted(text, out),
        Value::Array(values) => {
            out.push('[');
            for value in values {
                flow(value, out);
                out.push_str(", ");
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (key, value) in members {
                out.push_str("? ");
                quoted(key, out);
                out.push_str(" : ");
                flow(value, out);
                out.push_str(", ");
            }
            out.push('}');
        }
        value => out.push_str(&value.to_string()),
    }
}

fn yaml(value: &Value) -> String {
    let mut out = String::new();
    flow(value, &mut out);
    out.push('\n');
    out
}

/// Makes more until so many were compared: some of what is made the real sops itself does not read.
fn enough(compared: &Cell<u32>, make: impl Fn()) {
    for _ in 0..ROUNDS {
        if compared.get() > CASES {
            return;
        }
        make();
    }
}

#[test]
fn yaml_trees_come_out_as_they_went_in() {
    let [new, old] = both();
    let compared = Cell::new(0);
    enough(&compared, || {
        run(&tree(), |value| {
            let plain = yaml(&value);
            for sops in [&new, &old] {
                let encrypted = sops.encrypt(&[], "tree.yaml", plain.as_bytes());
                if new.decrypt(&[], "tree.yaml", &encrypted).is_ok() {
                    same_meaning(&new, "tree.yaml", &encrypted);
                    compared.set(compared.get() + 1);
                }
            }
        });
    });
    // Go's YAML writes some texts in a way that it does not read.
    assert!(
        compared.get() > CASES,
        "only {} were compared",
        compared.get()
    );
}

#[test]
fn documents_come_out_as_they_went_in() {
    let [new, old] = both();
    let compared = Cell::new(0);
    enough(&compared, || {
        run(&proptest::collection::vec(tree(), 2..4), |values| {
            let plain = values.iter().map(yaml).collect::<Vec<_>>().join("---\n");
            for sops in [&new, &old] {
                let encrypted = sops.encrypt(&[], "tree.yaml", plain.as_bytes());
                if new.decrypt(&[], "tree.yaml", &encrypted).is_ok() {
                    same_meaning(&new, "tree.yaml", &encrypted);
                    compared.set(compared.get() + 1);
                }
            }
        });
    });
    // Go's YAML writes some texts in a way that it does not read.
    assert!(
        compared.get() > CASES,
        "only {} were compared",
        compared.get()
    );
}

#[test]
fn dotenv_comes_out_as_it_went_in() {
    let line = prop_oneof![
        4 => ("[A-Z_a-z. -]{1,12}(_unencrypted)?", string()).prop_map(|(key, value)| format!("{key}={value}")),
        1 => string().prop_map(|comment| format!("#{comment}")),
        1 => Just(String::new()),
    ];
    let [new, old] = both();
    run(&proptest::collection::vec(line, 1..30), |lines| {
        let plain: String = lines
            .iter()
            .map(|line| line.replace('\n', "\\n") + "\n")
            .collect();
        for sops in [&new, &old] {
            let encrypted = sops.encrypt(&[], "a.env", plain.as_bytes());
            let expected: String = lines
                .iter()
                .filter(|line| !line.is_empty())
                .map(|line| line.replace('\n', "\\n") + "\n")
                .collect();
            assert_eq!(text(&open("a.env", &encrypted)), expected);
        }
    });
}

#[test]
fn bytes_come_out_as_they_went_in() {
    let [new, old] = both();
    run(&proptest::collection::vec(any::<u8>(), 1..500), |bytes| {
        // What is no text is not kept by sops' JSON.
        let bytes = String::from_utf8_lossy(&bytes).into_owned();
        for sops in [&new, &old] {
            let encrypted = sops.encrypt(&[], "a.properties", bytes.as_bytes());
            assert_eq!(text(&open("a.properties", &encrypted)), bytes);
        }
    });
}

#[test]
fn ini_comes_out_as_sops_prints_it() {
    let value = prop_oneof!["[ -~]{0,30}", "[a-z]{1,8}"];
    let key = "[a-z][a-z0-9_. ]{0,10}[a-z](_unencrypted)?";
    let section = (
        "[a-z]{1,6}",
        proptest::collection::btree_map(key, value, 0..6),
        proptest::option::of("[a-z]{1,9}"),
    );
    let [new, old] = both();
    run(&proptest::collection::vec(section, 1..4), |sections| {
        let mut plain = String::new();
        let mut seen = Vec::new();
        for (name, entries, comment) in sections {
            if name == "sops" || seen.contains(&name) {
                continue;
            }
            if let Some(comment) = comment {
                plain.push_str(&format!("; {comment}\n"));
            }
            plain.push_str(&format!("[{name}]\n"));
            for (key, value) in entries {
                plain.push_str(&format!("{key} = {value}\n"));
            }
            seen.push(name);
        }
        for sops in [&new, &old] {
            let Ok(encrypted) = sops.try_encrypt(
                &["--age", crate::support::recipient()],
                "a.ini",
                plain.as_bytes(),
            ) else {
                // Quotes that do not end.
                continue;
            };
            match new.decrypt(&[], "a.ini", &encrypted) {
                Ok(expected) => {
                    assert_eq!(text(&open("a.ini", &encrypted)), text(&expected), "{plain}")
                }
                Err(_) => assert!(
                    crate::support::decrypt("a.ini", &encrypted).is_err(),
                    "{plain}\n{}",
                    text(&encrypted)
                ),
            }
        }
    });
}
