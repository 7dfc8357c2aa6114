//! `jasm doctor`: what of the config, the stores and the cluster does not work, and what mends it.
//!
//! [`stores`] looks at each store as JASM would read it, [`cluster`], [`rights`] and [`policies`] at the
//! API server; [`choice`] and [`advice`] are pure; [`report`] tells it. No value is printed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jasm_providers::{Error, ErrorKind, Workload};
use tokio::time::Instant;

use super::account::{Account, account};
use super::config::Format;
use super::operator::Config;
use super::{Exit, Outcome, Stop, Streams};
use crate::identity;
use crate::pull::reference::Catalog as _;
use crate::settings::{self, Identity, Settings};

mod advice;
mod choice;
mod cluster;
mod policies;
mod report;
mod rights;
mod stores;

use choice::Wanted;
use report::Report;

/// Flags of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  jasm doctor --config jasm.yaml
  jasm doctor --config jasm.yaml --read aws:/shop/db --as shop/web
  kubectl exec -n jasm-system deploy/jasm -- /jasm doctor --config /etc/jasm/jasm.yaml

Exit codes: 0 nothing fails (warnings may be there); 1 something fails; 2 the call is wrong or the config cannot be read.")]
pub struct Doctor {
    /// The operator's config
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// Only this store of the config; may be repeated
    #[arg(long = "store", value_name = "NAME")]
    stores: Vec<String>,
    /// An entry to read, ?version=VERSION behind it if need be; may be repeated [default: the first path
    /// in a store's rules that names one entry]
    #[arg(long = "read", value_name = "STORE:PATH")]
    reads: Vec<String>,
    /// The ServiceAccount as which stores with "identity: workload" are read; a pod of it has to live
    #[arg(long = "as", value_name = "NAMESPACE/SERVICEACCOUNT", value_parser = account)]
    read_as: Option<Account>,
    /// JASM's own ServiceAccount, whose rights are looked at [default: whose the kubeconfig is, if that is
    /// a ServiceAccount, else jasm-system/jasm]
    #[arg(long, value_name = "NAMESPACE/SERVICEACCOUNT", value_parser = account)]
    account: Option<Account>,
    /// The kubeconfig [default: that of the environment, or ~/.kube/config, or the pod's own account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Look at the stores only
    #[arg(long, conflicts_with_all = ["read_as", "account", "kubeconfig", "context"])]
    no_cluster: bool,
    /// What to print
    #[arg(long, visible_alias = "output", value_enum, default_value_t)]
    format: Format,
}

/// The ServiceAccount that reads, or why there is none.
type Reader = Option<Result<Arc<dyn Workload>, Error>>;

/// Looks.
///
/// # Errors
/// The config cannot be read, a store that is named is not in it, or the result cannot be written.
pub fn run(args: Doctor, streams: &mut Streams<'_>) -> Outcome {
    let config = Config::needed(&args.config, streams)?;
    let settings = &config.settings;
    let wanted = choice::wanted(&args.reads, settings)?;
    let chosen = chosen(&args.stores, &wanted, settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {}", error.kind()))?;
    let report = runtime.block_on(examine(&args, settings, &chosen, &wanted));
    // A disk or a name service that hangs is not waited for.
    runtime.shutdown_timeout(Duration::ZERO);
    match args.format {
        Format::Json => {
            let json = serde_json::to_value(&report).map_err(|error| error.to_string())?;
            writeln!(streams.output, "{json:#}")?;
        }
        Format::Text => report.write(streams.output)?,
    }
    Ok(Exit::of(report.fine))
}

/// The stores that are meant: all, or those that are named in either way.
fn chosen<'a>(
    names: &[String],
    wanted: &[Wanted],
    settings: &'a Settings,
) -> Result<Vec<&'a settings::Store>, Stop> {
    let mut only = Vec::new();
    for name in names {
        let Some((store, _)) = settings.find(name) else {
            return Err(unknown(name, settings).into());
        };
        only.push(store.name.clone());
    }
    if let Some(wanted) = wanted
        .iter()
        .find(|it| !only.is_empty() && !only.contains(&it.store))
    {
        let sentence = format!(
            "--read names the store \"{}\", which --store leaves out",
            wanted.store
        );
        return Err(sentence.into());
    }
    let stores = settings.stores.iter();
    Ok(stores
        .filter(|store| only.is_empty() || only.contains(&store.name))
        .collect())
}

/// No store of that name, and what there is.
fn unknown(name: &str, settings: &Settings) -> String {
    let names: Vec<_> = settings.stores.iter().map(|it| &it.name[..]).collect();
    crate::yaml::unknown("store", name, &names)
}

async fn examine(
    args: &Doctor,
    settings: &Settings,
    chosen: &[&settings::Store],
    wanted: &[Wanted],
) -> Report {
    let (client, no_client) = if args.no_cluster {
        (None, None)
    } else {
        match cluster::connect(args.kubeconfig.as_deref(), args.context.as_deref()).await {
            Ok(found) => (Some(found), None),
            Err(missing) => (None, Some(missing)),
        }
    };
    let reads_as_workload = chosen
        .iter()
        .any(|store| store.identity == Identity::Workload);
    let reader: Reader = match (&args.read_as, &client) {
        (Some(account), Some(cluster)) if reads_as_workload => {
            let deadline = Instant::now() + settings.store_timeout;
            let (namespace, name) = (&account.namespace, &account.name);
            Some(identity::found(&cluster.client, &cluster.own, namespace, name, deadline).await)
        }
        (Some(account), None) => Some(Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "there is no cluster to ask for a token of the ServiceAccount {}/{}",
                account.namespace, account.name
            ),
        ))),
        _ => None,
    };
    let namespace = args.read_as.as_ref().map(|account| &account.namespace[..]);
    let looked = chosen.iter().map(|store| {
        let wanted = wanted.iter().filter(|it| it.store == store.name).collect();
        stores::look(store, settings, wanted, namespace, &reader)
    });
    let of_cluster = async {
        match (&client, no_client) {
            (Some(it), _) => {
                let part = cluster::look(
                    &it.client,
                    &it.address,
                    settings,
                    chosen,
                    args.account.as_ref(),
                );
                Some(part.await)
            }
            (None, Some(missing)) => Some(missing),
            (None, None) => None,
        }
    };
    let (cluster, stores) = tokio::join!(of_cluster, futures::future::join_all(looked));
    Report::new(cluster, stores)
}
