//! Label selectors as Kubernetes writes them. Pure.

use std::collections::BTreeMap;

use super::problem::Problem;

/// All requirements have to be met.
pub(super) struct LabelSelector(Vec<Requirement>);

struct Requirement {
    key: String,
    rule: Rule,
}

enum Rule {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl LabelSelector {
    /// `a=b,c!=d,e in (f,g),h notin (i),j,!k`; nothing matches everything.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        if text.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        split(text)
            .into_iter()
            .map(requirement)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.rule {
                Rule::Exists => value.is_some(),
                Rule::Absent => value.is_none(),
                Rule::In(values) => value.is_some_and(|value| values.contains(value)),
                Rule::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            }
        })
    }
}

/// At commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(part: &str) -> Result<Requirement, Problem> {
    let part = part.trim();
    let made = |name: &str, rule| {
        Ok(Requirement {
            key: key(name.trim())?,
            rule,
        })
    };
    if let Some(name) = part.strip_prefix('!') {
        return made(name, Rule::Absent);
    }
    if let Some((name, text)) = part.split_once("!=") {
        return made(name, Rule::NotIn(vec![value(text)?]));
    }
    if let Some((name, text)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return made(name, Rule::In(vec![value(text)?]));
    }
    if let Some((before, inside)) = part.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        let values = inside
            .split(',')
            .map(value)
            .collect::<Result<Vec<_>, _>>()?;
        return match before.trim_end().rsplit_once(char::is_whitespace) {
            Some((name, "in")) => made(name, Rule::In(values)),
            Some((name, "notin")) => made(name, Rule::NotIn(values)),
            _ => Err(invalid()),
        };
    }
    if part.contains(['<', '>']) {
        return Err(Problem::unsupported(
            "\"<\" and \">\" are not supported in a selector",
        ));
    }
    made(part, Rule::Exists)
}

fn invalid() -> Problem {
    Problem::invalid("it is no label selector; write for example \"app=shop,tier in (a,b),!old\"")
}

fn key(text: &str) -> Result<String, Problem> {
    let name = match text.split_once('/') {
        Some((prefix, name)) if !prefix.is_empty() => name,
        Some(_) => return Err(invalid()),
        None => text,
    };
    if name.is_empty() || !is_name(name) {
        return Err(invalid());
    }
    Ok(text.to_owned())
}

fn value(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(invalid())
    }
}

/// At most 63 of `[A-Za-z0-9_.-]`, beginning and ending with a letter or digit.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.len() <= 63
        && text
            .bytes()
            .all(|byte| plain(byte) || b"-_.".contains(&byte))
        && text.bytes().next().is_some_and(plain)
        && text.bytes().last().is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_match_as_in_kubernetes() {
        let labels = BTreeMap::from([
            ("app".to_owned(), "shop".to_owned()),
            ("x.io/tier".to_owned(), String::new()),
        ]);
        for (text, matches) in [
            ("", true),
            ("app", true),
            ("!app", false),
            ("app=shop", true),
            ("app == shop , x.io/tier", true),
            ("app!=shop", false),
            ("none!=shop", true),
            ("app in (a, shop)", true),
            ("app notin (a,b),none notin (c)", true),
            ("x.io/tier=", true),
            ("x.io/tier in (,a)", true),
        ] {
            let selector = LabelSelector::parse(text).ok().unwrap();
            assert_eq!(selector.matches(&labels), matches, "{text}");
        }
        for text in ["a b", "=b", "a=b c", "a in b", "a in (b", "-a", "a>1"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }
}
