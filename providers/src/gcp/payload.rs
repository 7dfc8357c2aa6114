//! A payload as Google sends it: base64 beside a checksum of what it encodes.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::{Error, ErrorKind, SecretBytes};

/// `SecretPayload`, `ParameterVersionPayload`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload<'a> {
    /// Left out where it is empty.
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    data_crc32c: Option<Checksum<'a>>,
}

/// An int64, which JSON of Protocol Buffers writes as a text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Checksum<'a> {
    Number(i64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Payload<'_> {
    /// The bytes, if they are what the checksum is of.
    pub(super) fn value(&self, subject: &str) -> Result<SecretBytes, Error> {
        let value = decoded(&self.data, subject)?;
        let sum = self.data_crc32c.as_ref();
        if sum.is_none_or(|sum| sum.is_of(value.expose())) {
            return Ok(value);
        }
        Err(Error::new(
            ErrorKind::Integrity,
            format!("the value of {subject} does not match its checksum"),
        ))
    }
}

impl Checksum<'_> {
    /// Whether it is these bytes' (CRC-32C, RFC 3720).
    pub(super) fn is_of(&self, bytes: &[u8]) -> bool {
        let expected = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        };
        expected == Some(i64::from(crc32c::crc32c(bytes)))
    }
}

/// The bytes of a text in base64.
pub(super) fn decoded(text: &str, subject: &str) -> Result<SecretBytes, Error> {
    STANDARD.decode(text).map(SecretBytes::new).map_err(|_| {
        Error::new(
            ErrorKind::Integrity,
            format!("the value of {subject} is not base64"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Result<SecretBytes, Error> {
        let payload: Payload<'_> = serde_json::from_str(json).unwrap();
        payload.value("s")
    }

    #[test]
    fn a_value_is_what_its_checksum_is_of() {
        // CRC-32C of "123456789": the check value of its definition.
        let good = [
            r#"{"data":"MTIzNDU2Nzg5","dataCrc32c":"3808858755"}"#,
            r#"{"data":"MTIzNDU2Nzg5","dataCrc32c":3808858755}"#,
            r#"{"data":"MTIzNDU2Nzg5"}"#,
        ];
        for json in good {
            assert_eq!(value(json).unwrap().expose(), b"123456789");
        }
        assert!(value(r#"{"dataCrc32c":"0"}"#).unwrap().is_empty());
        let bad = [
            r#"{"data":"MTIzNDU2Nzg5","dataCrc32c":"3808858756"}"#,
            r#"{"data":"MTIzNDU2Nzg5","dataCrc32c":"x"}"#,
            r#"{"data":"MTIzNDU2Nzg5","dataCrc32c":"0"}"#,
            r#"{"data":"m4rk3r!"}"#,
        ];
        for json in bad {
            let error = value(json).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Integrity, "{json}");
            assert!(!error.to_string().contains("m4rk3r"));
        }
    }
}
