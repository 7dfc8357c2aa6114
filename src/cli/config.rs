//! `jasm config`: the operator's file, checked and described by the controller's own parser.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum as _};
use serde_json::{Value, json};

use crate::diagnostic::{self, Diagnostic};
use crate::settings::{
    Backend, Identity, LogFormat, LogLevel, Push, Rights, RuleAt, Store, schema,
};

use super::operator::{Config, DOUBTFUL, Refused};
use super::{Exit, Outcome, Stop, Streams};

mod in_force;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Commands {
    /// Check a config, and say what is in force with it
    ///
    /// The file is read by the controller's own parser: what is refused here is refused there. No
    /// store is called. The first thing that is wrong is told with its place.
    #[command(after_help = "Examples:
  jasm config check jasm.yaml
  kubectl get configmap jasm-config -n jasm-system -o jsonpath='{.data.jasm\\.yaml}' | jasm config check -

Exit codes: 0 the config is good; 1 it is refused (with --strict also: it is doubtful); 2 it cannot be read.")]
    Check(Check),
    /// Print the JSON Schema of the config, for editors
    ///
    /// An editor with a YAML language server then completes and checks the file while it is written.
    #[command(after_help = "Examples:
  jasm config schema > jasm.schema.json
  # yaml-language-server: $schema=./jasm.schema.json   (the first line of jasm.yaml)")]
    Schema,
}

/// Flags of `config check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The config, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Let warnings count as problems
    #[arg(long)]
    strict: bool,
}

/// Who reads the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// People
    #[default]
    Text,
    /// Machines
    Json,
}

/// Carries out one of them.
///
/// # Errors
/// The file cannot be read, or the result cannot be written.
pub fn run(command: Commands, streams: &mut Streams<'_>) -> Outcome {
    match command {
        Commands::Check(args) => check(&args, streams),
        Commands::Schema => {
            let schema = serde_json::to_string_pretty(&schema::schema())
                .map_err(|error| Stop::Unusable(error.to_string()))?;
            writeln!(streams.output, "{schema}")?;
            Ok(Exit::Fine)
        }
    }
}

fn check(args: &Check, streams: &mut Streams<'_>) -> Outcome {
    let config = Config::read(&args.file, streams);
    let diagnostics = match &config {
        Ok(config) => doubts(config),
        Err(Refused::Invalid(diagnostic)) => vec![diagnostic.clone()],
        Err(Refused::Unreadable(problem)) => return Err(problem.clone().into()),
    };
    let good = config.ok();
    match args.format {
        Format::Json => {
            let mut report = good.as_ref().map_or_else(|| json!({}), self::report);
            report["good"] = json!(good.is_some());
            let said = diagnostic::render(&diagnostics, diagnostic::Format::Json, false);
            let said: Value = serde_json::from_str(&said).unwrap_or_default();
            report["diagnostics"] = said["diagnostics"].clone();
            writeln!(streams.output, "{report:#}")?;
        }
        Format::Text => {
            let said = diagnostic::render(&diagnostics, diagnostic::Format::Text, streams.color);
            streams.output.write_all(said.as_bytes())?;
            if let Some(config) = &good {
                describe(config, streams)?;
            }
        }
    }
    Ok(Exit::of(
        good.is_some() && (diagnostics.is_empty() || !args.strict),
    ))
}

fn doubts(config: &Config) -> Vec<Diagnostic> {
    let warnings = config.settings.warnings().into_iter();
    warnings
        .map(|warning| {
            let place = match (warning.store, warning.rule) {
                (Some(store), Some(RuleAt::Allow(rule))) => config.rule_place(store, rule),
                (Some(store), Some(RuleAt::AllowWrite(rule))) => {
                    config.write_rule_place(store, rule)
                }
                (Some(store), None) => config.store_place(store),
                (None, _) => None,
            };
            let message = match warning.store {
                Some(store) => format!("store \"{store}\": {}", warning.message),
                None => warning.message,
            };
            Diagnostic::warning(&DOUBTFUL, &config.source, place, message)
        })
        .collect()
}

fn describe(config: &Config, streams: &mut Streams<'_>) -> Result<(), Stop> {
    let settings = &config.settings;
    let out = &mut *streams.output;
    writeln!(
        out,
        "{} is good. With it is in force:",
        config.source.name()
    )?;
    for store in &settings.stores {
        writeln!(out, "\nstore {}: {}", store.name, what(store))?;
        for (at, rule) in store.allow.iter().enumerate() {
            let line = config.rule_place(&store.name, at);
            let line = line.map_or(0, |place| place.line);
            writeln!(
                out,
                "  line {line}: pods in {} may read {}",
                rule.namespaces.join(", "),
                rule.paths.join(", ")
            )?;
        }
        if !store.is_ruled() {
            writeln!(out, "  every pod may try: the store's own IAM decides")?;
        } else if store.allow.is_empty() {
            writeln!(out, "  nobody may read it")?;
        }
        for write in &store.allow_write {
            writeln!(
                out,
                "  SecretManagerConfigs in {} may write {} as {}",
                write.rule.namespaces.join(", "),
                write.rule.paths.join(", "),
                write.identities.join(", ")
            )?;
        }
    }
    writeln!(
        out,
        "\nnamespaces served: {}",
        settings.namespaces.join(", ")
    )?;
    writeln!(
        out,
        "rights {}, listen {}, logLevel {}, logFormat {}, storeTimeout {}s",
        rights(settings.rights),
        settings.listen,
        level(settings.log_level),
        format(settings.log_format),
        settings.store_timeout.as_secs()
    )?;
    describe_push(&settings.push, out)?;
    Ok(())
}

fn describe_push(push: &Push, out: &mut dyn std::io::Write) -> Result<(), Stop> {
    if let Some(cluster) = &push.cluster {
        writeln!(
            out,
            "push: entries are marked as those of the cluster {cluster}"
        )?;
    }
    for rule in &push.cross_namespace_sources {
        writeln!(
            out,
            "push: SecretManagerConfigs in {} may use the sources in {}",
            rule.namespaces.join(", "),
            rule.sources.join(", ")
        )?;
    }
    for directory in &push.directories {
        writeln!(
            out,
            "push: SecretManagerConfigs in {} may use the directory {} as {}",
            directory.namespaces.join(", "),
            directory.path.display(),
            directory.name
        )?;
    }
    Ok(())
}

fn what(store: &Store) -> String {
    let mut words = vec![store.backend.kind().to_string()];
    match &store.backend {
        Backend::File { root } => words.push(format!("the directory {}", root.display())),
        Backend::AwsSecretsManager(aws) | Backend::AwsParameterStore(aws) => {
            words.push(aws.region.clone());
            words.extend(
                store
                    .scope
                    .account
                    .as_ref()
                    .map(|id| format!("account {id}")),
            );
            words.extend(aws.endpoint.as_ref().map(|url| format!("endpoint {url}")));
        }
        Backend::GcpSecretManager(gcp) | Backend::GcpParameterManager(gcp) => {
            words.push(format!("project {}", gcp.project));
            words.extend(gcp.location.clone());
            words.extend(gcp.endpoint.as_ref().map(|url| format!("endpoint {url}")));
        }
        Backend::AzureKeyVault(azure) | Backend::AzureAppConfiguration(azure) => {
            words.push(azure.name.clone());
            words.extend(azure.endpoint.as_ref().map(|url| format!("endpoint {url}")));
        }
        Backend::Vault(vault) => {
            words.push(vault.address.clone());
            words.push(format!("mount {}", vault.mount));
        }
    }
    if !matches!(store.backend, Backend::File { .. }) {
        let whom = match store.identity {
            Identity::Controller => "read as JASM's own identity",
            Identity::Workload => "read as the pods that ask",
        };
        words.push(whom.to_owned());
    }
    if store.configs {
        words.push("its secret values may go into ConfigMaps".to_owned());
    }
    words.join(", ")
}

/// What is in force, for machines.
fn report(config: &Config) -> Value {
    let settings = &config.settings;
    let store = |store: &Store| {
        let rule = |(at, rule): (usize, &crate::policy::Rule)| {
            json!({
                "line": config.rule_place(&store.name, at).map(|place| place.line),
                "namespaces": rule.namespaces,
                "paths": rule.paths,
            })
        };
        let mut fields = in_force::fields(store);
        let rules: Vec<_> = store.allow.iter().enumerate().map(rule).collect();
        fields.insert("allow".to_owned(), json!(rules));
        if in_force::is_written(store) {
            fields.insert("allowWrite".to_owned(), in_force::write_rules(store));
        }
        fields
    };
    json!({
        "stores": settings.stores.iter().map(store).collect::<Vec<_>>(),
        "namespaces": settings.namespaces,
        "rights": rights(settings.rights),
        "listen": settings.listen.to_string(),
        "logLevel": level(settings.log_level),
        "logFormat": format(settings.log_format),
        "storeTimeout": format!("{}s", settings.store_timeout.as_secs()),
        "push": in_force::push(&settings.push),
    })
}

fn rights(rights: Rights) -> String {
    word(rights.to_possible_value())
}

fn level(level: LogLevel) -> String {
    word(level.to_possible_value())
}

fn format(format: LogFormat) -> String {
    word(format.to_possible_value())
}

fn word(value: Option<clap::builder::PossibleValue>) -> String {
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}
