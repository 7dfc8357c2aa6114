//! The cluster as kubectl's flags name it, with the rights of whoever calls.

use std::path::{Path, PathBuf};

use clap::Args;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// Flags that kubectl has too.
#[derive(Debug, Args)]
pub(super) struct Access {
    /// The kubeconfig [default: that of the environment, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The namespace [default: the context's own]
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

impl Access {
    /// A client and the namespace that is meant.
    ///
    /// # Errors
    /// One sentence: there is no kubeconfig, no such context, or it cannot be used.
    pub(super) async fn connect(&self) -> Result<(Client, String), String> {
        let config = config(self.kubeconfig.as_deref(), self.context.as_deref()).await?;
        let namespace = self
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        Ok((client(config)?, namespace))
    }
}

/// What a kubeconfig says of a context.
///
/// # Errors
/// One sentence: there is no kubeconfig, no such context, or it cannot be used.
pub(super) async fn config(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<kube::Config, String> {
    let kubeconfig = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path)
            .map_err(|error| format!("the kubeconfig {} cannot be read: {error}", path.display())),
        None => Kubeconfig::read().map_err(|error| {
            format!("there is no kubeconfig that can be read, name one with --kubeconfig: {error}")
        }),
    }?;
    let options = KubeConfigOptions {
        context: context.map(str::to_owned),
        ..KubeConfigOptions::default()
    };
    kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| unusable(&error))
}

/// A client of that cluster.
///
/// # Errors
/// One sentence.
pub(super) fn client(config: kube::Config) -> Result<Client, String> {
    Client::try_from(config).map_err(|error| unusable(&error))
}

fn unusable(error: &dyn std::fmt::Display) -> String {
    format!("the kubeconfig cannot be used: {error}")
}
