//! `jasm explain`: what is asked for, from where, as whom, by which rule, and for whom. No store is
//! called and no value is known here.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::cluster::Access;
use super::config::Format;
use super::operator::Config;
use super::workloads::Manifests;
use super::{Exit, Outcome, Stop, Streams};
use crate::diagnostic::Severity;

mod advice;
mod live;
mod report;

/// Flags of `explain`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  jasm explain -f deployment.yaml --config jasm.yaml -n shop
  kustomize build overlays/prod | jasm explain -f -
  jasm explain pod shop-7d4b9c-x2x8q -n shop
  kubectl jasm explain pod shop-7d4b9c-x2x8q -n shop

Exit codes: 0 nothing is wrong; 1 something is wrong or refused; 2 something cannot be read."
)]
pub struct Explain {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    manifests: Manifests,
    /// The operator's config; without it nothing is said of what is allowed
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Things of a cluster.
#[derive(Debug, Subcommand)]
enum What {
    /// Explain a live pod, with your own rights
    ///
    /// Needs get on the pod; what else you may not see is said, and the rest is shown. Values are
    /// never printed.
    #[command(after_help = "Examples:
  jasm explain pod shop-7d4b9c-x2x8q -n shop
  jasm explain pod shop-7d4b9c-x2x8q -n shop --context prod --config jasm.yaml")]
    Pod(Pod),
}

/// Flags of `explain pod`.
#[derive(Debug, Args)]
struct Pod {
    /// The pod's name
    name: String,
    #[command(flatten)]
    access: Access,
    /// The operator's config [default: the ConfigMap of JASM's own namespace, if you may read it]
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The namespace that JASM runs in
    #[arg(long, default_value = "jasm-system", value_name = "NAMESPACE")]
    jasm_namespace: String,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Explains.
///
/// # Errors
/// Something cannot be read, or the result cannot be written.
pub fn run(args: Explain, streams: &mut Streams<'_>) -> Outcome {
    match args.what {
        Some(What::Pod(pod)) => live::run(&pod, streams),
        None => manifests(&args, streams),
    }
}

fn manifests(args: &Explain, streams: &mut Streams<'_>) -> Outcome {
    let config = match &args.config {
        Some(path) => Some(Config::needed(path, streams)?),
        None => None,
    };
    let asked = args.manifests.read(streams)?;
    let mut reports = Vec::new();
    let targets = asked.targets();
    for asker in &asked.askers {
        let mut objects = Vec::new();
        for target in &targets {
            let requesters = asked.index.requesters(target);
            let own = requesters.iter().find(|requester| {
                asked
                    .asker(requester)
                    .is_some_and(|found| std::ptr::eq(found, asker))
            });
            if let Some(own) = own {
                let consumers = asker.consumers(target);
                objects.push(report::object(
                    target,
                    &own.wish,
                    &consumers,
                    asker.account(),
                    config.as_ref(),
                ));
            }
        }
        reports.push(report::Workload::of(asker, objects));
    }
    match args.format {
        Format::Json => {
            let json = serde_json::to_value(&reports).map_err(|error| error.to_string())?;
            writeln!(streams.output, "{json:#}")?;
        }
        Format::Text => {
            for report in &reports {
                report.write(streams.output)?;
            }
            if config.is_none() && !reports.is_empty() {
                writeln!(
                    streams.output,
                    "Whether this is allowed is said with --config FILE."
                )?;
            }
        }
    }
    streams.complain(&asked.diagnostics)?;
    if asked.unreadable {
        return Err(Stop::Told);
    }
    if reports.is_empty() && asked.diagnostics.is_empty() {
        writeln!(
            streams.error,
            "jasm: {} workloads, none of which has an annotation of JASM",
            asked.workloads
        )?;
    }
    let wrong = asked
        .diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    let refused: BTreeSet<_> = reports
        .iter()
        .flat_map(|report| &report.objects)
        .filter(|object| object.refused())
        .map(|object| &object.name)
        .collect();
    Ok(Exit::of(!wrong && refused.is_empty()))
}
