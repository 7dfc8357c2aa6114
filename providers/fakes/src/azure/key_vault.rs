//! Key Vault's secrets, and as much of its keys as decrypts: https://learn.microsoft.com/rest/api/keyvault/secrets

mod deleted;
mod keys;
mod refusal;
mod secrets;
mod shape;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::Method;
use serde_json::{Map, Value as Json, json};

use super::{Addressed, Azure, AzureCloud, addressed};
use crate::lock::lock;
use crate::server::Cloud;
use crate::{Answer, Ask};
use keys::Keys;
use refusal::Refusal;
use secrets::{Secret, Vaults, Version};

/// GetSecrets, maxresults.
const PAGE: usize = 25;
/// A value's characters: https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
const LARGEST: usize = 25 << 10;

/// All vaults.
#[derive(Debug)]
pub struct KeyVault {
    azure: Azure,
    /// Where the challenge sends clients for a token.
    authority: Mutex<Option<String>>,
    cloud: Mutex<AzureCloud>,
    vaults: Mutex<Vaults>,
    keys: Keys,
    page: AtomicUsize,
}

impl KeyVault {
    /// Vaults without secrets; a vault is there when it is first asked for.
    #[must_use]
    pub fn new(azure: &Azure) -> Arc<Self> {
        Arc::new(Self {
            azure: azure.clone(),
            authority: Mutex::default(),
            cloud: Mutex::default(),
            vaults: Mutex::default(),
            keys: Keys::default(),
            page: AtomicUsize::new(PAGE),
        })
    }

    /// The challenge names this address: Entra's endpoint and the tenant, which clients compare with theirs.
    pub fn set_authority(&self, address: &str) {
        *lock(&self.authority) = Some(address.to_owned());
    }

    /// Whose vaults are asked where the host does not tell.
    pub fn set_cloud(&self, cloud: AzureCloud) {
        *lock(&self.cloud) = cloud;
    }

    fn challenge(&self, wrong: bool, cloud: AzureCloud) -> Refusal {
        Refusal::challenge(wrong, lock(&self.authority).as_deref(), cloud.vaults())
    }

    /// No page has more entries than this.
    pub fn set_page_limit(&self, limit: usize) {
        self.page.store(limit.max(1), Ordering::Relaxed);
    }

    /// Adds a version; its 32 hexadecimal digits.
    pub fn put(&self, vault: &str, name: &str, value: &str) -> String {
        self.with(vault, name, |secret| {
            secret.add(value, None, Default::default()).id.clone()
        })
    }

    /// Adds a version with the tags of the one before, as somebody does who changes the value alone.
    pub fn change(&self, vault: &str, name: &str, value: &str) {
        self.with(vault, name, |secret| {
            let tags = secret.find(None).map(|version| version.tags.clone());
            secret.add(value, None, tags.unwrap_or_default());
        });
    }

    /// Puts another tag on the current version.
    pub fn tag(&self, vault: &str, name: &str, tag: &str, text: &str) {
        self.with(vault, name, |secret| {
            if let Some(version) = secret.find_mut(None) {
                version.tags.insert(tag.to_owned(), text.to_owned());
                version.updated += 1;
            }
        });
    }

    /// The current value.
    #[must_use]
    pub fn value(&self, vault: &str, name: &str) -> Option<Vec<u8>> {
        self.current(vault, name, |version| version.value.0.clone())
    }

    /// The tags of the current version.
    #[must_use]
    pub fn tags(&self, vault: &str, name: &str) -> BTreeMap<String, String> {
        self.current(vault, name, |version| version.tags.clone())
            .unwrap_or_default()
    }

    /// How many versions there are.
    #[must_use]
    pub fn versions(&self, vault: &str, name: &str) -> usize {
        let vaults = lock(&self.vaults);
        let secret = vaults
            .live
            .get(vault)
            .and_then(|all| all.get(&name.to_ascii_lowercase()));
        secret.map_or(0, |secret| secret.versions.len())
    }

    fn current<T>(&self, vault: &str, name: &str, of: impl Fn(&Version) -> T) -> Option<T> {
        let vaults = lock(&self.vaults);
        let secret = vaults.live.get(vault)?.get(&name.to_ascii_lowercase())?;
        secret.find(None).map(of)
    }

    /// Makes a key of a vault; its version. Whoever has a vault's grants has those of its keys.
    ///
    /// # Errors
    /// No key can be made.
    pub fn add_key(&self, vault: &str, name: &str) -> Result<String, String> {
        self.keys.add(vault, name)
    }

    /// Encrypts with a key's public half, as `RSA-OAEP-256`; none where there is no such key.
    #[must_use]
    pub fn encrypt(&self, vault: &str, name: &str, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys.encrypt(vault, name, plain)
    }

    /// Enables or disables a version, or the current one; whether there is one.
    pub fn set_enabled(
        &self,
        vault: &str,
        name: &str,
        version: Option<&str>,
        enabled: bool,
    ) -> bool {
        self.with(vault, name, |secret| {
            secret
                .find_mut(version)
                .map(|version| version.enabled = enabled)
                .is_some()
        })
    }

    fn with<T>(&self, vault: &str, name: &str, work: impl FnOnce(&mut Secret) -> T) -> T {
        let mut vaults = lock(&self.vaults);
        let vault = vaults.live.entry(vault.to_ascii_lowercase()).or_default();
        work(
            vault
                .entry(name.to_ascii_lowercase())
                .or_insert_with(|| Secret::new(name)),
        )
    }

    fn route(&self, ask: &Ask) -> Result<Answer, Refusal> {
        let Addressed {
            name: vault,
            base,
            path,
            cloud,
        } = addressed(ask, AzureCloud::vaults, *lock(&self.cloud));
        let audience = format!("https://{}", cloud.vaults());
        let who = ask
            .bearer()
            .and_then(|token| self.azure.tokens.who(token, &audience));
        // The challenge comes before anything else is looked at.
        let who = who.ok_or_else(|| self.challenge(ask.bearer().is_some(), cloud))?;
        if ask
            .param("api-version")
            .is_none_or(|version| version.is_empty())
        {
            return Err(Refusal::parameter("api-version must be specified").by(&who));
        }
        let call = Call {
            store: self,
            ask,
            vault: &vault,
            base: &base,
            who: &who,
        };
        call.route(path)
            .map(|answer| answer.by(&who))
            .map_err(|refusal| refusal.by(&who))
    }
}

struct Call<'a> {
    store: &'a KeyVault,
    ask: &'a Ask,
    vault: &'a str,
    /// What comes before the path that clients know.
    base: &'a str,
    who: &'a str,
}

impl Call<'_> {
    fn route(&self, path: &str) -> Result<Answer, Refusal> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let method = &self.ask.method;
        match parts.as_slice() {
            ["secrets"] if method == Method::GET => self.list(),
            // Clients that ask for the current version may leave its place empty.
            ["secrets", name] | ["secrets", name, ""] if method == Method::GET => {
                self.get(name, None)
            }
            ["secrets", name] | ["secrets", name, ""] if method == Method::PUT => self.set(name),
            ["secrets", name] | ["secrets", name, ""] if method == Method::DELETE => {
                deleted::delete(self, name)
            }
            ["secrets", name, "versions"] if method == Method::GET => self.versions(name),
            ["secrets", name, version] if method == Method::GET => self.get(name, Some(*version)),
            ["secrets", name, version] if method == Method::PATCH => self.update(name, version),
            ["deletedsecrets", name] if method == Method::GET => deleted::get(self, name),
            ["deletedsecrets", name] if method == Method::DELETE => deleted::purge(self, name),
            ["deletedsecrets", name, "recover"] if method == Method::POST => {
                deleted::recover(self, name)
            }
            ["keys", name, version, "decrypt"] if method == Method::POST => {
                keys::decrypt(self, name, version)
            }
            ["keys", name, version, "encrypt"] if method == Method::POST => {
                keys::encrypt(self, name, version)
            }
            _ => Err(Refusal::no_such_path()),
        }
    }

    /// The name in the case in which it is looked up, if this principal may use it.
    fn may(&self, action: &str, name: &str) -> Result<String, Refusal> {
        let fits = (1..=127).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fits {
            return Err(Refusal::parameter(
                "The request URI contains an invalid name",
            ));
        }
        let resource = format!(
            "vaults/{}/secrets/{}",
            self.vault,
            name.to_ascii_lowercase()
        );
        if self.store.azure.grants.allows(self.who, action, &resource) {
            Ok(name.to_ascii_lowercase())
        } else {
            Err(Refusal::forbidden(action, self.vault, name))
        }
    }

    fn with<T>(
        &self,
        action: &str,
        name: &str,
        work: impl FnOnce(&mut Secret) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let key = self.may(action, name)?;
        let mut vaults = lock(&self.store.vaults);
        let secret = vaults
            .live
            .get_mut(self.vault)
            .and_then(|vault| vault.get_mut(&key));
        work(secret.ok_or_else(|| Refusal::missing(name))?)
    }

    fn get(&self, name: &str, version: Option<&str>) -> Result<Answer, Refusal> {
        self.with("getSecret", name, |secret| {
            let version = secret.find(version).ok_or_else(|| Refusal::missing(name))?;
            if !version.enabled {
                return Err(Refusal::disabled());
            }
            Ok(Answer::json(
                200,
                &shape::bundle(self.vault, &secret.name, version),
            ))
        })
    }

    fn set(&self, name: &str) -> Result<Answer, Refusal> {
        let key = self.may("setSecret", name)?;
        let body = self.ask.json().unwrap_or_default();
        let value = body
            .get("value")
            .and_then(Json::as_str)
            .filter(|value| value.len() <= LARGEST)
            .ok_or_else(|| Refusal::parameter("Property value has invalid value"))?;
        let mut vaults = lock(&self.store.vaults);
        if vaults
            .deleted
            .get(self.vault)
            .is_some_and(|vault| vault.contains_key(&key))
        {
            return Err(Refusal::conflict(name));
        }
        let vault = vaults.live.entry(self.vault.to_owned()).or_default();
        let secret = vault.entry(key).or_insert_with(|| Secret::new(name));
        let kind = body.get("contentType").and_then(Json::as_str);
        let version = secret.add(value, kind, shape::tags(&body));
        shape::read(&body, version);
        let bundle = shape::bundle(self.vault, name, version);
        Ok(Answer::json(200, &bundle))
    }

    fn update(&self, name: &str, version: &str) -> Result<Answer, Refusal> {
        let body = self.ask.json().unwrap_or_default();
        self.with("setSecret", name, |secret| {
            let shown = secret.name.clone();
            let version = secret.find_mut(Some(version).filter(|version| !version.is_empty()));
            let version = version.ok_or_else(|| Refusal::missing(name))?;
            shape::read(&body, version);
            version.updated += 1;
            Ok(Answer::json(
                200,
                &shape::item(self.vault, &shown, version, true),
            ))
        })
    }

    fn list(&self) -> Result<Answer, Refusal> {
        let resource = format!("vaults/{}", self.vault);
        if !self.store.azure.grants.allows(self.who, "list", &resource) {
            return Err(Refusal::forbidden("list", self.vault, ""));
        }
        let vaults = lock(&self.store.vaults);
        let items = vaults.live.get(self.vault).into_iter().flatten();
        let items = items
            .filter_map(|(_, secret)| {
                Some(shape::item(
                    self.vault,
                    &secret.name,
                    secret.find(None)?,
                    false,
                ))
            })
            .collect();
        self.page("/secrets", items)
    }

    fn versions(&self, name: &str) -> Result<Answer, Refusal> {
        let items = self.with("listSecretVersions", name, |secret| {
            let all = secret.versions.iter();
            Ok(all
                .map(|version| shape::item(self.vault, &secret.name, version, true))
                .collect())
        })?;
        self.page(&format!("/secrets/{name}/versions"), items)
    }

    fn page(&self, path: &str, all: Vec<Json>) -> Result<Answer, Refusal> {
        let most = self.store.page.load(Ordering::Relaxed);
        let size = match self.ask.param("maxresults") {
            None => most,
            Some(size) => match size.parse() {
                Ok(size @ 1..=PAGE) => most.min(size),
                _ => return Err(Refusal::parameter("maxresults must be between 1 and 25")),
            },
        };
        let start: usize = match self.ask.param("$skiptoken") {
            None => 0,
            Some(token) => token
                .parse()
                .map_err(|_| Refusal::parameter("Invalid skip token"))?,
        };
        let end = all.len().min(start + size);
        let mut page = Map::new();
        // On the address that the client used: it is asked as it is.
        let next = (end < all.len()).then(|| {
            let version = self.ask.param("api-version").unwrap_or_default();
            let (host, base) = (&self.ask.host, self.base);
            format!("https://{host}{base}{path}?api-version={version}&$skiptoken={end}&maxresults={size}")
        });
        page.insert("nextLink".to_owned(), json!(next));
        page.insert(
            "value".to_owned(),
            all.into_iter().take(end).skip(start).collect(),
        );
        Ok(Answer::json(200, &Json::Object(page)))
    }
}

#[async_trait]
impl Cloud for KeyVault {
    async fn answer(&self, ask: &Ask) -> Answer {
        self.route(ask).unwrap_or_else(Refusal::answer)
    }

    fn error(&self, _: &Ask, status: u16) -> Answer {
        let refusal = match status {
            401 => self.challenge(true, *lock(&self.cloud)),
            status => Refusal::of_status(status),
        };
        refusal.answer()
    }
}
