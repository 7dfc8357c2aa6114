//! A mount when it is looked at.

use async_trait::async_trait;
use tokio::time::Instant;

use super::store::Get;
use super::{Connection, Vault};
use crate::check::Check;
use crate::http::Answer;
use crate::{Error, ErrorKind};

/// What a mount is, which whoever has any right below it may see. The server's own command line asks it
/// so: <https://github.com/hashicorp/vault/blob/main/command/kv_helpers.go>
const MOUNTS: &str = "sys/internal/ui/mounts";
/// Far more than a mount's description.
const LARGEST: usize = 256 * 1024;

#[async_trait]
impl Check for Vault {
    async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        let held = self.token(deadline).await?;
        self.desk.whoami(held.value(), deadline).await
    }

    async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        let mount = self.connection.mount();
        let get = Get {
            operation: "ReadMount",
            path: format!("{MOUNTS}/{mount}"),
            query: None,
            limit: LARGEST,
        };
        self.ask(&get, |answer| engine(answer, &self.connection), deadline)
            .await
    }
}

fn engine(answer: &Answer, connection: &Connection) -> Result<(), Error> {
    let mount = connection.mount();
    match answer.status {
        200 => {}
        403 => {
            let sentence = format!(
                "nothing below {mount} is allowed to the identity that reads this store, or nothing is mounted there"
            );
            return Err(Error::new(ErrorKind::Denied, sentence));
        }
        _ => return Err(super::answer::refused(answer, mount, mount)),
    }
    // What the answer does not tell is no reason to doubt the config.
    super::answer::engine(answer, connection).map(|_| ())
}
