//! What a path names: pure.

use super::error::Refused;

/// An entry, a version of one, or a collection, of a store.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct At {
    /// An id or a number, as asked.
    pub(super) project: String,
    pub(super) location: Option<String>,
    /// `secrets` or `parameters`.
    pub(super) collection: &'static str,
    pub(super) id: Option<String>,
    /// None: the entry. Some(None): its versions. Some(Some(_)): one of them.
    pub(super) version: Option<Option<String>>,
    /// What follows the last `:`.
    pub(super) verb: String,
}

impl At {
    /// `projects/P[/locations/L]`
    pub(super) fn parent(&self, project: &str) -> String {
        match &self.location {
            Some(location) => format!("projects/{project}/locations/{location}"),
            None => format!("projects/{project}"),
        }
    }

    /// The entry's name below a project that is written as given.
    pub(super) fn name(&self, project: &str) -> String {
        let id = self.id.as_deref().unwrap_or_default();
        format!("{}/{}/{id}", self.parent(project), self.collection)
    }
}

/// What a path below `/v1/` names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Store(At),
    /// `projects/-/serviceAccounts/EMAIL:VERB`
    Account {
        email: String,
        verb: String,
    },
}

impl Target {
    pub(super) fn parse(path: &str) -> Result<Self, Refused> {
        let rest = path.strip_prefix("/v1/").ok_or(Refused::NoApi)?;
        let (rest, verb) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let parts: Vec<&str> = rest.split('/').collect();
        if let ["projects", "-", "serviceAccounts", email] = parts.as_slice() {
            // An @ may come encoded.
            let email = email.replace("%40", "@");
            return Ok(Self::Account {
                email,
                verb: verb.to_owned(),
            });
        }
        let (project, location, rest) = match parts.as_slice() {
            ["projects", project, "locations", location, rest @ ..] => {
                (*project, Some(*location), rest)
            }
            ["projects", project, rest @ ..] => (*project, None, rest),
            _ => return Err(Refused::NoApi),
        };
        let (collection, rest) = match (rest, location) {
            (["secrets", rest @ ..], _) => ("secrets", rest),
            (["parameters", rest @ ..], Some(_)) => ("parameters", rest),
            _ => return Err(Refused::NoApi),
        };
        let (id, version) = match rest {
            [] => (None, None),
            [id] => (Some(*id), None),
            [id, "versions"] => (Some(*id), Some(None)),
            [id, "versions", version] => (Some(*id), Some(Some(*version))),
            _ => return Err(Refused::NoApi),
        };
        let word = |word: &str| checked(word).map(str::to_owned);
        Ok(Self::Store(At {
            project: word(project)?,
            location: location.map(word).transpose()?,
            collection,
            id: id.map(word).transpose()?,
            version: version
                .map(|version| version.map(word).transpose())
                .transpose()?,
            verb: verb.to_owned(),
        }))
    }

    /// A regional host has the resources of its region, the global host those of none. This machine has all.
    pub(super) fn at_home(&self, host: &str) -> Result<(), Refused> {
        let Self::Store(at) = self else { return Ok(()) };
        let Some((_, rest)) = host
            .split_once('.')
            .filter(|_| host.ends_with(".googleapis.com"))
        else {
            return Ok(());
        };
        let region = rest.strip_suffix(".rep.googleapis.com");
        let here = match (at.collection, at.location.as_deref()) {
            ("secrets", location) => location == region,
            (_, Some("global")) => region.is_none(),
            (_, location) => location == region,
        };
        if here {
            Ok(())
        } else {
            Err(Refused::invalid(
                "The resource is not served by this endpoint.",
            ))
        }
    }
}

/// Ids are letters, digits, `_` and `-`; an alias and a project are too.
fn checked(word: &str) -> Result<&str, Refused> {
    let fits = !word.is_empty()
        && word.len() <= 255
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if fits {
        Ok(word)
    } else {
        Err(Refused::invalid("The resource name is not valid."))
    }
}

#[cfg(test)]
mod tests {
    use super::{At, Target};

    fn at(path: &str) -> At {
        match Target::parse(path) {
            Ok(Target::Store(at)) => at,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn names_are_taken_apart() {
        let version = at("/v1/projects/p/secrets/s/versions/latest:access");
        assert_eq!(
            (version.name("p").as_str(), version.verb.as_str()),
            ("projects/p/secrets/s", "access")
        );
        assert_eq!(version.version, Some(Some("latest".to_owned())));
        let parameter = at("/v1/projects/p/locations/global/parameters/s/versions");
        assert_eq!(
            parameter.name("p"),
            "projects/p/locations/global/parameters/s"
        );
        assert_eq!(parameter.version, Some(None));
        assert_eq!(
            at("/v1/projects/p/locations/l/secrets").parent("1"),
            "projects/1/locations/l"
        );
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for path in [
            "/v1/projects/p",
            "/v1/projects/p/versions/1:access",
            "/v1/projects/p/secrets/../versions/1",
            "/v1/projects/p/secrets/%2e%2e/versions/1",
            "/v1/projects/p/secrets//versions/1",
            "/v1/projects/p/parameters/s",
            "/v2/projects/p/secrets/s",
        ] {
            assert!(Target::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_regional_host_has_its_region_only() {
        let (global, regional) = (
            "/v1/projects/p/secrets/s",
            "/v1/projects/p/locations/l1/secrets/s",
        );
        let home = |path, host| Target::parse(path).unwrap().at_home(host).is_ok();
        assert!(home(global, "secretmanager.googleapis.com") && home(global, "127.0.0.1"));
        assert!(
            home(regional, "secretmanager.l1.rep.googleapis.com") && home(regional, "localhost")
        );
        assert!(!home(regional, "secretmanager.googleapis.com"));
        assert!(!home(regional, "secretmanager.l2.rep.googleapis.com"));
        assert!(!home(global, "secretmanager.l1.rep.googleapis.com"));
    }
}
