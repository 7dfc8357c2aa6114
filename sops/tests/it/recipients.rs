//! Who a file is encrypted for: age, SSH and PGP keys, and groups of them.

use std::process::Command;

use age::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_sops::{Error, Format, Keys};
use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedPublicKey,
    SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Password};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey};

use crate::support::{Nobody, Sops, age_keygen, both, decrypt_with, recipient, text};

const PLAIN: &[u8] = b"a: secret\nb: [1, 2]\n";

fn read(keys: &Keys, encrypted: &[u8]) -> Result<String, Error> {
    decrypt_with(encrypted, Format::Yaml, keys, &Nobody).map(|plain| text(&plain))
}

fn only(name: &str, content: &str) -> Keys {
    let mut keys = Keys::default();
    keys.add(name, content.as_bytes())
        .unwrap_or_else(|error| panic!("{error}"));
    keys
}

fn good(plain: Result<String, Error>) {
    let plain = plain.unwrap_or_else(|error| panic!("{error}"));
    assert!(plain.starts_with("a: secret\n"), "{plain}");
}

#[test]
fn ssh_keys_are_age_recipients() {
    let rsa = Algorithm::Rsa { hash: None };
    for algorithm in [Algorithm::Ed25519, rsa] {
        let key = PrivateKey::random(&mut OsRng, algorithm).unwrap();
        let public = key.public_key().to_openssh().unwrap();
        let private = key.to_openssh(LineEnding::LF).unwrap();
        // The older one takes no SSH keys.
        let [sops, _] = both();
        let encrypted = sops
            .try_encrypt(&["--age", &public], "a.yaml", PLAIN)
            .unwrap();
        good(read(&only("ssh.agekey", &private), &encrypted));
        let error = read(&crate::support::keys(), &encrypted)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("age ssh-") && error.contains("no age identity is the one"),
            "{error}"
        );
    }
}

fn pgp_key(primary: KeyType, encryption: KeyType) -> SignedSecretKey {
    let subkey = SubkeyParamsBuilder::default()
        .key_type(encryption)
        .can_encrypt(EncryptionCaps::All)
        .build()
        .unwrap();
    SecretKeyParamsBuilder::default()
        .key_type(primary)
        .can_certify(true)
        .can_sign(true)
        .primary_user_id("test <test@example.com>".to_owned())
        .subkeys(vec![subkey])
        .build()
        .unwrap()
        .generate(rand::rngs::OsRng)
        .unwrap()
}

/// As a keyring of GnuPG, where sops looks first.
fn trust(sops: Sops, keys: &[&SignedSecretKey]) -> Sops {
    let mut ring = Vec::new();
    for key in keys {
        SignedPublicKey::from((*key).clone())
            .to_writer(&mut ring)
            .unwrap();
    }
    std::fs::write(sops.home.path().join("pubring.gpg"), ring).unwrap();
    let home = sops.home.path().to_string_lossy().into_owned();
    sops.with("GNUPGHOME", home)
}

#[test]
fn pgp_keys_are_recipients() {
    let rsa = pgp_key(KeyType::Rsa(2048), KeyType::Rsa(2048));
    let curve = pgp_key(
        KeyType::Ed25519Legacy,
        KeyType::ECDH(ECCCurve::Curve25519Legacy),
    );
    for sops in both() {
        let sops = trust(sops, &[&rsa, &curve]);
        for (key, other) in [(&rsa, &curve), (&curve, &rsa)] {
            let fingerprint = key.fingerprint().to_string().to_uppercase();
            let encrypted = sops
                .try_encrypt(&["--pgp", &fingerprint], "a.yaml", PLAIN)
                .unwrap();
            let armored =
                |key: &SignedSecretKey| key.to_armored_string(ArmorOptions::default()).unwrap();
            good(read(&only("key.asc", &armored(key)), &encrypted));
            let error = read(&only("key.asc", &armored(other)), &encrypted)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(&format!("PGP {fingerprint}: no PGP key is the one")),
                "{error}"
            );
            // Two in one file, as `cat` puts them together.
            let two = armored(other) + &armored(key);
            good(read(&only("keys.asc", &two), &encrypted));
            // Beside a secret key a public one does no harm.
            let public = SignedPublicKey::from(key.clone())
                .to_armored_string(ArmorOptions::default())
                .unwrap();
            let error = Keys::default()
                .add("key.asc", public.as_bytes())
                .unwrap_err();
            assert!(error.reason.contains("public"), "{error}");
            good(read(
                &only("key.asc", &(public + &armored(key))),
                &encrypted,
            ));
        }
    }
}

/// What armour holds, with other bytes and without a checksum.
fn mangled(armored: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let lines: Vec<&str> = armored.lines().map(str::trim).collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    // PGP has headers and an empty line after them.
    let start = lines.iter().position(|line| line.is_empty()).unwrap_or(0) + 1;
    let inner: String = lines[start..]
        .iter()
        .take_while(|line| !line.starts_with(['=', '-']))
        .copied()
        .collect();
    let mut bytes = STANDARD.decode(inner).unwrap();
    change(&mut bytes);
    let gap = if start > 1 { "\n" } else { "" };
    format!("{first}\n{gap}{}\n{last}\n", STANDARD.encode(bytes))
}

/// One change of some bytes.
fn mangle(bytes: &mut Vec<u8>, (place, byte, how): (usize, u8, u8)) {
    let place = place % bytes.len();
    match how {
        0 => bytes[place] ^= 1 << (byte % 8),
        1 => bytes[place] = byte,
        2 => bytes.truncate(place),
        _ => bytes.insert(place, byte),
    }
}

fn changes() -> impl Strategy<Value = (usize, u8, u8)> {
    (any::<usize>(), any::<u8>(), 0..4_u8)
}

fn run<S: Strategy>(strategy: &S, check: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        cases: CHANGES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config).run(strategy, check).unwrap();
}

const CHANGES: u32 = 200;

#[test]
fn changed_identities_are_refused_or_used() {
    let pgp = pgp_key(
        KeyType::Ed25519Legacy,
        KeyType::ECDH(ECCCurve::Curve25519Legacy),
    );
    let ssh = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
    let [sops, _] = both();
    let sops = trust(sops, &[&pgp]);
    let fingerprint = pgp.fingerprint().to_string().to_uppercase();
    let public = ssh.public_key().to_openssh().unwrap();
    let encrypted = sops
        .try_encrypt(&["--pgp", &fingerprint, "--age", &public], "a.yaml", PLAIN)
        .unwrap();
    let asc = pgp.to_armored_string(ArmorOptions::default()).unwrap();
    let agekey = ssh.to_openssh(LineEnding::LF).unwrap().to_string();
    for (name, content) in [("key.asc", &asc), ("ssh.agekey", &agekey)] {
        good(read(&only(name, &mangled(content, |_| ())), &encrypted));
        run(&changes(), |change| {
            let mut keys = Keys::default();
            let changed = mangled(content, |bytes| mangle(bytes, change));
            if keys.add(name, changed.as_bytes()).is_ok()
                && let Ok(plain) = read(&keys, &encrypted)
            {
                prop_assert!(plain.starts_with("a: secret\n"));
            }
            Ok(())
        });
    }
}

#[test]
fn a_changed_message_of_pgp_is_refused_or_changes_nothing() {
    let key = pgp_key(
        KeyType::Ed25519Legacy,
        KeyType::ECDH(ECCCurve::Curve25519Legacy),
    );
    let [sops, _] = both();
    let sops = trust(sops, &[&key]);
    let fingerprint = key.fingerprint().to_string().to_uppercase();
    let json = sops
        .try_encrypt(
            &["--pgp", &fingerprint, "--output-type", "json"],
            "a.yaml",
            PLAIN,
        )
        .unwrap();
    let mut file: Value = serde_json::from_slice(&json).unwrap();
    let enc = file["sops"]["pgp"][0]["enc"].as_str().unwrap().to_owned();
    let keys = only(
        "key.asc",
        &key.to_armored_string(ArmorOptions::default()).unwrap(),
    );
    let mut read = |enc: String| {
        file["sops"]["pgp"][0]["enc"] = Value::from(enc);
        decrypt_with(file.to_string().as_bytes(), Format::Json, &keys, &Nobody)
    };
    let expected = read(mangled(&enc, |_| ())).unwrap_or_else(|error| panic!("{error}"));
    let read = std::cell::RefCell::new(read);
    run(&changes(), |change| {
        let changed = mangled(&enc, |bytes| mangle(bytes, change));
        if let Ok(plain) = (*read.borrow_mut())(changed) {
            prop_assert_eq!(text(&plain), text(&expected));
        }
        Ok(())
    });
}

#[test]
fn pgp_keys_with_a_passphrase_are_refused() {
    let mut key = pgp_key(
        KeyType::Ed25519Legacy,
        KeyType::ECDH(ECCCurve::Curve25519Legacy),
    );
    key.primary_key
        .set_password(rand::rngs::OsRng, &Password::from("x"))
        .unwrap();
    for subkey in &mut key.secret_subkeys {
        subkey
            .key
            .set_password(rand::rngs::OsRng, &Password::from("x"))
            .unwrap();
    }
    let armored = key.to_armored_string(ArmorOptions::default()).unwrap();
    let error = Keys::default()
        .add("key.asc", armored.as_bytes())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "key.asc: the PGP key has a passphrase: export it without one"
    );
}

#[test]
fn a_file_says_who_could_have_decrypted_it() {
    let [new, _] = both();
    let encrypted = new.encrypt(&[], "a.yaml", PLAIN);
    let error = read(&Keys::default(), &encrypted).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "none of the file's recipients gives the data key: age {}: there is no age identity (a key ….agekey of the Secret)",
            recipient()
        )
    );
    assert!(!error.is_transient());
    let stranger = age::x25519::Identity::generate();
    let error = read(
        &only("other.agekey", stranger.to_string().expose_secret()),
        &encrypted,
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no age identity is the one it is encrypted for"),
        "{error}"
    );
}

#[test]
fn post_quantum_recipients_are_refused_by_name() {
    let output = Command::new(age_keygen()).arg("-pq").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let identity = text(&output.stdout);
    let public = identity
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap_or_else(|| panic!("age-keygen prints no public key"));
    let [new, _] = both();
    let encrypted = new
        .try_encrypt(&["--age", public], "a.yaml", PLAIN)
        .unwrap();
    let error = read(&crate::support::keys(), &encrypted)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("age age1pq1") && error.contains("not supported"),
        "{error}"
    );
    let both_kinds = format!("{public},{}", recipient());
    let encrypted = new
        .try_encrypt(&["--age", &both_kinds], "a.yaml", PLAIN)
        .unwrap();
    good(read(&crate::support::keys(), &encrypted));
    let error = Keys::default()
        .add("pq.agekey", identity.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("pq.agekey: line 3 is an identity of the post-quantum kind"),
        "{error}"
    );
}

#[test]
fn what_is_no_identity_is_refused_without_being_shown() {
    let locked =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nnothing\n-----END OPENSSH PRIVATE KEY-----\n";
    let age = crate::support::identity().0.clone();
    let broken = format!("{}x", &age[..age.len() - 1]);
    for (name, content, part) in [
        ("a.agekey", "", "has no age identity"),
        ("a.agekey", "# only a comment\n", "has no age identity"),
        ("a.agekey", broken.as_str(), "line 1 is no age identity"),
        ("a.agekey", recipient(), "line 1 is a recipient"),
        ("a.agekey", "AGE-PLUGIN-YUBIKEY-1XXXX", "plugin"),
        ("a.agekey", locked, "no SSH key"),
        ("a.asc", "nothing", "no PGP secret key"),
        (
            "a.asc",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n-----END PGP PRIVATE KEY BLOCK-----\n",
            "no PGP secret key",
        ),
        ("a.key", age.as_str(), "….agekey"),
    ] {
        let error = Keys::default()
            .add(name, content.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(name) && error.contains(part),
            "{content}: {error}"
        );
        assert!(
            !error.contains("AGE-SECRET-KEY-1Q") && !error.contains(&age[20..]),
            "{error}"
        );
    }
    let error = Keys::default().add("a.agekey", &[0xff; 9]).unwrap_err();
    assert!(error.reason.contains("not text"), "{error}");
    assert!(
        Keys::default()
            .add("a.agekey", &vec![b'#'; 2 << 20])
            .is_err()
    );
    assert_eq!(
        format!("{:?}", crate::support::keys()),
        "Keys { age: 1, pgp: 0 }"
    );
}

#[test]
fn any_two_of_three_groups_decrypt() {
    let identities: Vec<_> = (0..3).map(|_| age::x25519::Identity::generate()).collect();
    let mut config = "creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n".to_owned();
    for identity in &identities {
        config.push_str(&format!("      - age: ['{}']\n", identity.to_public()));
    }
    for sops in both() {
        std::fs::write(sops.home.path().join(".sops.yaml"), &config).unwrap();
        let encrypted = sops.try_encrypt(&[], "a.yaml", PLAIN).unwrap();
        assert!(
            text(&encrypted).contains("shamir_threshold: 2"),
            "{}",
            text(&encrypted)
        );
        let having = |numbers: &[usize]| {
            let mut keys = Keys::default();
            for &number in numbers {
                let identity = identities[number].to_string();
                keys.add("group.agekey", identity.expose_secret().as_bytes())
                    .unwrap();
            }
            read(&keys, &encrypted)
        };
        for enough in [&[0, 1][..], &[0, 2], &[1, 2], &[0, 1, 2]] {
            good(having(enough));
        }
        let error = having(&[1]).unwrap_err().to_string();
        assert!(
            error.starts_with("1 of the 2 key groups that are needed give"),
            "{error}"
        );
        assert!(
            error.contains(&identities[0].to_public().to_string()),
            "{error}"
        );
        // As dotenv and ini have them, flattened. The older one writes neither in a way that it reads.
        for (name, format, plain) in [
            ("a.env", Format::Dotenv, "A=b\n"),
            ("a.ini", Format::Ini, "[a]\nb = c\n"),
        ]
        .into_iter()
        .filter(|_| sops.new)
        {
            let encrypted = sops.try_encrypt(&[], name, plain.as_bytes()).unwrap();
            let keys = only(
                "one.agekey",
                &identities
                    .iter()
                    .map(|one| one.to_string().expose_secret().to_owned() + "\n")
                    .collect::<String>(),
            );
            let plain_again = decrypt_with(&encrypted, format, &keys, &Nobody)
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(text(&plain_again), plain);
        }
        for (from, to) in [
            ("shamir_threshold: 2", "shamir_threshold: 4"),
            ("shamir_threshold: 2", "shamir_threshold: 1"),
            ("shamir_threshold: 2", "shamir_threshold: x"),
        ] {
            let changed = text(&encrypted).replacen(from, to, 1);
            assert!(matches!(
                read(&crate::support::keys(), changed.as_bytes()),
                Err(Error::Metadata(_))
            ));
        }
    }
}
