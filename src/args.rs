//! Flags and environment variables.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::cli::lint::Lint;
use crate::configuration::Origin;
use crate::settings::{self, LogFormat, LogLevel, Overrides, Rights};

/// Just Another Secret Manager: annotated pods get their Secrets and ConfigMaps.
#[derive(Debug, Parser)]
#[command(name = "jasm", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(
    missing_docs,
    reason = "each command says what it does where its flags are"
)]
pub enum Command {
    /// Run the controller until it is told to stop.
    Run(Run),
    Lint(Lint),
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
            },
        }
    }
}
