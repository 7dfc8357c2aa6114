//! `jasm policy test`: questions to the config, answered by what the controller asks.

use std::path::Path;

use jasm_providers::reference;
use serde_json::{Value, json};

use crate::cli::config::Format;
use crate::cli::operator::{self, Config};
use crate::cli::settled::{Settled, settle};
use crate::cli::{Exit, Outcome, Streams, input};
use crate::diagnostic::Rule;
use crate::policy::{Below, Grant};
use crate::pull::request::{Origin, Request, Take};
use crate::settings::Store;

use super::table::{self, Expect, Row};

const NO_TABLE: Rule = Rule {
    id: "policy/table",
    about: "The table of questions is not a list of rows.",
};

/// What the config answers.
enum Answer<'a> {
    Allowed(&'a Store, Option<Grant>),
    Partly(&'a Store, Option<Grant>),
    Denied(String),
}

pub(super) fn run(args: &super::Test, streams: &mut Streams<'_>) -> Outcome {
    let config = Config::needed(&args.config, streams)?;
    let rows = match (&args.namespace, &args.path) {
        (Some(namespace), Some(path)) => vec![Row {
            line: None,
            namespace: namespace.clone(),
            store: args.store.clone(),
            path: path.clone(),
            expect: Some(Expect::Allow),
        }],
        _ => {
            let source = input::one(Path::new(&args.store), streams.input)?;
            match table::read(source.text()) {
                Ok(rows) => rows,
                Err(problem) => {
                    return Err(operator::diagnostic(&NO_TABLE, &source, &problem).into());
                }
            }
        }
    };
    let mut unmet = 0;
    let mut report = Vec::new();
    for row in &rows {
        let answer = answer(row, &config);
        let met = matches!(
            (&answer, row.expect),
            (_, None)
                | (Answer::Allowed(..), Some(Expect::Allow))
                | (Answer::Denied(_), Some(Expect::Deny))
        );
        unmet += usize::from(!met);
        match args.format {
            Format::Json => report.push(machine(row, &answer, met, &config)),
            Format::Text => writeln!(streams.output, "{}", people(row, &answer, met, &config))?,
        }
    }
    match args.format {
        Format::Json => writeln!(streams.output, "{:#}", Value::from(report))?,
        Format::Text if rows.iter().any(|row| row.line.is_some()) => {
            let expecting = rows.iter().filter(|row| row.expect.is_some()).count();
            writeln!(
                streams.output,
                "\n{} of {expecting} expectations met",
                expecting - unmet
            )?;
        }
        Format::Text => {}
    }
    Ok(Exit::of(unmet == 0))
}

fn answer<'a>(row: &Row, config: &'a Config) -> Answer<'a> {
    let settings = &config.settings;
    if !settings.serves(&row.namespace) {
        return Answer::Denied(format!(
            "JASM does not serve the namespace {}: \"namespaces\" of the config leaves it out",
            row.namespace
        ));
    }
    let (store, path) = (row.store.clone(), row.path.clone());
    let origin = if reference::is_prefix(&path) {
        Origin::Prefix { store, path }
    } else {
        Origin::Entry {
            store,
            path,
            version: None,
        }
    };
    let request = Request::new(origin, Take::All, "policy");
    match settle(&request, &row.namespace, settings) {
        Ok(Settled::Entry(store, _, grant)) => Answer::Allowed(store, grant),
        Ok(Settled::Prefix(store, _, below)) => match below {
            None => Answer::Allowed(store, None),
            Some(Below::Whole(grant)) => Answer::Allowed(store, Some(grant)),
            Some(Below::Partly(grant)) => Answer::Partly(store, Some(grant)),
        },
        Ok(Settled::Literal) => Answer::Denied("a literal is in no store".to_owned()),
        Err(failure) => Answer::Denied(
            failure
                .message
                .strip_prefix("policy: ")
                .unwrap_or(&failure.message)
                .to_owned(),
        ),
    }
}

fn why(answer: &Answer<'_>, config: &Config) -> String {
    match answer {
        Answer::Allowed(store, grant) => config.rule(store, *grant),
        Answer::Partly(store, grant) => format!(
            "only in part: {} allows something below it, and a prefix is read whole or not at all",
            config.rule(store, *grant)
        ),
        Answer::Denied(why) => why.clone(),
    }
}

fn word(answer: &Answer<'_>) -> &'static str {
    match answer {
        Answer::Allowed(..) => "allowed",
        Answer::Partly(..) => "partly",
        Answer::Denied(_) => "denied",
    }
}

fn people(row: &Row, answer: &Answer<'_>, met: bool, config: &Config) -> String {
    let why = why(answer, config);
    let Some(line) = row.line else {
        return format!("{}: {why}", word(answer));
    };
    let mark = match (met, row.expect) {
        (_, None) => "-   ",
        (true, Some(_)) => "ok  ",
        (false, Some(_)) => "FAIL",
    };
    let expected = match row.expect {
        Some(Expect::Allow) if !met => ", expected is allow",
        Some(Expect::Deny) if !met => ", expected is deny",
        _ => "",
    };
    format!(
        "{mark} line {line}: {} {}:{} {}{expected}: {why}",
        row.namespace,
        row.store,
        row.path,
        word(answer)
    )
}

fn machine(row: &Row, answer: &Answer<'_>, met: bool, config: &Config) -> Value {
    let rule = match answer {
        Answer::Allowed(store, grant) | Answer::Partly(store, grant) => {
            config.rule_json(store, *grant)
        }
        Answer::Denied(_) => Value::Null,
    };
    json!({
        "line": row.line,
        "namespace": row.namespace,
        "store": row.store,
        "path": row.path,
        "expect": row.expect.map(|expect| match expect {
            Expect::Allow => "allow",
            Expect::Deny => "deny",
        }),
        "answer": word(answer),
        "rule": rule,
        "why": why(answer, config),
        "met": met,
    })
}
