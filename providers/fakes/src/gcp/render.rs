//! `__REF__(//secretmanager.googleapis.com/projects/…/versions/…)` in a payload: pure but for the look-up.

use super::parameters::Format;

const OPEN: &str = "__REF__(";
const SERVICE: &str = "//secretmanager.googleapis.com/";

/// Puts in what `secret` says for each resource name; its first error ends it.
pub(super) fn render<E>(
    text: &str,
    format: Format,
    mut secret: impl FnMut(&str) -> Result<String, E>,
    malformed: impl Fn() -> E,
) -> Result<String, E> {
    let (mut rendered, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(OPEN) {
        rendered.push_str(&rest[..at]);
        rest = &rest[at + OPEN.len()..];
        let end = rest.find(')').ok_or_else(&malformed)?;
        // With no quotes, either kind, or those of a JSON string that has them inside.
        let name = rest[..end].trim().trim_matches(['\\', '"', '\'']);
        rest = &rest[end + 1..];
        let value = secret(name.strip_prefix(SERVICE).ok_or_else(&malformed)?)?;
        match format {
            // Between quotes already.
            Format::Json => rendered.push_str(&escaped(&value)),
            Format::Yaml | Format::Unformatted => rendered.push_str(&value),
        }
    }
    rendered.push_str(rest);
    Ok(rendered)
}

/// As a JSON string has it, without the quotes.
fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Format, render};

    #[test]
    fn references_become_values() {
        let rendered = |text: &str| {
            render(
                text,
                Format::Json,
                |name| Ok(format!("<{name}>")),
                || "malformed",
            )
        };
        for text in [
            "{\"a\": \"__REF__(//secretmanager.googleapis.com/projects/p/secrets/s/versions/1)\"}",
            "{\"a\": \"__REF__('//secretmanager.googleapis.com/projects/p/secrets/s/versions/1')\"}",
            "{\"a\": \"__REF__(\\\"//secretmanager.googleapis.com/projects/p/secrets/s/versions/1\\\")\"}",
        ] {
            assert_eq!(
                rendered(text).as_deref(),
                Ok("{\"a\": \"<projects/p/secrets/s/versions/1>\"}")
            );
        }
        assert_eq!(rendered("plain").as_deref(), Ok("plain"));
        assert_eq!(rendered("__REF__(//elsewhere/x)"), Err("malformed"));
        assert_eq!(
            rendered("__REF__(//secretmanager.googleapis.com/x"),
            Err("malformed")
        );
    }
}
