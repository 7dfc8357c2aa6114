//! Google's cloud: two stores, keys, two token services, the metadata server, on one address.
//!
//! The hosts that clients name are the real ones or this machine; a regional host serves its region only.

mod access;
mod alt;
mod error;
mod iam_credentials;
mod kms;
mod metadata;
mod page;
mod parameter_manager;
mod parameters;
mod payload;
mod projects;
mod render;
mod resource;
mod secret_manager;
mod secrets;
mod sts;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use kms::Kms;
pub use metadata::Node;
pub use parameters::{Format, Parameters};
pub use secrets::{Secrets, State};
pub use sts::{Members, Pool};

use crate::server::Cloud;
use crate::{Answer, Ask, Grants, Tokens, Trust};
use error::Refused;
use projects::Projects;
use resource::Target;

/// What access tokens are for; Google's are for all of its services.
const AUDIENCE: &str = "googleapis.com";
const HOUR: Duration = Duration::from_secs(3600);

/// Google's cloud.
#[derive(Debug, Default)]
pub struct Gcp {
    /// Whose ServiceAccount tokens the token service believes.
    pub trust: Arc<Trust>,
    /// Who may use what: `projects/P/secrets/S`, `projects/P` to list, `projects/P/locations/L/parameters/N`,
    /// `projects/P/locations/L/keyRings/R/cryptoKeys/K`, `serviceAccounts/EMAIL` to become that account. Projects are named by their id.
    pub grants: Arc<Grants>,
    /// Access tokens.
    pub tokens: Arc<Tokens>,
    /// Secret Manager's entries.
    pub secrets: Secrets,
    /// Parameter Manager's entries.
    pub parameters: Parameters,
    /// Cloud KMS's keys.
    pub kms: Kms,
    pools: sts::Pools,
    node: metadata::Place,
    projects: Projects,
    pages: page::Limit,
}

impl Gcp {
    /// A cloud that trusts nobody yet.
    #[must_use]
    pub fn new(trust: Arc<Trust>) -> Self {
        Self {
            trust,
            ..Self::default()
        }
    }

    /// An access token of this principal, as `gcloud auth print-access-token` gives one.
    #[must_use]
    pub fn token(&self, principal: &str) -> String {
        self.tokens.issue("ya29.", principal, AUDIENCE, HOUR)
    }

    /// Makes a pool of identities known to the token service.
    pub fn add_pool(&self, pool: Pool) {
        self.pools.add(pool);
    }

    /// The metadata server answers as on this node.
    pub fn set_node(&self, node: Node) {
        self.node.set(node);
    }

    /// No page has more entries than this, whatever is asked.
    pub fn set_page_limit(&self, limit: usize) {
        self.pages.set(limit);
    }

    fn route(&self, ask: &Ask) -> Result<Answer, Refused> {
        if ask.path == "/v1/token" {
            return Ok(sts::exchange(self, ask));
        }
        if ask.path == "/" || ask.path.starts_with("/computeMetadata/") {
            return Ok(metadata::answer(self, ask));
        }
        if ask.path.contains("/keyRings/") {
            return kms::answer(self, ask);
        }
        let target = Target::parse(&ask.path)?;
        target.at_home(ask.host_name())?;
        match &target {
            Target::Account { email, verb } => iam_credentials::answer(self, ask, email, verb),
            Target::Store(at) if at.collection == "secrets" => {
                secret_manager::answer(self, ask, at)
            }
            Target::Store(at) => parameter_manager::answer(self, ask, at),
        }
    }
}

#[async_trait]
impl Cloud for Gcp {
    async fn answer(&self, ask: &Ask) -> Answer {
        self.route(ask).unwrap_or_else(|refused| refused.answer())
    }

    fn error(&self, _: &Ask, status: u16) -> Answer {
        Refused::of_status(status).answer()
    }
}
