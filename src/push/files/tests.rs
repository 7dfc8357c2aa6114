//! What the formats have in common, and that what JASM writes reads back.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::pull::render::Form;
use crate::pull::render::files::render;
use crate::pull::request;

mod dotenv;
mod nested;

/// Keys and values of a text; a fault as `line: message`.
fn read_text(format: Format, text: &str) -> Result<Vec<(String, String)>, String> {
    parse(format, text.as_bytes())
        .map(|pairs| {
            pairs
                .into_iter()
                .map(|pair| {
                    let value = String::from_utf8(pair.value.expose().to_vec()).unwrap();
                    (pair.key, value)
                })
                .collect()
        })
        .map_err(|fault| format!("{}: {}", fault.line, fault.message))
}

fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn refusal(file: &str, content: &[u8]) -> String {
    read(file, &SecretBytes::new(content.to_vec()))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_problem_names_file_and_line() {
    assert_eq!(
        refusal("a/application.secrets.toml", b"A = 1"),
        "a/application.secrets.toml: its format is not known: let the name end in .env, .properties, .yaml, .yml or .json"
    );
    assert_eq!(
        refusal("a/x.env", b"A=1\n\xff"),
        "a/x.env:2: this is not UTF-8: save the file in UTF-8"
    );
}

#[test]
fn a_key_that_is_there_twice_is_refused_with_both_lines() {
    let twice = |line: usize, first: usize| {
        format!("{line}: \"A\" is there twice, on lines {first} and {line}: keep one of them")
    };
    assert_eq!(read_text(Format::Dotenv, "A=1\n\nA=2"), Err(twice(3, 1)));
    assert_eq!(read_text(Format::Properties, "A=1\nA:1"), Err(twice(2, 1)));
    assert_eq!(
        read_text(Format::Yaml, "b: 1\nA: 1\nA: 1"),
        Err(twice(3, 2))
    );
    assert_eq!(
        read_text(Format::Json, "{\n\"A\": 1,\n\"A\": 1}"),
        Err(twice(3, 2))
    );
}

#[test]
fn keys_that_are_one_when_they_are_flat_are_refused_too() {
    let message = "3: \"a.b\" is there twice, on lines 1 and 3: keep one of them".to_owned();
    assert_eq!(
        read_text(Format::Yaml, "a.b: 1\na:\n  b: 2"),
        Err(message.clone())
    );
    assert_eq!(
        read_text(Format::Json, "{\"a.b\": 1,\n\"a\":\n{\"b\": 2}}"),
        Err(message)
    );
}

#[test]
fn what_is_still_encrypted_is_refused() {
    let value = "ENC[AES256_GCM,data:c2VjcmV0,iv:aXY=,tag:dGFn,type:str]";
    for (format, text) in [
        (Format::Dotenv, format!("A=1\nKEY={value}\n")),
        (Format::Dotenv, format!("A=1\nKEY=\"{value}\"\n")),
        (Format::Properties, format!("A=1\nKEY= {value}\n")),
        (Format::Yaml, format!("A: 1\nKEY: {value}\n")),
        (Format::Yaml, format!("A: 1\nKEY: ['', 'x{value}']\n")),
        (Format::Json, format!("{{\"A\": 1,\n\"KEY\": \"{value}\"}}")),
        // A file that sops took for binary, under the name that it has.
        (
            Format::Properties,
            format!("{{\n\t\"KEY\": \"{value}\"\n}}"),
        ),
    ] {
        let message = read_text(format, &text).unwrap_err();
        assert!(message.contains("KEY"), "{message}");
        assert!(message.contains("is still encrypted"), "{message}");
        assert!(message.starts_with("2: "), "{message}");
        assert!(!message.contains("c2VjcmV0"), "{message}");
    }
    let comment = format!("#ENC[AES256_GCM,data:x,type:comment]\nA=1 # {value}\n");
    assert_eq!(read_text(Format::Dotenv, &comment), Ok(own(&[("A", "1")])));
    assert!(encrypted(b"ENC[PKCS7,x]"));
    assert!(!encrypted(b"an ENC[ of its own"));
}

#[test]
fn more_keys_than_a_person_writes_are_refused() {
    let many = |count: usize| (0..count).map(|n| format!("K{n}=\n")).collect::<String>();
    assert_eq!(
        read_text(Format::Dotenv, &many(MAX_KEYS)).unwrap().len(),
        MAX_KEYS
    );
    let said = |line: usize| format!("{line}: there are more than 10000 keys: use several files");
    for format in [Format::Dotenv, Format::Properties] {
        let read = read_text(format, &many(MAX_KEYS + 1));
        assert_eq!(read, Err(said(MAX_KEYS + 1)), "{format:?}");
    }
    // Before all of it is in memory: what follows is never looked at.
    let items = "\n1,".repeat(MAX_KEYS + 2);
    let json = read_text(Format::Json, &format!("{{\"a\": [{items} 1]}}"));
    assert_eq!(json, Err(said(MAX_KEYS + 3)));
    // What might be a key is not read to its end.
    let flow = format!("[{}", "~,".repeat(60 * MAX_KEYS));
    let message = read_text(Format::Yaml, &flow).unwrap_err();
    assert!(
        message.starts_with("1: a list or map in brackets"),
        "{message}"
    );
    let nested = "\n- - ~".repeat(20 * MAX_KEYS);
    let yaml = read_text(Format::Yaml, &format!("a:{nested}\nb: *nowhere"));
    let message = yaml.unwrap_err();
    assert!(
        message.ends_with("more than 10000 keys: use several files"),
        "{message}"
    );
}

/// Text with what formats quote, escape, skip or mistake.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_.]{0,12}",
        "[ \t\n\r\u{c}\\\\'\"#!=:$`{}é中😀\u{0}\u{85}\u{a0}\u{2028}\u{feff},&*?|<>%@-]{0,12}",
        any::<String>(),
    ]
}

fn entries(
    texts: &BTreeMap<String, String>,
    scalars: &BTreeMap<String, String>,
) -> BTreeMap<String, (SecretBytes, Form)> {
    let entry = |(key, value): (&String, &String), form| {
        (key.clone(), (SecretBytes::from(value.clone()), form))
    };
    let texts = texts.iter().map(|pair| entry(pair, Form::Text));
    texts
        .chain(scalars.iter().map(|pair| entry(pair, Form::Scalar)))
        .collect()
}

/// The parser's pairs are what was rendered; encrypted values apart, which are never read.
fn reads_back(
    format: Format,
    rendered: &SecretBytes,
    entries: &BTreeMap<String, (SecretBytes, Form)>,
) -> Result<(), TestCaseError> {
    prop_assume!(!entries.values().any(|(value, _)| encrypted(value.expose())));
    let read: BTreeMap<String, Vec<u8>> = parse(format, rendered.expose())
        .map_err(|fault| TestCaseError::fail(format!("{}: {}", fault.line, fault.message)))?
        .into_iter()
        .map(|pair| (pair.key, pair.value.expose().to_vec()))
        .collect();
    let written = entries
        .iter()
        .map(|(key, (value, _))| (key.clone(), value.expose().to_vec()))
        .collect();
    prop_assert_eq!(read, written);
    Ok(())
}

proptest! {
    #[test]
    fn what_jasm_renders_reads_back(
        texts in proptest::collection::btree_map(
            any_text().prop_filter("an entry needs a name", |key| !key.is_empty()), any_text(), 0..6),
        scalars in proptest::collection::btree_map(
            "[a-z]{1,5}", "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?|true|false", 0..4),
    ) {
        let entries = entries(&texts, &scalars);
        for (format, ours) in [
            (request::Format::Properties, Format::Properties),
            (request::Format::Json, Format::Json),
            (request::Format::Yaml, Format::Yaml),
        ] {
            let rendered = render(format, &entries).unwrap();
            reads_back(ours, &rendered, &entries)?;
        }
    }

    #[test]
    fn env_files_that_jasm_renders_read_back(
        texts in proptest::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,8}", any_text(), 0..6),
    ) {
        let entries = entries(&texts, &BTreeMap::new());
        if let Ok(rendered) = render(request::Format::Env, &entries) {
            reads_back(Format::Dotenv, &rendered, &entries)?;
        }
    }

    #[test]
    fn no_content_panics_and_no_message_has_a_value(
        content in proptest::collection::vec(any::<u8>(), 0..60),
        text in "([A-Z]{1,3}|export |[=:'\"\\\\#!{}\\[\\],&*?|<>%@ \t\r\n-]|\\\\u[0-9a-f]{0,4}|hidden){0,40}",
    ) {
        for format in [Format::Dotenv, Format::Properties, Format::Yaml, Format::Json] {
            let _ = parse(format, &content);
            if let Err(fault) = parse(format, text.as_bytes()) {
                let lines = text.split(['\n', '\r']).count() + 1;
                prop_assert!((1..=lines).contains(&fault.line), "{fault:?}");
                // Keys may be named; in a text without keys nothing of it may be.
                if format == Format::Dotenv && !fault.message.contains("is there twice") {
                    prop_assert!(!fault.message.contains("hidden"), "{fault:?}");
                }
            }
        }
    }
}
