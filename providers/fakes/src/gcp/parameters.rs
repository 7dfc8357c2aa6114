//! Parameter Manager's entries. No wire here.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::lock::lock;
use crate::time::rfc3339_now;
use crate::value::Value;

/// What a parameter's payloads are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Anything; rendered, it stays as it is.
    #[default]
    Unformatted,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

impl Format {
    /// The enum's names by number.
    pub(super) const NAMES: [&'static str; 4] = [
        "PARAMETER_FORMAT_UNSPECIFIED",
        "UNFORMATTED",
        "YAML",
        "JSON",
    ];

    pub(super) fn number(self) -> u32 {
        match self {
            Self::Unformatted => 1,
            Self::Yaml => 2,
            Self::Json => 3,
        }
    }

    pub(super) fn of(number: usize) -> Self {
        match number {
            2 => Self::Yaml,
            3 => Self::Json,
            _ => Self::Unformatted,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) created: String,
    pub(super) updated: String,
    pub(super) disabled: bool,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) format: Format,
    pub(super) labels: BTreeMap<String, String>,
    /// Part of the principal as whom it renders.
    pub(super) uid: String,
    pub(super) created: String,
    /// In the order in which they came.
    pub(super) versions: Vec<Version>,
}

impl Parameter {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            labels: BTreeMap::new(),
            uid: format!("{:032x}", fastrand::u128(..)),
            created: rfc3339_now(),
            versions: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, id: &str, value: Value) -> &Version {
        let now = rfc3339_now();
        let version = Version {
            id: id.to_owned(),
            created: now.clone(),
            updated: now,
            disabled: false,
            value,
        };
        self.versions.push(version);
        &self.versions[self.versions.len() - 1]
    }
}

/// All parameters, by `projects/ID/locations/L/parameters/P`.
#[derive(Debug, Default)]
pub struct Parameters(Mutex<BTreeMap<String, Parameter>>);

impl Parameters {
    /// Adds a version to a parameter that is made if need be; whether the version was new.
    pub fn put(&self, name: &str, format: Format, version: &str, value: &[u8]) -> bool {
        self.with(|all| {
            let parameter = all
                .entry(name.to_owned())
                .or_insert_with(|| Parameter::new(format));
            let new = parameter.versions.iter().all(|known| known.id != version);
            if new {
                parameter.add(version, Value(value.to_vec()));
            }
            new
        })
    }

    /// The value of the version that was made last.
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.with(|all| Some(all.get(name)?.versions.last()?.value.0.clone()))
    }

    /// How many versions there are.
    pub fn versions(&self, name: &str) -> usize {
        self.with(|all| {
            all.get(name)
                .map_or(0, |parameter| parameter.versions.len())
        })
    }

    /// The labels of a parameter.
    pub fn labels(&self, name: &str) -> BTreeMap<String, String> {
        self.with(|all| all.get(name).map(|parameter| parameter.labels.clone()))
            .unwrap_or_default()
    }

    /// Puts another label on a parameter.
    pub fn label(&self, name: &str, label: &str, value: &str) {
        self.with(|all| {
            if let Some(parameter) = all.get_mut(name) {
                parameter.labels.insert(label.to_owned(), value.to_owned());
            }
        });
    }

    /// Disables or enables a version; whether there is one.
    pub fn set_disabled(&self, name: &str, version: &str, disabled: bool) -> bool {
        self.with(|all| {
            all.get_mut(name)
                .and_then(|parameter| {
                    parameter
                        .versions
                        .iter_mut()
                        .find(|known| known.id == version)
                })
                .map(|known| known.disabled = disabled)
                .is_some()
        })
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Parameter>) -> T) -> T {
        work(&mut lock(&self.0))
    }
}
