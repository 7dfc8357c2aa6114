//! AWS's token service, and a gate in front of another AWS that knows the sessions which it gave out.

mod gate;
mod requests;
mod roles;
mod sessions;
mod signature;
mod sts;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

pub use roles::Role;

use crate::lock::lock;
use crate::server::Cloud;
use crate::{Answer, Ask, Grants, Trust};
use gate::Upstream;
use sessions::Sessions;

/// AWS.
#[derive(Debug)]
pub struct Aws {
    /// Whose ServiceAccount tokens the token service believes.
    pub trust: Arc<Trust>,
    /// Who may use what behind the gate: principals are `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` or what
    /// [`add_key`](Self::add_key) said; resources `secretsmanager:NAME`, `ssm:NAME` and
    /// `kms:key/ID`. A name is taken as it is
    /// written in a request; of an ARN, what follows the kind.
    pub grants: Arc<Grants>,
    sessions: Sessions,
    roles: Mutex<Vec<Role>>,
    upstream: Option<Upstream>,
}

impl Aws {
    /// The token service, and the gate to the AWS at `upstream`, an `http://…` address, if there is one.
    ///
    /// # Errors
    /// No client can be made for it.
    pub fn new(trust: Arc<Trust>, upstream: Option<&str>) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            trust,
            grants: Arc::default(),
            sessions: Sessions::default(),
            roles: Mutex::default(),
            upstream: upstream.map(Upstream::new).transpose()?,
        }))
    }

    /// Makes a role known.
    pub fn add_role(&self, role: Role) {
        lock(&self.roles).push(role);
    }

    /// An access key that does not end, as of an IAM user: what the controller has in tests.
    pub fn add_key(&self, id: &str, secret: &str, principal: &str) {
        self.sessions.add(id, secret, principal);
    }

    /// No session given out so far is good any more; keys stay.
    pub fn revoke_sessions(&self) {
        self.sessions.revoke();
    }
}

#[async_trait]
impl Cloud for Aws {
    async fn answer(&self, ask: &Ask) -> Answer {
        match ask.field("Action").as_deref() {
            Some("AssumeRoleWithWebIdentity") => sts::assume(self, ask),
            Some("AssumeRole") => sts::assume_signed(self, ask),
            Some("GetCallerIdentity") => sts::identity(self, ask),
            _ => gate::pass(self, ask).await,
        }
    }

    fn error(&self, ask: &Ask, status: u16) -> Answer {
        requests::Refusal::of_status(status).answer(ask)
    }
}
