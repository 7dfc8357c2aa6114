//! Against `java.util.Properties`: a recorded corpus, and the Java of this machine.

use std::process::Command;

use super::*;

const CORPUS: &str = include_str!("corpus.txt");
/// The seed and the number of random cases that `corpus.txt` was recorded with.
const RECORDED: [&str; 2] = ["1", "300"];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// None for a text that has half a surrogate pair.
fn utf16(text: &str) -> Option<String> {
    let units: Vec<u16> = hex(text)
        .chunks(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).ok()
}

/// Compares every case, and says how many files were read and how many were refused.
fn compare(corpus: &str) -> (usize, usize) {
    let (mut read, mut refused) = (0, 0);
    for case in corpus.lines() {
        let (file, pairs) = case.split_once(' ').unwrap();
        let file = hex(file);
        let expected: Option<Vec<(String, String)>> = pairs
            .split_terminator(',')
            .map(|pair| {
                let (key, value) = pair.split_once('=')?;
                // What Java takes and no entry can be called.
                Some((utf16(key).filter(|key| !key.is_empty())?, utf16(value)?))
            })
            .collect();
        let shown = String::from_utf8_lossy(&file);
        let ours = parse(&file).ok().map(|pairs| {
            pairs
                .into_iter()
                .map(|pair| {
                    let value = String::from_utf8(pair.value.expose().to_vec()).unwrap();
                    (pair.key, value)
                })
                .collect::<Vec<_>>()
        });
        assert_eq!(ours, expected, "{shown:?}");
        if expected.is_some() {
            read += 1;
        } else {
            refused += 1;
        }
    }
    (read, refused)
}

#[test]
fn the_recorded_corpus_reads_as_in_java() {
    let (read, refused) = compare(CORPUS);
    assert!(
        read >= 150 && refused >= 50,
        "{read} read, {refused} refused"
    );
}

/// Where there is a Java, it says the same as is recorded, and agrees on cases that nobody has seen.
#[test]
fn the_java_of_this_machine_reads_the_same() {
    let program = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/push/files/properties/Corpus.java"
    );
    let java = |seed: &str, count: &str| {
        let run = Command::new("java").args([program, seed, count]).output();
        match run {
            Ok(run) => {
                assert!(
                    run.status.success(),
                    "{}",
                    String::from_utf8_lossy(&run.stderr)
                );
                Some(String::from_utf8(run.stdout).unwrap())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("java: {error}"),
        }
    };
    let Some(recorded) = java(RECORDED[0], RECORDED[1]) else {
        eprintln!("there is no java on this machine: the recorded corpus is all that was compared");
        return;
    };
    assert_eq!(
        recorded, CORPUS,
        "record it again: java Corpus.java {RECORDED:?}"
    );
    let seed = fastrand::u32(..).to_string();
    let fresh = java(&seed, "2000").unwrap();
    println!("seed {seed}");
    compare(&fresh);
}

fn fault(text: &str) -> String {
    let fault = parse(text.as_bytes()).unwrap_err();
    format!("{}: {}", fault.line, fault.message)
}

#[test]
fn a_refusal_says_line_and_remedy_and_no_value() {
    assert_eq!(
        fault("a=1\nb=\\\n  \\u12\n"),
        "2: \\u must be followed by four hexadecimal digits: write \\\\ for a backslash"
    );
    assert_eq!(
        fault("\n\n=hidden\n"),
        "3: there is no key before \"=\", \":\" or the blank: write KEY=value"
    );
    assert_eq!(
        fault("a=hidden\\uD83D"),
        "1: a \\u escape stands for half a character: write both halves of the surrogate pair"
    );
}

#[test]
fn a_pair_is_on_the_line_that_it_begins_on() {
    let pairs = parse(b"# c\na=1\\\n  2\n\r\nb=3\rc=4").unwrap();
    let lines: Vec<_> = pairs.iter().map(|pair| pair.line).collect();
    assert_eq!(lines, [2, 5, 6]);
}

#[test]
fn the_charset_is_utf_8_if_it_can_be() {
    let value = |content: &[u8]| parse(content).unwrap()[0].value.expose().to_vec();
    assert_eq!(value("a=é".as_bytes()), "é".as_bytes());
    assert_eq!(value(b"a=\xe9"), "é".as_bytes());
    assert_eq!(parse(b"\xef\xbb\xbfa=b").unwrap()[0].key, "a");
}
