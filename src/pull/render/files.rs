//! Files in a ConfigMap: sorted, without a timestamp, readable by what the format is made for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jasm_providers::SecretBytes;

use super::Form;
use crate::pull::request::Format;
use crate::yaml::clip;

/// A YAML key beside its value has at most 1024 characters (YAML 1.2.2 section 7.4.2), and one byte
/// takes up to six when it is escaped.
const SHORT_KEY: usize = 170;

/// Renders entries into one file.
///
/// # Errors
/// If a key or value cannot be written so that every reader of the format gets it back.
pub fn render(
    format: Format,
    entries: &BTreeMap<String, (SecretBytes, Form)>,
) -> Result<SecretBytes, String> {
    let mut out = String::new();
    for (key, (value, form)) in entries {
        let Ok(text) = std::str::from_utf8(value.expose()) else {
            return Err(format!(
                "\"{}\" is binary and cannot be part of a text file",
                clip(key)
            ));
        };
        match format {
            Format::Properties => property(&mut out, key, text),
            Format::Env => env(&mut out, key, text)?,
            Format::Json => json(&mut out, key, text, *form),
            Format::Yaml => yaml(&mut out, key, text, *form),
        }
    }
    if format == Format::Json {
        out = if out.is_empty() {
            "{}\n".to_owned()
        } else {
            format!("{{\n{}\n}}\n", out.trim_end_matches(",\n"))
        };
    }
    if format == Format::Yaml && out.is_empty() {
        out.push_str("{}\n");
    }
    Ok(SecretBytes::from(out))
}

/// As `java.util.Properties.load` reads it; ASCII only, so that the reader's charset is no matter.
fn property(out: &mut String, key: &str, value: &str) {
    for c in key.chars() {
        property_char(out, c, c == ' ');
    }
    out.push('=');
    // Leading white space of a value would be skipped; inside it is kept.
    let leading = value.len() - value.trim_start_matches(' ').len();
    for (index, c) in value.char_indices() {
        property_char(out, c, c == ' ' && index < leading);
    }
    out.push('\n');
}

fn property_char(out: &mut String, c: char, escape_space: bool) {
    match c {
        ' ' if escape_space => out.push_str("\\ "),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\u{c}' => out.push_str("\\f"),
        '\\' | '=' | ':' | '#' | '!' => {
            out.push('\\');
            out.push(c);
        }
        ' '..='~' => out.push(c),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04X}");
            }
        }
    }
}

/// `NAME=value`, quoted only in the ways that a POSIX shell and dotenv readers take alike.
fn env(out: &mut String, key: &str, value: &str) -> Result<(), String> {
    if key.is_empty()
        || key.starts_with(|c: char| c.is_ascii_digit())
        || !key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Err(format!(
            "\"{}\" cannot be a name in an env file: use \"names: env\" or name it in \"keys\"",
            clip(key)
        ));
    }
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'_' | b'.' | b'/' | b':' | b'@' | b'%' | b'+' | b',' | b'-'
            )
    };
    // Inside single quotes some dotenv readers unescape \\ and \' and fill in ${NAME}, a shell does not.
    let single = !value.contains(['\'', '\r', '\0'])
        && !value.contains("\\\\")
        && !value.contains("${")
        && !value.ends_with('\\');
    let double = !value.contains(['"', '\\', '$', '`', '\r', '\0']);
    if !value.is_empty() && value.bytes().all(plain) {
        let _ = writeln!(out, "{key}={value}");
    } else if single {
        let _ = writeln!(out, "{key}='{value}'");
    } else if double {
        let _ = writeln!(out, "{key}=\"{value}\"");
    } else {
        return Err(format!(
            "the value of \"{}\" has characters that shells and dotenv readers quote differently: \
             use another format, or give it a data key of its own",
            clip(key)
        ));
    }
    Ok(())
}

fn json(out: &mut String, key: &str, value: &str, form: Form) {
    out.push_str("  ");
    quoted(out, key);
    out.push_str(": ");
    typed(out, value, form);
    out.push_str(",\n");
}

fn yaml(out: &mut String, key: &str, value: &str, form: Form) {
    if key.len() > SHORT_KEY {
        out.push_str("? ");
        quoted(out, key);
        out.push_str("\n: ");
    } else {
        quoted(out, key);
        out.push_str(": ");
    }
    typed(out, value, form);
    out.push('\n');
}

fn typed(out: &mut String, value: &str, form: Form) {
    match form {
        Form::Text => quoted(out, value),
        Form::Scalar => out.push_str(value),
        Form::Null => out.push_str("null"),
    }
}

/// A double-quoted string that JSON and YAML read alike: all that YAML does not count as printable
/// is escaped (YAML 1.2.2 section 5.1).
pub fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}
