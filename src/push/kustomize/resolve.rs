//! What a YAML scalar without quotes is, by the rules of the two YAML readers that kustomize is built
//! on (`go.yaml.in/yaml/v3` for resources, `v2` for its own files). Pure.

/// By which reader's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Resources and strategic-merge patches: `yes` is text, a date is none.
    Resource,
    /// Kustomization files and JSON patches: `yes` is a boolean, a date is text.
    Kustomization,
}

/// What a scalar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Null,
    Bool,
    Int,
    Float,
    Time,
    Text,
}

impl Tag {
    /// What a message calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Int | Self::Float => "a number",
            Self::Time => "a date",
            Self::Text => "text",
        }
    }
}

/// What a scalar without quotes and tag is.
pub(super) fn resolve(text: &str, dialect: Dialect) -> Tag {
    let words = dialect == Dialect::Kustomization;
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Tag::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Tag::Bool,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO"
        | "off" | "Off" | "OFF"
            if words =>
        {
            return Tag::Bool;
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => return Tag::Float,
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') if is_float(text) => Tag::Float,
        Some(b'0'..=b'9' | b'+' | b'-') => {
            if is_time(text) {
                return if words { Tag::Text } else { Tag::Time };
            }
            let plain = text.replace('_', "");
            if is_int(&plain) || is_prefixed(&plain) {
                Tag::Int
            } else if is_float(&plain) {
                Tag::Float
            } else {
                Tag::Text
            }
        }
        _ => Tag::Text,
    }
}

/// An integer of 64 bits in the notation of Go's `strconv.ParseInt` with base 0.
fn is_int(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return false;
    }
    let largest = match text.as_bytes().first() {
        Some(b'-') => 1 << 63,
        Some(b'+') => (1 << 63) - 1,
        _ => u64::MAX,
    };
    u64::from_str_radix(digits, radix).is_ok_and(|value| value <= largest)
}

/// `0b-1` and `0o-7`, which the readers take for integers too.
fn is_prefixed(plain: &str) -> bool {
    let digits = |prefix: &str, radix| {
        plain
            .strip_prefix(prefix)
            .is_some_and(|rest| i64::from_str_radix(rest, radix).is_ok())
    };
    digits("0b", 2) || digits("0o", 8)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, in the range of 64 bits.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    mantissa && exponent && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A date, or a date and a time, in the four notations that the readers know.
fn is_time(text: &str) -> bool {
    let mut rest = text;
    let year = number(&mut rest, 4, 4);
    let Some(year) = year else { return false };
    let Some(month) = after(&mut rest, '-') else {
        return false;
    };
    let Some(day) = after(&mut rest, '-') else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    if !(1..=days).contains(&day) {
        return false;
    }
    match rest.as_bytes().first() {
        None => true,
        Some(b'T' | b't') => clock(&rest[1..]).is_some_and(is_zone),
        Some(b' ') => clock(&rest[1..]).is_some_and(str::is_empty),
        _ => false,
    }
}

/// Up to two digits behind a separator.
fn after(rest: &mut &str, separator: char) -> Option<u32> {
    *rest = rest.strip_prefix(separator)?;
    number(rest, 1, 2)
}

fn number(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let length = rest
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if length < least {
        return None;
    }
    let (digits, behind) = rest.split_at(length);
    *rest = behind;
    digits.parse().ok()
}

/// What is left behind a time of day.
fn clock(text: &str) -> Option<&str> {
    let mut rest = text;
    let hour = number(&mut rest, 1, 2)?;
    let minute = after(&mut rest, ':')?;
    let second = after(&mut rest, ':')?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return None;
        }
        rest = &fraction[length..];
    }
    Some(rest)
}

/// `Z`, or hours and minutes of two digits.
fn is_zone(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else {
        return text == "Z";
    };
    let mut rest = offset;
    let hour = number(&mut rest, 2, 2);
    let minute = rest.strip_prefix(':').and_then(|minute| {
        rest = minute;
        number(&mut rest, 2, 2)
    });
    rest.is_empty() && hour.is_some_and(|hour| hour <= 24) && minute.is_some_and(|m| m <= 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_the_readers_of_kustomize_take_them_for() {
        for (text, tag) in [
            ("", Tag::Null),
            ("~", Tag::Null),
            ("nUll", Tag::Text),
            ("true", Tag::Bool),
            ("yes", Tag::Text),
            ("8080", Tag::Int),
            ("0777", Tag::Int),
            ("08", Tag::Float),
            ("0o17", Tag::Int),
            ("0b-1", Tag::Int),
            ("0x", Tag::Text),
            ("1_000", Tag::Int),
            ("18446744073709551615", Tag::Int),
            ("-9223372036854775809", Tag::Float),
            ("1e3", Tag::Float),
            ("1e999", Tag::Text),
            (".5", Tag::Float),
            (".", Tag::Text),
            ("1.2.3", Tag::Text),
            ("-", Tag::Text),
            ("2027-01-01", Tag::Time),
            ("2027-02-29", Tag::Text),
            ("2027-1-1T1:2:3.5Z", Tag::Time),
            ("2027-01-01 10:00:00", Tag::Time),
            ("2027-01-01 10:00:00 +1", Tag::Text),
            ("2027-01-01T10:00:00+01:00", Tag::Time),
            ("12:30", Tag::Text),
        ] {
            assert_eq!(resolve(text, Dialect::Resource), tag, "{text:?}");
        }
        assert_eq!(resolve("yes", Dialect::Kustomization), Tag::Bool);
        assert_eq!(resolve("2027-01-01", Dialect::Kustomization), Tag::Text);
    }
}
