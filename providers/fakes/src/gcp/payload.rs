//! A payload as JSON has it: base64, and its CRC-32C as a decimal string.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value as Json, json};

use super::error::Refused;
use crate::value::Value;

/// Reads one of at most `most` bytes; says whether the client sent a checksum, which must be right.
pub(super) fn read(payload: &Json, most: usize) -> Result<(Value, bool), Refused> {
    let text = payload
        .get("data")
        .and_then(Json::as_str)
        .unwrap_or_default();
    // Protobuf's JSON: a reader takes both alphabets.
    let data = STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|_| {
            Refused::invalid(
                "Invalid value at 'payload.data' (TYPE_BYTES), Base64 decoding failed.",
            )
        })?;
    if data.len() > most {
        return Err(Refused::invalid("The payload is too large."));
    }
    let checksum = match payload.get("dataCrc32c") {
        None | Some(Json::Null) => None,
        Some(Json::String(number)) => Some(number.parse::<i64>().ok()),
        Some(number) => Some(number.as_i64()),
    };
    match checksum {
        None => Ok((Value(data), false)),
        Some(sum) if sum == Some(i64::from(crc32c::crc32c(&data))) => Ok((Value(data), true)),
        Some(_) => Err(Refused::invalid("The checksum does not match the payload.")),
    }
}

/// Writes one; a checksum that is spoilt is off by one.
pub(super) fn write(data: &[u8], spoilt: bool) -> Json {
    let sum = i64::from(crc32c::crc32c(data)) ^ i64::from(spoilt);
    json!({"data": STANDARD.encode(data), "dataCrc32c": sum.to_string()})
}

/// Base64 alone.
pub(super) fn base64(data: &[u8]) -> String {
    STANDARD.encode(data)
}
