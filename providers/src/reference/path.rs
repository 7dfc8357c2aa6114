//! Checks of a name and of a prefix against a row of the table.

use super::rules::{Below, Leading, Rules};
use super::{Kind, PathError};

/// A name that this kind can have.
pub(super) fn check(rules: &Rules, path: &str) -> Result<(), PathError> {
    let refuse = |sentence: String| Err(PathError(sentence));
    if path.is_empty() {
        return Err(PathError::new("the path is empty: write the entry's name"));
    }
    if path.len() > rules.longest {
        return refuse(format!(
            "the path is longer than the {} characters that {} allows",
            rules.longest, rules.kind
        ));
    }
    let many = path == "**" || path.ends_with("/**");
    if many || (rules.below == Below::Beginning && path.ends_with('*')) {
        return Err(PathError::new(
            "a path that ends in ** reads many entries: one entry has to be named here",
        ));
    }
    // Before the characters: where dots are not allowed either, this says more.
    path.split('/').try_for_each(dots)?;
    path.chars().try_for_each(|c| character(rules, c))?;
    if path.ends_with('/') {
        return Err(PathError::new(
            "a path must not end in /: name the entry, or write /** for every entry below",
        ));
    }
    let levels = path.strip_prefix('/').unwrap_or(path);
    match rules.leading {
        Leading::Refused if path.starts_with('/') => {
            return refuse(format!(
                "a path of a {} store is relative: leave the leading / away",
                rules.kind
            ));
        }
        Leading::WithLevels if path.contains('/') && !path.starts_with('/') => {
            return Err(PathError::new(
                "a parameter name with / in it must start with /",
            ));
        }
        _ => {}
    }
    let flat = rules.below == Below::Nothing;
    if levels.split('/').count() > rules.levels && !flat {
        return refuse(format!(
            "the path has more than the {} levels that {} allows",
            rules.levels, rules.kind
        ));
    }
    levels
        .split('/')
        .try_for_each(|part| segment(rules, part))?;
    if flat && path.contains('/') {
        return refuse(format!(
            "a name of a {} store has no /: write the name alone",
            rules.kind
        ));
    }
    if rules.kind == Kind::AwsParameterStore && is_secret_reference(path) {
        return Err(PathError::new(
            "/aws/reference/ reads another service through parameter store and past its rules: \
             use a store of kind aws-secretsmanager",
        ));
    }
    Ok(())
}

/// The base of a path that reads everything below; empty for the whole store.
pub(super) fn check_prefix<'path>(
    rules: &Rules,
    path: &'path str,
) -> Result<&'path str, PathError> {
    if rules.below == Below::Beginning {
        return check_beginning(rules, path);
    }
    if path == rules.whole {
        return Ok("");
    }
    if path == "**" || path == "/**" {
        return Err(PathError(format!(
            "the whole of a {} store is written {}",
            rules.kind, rules.whole
        )));
    }
    if rules.below == Below::Nothing {
        return Err(PathError(format!(
            "names of a {} store have no levels: write {} for every one of them, or one name",
            rules.kind, rules.whole
        )));
    }
    let Some(base) = path.strip_suffix("/**") else {
        return Err(PathError::new(
            "a path that reads every entry below must end in /**",
        ));
    };
    check(rules, base)?;
    if rules.leading == Leading::WithLevels && !base.starts_with('/') {
        return Err(PathError::new(
            "a path that reads every parameter below must start with /",
        ));
    }
    Ok(base)
}

/// The beginning of names, as written with its `*`.
fn check_beginning<'path>(rules: &Rules, path: &'path str) -> Result<&'path str, PathError> {
    let Some(start) = path.strip_suffix('*') else {
        return Err(PathError(format!(
            "a path of a {} store that reads many entries must end in *",
            rules.kind
        )));
    };
    if start.ends_with('*') {
        return Err(PathError(format!(
            "a {} store knows * only: write the beginning of the names and one *",
            rules.kind
        )));
    }
    // What is cut off in the middle of a part still has to be the beginning of a name.
    let name = format!("{start}x");
    check(rules, &name)?;
    Ok(path)
}

fn character(rules: &Rules, c: char) -> Result<(), PathError> {
    if c.is_ascii_alphanumeric() || c == '/' || rules.extra.contains(c) {
        return Ok(());
    }
    let why = match c {
        '%' => {
            "a path is taken as it is written, % escapes are not decoded: write the character itself"
        }
        '*' => "* is only allowed as a final /**, of app configuration as a final *",
        '?' | '#' => "a path ends before ? and #: use the fields version and keys",
        '\\' => "a path must not contain a backslash: parts are separated by /",
        ':' if rules.kind == Kind::AwsParameterStore => {
            "a parameter name must not contain a colon: use version for a version or a label"
        }
        c if c.is_control() => "a path must not contain control characters",
        c if c.is_whitespace() => "a path must not contain white space",
        c => {
            return Err(PathError(format!(
                "a path of a {} store must not contain '{}': allowed are A-Z a-z 0-9 / {}",
                rules.kind,
                c.escape_default(),
                spaced(rules.extra),
            )));
        }
    };
    Err(PathError::new(why))
}

fn dots(part: &str) -> Result<(), PathError> {
    if matches!(part, "." | "..") {
        return Err(PathError::new(
            "a path must not contain . or .. as a part: write the name itself",
        ));
    }
    Ok(())
}

fn segment(rules: &Rules, part: &str) -> Result<(), PathError> {
    if part.is_empty() {
        return Err(PathError::new("a path must not contain //: write one /"));
    }
    if part.len() > rules.longest_segment {
        return Err(PathError(format!(
            "a part of the path is longer than {} characters",
            rules.longest_segment
        )));
    }
    if rules.kind == Kind::File && part.starts_with("..") {
        return Err(PathError::new(
            "a part of the path must not start with ..: such files belong to a mounted volume",
        ));
    }
    // Vault's storage takes no key with such a part in it.
    if rules.kind == Kind::Vault && part.contains("..") {
        return Err(PathError::new(
            "a path of a vault store must not contain ..: rename the entry",
        ));
    }
    Ok(())
}

/// `/aws/reference` or anything below; AWS takes it in any case.
fn is_secret_reference(path: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let mut next_is = |word: &str| {
        parts
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case(word))
    };
    next_is("aws") && next_is("reference")
}

fn spaced(characters: &str) -> String {
    characters
        .chars()
        .map(String::from)
        .collect::<Vec<_>>()
        .join(" ")
}
