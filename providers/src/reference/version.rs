//! Checks of a version selector against a row of the table.

use super::PathError;
use super::rules::Versions;

/// Checks a selector and returns it as written.
pub(super) fn check(versions: Versions, word: &str) -> Result<String, PathError> {
    match versions {
        Versions::Absent => Err(PathError::new(
            "the file store keeps no versions: leave version away",
        )),
        Versions::IdOrStage => id_or_stage(word),
        Versions::NumberOrLabel => number_or_label(word),
        Versions::NumberOrAlias => number_or_alias(word),
        Versions::Name => name(word),
        Versions::Hexadecimal => hexadecimal(word),
        Versions::Label => label(word),
        Versions::Number => number(word),
    }?;
    Ok(word.to_owned())
}

/// Whether a Secrets Manager selector is a version id; every other one is a staging label.
pub(crate) fn is_version_id(word: &str) -> bool {
    (32..=64).contains(&word.len()) && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether a Parameter Store selector is a version number; every other one is a label.
pub(crate) fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

fn id_or_stage(word: &str) -> Result<(), PathError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_./+=@-".contains(c);
    if !(1..=256).contains(&word.len()) || !word.chars().all(allowed) {
        return Err(PathError::new(
            "the version is not one that secrets manager has: a version id, or a staging label of 1 to 256 \
             characters A-Z a-z 0-9 _ . / + = @ -",
        ));
    }
    Ok(())
}

fn number(word: &str) -> Result<(), PathError> {
    // One spelling per version, so that one version is one read.
    let spelled = !word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit());
    match word.parse::<u32>() {
        Ok(_) if spelled => Ok(()),
        _ => Err(PathError::new(
            "the version is not one that vault has: a positive number without leading zeros",
        )),
    }
}

fn number_or_label(word: &str) -> Result<(), PathError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if is_number(word) {
        // One spelling per version, so that one version is one read.
        let number = !word.starts_with('0') && word.chars().all(|c| c.is_ascii_digit());
        return match word.parse::<i64>() {
            Ok(_) if number => Ok(()),
            _ => Err(PathError::new(
                "the version is neither a positive number without leading zeros nor a label, which starts \
                 with a letter",
            )),
        };
    }
    let reserved = ["aws", "ssm"].iter().any(|start| {
        word.get(..start.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(start))
    });
    if reserved {
        return Err(PathError::new(
            "a label of parameter store cannot start with aws or ssm",
        ));
    }
    if !(1..=100).contains(&word.len()) || !word.chars().all(allowed) {
        return Err(PathError::new(
            "the version is not one that parameter store has: a number, or a label of 1 to 100 characters \
             A-Z a-z 0-9 _ . -",
        ));
    }
    Ok(())
}

/// Google: Secret, version_aliases.
fn number_or_alias(word: &str) -> Result<(), PathError> {
    let refuse = Err(PathError::new(
        "the version is not one that secret manager has: a positive number without leading zeros, latest, or \
         an alias of 1 to 63 characters A-Z a-z 0-9 _ -, which starts with a letter",
    ));
    if is_number(word) {
        let number = !word.starts_with('0') && word.chars().all(|c| c.is_ascii_digit());
        return if number && word.parse::<i64>().is_ok() {
            Ok(())
        } else {
            refuse
        };
    }
    let lettered = word.starts_with(|c: char| c.is_ascii_alphabetic());
    if lettered && is_identifier(word) {
        Ok(())
    } else {
        refuse
    }
}

/// Google: CreateParameterVersionRequest, parameter_version_id.
fn name(word: &str) -> Result<(), PathError> {
    if is_identifier(word) {
        return Ok(());
    }
    Err(PathError::new(
        "the version is not one that parameter manager has: its name, 1 to 63 characters A-Z a-z 0-9 _ -",
    ))
}

fn is_identifier(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    (1..=63).contains(&word.len()) && word.chars().all(allowed)
}

/// Azure writes them in lower case; one spelling per version, so that one version is one read.
fn hexadecimal(word: &str) -> Result<(), PathError> {
    let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if word.len() == 32 && word.chars().all(digit) {
        return Ok(());
    }
    Err(PathError::new(
        "the version is not one that key vault has: the 32 digits 0-9 a-f at the end of its identifier",
    ))
}

/// A label of App Configuration, without what its filters keep for themselves.
/// Whether it is a label of App Configuration that means one label only.
pub(crate) fn is_label(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-:/@+=$".contains(c);
    (1..=256).contains(&word.len()) && word.chars().all(allowed)
}

fn label(word: &str) -> Result<(), PathError> {
    if is_label(word) {
        return Ok(());
    }
    Err(PathError::new(
        "the version, which is the label of app configuration, must be 1 to 256 characters \
         A-Z a-z 0-9 . _ - : / @ + = $",
    ))
}
