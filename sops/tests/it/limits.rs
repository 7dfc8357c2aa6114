//! Files that are small and ask for much are refused before they take it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_sops::{Error, Format, Keys};

use crate::support::{Nobody, Sops, both, decrypt_with, identity, keys, open, text};

fn refused(format: Format, file: &str) -> String {
    match decrypt_with(file.as_bytes(), format, &keys(), &Nobody) {
        Ok(_) => panic!("it was decrypted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_million_values_are_refused_while_they_are_read() {
    let many = 1_000_000;
    let meta = "\nsops:\n  mac: x\n";
    for (format, file) in [
        (Format::Yaml, format!("a: [{}]{meta}", "~,".repeat(many))),
        (Format::Yaml, format!("a:\n{}{meta}", "- ~\n".repeat(many))),
        (Format::Yaml, "---\n".repeat(many)),
        (
            Format::Json,
            format!(
                "{{\"sops\": {{\"mac\": \"x\"}}, \"a\": [{}0]}}",
                "0,".repeat(many)
            ),
        ),
        (
            Format::Binary,
            format!("{{\"sops\": {{}}, \"a\": [{}0]}}", "[],".repeat(many)),
        ),
        (
            Format::Dotenv,
            format!("{}sops_mac=x\n", "A=\n".repeat(many)),
        ),
        (
            Format::Dotenv,
            format!("{}sops_mac=x\n", "#\n".repeat(many)),
        ),
        (Format::Ini, format!("{}[sops]\n", "[a]\n".repeat(many))),
        (
            Format::Ini,
            (0..many).map(|n| format!("a{n}=\n")).collect::<String>(),
        ),
    ] {
        let error = refused(format, &file);
        assert!(
            error.contains("the file has more than 100000 values"),
            "{format}: {error}"
        );
    }
}

/// The parser gives nothing of it before it knows whether it is a key.
#[test]
fn a_list_that_may_be_a_key_is_not_kept_whole() {
    let error = refused(Format::Yaml, &format!("[{}]\n", "~,".repeat(1_000_000)));
    assert!(error.contains("more than 250000 signs"), "{error}");
}

#[test]
fn fifty_thousand_values_are_decrypted() {
    let [new, _] = both();
    let value = "x".repeat(24);
    let yaml: String = (0..50_000).map(|n| format!("key{n}: {value}\n")).collect();
    let encrypted = new.encrypt(&[], "large.yaml", yaml.as_bytes());
    assert!(encrypted.len() > 5 << 20, "{}", encrypted.len());
    assert_eq!(text(&open("large.yaml", &encrypted)), yaml);
    let env: String = (0..50_000).map(|n| format!("KEY{n}={value}\n")).collect();
    let encrypted = new.encrypt(&[], "large.env", env.as_bytes());
    assert_eq!(text(&open("large.env", &encrypted)), env);
}

#[test]
fn aliases_are_charged_what_they_take() {
    let meta = "sops:\n  mac: x\n";
    let list = vec!["~"; 4000].join(",");
    let aliases = vec!["*a"; 2000].join(",");
    let error = refused(
        Format::Yaml,
        &format!("a: &a [{list}]\nb: [{aliases}]\n{meta}"),
    );
    assert!(error.contains("too large"), "{error}");
    // What a person writes passes.
    let error = refused(
        Format::Yaml,
        &format!("a: &a [1, 2]\nb: [*a, *a, *a]\n{meta}"),
    );
    assert!(error.contains("lastmodified"), "{error}");
}

#[test]
fn a_tag_is_not_copied_with_each_use() {
    let prefix = "x".repeat(100_000);
    let error = refused(
        Format::Yaml,
        &format!("%TAG !a! {prefix}\n---\na: !a!b x\nsops:\n  mac: x\n"),
    );
    assert!(error.contains("a tag is longer"), "{error}");
}

#[test]
fn flattened_members_are_few_and_short() {
    let long = format!("sops_mac=x\nsops_a{}=x\n", "__map_b".repeat(200_000));
    assert!(refused(Format::Dotenv, &long).contains("does not fit"));
    let deep = format!("sops_mac=x\nsops_a{}=x\n", "__map_b".repeat(9));
    assert!(refused(Format::Dotenv, &deep).contains("does not fit"));
    let many: String = (0..10_001)
        .map(|n| format!("sops_a{n}__map_b=x\n"))
        .collect();
    assert!(refused(Format::Dotenv, &many).contains("more than 10000 members"));
}

const TIME: &str = "2026-01-31T12:00:00Z";

fn metadata(recipients: &str) -> String {
    format!(
        "{{\"a\": \"b\", \"sops\": {{\"mac\": \"x\", \"lastmodified\": \"{TIME}\", {recipients}}}}}"
    )
}

#[test]
fn what_is_encrypted_for_a_recipient_is_short() {
    let enc = "A".repeat((16 << 10) + 1);
    for kind in ["age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault"] {
        let error = refused(
            Format::Json,
            &metadata(&format!("\"{kind}\": [{{\"enc\": \"{enc}\"}}]")),
        );
        assert!(
            error.contains(&format!(
                "an `enc` of `{kind}` has 16385 bytes, and at most 16384 are read"
            )),
            "{error}"
        );
    }
}

#[test]
fn groups_contexts_and_patterns_are_bounded() {
    let groups = vec!["{}"; 33].join(",");
    let error = refused(
        Format::Json,
        &metadata(&format!("\"key_groups\": [{groups}]")),
    );
    assert!(error.contains("more than 32 groups"), "{error}");
    let context: Vec<String> = (0..257).map(|n| format!("\"a{n}\": \"\"")).collect();
    let kms = format!("\"kms\": [{{\"context\": {{{}}}}}]", context.join(","));
    let error = refused(Format::Json, &metadata(&kms));
    assert!(error.contains("more than 256 members"), "{error}");
    let pattern = "a".repeat(5000);
    let error = refused(
        Format::Json,
        &metadata(&format!(
            "\"age\": [{{\"enc\": \"x\"}}], \"encrypted_regex\": \"{pattern}\""
        )),
    );
    assert!(error.contains("longer than 4096 bytes"), "{error}");
    let many = vec!["{}"; 257].join(",");
    let error = refused(Format::Json, &metadata(&format!("\"age\": [{many}]")));
    assert!(error.contains("more than 256 recipients"), "{error}");
}

fn armoured(header: &str) -> String {
    let mut file = header.as_bytes().to_vec();
    file.extend_from_slice(format!("--- {}\n", "A".repeat(43)).as_bytes());
    file.extend_from_slice(&[0; 32]);
    let body: Vec<String> = STANDARD
        .encode(file)
        .as_bytes()
        .chunks(64)
        .map(text)
        .collect();
    format!(
        "-----BEGIN AGE ENCRYPTED FILE-----\\n{}\\n-----END AGE ENCRYPTED FILE-----\\n",
        body.join("\\n")
    )
}

/// age reads a header anew with each line of it.
#[test]
fn an_age_header_of_many_lines_is_not_read() {
    let enc = armoured(&format!(
        "age-encryption.org/v1\n{}",
        "-> a\n\n".repeat(1000)
    ));
    let error = refused(
        Format::Json,
        &metadata(&format!(
            "\"age\": [{{\"recipient\": \"age1\", \"enc\": \"{enc}\"}}]"
        )),
    );
    assert!(error.contains("more than 64 lines"), "{error}");
}

#[test]
fn identities_are_not_tried_on_any_number_of_recipients() {
    let mut many = Keys::default();
    let file = vec![identity().0.as_str(); 256].join("\n");
    many.add("many.agekey", file.as_bytes()).unwrap();
    let stanza = format!("-> X25519 {}\n{}\n", "A".repeat(43), "A".repeat(43));
    let enc = armoured(&format!("age-encryption.org/v1\n{}", stanza.repeat(20)));
    let one = format!("{{\"recipient\": \"age1\", \"enc\": \"{enc}\"}}");
    let file = metadata(&format!("\"age\": [{}]", vec![one; 10].join(",")));
    let Err(Error::NoDataKey { failures, .. }) =
        decrypt_with(file.as_bytes(), Format::Json, &many, &Nobody)
    else {
        panic!("it was decrypted");
    };
    assert!(
        failures
            .iter()
            .any(|failure| failure.reason.contains("too much was tried")),
        "{failures:?}"
    );
}

/// What is written as SOPS writes it may be far larger than what was read.
#[test]
fn columns_and_indentation_are_bounded() {
    let [new, _] = both();
    let long = "k".repeat(7000);
    let mut plain = format!("[a_unencrypted]\n{long} = 1\n");
    for n in 0..2000 {
        plain.push_str(&format!("a{n} = 1\n"));
    }
    let encrypted = new.encrypt(&[], "a.ini", plain.as_bytes());
    // As SOPS aligns the encrypted file, too, only one that was written by hand is small.
    let small: Vec<String> = text(&encrypted)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let error = refused(Format::Ini, &(small.join("\n") + "\n"));
    assert!(error.contains("larger than the encrypted one"), "{error}");
}

#[test]
fn the_keys_above_a_value_are_short() {
    let [new, _] = both();
    let key = "k".repeat(9000);
    let encrypted = new.encrypt(&[], "a.json", format!("{{\"{key}\": \"x\"}}").as_bytes());
    let error = refused(Format::Json, &text(&encrypted));
    assert!(error.contains("too long"), "{error}");
}

/// The real sops takes neither either.
#[test]
fn dotenv_with_windows_line_ends_or_a_byte_order_mark_says_so() {
    let [new, old] = both();
    let says = |sops: &Sops, change: &dyn Fn(&str) -> String, part: &str| {
        let encrypted = text(&sops.encrypt(&[], "a.env", b"A=b\n# c\nC=d\n"));
        let changed = change(&encrypted);
        assert!(new.decrypt(&[], "a.env", changed.as_bytes()).is_err());
        let error = refused(Format::Dotenv, &changed);
        assert!(error.contains(part), "{error}");
        assert_eq!(
            jasm_sops::detect("a.env", changed.as_bytes()),
            Some(Format::Dotenv)
        );
    };
    for sops in [&new, &old] {
        says(
            sops,
            &|file| file.replace('\n', "\r\n"),
            "the lines of the file end in \\r\\n",
        );
        says(sops, &|file| format!("\u{feff}{file}"), "byte order mark");
    }
    // One that was there when it was encrypted is a part of the first key.
    let encrypted = new.encrypt(&[], "a.env", "\u{feff}A=b\n".as_bytes());
    assert_eq!(text(&open("a.env", &encrypted)), "\u{feff}A=b\n");
    // Values may end in \r by themselves.
    let encrypted = new.encrypt(&[], "a.env", b"A_unencrypted=b\r\nB=c\r\n");
    assert_eq!(
        text(&open("a.env", &encrypted)),
        text(&new.decrypt(&[], "a.env", &encrypted).unwrap())
    );
}

#[test]
fn an_ssh_key_with_an_empty_number_is_refused() {
    let string = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    let numbers = [0; 6].map(|_| string(&[0])).concat();
    let private = [&[0; 8][..], &string(b"ssh-rsa"), &numbers, &string(b"")].concat();
    let key = [
        &b"openssh-key-v1\0"[..],
        &string(b"none"),
        &string(b"none"),
        &string(b""),
        &[0, 0, 0, 1],
        &string(b""),
        &string(&private),
    ]
    .concat();
    let file = format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
        STANDARD.encode(key)
    );
    let error = Keys::default()
        .add("a.agekey", file.as_bytes())
        .unwrap_err();
    assert!(error.reason.contains("no SSH key"), "{error}");
    let long = file.replace("\n-----END", &format!("{}\n-----END", "A".repeat(9000)));
    let error = Keys::default()
        .add("a.agekey", long.as_bytes())
        .unwrap_err();
    assert!(error.reason.contains("more than 8192 bytes"), "{error}");
}
