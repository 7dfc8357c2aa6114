//! The table of questions: a YAML list of rows. Pure.

use crate::yaml::{self, Fields, Problem};

/// What a row expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    Allow,
    Deny,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Line in the table; none on the command line.
    pub(super) line: Option<usize>,
    pub(super) namespace: String,
    pub(super) store: String,
    pub(super) path: String,
    pub(super) expect: Option<Expect>,
}

/// Reads a table.
pub(super) fn read(text: &str) -> Result<Vec<Row>, Problem> {
    let document = yaml::parse(text)?;
    let rows = document.list("the table")?;
    if rows.is_empty() {
        return Err(document.problem("the table is empty: a test of nothing proves nothing"));
    }
    rows.iter()
        .map(|node| {
            let known = ["namespace", "store", "path", "expect"];
            let fields = Fields::of(node, "a row of the table", &known)?;
            let text = |name: &str| -> Result<String, Problem> {
                Ok(fields.required(name)?.text(name)?.to_owned())
            };
            let expect = match fields.get("expect") {
                None => None,
                Some(node) => Some(match node.text("expect")? {
                    "allow" => Expect::Allow,
                    "deny" => Expect::Deny,
                    other => {
                        let known = ["allow", "deny"];
                        return Err(node.problem(yaml::unknown("value of expect", other, &known)));
                    }
                }),
            };
            Ok(Row {
                line: Some(node.line),
                namespace: text("namespace")?,
                store: text("store")?,
                path: text("path")?,
                expect,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_their_lines() {
        let rows = read(
            "- {namespace: shop, store: aws, path: /a, expect: deny}\n- namespace: b\n  store: local\n  path: c/**\n",
        )
        .unwrap();
        assert_eq!(rows[0].expect, Some(Expect::Deny));
        assert_eq!((rows[1].line, rows[1].expect), (Some(2), None));
        assert_eq!(rows[1].path, "c/**");
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        let table = [
            ("", "line 1: there is nothing here"),
            (
                "[]",
                "line 1: the table is empty: a test of nothing proves nothing",
            ),
            ("a: b", "line 1: the table must be a list, not a mapping"),
            (
                "- {namespace: a, store: b}",
                "line 1: a row of the table needs the field \"path\"",
            ),
            (
                "- {namespace: a, store: b, path: c, expct: deny}",
                "line 1: unknown field in a row of the table: \"expct\"; did you mean \"expect\"?",
            ),
            (
                "- {namespace: a, store: b, path: c,\n   expect: denied}",
                "line 2: unknown value of expect: \"denied\"; known are allow, deny",
            ),
        ];
        for (text, sentence) in table {
            assert_eq!(read(text).unwrap_err().to_string(), sentence, "{text}");
        }
    }
}
