//! Parameter Manager, v1, as REST: `global` and regions.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::access::allowed;
use super::error::Refused;
use super::parameters::{Format, Parameter, Version};
use super::resource::{At, Target};
use super::secret_manager::words;
use super::secrets::State;
use super::{Gcp, alt, payload, render};
use crate::{Answer, Ask};

/// Quotas: the size of a version's payload.
const LARGEST: usize = 1 << 20;

pub(super) fn answer(gcp: &Gcp, ask: &Ask, at: &At) -> Result<Answer, Refused> {
    let call = Call {
        gcp,
        ask,
        at,
        project: gcp.projects.id(&at.project),
    };
    let (get, post) = (ask.method == Method::GET, ask.method == Method::POST);
    let (patch, delete) = (ask.method == Method::PATCH, ask.method == Method::DELETE);
    match (&at.id, &at.version, at.verb.as_str()) {
        (None, None, "") if get => call.list(),
        (None, None, "") if post => call.create(),
        (Some(_), None, "") if get => call.get(),
        (Some(_), None, "") if patch => call.update(),
        (Some(_), None, "") if delete => call.delete(),
        (Some(_), Some(None), "") if get => call.versions(),
        (Some(_), Some(None), "") if post => call.add_version(),
        (Some(_), Some(Some(version)), "") if get => call.version(version),
        (Some(_), Some(Some(version)), "") if patch => call.update_version(version),
        (Some(_), Some(Some(version)), "") if delete => call.delete_version(version),
        (Some(_), Some(Some(version)), "render") if get => call.render(version),
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
    fn key(&self) -> String {
        self.at.name(&self.project)
    }

    fn may(&self, permission: &str) -> Result<String, Refused> {
        let resource = match self.at.id {
            Some(_) => self.key(),
            None => self.at.parent(&self.project),
        };
        allowed(
            self.gcp,
            self.ask,
            &format!("parametermanager.{permission}"),
            &resource,
        )
    }

    fn with<T>(
        &self,
        permission: &str,
        work: impl FnOnce(&mut Parameter) -> Result<T, Refused>,
    ) -> Result<(String, T), Refused> {
        let who = self.may(permission)?;
        let done = self.gcp.parameters.with(|all| {
            let name = self.key();
            let missing = || Refused::missing(format!("Resource '{name}' was not found"));
            work(all.get_mut(&name).ok_or_else(missing)?)
        });
        done.map(|done| (who.clone(), done))
            .map_err(|refused| refused.by(&who))
    }

    fn find(&self, parameter: &Parameter, id: &str) -> Result<usize, Refused> {
        parameter
            .versions
            .iter()
            .position(|version| version.id == id)
            .ok_or_else(|| {
                Refused::missing(format!(
                    "Resource '{}/versions/{id}' was not found",
                    self.key()
                ))
            })
    }

    fn list(&self) -> Result<Answer, Refused> {
        let who = self.may("parameters.list")?;
        let parent = format!("{}/parameters/", self.at.parent(&self.project));
        let all = self.gcp.parameters.with(|all| {
            all.iter()
                .filter(|(name, _)| name.starts_with(&parent))
                .map(|(name, parameter)| self.shape(name, parameter))
                .collect()
        });
        let mut page = self.gcp.pages.page(self.ask, "parameters", all)?;
        page.remove("totalSize");
        Ok(Answer::json(200, &Json::Object(page)).by(who))
    }

    fn create(&self) -> Result<Answer, Refused> {
        let who = self.may("parameters.create")?;
        let id = self.ask.param("parameterId").unwrap_or_default();
        let fits = (1..=63).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !fits {
            return Err(Refused::invalid("parameter_id is not valid.").by(&who));
        }
        let body = self.ask.json().unwrap_or_default();
        let format = match body.get("format") {
            None => Format::Unformatted,
            Some(word) => alt::read(word, &Format::NAMES)
                .map(Format::of)
                .ok_or_else(|| Refused::invalid("Parameter.format is not valid."))?,
        };
        let name = format!("{}/parameters/{id}", self.at.parent(&self.project));
        let mut parameter = Parameter::new(format);
        words::check(&body).map_err(|refused| refused.by(&who))?;
        parameter.labels = labels(&body);
        self.gcp.parameters.with(|all| {
            if all.contains_key(&name) {
                return Err(Refused::exists(&name).by(&who));
            }
            let answer = Answer::json(200, &self.shape(&name, &parameter));
            all.insert(name.clone(), parameter);
            Ok(answer.by(who.clone()))
        })
    }

    fn get(&self) -> Result<Answer, Refused> {
        let (who, shape) = self.with("parameters.get", |parameter| {
            Ok(self.shape(&self.key(), parameter))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn update(&self) -> Result<Answer, Refused> {
        let mask = self.ask.param("updateMask").unwrap_or_default();
        let body = self.ask.json().unwrap_or_default();
        let (who, shape) = self.with("parameters.update", |parameter| {
            if mask != "labels" {
                return Err(Refused::invalid(
                    "update_mask names a field that cannot be updated.",
                ));
            }
            words::check(&body)?;
            parameter.labels = labels(&body);
            Ok(self.shape(&self.key(), parameter))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn delete(&self) -> Result<Answer, Refused> {
        let (who, ()) = self.with("parameters.delete", |parameter| {
            if parameter.versions.is_empty() {
                Ok(())
            } else {
                Err(Refused::precondition("The parameter has versions."))
            }
        })?;
        self.gcp.parameters.with(|all| all.remove(&self.key()));
        Ok(Answer::json(200, &json!({})).by(who))
    }

    fn versions(&self) -> Result<Answer, Refused> {
        let order = self.ask.param("orderBy").unwrap_or_default();
        let (who, all) = self.with("parameterVersions.list", |parameter| {
            let mut shapes: Vec<Json> = parameter
                .versions
                .iter()
                .map(|version| self.version_shape(version, false))
                .collect();
            // Without an order: by name, which is no order of time.
            match order.as_str() {
                "create_time desc" | "createTime desc" => shapes.reverse(),
                "create_time" | "createTime" | "create_time asc" => {}
                "" => {
                    shapes.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()))
                }
                _ => return Err(Refused::invalid("order_by is not valid.")),
            }
            Ok(shapes)
        })?;
        let mut page = self.gcp.pages.page(self.ask, "parameterVersions", all)?;
        page.remove("totalSize");
        Ok(Answer::json(200, &Json::Object(page)).by(who))
    }

    fn add_version(&self) -> Result<Answer, Refused> {
        let id = self.ask.param("parameterVersionId").unwrap_or_default();
        let body = self.ask.json().unwrap_or_default();
        let fits = (1..=63).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        let (who, shape) = self.with("parameterVersions.create", |parameter| {
            if !fits {
                return Err(Refused::invalid("parameter_version_id is not valid."));
            }
            if parameter.versions.iter().any(|version| version.id == id) {
                return Err(Refused::exists(&format!("{}/versions/{id}", self.key())));
            }
            let given = body
                .get("payload")
                .ok_or_else(|| Refused::invalid("payload is missing."))?;
            let (value, _) = payload::read(given, LARGEST)?;
            if parameter.format == Format::Json && serde_json::from_slice::<Json>(&value.0).is_err()
            {
                return Err(Refused::invalid("The payload is not JSON."));
            }
            Ok(self.version_shape(parameter.add(&id, value), true))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn version(&self, id: &str) -> Result<Answer, Refused> {
        // Numbers and names.
        let basic = matches!(self.ask.param("view").as_deref(), Some("BASIC" | "1"));
        let (who, shape) = self.with("parameterVersions.get", |parameter| {
            let version = &parameter.versions[self.find(parameter, id)?];
            // Google's own samples look at `disabled` before they look for a payload.
            Ok(self.version_shape(version, !basic && !version.disabled))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn update_version(&self, id: &str) -> Result<Answer, Refused> {
        let mask = self.ask.param("updateMask").unwrap_or_default();
        let disabled = self
            .ask
            .json()
            .unwrap_or_default()
            .get("disabled")
            .and_then(Json::as_bool);
        let (who, shape) = self.with("parameterVersions.update", |parameter| {
            if mask != "disabled" {
                return Err(Refused::invalid(
                    "update_mask names a field that cannot be updated.",
                ));
            }
            let at = self.find(parameter, id)?;
            let version = &mut parameter.versions[at];
            version.disabled = disabled.unwrap_or_default();
            version.updated = crate::time::rfc3339_now();
            Ok(self.version_shape(version, false))
        })?;
        Ok(Answer::json(200, &shape).by(who))
    }

    fn delete_version(&self, id: &str) -> Result<Answer, Refused> {
        let (who, ()) = self.with("parameterVersions.delete", |parameter| {
            let at = self.find(parameter, id)?;
            parameter.versions.remove(at);
            Ok(())
        })?;
        Ok(Answer::json(200, &json!({})).by(who))
    }

    fn render(&self, id: &str) -> Result<Answer, Refused> {
        let (who, (format, renderer, version)) =
            self.with("parameterVersions.render", |parameter| {
                let version = &parameter.versions[self.find(parameter, id)?];
                if version.disabled {
                    // As seen: https://github.com/GoogleCloudPlatform/magic-modules/pull/12675
                    return Err(Refused::of_status(500));
                }
                Ok((parameter.format, self.renderer(parameter), version.clone()))
            })?;
        let rendered = self
            .rendered(format, &renderer, &version)
            .map_err(|refused| refused.by(&who))?;
        let body = json!({
            "parameterVersion": format!("{}/versions/{id}", self.key()),
            "payload": payload::write(&version.value.0, false),
            "renderedPayload": payload::base64(&rendered),
        });
        Ok(Answer::json(200, &body).by(who))
    }

    /// The payload with the secrets in it that the parameter itself may read, whoever asks.
    fn rendered(
        &self,
        format: Format,
        renderer: &str,
        version: &Version,
    ) -> Result<Vec<u8>, Refused> {
        // It stays as it is, references and all.
        if format == Format::Unformatted {
            return Ok(version.value.0.clone());
        }
        let malformed = || Refused::invalid("The payload has a malformed reference.");
        let text = str::from_utf8(&version.value.0).map_err(|_| malformed())?;
        render::render(
            text,
            format,
            |name| self.referenced(renderer, name),
            malformed,
        )
        .map(String::into_bytes)
    }

    fn referenced(&self, renderer: &str, name: &str) -> Result<String, Refused> {
        let Ok(Target::Store(at)) = Target::parse(&format!("/v1/{name}")) else {
            return Err(Refused::invalid(
                "The payload refers to something that is no secret version.",
            ));
        };
        let key = at.name(&self.gcp.projects.id(&at.project));
        let permission = "secretmanager.versions.access";
        if !self.gcp.grants.allows(renderer, permission, &key) {
            return Err(Refused::denied(permission, name));
        }
        self.gcp.secrets.with(|all| {
            let word = at.version.flatten().unwrap_or_default();
            let version = all
                .get(&key)
                .and_then(|secret| secret.find(&word).map(|at| &secret.versions[at]))
                .ok_or_else(|| Refused::missing(format!("Secret Version [{name}] not found.")))?;
            if version.state != State::Enabled {
                return Err(Refused::precondition(format!(
                    "Secret Version [{name}] is not enabled."
                )));
            }
            String::from_utf8(version.value.0.clone())
                .map_err(|_| Refused::invalid(format!("Secret Version [{name}] is not UTF-8.")))
        })
    }

    /// The principal as whom a parameter renders.
    fn renderer(&self, parameter: &Parameter) -> String {
        let number = self.gcp.projects.number(&self.project);
        let location = self.at.location.as_deref().unwrap_or("global");
        format!(
            "principal://parametermanager.googleapis.com/projects/{number}/uid/locations/{location}/parameters/{}",
            parameter.uid
        )
    }

    fn shape(&self, name: &str, parameter: &Parameter) -> Json {
        let mut shape = Map::new();
        shape.insert("name".to_owned(), json!(name));
        shape.insert("createTime".to_owned(), json!(parameter.created));
        shape.insert("updateTime".to_owned(), json!(parameter.created));
        let number = parameter.format.number();
        let format = alt::word(self.ask, Format::NAMES[number as usize], number);
        shape.insert("format".to_owned(), format);
        shape.insert(
            "policyMember".to_owned(),
            json!({"iamPolicyUidPrincipal": self.renderer(parameter)}),
        );
        if !parameter.labels.is_empty() {
            shape.insert("labels".to_owned(), json!(parameter.labels));
        }
        Json::Object(shape)
    }

    fn version_shape(&self, version: &Version, full: bool) -> Json {
        let mut shape = Map::new();
        shape.insert(
            "name".to_owned(),
            json!(format!("{}/versions/{}", self.key(), version.id)),
        );
        shape.insert("createTime".to_owned(), json!(version.created));
        shape.insert("updateTime".to_owned(), json!(version.updated));
        if version.disabled {
            shape.insert("disabled".to_owned(), json!(true));
        }
        if full {
            shape.insert(
                "payload".to_owned(),
                payload::write(&version.value.0, false),
            );
        }
        Json::Object(shape)
    }
}

fn labels(body: &Json) -> BTreeMap<String, String> {
    let labels = body.get("labels").and_then(Json::as_object);
    labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
