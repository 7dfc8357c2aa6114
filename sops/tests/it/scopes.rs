//! Which values are encrypted: every rule, in every format, and what the MAC is over.

use crate::support::{both, decrypt, open, text};
use crate::yaml::{same_as_json, same_meaning};

const PLAIN: &str = "kind: Secret\ndata:\n  user: u\n  pass_enc: p\n  nested:\n    kind: k\n    list: [1, {pass_enc: q}]\nseen_plain: s\nempty: ''\nnumber: 5\n";

const RULES: [&[&str]; 10] = [
    &[],
    &["--unencrypted-suffix", "_plain"],
    &["--encrypted-suffix", "_enc"],
    &["--unencrypted-regex", "^(kind|seen)"],
    &["--encrypted-regex", "^(data|stringData)$"],
    &["--encrypted-regex", "(?i)PASS\\w+"],
    &["--encrypted-regex", "^\\d+$"],
    &["--encrypted-suffix", "_enc", "--mac-only-encrypted"],
    &["--unencrypted-regex", "kind", "--mac-only-encrypted"],
    &["--mac-only-encrypted"],
];

#[test]
fn every_rule_decrypts_what_it_encrypted() {
    let [new, old] = both();
    for sops in [&new, &old] {
        for rule in RULES {
            let encrypted = sops.encrypt(rule, "a.yaml", PLAIN.as_bytes());
            same_meaning(&new, "a.yaml", &encrypted);
            let json = sops.encrypt(
                &[rule, &["--output-type", "json"]].concat(),
                "a.yaml",
                PLAIN.as_bytes(),
            );
            assert_eq!(
                text(&open("a.json", &json)),
                text(&new.decrypt(&[], "a.json", &json).unwrap()),
                "{rule:?}"
            );
            let env = b"A=1\nPASS_enc=2\nkind=3\nseen_plain=4\n# note\n";
            let encrypted = sops.encrypt(rule, "a.env", env);
            assert_eq!(text(&open("a.env", &encrypted)), text(env), "{rule:?}");
        }
    }
}

#[test]
fn comments_may_be_the_rule() {
    let [new, old] = both();
    let plain = "# sops:enc\na: secret\nb: seen\nc:\n  # sops:enc\n  d: [x, y]\n  e: seen # sops:enc\nf:\n  - seen\n  # sops:enc\n  - secret\n";
    for sops in [&new, &old] {
        for rule in [
            &["--encrypted-comment-regex", "sops:enc"][..],
            &["--unencrypted-comment-regex", "sops:enc"],
            &[
                "--encrypted-comment-regex",
                "sops:enc",
                "--mac-only-encrypted",
            ],
        ] {
            let encrypted = sops.encrypt(rule, "a.yaml", plain.as_bytes());
            assert!(text(&encrypted).contains("ENC["), "{}", text(&encrypted));
            same_as_json(&new, "a.yaml", &encrypted);
            let changed = text(&encrypted).replacen("seen", "sEen", 1);
            if changed != text(&encrypted) && !rule.contains(&"--mac-only-encrypted") {
                assert!(decrypt("a.yaml", changed.as_bytes()).is_err());
            }
        }
    }
}

#[test]
fn what_is_not_encrypted_may_change_only_if_the_mac_leaves_it_out() {
    let [new, old] = both();
    for sops in [&new, &old] {
        let all = sops.encrypt(&["--encrypted-suffix", "_enc"], "a.yaml", PLAIN.as_bytes());
        let changed = text(&all).replacen("kind: Secret", "kind: Other", 1);
        let error = decrypt("a.yaml", changed.as_bytes()).unwrap_err();
        assert_eq!(error, jasm_sops::Error::MacMismatch);
        let some = sops.encrypt(
            &["--encrypted-suffix", "_enc", "--mac-only-encrypted"],
            "a.yaml",
            PLAIN.as_bytes(),
        );
        let changed = text(&some).replacen("kind: Secret", "kind: Other", 1);
        assert!(text(&open("a.yaml", changed.as_bytes())).contains("kind: Other"));
    }
}

#[test]
fn two_rules_and_unknown_expressions_are_refused() {
    let [new, _] = both();
    let encrypted =
        text(&new.encrypt(&["--encrypted-regex", "^data$"], "a.yaml", PLAIN.as_bytes()));
    for (from, to, part) in [
        (
            "encrypted_regex: ^data$",
            "encrypted_regex: ^data$\n    encrypted_suffix: x",
            "both",
        ),
        (
            "encrypted_regex: ^data$",
            "encrypted_regex: '[a&&b]'",
            "encrypted_regex",
        ),
        ("encrypted_regex: ^data$", "encrypted_regex: ^other$", "MAC"),
        (
            "encrypted_regex: ^data$",
            "unencrypted_regex: ^data$",
            "should be",
        ),
    ] {
        let changed = encrypted.replacen(from, to, 1);
        assert_ne!(changed, encrypted, "{from}\n{encrypted}");
        let error = decrypt("a.yaml", changed.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{to}: {error}");
    }
}
