use std::collections::BTreeMap;
use std::process::Command;

use jasm_providers::VersionToken;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::pull::request::{File, Format, Origin};
use crate::yaml;

const LABEL: &str = "aws:/shop/db";

fn stored(value: impl Into<Vec<u8>>) -> Entry {
    Entry {
        value: SecretBytes::new(value.into()),
        version: VersionToken("1".to_owned()),
        secret: true,
    }
}

fn payload(value: impl Into<Vec<u8>>) -> Payload {
    Payload::Entry {
        entry: stored(value),
        segment: "db".to_owned(),
    }
}

fn below(entries: &[(&str, &str)]) -> Payload {
    let entry = |(path, value): &(&str, &str)| ((*path).to_owned(), stored(*value));
    Payload::Below(entries.iter().map(entry).collect())
}

fn request(take: Take) -> Request {
    let origin = Origin::Entry {
        store: "aws".to_owned(),
        path: "/shop/db".to_owned(),
        version: None,
    };
    Request::new(origin, take, "secret-sync")
}

fn keys(pairs: &[(&str, &str)]) -> Take {
    let owned = |(key, source): &(&str, &str)| ((*key).to_owned(), (*source).to_owned());
    Take::Keys(pairs.iter().map(owned).collect())
}

fn text(value: &SecretBytes) -> String {
    String::from_utf8(value.expose().to_vec()).unwrap()
}

/// Key and value of every item.
fn got(request: &Request, payload: &Payload) -> Vec<(String, String)> {
    let items = items(request, LABEL, payload).unwrap();
    items
        .iter()
        .map(|item| (item.key.clone(), text(&item.value)))
        .collect()
}

fn refused(request: &Request, payload: &Payload) -> String {
    items(request, LABEL, payload).unwrap_err()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// The value and form that a pointer or a name takes of a payload.
fn taken(json: &str, source: &str) -> (String, Form) {
    let items = items(&request(keys(&[("k", source)])), LABEL, &payload(json)).unwrap();
    (text(&items[0].value), items[0].form)
}

#[test]
fn members_are_exact_to_the_digit() {
    let table = [
        ("12345678901234567890", "12345678901234567890", Form::Scalar),
        ("1.10", "1.10", Form::Scalar),
        ("1e400", "1e400", Form::Scalar),
        ("1E+05", "1E+05", Form::Scalar),
        ("-0", "-0", Form::Scalar),
        ("-0.0", "-0.0", Form::Scalar),
        (
            "0.1000000000000000055511151231257827",
            "0.1000000000000000055511151231257827",
            Form::Scalar,
        ),
        ("true", "true", Form::Scalar),
        ("false", "false", Form::Scalar),
        ("null", "", Form::Null),
        ("\"\"", "", Form::Text),
        ("\"null\"", "null", Form::Text),
        ("\"1.10\"", "1.10", Form::Text),
        (
            "\" a \\\" \\\\ \\/ \\b \\f \\n \\r \\t \"",
            " a \" \\ / \u{8} \u{c} \n \r \t ",
            Form::Text,
        ),
        ("\"\\u00e9\\u0000\\uD83D\\uDE00\"", "é\0😀", Form::Text),
        ("\"é😀\u{7f}\u{2028}\"", "é😀\u{7f}\u{2028}", Form::Text),
        ("{}", "{}", Form::Text),
        (
            "{ \"b\" :[1,  2.50],\n\"a\":\"\\u00e9\" }",
            "{ \"b\" :[1,  2.50],\n\"a\":\"\\u00e9\" }",
            Form::Text,
        ),
        ("[ ]", "[ ]", Form::Text),
        ("[1e9 , null]", "[1e9 , null]", Form::Text),
    ];
    for (source, value, form) in table {
        for json in [
            format!("{{\"k\":{source}}}"),
            format!(" \n{{ \"a\": 1 ,\t\"k\" :  {source}  ,\"z\":2}} \r\n"),
        ] {
            assert_eq!(taken(&json, "k"), (value.to_owned(), form), "{source}");
            let all = items(&request(Take::All), LABEL, &payload(json.as_str())).unwrap();
            let item = all.iter().find(|item| item.key == "k").unwrap();
            assert_eq!(
                (text(&item.value), item.form),
                (value.to_owned(), form),
                "{source}"
            );
        }
    }
}

#[test]
fn every_member_is_one_key_in_order() {
    assert_eq!(
        got(
            &request(Take::All),
            &payload(r#"{"user":"u","a.b":"x","port":5432,"none":null}"#)
        ),
        pairs(&[("a.b", "x"), ("none", ""), ("port", "5432"), ("user", "u")])
    );
    assert_eq!(got(&request(Take::All), &payload("{}")), []);
}

#[test]
fn any_other_payload_goes_under_its_last_segment_byte_for_byte() {
    let nested = "[".repeat(5000);
    for other in [
        "",
        "plain",
        "[1, 2]",
        "\"text\"",
        "3",
        "null",
        "{",
        "{} {}",
        "{\"a\":1,}",
        "{a: 1}",
        "{\"a\": 01}",
        "\u{feff}{\"a\":1}",
        "{\"a\": NaN}",
        nested.as_str(),
        "line\r\nline\n",
    ] {
        assert_eq!(
            got(&request(Take::All), &payload(other)),
            pairs(&[("db", other)]),
            "{other}"
        );
    }
    let binary = [0, 159, 146, 150, b'{', 255];
    let made = items(&request(Take::All), LABEL, &payload(binary)).unwrap();
    assert_eq!(
        (made[0].key.as_str(), made[0].value.expose()),
        ("db", &binary[..])
    );
}

#[test]
fn a_whole_payload_goes_under_its_name_byte_for_byte() {
    for value in [&b"{\"a\": 1}\n"[..], b"", b"\xff\0\n", b" x "] {
        let made = items(
            &request(Take::Whole("it.bin".to_owned())),
            LABEL,
            &payload(value),
        )
        .unwrap();
        assert_eq!(made.len(), 1);
        assert_eq!(
            (made[0].key.as_str(), made[0].value.expose()),
            ("it.bin", value)
        );
    }
}

#[test]
fn duplicate_members_are_refused_wherever_they_are_looked_at() {
    let twice = "aws:/shop/db has the member \"a\" twice";
    for json in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
        assert_eq!(refused(&request(Take::All), &payload(json)), twice);
        assert_eq!(
            refused(&request(keys(&[("k", "a")])), &payload(json)),
            twice
        );
    }
    let nested = payload(r#"{"x":{"a":1,"a":2}}"#);
    assert_eq!(refused(&request(keys(&[("k", "/x/a")])), &nested), twice);
    assert_eq!(
        got(&request(Take::All), &nested),
        pairs(&[("x", r#"{"a":1,"a":2}"#)])
    );
}

#[test]
fn half_a_surrogate_pair_is_no_text() {
    for json in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":"x\udc00y"}"#,
        r#"{"a":"\ud83d\ud83d"}"#,
    ] {
        for take in [Take::All, keys(&[("k", "a")])] {
            assert_eq!(
                refused(&request(take), &payload(json)),
                "aws:/shop/db has a string with an escape that stands for no character (half a surrogate pair)"
            );
        }
    }
    for take in [Take::All, keys(&[("k", "a")])] {
        assert_eq!(
            refused(&request(take), &payload(r#"{"\ud800":"x"}"#)),
            "aws:/shop/db has a member name with an escape that stands for no character (half a surrogate pair)",
            "an object is not taken for text because of a member's name"
        );
    }
    let nested = payload(r#"{"a":["\ud800"]}"#);
    assert_eq!(
        got(&request(Take::All), &nested),
        pairs(&[("a", r#"["\ud800"]"#)])
    );
}

#[test]
fn pointers_read_the_document_of_rfc_6901() {
    let json = r#"{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8, "~1": 9, "deep": {"": {"/": [[10, {"x": null}]]}}}"#;
    let table = [
        ("/foo", "[\"bar\", \"baz\"]"),
        ("/foo/0", "bar"),
        ("/foo/1", "baz"),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ("/k\"l", "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        ("/~01", "9"),
        ("/deep//~1/0/0", "10"),
        ("/deep//~1/0/1/x", ""),
        ("/deep/", "{\"/\": [[10, {\"x\": null}]]}"),
    ];
    for (pointer, value) in table {
        assert_eq!(taken(json, pointer).0, value, "{pointer}");
    }
}

#[test]
fn without_a_slash_in_front_a_source_key_is_a_name() {
    let json = r#"{"a.b": 1, "a": {"b": 2}, "c/d": 3, "~1": 4}"#;
    for (name, value) in [("a.b", "1"), ("c/d", "3"), ("~1", "4"), ("a", "{\"b\": 2}")] {
        assert_eq!(taken(json, name).0, value, "{name}");
    }
}

#[test]
fn a_missing_source_key_lists_the_names_there_are() {
    let json = r#"{"user": "u", "pass": "p", "list": [1, 2], "sub": {"y": 1, "x": 2}, "n": 3}"#;
    let table = [
        (
            "User",
            "has no key \"User\"; there are \"list\", \"n\", \"pass\", \"sub\", \"user\"",
        ),
        (
            "/nope",
            "has no key \"/nope\"; there are \"list\", \"n\", \"pass\", \"sub\", \"user\"",
        ),
        ("/sub/z", "has no key \"/sub/z\"; there are \"x\", \"y\""),
        (
            "/n/0",
            "has no key \"/n/0\"; there are no keys at that place",
        ),
        (
            "/user/x",
            "has no key \"/user/x\"; there are no keys at that place",
        ),
        (
            "/list/2",
            "has no \"/list/2\": the list there has 2 items, counted from 0",
        ),
        (
            "/list/-",
            "has no \"/list/-\": the list there has 2 items, counted from 0",
        ),
        (
            "/list/01",
            "has no \"/list/01\": the list there has 2 items, counted from 0",
        ),
        (
            "/list/+1",
            "has no \"/list/+1\": the list there has 2 items, counted from 0",
        ),
        (
            "/list/",
            "has no \"/list/\": the list there has 2 items, counted from 0",
        ),
        (
            "/list/99999999999999999999",
            "has no \"/list/99999999999999999999\": the list there has 2 items, counted from 0",
        ),
    ];
    for (source, sentence) in table {
        assert_eq!(
            refused(&request(keys(&[("k", source)])), &payload(json)),
            format!("aws:/shop/db {sentence}")
        );
    }
    assert_eq!(
        refused(&request(keys(&[("k", "a")])), &payload("{}")),
        "aws:/shop/db has no key \"a\"; there are no keys at that place"
    );
    let many: Vec<_> = (10..40).map(|n| format!("\"key{n}\":0")).collect();
    let sentence = refused(
        &request(keys(&[("k", "a")])),
        &payload(format!("{{{}}}", many.join(","))),
    );
    assert!(
        sentence.contains("\"key29\" and 10 more") && !sentence.contains("key30"),
        "{sentence}"
    );
}

#[test]
fn a_payload_that_is_no_object_has_no_keys() {
    for other in [&b"plain"[..], b"[1]", b"3", b"", b"\xff"] {
        for source in ["a", "/0"] {
            assert_eq!(
                refused(&request(keys(&[("k", source)])), &payload(other)),
                format!(
                    "aws:/shop/db is no JSON object, so there is no key \"{source}\" in it: use \"key\" to take all of it"
                )
            );
        }
    }
}

#[test]
fn generated_names_are_spelt_then_prefixed_then_checked() {
    let table = [
        (Names::Env, "", "db.url-main", "DB_URL_MAIN"),
        (Names::Env, "", "camelCase9", "CAMELCASE9"),
        (Names::Env, "", "größe ß", "GR__E__"),
        (Names::Env, "", "_x", "_X"),
        (Names::Env, "APP_", "1st", "APP_1ST"),
        (Names::Env, "app_", "x", "app_X"),
        (Names::AsIs, "app.", "db-url", "app.db-url"),
        (Names::AsIs, ".", "env", ".env"),
    ];
    for (names, prefix, member, key) in table {
        let request = Request {
            names,
            prefix: prefix.to_owned(),
            ..request(Take::All)
        };
        let json = serde_json::to_string(&BTreeMap::from([(member, "v")])).unwrap();
        assert_eq!(got(&request, &payload(json)), pairs(&[(key, "v")]));
    }
}

#[test]
fn names_in_keys_are_final() {
    let request = Request {
        names: Names::Env,
        prefix: "APP_".to_owned(),
        ..request(keys(&[("as-it-is", "a")]))
    };
    assert_eq!(
        got(&request, &payload(r#"{"a":"v"}"#)),
        pairs(&[("as-it-is", "v")])
    );
}

#[test]
fn a_generated_name_that_does_not_fit_is_refused_and_named() {
    let env = Request {
        names: Names::Env,
        ..request(Take::All)
    };
    let table = [
        (
            &env,
            r#"{"1st":"v"}"#,
            "\"1st\" becomes \"1ST\", and an environment variable cannot begin so: name it in \"keys\" or add a \"prefix\"",
        ),
        (
            &env,
            r#"{"":"v"}"#,
            "\"\" becomes \"\", and an environment variable cannot begin so: name it in \"keys\" or add a \"prefix\"",
        ),
        (
            &env,
            r#"{"a-b":"v","a.b":"w"}"#,
            "aws:/shop/db#a-b and aws:/shop/db#a.b would both become \"A_B\": name them in \"keys\"",
        ),
        (
            &env,
            r#"{"a":"v","A":"w"}"#,
            "aws:/shop/db#A and aws:/shop/db#a would both become \"A\": name them in \"keys\"",
        ),
    ];
    for (request, json, sentence) in table {
        let mut said = refused(request, &payload(json));
        if json.contains("\"A\"") {
            // Which of the two is first is the source's order.
            said = said.replace("#a and aws:/shop/db#A", "#A and aws:/shop/db#a");
        }
        assert_eq!(said, sentence);
    }
    for member in ["a/b", "a b", "", ".", "..x", "ä"] {
        let json = serde_json::to_string(&BTreeMap::from([(member, "v")])).unwrap();
        assert_eq!(
            refused(&request(Take::All), &payload(json)),
            format!(
                "\"{member}\" of aws:/shop/db cannot be a data key: name it in \"keys\", or use \"names: env\""
            )
        );
    }
}

#[test]
fn a_prefix_read_takes_paths_as_names_and_payloads_whole() {
    let entries = below(&[("db/main", "{\"a\": 1}"), ("smtp", "x\n")]);
    assert_eq!(
        got(&request(Take::All), &entries),
        pairs(&[("db.main", "{\"a\": 1}"), ("smtp", "x\n")])
    );
    let env = Request {
        names: Names::Env,
        prefix: "P_".to_owned(),
        ..request(Take::All)
    };
    assert_eq!(
        got(&env, &entries),
        pairs(&[("P_DB_MAIN", "{\"a\": 1}"), ("P_SMTP", "x\n")])
    );
    assert_eq!(
        got(&request(keys(&[("k", "db/main")])), &entries),
        pairs(&[("k", "{\"a\": 1}")])
    );
    assert_eq!(
        refused(&request(keys(&[("k", "db.main")])), &entries),
        "aws:/shop/db has no key \"db.main\"; there are \"db/main\", \"smtp\""
    );
    assert_eq!(
        refused(&request(Take::All), &below(&[("a/b", "1"), ("a.b", "2")])),
        "aws:/shop/db#a/b and aws:/shop/db#a.b would both become \"a.b\": name them in \"keys\""
    );
    // Where names are separated by colons, which no data key has.
    let colons = below(&[("db:url", "u"), ("smtp/host:port", "p")]);
    assert_eq!(
        got(&request(Take::All), &colons),
        pairs(&[("db.url", "u"), ("smtp.host.port", "p")])
    );
    assert_eq!(
        got(&env, &colons),
        pairs(&[("P_DB_URL", "u"), ("P_SMTP_HOST_PORT", "p")])
    );
    assert_eq!(
        got(&request(keys(&[("k", "db:url")])), &colons),
        pairs(&[("k", "u")])
    );
}

#[test]
fn a_literal_is_no_secret_and_what_is_absent_is_nothing() {
    let literal = Payload::Literal("1.10".to_owned());
    let made = items(
        &request(Take::Whole("RATIO".to_owned())),
        "the literal",
        &literal,
    )
    .unwrap();
    assert_eq!(
        (
            made[0].key.as_str(),
            text(&made[0].value).as_str(),
            made[0].secret
        ),
        ("RATIO", "1.10", false)
    );
    for take in [Take::All, keys(&[("k", "a")]), Take::Whole("k".to_owned())] {
        assert_eq!(got(&request(take), &Payload::Absent), []);
    }
}

#[test]
fn every_item_says_whether_it_is_secret() {
    for secret in [true, false] {
        let entry = Entry {
            secret,
            ..stored(r#"{"a":"v"}"#)
        };
        let one = Payload::Entry {
            entry: entry.clone(),
            segment: "db".to_owned(),
        };
        let many = Payload::Below(vec![("a".to_owned(), entry)]);
        for take in [Take::All, keys(&[("k", "a")]), Take::Whole("k".to_owned())] {
            for payload in [&one, &many] {
                let made = items(&request(take.clone()), LABEL, payload).unwrap();
                assert!(made.iter().all(|item| item.secret == secret));
            }
        }
    }
}

#[test]
fn no_message_has_a_value_in_it() {
    const VALUE: &str = "hunter2";
    let object = payload(format!(
        "{{\"a\":\"{VALUE}\",\"b\":{{\"c\":\"{VALUE}\"}},\"l\":[\"{VALUE}\"],\"x/y\":\"{VALUE}\",\"1\":\"{VALUE}\\ud800\"}}"
    ));
    let env = Request {
        names: Names::Env,
        ..request(Take::All)
    };
    let requests = [
        request(Take::All),
        env,
        request(keys(&[("k", "no")])),
        request(keys(&[("k", "/b/no")])),
        request(keys(&[("k", "/a/no")])),
        request(keys(&[("k", "/l/9")])),
        request(keys(&[("k", "1")])),
    ];
    for request in &requests {
        assert!(!refused(request, &object).contains(VALUE));
        assert!(!format!("{:?}", items(request, LABEL, &object)).contains(VALUE));
    }
    assert!(!refused(&requests[2], &payload(VALUE)).contains(VALUE));
}

mod files {
    use super::*;

    type Entries = BTreeMap<String, (SecretBytes, Form)>;

    fn entries(list: &[(&str, &str, Form)]) -> Entries {
        list.iter()
            .map(|(key, value, form)| {
                let value = SecretBytes::from((*value).to_owned());
                ((*key).to_owned(), (value, *form))
            })
            .collect()
    }

    fn texts(list: &BTreeMap<String, String>) -> Entries {
        list.iter()
            .map(|(key, value)| (key.clone(), (SecretBytes::from(value.clone()), Form::Text)))
            .collect()
    }

    fn render(format: Format, entries: &Entries) -> Result<String, String> {
        super::super::files::render(format, entries).map(|file| text(&file))
    }

    fn sample() -> Entries {
        entries(&[
            ("b", "two words", Form::Text),
            ("a", "1.10", Form::Scalar),
            ("c", "true", Form::Text),
            ("d", "", Form::Null),
            ("e", "12345678901234567890", Form::Scalar),
            ("f", "{\"x\": [1]}", Form::Text),
        ])
    }

    #[test]
    fn a_file_is_sorted_and_the_same_every_time() {
        let table = [
            (
                Format::Properties,
                "a=1.10\nb=two words\nc=true\nd=\ne=12345678901234567890\nf={\"x\"\\: [1]}\n",
            ),
            (
                Format::Env,
                "a=1.10\nb='two words'\nc=true\nd=''\ne=12345678901234567890\nf='{\"x\": [1]}'\n",
            ),
            (
                Format::Json,
                "{\n  \"a\": 1.10,\n  \"b\": \"two words\",\n  \"c\": \"true\",\n  \"d\": null,\n  \"e\": 12345678901234567890,\n  \"f\": \"{\\\"x\\\": [1]}\"\n}\n",
            ),
            (
                Format::Yaml,
                "\"a\": 1.10\n\"b\": \"two words\"\n\"c\": \"true\"\n\"d\": null\n\"e\": 12345678901234567890\n\"f\": \"{\\\"x\\\": [1]}\"\n",
            ),
        ];
        for (format, expected) in table {
            assert_eq!(render(format, &sample()).unwrap(), expected);
        }
    }

    #[test]
    fn a_file_without_entries_is_an_empty_one() {
        let table = [
            (Format::Properties, ""),
            (Format::Env, ""),
            (Format::Json, "{}\n"),
            (Format::Yaml, "{}\n"),
        ];
        for (format, expected) in table {
            assert_eq!(render(format, &Entries::new()).unwrap(), expected);
        }
    }

    #[test]
    fn binary_is_no_part_of_a_text_file() {
        let binary = SecretBytes::new(vec![0xff, 0xfe]);
        let entries = Entries::from([("KEY".to_owned(), (binary, Form::Text))]);
        for format in [Format::Properties, Format::Env, Format::Json, Format::Yaml] {
            assert_eq!(
                render(format, &entries).unwrap_err(),
                "\"KEY\" is binary and cannot be part of a text file"
            );
        }
    }

    #[test]
    fn an_env_file_has_only_names_that_a_shell_can_read() {
        for key in ["", "1A", "a.b", "a-b", "a b", "ä", "a="] {
            let message = render(Format::Env, &entries(&[(key, "v", Form::Text)])).unwrap_err();
            assert_eq!(
                message,
                format!(
                    "\"{key}\" cannot be a name in an env file: use \"names: env\" or name it in \"keys\""
                )
            );
        }
    }

    #[test]
    fn an_env_file_quotes_only_as_all_its_readers_agree() {
        let table = [
            ("plain-1.0/x:y@z%,+", Some("K=plain-1.0/x:y@z%,+\n")),
            ("", Some("K=''\n")),
            ("~", Some("K='~'\n")),
            ("a=b", Some("K='a=b'\n")),
            ("a b # c", Some("K='a b # c'\n")),
            ("pa$$w`rd!\"", Some("K='pa$$w`rd!\"'\n")),
            ("two\nlines\n", Some("K='two\nlines\n'\n")),
            ("a\\nb", Some("K='a\\nb'\n")),
            ("it's", Some("K=\"it's\"\n")),
            ("it's\nfine #1", Some("K=\"it's\nfine #1\"\n")),
            // What readers differ on is refused, not guessed.
            ("it's \"quoted\"", None),
            ("it's $5", None),
            ("it's `x`", None),
            ("it's a\\b", None),
            ("a\\\\b", None),
            ("a\\", None),
            ("a\rb", None),
            ("a\0b", None),
            ("${HOME}", None),
        ];
        for (value, expected) in table {
            let made = render(Format::Env, &entries(&[("K", value, Form::Text)]));
            match expected {
                Some(expected) => assert_eq!(made.unwrap(), expected),
                None => assert!(
                    made.unwrap_err()
                        .starts_with("the value of \"K\" has characters")
                ),
            }
        }
    }

    #[test]
    fn a_real_shell_reads_an_env_file() {
        let values = [
            "plain",
            "",
            "a b",
            "$HOME $(id) `id`",
            "it's",
            "\"",
            "two\nlines\n\n",
            "a\\nb\\t",
            "# no comment",
            "é😀",
            "!x;|&<>()*?[]{}^~=",
            "\t tab",
            "it's\n# two",
            "-n",
            "%s",
        ];
        let list: BTreeMap<_, _> = values
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("K{index}"), (*value).to_owned()))
            .collect();
        let file = render(Format::Env, &texts(&list)).unwrap();
        let printed: Vec<_> = list.keys().map(|key| format!("\"${key}\"")).collect();
        let script = format!("{file}printf '%s\\0' {}", printed.join(" "));
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert!(output.status.success());
        let read = String::from_utf8(output.stdout).unwrap();
        let read: Vec<_> = read.split_terminator('\0').collect();
        assert_eq!(read, list.values().collect::<Vec<_>>());
    }

    /// `java.util.Properties.load(Reader)` by its documentation (Java SE 17).
    fn java(file: &str) -> BTreeMap<String, String> {
        let blank = |c: char| matches!(c, ' ' | '\t' | '\u{c}');
        let mut lines: Vec<String> = Vec::new();
        let mut continued = false;
        for natural in file.split(['\n', '\r']) {
            let line = natural.trim_start_matches(blank);
            if continued {
                lines.last_mut().unwrap().push_str(line);
            } else if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            } else {
                lines.push(line.to_owned());
            }
            let line = lines.last_mut().unwrap();
            continued = line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1;
            if continued {
                line.pop();
            }
        }
        let mut read = BTreeMap::new();
        for line in lines {
            let chars: Vec<char> = line.chars().collect();
            let mut at = 0;
            while at < chars.len() && !blank(chars[at]) && !matches!(chars[at], '=' | ':') {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            let key = unescape(&chars[..at.min(chars.len())]);
            let mut rest = &chars[at.min(chars.len())..];
            let skip = |rest: &mut &[char]| {
                while rest.first().is_some_and(|c| blank(*c)) {
                    *rest = &rest[1..];
                }
            };
            skip(&mut rest);
            if matches!(rest.first(), Some('=' | ':')) {
                rest = &rest[1..];
                skip(&mut rest);
            }
            assert_eq!(read.insert(key, unescape(rest)), None);
        }
        read
    }

    fn unescape(chars: &[char]) -> String {
        let mut units = Vec::new();
        let mut chars = chars.iter();
        while let Some(c) = chars.next() {
            let c = match c {
                '\\' => match chars.next().unwrap() {
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        assert_eq!(digits.len(), 4);
                        units.push(u16::from_str_radix(&digits, 16).unwrap());
                        continue;
                    }
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    'f' => '\u{c}',
                    other => *other,
                },
                c => *c,
            };
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
        }
        String::from_utf16(&units).unwrap()
    }

    /// What a POSIX shell makes of the assignments (Shell Command Language, section 2.2); none where
    /// it would do more than take text.
    fn shell(file: &str) -> Option<BTreeMap<String, String>> {
        let mut read = BTreeMap::new();
        let mut rest = file;
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next()? {
                    (at, '\n') => break at + 1,
                    (_, '\'') => loop {
                        match chars.next()?.1 {
                            '\'' => break,
                            c => value.push(c),
                        }
                    },
                    (_, '"') => loop {
                        match chars.next()?.1 {
                            '"' => break,
                            '$' | '`' => return None,
                            '\\' => match chars.next()?.1 {
                                '\n' => {}
                                c @ ('$' | '`' | '"' | '\\') => value.push(c),
                                c => value.extend(['\\', c]),
                            },
                            c => value.push(c),
                        }
                    },
                    (_, c) if c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c) => value.push(c),
                    _ => return None,
                }
            };
            read.insert(name.to_owned(), value);
            rest = &after[end..];
        }
        Some(read)
    }

    /// What dotenv readers make of it, each at its worst: python-dotenv unescapes in single quotes and
    /// fills in `${NAME}` everywhere, others do so in double quotes only, some end lines at a `\r`.
    fn dotenv(file: &str) -> Option<BTreeMap<String, String>> {
        if file.contains(['\r', '\0']) {
            return None;
        }
        let mut read = BTreeMap::new();
        let mut rest = file;
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let mut value = String::new();
            let end = match quote {
                None => {
                    let end = after.find('\n')?;
                    let line = &after[..end];
                    let bare = line.find(" #").map_or(line, |comment| &line[..comment]);
                    value.push_str(bare.trim());
                    if bare.contains(['$', '\\', '#', '`']) {
                        return None;
                    }
                    end + 1
                }
                Some(quote) => {
                    let mut chars = after.char_indices().skip(1);
                    let end = loop {
                        match chars.next()? {
                            (at, c) if c == quote => break at + 1,
                            (_, '\\') if quote == '"' => return None,
                            (_, '\\') => match chars.next()?.1 {
                                c @ ('\'' | '\\') => value.push(c),
                                c => value.extend(['\\', c]),
                            },
                            (_, '$') if quote == '"' => return None,
                            (_, c) => value.push(c),
                        }
                    };
                    let line = after[end..].find('\n')?;
                    if !after[end..end + line].is_empty() || value.contains("${") {
                        return None;
                    }
                    end + line + 1
                }
            };
            read.insert(name.to_owned(), value);
            rest = &after[end..];
        }
        Some(read)
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::collection::vec(any::<char>(), 0..12)
                .prop_map(|chars| chars.into_iter().collect()),
            "[ \\t\\n\\r\\x0c\\\\=:#!u0-9a-f'\"$`{}é😀]{0,12}",
            "[ -~\\n]{0,20}",
        ]
    }

    #[test]
    fn the_readers_of_these_tests_read_what_others_write() {
        let read = java(
            "# c\n! c\n\n  a = b \\\n    c\nd:e\nf g\nh\n\\ i\\==\\u00e9\\\nj\nk\\\\=l\\t\\z\n",
        );
        let expected = [
            ("a", "b c"),
            ("d", "e"),
            ("f", "g"),
            ("h", ""),
            (" i=", "éj"),
            ("k\\", "l\tz"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read, BTreeMap::from(expected));
        assert_eq!(shell("A=x$y\n"), None);
        assert_eq!(shell("A=\"a\\$'\"'b'c\n").unwrap()["A"], "a$'bc");
        assert_eq!(dotenv("A='a\\\\b\\'c'\n").unwrap()["A"], "a\\b'c");
        assert_eq!(dotenv("A=b # c\n").unwrap()["A"], "b");
    }

    proptest! {
        #[test]
        fn properties_read_back_identically_in_java(
            list in proptest::collection::btree_map(any_text(), any_text(), 0..6),
        ) {
            let file = render(Format::Properties, &texts(&list)).unwrap();
            prop_assert!(file.is_ascii());
            prop_assert_eq!(java(&file), list);
        }

        #[test]
        fn an_accepted_env_file_is_the_same_to_a_shell_and_to_dotenv_readers(
            list in proptest::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,5}", any_text(), 0..5),
        ) {
            if let Ok(file) = render(Format::Env, &texts(&list)) {
                prop_assert!(shell(&file).is_some_and(|read| read == list));
                prop_assert!(dotenv(&file).is_some_and(|read| read == list));
            }
        }

        #[test]
        fn what_has_no_odd_characters_is_never_refused_in_an_env_file(
            value in "[ -~&&[^'\\\\$]]{0,30}|[ -~&&[^\"`\\\\$]]{0,30}|[a-zé\n ]{0,20}",
        ) {
            let list = BTreeMap::from([("K".to_owned(), value)]);
            prop_assert!(render(Format::Env, &texts(&list)).is_ok());
        }

        #[test]
        fn json_and_yaml_read_back_with_scalars_as_written(
            texts in proptest::collection::btree_map(any_text(), any_text(), 0..5),
            scalars in proptest::collection::btree_map(
                any_text(),
                "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?|true|false",
                0..5,
            ),
            nulls in proptest::collection::btree_set(any_text(), 0..3),
        ) {
            let mut all = Entries::new();
            for (key, text) in &texts {
                all.insert(key.clone(), (SecretBytes::from(text.clone()), Form::Text));
            }
            for (key, scalar) in &scalars {
                all.insert(key.clone(), (SecretBytes::from(scalar.clone()), Form::Scalar));
            }
            for key in &nulls {
                all.insert(key.clone(), (SecretBytes::new(Vec::new()), Form::Null));
            }
            let json = render(Format::Json, &all).unwrap();
            let read: BTreeMap<String, &RawValue> = serde_json::from_str(&json).unwrap();
            prop_assert!(read.keys().eq(all.keys()));
            let yaml = render(Format::Yaml, &all).unwrap();
            let node = yaml::parse(&yaml).unwrap();
            let pairs = node.map("it").unwrap();
            prop_assert!(pairs.iter().map(|(key, _)| key.raw()).eq(all.keys().map(String::as_str)));
            for ((value, form), ((_, raw), (_, node))) in all.values().zip(read.into_iter().zip(pairs)) {
                let value = std::str::from_utf8(value.expose()).unwrap();
                let plain = matches!(&node.value, yaml::Value::Scalar { plain: true, .. });
                prop_assert_eq!(plain, *form != Form::Text);
                match form {
                    Form::Text => {
                        prop_assert_eq!(&serde_json::from_str::<String>(raw.get()).unwrap(), value);
                        prop_assert_eq!(node.raw(), value);
                    }
                    Form::Scalar => {
                        prop_assert_eq!(raw.get(), value);
                        prop_assert_eq!(node.raw(), value);
                    }
                    Form::Null => {
                        prop_assert_eq!(raw.get(), "null");
                        prop_assert!(node.is_null());
                    }
                }
            }
        }

        #[test]
        fn a_yaml_key_may_be_of_any_length(length in 0..3000_usize, c in any::<char>()) {
            let key: String = std::iter::repeat_n(c, length).collect();
            let file = render(Format::Yaml, &entries(&[(&key, "v", Form::Text), ("z", "1", Form::Scalar)])).unwrap();
            let node = yaml::parse(&file).unwrap();
            prop_assert!(node.map("it").unwrap().iter().any(|(read, _)| read.raw() == key));
        }
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("[a-z/~ é]{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every pointer into a document with the value that serde_json's own reading of it finds.
fn pointers(at: &str, value: &serde_json::Value, found: &mut Vec<String>) {
    if !at.is_empty() {
        found.push(at.to_owned());
    }
    match value {
        serde_json::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(&format!("{at}/{index}"), item, found);
            }
        }
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                let step = name.replace('~', "~0").replace('/', "~1");
                pointers(&format!("{at}/{step}"), member, found);
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn nothing_of_an_object_is_lost(
        members in proptest::collection::btree_map(any::<String>(), any_json(), 0..6), pretty in any::<bool>(),
    ) {
        let json = if pretty {
            serde_json::to_string_pretty(&members).unwrap()
        } else {
            serde_json::to_string(&members).unwrap()
        };
        // Within a file any name will do.
        let request = Request {
            file: Some(File { name: "f".to_owned(), format: Format::Json }),
            ..request(Take::All)
        };
        let made = items(&request, LABEL, &payload(json)).unwrap();
        prop_assert_eq!(made.len(), members.len());
        for (item, (name, value)) in made.iter().zip(&members) {
            prop_assert_eq!(&item.key, name);
            let read = match item.form {
                Form::Text if value.is_string() => text(&item.value).into(),
                Form::Null => serde_json::Value::Null,
                Form::Text | Form::Scalar => serde_json::from_str(&text(&item.value)).unwrap(),
            };
            // Read by the same reader: it rounds.
            let value: serde_json::Value = serde_json::from_str(&value.to_string()).unwrap();
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn every_pointer_finds_what_it_points_to(
        members in proptest::collection::btree_map("[a-z0-9/~. é]{0,4}", any_json(), 1..4),
    ) {
        let document = serde_json::Value::Object(members.into_iter().collect());
        let json = document.to_string();
        let mut all = Vec::new();
        pointers("", &document, &mut all);
        for pointer in all {
            let (value, form) = taken(&json, &pointer);
            let expected = document.pointer(&pointer).unwrap();
            match expected {
                serde_json::Value::String(text) => prop_assert_eq!((&value, form), (text, Form::Text)),
                serde_json::Value::Null => prop_assert_eq!((value.as_str(), form), ("", Form::Null)),
                other => prop_assert_eq!(value, other.to_string()),
            }
        }
    }

    #[test]
    fn no_payload_panics(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            "[{}\\[\\]\",:a0-9.eE+\\\\ud8 -]{0,40}".prop_map(String::into_bytes),
        ],
        source in "/?[a0-9/~]{1,5}",
    ) {
        let payload = payload(bytes.clone());
        let whole = items(&request(Take::Whole("k".to_owned())), LABEL, &payload).unwrap();
        prop_assert_eq!(whole[0].value.expose(), bytes);
        let _ = items(&request(Take::All), LABEL, &payload);
        let _ = items(&request(keys(&[("k", &source)])), LABEL, &payload);
    }
}
