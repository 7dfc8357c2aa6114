//! What a plain scalar is, as go-yaml v3 resolves it.

use zeroize::Zeroizing;

use crate::node::Leaf;
use crate::{number, time};

/// The value of a plain scalar.
///
/// # Errors
/// An integer that does not fit 64 bits with a sign but does without: SOPS does not take those.
pub(crate) fn resolve(text: &str) -> Result<Leaf, &'static str> {
    let known = match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Leaf::Null),
        "true" | "True" | "TRUE" => Some(Leaf::Bool(true)),
        "false" | "False" | "FALSE" => Some(Leaf::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => Some(Leaf::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Leaf::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Leaf::Float(f64::NEG_INFINITY)),
        _ => None,
    };
    if let Some(leaf) = known {
        return Ok(leaf);
    }
    let other = || Leaf::Text(Zeroizing::new(text.as_bytes().to_vec()));
    match text.as_bytes().first() {
        // Go reads underscores between digits here, and no others.
        Some(b'.') => Ok(number::parse(text)
            .filter(|_| is_float(text))
            .map_or_else(other, Leaf::Float)),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            if let Some(time) = time::from_yaml(text) {
                return Ok(Leaf::Time(time));
            }
            let plain = text.replace('_', "");
            if let Some(wide) = number::integer(&plain) {
                if let Ok(small) = i64::try_from(wide) {
                    return Ok(Leaf::Int(small));
                }
                if wide > 0 && !plain.starts_with('+') {
                    return Err(
                        "an integer is above 9223372036854775807, and SOPS takes none that large: quote it",
                    );
                }
            }
            Ok(Some(plain.as_str())
                .filter(|plain| is_float(plain))
                .and_then(number::parse)
                .map_or_else(other, Leaf::Float))
        }
        _ => Ok(other()),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = digits(text);
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if whole == 0 && count == 0 {
            return false;
        }
        rest = &fraction[count..];
    } else if whole == 0 {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
    }
}

/// Whether a text would be something else without quotes, for a reader of YAML 1.1 or 1.2.
pub(crate) fn needs_quotes(text: &str) -> bool {
    let first = text
        .as_bytes()
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let simple = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'));
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    !(first && simple) || word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_go_yaml_makes_of_them() {
        let show = |text: &str| match resolve(text) {
            Err(_) => "refused".to_owned(),
            Ok(Leaf::Null) => "null".to_owned(),
            Ok(Leaf::Bool(value)) => format!("bool {value}"),
            Ok(Leaf::Int(value)) => format!("int {value}"),
            Ok(Leaf::Float(value)) => format!("float {}", number::plain(value)),
            Ok(Leaf::Time(value)) => format!("time {value}"),
            Ok(Leaf::Text(value)) => format!("str {}", String::from_utf8_lossy(&value)),
        };
        for (text, expected) in [
            ("yes", "str yes"),
            ("True", "bool true"),
            ("tRue", "str tRue"),
            ("~", "null"),
            ("", "null"),
            ("12", "int 12"),
            ("+12", "int 12"),
            ("1_000", "int 1000"),
            ("0777", "int 511"),
            ("0o17", "int 15"),
            ("0x_1F", "int 31"),
            ("-0b11", "int -3"),
            ("08", "float 8"),
            ("1.50", "float 1.5"),
            ("1e3", "float 1000"),
            ("1.", "float 1"),
            (".5", "float 0.5"),
            ("-.5", "float -0.5"),
            (".", "str ."),
            ("1e400", "str 1e400"),
            ("1.2.3", "str 1.2.3"),
            ("190:20:30", "str 190:20:30"),
            ("2024-01-02", "time 2024-01-02T00:00:00Z"),
            ("2024-13-02", "str 2024-13-02"),
            ("9223372036854775807", "int 9223372036854775807"),
            ("9223372036854775808", "refused"),
            ("-9223372036854775808", "int -9223372036854775808"),
            ("18446744073709551616", "float 18446744073709552000"),
            ("-.inf", "float -Inf"),
            (".NaN", "float NaN"),
            ("-", "str -"),
            ("<<", "str <<"),
            ("0x", "str 0x"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }
}
