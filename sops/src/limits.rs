//! How much of everything a file may ask for. None of it is near what a file of configuration needs.

/// Bytes of an encrypted file.
pub(crate) const FILE: usize = 32 << 20;

/// How deep maps and lists nest, in the file and where aliases lead.
pub(crate) const DEPTH: usize = 100;

/// Values of a file, each of which takes some hundred bytes of memory while the file is read. A file of 5 MB has some
/// 50,000; the whole process has 192 MiB (config/manager/deployment.yaml).
pub(crate) const VALUES: usize = 100_000;

/// Bytes of memory that the anchors and aliases of a YAML file may add to it. SOPS writes neither.
pub(crate) const ALIASES: usize = 1 << 20;

/// Bytes of a YAML tag, as each use has its own copy. SOPS writes none but `!!binary` and the like.
pub(crate) const TAG: usize = 256;

/// Bytes of the keys above a value, all of which are authenticated with each value.
pub(crate) const PATH: usize = 8 << 10;

/// Bytes by which a file may grow when it is decrypted: indentation and columns are made by what writes it.
pub(crate) const GROWTH: usize = 8 << 20;

/// Bytes of a regular expression that says what is encrypted.
pub(crate) const PATTERN: usize = 4 << 10;

/// Recipients that a file names, in all groups.
pub(crate) const RECIPIENTS: usize = 256;

/// Groups of recipients, each of which may take work with a private key.
pub(crate) const GROUPS: usize = 32;

/// Bytes of what is encrypted for one recipient. AWS KMS gives the most, 6144 bytes before base64:
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>.
pub(crate) const ENC: usize = 16 << 10;

/// Members of a recipient's encryption context; AWS KMS takes 8 KB of them.
pub(crate) const CONTEXT: usize = 256;

/// Flattened members of the metadata, and the steps of their names: `key_groups__list_0__map_kms__list_0__map_arn` has 5.
pub(crate) const MEMBERS: usize = 10_000;
pub(crate) const STEPS: usize = 8;

/// Bytes of the name of a flattened member.
pub(crate) const NAME: usize = 1 << 10;

/// Bytes of a part of the data key, decrypted; the data key has 32, a part of it 33.
#[cfg(any(feature = "age", feature = "pgp"))]
pub(crate) const PART: u64 = 256;

/// Bytes of a file of identities, as no Secret is larger.
pub(crate) const IDENTITY_FILE: usize = 1 << 20;

/// Identities of one object, of either kind.
#[cfg(any(feature = "age", feature = "pgp"))]
pub(crate) const IDENTITIES: usize = 256;

/// Lines of an age header, as age reads all of it anew with each line. One for a key of RSA with 8192 bits has 27.
#[cfg(feature = "age")]
pub(crate) const HEADER_LINES: usize = 64;

/// Bytes of an SSH key; one of RSA with 8192 bits has 6500.
#[cfg(feature = "age")]
pub(crate) const SSH_KEY: usize = 8 << 10;

/// Session keys in a PGP message; SOPS writes one.
#[cfg(feature = "pgp")]
pub(crate) const SESSION_KEYS: usize = 8;

/// Bytes of a PGP message that was compressed, decompressed; it has a part of the data key and headers.
#[cfg(feature = "pgp")]
pub(crate) const DECOMPRESSED: u64 = 4 << 10;

/// Work with private keys on one file, in tries of an X25519 identity, some 0.1 ms each.
#[cfg(any(feature = "age", feature = "pgp"))]
pub(crate) const WORK: usize = 16_384;

/// What a private key of PGP or RSA costs of that.
#[cfg(any(feature = "age", feature = "pgp"))]
pub(crate) const HEAVY: usize = 128;
