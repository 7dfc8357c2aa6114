//! `jasm policy`: who may read what, asked of the config by the controller's own rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::account::{Account, account};
use super::config::Format;
use super::{Outcome, Streams};

mod iam;
mod table;
mod test;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Commands {
    /// Ask the config whether a namespace may read a path, singly or by a table
    ///
    /// With -n, a store and a path it answers one question. With a table it answers all of its
    /// rows and compares them with what the rows expect, for the CI of the config. No store is
    /// called. The table is a YAML list; "expect" may be left out:
    ///
    ///   - {namespace: shop, store: aws, path: /shop/db, expect: allow}
    ///   - {namespace: shop, store: aws, path: /other/**, expect: deny}
    ///
    /// A path that ends in /** is a prefix: it is allowed if one rule allows everything that can be
    /// below it, denied if nothing below it can be allowed, and "partly" allowed otherwise, which
    /// meets neither expectation: the controller then decides by what it finds there.
    #[command(
        override_usage = "jasm policy test --config FILE -n NAMESPACE STORE PATH
       jasm policy test --config FILE TABLE",
        after_help = "Examples:
  jasm policy test --config jasm.yaml -n shop aws /shop/db
  jasm policy test --config jasm.yaml policy-tests.yaml

Exit codes: 0 allowed, or all rows as expected; 1 not; 2 the config or the table cannot be read."
    )]
    Test(Test),
    /// Print the least rights that the annotations in manifests need at the stores' own clouds
    ///
    /// Of AWS one IAM policy for all stores there: one statement per store and kind of call, with the
    /// actions that JASM really calls and only the entries that the annotations name. Of another kind,
    /// with --store if there are several: of Vault and OpenBao a policy, of Google and Azure a script of
    /// gcloud or az that binds the roles. What the config refuses is left out and told on standard error,
    /// and so is what cannot be known, such as keys of KMS.
    #[command(after_help = "Examples:
  helm template ./shop | jasm policy iam -f - --config jasm.yaml -n shop > policy.json
  jasm policy iam -f deploy/ --config jasm.yaml -n shop --store vault --as shop/web > shop-web.hcl

Exit codes: 0 printed; 1 something asked for is left out; 2 something cannot be read.")]
    Iam(Iam),
}

/// Flags of `policy test`.
#[derive(Debug, Args)]
pub struct Test {
    /// The operator's config
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// The namespace of the pod that would read
    #[arg(short, long, value_name = "NAMESPACE", requires = "path")]
    namespace: Option<String>,
    /// A store's name with -n, else the table (- for standard input)
    #[arg(value_name = "STORE|TABLE")]
    store: String,
    /// The path in the store
    #[arg(value_name = "PATH", requires = "namespace")]
    path: Option<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Flags of `policy iam`.
#[derive(Debug, Args)]
pub struct Iam {
    #[command(flatten)]
    manifests: super::workloads::Manifests,
    /// The operator's config
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// Only this store of the config
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    /// Only what pods of this ServiceAccount read as themselves
    #[arg(long = "as", value_name = "NAMESPACE/SERVICEACCOUNT", value_parser = account)]
    read_as: Option<Account>,
}

/// Carries out one of them.
///
/// # Errors
/// Something cannot be read, or the result cannot be written.
pub fn run(command: Commands, streams: &mut Streams<'_>) -> Outcome {
    match command {
        Commands::Test(args) => test::run(&args, streams),
        Commands::Iam(args) => iam::run(&args, streams),
    }
}
