use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::{Builder, Header};

use super::*;

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header
}

/// An entry whose name the builder would refuse.
fn raw(kind: EntryType, path: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = header(kind, content.len());
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("target").unwrap();
    }
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

const END: [u8; 1024] = [0; 1024];

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    gzipped(&[entries.concat(), END.to_vec()].concat())
}

fn file(path: &str, content: &str) -> Vec<u8> {
    raw(EntryType::Regular, path.as_bytes(), content.as_bytes())
}

fn all(bytes: &[u8]) -> Result<Files, String> {
    unpack(bytes, &Wanted::everything(), &Caps::default(), |_| Ok(()))
}

fn contents(files: &Files) -> BTreeMap<&str, &[u8]> {
    let files = files.tree.iter();
    files
        .map(|(path, content)| (path, content.expose()))
        .collect()
}

#[test]
fn wanted_files_are_kept_and_the_others_are_not() {
    let bytes = archive(&[
        raw(EntryType::Directory, b"./", b""),
        raw(EntryType::Directory, b"./deploy/", b""),
        file("./deploy/a.env", "A=1"),
        file("deploy/b", ""),
        file("docs/c", "c"),
    ]);
    let files = all(&bytes).unwrap();
    let expected: [(&str, &[u8]); 3] = [
        ("deploy/a.env", b"A=1"),
        ("deploy/b", b""),
        ("docs/c", b"c"),
    ];
    assert_eq!(contents(&files), BTreeMap::from(expected));
    let below = unpack(&bytes, &Wanted::below(["deploy"]), &Caps::default(), |_| {
        Ok(())
    })
    .unwrap();
    assert_eq!(below.tree.len(), 2);
}

#[test]
fn long_names_of_both_kinds_are_whole() {
    let long = format!("{}/{}", "d".repeat(150), "f".repeat(150));
    let gnu = {
        let mut builder = Builder::new(Vec::new());
        let mut header = header(EntryType::Regular, 1);
        builder.append_data(&mut header, &long, &b"g"[..]).unwrap();
        builder.into_inner().unwrap()
    };
    assert_eq!(contents(&all(&gzipped(&gnu)).unwrap())[long.as_str()], b"g");
    let pax = {
        let mut builder = Builder::new(Vec::new());
        let extensions = [("path", long.as_bytes()), ("mtime", b"1.5")];
        builder.append_pax_extensions(extensions).unwrap();
        let mut header = header(EntryType::Regular, 1);
        builder
            .append_data(&mut header, "short", &b"p"[..])
            .unwrap();
        builder.into_inner().unwrap()
    };
    assert_eq!(contents(&all(&gzipped(&pax)).unwrap())[long.as_str()], b"p");
    // What `git archive` begins with.
    let global = raw(
        EntryType::XGlobalHeader,
        b"pax_global_header",
        b"52 comment=4b825dc642cb6eb9a060e54bf8d69288fbee4904\n",
    );
    let bytes = archive(&[global, file("a", "1")]);
    assert_eq!(all(&bytes).unwrap().tree.len(), 1);
}

#[test]
fn what_no_source_has_is_refused_by_name() {
    let pax = |text: &str| raw(EntryType::XHeader, b"pax", text.as_bytes());
    for (entries, said) in [
        (
            vec![raw(EntryType::Symlink, b"a/link", b"")],
            "a symbolic link at \"a/link\"",
        ),
        (
            vec![raw(EntryType::Link, b"a/link", b"")],
            "a hard link at \"a/link\"",
        ),
        (
            vec![raw(EntryType::Char, b"null", b"")],
            "a device at \"null\"",
        ),
        (vec![raw(EntryType::Block, b"sda", b"")], "a device"),
        (vec![raw(EntryType::Fifo, b"pipe", b"")], "a pipe"),
        (
            vec![raw(EntryType::GNUSparse, b"holes", b"")],
            "a sparse file",
        ),
        (
            vec![raw(EntryType::new(b'V'), b"label", b"")],
            "an unknown kind",
        ),
        (
            vec![file("/etc/passwd", "x")],
            "\"/etc/passwd\", which leaves",
        ),
        (vec![file("a/../../b", "x")], "which leaves"),
        (
            vec![raw(EntryType::Directory, b"../x/", b"")],
            "which leaves",
        ),
        (vec![file("a", "1"), file("./a", "2")], "\"a\" twice"),
        (vec![pax("14 path=../../x\n"), file("a", "1")], "damaged"),
        (
            vec![pax("16 path=../../x\n"), file("a", "1")],
            "which leaves",
        ),
        (
            vec![pax("10 size=9\n"), file("a", "1")],
            "a size in two places",
        ),
        (
            vec![pax("22 GNU.sparse.major=1\n"), file("a", "1")],
            "sparse",
        ),
        (
            vec![
                raw(EntryType::XGlobalHeader, b"g", b"10 path=x\n"),
                file("a", "1"),
            ],
            "one path to all",
        ),
        (
            vec![raw(EntryType::GNULongName, b"l", &[b'x'; 70_000])],
            "a name of more than",
        ),
        (vec![raw(EntryType::GNULongName, b"l", b"x\0")], "not there"),
    ] {
        let why = all(&archive(&entries)).unwrap_err();
        assert!(why.contains(said), "{said}: {why}");
    }
}

#[test]
fn names_that_no_path_can_have_are_left_out_by_name() {
    let bytes = archive(&[
        raw(EntryType::Regular, b"b\\c", b"x"),
        raw(EntryType::Regular, b"\xff\xfe", b"x"),
        file("good", "1"),
        file(
            "lfs",
            "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        ),
    ]);
    let files = all(&bytes).unwrap();
    assert_eq!((files.tree.len(), files.left_out.len()), (1, 3));
    assert!(files.left_out["lfs"].why.contains("Git LFS"));
}

#[test]
fn caps_hold_and_a_bomb_stops_early() {
    let bytes = archive(&[file("a", "12345"), file("b", "12345")]);
    let caps = Caps::default();
    for (caps, said) in [
        (Caps { packed: 10, ..caps }, "more than 10 bytes"),
        (
            Caps {
                unpacked: 1024,
                ..caps
            },
            "unpacks to more than 1024 bytes",
        ),
        (Caps { entries: 1, ..caps }, "more than 1 entries"),
        (Caps { kept: 9, ..caps }, "more than 9 bytes together"),
    ] {
        let why = unpack(&bytes, &Wanted::everything(), &caps, |_| Ok(())).unwrap_err();
        assert!(why.contains(said), "{why}");
    }
    let large = unpack(
        &bytes,
        &Wanted::everything(),
        &Caps { file: 4, ..caps },
        |_| Ok(()),
    )
    .unwrap();
    assert_eq!((large.tree.len(), large.left_out.len()), (0, 2));
    // Thousands of times as large as it comes; unwanted, and counted all the same.
    let bomb = gzipped(
        &[
            raw(EntryType::Directory, b"d/", b""),
            {
                let mut header = header(EntryType::Regular, 400 << 20);
                header.set_path("zeros").unwrap();
                header.set_cksum();
                header.as_bytes().to_vec()
            },
            vec![0; 2 << 20],
        ]
        .concat(),
    );
    // Read to its end it would be cut short: what stops it is the cap.
    let caps = Caps {
        unpacked: 1 << 20,
        ..caps
    };
    let why = unpack(&bomb, &Wanted::below(["x"]), &caps, |_| Ok(())).unwrap_err();
    assert!(why.contains("unpacks to more than 1 MiB"), "{why}");
}

#[test]
fn what_is_no_whole_archive_is_refused() {
    let whole = archive(&[file("a", "12345"), file("b", "67890")]);
    assert!(all(&whole).is_ok());
    for cut in 0..whole.len() {
        assert!(all(&whole[..cut]).is_err(), "{cut}");
    }
    for more in [&b"x"[..], b"garbage after it", &gzipped(b"hidden")] {
        let why = all(&[&whole, more].concat()).unwrap_err();
        assert!(why.contains("damaged"), "{why}");
    }
    for none in [&b""[..], b"PK\x03\x04", b"<html>", &file("a", "1")] {
        let why = all(none).unwrap_err();
        assert!(why.contains("no gzip"), "{why}");
    }
    assert!(all(&gzipped(b"no tar at all")).is_err());
    // Several pieces, each a gzip of its own, are one.
    let tar = [file("a", "1"), END.to_vec()].concat();
    let (first, second) = tar.split_at(700);
    let pieces = [gzipped(first), gzipped(second)].concat();
    assert_eq!(all(&pieces).unwrap().tree.len(), 1);
}

fn paths() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let content = proptest::collection::vec(any::<u8>(), 0..2000);
    proptest::collection::btree_map(
        "[a-z]{1,60}(/[a-zA-Z0-9._-]{1,80}[a-z]){0,3}",
        content,
        0..8,
    )
}

proptest! {
    #[test]
    fn what_is_packed_is_unpacked(files in paths()) {
        let mut builder = Builder::new(Vec::new());
        for (path, content) in &files {
            let mut header = header(EntryType::Regular, content.len());
            builder.append_data(&mut header, path, &content[..]).unwrap();
        }
        let unpacked = all(&gzipped(&builder.into_inner().unwrap())).unwrap();
        let expected = files.iter().map(|(path, content)| (path.as_str(), &content[..])).collect();
        prop_assert_eq!(contents(&unpacked), expected);
    }

    #[test]
    fn whatever_comes_nothing_panics_and_no_path_leaves(at in 0_usize..2048, with: u8, noise: Vec<u8>) {
        let mut tar = [file("a/b", "12345"), file("c", "67890"), END.to_vec()].concat();
        tar[at] = with;
        for bytes in [gzipped(&tar), gzipped(&noise), noise] {
            if let Ok(files) = all(&bytes) {
                prop_assert!(files.tree.iter().all(|(path, _)| tree::check(path).is_ok()));
            }
        }
    }
}
