//! `jasm lint`: what is wrong in manifests, before a cluster sees them.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::operator::{Config, Refused};
use super::{Exit, Streams, input};
use crate::diagnostic::{Diagnostic, Format, Rule, Severity, count, render};
use crate::lint::{self, Surroundings};
use crate::manifests::Manifests;

/// Neither a workload nor anything else.
const NO_OBJECTS: Rule = Rule {
    id: "input/no-objects",
    about: "There is no Kubernetes object in an input.",
};

const AFTER: &str = "\
Exit codes:
  0  nothing wrong (warnings are allowed, unless --strict)
  1  problems found
  2  an input or the config cannot be read, or the call is wrong

Examples:
  jasm lint deploy/                            # every *.yaml, *.yml and *.json below
  helm template . | jasm lint -                # templates are rendered first
  kustomize build overlays/dev | jasm lint --config jasm.yaml -n shop -
  jasm lint --format sarif deploy/ > jasm.sarif";

/// Check manifests: JASM's annotations, and what the containers take of what they make.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Lint {
    /// Manifests (YAML or JSON), directories, or "-" for standard input; up to 32 MiB each
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How problems are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// The operator's config (YAML): also check stores, paths, and who may read them
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The namespace of manifests that name none
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Warnings count as problems
    #[arg(long)]
    strict: bool,
}

/// Checks, and writes what is found.
///
/// # Errors
/// Only if the output cannot be written.
pub fn run(lint: &Lint, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let config = lint.config.as_deref();
    let settings = match config.map(|path| Config::read(path, streams)).transpose() {
        Ok(config) => config.map(|config| config.settings),
        Err(Refused::Unreadable(problem) | Refused::Invalid(problem)) => {
            let text = render(&[problem], lint.format, streams.color);
            streams.output.write_all(text.as_bytes())?;
            return Ok(Exit::Unusable);
        }
    };
    let loaded = input::load(&lint.files, streams.input);
    let mut manifests = Manifests::default();
    for source in &loaded.sources {
        let (objects, problems) = (manifests.objects, manifests.diagnostics.len());
        manifests.read(source);
        let nothing = manifests.objects == objects && manifests.diagnostics.len() == problems;
        // In a directory of a chart or an overlay there are other files too.
        if nothing && loaded.named.contains(source.name()) {
            let message = "there is no Kubernetes object in this file";
            manifests
                .diagnostics
                .push(Diagnostic::warning(&NO_OBJECTS, source, None, message));
        }
    }
    let around = Surroundings {
        settings: settings.as_ref(),
        namespace: lint.namespace.as_deref(),
    };
    let unreadable = !loaded.failures.is_empty();
    let mut found = loaded.failures;
    found.extend(lint::check(&manifests, &around));
    let text = render(&found, lint.format, streams.color);
    streams.output.write_all(text.as_bytes())?;
    if lint.format == Format::Text {
        streams.output.flush()?;
        let files = plural(loaded.sources.len(), "file");
        let workloads = plural(manifests.workloads.len(), "workload");
        let summary = summary(&found);
        writeln!(streams.error, "{summary} in {workloads} of {files}")?;
    }
    Ok(if unreadable {
        Exit::Unusable
    } else if count(&found, Severity::Error) > 0
        || (lint.strict && count(&found, Severity::Warning) > 0)
    {
        Exit::Problems
    } else {
        Exit::Fine
    })
}

fn summary(found: &[Diagnostic]) -> String {
    let said: Vec<_> = [(Severity::Error, "error"), (Severity::Warning, "warning")]
        .into_iter()
        .map(|(severity, word)| (count(found, severity), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| plural(count, word))
        .collect();
    if said.is_empty() {
        "nothing wrong".to_owned()
    } else {
        said.join(", ")
    }
}

fn plural(count: usize, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {word}{ending}")
}
