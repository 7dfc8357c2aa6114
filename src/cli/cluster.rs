//! The cluster as kubectl's flags name it, with the rights of whoever calls.

use std::path::PathBuf;

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
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path).map_err(|error| {
                format!("the kubeconfig {} cannot be read: {error}", path.display())
            }),
            None => Kubeconfig::read().map_err(|error| {
                format!(
                    "there is no kubeconfig that can be read, name one with --kubeconfig: {error}"
                )
            }),
        }?;
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|error| format!("the kubeconfig cannot be used: {error}"))?;
        let namespace = self
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config)
            .map_err(|error| format!("the kubeconfig cannot be used: {error}"))?;
        Ok((client, namespace))
    }
}
