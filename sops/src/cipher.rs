//! A value as SOPS encrypts it: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, three times base64.

use aes_gcm::aead::consts::{U12, U16, U32};
use aes_gcm::aead::generic_array::ArrayLength;
use aes_gcm::aead::{AeadInPlace as _, KeyInit as _, Nonce, Tag};
use aes_gcm::{AesGcm, aes::Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::node::{Leaf, Text};
use crate::{number, time};

/// Of a data key, in bytes.
pub(crate) const KEY: usize = 32;

/// What an encrypted value says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int,
    Float,
    Bool,
    Time,
    Comment,
}

/// Decrypts with one data key.
pub(crate) struct Cipher {
    key: AesGcm<Aes256, U32>,
    /// The same for files of old versions; made when one is met.
    raw: Zeroizing<[u8; KEY]>,
}

/// Why a value is not decrypted: the rest of a sentence that begins with the value.
pub(crate) type Why = &'static str;

const NOT_ENCRYPTED: Why = "is not encrypted although it should be: encrypt the file anew with `sops encrypt`, or set it with `sops edit`";
const BROKEN: Why = "is no encrypted value that SOPS writes: it was changed, restore it";
const CHANGED: Why = "does not decrypt: it was changed, moved to another key, or copied from another file; restore it, or set it with `sops edit`";

impl Cipher {
    pub(crate) fn new(key: &[u8; KEY]) -> Self {
        Self {
            key: AesGcm::new(key.into()),
            raw: Zeroizing::new(*key),
        }
    }

    /// A leaf from its encrypted form. An empty text is its own.
    pub(crate) fn leaf(&self, text: &[u8], aad: &str) -> Result<Leaf, Why> {
        if text.is_empty() {
            return Ok(Leaf::Text(Text::default()));
        }
        let (kind, plain) = self.open(text, aad)?;
        leaf(kind, plain).ok_or("is of another type than it says: it was changed, restore it")
    }

    /// What an encrypted value holds, and what it says that is.
    pub(crate) fn open(&self, text: &[u8], aad: &str) -> Result<(Kind, Text), Why> {
        let parts = Parts::of(text)?;
        let mut data = decode(parts.data)?;
        let (mut iv, mut tag) = ([0; SHORT], [0; SHORT]);
        let iv = decode_short(parts.iv, &mut iv)?;
        let tag = decode_short(parts.tag, &mut tag)?;
        if tag.len() != 16 {
            return Err(BROKEN);
        }
        let tag = Tag::<AesGcm<Aes256, U32>>::from_slice(tag);
        let aad = aad.as_bytes();
        match iv.len() {
            32 => self.key.decrypt_in_place_detached(
                Nonce::<AesGcm<Aes256, U32>>::from_slice(iv),
                aad,
                &mut data,
                tag,
            ),
            16 => self.old::<U16>(iv, aad, &mut data, tag),
            12 => self.old::<U12>(iv, aad, &mut data, tag),
            _ => {
                return Err(
                    "has a nonce of a length that SOPS does not write: it was changed, restore it",
                );
            }
        }
        .map_err(|_| CHANGED)?;
        Ok((parts.kind, data))
    }

    fn old<N: ArrayLength<u8>>(
        &self,
        iv: &[u8],
        aad: &[u8],
        data: &mut [u8],
        tag: &Tag<AesGcm<Aes256, U32>>,
    ) -> Result<(), aes_gcm::Error> {
        AesGcm::<Aes256, N>::new((&*self.raw).into()).decrypt_in_place_detached(
            Nonce::<AesGcm<Aes256, N>>::from_slice(iv),
            aad,
            data,
            tag,
        )
    }
}

/// Whether a text has the form of an encrypted value.
pub(crate) fn is_encrypted(text: &[u8]) -> bool {
    Parts::of(text).is_ok()
}

struct Parts<'a> {
    data: &'a [u8],
    iv: &'a [u8],
    tag: &'a [u8],
    kind: Kind,
}

impl<'a> Parts<'a> {
    fn of(text: &'a [u8]) -> Result<Self, Why> {
        let inner = text
            .strip_prefix(b"ENC[AES256_GCM,data:")
            .ok_or(NOT_ENCRYPTED)?
            .strip_suffix(b"]")
            .ok_or(BROKEN)?;
        // From the end, where the parts are short.
        let (inner, kind) = part(inner, b",type:")?;
        let (inner, tag) = part(inner, b",tag:")?;
        let (data, iv) = part(inner, b",iv:")?;
        let kind = match kind {
            b"str" | b"bytes" => Kind::Text,
            b"int" => Kind::Int,
            b"float" => Kind::Float,
            b"bool" => Kind::Bool,
            b"time" => Kind::Time,
            b"comment" => Kind::Comment,
            _ => {
                return Err(
                    "is encrypted as a type that is not known: str, int, float, bool, time, bytes and comment are",
                );
            }
        };
        Ok(Self {
            data,
            iv,
            tag,
            kind,
        })
    }
}

fn part<'a>(text: &'a [u8], mark: &[u8]) -> Result<(&'a [u8], &'a [u8]), Why> {
    let comma = memchr::memrchr(b',', text).ok_or(BROKEN)?;
    let value = text[comma..].strip_prefix(mark).ok_or(BROKEN)?;
    Ok((&text[..comma], value))
}

fn decode(text: &[u8]) -> Result<Text, Why> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    STANDARD.decode_vec(text, &mut bytes).map_err(|_| BROKEN)?;
    Ok(bytes)
}

/// More than a nonce or a tag takes, decoded.
const SHORT: usize = 48;

fn decode_short<'a>(text: &[u8], into: &'a mut [u8; SHORT]) -> Result<&'a [u8], Why> {
    let length = STANDARD.decode_slice(text, into).map_err(|_| BROKEN)?;
    Ok(&into[..length])
}

fn leaf(kind: Kind, plain: Text) -> Option<Leaf> {
    if kind == Kind::Text {
        return Some(Leaf::Text(plain));
    }
    let text = std::str::from_utf8(&plain).ok()?;
    match kind {
        Kind::Int => text.parse().ok().map(Leaf::Int),
        Kind::Float => number::parse(text).map(Leaf::Float),
        // As Go's ParseBool.
        Kind::Bool => match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(Leaf::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(Leaf::Bool(false)),
            _ => None,
        },
        Kind::Time => time::canonical(text).map(Leaf::Time),
        // A comment is no value.
        Kind::Text | Kind::Comment => None,
    }
}
