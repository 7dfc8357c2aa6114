//! Secret Manager, v1, as REST: global and regional.

mod filter;
mod shape;
pub(super) mod words;

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::access::allowed;
use super::error::Refused;
use super::resource::At;
use super::secrets::{Secret, State};
use super::{Gcp, payload};
use crate::{Answer, Ask};
use filter::Filter;

/// Quotas: the size of a version's payload.
const LARGEST: usize = 65_536;

pub(super) fn answer(gcp: &Gcp, ask: &Ask, at: &At) -> Result<Answer, Refused> {
    let call = Call {
        gcp,
        ask,
        at,
        project: gcp.projects.id(&at.project),
    };
    let (get, post) = (ask.method == Method::GET, ask.method == Method::POST);
    match (&at.id, &at.version, at.verb.as_str()) {
        (None, None, "") if get => call.list(),
        (None, None, "") if post => call.create(),
        (Some(_), None, "") if get => call.get(),
        (Some(_), None, "") if ask.method == Method::PATCH => call.update(),
        (Some(_), None, "") if ask.method == Method::DELETE => call.delete(),
        (Some(_), None, "addVersion") if post => call.add_version(),
        (Some(_), Some(None), "") if get => call.versions(),
        (Some(_), Some(Some(version)), "") if get => call.version(version),
        (Some(_), Some(Some(version)), "access") if get => call.access(version),
        (Some(_), Some(Some(version)), "enable") if post => call.turn(version, State::Enabled),
        (Some(_), Some(Some(version)), "disable") if post => call.turn(version, State::Disabled),
        (Some(_), Some(Some(version)), "destroy") if post => call.turn(version, State::Destroyed),
        _ => Err(Refused::NoApi),
    }
}

struct Call<'a> {
    gcp: &'a Gcp,
    ask: &'a Ask,
    at: &'a At,
    /// The project's id.
    project: String,
}

impl Call<'_> {
    /// The entry as it is kept.
    fn key(&self) -> String {
        self.at.name(&self.project)
    }

    /// The entry as it is named in answers: with the project's number.
    fn shown(&self) -> String {
        self.at.name(&self.gcp.projects.number(&self.project))
    }

    fn may(&self, permission: &str) -> Result<String, Refused> {
        let resource = match self.at.id {
            Some(_) => self.key(),
            None => self.at.parent(&self.project),
        };
        allowed(
            self.gcp,
            self.ask,
            &format!("secretmanager.{permission}"),
            &resource,
        )
    }

    /// Does something with the secret for whoever may.
    fn with<T>(
        &self,
        permission: &str,
        work: impl FnOnce(&mut Secret) -> Result<T, Refused>,
    ) -> Result<(String, T), Refused> {
        let who = self.may(permission)?;
        let done = self.gcp.secrets.with(|all| {
            let secret = all.get_mut(&self.key()).ok_or_else(|| {
                Refused::missing(format!(
                    "Secret [{}] not found or has no versions.",
                    self.shown()
                ))
            })?;
            work(secret)
        });
        done.map(|done| (who.clone(), done))
            .map_err(|refused| refused.by(&who))
    }

    fn find(&self, secret: &Secret, version: &str) -> Result<usize, Refused> {
        secret.find(version).ok_or_else(|| {
            Refused::missing(format!(
                "Secret Version [{}/versions/{version}] not found.",
                self.shown()
            ))
        })
    }

    fn list(&self) -> Result<Answer, Refused> {
        let who = self.may("secrets.list")?;
        let filter = Filter::parse(&self.ask.param("filter").unwrap_or_default())?;
        let parent = format!("{}/secrets/", self.at.parent(&self.project));
        let number = self.gcp.projects.number(&self.project);
        let mut found: Vec<(usize, Json)> = self.gcp.secrets.with(|all| {
            all.iter()
                .filter_map(|(name, secret)| Some((name.strip_prefix(&parent)?, secret)))
                .filter(|(id, secret)| filter.fits(id, secret))
                .map(|(id, secret)| {
                    let name = format!("{}/secrets/{id}", self.at.parent(&number));
                    (
                        secret.order,
                        shape::secret(&name, secret, self.at.location.is_some()),
                    )
                })
                .collect()
        });
        // The newest first.
        found.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
        let all = found.into_iter().map(|(_, shape)| shape).collect();
        let page = self
            .gcp
            .pages
            .page(self.ask, "secrets", all)
            .map_err(|refused| refused.by(&who))?;
        Ok(Answer::json(200, &Json::Object(page)).by(who))
    }

    fn create(&self) -> Result<Answer, Refused> {
        let who = self.may("secrets.create")?;
        let id = self.ask.param("secretId").unwrap_or_default();
        let at = At {
            project: self.project.clone(),
            location: self.at.location.clone(),
            collection: "secrets",
            id: Some(id.clone()),
            version: None,
            verb: String::new(),
        };
        let fits = !id.is_empty()
            && id.len() <= 255
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !fits {
            return Err(Refused::invalid("secret_id is not valid.").by(&who));
        }
        let body = self.ask.json().unwrap_or_default();
        // A regional secret is where it is; every other says how it is replicated.
        if body.get("replication").is_some() == self.at.location.is_some() {
            return Err(Refused::invalid("Secret.replication is not valid here.").by(&who));
        }
        let (key, shown) = (
            at.name(&self.project),
            at.name(&self.gcp.projects.number(&self.project)),
        );
        words::check(&body).map_err(|refused| refused.by(&who))?;
        self.gcp.secrets.with(|all| {
            if all.contains_key(&key) {
                return Err(Refused::exists(&shown).by(&who));
            }
            let mut secret = Secret::new(all.len());
            shape::read(&body, &mut secret);
            let answer = Answer::json(200, &shape::secret(&shown, &secret, at.location.is_some()));
            all.insert(key, secret);
            Ok(answer.by(who))
        })
    }

    fn get(&self) -> Result<Answer, Refused> {
        let (who, shape) = self.with("secrets.get", |secret| {
            Ok(shape::secret(
                &self.shown(),
                secret,
                self.at.location.is_some(),
            ))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn update(&self) -> Result<Answer, Refused> {
        let mask = self.ask.param("updateMask").unwrap_or_default();
        let body = self.ask.json().unwrap_or_default();
        let etag = body.get("etag").and_then(Json::as_str);
        let (who, shape) = self.with("secrets.update", |secret| {
            is_current(secret, etag)?;
            words::check(&body)?;
            let mut wanted = Map::new();
            for field in mask.split(',') {
                // Masks come in both spellings.
                let field = match field {
                    "version_aliases" => "versionAliases",
                    field => field,
                };
                if !["labels", "annotations", "versionAliases"].contains(&field) {
                    return Err(Refused::invalid(
                        "update_mask names a field that cannot be updated.",
                    ));
                }
                wanted.insert(
                    field.to_owned(),
                    body.get(field).cloned().unwrap_or_else(|| json!({})),
                );
            }
            shape::read(&Json::Object(wanted), secret);
            secret.touch();
            Ok(shape::secret(
                &self.shown(),
                secret,
                self.at.location.is_some(),
            ))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn delete(&self) -> Result<Answer, Refused> {
        let etag = self.ask.param("etag");
        let (who, ()) = self.with("secrets.delete", |secret| {
            is_current(secret, etag.as_deref())
        })?;
        self.gcp.secrets.delete(&self.key());
        Ok(Answer::json(200, &json!({})).by(who))
    }

    fn add_version(&self) -> Result<Answer, Refused> {
        let body = self.ask.json().unwrap_or_default();
        let (who, shape) = self.with("versions.add", |secret| {
            let given = body
                .get("payload")
                .ok_or_else(|| Refused::invalid("payload is missing."))?;
            let (value, checked) = payload::read(given, LARGEST)?;
            if value.0.is_empty() {
                return Err(Refused::invalid("Secret Payload cannot be empty."));
            }
            let version = secret.add(value, checked);
            Ok(shape::version(self.ask, &self.shown(), version))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn versions(&self) -> Result<Answer, Refused> {
        let wanted = match self.ask.param("filter").as_deref() {
            None | Some("") => None,
            Some(filter) => {
                let state = filter
                    .strip_prefix("state:")
                    .or_else(|| filter.strip_prefix("state="));
                Some(
                    state
                        .map(str::to_owned)
                        .ok_or_else(|| Refused::invalid("filter is not valid."))?,
                )
            }
        };
        let (who, all) = self.with("versions.list", |secret| {
            Ok(secret
                .versions
                .iter()
                .rev()
                .filter(|version| {
                    wanted
                        .as_deref()
                        .is_none_or(|state| state == version.state.as_str())
                })
                .map(|version| shape::version(self.ask, &self.shown(), version))
                .collect())
        })?;
        let page = self.gcp.pages.page(self.ask, "versions", all)?;
        Ok(Answer::json(200, &Json::Object(page)).by(who))
    }

    fn version(&self, version: &str) -> Result<Answer, Refused> {
        let (who, shape) = self.with("versions.get", |secret| {
            let at = self.find(secret, version)?;
            Ok(shape::version(
                self.ask,
                &self.shown(),
                &secret.versions[at],
            ))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn access(&self, version: &str) -> Result<Answer, Refused> {
        let (who, shape) = self.with("versions.access", |secret| {
            let version = &secret.versions[self.find(secret, version)?];
            let name = format!("{}/versions/{}", self.shown(), version.number);
            if version.state != State::Enabled {
                let state = version.state.as_str();
                return Err(Refused::precondition(format!(
                    "Secret Version [{name}] is in {state} state."
                )));
            }
            Ok(json!({"name": name, "payload": payload::write(&version.value.0, secret.spoilt)}))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn turn(&self, version: &str, state: State) -> Result<Answer, Refused> {
        let permission = match state {
            State::Enabled => "versions.enable",
            State::Disabled => "versions.disable",
            State::Destroyed => "versions.destroy",
        };
        let (who, shape) = self.with(permission, |secret| {
            let at = self.find(secret, version)?;
            if secret.versions[at].state == State::Destroyed {
                return Err(Refused::precondition("The version is in DESTROYED state."));
            }
            Ok(shape::version(
                self.ask,
                &self.shown(),
                secret.turn(at, state),
            ))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }
}

/// A write without an etag is under no condition.
fn is_current(secret: &Secret, etag: Option<&str>) -> Result<(), Refused> {
    match etag.filter(|etag| !etag.is_empty()) {
        Some(etag) if etag != secret.etag => Err(Refused::precondition(
            "The etag provided in the request does not match the resource's current etag.",
        )),
        _ => Ok(()),
    }
}
