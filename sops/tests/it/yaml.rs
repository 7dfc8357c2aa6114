//! YAML: scalars of every form, documents, comments, anchors.

use crate::support::{Sops, both, decrypt, open, text};

/// The plain file that is given here means to Go's YAML what the one of the real sops means.
pub(crate) fn same_meaning(new: &Sops, name: &str, encrypted: &[u8]) {
    let expected = new
        .decrypt(&[], name, encrypted)
        .unwrap_or_else(|error| panic!("{error}\n{}", text(encrypted)));
    let ours = open(name, encrypted);
    // What sops reads of ours is written by it as it writes its own. Comments are left out of this.
    let again = new
        .decrypt(&[], name, &new.encrypt(&[], name, &ours))
        .unwrap();
    let lines = |plain: &[u8]| {
        let text = text(plain);
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };
    assert_eq!(lines(&again), lines(&expected), "ours:\n{}", text(&ours));
}

/// The same for one document whose comments may be anywhere, and whose numbers JSON has a form for.
pub(crate) fn same_as_json(new: &Sops, name: &str, encrypted: &[u8]) {
    let json = ["--output-type", "json"];
    let expected = new
        .decrypt(&json, name, encrypted)
        .unwrap_or_else(|error| panic!("{error}\n{}", text(encrypted)));
    let again = new.encrypt(
        &["--encrypted-regex", "^$nothing"],
        name,
        &open(name, encrypted),
    );
    assert_eq!(
        text(&new.decrypt(&json, name, &again).unwrap()),
        text(&expected)
    );
}

const SCALARS: [&str; 61] = [
    "0",
    "1",
    "-1",
    "+1",
    "1_000",
    "0777",
    "08",
    "0o17",
    "0x1F",
    "-0x1f",
    "0b101",
    "-0b1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1.0",
    "1.50",
    "-1.5",
    "+1.5",
    ".5",
    "1.",
    "1e3",
    "1E-3",
    "1.5e300",
    "1e400",
    "1000000.0",
    "123456789.125",
    "0.00001",
    ".inf",
    "-.Inf",
    "+.INF",
    ".nan",
    ".",
    "1.2.3",
    "1,5",
    "190:20:30",
    "true",
    "True",
    "FALSE",
    "tRue",
    "yes",
    "no",
    "on",
    "Off",
    "y",
    "~",
    "null",
    "Null",
    "nULL",
    "''",
    "\"\"",
    "<<",
    "=",
    "'1'",
    "\"true\"",
    "!!str 1",
    "!!int \"5\"",
    "!!float 3",
    "!custom x",
    "!!binary aGVsbG8=",
    "a b",
];

const TIMES: [&str; 9] = [
    "2024-01-02",
    "2024-1-2",
    "2024-01-02T03:04:05Z",
    "2024-01-02t03:04:05.678Z",
    "2024-01-02 03:04:05",
    "2024-01-02 3:4:5.10",
    "2024-01-02T03:04:05+02:00",
    "2024-02-30",
    "2024-01-02T03:04:05",
];

#[test]
fn scalars_are_what_go_makes_of_them() {
    let [new, old] = both();
    for (sops, times) in [(&new, &TIMES[..]), (&old, &[])] {
        let mut plain = String::new();
        for (index, scalar) in SCALARS.iter().chain(times).enumerate() {
            plain.push_str(&format!(
                "k{index}: {scalar}\nk{index}_unencrypted: {scalar}\n"
            ));
        }
        let encrypted = sops.encrypt(&[], "a.yaml", plain.as_bytes());
        same_meaning(&new, "a.yaml", &encrypted);
        // As written by hand, after the encryption.
        let by_hand = SCALARS.iter().chain(times).enumerate().fold(
            text(&encrypted),
            |file, (index, scalar)| {
                file.lines()
                    .map(|line| {
                        if line.starts_with(&format!("k{index}_unencrypted:")) {
                            format!("k{index}_unencrypted: {scalar}\n")
                        } else {
                            line.to_owned() + "\n"
                        }
                    })
                    .collect()
            },
        );
        same_meaning(&new, "a.yaml", by_hand.as_bytes());
    }
}

#[test]
fn documents_comments_and_anchors_are_read() {
    let [new, old] = both();
    let files = [
        "# head\na: 1 # line\n# foot\n\n# b\nb:\n  # in b\n  c: x\n  # end\nl:\n  # first\n  - 1 # one\n  # second\n  - 2\n",
        "a: 1\n---\nb: 2\n---\n# only a comment\n---\nc: {}\n",
        "a: &x {k: v, l: [1, 2]}\nb: *x\nc: &y text\nd: *y\n",
        "base: &base {a: 1}\nderived:\n  <<: *base\n  b: 2\n",
        "text: |\n  line one\n  line two\nkept: |+\n  x\n\nfolded: >\n  a\n  b\ntext_unencrypted: |\n  line one\n   indented\nlead_unencrypted: |2\n    four\nend_unencrypted: |-\n  x\n",
        "empty: {}\nlist: []\nnothing:\nnested: [[], [{}], [[1, [2]]], {a: []}]\n",
        "\"quoted key\": 1\n'a: b': 2\n\"\\x07\": 3\n? long\n: 4\n",
        "a: {} # t\nb:\n  c: {} # u\n  d: [] # v\ne: 1\n",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  a: YQ==\n",
    ];
    for plain in files {
        for sops in [&new, &old] {
            let encrypted = sops.encrypt(&[], "a.yaml", plain.as_bytes());
            if plain.contains("---") {
                same_meaning(&new, "a.yaml", &encrypted);
            } else {
                same_as_json(&new, "a.yaml", &encrypted);
            }
        }
    }
}

#[test]
fn anchors_written_after_the_encryption_are_followed() {
    let [new, _] = both();
    let encrypted = new.encrypt(
        &[],
        "a.yaml",
        b"x_unencrypted: &a {k: [v, w]}\ny_unencrypted: *a\nz: s\n",
    );
    let by_hand = text(&encrypted).replacen("x_unencrypted:", "x_unencrypted: &a", 1);
    let start = by_hand.find("y_unencrypted:").unwrap();
    let end = by_hand.find("z:").unwrap();
    let by_hand = format!(
        "{}y_unencrypted: *a\n{}",
        &by_hand[..start],
        &by_hand[end..]
    );
    same_meaning(&new, "a.yaml", by_hand.as_bytes());
}

#[test]
fn what_sops_does_not_take_is_refused() {
    let [new, _] = both();
    let encrypted = text(&new.encrypt(&[], "a.yaml", b"a: secret\nb_unencrypted: 1\n"));
    for (from, to, part) in [
        ("b_unencrypted: 1", "b_unencrypted: 1\na: 2", "twice"),
        ("b_unencrypted: 1", "1: 2", "a key is no text"),
        ("b_unencrypted: 1", "[a]: 2", "a key is a map or a list"),
        (
            "b_unencrypted: 1",
            "b_unencrypted: 18446744073709551615",
            "above 9223372036854775807",
        ),
        ("b_unencrypted: 1", "b_unencrypted: &a [*a]", "alias"),
        ("b_unencrypted: 1", "b: 1", "should be"),
        ("b_unencrypted: 1", "b: text", "should be"),
        ("b_unencrypted: 1", "b_unencrypted: !!int x", "tag"),
        ("b_unencrypted: 1", "b_unencrypted: 2", "MAC"),
        ("b_unencrypted: 1\n", "", "MAC"),
        ("b_unencrypted: 1", "b_unencrypted: [", "YAML"),
    ] {
        let changed = encrypted.replacen(from, to, 1);
        assert_ne!(changed, encrypted, "{from}");
        let error = decrypt("a.yaml", changed.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{to}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn aliases_do_not_blow_up() {
    let mut bomb = "a0_unencrypted: &a0 [xxxxxxxx, xxxxxxxx]\n".to_owned();
    for level in 1..60 {
        let above = level - 1;
        bomb.push_str(&format!(
            "a{level}_unencrypted: &a{level} [*a{above}, *a{above}, *a{above}]\n"
        ));
    }
    bomb.push_str("sops:\n  mac: x\n");
    let error = decrypt("a.yaml", bomb.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
    let mut deep = "a0_unencrypted: &a0 [x]\n".to_owned();
    for level in 1..200 {
        deep.push_str(&format!(
            "a{level}_unencrypted: &a{level} [*a{}]\n",
            level - 1
        ));
    }
    deep.push_str("sops:\n  mac: x\n");
    let error = decrypt("a.yaml", deep.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("deeper"), "{error}");
    let nested = format!(
        "a: {}{}\nsops:\n  mac: x\n",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    assert!(decrypt("a.yaml", nested.as_bytes()).is_err());
}
