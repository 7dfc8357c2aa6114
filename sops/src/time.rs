//! Times as YAML of Go reads them and RFC 3339 writes them.

/// A time in the form that Go's `Time.MarshalText` gives it: RFC 3339 with as many digits of a second as needed.
/// `None` for what go-yaml v3 does not take for one: its four forms are a date, a date and a time parted by a space,
/// and RFC 3339 with `T` or `t`, each with parts of one digit or two.
pub(crate) fn from_yaml(text: &str) -> Option<String> {
    let mut rest = Reader(text);
    let year = rest.digits(4, 4)?;
    rest.expect('-')?;
    let month = rest.digits(1, 2)?;
    rest.expect('-')?;
    let day = rest.digits(1, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}T");
    if rest.0.is_empty() {
        return Some(format!("{date}00:00:00Z"));
    }
    let zoned = match rest.next()? {
        'T' | 't' => true,
        ' ' => false,
        _ => return None,
    };
    let clock = rest.clock(1)?;
    let zone = if zoned { rest.zone()? } else { "Z".to_owned() };
    rest.0.is_empty().then(|| format!("{date}{clock}{zone}"))
}

/// RFC 3339 to the second, as `time.RFC3339` of Go parses and formats it.
pub(crate) fn to_second(text: &str) -> Option<String> {
    let text = canonical(text)?;
    Some(match text.split_once('.') {
        Some((seconds, rest)) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{seconds}{zone}")
        }
        None => text,
    })
}

/// RFC 3339 in one form, for times that SOPS encrypted.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let two = |from: usize| {
        text.get(from..from + 2)
            .is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    // from_yaml is more lenient in the lengths of parts and in the letter.
    (two(5) && two(8) && text.as_bytes().get(10) == Some(&b'T') && two(11) && two(14) && two(17))
        .then(|| from_yaml(text))
        .flatten()
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let first = self.0.chars().next()?;
        self.0 = &self.0[first.len_utf8()..];
        Some(first)
    }

    fn expect(&mut self, expected: char) -> Option<()> {
        (self.next()? == expected).then_some(())
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self
            .0
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits.parse().ok()
    }

    /// Hours, minutes, seconds and their fraction.
    fn clock(&mut self, least: usize) -> Option<String> {
        let hour = self.digits(least, 2)?;
        self.expect(':')?;
        let minute = self.digits(least, 2)?;
        self.expect(':')?;
        let second = self.digits(least, 2)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut clock = format!("{hour:02}:{minute:02}:{second:02}");
        if let Some(rest) = self.0.strip_prefix(['.', ',']) {
            let count = rest.bytes().take_while(u8::is_ascii_digit).count();
            if count == 0 {
                return None;
            }
            // Go keeps nine digits and forgets the rest.
            let fraction = rest[..count.min(9)].trim_end_matches('0');
            if !fraction.is_empty() {
                clock.push('.');
                clock.push_str(fraction);
            }
            self.0 = &rest[count..];
        }
        Some(clock)
    }

    fn zone(&mut self) -> Option<String> {
        let sign = self.next()?;
        if sign == 'Z' {
            return Some("Z".to_owned());
        }
        if sign != '+' && sign != '-' {
            return None;
        }
        let hours = self.digits(2, 2)?;
        self.expect(':')?;
        let minutes = self.digits(2, 2)?;
        if hours > 24 || minutes > 59 {
            return None;
        }
        Some(if hours == 0 && minutes == 0 {
            "Z".to_owned()
        } else {
            format!("{sign}{hours:02}:{minutes:02}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_yaml_become_rfc_3339() {
        for (text, expected) in [
            ("2024-02-29", Some("2024-02-29T00:00:00Z")),
            ("2023-02-29", None),
            ("2024-2-3", Some("2024-02-03T00:00:00Z")),
            ("2024-2-3 4:5:6", Some("2024-02-03T04:05:06Z")),
            ("2024-02-03 04:05:06.700", Some("2024-02-03T04:05:06.7Z")),
            ("2024-02-03t04:05:06Z", Some("2024-02-03T04:05:06Z")),
            (
                "2024-02-03T04:05:06.123456789+02:00",
                Some("2024-02-03T04:05:06.123456789+02:00"),
            ),
            ("2024-02-03T04:05:06+00:00", Some("2024-02-03T04:05:06Z")),
            ("2024-02-03 04:05:06 -5", None),
            ("2024-02-03T04:05:06", None),
            ("2024-02-03 24:00:00", None),
            ("2024-13-01", None),
            ("2024-00-01", None),
            ("12024-01-01", None),
            ("2024-01-01x", None),
            ("2024", None),
        ] {
            assert_eq!(from_yaml(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lastmodified_is_cut_to_the_second() {
        for (text, expected) in [
            ("2024-02-03T04:05:06Z", Some("2024-02-03T04:05:06Z")),
            (
                "2024-02-03T04:05:06.789+01:00",
                Some("2024-02-03T04:05:06+01:00"),
            ),
            ("2024-2-03T04:05:06Z", None),
            ("2024-02-03t04:05:06Z", None),
            ("2024-02-03T04:05:06Z\r", None),
            ("", None),
            ("2024-02-03", None),
            ("é024-02-03T04:05:06Z", None),
        ] {
            assert_eq!(to_second(text).as_deref(), expected, "{text}");
        }
    }
}
