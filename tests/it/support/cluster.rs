//! The one cluster of this process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::Deserialize;

use super::part;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cluster {
    pub(crate) kubeconfig: String,
    pub(crate) audit_log: String,
    pub(crate) server: String,
    /// Empty if the cluster's programs came without one.
    pub(crate) kubectl: String,
    /// The launcher ends the cluster when its standard input closes, so when this process is gone.
    #[serde(skip)]
    _launcher: Option<Child>,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

pub(crate) fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(start)
}

/// Starts one that ends with what is returned.
pub(crate) fn start() -> Cluster {
    let launcher = part("JASM_TEST_LAUNCHER", "tests/cluster/build.sh", "launcher=");
    let bin = part("JASM_TEST_BIN", "tests/cluster/build.sh", "bin=");
    let mut child = Command::new(launcher)
        .args(["up", "--bin", &bin])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the cluster's launcher starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let mut cluster: Cluster = serde_json::from_str(&line)
        .expect("the cluster starts; if not, its launcher says above why");
    cluster._launcher = Some(child);
    cluster
}

/// A client with every right, on the runtime of the calling test.
pub(crate) async fn admin() -> Client {
    provider();
    let kubeconfig = Kubeconfig::read_from(&cluster().kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// A client with no rights of its own: whoever sends through it brings theirs.
pub(crate) async fn without_credentials() -> Client {
    provider();
    let kubeconfig = Kubeconfig::read_from(&cluster().kubeconfig).unwrap();
    let authority = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap()
        .root_cert;
    let mut config = kube::Config::new(cluster().server.parse().unwrap());
    config.root_cert = authority;
    Client::try_from(config).unwrap()
}

/// The CA of the API server, as PEM.
pub(crate) fn authority() -> String {
    let kubeconfig = Kubeconfig::read_from(&cluster().kubeconfig).unwrap();
    let encoded = kubeconfig.clusters[0]
        .cluster
        .as_ref()
        .unwrap()
        .certificate_authority_data
        .clone();
    let pem: k8s_openapi::ByteString = serde_json::from_value(encoded.into()).unwrap();
    String::from_utf8(pem.0).unwrap()
}

/// The TLS provider of this process, chosen once.
pub(crate) fn provider() {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}
