//! How much of everything a file may ask for. None of it is near what a file of configuration needs.

/// Bytes of an encrypted file.
pub(crate) const FILE: usize = 32 << 20;

/// How deep maps and lists nest, in the file and where aliases lead.
pub(crate) const DEPTH: usize = 100;

/// What the aliases of a YAML file may add to it, where a node costs one and a scalar its bytes as well.
pub(crate) const ALIASES: usize = 8 << 20;

/// Recipients that a file names, in all groups.
pub(crate) const RECIPIENTS: usize = 256;

/// Bytes of a part of the data key, decrypted; the data key has 32, a part of it 33.
#[cfg(any(feature = "age", feature = "pgp"))]
pub(crate) const PART: u64 = 256;

/// Bytes of a file of identities, as no Secret is larger.
pub(crate) const IDENTITY_FILE: usize = 1 << 20;

/// Identities of one object, of either kind.
#[cfg(any(feature = "age", feature = "pgp"))]
pub(crate) const IDENTITIES: usize = 256;
