//! `driftInterval`, read as the API server reads it. Pure.

use std::time::Duration;

/// The shortest that is taken.
const LEAST: Duration = Duration::from_secs(60);

/// Reads a duration of at least a minute, written as Go writes it (`time.ParseDuration`): `90m`, `1h30m`.
/// None for what CEL's `duration(self) >= duration('1m')` refuses: what is no duration, negative, shorter, or
/// more nanoseconds than 63 bits hold, which is some 292 years.
#[must_use]
pub fn interval(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, behind) = digits(rest);
        let (part, behind) = match behind.strip_prefix('.') {
            Some(behind) => digits(behind),
            None => ("", behind),
        };
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let end = behind.find(|c: char| c == '.' || c.is_ascii_digit());
        let (name, behind) = behind.split_at(end.unwrap_or(behind.len()));
        let nanoseconds = unit(name)?;
        let whole: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        total = total
            .checked_add(whole.checked_mul(nanoseconds)?)?
            .checked_add(fraction(part, nanoseconds))?;
        rest = behind;
    }
    let read = Duration::from_nanos(total);
    (i64::try_from(total).is_ok() && read >= LEAST).then_some(read)
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        // The micro sign, and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// What stands behind the point, in whole nanoseconds; digits beyond the eighteenth are less than one.
fn fraction(digits: &str, unit: u64) -> u64 {
    let digits = &digits[..digits.len().min(18)];
    let value: u128 = digits.parse().unwrap_or(0);
    let scale = digits.bytes().fold(1, |scale: u128, _| scale * 10);
    u64::try_from(value * u128::from(unit) / scale).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let good = [
            ("1m", 60_000),
            ("1h30m", 5_400_000),
            ("+1.5h", 5_400_000),
            ("1.h.5m", 3_630_000),
            ("60000ms", 60_000),
            ("1m1us", 60_000),
            ("61.0009s", 61_000),
            ("2562047h47m16.854s", 9_223_372_036_854),
        ];
        for (text, milliseconds) in good {
            let read = interval(text).map(|read| read.as_millis());
            assert_eq!(read, Some(milliseconds), "{text}");
        }
    }

    #[test]
    fn what_the_api_server_refuses_is_refused() {
        let bad = [
            "",
            "0",
            "59s",
            "-5h",
            "--5h",
            "+-5h",
            "1h-5m",
            "often",
            "5",
            "5 h",
            "h",
            ".h",
            "1d",
            "1H",
            "1h30",
            "1e3h",
            "infh",
            "1_000h",
            "2562047h59m",
            "2562047h47m17s",
            "99999999999999h",
            "9999999999999999999999999999h",
        ];
        for text in bad {
            assert_eq!(interval(text), None, "{text}");
        }
    }
}
