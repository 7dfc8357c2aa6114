//! When a store says to come back. Pure.

use std::time::Duration;

/// Longest advice that is taken at its word.
const LONGEST: Duration = Duration::from_secs(300);

/// Milliseconds in Azure's and AWS's own words.
const MILLISECONDS: [&str; 3] = ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"];
/// Seconds (RFC 9110, 10.2.3); its other form, a date, is no advice here.
const SECONDS: &str = "retry-after";

/// The advice in an answer's headers; `header` gives the text of one by its name in lower case.
pub(crate) fn retry_after<'a>(
    header: impl Fn(&'static str) -> Option<&'a str>,
) -> Option<Duration> {
    let number = |name: &'static str| header(name)?.trim().parse::<u64>().ok();
    let milliseconds = MILLISECONDS.into_iter().find_map(number);
    let advice = milliseconds
        .map(Duration::from_millis)
        .or_else(|| number(SECONDS).map(Duration::from_secs))?;
    Some(advice.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_a_number_within_reason() {
        let advice = |headers: &[(&str, &'static str)]| {
            retry_after(|name| {
                let mut headers = headers.iter();
                headers.find(|(known, _)| *known == name).map(|it| it.1)
            })
        };
        let table = [
            (&[("retry-after", "7")][..], Some(Duration::from_secs(7))),
            (&[("retry-after", " 9 ")], Some(Duration::from_secs(9))),
            (
                &[("retry-after", "7"), ("retry-after-ms", "1500")],
                Some(Duration::from_millis(1500)),
            ),
            (
                &[("x-ms-retry-after-ms", "20")],
                Some(Duration::from_millis(20)),
            ),
            (
                &[("retry-after", "9"), ("x-amz-retry-after", "1500")],
                Some(Duration::from_millis(1500)),
            ),
            (&[("retry-after", "99999999999")], Some(LONGEST)),
            (&[("retry-after", "Sat, 21 Nov 2026 10:00:00 GMT")], None),
            (&[], None),
        ];
        for (headers, expected) in table {
            assert_eq!(advice(headers), expected, "{headers:?}");
        }
    }
}
