//! App Configuration's key-values: https://learn.microsoft.com/azure/azure-app-configuration/rest-api

mod etag;
mod filter;
mod problem;
mod settings;
mod shape;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json, json};

use super::{Addressed, Azure, AzureCloud, addressed};
use crate::lock::lock;
use crate::server::Cloud;
use crate::{Answer, Ask};
use etag::Conditions;
use filter::Filter;
use problem::Problem;
pub use settings::Setting;
use settings::Stores;

/// Entries of a page.
const PAGE: usize = 100;
/// Key, label, value and tags together.
const LARGEST: usize = 10_240;

/// All stores.
#[derive(Debug)]
pub struct AppConfiguration {
    azure: Azure,
    cloud: Mutex<AzureCloud>,
    stores: Mutex<Stores>,
    page: AtomicUsize,
    heard: Mutex<Vec<String>>,
}

impl AppConfiguration {
    /// Stores without settings; a store is there when it is first asked for.
    #[must_use]
    pub fn new(azure: &Azure) -> Arc<Self> {
        Arc::new(Self {
            azure: azure.clone(),
            cloud: Mutex::default(),
            stores: Mutex::default(),
            page: AtomicUsize::new(PAGE),
            heard: Mutex::default(),
        })
    }

    /// No page has more entries than this.
    pub fn set_page_limit(&self, limit: usize) {
        self.page.store(limit.max(1), Ordering::Relaxed);
    }

    /// Writes a setting; its etag.
    pub fn put(&self, store: &str, setting: Setting) -> String {
        lock(&self.stores).put(&store.to_ascii_lowercase(), setting)
    }

    /// One, as it is.
    #[must_use]
    pub fn get(&self, store: &str, key: &str, label: Option<&str>) -> Option<Setting> {
        let stores = lock(&self.stores);
        stores.get(&store.to_ascii_lowercase(), key, label).cloned()
    }

    /// How often one was written, since it is there.
    #[must_use]
    pub fn revisions(&self, store: &str, key: &str, label: Option<&str>) -> usize {
        self.get(store, key, label)
            .map_or(0, |setting| setting.revision)
    }

    /// Removes one; whether there was one.
    pub fn delete(&self, store: &str, key: &str, label: Option<&str>) -> bool {
        lock(&self.stores)
            .delete(&store.to_ascii_lowercase(), key, label)
            .is_some()
    }

    /// The `Sync-Token` headers that clients sent, as they came.
    #[must_use]
    pub fn sync_tokens(&self) -> Vec<String> {
        lock(&self.heard).clone()
    }

    /// Whose stores are asked where the host does not tell.
    pub fn set_cloud(&self, cloud: AzureCloud) {
        *lock(&self.cloud) = cloud;
    }

    /// Whose token it is: for the store's cloud, by either name, or for the store alone.
    fn who(&self, ask: &Ask, at: &Addressed<'_>) -> Option<String> {
        let token = ask.bearer()?;
        let domain = at.cloud.stores();
        let audiences = [
            at.cloud.configuration().to_owned(),
            format!("https://{domain}"),
            format!("https://{}.{domain}", at.name),
        ];
        let mut audiences = audiences.iter();
        audiences.find_map(|audience| self.azure.tokens.who(token, audience))
    }

    fn route(&self, ask: &Ask) -> Result<Answer, Problem> {
        let at = addressed(ask, AzureCloud::stores, *lock(&self.cloud));
        let who = self
            .who(ask, &at)
            .ok_or_else(|| Problem::unauthorized(ask.bearer().is_some()))?;
        if ask
            .param("api-version")
            .is_none_or(|version| version.is_empty())
        {
            return Err(Problem::argument("api-version", "API version is not specified").by(&who));
        }
        let Addressed {
            name: store, path, ..
        } = at;
        let action = match ask.method {
            Method::PUT => "write",
            Method::DELETE => "delete",
            _ => "read",
        };
        let resource = format!("configurations/{store}");
        if !self.azure.grants.allows(&who, action, &resource) {
            return Err(Problem::forbidden().by(&who));
        }
        if let Some(token) = ask.header("sync-token") {
            lock(&self.heard).push(token.to_owned());
        }
        let call = Call {
            all: self,
            ask,
            store: &store,
        };
        let answer = call.route(path).map_err(|problem| problem.by(&who))?;
        // What was written up to now is seen by whoever sends this back.
        let sequence = lock(&self.stores).sequence();
        let seen = STANDARD.encode(format!("0:1#{sequence}"));
        Ok(answer
            .by(&who)
            .header("sync-token", &format!("zAJw6V16={seen};sn={sequence}")))
    }
}

struct Call<'a> {
    all: &'a AppConfiguration,
    ask: &'a Ask,
    store: &'a str,
}

impl Call<'_> {
    fn route(&self, path: &str) -> Result<Answer, Problem> {
        let method = &self.ask.method;
        let reads = method == Method::GET || method == Method::HEAD;
        if path == "/kv" || path == "/kv/" {
            return if reads {
                self.list()
            } else {
                Err(Problem::method())
            };
        }
        let key = path.strip_prefix("/kv/").ok_or_else(Problem::missing)?;
        let key = percent_encoding::percent_decode_str(key)
            .decode_utf8()
            .map_err(|_| Problem::argument("key", "Invalid key"))?;
        // No label, and an empty one, are the same; so is the null character.
        let label = self
            .ask
            .param("label")
            .filter(|label| !label.is_empty() && label != "\0");
        match *method {
            Method::GET | Method::HEAD => self.get(&key, label.as_deref()),
            Method::PUT => self.put(&key, label.as_deref()),
            Method::DELETE => self.delete(&key, label.as_deref()),
            _ => Err(Problem::method()),
        }
    }

    fn list(&self) -> Result<Answer, Problem> {
        let filter = Filter::parse(
            self.ask.param("key").as_deref(),
            self.ask.param("label").as_deref(),
            &self.ask.params("tags"),
        )?;
        let start: usize = match self.ask.param("after") {
            None => 0,
            Some(after) => after
                .parse()
                .map_err(|_| Problem::argument("after", "Invalid continuation token"))?,
        };
        let most = self.all.page.load(Ordering::Relaxed);
        let stores = lock(&self.all.stores);
        let found: Vec<&Setting> = stores
            .of(self.store)
            .filter(|setting| filter.fits(setting))
            .skip(start)
            .take(most + 1)
            .collect();
        let (page, rest) = found.split_at(found.len().min(most));
        let etag = etag::of_page(page);
        let next = (!rest.is_empty()).then(|| self.next(start + most));
        let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        let answer = if Conditions::of(self.ask).unchanged(&etag) {
            Answer::new(304)
        } else {
            let mut body = Map::new();
            body.insert("etag".to_owned(), json!(etag));
            body.insert(
                "items".to_owned(),
                page.iter()
                    .map(|setting| shape::setting(self.ask, setting))
                    .collect(),
            );
            if let Some(next) = next {
                body.insert("@nextLink".to_owned(), json!(next));
            }
            shape::answer(
                "application/vnd.microsoft.appconfig.kvset+json; charset=utf-8",
                &Json::Object(body),
            )
        };
        let answer = answer.header("etag", &format!("\"{etag}\""));
        Ok(match link {
            Some(link) => answer.header("link", &link),
            None => answer,
        })
    }

    /// The address of the next page: relative, with the same filters.
    fn next(&self, after: usize) -> String {
        let mut query = String::new();
        for name in ["api-version", "key", "label", "$select", "tags"] {
            for value in self.ask.params(name) {
                query.push_str(&format!(
                    "{name}={}&",
                    utf8_percent_encode(&value, NON_ALPHANUMERIC)
                ));
            }
        }
        // As the service has it: clients put their endpoint before it.
        format!("/kv?{query}after={after}")
    }

    fn get(&self, key: &str, label: Option<&str>) -> Result<Answer, Problem> {
        let stores = lock(&self.all.stores);
        let setting = stores
            .get(self.store, key, label)
            .ok_or_else(Problem::missing)?;
        let conditions = Conditions::of(self.ask);
        if conditions.fails(Some(&setting.etag)) {
            return Err(Problem::precondition());
        }
        if conditions.unchanged(&setting.etag) {
            return Ok(Answer::new(304).header("etag", &format!("\"{}\"", setting.etag)));
        }
        Ok(shape::one(self.ask, setting))
    }

    fn put(&self, key: &str, label: Option<&str>) -> Result<Answer, Problem> {
        let body = self
            .ask
            .json()
            .ok_or_else(|| Problem::argument("body", "The body is not JSON"))?;
        let setting = shape::read(key, label, &body);
        if setting.size() > LARGEST {
            return Err(Problem::too_large());
        }
        let mut stores = lock(&self.all.stores);
        let old = stores.get(self.store, key, label);
        if Conditions::of(self.ask).fails(old.map(|old| old.etag.as_str())) {
            return Err(Problem::precondition());
        }
        if old.is_some_and(|old| old.locked) {
            return Err(Problem::locked(key));
        }
        stores.put(self.store, setting);
        let setting = stores
            .get(self.store, key, label)
            .ok_or_else(Problem::missing)?;
        Ok(shape::one(self.ask, setting))
    }

    fn delete(&self, key: &str, label: Option<&str>) -> Result<Answer, Problem> {
        let mut stores = lock(&self.all.stores);
        let old = stores.get(self.store, key, label);
        if Conditions::of(self.ask).fails(old.map(|old| old.etag.as_str())) {
            return Err(Problem::precondition());
        }
        if old.is_some_and(|old| old.locked) {
            return Err(Problem::locked(key));
        }
        Ok(match stores.delete(self.store, key, label) {
            Some(old) => shape::one(self.ask, &old),
            None => Answer::new(204),
        })
    }
}

#[async_trait]
impl Cloud for AppConfiguration {
    async fn answer(&self, ask: &Ask) -> Answer {
        self.route(ask).unwrap_or_else(Problem::answer)
    }

    fn error(&self, _: &Ask, status: u16) -> Answer {
        Problem::of_status(status).answer()
    }
}
