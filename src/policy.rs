//! Who may read what: default deny, paths matched as they are written. Pure.

/// One rule of a store: these namespaces may read these paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Patterns; `*` matches any characters of a name.
    pub namespaces: Vec<String>,
    /// Patterns; `{namespace}` stands for the reader's own.
    pub paths: Vec<String>,
}

impl Rule {
    fn concerns(&self, namespace: &str) -> bool {
        self.namespaces
            .iter()
            .any(|pattern| glob(pattern, namespace))
    }

    fn paths<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = String> + 'a {
        self.paths
            .iter()
            .map(move |pattern| pattern.replace("{namespace}", namespace))
    }
}

/// Checks a pattern of a path when the config is read.
///
/// # Errors
/// One sentence about the first thing that no path can match.
pub fn check_path_pattern(pattern: &str) -> Result<(), String> {
    let bare = pattern.replace("{namespace}", "n");
    if bare.contains(['{', '}']) {
        return Err(format!(
            "\"{pattern}\": the only placeholder is {{namespace}}"
        ));
    }
    if bare
        .split('/')
        .any(|segment| segment.contains("**") && segment != "**")
    {
        return Err(format!(
            "\"{pattern}\": \"**\" stands for whole segments, so nothing else is in its segment"
        ));
    }
    if bare.ends_with('/') {
        return Err(format!(
            "\"{pattern}\": no path ends in \"/\"; write \"/**\" for all that is below"
        ));
    }
    if bare.split('/').any(|segment| matches!(segment, "." | "..")) || bare.contains("//") {
        return Err(format!(
            "\"{pattern}\": no path has \"//\", \".\" or \"..\" in it"
        ));
    }
    Ok(())
}

/// True if a rule lets the namespace read exactly this path.
///
/// `*` matches within a segment; `**` any number of segments, at the end at least one.
#[must_use]
pub fn allows(rules: &[Rule], namespace: &str, path: &str) -> bool {
    let path: Vec<_> = path.split('/').collect();
    rules
        .iter()
        .filter(|rule| rule.concerns(namespace))
        .any(|rule| {
            rule.paths(namespace)
                .any(|pattern| matches(&pattern.split('/').collect::<Vec<_>>(), &path))
        })
}

/// True if some path below `base` could be allowed; what is there is then checked one by one.
#[must_use]
pub fn may_allow_below(rules: &[Rule], namespace: &str, base: &str) -> bool {
    let base: Vec<_> = if base.is_empty() {
        Vec::new()
    } else {
        base.split('/').collect()
    };
    rules
        .iter()
        .filter(|rule| rule.concerns(namespace))
        .any(|rule| {
            rule.paths(namespace)
                .any(|pattern| reaches_below(&pattern.split('/').collect::<Vec<_>>(), &base))
        })
}

fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**"], rest) => !rest.is_empty() && *rest != [""],
        (["**", pattern @ ..], rest) => {
            (0..=rest.len()).any(|skip| matches(pattern, &rest[skip..]))
        }
        ([first, pattern @ ..], [segment, path @ ..]) => {
            glob(first, segment) && matches(pattern, path)
        }
        _ => false,
    }
}

fn reaches_below(pattern: &[&str], base: &[&str]) -> bool {
    match (pattern, base) {
        ([], _) => false,
        (_, []) | (["**", ..], _) => true,
        ([first, pattern @ ..], [segment, base @ ..]) => {
            glob(first, segment) && reaches_below(pattern, base)
        }
    }
}

/// `*` matches any characters; names and segments have no `/` in them.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(namespaces: &[&str], paths: &[&str]) -> Vec<Rule> {
        let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
        vec![Rule {
            namespaces: owned(namespaces),
            paths: owned(paths),
        }]
    }

    #[test]
    fn what_a_rule_lets_through() {
        let table = [
            ("/{namespace}/**", "/shop/db", true),
            ("/{namespace}/**", "/shop/db/main", true),
            ("/{namespace}/**", "/shop", false),
            ("/{namespace}/**", "/shop/", false),
            ("/{namespace}/**", "/other/db", false),
            ("/{namespace}/**", "shop/db", false),
            ("{namespace}/**", "shop/db", true),
            ("{namespace}/**", "/shop/db", false),
            ("/shared/*", "/shared/smtp", true),
            ("/shared/*", "/shared/smtp/x", false),
            ("/shared/s*p", "/shared/smtp", true),
            ("/shared/s*p", "/shared/smtps", false),
            ("/*/db", "/shop/db", true),
            ("/**/db", "/db", true),
            ("/**/db", "/a/b/db", true),
            ("/a/**/z", "/a/z", true),
            ("**", "anything", true),
            ("**", "/any/thing", true),
            ("/shared/smtp", "/shared/smtp", true),
            ("/shared/smtp", "/shared/SMTP", false),
            ("*", "a", true),
            ("*", "a/b", false),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(
                allows(&rules(&["shop"], &[pattern]), "shop", path),
                expected,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn nothing_is_allowed_without_a_rule_for_the_namespace() {
        assert!(!allows(&[], "shop", "/a"));
        assert!(!allows(&rules(&["team-*"], &["**"]), "shop", "/a"));
        assert!(allows(&rules(&["team-*"], &["**"]), "team-a", "/a"));
        assert!(!allows(&rules(&["team"], &["**"]), "team-a", "/a"));
    }

    #[test]
    fn a_prefix_is_worth_a_call_only_if_something_below_may_be_read() {
        let table = [
            ("/{namespace}/**", "/shop", true),
            ("/{namespace}/**", "/shop/db", true),
            ("/{namespace}/**", "/other", false),
            ("/shared/*", "/shared", true),
            ("/shared/*", "/shared/smtp", false),
            ("/shared/smtp", "/shared/smtp", false),
            ("/shared/smtp", "", true),
            ("**", "", true),
        ];
        for (pattern, base, expected) in table {
            assert_eq!(
                may_allow_below(&rules(&["*"], &[pattern]), "shop", base),
                expected,
                "{pattern} {base}"
            );
        }
    }

    #[test]
    fn patterns_that_can_match_nothing_are_refused() {
        for pattern in ["/{ns}/**", "/a**/b", "/a//b", "/a/../b", "/a/", "/"] {
            assert!(check_path_pattern(pattern).is_err(), "{pattern}");
        }
        for pattern in ["/{namespace}/**", "**", "/a/*/b", "a*"] {
            assert_eq!(check_path_pattern(pattern), Ok(()), "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_path_without_stars_allows_exactly_itself(a in "(/[a-z]{1,3}){1,4}", b in "(/[a-z]{1,3}){1,4}") {
            proptest::prop_assert_eq!(allows(&rules(&["*"], &[a.as_str()]), "n", &b), a == b);
        }

        #[test]
        fn what_is_allowed_below_a_base_is_worth_the_call(
            pattern in "(/([a-c]|\\*|\\*\\*)){1,4}", base in "(/[a-c]){1,2}", rest in "(/[a-c]){1,2}",
        ) {
            let rules = rules(&["*"], &[pattern.as_str()]);
            let path = format!("{base}{rest}");
            if allows(&rules, "n", &path) {
                proptest::prop_assert!(may_allow_below(&rules, "n", &base));
            }
        }
    }
}
