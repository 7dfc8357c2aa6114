//! What goes wrong, for which request, how often.

use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;
use crate::wildcard;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The cloud's own error body with this status, and these headers besides (`retry-after`, …).
    Status {
        /// The HTTP status.
        code: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
    },
    /// No answer, ever.
    Hang,
    /// The answer, of which half the body comes before the connection ends.
    Cut,
    /// A body that is not what its type says, with status 200.
    Garbage,
    /// The answer, so much later.
    Late(Duration),
    /// A body of so many bytes, with status 200.
    Flood(usize),
    /// A redirect to this address, which nobody should follow.
    Redirect(String),
}

impl Fault {
    /// An error without further headers.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            headers: Vec::new(),
        }
    }

    /// Too many requests; with the store's advice, if any.
    #[must_use]
    pub fn throttled(retry_after: Option<&str>) -> Self {
        let headers = retry_after.map(|after| ("retry-after".to_owned(), after.to_owned()));
        Self::Status {
            code: 429,
            headers: headers.into_iter().collect(),
        }
    }

    /// A word for the record.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Hang => "hang",
            Self::Cut => "cut",
            Self::Garbage => "garbage",
            Self::Late(_) => "late",
            Self::Flood(_) => "flood",
            Self::Redirect(_) => "redirect",
        }
    }
}

/// Before a pattern: whatever changes something, by any method.
const WRITE: &str = "WRITE ";

#[derive(Debug)]
struct Rule {
    pattern: String,
    fault: Fault,
    /// How often still; none is always.
    left: Option<u32>,
}

/// The script; the first rule that fits a request is played.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Rule>>);

impl Faults {
    /// `pattern` is matched with the path as it is sent, or with `METHOD path` if it does not begin
    /// with `/` or `*`; `WRITE path` is any method that changes something. The fault comes `times` times, or always.
    pub fn play(&self, pattern: &str, fault: Fault, times: Option<u32>) {
        lock(&self.0).push(Rule {
            pattern: pattern.to_owned(),
            fault,
            left: times,
        });
    }

    /// Nothing goes wrong any more.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// What happens to this request; a fault that comes a number of times has come once more.
    pub(crate) fn take(&self, method: &str, path: &str) -> Option<Fault> {
        let mut rules = lock(&self.0);
        let at = rules.iter().position(|rule| rule.fits(method, path))?;
        let rule = &mut rules[at];
        let fault = rule.fault.clone();
        if let Some(left) = &mut rule.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                rules.remove(at);
            }
        }
        Some(fault)
    }
}

impl Rule {
    fn fits(&self, method: &str, path: &str) -> bool {
        if self.left == Some(0) {
            false
        } else if let Some(pattern) = self.pattern.strip_prefix(WRITE) {
            method != "GET" && method != "HEAD" && wildcard::matches(pattern, path)
        } else if self.pattern.starts_with(['/', '*']) {
            wildcard::matches(&self.pattern, path)
        } else {
            wildcard::matches(&self.pattern, &format!("{method} {path}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults};

    #[test]
    fn a_fault_comes_as_often_as_it_was_scripted() {
        let faults = Faults::default();
        faults.play("/a/*", Fault::status(500), Some(2));
        faults.play("PUT /a/*", Fault::Hang, None);
        assert_eq!(faults.take("GET", "/b"), None);
        assert_eq!(faults.take("GET", "/a/1"), Some(Fault::status(500)));
        assert_eq!(faults.take("PUT", "/a/1"), Some(Fault::status(500)));
        assert_eq!(faults.take("GET", "/a/1"), None);
        assert_eq!(faults.take("PUT", "/a/1"), Some(Fault::Hang));
        faults.clear();
        assert_eq!(faults.take("PUT", "/a/1"), None);
    }
}
