//! Who may read what: default deny, paths matched as they are written. Pure.

use std::fmt;

/// One rule of a store: these namespaces may read these paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Patterns; `*` matches any characters of a name.
    pub namespaces: Vec<String>,
    /// Patterns; `{namespace}` stands for the reader's own.
    pub paths: Vec<String>,
}

/// One rule of who may write to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRule {
    /// Whose objects may write which entries.
    pub rule: Rule,
    /// Patterns of as whom: `controller`, or an identity as its cloud writes it; `{namespace}` stands for
    /// the object's own.
    pub identities: Vec<String>,
}

impl WriteRule {
    fn concerns(&self, namespace: &str, identity: &str) -> bool {
        let named = |pattern: &String| glob(&pattern.replace("{namespace}", namespace), identity);
        self.rule.concerns(namespace) && self.identities.iter().any(named)
    }
}

/// Whether objects of the namespace may write this entry as this identity.
#[must_use]
pub fn may_write(rules: &[WriteRule], namespace: &str, path: &str, identity: &str) -> bool {
    rules.iter().any(|write| {
        write.concerns(namespace, identity)
            && allows(std::slice::from_ref(&write.rule), namespace, path)
    })
}

/// Whether objects of the namespace may act as this identity at all.
#[must_use]
pub fn may_act(rules: &[WriteRule], namespace: &str, identity: &str) -> bool {
    rules
        .iter()
        .any(|write| write.concerns(namespace, identity))
}

/// Which rule of a store lets something through, and which of its paths does; both count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The rule's place in the store's `allow`.
    pub rule: usize,
    /// The pattern's place among the rule's paths.
    pub path: usize,
}

/// How much of what is below a path may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Everything that can be there.
    Whole(Grant),
    /// Something that can be there; what is there is checked entry by entry.
    Partly(Grant),
}

impl fmt::Display for Rule {
    /// As one would write it in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: &[String]| {
            let quoted: Vec<_> = items.iter().map(|item| format!("\"{item}\"")).collect();
            quoted.join(", ")
        };
        write!(
            f,
            "{{namespaces: [{}], paths: [{}]}}",
            list(&self.namespaces),
            list(&self.paths)
        )
    }
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

/// Checks a pattern of an identity when the config is read.
///
/// # Errors
/// One sentence about what no identity can match.
pub fn check_identity_pattern(pattern: &str) -> Result<(), String> {
    let bare = pattern.replace("{namespace}", "n");
    if bare.contains(['{', '}']) {
        return Err(format!(
            "\"{pattern}\": the only placeholder is {{namespace}}"
        ));
    }
    if bare.is_empty() || bare.contains(char::is_whitespace) {
        return Err(format!(
            "\"{pattern}\" is no identity: write a role's ARN, a service account's address, a client id or \"controller\""
        ));
    }
    Ok(())
}

/// The first rule that lets the namespace read exactly this path.
///
/// `*` matches within a segment; `**` any number of segments, at the end at least one.
#[must_use]
pub fn grant(rules: &[Rule], namespace: &str, path: &str) -> Option<Grant> {
    let path: Vec<_> = path.split('/').collect();
    first(rules, namespace, |pattern| matches(pattern, &path))
}

/// True if a rule lets the namespace read exactly this path.
#[must_use]
pub fn allows(rules: &[Rule], namespace: &str, path: &str) -> bool {
    grant(rules, namespace, path).is_some()
}

/// Whether anything below `base` could be allowed; what is there is then checked one by one. A base that
/// ends in `*` is a beginning: everything that begins so, whatever follows.
#[must_use]
pub fn grant_below(rules: &[Rule], namespace: &str, base: &str) -> Option<Below> {
    let beginning = base.strip_suffix('*');
    let base: Vec<_> = if base.is_empty() {
        Vec::new()
    } else {
        beginning.unwrap_or(base).split('/').collect()
    };
    let (covers, reaches): (Test, Test) = match beginning {
        None => (covers_below, reaches_below),
        Some(_) => (covers_beginning, reaches_beginning),
    };
    let whole = first(rules, namespace, |pattern| covers(pattern, &base));
    let partly = || first(rules, namespace, |pattern| reaches(pattern, &base));
    whole
        .map(Below::Whole)
        .or_else(|| partly().map(Below::Partly))
}

/// A pattern against what is to be read below a base, both by their segments.
type Test = fn(&[&str], &[&str]) -> bool;

/// True if some path below `base` could be allowed; what is there is then checked one by one.
#[must_use]
pub fn may_allow_below(rules: &[Rule], namespace: &str, base: &str) -> bool {
    grant_below(rules, namespace, base).is_some()
}

/// The first path of the first rule for this namespace that the test accepts, by its segments.
fn first(rules: &[Rule], namespace: &str, test: impl Fn(&[&str]) -> bool) -> Option<Grant> {
    let concerned = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| rule.concerns(namespace));
    concerned.into_iter().find_map(|(at, rule)| {
        let path = rule
            .paths(namespace)
            .position(|pattern| test(&pattern.split('/').collect::<Vec<_>>()))?;
        Some(Grant { rule: at, path })
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

/// True only if the pattern matches every path below `base`.
fn covers_below(pattern: &[&str], base: &[&str]) -> bool {
    match (pattern, base) {
        (["**"], _) => true,
        (["**", pattern @ ..], rest) => {
            (0..=rest.len()).any(|skip| covers_below(pattern, &rest[skip..]))
        }
        ([first, pattern @ ..], [segment, base @ ..]) => {
            glob(first, segment) && covers_below(pattern, base)
        }
        _ => false,
    }
}

/// True if the pattern can match a path that begins so; the last segment is cut off anywhere.
fn reaches_beginning(pattern: &[&str], start: &[&str]) -> bool {
    match (pattern, start) {
        ([], _) | (_, []) => false,
        (["**", ..], _) => true,
        ([first, ..], [cut]) => glob_begins(first, cut),
        ([first, pattern @ ..], [segment, start @ ..]) => {
            glob(first, segment) && reaches_beginning(pattern, start)
        }
    }
}

/// True only if the pattern matches every path that begins so. What follows may have a `/` in it, which
/// `*` does not match: only `**` covers it.
fn covers_beginning(pattern: &[&str], start: &[&str]) -> bool {
    match (pattern, start) {
        (["**"], [_, ..]) => true,
        (["**", after @ ..], [_, later @ ..]) => {
            covers_beginning(after, start)
                || (!later.is_empty() && covers_beginning(pattern, later))
        }
        ([first, after @ ..], [segment, later @ ..]) if !later.is_empty() => {
            glob(first, segment) && covers_beginning(after, later)
        }
        _ => false,
    }
}

/// Whether a pattern of a segment matches something that begins so.
fn glob_begins(pattern: &str, start: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern.starts_with(start),
        Some((head, _)) => head.starts_with(start) || start.starts_with(head),
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
    fn who_may_write_is_a_matter_of_namespace_entry_and_identity_at_once() {
        let role = "arn:aws:iam::1:role/shop";
        let write = [
            WriteRule {
                rule: rules(&["shop"], &["{namespace}-*"]).remove(0),
                identities: vec!["arn:aws:iam::1:role/{namespace}".to_owned()],
            },
            WriteRule {
                rule: rules(&["shop"], &["/shop/**"]).remove(0),
                identities: vec!["controller".to_owned()],
            },
        ];
        let may = |namespace, path, identity| may_write(&write, namespace, path, identity);
        assert!(may("shop", "shop-db", role));
        assert!(may("shop", "/shop/db", "controller"));
        assert!(!may("shop", "shop-db", "controller"));
        assert!(!may("shop", "/shop/db", role));
        assert!(!may("shop", "other-db", role));
        assert!(!may("other", "other-db", "arn:aws:iam::1:role/other"));
        assert!(may_act(&write, "shop", role) && !may_act(&write, "other", role));
        assert!(!may_write(&[], "shop", "shop-db", "controller"));
        for bad in ["", "a b", "role/{ns}"] {
            assert!(check_identity_pattern(bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_identity_pattern("*{namespace}*"), Ok(()));
    }

    #[test]
    fn a_prefix_is_worth_a_call_only_if_something_below_may_be_read() {
        let table = [
            ("/{namespace}/**", "/shop", "whole"),
            ("/{namespace}/**", "/shop/db", "whole"),
            ("/{namespace}/**", "/other", "nothing"),
            ("/**/db/**", "/shop/db", "whole"),
            ("/**/db/**", "/shop", "partly"),
            ("/shared/*", "/shared", "partly"),
            ("/shared/*", "/shared/smtp", "nothing"),
            ("/shared/smtp", "/shared/smtp", "nothing"),
            ("/shared/smtp", "", "partly"),
            ("/**", "", "partly"),
            ("**", "", "whole"),
        ];
        for (pattern, base, expected) in table {
            let rules = rules(&["*"], &["/nowhere/x", pattern]);
            let found = match grant_below(&rules, "shop", base) {
                Some(Below::Whole(Grant { rule: 0, path: 1 })) => "whole",
                Some(Below::Partly(_)) => "partly",
                None => "nothing",
                other => panic!("{other:?}"),
            };
            let expected = match (expected, base) {
                // The other path reaches below the whole store.
                ("nothing", "") => "partly",
                (expected, _) => expected,
            };
            assert_eq!(found, expected, "{pattern} {base}");
        }
    }

    #[test]
    fn a_beginning_is_covered_only_where_all_that_can_follow_is() {
        let table = [
            // What follows may hold a slash.
            ("app:*", "app:*", "partly"),
            ("app:*", "app:db:*", "partly"),
            ("**", "app:*", "whole"),
            ("**", "*", "whole"),
            ("*", "*", "partly"),
            ("app:db", "app:*", "partly"),
            ("app:db", "app:x*", "nothing"),
            ("app:db", "app:db:*", "nothing"),
            ("apple", "app*", "partly"),
            ("apple", "app:*", "nothing"),
            ("*:db", "app:*", "partly"),
            ("a*z", "app:*", "partly"),
            ("b*", "app:*", "nothing"),
            ("{namespace}:*", "shop:*", "partly"),
            ("{namespace}:*", "shop*", "partly"),
            ("{namespace}:*", "other:*", "nothing"),
            ("{namespace}/**", "shop/*", "whole"),
            ("{namespace}/**", "shop/a*", "whole"),
            ("{namespace}/**", "shop/a/b*", "whole"),
            ("{namespace}/**", "shop*", "partly"),
            ("{namespace}/**", "shop:*", "nothing"),
            ("{namespace}/*", "shop/a*", "partly"),
            ("{namespace}/*", "shop/a/b*", "nothing"),
            ("/{namespace}/**", "/shop/*", "whole"),
            ("/{namespace}/**", "shop/*", "nothing"),
            ("/{namespace}/**", "/*", "partly"),
            ("**/db/**", "a/db/*", "whole"),
            ("**/db/**", "a/d*", "partly"),
            ("a/**/z", "a/b*", "partly"),
        ];
        for (pattern, base, expected) in table {
            let found = match grant_below(&rules(&["*"], &[pattern]), "shop", base) {
                Some(Below::Whole(_)) => "whole",
                Some(Below::Partly(_)) => "partly",
                None => "nothing",
            };
            assert_eq!(found, expected, "{pattern} {base}");
        }
    }

    #[test]
    fn the_first_rule_that_grants_is_named_by_its_place() {
        let mut three = rules(&["other"], &["**"]);
        three.extend(rules(&["sh*"], &["/a", "/{namespace}/db"]));
        three.extend(rules(&["*"], &["**"]));
        let expected = Some(Grant { rule: 1, path: 1 });
        assert_eq!(grant(&three, "shop", "/shop/db"), expected);
        let expected = Some(Grant { rule: 2, path: 0 });
        assert_eq!(grant(&three, "shop", "/shop/x"), expected);
        assert_eq!(grant(&three[..2], "shop", "/shop/x"), None);
        assert_eq!(
            three[1].to_string(),
            r#"{namespaces: ["sh*"], paths: ["/a", "/{namespace}/db"]}"#
        );
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
        fn what_is_allowed_and_begins_so_is_worth_the_call(
            pattern in "([a-c:]{0,2}(\\*)?[a-c:]?|\\*\\*)(/([a-c:]{1,2}(\\*)?|\\*\\*)){0,3}",
            path in "[a-c:]{1,3}(/[a-c:]{1,2}){0,3}", cut in 0_usize..8,
        ) {
            let rules = rules(&["*"], &[pattern.as_str()]);
            let start = &path[..cut.min(path.len())];
            let below = grant_below(&rules, "n", &format!("{start}*"));
            if allows(&rules, "n", &path) {
                proptest::prop_assert!(below.is_some());
            } else if start != path {
                proptest::prop_assert!(!matches!(below, Some(Below::Whole(_))));
            }
        }

        #[test]
        fn what_is_allowed_below_a_base_is_worth_the_call(
            pattern in "(/([a-c]|\\*|\\*\\*)){1,4}", base in "(/[a-c]){1,2}", rest in "(/[a-c]){1,2}",
        ) {
            let rules = rules(&["*"], &[pattern.as_str()]);
            let path = format!("{base}{rest}");
            let below = grant_below(&rules, "n", &base);
            if allows(&rules, "n", &path) {
                proptest::prop_assert!(below.is_some());
            } else {
                proptest::prop_assert!(!matches!(below, Some(Below::Whole(_))));
            }
        }
    }
}
