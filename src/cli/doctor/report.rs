//! What was found, in words for people and in fields for machines. Pure.

use std::io::{self, Write};

use serde::Serialize;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// It works.
    Ok,
    /// It may work, or something was not looked at.
    Warn,
    /// It does not work.
    Fail,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    /// What: `address`, `identity`, `read`, …
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// One sentence.
    pub(super) said: String,
    /// The class of the failure, as in the metrics.
    pub(super) class: Option<&'static str>,
    /// What to do about it.
    pub(super) fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, said: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            said: said.into(),
            class: None,
            fix: None,
        }
    }

    pub(super) fn warn(
        check: &'static str,
        said: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Warn,
            fix: Some(fix.into()),
            ..Self::ok(check, said)
        }
    }

    pub(super) fn fail(
        check: &'static str,
        said: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(check, said, fix)
        }
    }

    /// The same with the class of the failure.
    pub(super) fn of_class(self, class: &'static str) -> Self {
        Self {
            class: Some(class),
            ..self
        }
    }
}

/// A store, or the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) name: String,
    /// The store's kind, or the API server's address.
    pub(super) kind: String,
    /// The worst of its findings.
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
}

impl Part {
    pub(super) fn new(
        name: impl Into<String>,
        kind: impl Into<String>,
        findings: Vec<Finding>,
    ) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            verdict: worst(findings.iter().map(|finding| finding.verdict)),
            findings,
        }
    }
}

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Nothing fails.
    pub(super) fine: bool,
    pub(super) cluster: Option<Part>,
    pub(super) stores: Vec<Part>,
}

impl Report {
    pub(super) fn new(cluster: Option<Part>, stores: Vec<Part>) -> Self {
        let parts = cluster.iter().chain(&stores);
        Self {
            fine: worst(parts.map(|part| part.verdict)) < Verdict::Fail,
            cluster,
            stores,
        }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(cluster) = &self.cluster {
            write(out, "", cluster)?;
        }
        for store in &self.stores {
            write(out, "store ", store)?;
        }
        let parts = || self.cluster.iter().chain(&self.stores);
        let count = |verdict| {
            let findings = parts().flat_map(|part| &part.findings);
            findings.filter(|it| it.verdict == verdict).count()
        };
        writeln!(
            out,
            "{} fail, {} warn, {} ok",
            count(Verdict::Fail),
            count(Verdict::Warn),
            count(Verdict::Ok)
        )
    }
}

fn write(out: &mut dyn Write, what: &str, part: &Part) -> io::Result<()> {
    let Part {
        name,
        kind,
        verdict,
        findings,
    } = part;
    writeln!(out, "{what}{name} ({kind}): {}", verdict.word())?;
    for finding in findings {
        let Finding {
            check,
            verdict,
            said,
            ..
        } = finding;
        writeln!(out, "  {:<4} {check}: {said}", verdict.word())?;
        if let Some(fix) = &finding.fix {
            writeln!(out, "       fix: {fix}")?;
        }
    }
    writeln!(out)
}

fn worst(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.max().unwrap_or(Verdict::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_and_a_warning_is_no_failure() {
        let part = |findings| Part::new("a", "file", findings);
        let ok = || Finding::ok("address", "there");
        let warn = || Finding::warn("read", "nothing named", "name one");
        let fail = || Finding::fail("read", "refused", "grant it").of_class("denied");
        assert_eq!(part(Vec::new()).verdict, Verdict::Ok);
        assert!(Report::new(None, vec![part(vec![ok(), warn()])]).fine);
        let report = Report::new(Some(part(vec![fail(), ok()])), vec![part(vec![warn()])]);
        assert!(!report.fine);
        let mut text = Vec::new();
        report.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "a (file): fail\n  fail read: refused\n       fix: grant it\n  ok   address: there\n\n\
             store a (file): warn\n  warn read: nothing named\n       fix: name one\n\n\
             1 fail, 1 warn, 1 ok\n"
        );
    }
}
