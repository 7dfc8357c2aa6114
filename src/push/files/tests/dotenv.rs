//! The dialect of `NAME=value` lines.

use super::*;

fn pairs(text: &str) -> Vec<(String, String)> {
    read_text(Format::Dotenv, text).unwrap()
}

fn value(text: &str) -> String {
    let mut pairs = pairs(text);
    assert_eq!(pairs.len(), 1, "{text:?}");
    pairs.remove(0).1
}

fn fault(text: &str) -> String {
    read_text(Format::Dotenv, text).unwrap_err()
}

#[test]
fn comments_are_comments_whatever_they_say() {
    assert_eq!(
        pairs("# A=1\n#A=1\n  # prose, with = in it\n\nB=2 # c\nC='3'# c\nD=\"4\"  # it's\n"),
        own(&[("B", "2"), ("C", "3"), ("D", "4")])
    );
}

#[test]
fn a_hash_within_a_value_is_part_of_it() {
    assert_eq!(value("A=#b"), "#b");
    assert_eq!(value("A=b#c"), "b#c");
    assert_eq!(value("A='b # c'"), "b # c");
    assert_eq!(value("A= # nothing"), "");
    assert_eq!(value("A=b\t#c"), "b");
}

#[test]
fn names_are_trimmed_and_may_be_exported() {
    assert_eq!(
        pairs("export A=1\n\texport\tB = 2 \nexport =3\nexported=4\nspring.a-b=5\n0=6"),
        own(&[
            ("A", "1"),
            ("B", "2"),
            ("export", "3"),
            ("exported", "4"),
            ("spring.a-b", "5"),
            ("0", "6")
        ])
    );
}

#[test]
fn values_keep_what_is_in_them() {
    assert_eq!(value("A=b=c=="), "b=c==");
    assert_eq!(value("A=  b c\t"), "b c");
    assert_eq!(value("A=it's \"so\""), "it's \"so\"");
    assert_eq!(value("A=$B ${C} `d`"), "$B ${C} `d`");
    assert_eq!(value("A=\"$B ${C}\""), "$B ${C}");
    assert_eq!(value("A="), "");
    assert_eq!(value("A=''"), "");
    assert_eq!(value("A=\u{a0}b"), "\u{a0}b");
}

#[test]
fn quotes_go_over_lines() {
    assert_eq!(
        pairs("A=\"-----BEGIN-----\nx=y\n\n-----END-----\n\"\nB='1\r\n2'\r\nC=3\r\n"),
        own(&[
            ("A", "-----BEGIN-----\nx=y\n\n-----END-----\n"),
            ("B", "1\n2"),
            ("C", "3")
        ])
    );
}

#[test]
fn escapes_are_those_that_readers_agree_on() {
    assert_eq!(value(r#"A="a\nb\r\t\\n\"\$""#), "a\nb\r\t\\n\"$");
    assert_eq!(value(r"A='a\nb\\'"), r"a\nb\\");
    // As sops writes the end of a line, quotes or not.
    assert_eq!(value(r"A=a\nb"), "a\nb");
    assert_eq!(value(r"A=C:\temp"), r"C:\temp");
    for text in [r#"A="\x""#, r#"A="C:\dir""#, "A=\"a\\\nb\"", r#"A="\'""#] {
        assert!(fault(text).contains("use single quotes"), "{text}");
    }
}

#[test]
fn a_byte_order_mark_and_any_end_of_line_are_read_over() {
    assert_eq!(
        pairs("\u{feff}A=1\r\nB=2\rC=3"),
        own(&[("A", "1"), ("B", "2"), ("C", "3")])
    );
    assert_eq!(pairs(""), []);
    assert_eq!(pairs("\n#\n"), []);
}

#[test]
fn a_fault_has_its_line_and_never_a_piece_of_a_value() {
    let pem = "A=1\nKEY=-----BEGIN-----\nc2VjcmV0\nc2VjcmV0==\n";
    assert_eq!(
        fault(pem),
        "3: there is no \"=\": write NAME=value, a \"#\" before a comment, and quotes around a value of several lines"
    );
    let message = fault("A=1\nc2Vj/cmV0+=x\n");
    assert!(message.starts_with("2: what stands before"), "{message}");
    assert!(!message.contains("c2Vj"), "{message}");
    assert!(fault("=x").starts_with("1: what stands before"));
    assert!(fault("A b=x").starts_with("1: what stands before"));
    assert!(fault("A=1\nB=\"x\n\nC=2\n").starts_with("2: the quote that begins the value"));
    assert!(fault("A=1\nB='it's\n").starts_with("2: something follows"));
    assert!(fault("A=\"1\n2\" 3\n").starts_with("2: something follows"));
    assert!(fault("A=\"1\n\n\\x\"\n").starts_with("3: in double quotes"));
    assert!(fault("export A\n").starts_with("1: there is no"));
}
