//! A mount when it is looked at.

use async_trait::async_trait;
use serde::Deserialize;
use tokio::time::Instant;

use super::options::Engine;
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

#[derive(Deserialize)]
struct Mounted {
    data: Mount,
}

#[derive(Deserialize)]
struct Mount {
    #[serde(default)]
    r#type: String,
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Options {
    version: Option<String>,
}

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
    let mounted: Mounted =
        serde_json::from_slice(&answer.body).map_err(|_| answer.senseless(mount))?;
    let Mount { r#type, options } = mounted.data;
    if r#type != "kv" && r#type != "generic" {
        let sentence =
            format!("what is mounted at {mount} is no key-value engine: check the store's mount");
        return Err(Error::new(ErrorKind::Invalid, sentence));
    }
    let version = options.and_then(|options| options.version);
    let found = match version.as_deref() {
        Some("2") => Engine::V2,
        _ => Engine::V1,
    };
    if found == connection.engine() {
        return Ok(());
    }
    let sentence = format!(
        "the engine at {mount} is not of the version that the store's config says: change its kv"
    );
    Err(Error::new(ErrorKind::Invalid, sentence))
}
