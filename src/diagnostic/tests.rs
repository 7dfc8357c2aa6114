use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const RULE: Rule = Rule {
    id: "annotation/unknown-field",
    about: "An annotation has a field that does not exist.",
};

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source::new("deploy.yaml", text))
}

fn at(line: usize, column: usize, length: usize) -> Option<Place> {
    Some(Place {
        line,
        column,
        length,
    })
}

fn text(diagnostic: Diagnostic) -> String {
    render(&[diagnostic], Format::Text, false)
}

#[test]
fn the_place_is_underlined() {
    let source = source("a: 1\nprovder: aws\n");
    let diagnostic = Diagnostic::error(&RULE, &source, at(2, 1, 7), "unknown field \"provder\"")
        .help("did you mean \"provider\"?");
    assert_eq!(
        text(diagnostic),
        "\
error[annotation/unknown-field]: unknown field \"provder\"
 --> deploy.yaml:2:1
  |
2 | provder: aws
  | ^^^^^^^
  |
  = help: did you mean \"provider\"?

"
    );
}

#[test]
fn no_line_of_a_secret_is_shown() {
    let source = source("kind: Secret\nstringData:\n  password: hunter2: x\n");
    let diagnostic = Diagnostic::error(&RULE, &source, at(3, 20, 1), "not valid YAML").help("mend");
    assert_eq!(
        text(diagnostic),
        "\
error[annotation/unknown-field]: not valid YAML
 --> deploy.yaml:3:20
  |
  = help: mend

"
    );
}

#[test]
fn a_problem_of_the_whole_file_has_no_line() {
    let diagnostic = Diagnostic::warning(&RULE, &source(""), None, "it cannot be read");
    assert_eq!(
        text(diagnostic),
        "warning[annotation/unknown-field]: it cannot be read\n --> deploy.yaml\n\n"
    );
}

#[test]
fn tabs_and_wide_characters_keep_the_underline_in_place() {
    let source = source("\tname: 日本 x\n");
    assert_eq!(
        text(Diagnostic::error(&RULE, &source, at(1, 8, 2), "m")),
        "\
error[annotation/unknown-field]: m
 --> deploy.yaml:1:8
  |
1 |     name: 日本 x
  |           ^^^^

"
    );
    assert_eq!(
        text(Diagnostic::error(&RULE, &source, at(1, 11, 1), "m")),
        "\
error[annotation/unknown-field]: m
 --> deploy.yaml:1:11
  |
1 |     name: 日本 x
  |                ^

"
    );
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let line = format!("{}provder{}", "a".repeat(300), "b".repeat(300));
    assert_eq!(
        text(Diagnostic::error(&RULE, &source(&line), at(1, 301, 7), "m")),
        format!(
            "\
error[annotation/unknown-field]: m
 --> deploy.yaml:1:301
  |
1 | …{}provder{}…
  |  {}^^^^^^^

",
            "a".repeat(40),
            "b".repeat(93),
            " ".repeat(40)
        )
    );
}

#[test]
fn windows_line_ends_and_control_characters_do_nothing() {
    let source = source("a: \u{1b}[31mred\u{202e}\r\nb: 2\r\n");
    assert_eq!(
        text(Diagnostic::error(&RULE, &source, at(1, 1, 1), "m\u{7}")),
        "\
error[annotation/unknown-field]: m\u{fffd}
 --> deploy.yaml:1:1
  |
1 | a: \u{fffd}[31mred\u{fffd}
  | ^

"
    );
}

#[test]
fn a_place_at_the_end_of_a_line_is_shown_behind_it() {
    assert_eq!(
        text(Diagnostic::error(&RULE, &source("ab\n"), at(1, 3, 1), "m")),
        "\
error[annotation/unknown-field]: m
 --> deploy.yaml:1:3
  |
1 | ab
  |   ^

"
    );
}

#[test]
fn colour_only_if_wanted() {
    let diagnostic = Diagnostic::error(&RULE, &source("ab\n"), at(1, 1, 1), "m");
    let diagnostics = [diagnostic];
    assert!(render(&diagnostics, Format::Text, true).contains("\u{1b}["));
    assert!(!render(&diagnostics, Format::Text, false).contains('\u{1b}'));
    assert!(!render(&diagnostics, Format::Json, true).contains('\u{1b}'));
}

#[test]
fn json_has_the_documented_shape() {
    let source = source("ab\n");
    let diagnostics = [
        Diagnostic::error(&RULE, &source, at(1, 2, 1), "m").help("h"),
        Diagnostic::warning(&RULE, &source, None, "w"),
    ];
    let json: Value = serde_json::from_str(&render(&diagnostics, Format::Json, false)).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "diagnostics": [
                {"severity": "error", "rule": "annotation/unknown-field", "file": "deploy.yaml",
                 "line": 1, "column": 2, "length": 1, "message": "m", "help": "h"},
                {"severity": "warning", "rule": "annotation/unknown-field", "file": "deploy.yaml",
                 "message": "w"},
            ],
            "errors": 1,
            "warnings": 1,
        })
    );
}

#[test]
fn workflow_commands_are_escaped() {
    let source = Arc::new(Source::new("a,b:c%.yaml", "ab\n"));
    let diagnostics = [
        Diagnostic::error(&RULE, &source, at(1, 2, 1), "100 % sure,\nis it: yes").help("h"),
        Diagnostic::warning(&RULE, &source, None, "w"),
    ];
    assert_eq!(
        render(&diagnostics, Format::Github, false),
        "\
::error file=a%2Cb%3Ac%25.yaml,line=1,col=2,endColumn=3,title=annotation/unknown-field::100 %25 sure,%0Ais it: yes%0Ah
::warning file=a%2Cb%3Ac%25.yaml,title=annotation/unknown-field::w
"
    );
}

#[test]
fn sarif_has_what_code_scanning_needs() {
    let source = Arc::new(Source::new("./a b/ä.yaml", "ab\n"));
    let diagnostics = [Diagnostic::error(&RULE, &source, at(1, 2, 1), "m").help("h")];
    let log: Value = serde_json::from_str(&render(&diagnostics, Format::Sarif, false)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "jasm");
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], RULE.id);
    assert_eq!(
        run["tool"]["driver"]["rules"][0]["shortDescription"]["text"],
        RULE.about
    );
    let result = &run["results"][0];
    assert_eq!(result["ruleId"], RULE.id);
    assert_eq!(result["ruleIndex"], 0);
    assert_eq!(result["level"], "error");
    assert_eq!(result["message"]["text"], "m\nh");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A4.yaml");
    assert_eq!(
        place["region"],
        serde_json::json!({"startLine": 1, "startColumn": 2, "endColumn": 3})
    );
}

proptest! {
    #[test]
    fn nothing_that_is_rendered_panics(
        text in "(\\PC|[\t\r\n\u{1b}\u{0}日́\u{200d}]){0,300}",
        line in 0_usize..5,
        column in 0_usize..400,
        length in 0_usize..400,
        message in "(\\PC|[\t\r\n\u{1b}]){0,40}",
    ) {
        let diagnostic = Diagnostic::error(&RULE, &source(&text), at(line, column, length), message);
        let diagnostics = [diagnostic];
        for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
            let rendered = render(&diagnostics, format, false);
            let raw = rendered.contains(['\u{1b}', '\u{0}', '\r']);
            prop_assert!(!raw);
        }
        // The picture is always the same few lines, and a long line does not make them long.
        let picture = render(&diagnostics, Format::Text, false);
        prop_assert_eq!(picture.lines().count(), 6);
    }
}
