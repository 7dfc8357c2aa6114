use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::*;

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The first bytes of an entry.
fn head(kind: u8, size: usize) -> Vec<u8> {
    let mut out = vec![(kind << 4) | u8::try_from(size & 15).unwrap()];
    let mut rest = size >> 4;
    while rest > 0 {
        *out.last_mut().unwrap() |= 0x80;
        out.push(u8::try_from(rest & 127).unwrap());
        rest >>= 7;
    }
    out
}

fn whole(kind: u8, content: &[u8]) -> Vec<u8> {
    [head(kind, content.len()), deflated(content)].concat()
}

fn change_of(id: &Oid, delta: &[u8]) -> Vec<u8> {
    [head(7, delta.len()), id.0.to_vec(), deflated(delta)].concat()
}

fn packed(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend_from_slice(&u32::try_from(entries.len()).unwrap().to_be_bytes());
    pack.extend(entries.concat());
    let checksum = Sha1::digest(&pack);
    pack.extend_from_slice(&checksum);
    pack
}

/// A change that keeps all of a base below 128 bytes and adds something.
fn append(base: &[u8], more: &[u8]) -> Vec<u8> {
    let byte = |length: usize| u8::try_from(length).unwrap();
    let mut delta = vec![byte(base.len()), byte(base.len() + more.len())];
    delta.extend([0x90, byte(base.len()), byte(more.len())]);
    delta.extend_from_slice(more);
    delta
}

fn blob(content: &[u8]) -> Oid {
    Oid::of(Kind::Blob, content).unwrap()
}

fn read(pack: &[u8], caps: &Caps) -> Result<Objects, Fault> {
    let mut objects = Objects::default();
    objects.read(pack, caps, |_| Ok(())).map(|()| objects)
}

#[test]
fn changes_are_made_in_whatever_order_they_come() {
    let (a, ab, abc) = (blob(b"a"), blob(b"ab"), blob(b"abc"));
    let entries = [
        change_of(&ab, &append(b"ab", b"c")),
        change_of(&a, &append(b"a", b"b")),
        whole(3, b"a"),
    ];
    let objects = read(&packed(&entries), &Caps::default()).ok().unwrap();
    assert_eq!(objects.get(&abc, Kind::Blob), Some(&b"abc"[..]));
    assert_eq!(objects.get(&abc, Kind::Tree), None);
    // By how far back the base is: over the entry between.
    let first = whole(3, b"a");
    let between = whole(3, b"x");
    let delta = append(b"a", b"b");
    let back = u8::try_from(first.len() + between.len()).unwrap();
    let change = [head(6, delta.len()), vec![back], deflated(&delta)].concat();
    let objects = read(&packed(&[first, between, change]), &Caps::default())
        .ok()
        .unwrap();
    assert!(objects.contains(&ab));
}

#[test]
fn a_base_that_never_comes_is_an_error() {
    let pack = packed(&[change_of(&blob(b"a"), &append(b"a", b"b"))]);
    assert!(matches!(
        read(&pack, &Caps::default()),
        Err(Fault::Broken(_))
    ));
}

#[test]
fn what_is_too_large_is_passed_over_with_all_that_is_made_of_it() {
    let caps = Caps {
        file: 10,
        ..Caps::default()
    };
    let large = whole(3, &[b'x'; 11]);
    let delta = append(b"12345", b"6789012");
    let entries = [
        whole(3, b"12345"),
        large,
        change_of(&blob(b"12345"), &delta),
    ];
    let objects = read(&packed(&entries), &caps).ok().unwrap();
    assert_eq!((objects.large, objects.found.len()), (2, 1));
}

#[test]
fn caps_hold() {
    let pack = packed(&[whole(3, b"12345"), whole(3, b"67890")]);
    for (caps, said) in [
        (
            Caps {
                packed: 20,
                ..Caps::default()
            },
            "more than 20 bytes",
        ),
        (
            Caps {
                unpacked: 9,
                ..Caps::default()
            },
            "unpacks to more than 9 bytes",
        ),
        (
            Caps {
                entries: 1,
                ..Caps::default()
            },
            "more than 1 entries",
        ),
    ] {
        let Err(Fault::Content(why)) = read(&pack, &caps) else {
            panic!("{caps:?}")
        };
        assert!(why.contains(said), "{why}");
    }
    // Small here, and large when it is made.
    let bomb = whole(3, &vec![0; 3 << 20]);
    let caps = Caps {
        unpacked: 1 << 20,
        ..Caps::default()
    };
    assert!(matches!(
        read(&packed(&[bomb]), &caps),
        Err(Fault::Content(_))
    ));
    // More than its header says.
    let lying = [head(3, 5), deflated(&vec![0; 3 << 20])].concat();
    assert!(matches!(
        read(&packed(&[lying]), &caps),
        Err(Fault::Broken(_))
    ));
}

/// With a right checksum, as a server can make one.
fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    let checksum = Sha1::digest(&body);
    body.extend_from_slice(&checksum);
    body
}

fn some_pack() -> Vec<u8> {
    let a = whole(3, b"a");
    packed(&[
        a,
        change_of(&blob(b"a"), &append(b"a", b"b")),
        whole(2, b""),
    ])
}

#[test]
fn a_cut_pack_is_refused_with_and_without_its_checksum() {
    let pack = some_pack();
    for cut in 0..pack.len() {
        assert!(read(&pack[..cut], &Caps::default()).is_err(), "{cut}");
    }
    for cut in 0..pack.len() - 20 {
        assert!(
            read(&sealed(pack[..cut].to_vec()), &Caps::default()).is_err(),
            "{cut}"
        );
    }
    let more = [&pack[..pack.len() - 20], b"more"].concat();
    assert!(read(&sealed(more), &Caps::default()).is_err());
}

proptest! {
    /// Whatever a server sends, an object is what its name says, and nothing panics.
    #[test]
    fn a_damaged_pack_gives_no_other_object(at in 0_usize..200, with: u8, tail: Vec<u8>) {
        let mut body = some_pack();
        body.truncate(body.len() - 20);
        let at = at % body.len();
        body[at] = with;
        body.extend(tail.iter().take(3));
        if let Ok(objects) = read(&sealed(body), &Caps::default()) {
            for (id, object) in &objects.found {
                prop_assert_eq!(Oid::of(object.kind, &object.content), Ok(*id));
            }
        }
    }

    #[test]
    fn a_change_never_reads_beyond_its_base(base: Vec<u8>, delta: Vec<u8>) {
        if result_size(&delta).is_some_and(|size| size < 1 << 20) {
            let made = patched(&base, &delta);
            prop_assert!(made.is_none_or(|made| Some(made.len() as u64) == result_size(&delta)));
        }
    }
}
