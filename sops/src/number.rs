//! Numbers as Go writes them, whose text the MAC and the plain file are made of.

/// `strconv.FormatFloat(x, 'f', -1, 64)`: the shortest digits that read as the same number, without an exponent.
pub(crate) fn plain(number: f64) -> String {
    special(number).unwrap_or_else(|| format!("{number}"))
}

/// `strconv.FormatFloat(x, 'g', -1, 64)`: with an exponent below 1e-4 and from a million on.
pub(crate) fn general(number: f64) -> String {
    if let Some(special) = special(number) {
        return special;
    }
    let (mantissa, exponent) = parts(number);
    if !(-4..GENERAL).contains(&exponent) {
        scientific(&mantissa, exponent)
    } else {
        plain(number)
    }
}

/// From which power of ten on the shortest form has an exponent.
const GENERAL: i32 = 6;

/// As `encoding/json` writes it, which is as ECMAScript does. None for what JSON has no form for.
pub(crate) fn json(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(plain(number));
    }
    let (mantissa, exponent) = parts(number);
    let text = scientific(&mantissa, exponent);
    // e-09 is e-9 there.
    Some(match text.strip_suffix(|c: char| c.is_ascii_digit()) {
        Some(rest) if rest.ends_with("e-0") => {
            format!("{}{}", &rest[..rest.len() - 1], &text[rest.len()..])
        }
        _ => text,
    })
}

/// A float as Go's `ParseFloat` reads what `plain` writes, and what the YAML and JSON grammars let pass.
/// `None` for what is too large, too.
pub(crate) fn parse(text: &str) -> Option<f64> {
    match text {
        "NaN" => return Some(f64::NAN),
        "+Inf" => return Some(f64::INFINITY),
        "-Inf" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let digits = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    text.parse()
        .ok()
        .filter(|number: &f64| digits && number.is_finite())
}

fn special(number: f64) -> Option<String> {
    if number.is_nan() {
        Some("NaN".to_owned())
    } else if number.is_infinite() {
        Some(if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned())
    } else {
        None
    }
}

fn parts(number: f64) -> (String, i32) {
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

fn scientific(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// `strconv.ParseInt(text, 0, 64)` and `ParseUint`: with a sign, a prefix for the base, and `_` where Go allows it.
/// Wide enough for both.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let size = i128::from(u64::from_str_radix(digits, radix).ok()?);
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        for (number, expected) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (9_223_372_036_854_775_808.0, "9223372036854776000"),
            (-0.0, "-0"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(plain(number), expected);
        }
        for (number, expected) in [
            (1e21, "1e21"),
            (1.5e-9, "1.5e-9"),
            (1e-10, "1e-10"),
            (1e-6, "0.000001"),
            (1e20, "100000000000000000000"),
            (1.5e300, "1.5e300"),
        ] {
            assert_eq!(
                json(number).map(|text| text.replace("e+", "e")).as_deref(),
                Some(expected)
            );
        }
        assert_eq!(json(f64::NAN), None);
        for (number, expected) in [
            (999_999.5, "999999.5"),
            (1_000_000.0, "1e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e100, "1e+100"),
            (0.0, "0"),
        ] {
            assert_eq!(general(number), expected);
        }
    }

    #[test]
    fn integers_are_read_in_every_base() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-12", Some(-12)),
            ("+7", Some(7)),
            ("0x1F", Some(31)),
            ("0o17", Some(15)),
            ("017", Some(15)),
            ("0b101", Some(5)),
            ("-0B1", Some(-1)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("18446744073709551616", None),
            ("08", None),
            ("1.0", None),
            ("", None),
            ("-", None),
            ("0x", None),
            ("--1", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }
}
