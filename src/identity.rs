//! ServiceAccounts as whom stores are read: looked up by name, with tokens of their own.
//!
//! Nothing is mounted and no token is kept: each is asked for when a cloud wants one, for that cloud
//! only, bound to a pod that lives, and ten minutes long (the least that the API server gives).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jasm_providers::{Error, Workload};
use kube::Client;
use tokio::time::{Instant, timeout_at};

use crate::pull::index::Index;

mod account;
mod api;
mod found;
mod own;

pub use account::Account;
use account::Pods;
pub use found::found;
pub use own::{Forbidden, Own};

/// What is written on a ServiceAccount is asked again after this long.
const KNOWN: Duration = Duration::from_secs(60);
/// What was asked so recently is not doubted: refusals come in numbers.
const FRESH: Duration = Duration::from_secs(5);
/// So many are known; who was not asked for the longest time is asked again.
const MOST: usize = 1_000;

/// A ServiceAccount that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Who it is, with the tokens that it gives.
    pub account: Arc<dyn Workload>,
    /// Equal for as long as it is the same ServiceAccount and says the same.
    pub mark: Arc<str>,
}

/// Finds the ServiceAccounts of pods.
#[async_trait]
pub trait Accounts: Send + Sync + fmt::Debug {
    /// One of them.
    ///
    /// # Errors
    /// It does not exist, or the API server does not tell.
    async fn find(&self, namespace: &str, name: &str, deadline: Instant) -> Result<Found, Error>;

    /// Whether their tokens may be for this audience at all.
    ///
    /// # Errors
    /// It is the API server's own.
    fn allows<'a>(&self, audience: &'a str) -> Result<(), Forbidden<'a>>;

    /// What is known of it may be out of date: a store refused it.
    fn doubt(&self, namespace: &str, name: &str);
}

/// Asks the API server.
pub struct ServiceAccounts {
    client: Client,
    index: Arc<Mutex<Index>>,
    own: Arc<Own>,
    known: Mutex<HashMap<Name, Slot>>,
}

/// Namespace and name.
type Name = (Arc<str>, Arc<str>);

/// One lookup at a time for each: a burst of pods of one ServiceAccount is one GET.
#[derive(Clone)]
struct Slot {
    known: Arc<tokio::sync::Mutex<Option<Known>>>,
    used: Instant,
}

struct Known {
    found: Found,
    asked: Instant,
    doubted: bool,
}

impl Known {
    fn serves(&self) -> bool {
        let age = self.asked.elapsed();
        age < KNOWN && !(self.doubted && age >= FRESH)
    }
}

impl fmt::Debug for ServiceAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceAccounts")
    }
}

impl ServiceAccounts {
    /// Asks with this client, whose own token is for the API server; the index knows the pods that tokens are
    /// bound to.
    #[must_use]
    pub fn new(client: Client, own: Own, index: Arc<Mutex<Index>>) -> Self {
        Self {
            client,
            index,
            own: Arc::new(own),
            known: Mutex::default(),
        }
    }

    fn slot(&self, namespace: &str, name: &str) -> Arc<tokio::sync::Mutex<Option<Known>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key: Name = (namespace.into(), name.into());
        if !known.contains_key(&key)
            && known.len() >= MOST
            && let Some(oldest) = known
                .iter()
                .min_by_key(|(_, slot)| slot.used)
                .map(|(key, _)| key.clone())
        {
            known.remove(&oldest);
        }
        let used = Instant::now();
        let slot = known.entry(key).or_insert_with(|| Slot {
            known: Arc::default(),
            used,
        });
        slot.used = used;
        slot.known.clone()
    }
}

#[async_trait]
impl Accounts for ServiceAccounts {
    async fn find(&self, namespace: &str, name: &str, deadline: Instant) -> Result<Found, Error> {
        let slot = self.slot(namespace, name);
        let Ok(mut slot) = timeout_at(deadline, slot.lock()).await else {
            return Err(api::late(&api::who(namespace, name)));
        };
        if let Some(known) = slot.as_ref().filter(|known| known.serves()) {
            return Ok(known.found.clone());
        }
        let asked = Instant::now();
        let written = api::look_up(&self.client, namespace, name, deadline).await?;
        let mark: Arc<str> = crate::pull::digest(&written).into();
        let account = Account::new(
            self.client.clone(),
            self.own.clone(),
            Pods::Watched(self.index.clone()),
            namespace,
            name,
            written.annotations,
        );
        let found = Found {
            account: Arc::new(account),
            mark,
        };
        *slot = Some(Known {
            found: found.clone(),
            asked,
            doubted: false,
        });
        Ok(found)
    }

    fn allows<'a>(&self, audience: &'a str) -> Result<(), Forbidden<'a>> {
        self.own.allows(audience)
    }

    fn doubt(&self, namespace: &str, name: &str) {
        let key = (namespace.into(), name.into());
        let slot = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&key).map(|slot| slot.known.clone())
        };
        // Being looked up at this moment, it is no older than the doubt.
        if let Some(Ok(mut known)) = slot.as_ref().map(|slot| slot.try_lock())
            && let Some(known) = known.as_mut()
        {
            known.doubted = true;
        }
    }
}
