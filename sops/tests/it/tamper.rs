//! Nothing that was changed is taken for what was encrypted, and nothing makes it panic.

use jasm_sops::{Error, Format};
use proptest::prelude::*;

use crate::support::{Nobody, both, decrypt_with, keys, open, text};

fn read(bytes: &[u8], format: Format) -> Result<Vec<u8>, Error> {
    decrypt_with(bytes, format, &keys(), &Nobody)
}

const FILES: [(&str, Format, &str); 5] = [
    (
        "a.yaml",
        Format::Yaml,
        "user: admin\npass: secret\nlist: [1, true, x]\n",
    ),
    (
        "a.json",
        Format::Json,
        "{\"user\": \"admin\", \"n\": 1.5, \"nested\": {\"pass\": \"secret\"}}",
    ),
    ("a.env", Format::Dotenv, "USER=admin\nPASS=secret\n"),
    ("a.ini", Format::Ini, "[one]\nuser = admin\npass = secret\n"),
    ("a.txt", Format::Binary, "user: admin\npass: secret\n"),
];

#[test]
fn a_changed_byte_is_refused_or_changes_nothing() {
    let [new, old] = both();
    for (name, format, plain) in FILES {
        for sops in [&new, &old] {
            let encrypted = sops.encrypt(&[], name, plain.as_bytes());
            let expected = open(name, &encrypted);
            let file = text(&encrypted);
            let mut refused = 0;
            for place in 0..encrypted.len() {
                // Where values are, every byte; of the rest, a part.
                let value = file[..place]
                    .rfind("ENC[")
                    .is_some_and(|start| !file[start..place].contains(']'));
                if !value && !place.is_multiple_of(5) {
                    continue;
                }
                let mut changed = encrypted.clone();
                changed[place] ^= 1;
                match read(&changed, format) {
                    Err(_) => refused += 1,
                    Ok(plain) => {
                        assert!(
                            !value,
                            "byte {place} of {name} is not looked at:\n{}",
                            text(&changed)
                        );
                        assert_eq!(
                            text(&plain),
                            text(&expected),
                            "byte {place}:\n{}",
                            text(&changed)
                        );
                    }
                }
            }
            assert!(refused > 100, "{name}: {refused}");
        }
    }
}

#[test]
fn values_stay_where_they_are() {
    let [new, _] = both();
    let one = text(&new.encrypt(&[], "a.env", b"A=first\nB=other\n"));
    let two = text(&new.encrypt(&[], "a.env", b"A=second\nB=other\n"));
    let value = |file: &str, key: &str| {
        file.lines()
            .find_map(|line| line.strip_prefix(&format!("{key}=")))
            .unwrap_or_default()
            .to_owned()
    };
    for (from, to) in [
        (value(&one, "A"), value(&one, "B")),
        (value(&one, "A"), value(&two, "A")),
        (value(&one, "A"), "first".to_owned()),
        (value(&one, "A"), String::new()),
        (format!("A={}\n", value(&one, "A")), String::new()),
        (value(&one, "A"), value(&one, "A") + "\r"),
        (
            value(&one, "A"),
            value(&one, "A").replace("type:str", "type:int"),
        ),
        (
            value(&one, "A"),
            value(&one, "A").replace("type:str", "type:comment"),
        ),
        (value(&one, "sops_mac"), value(&two, "sops_mac")),
        (value(&one, "sops_mac"), value(&one, "A")),
        (
            value(&one, "sops_lastmodified"),
            "2020-01-01T00:00:00Z".to_owned(),
        ),
    ] {
        let changed = one.replacen(&from, &to, 1);
        assert_ne!(changed, one);
        let error = read(changed.as_bytes(), Format::Dotenv)
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("first") && !error.contains("second"),
            "{error}"
        );
    }
    let order = one.replacen(
        &format!("A={}\nB={}\n", value(&one, "A"), value(&one, "B")),
        &format!("B={}\nA={}\n", value(&one, "B"), value(&one, "A")),
        1,
    );
    assert_ne!(order, one);
    assert_eq!(
        read(order.as_bytes(), Format::Dotenv),
        Err(Error::MacMismatch)
    );
}

#[test]
fn without_a_mac_nothing_is_decrypted() {
    let [new, old] = both();
    for (name, format, plain) in FILES {
        for sops in [&new, &old] {
            let encrypted = text(&sops.encrypt(&[], name, plain.as_bytes()));
            let start = encrypted
                .find("mac")
                .map(|mac| mac + encrypted[mac..].find("ENC[").unwrap())
                .unwrap();
            let end = start + encrypted[start..].find(']').unwrap() + 1;
            let mut without = encrypted.clone();
            without.replace_range(start..end, if format == Format::Yaml { "''" } else { "" });
            assert_eq!(
                read(without.as_bytes(), format),
                Err(Error::MacMissing),
                "{without}"
            );
        }
    }
    for format in [Format::Yaml, Format::Json, Format::Binary] {
        assert_eq!(read(b"{\"a\": \"b\"}", format), Err(Error::NoMetadata));
    }
    assert_eq!(read(b"A=b\n", Format::Dotenv), Err(Error::NoMetadata));
    assert_eq!(read(b"[a]\nb=c\n", Format::Ini), Err(Error::NoMetadata));
    let large = vec![b'#'; (32 << 20) + 1];
    assert!(matches!(
        read(&large, Format::Dotenv),
        Err(Error::TooLarge { .. })
    ));
}

const FORMATS: [Format; 5] = [
    Format::Yaml,
    Format::Json,
    Format::Dotenv,
    Format::Ini,
    Format::Binary,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), words in "[\\[\\]{}:,\"'#&*!|>%@`\n =;a-e0-9.-]{0,200}") {
        for format in FORMATS {
            prop_assert!(read(&bytes, format).is_err());
            prop_assert!(read(words.as_bytes(), format).is_err());
            for name in ["a.yaml", "a.json", "a.env", "a.ini", "a"] {
                let _ = jasm_sops::detect(name, &bytes);
                let _ = jasm_sops::detect(name, words.as_bytes());
            }
        }
    }

    #[test]
    fn metadata_of_any_shape_is_refused(
        key in prop_oneof![Just("mac"), Just("age"), Just("kms"), Just("pgp"), Just("key_groups"), Just("lastmodified"), Just("shamir_threshold"), Just("encrypted_regex"), Just("mac_only_encrypted")],
        value in prop_oneof!["[\\[\\]{}a-z0-9,: \"]{0,30}", Just("[{}]".to_owned()), Just("[[{\"enc\": 1}]]".to_owned()), Just("{\"a\": null}".to_owned())],
    ) {
        let json = format!("{{\"a\": \"b\", \"sops\": {{\"{key}\": {value}}}}}");
        prop_assert!(read(json.as_bytes(), Format::Json).is_err());
        prop_assert!(read(json.as_bytes(), Format::Yaml).is_err());
        let flat = format!("A=b\nsops_{key}={value}\nsops_{key}__list_0__map_enc={value}\n");
        prop_assert!(read(flat.as_bytes(), Format::Dotenv).is_err());
    }
}

#[test]
fn mangled_files_are_refused_or_change_nothing() {
    let [new, _] = both();
    for (name, format, plain) in [FILES[0], FILES[1], FILES[4]] {
        let encrypted = new.encrypt(&[], name, plain.as_bytes());
        let expected = open(name, &encrypted);
        let strategy = (0..encrypted.len(), 0..encrypted.len(), 0..40_usize, 0..3_u8);
        let config = ProptestConfig {
            cases: 300,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        proptest::test_runner::TestRunner::new(config)
            .run(&strategy, |(from, to, length, how)| {
                let end = (from + length).min(encrypted.len());
                let piece = encrypted[from..end].to_vec();
                let mut mangled = encrypted.clone();
                match how {
                    0 => drop(mangled.drain(from..end)),
                    1 => drop(mangled.splice(to..to, piece)),
                    _ => mangled.truncate(from),
                }
                if let Ok(plain) = read(&mangled, format) {
                    prop_assert_eq!(text(&plain), text(&expected), "{}", text(&mangled));
                }
                Ok(())
            })
            .unwrap();
    }
}
