//! Flags and environment variables.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::cli::{
    EXIT_CODES, completions, config, doctor, explain, lint, man, policy, push, render,
};
use crate::configuration::Origin;
use crate::settings::{self, LogFormat, LogLevel, Overrides, Rights};

/// Just Another Secret Manager: annotated pods get their Secrets and ConfigMaps.
#[derive(Debug, Parser)]
#[command(name = "jasm", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the controller until it is told to stop
    Run(Run),
    /// Check manifests: JASM's annotations, and what the containers take of what they make
    Lint(lint::Lint),
    /// Say what manifests or a live pod ask for, from where, and whether they may have it
    ///
    /// Of manifests (-f): per workload and object, which keys come from which entry of which store,
    /// whether the config allows it and by which rule, and which container or volume uses it.
    ///
    /// Of a live pod (jasm explain pod NAME): the same, what the cluster says of the pod, of JASM's
    /// events and of the objects, and what to do next.
    Explain(Box<explain::Explain>),
    /// Print the Secrets and ConfigMaps that manifests ask for, read from the stores
    ///
    /// The entries are read from the stores of the config, with the identity that this machine has,
    /// and made into objects by the code of the controller: policy, keys, files, types and limits are
    /// the same. No cluster is asked or changed.
    ///
    /// Values are masked in a way that no API server accepts; --show-values prints objects that can be
    /// applied. Owners are left out, as only a cluster knows them.
    Render(render::Render),
    /// Ask the config who may read what, and what the stores' clouds have to allow
    #[command(subcommand)]
    Policy(policy::Commands),
    /// Say what SecretManagerConfigs would change in the stores, or change it, without a cluster
    #[command(subcommand)]
    Push(push::Commands),
    /// Look at the stores and the cluster as JASM uses them, and say what to mend
    ///
    /// Of each store of the config: whether its address answers (name, connection, certificate), as
    /// whom it is read, and whether one read works. Of the cluster: whether the API server answers,
    /// whether JASM's account has the rights that the config needs, and whether the admission policies
    /// that hold it to them are in force.
    ///
    /// The stores are read with the identity of this process: on your machine with yours, in JASM's pod
    /// with JASM's (kubectl exec). Values are never printed.
    Doctor(Box<doctor::Doctor>),
    /// Check the config, or print its JSON Schema
    #[command(subcommand)]
    Config(config::Commands),
    /// Print the completions for a shell
    #[command(after_help = "Examples:
  source <(jasm completions bash)
  jasm completions zsh > \"${fpath[1]}/_jasm\"
  jasm completions fish > ~/.config/fish/completions/jasm.fish")]
    Completions(completions::Completions),
    /// Write the manual pages, one per command
    #[command(after_help = "Examples:
  jasm man ~/.local/share/man/man1 && man jasm-config-check")]
    Man(man::Pages),
}

/// Settings of `run`; each stands before the same setting of the file.
#[derive(Debug, Args)]
pub struct Run {
    /// The operator's config (YAML); it is followed while running.
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where health and metrics are served [default: 0.0.0.0:8080]
    #[arg(long, env = "JASM_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Level of JASM's own log [default: info]
    #[arg(long, env = "JASM_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<LogLevel>,
    /// Format of the log [default: json]
    #[arg(long, env = "JASM_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Namespaces to serve, patterns with "*" [default: *]
    #[arg(
        long,
        env = "JASM_NAMESPACES",
        value_name = "PATTERN,…",
        value_delimiter = ','
    )]
    namespaces: Option<Vec<String>>,
    /// How long a store may take for one call, such as 10s [default: 10s]
    #[arg(long, env = "JASM_STORE_TIMEOUT", value_name = "DURATION", value_parser = settings::duration)]
    store_timeout: Option<Duration>,
    /// What JASM's account may do with Secrets and ConfigMaps: the tier of config/rbac that it has
    /// [default: default]
    #[arg(long, env = "JASM_RIGHTS", value_name = "TIER")]
    rights: Option<Rights>,
    /// The stores, as the YAML list that "stores:" holds in the file
    #[arg(long, env = "JASM_STORES", value_name = "YAML")]
    stores: Option<String>,
    /// What holds for SecretManagerConfigs, as the YAML mapping that "push:" holds in the file
    #[arg(long, env = "JASM_PUSH", value_name = "YAML")]
    push: Option<String>,
}

impl From<Run> for Origin {
    fn from(run: Run) -> Self {
        let Run {
            config,
            listen,
            log_level,
            log_format,
            namespaces,
            store_timeout,
            rights,
            stores,
            push,
        } = run;
        Self {
            file: config,
            overrides: Overrides {
                listen,
                log_level,
                log_format,
                namespaces,
                store_timeout,
                rights,
                stores,
                push,
            },
        }
    }
}
