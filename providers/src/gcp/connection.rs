//! One project and location: hosts, TLS roots, the cluster that workloads are of.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::metadata;
use crate::http;
use crate::source::Observer;
use crate::{Error, ErrorKind};

/// The hosts of Google's services that credentials are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// The Security Token Service.
    pub sts: String,
    /// The IAM Service Account Credentials API.
    pub iam_credentials: String,
    /// Where the controller's own refresh tokens and keys are exchanged.
    pub oauth: String,
    /// Cloud KMS, which has the keys of all locations.
    pub kms: String,
    /// The metadata server.
    pub metadata: String,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            sts: "https://sts.googleapis.com".to_owned(),
            iam_credentials: "https://iamcredentials.googleapis.com".to_owned(),
            oauth: "https://oauth2.googleapis.com".to_owned(),
            kms: "https://cloudkms.googleapis.com".to_owned(),
            // The address that no DNS server can take over.
            metadata: "http://169.254.169.254".to_owned(),
        }
    }
}

/// The GKE cluster whose ServiceAccounts read; what is left out is asked of the metadata server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The cluster's project.
    pub project: Option<String>,
    /// Its location: a region or a zone.
    pub location: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The workload identity pool; none is `PROJECT.svc.id.goog`.
    pub pool: Option<String>,
    /// The provider within a pool of IAM's own, for clusters outside of GKE:
    /// `//iam.googleapis.com/projects/N/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`.
    pub provider: Option<String>,
}

/// How Google Cloud is reached; written by the operator, never by an annotation.
#[derive(Clone)]
pub struct Options {
    /// The project's id.
    pub project: String,
    /// The location; none is `global`.
    pub location: Option<String>,
    /// A private endpoint or a fake; none is the service's own.
    pub endpoint: Option<String>,
    /// Certificates trusted besides the system's, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The cluster of workloads.
    pub cluster: Cluster,
    /// The hosts that give tokens.
    pub hosts: Hosts,
    /// The controller's credentials; none is what the environment offers
    /// (`GOOGLE_APPLICATION_CREDENTIALS`, the well-known file, the metadata server).
    pub credentials: Option<PathBuf>,
    /// Longest that a call may take with all its tries.
    pub timeout: Duration,
    /// Tries of a call, the first included.
    pub attempts: u32,
}

impl Options {
    /// The defaults for a project.
    pub fn new(project: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            location: None,
            endpoint: None,
            ca_pem: None,
            cluster: Cluster::default(),
            hosts: Hosts::default(),
            credentials: None,
            timeout: Duration::from_secs(10),
            attempts: 3,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("project", &self.project)
            .field("location", &self.location)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// One project and location; clones share connections.
#[derive(Clone)]
pub struct Connection {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) http: http::Client,
    /// The store's own endpoint.
    endpoint: Option<Url>,
    /// What workloads exchange their tokens for, once it is known.
    federation: OnceCell<Federation>,
}

/// Whom workloads' tokens are for, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Federation {
    /// The audience of the ServiceAccount's token.
    pub(super) token_audience: String,
    /// The audience of the exchange.
    pub(super) exchange_audience: String,
}

impl Connection {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// The project, the location or a part of the cluster is not a name, the endpoint no address, or the
    /// CA file holds no certificate.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let cluster = &options.cluster;
        let names = [
            (Name::Project, Some(&options.project)),
            (Name::Place, options.location.as_ref()),
            (Name::Project, cluster.project.as_ref()),
            (Name::Place, cluster.location.as_ref()),
            (Name::Place, cluster.name.as_ref()),
            (Name::Project, cluster.pool.as_ref()),
            (Name::Provider, cluster.provider.as_ref()),
        ];
        for (name, text) in names {
            if let Some(text) = text {
                name.check(text)?;
            }
        }
        for host in [
            &options.hosts.sts,
            &options.hosts.iam_credentials,
            &options.hosts.oauth,
            &options.hosts.kms,
        ] {
            http::address(host)?;
        }
        Ok(Self {
            shared: Arc::new(Shared {
                http: http::Client::new(options.ca_pem.as_deref(), options.timeout)?,
                endpoint: options.endpoint.as_deref().map(http::address).transpose()?,
                options: options.clone(),
                federation: OnceCell::new(),
            }),
        })
    }

    /// Where a service is: the store's own endpoint, the location's or the global one.
    pub(super) fn endpoint(&self, service: &str) -> Result<Url, Error> {
        let host = match (
            &self.shared.endpoint,
            self.shared.options.location.as_deref(),
        ) {
            (Some(endpoint), _) => return Ok(endpoint.clone()),
            (None, None | Some("global")) => format!("https://{service}.googleapis.com"),
            (None, Some(location)) => format!("https://{service}.{location}.rep.googleapis.com"),
        };
        http::address(&host)
    }

    /// The names of the two audiences, from the settings and, for what they leave out, from the metadata server.
    pub(super) async fn federation(
        &self,
        observer: &Observer,
        deadline: Instant,
    ) -> Result<&Federation, Error> {
        let shared = &self.shared;
        shared
            .federation
            .get_or_try_init(|| async {
                let cluster = &shared.options.cluster;
                if let Some(provider) = &cluster.provider {
                    return Ok(Federation {
                        token_audience: format!("https:{provider}"),
                        exchange_audience: provider.clone(),
                    });
                }
                let asked = |known: &Option<String>, path: &'static str| {
                    let known = known.clone();
                    async move {
                        match known {
                            Some(known) => Ok(known),
                            None => metadata::text(self, observer, path, deadline).await,
                        }
                    }
                };
                let project = asked(&cluster.project, "project/project-id").await?;
                let location =
                    asked(&cluster.location, "instance/attributes/cluster-location").await?;
                let name = asked(&cluster.name, "instance/attributes/cluster-name").await?;
                let pool = match &cluster.pool {
                    Some(pool) => pool.clone(),
                    None => format!("{project}.svc.id.goog"),
                };
                Name::Project.check(&project)?;
                Name::Place.check(&location)?;
                Name::Place.check(&name)?;
                Ok(Federation {
                    exchange_audience: format!(
                        "identitynamespace:{pool}:https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}"
                    ),
                    token_audience: pool,
                })
            })
            .await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

/// The names that become a part of a URL or of an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A project's id, or a workload identity pool, which is made of one.
    Project,
    /// A region, a zone or a cluster.
    Place,
    /// A provider of a workload identity pool, as its whole resource name.
    Provider,
}

impl Name {
    /// Refuses what could become another URL.
    ///
    /// # Errors
    /// The text is no such name.
    pub fn check(self, text: &str) -> Result<(), Error> {
        let (extra, advice) = match self {
            Self::Project => (
                ":.-",
                "a project or pool of google cloud is made of letters, digits and -: write its id, not its display name",
            ),
            Self::Place => (
                "-",
                "a location or cluster of google cloud is made of letters, digits and -, as in europe-west1",
            ),
            Self::Provider => (
                "/.-",
                "a provider is written as //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
            ),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
        let begins = match self {
            Self::Provider => {
                let rest = text.strip_prefix("//iam.googleapis.com/");
                let parts: Vec<_> = rest.unwrap_or_default().split('/').collect();
                let kinds: Vec<_> = parts.iter().step_by(2).copied().collect();
                kinds
                    == [
                        "projects",
                        "locations",
                        "workloadIdentityPools",
                        "providers",
                    ]
                    && parts.len() == 8
                    && parts.iter().all(|part| !part.is_empty())
            }
            Self::Project | Self::Place => text.starts_with(|c: char| c.is_ascii_alphanumeric()),
        };
        if begins && text.len() <= 512 && text.chars().all(allowed) && !text.contains("..") {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, advice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_another_url_are_refused() {
        let good = Options {
            location: Some("europe-west1".into()),
            ..Options::new("example.com:acme-1")
        };
        assert!(Connection::new(&good).is_ok());
        for bad in ["", "..", "a/b", "a?b", "a#b", "a%2e", "a b", ".a", "a..b"] {
            assert_eq!(
                Connection::new(&Options::new(bad)).unwrap_err().kind,
                ErrorKind::Invalid,
                "{bad:?}"
            );
            let options = Options {
                location: Some(bad.into()),
                ..Options::new("p")
            };
            assert!(Connection::new(&options).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn hosts_are_those_of_the_location() {
        let endpoint = |location: Option<&str>, endpoint: Option<&str>| {
            let options = Options {
                location: location.map(str::to_owned),
                endpoint: endpoint.map(str::to_owned),
                ..Options::new("p")
            };
            let url = Connection::new(&options)
                .unwrap()
                .endpoint("secretmanager")
                .unwrap();
            url.as_str().trim_end_matches('/').to_owned()
        };
        assert_eq!(endpoint(None, None), "https://secretmanager.googleapis.com");
        assert_eq!(
            endpoint(Some("global"), None),
            "https://secretmanager.googleapis.com"
        );
        assert_eq!(
            endpoint(Some("europe-west1"), None),
            "https://secretmanager.europe-west1.rep.googleapis.com"
        );
        assert_eq!(
            endpoint(Some("europe-west1"), Some("http://localhost:1/")),
            "http://localhost:1"
        );
    }

    #[tokio::test]
    async fn audiences_follow_from_the_settings_without_a_call() {
        let observer: Observer = Arc::new(|call| panic!("{call:?}"));
        let federation = |cluster: Cluster| {
            let observer = Arc::clone(&observer);
            async move {
                let options = Options {
                    cluster,
                    ..Options::new("store-project")
                };
                let connection = Connection::new(&options).unwrap();
                connection
                    .federation(&observer, Instant::now())
                    .await
                    .cloned()
                    .unwrap()
            }
        };
        let cluster = Cluster {
            project: Some("acme".into()),
            location: Some("europe-west1-b".into()),
            name: Some("prod".into()),
            ..Cluster::default()
        };
        assert_eq!(
            federation(cluster).await,
            Federation {
                token_audience: "acme.svc.id.goog".into(),
                exchange_audience: "identitynamespace:acme.svc.id.goog:https://container.googleapis.com/v1/projects/acme/locations/europe-west1-b/clusters/prod".into(),
            }
        );
        let provider =
            "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b";
        let cluster = Cluster {
            provider: Some(provider.into()),
            ..Cluster::default()
        };
        assert_eq!(
            federation(cluster).await,
            Federation {
                token_audience: format!("https:{provider}"),
                exchange_audience: provider.into(),
            }
        );
    }
}
