//! Every format: what was put in comes out, and as the real sops prints it.

use crate::support::{both, open, text};

/// Files that are the same bytes after all.
#[test]
fn json_dotenv_ini_and_binary_come_out_as_sops_prints_them() {
    let files: [(&str, &str); 9] = [
        (
            "plain.json",
            "{\"a\": \"x\", \"b\": 12, \"c\": 1.5, \"d\": true, \"e\": null, \"f\": {\"g\": [1, \"y\", {\"h\": \"\"}]}}",
        ),
        (
            "odd.json",
            "{\"<a>&\": \"\\u2028<é>\\ud83d\\ude00\\u0007\\\\\\\"\", \"big\": 9223372036854775807, \"n_unencrypted\": [1e21, 1e-7, 0.1, 12345678.5], \"z\": {}, \"l\": []}",
        ),
        (
            "plain.env",
            "A=b\nEMPTY=\n# a comment\n#COMMENTED=out\nSPACED = x y \nQUOTED=\"x\"\nNL=a\\nb\nEQ=a=b=c\nX_unencrypted=seen\nunicode=grüße\n",
        ),
        ("last.env", "A=b"),
        (
            "plain.ini",
            "[one]\na = b\n; why\nc = d\n\n[two]\ne = x;y\nf_unencrypted = z\n",
        ),
        (
            "top.ini",
            "a = b\nlong_name = \" x \"\n\n[s]\n; about\nk = 1\n",
        ),
        ("application.properties", "a=b\n# comment\nc: d\\\n  e\n"),
        ("text.txt", ""),
        ("text.bin", "\u{0}\u{1}x\r\n"),
    ];
    let [new, old] = both();
    for (name, plain) in files {
        if plain.is_empty() {
            continue;
        }
        for sops in [&new, &old] {
            let encrypted = sops.encrypt(&[], name, plain.as_bytes());
            let expected = new
                .decrypt(&[], name, &encrypted)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(text(&open(name, &encrypted)), text(&expected), "{name}");
        }
    }
}
