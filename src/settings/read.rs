//! The file and the flags, read into [`Settings`].

use std::time::Duration;

use super::push::push;
use super::stores::stores;
use super::{LogFormat, LogLevel, Overrides, Rights, Settings, fields};
use crate::yaml::{self, Fields, Node, Problem};

/// Where health and metrics are served if nothing else is said.
pub(super) const LISTEN: &str = "0.0.0.0:8080";
/// How long a store may take for one call if nothing else is said.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const FIELDS: [&str; 8] = fields::names(&fields::CONFIG);

impl Settings {
    /// Reads the file's text (if there is a file) and lays the overrides over it.
    ///
    /// # Errors
    /// The first problem with its line; `stores` given as a flag counts lines of its own.
    pub fn read(file: Option<&str>, overrides: &Overrides) -> Result<Self, Problem> {
        let document = file.map(yaml::parse).transpose()?;
        let fields = document
            .as_ref()
            .map(|node| Fields::of(node, "the config", &FIELDS))
            .transpose()?;
        let get = |name: &str| fields.as_ref().and_then(|fields| fields.get(name));

        let stores = match &overrides.stores {
            Some(text) => stores(&yaml::parse(text)?)?,
            None => get("stores").map(stores).transpose()?.unwrap_or_default(),
        };
        let namespaces = match (&overrides.namespaces, get("namespaces")) {
            (Some(namespaces), _) => namespaces.clone(),
            (None, Some(node)) => patterns(node, "namespaces", |_| Ok(()))?,
            (None, None) => vec!["*".to_owned()],
        };
        let listen = match (overrides.listen, get("listen")) {
            (Some(listen), _) => listen,
            (None, node) => {
                let text = node.map_or(Ok(LISTEN), |node| node.text("listen"))?;
                text.parse().map_err(|_| {
                    at(
                        node,
                        "listen must be ADDRESS:PORT, for example 0.0.0.0:8080",
                    )
                })?
            }
        };
        let log_level = choice(
            overrides.log_level,
            get("logLevel"),
            "logLevel",
            LogLevel::Info,
        )?;
        let log_format = choice(
            overrides.log_format,
            get("logFormat"),
            "logFormat",
            LogFormat::Json,
        )?;
        let rights = choice(overrides.rights, get("rights"), "rights", Rights::Default)?;
        let store_timeout = match (overrides.store_timeout, get("storeTimeout")) {
            (Some(timeout), _) => timeout,
            (None, Some(node)) => duration(node.text("storeTimeout")?)
                .map_err(|message| node.problem(format!("storeTimeout {message}")))?,
            (None, None) => STORE_TIMEOUT,
        };
        let push = match &overrides.push {
            Some(text) => push(&yaml::parse(text)?)?,
            None => get("push").map(push).transpose()?.unwrap_or_default(),
        };
        Ok(Self {
            stores,
            namespaces,
            listen,
            log_level,
            log_format,
            store_timeout,
            rights,
            push,
        })
    }
}

fn at(node: Option<&Node>, message: &str) -> Problem {
    match node {
        Some(node) => node.problem(message),
        None => Problem {
            line: 1,
            column: 1,
            length: 1,
            message: message.to_owned(),
        },
    }
}

fn choice<T: clap::ValueEnum + Copy>(
    flag: Option<T>,
    node: Option<&Node>,
    name: &str,
    default: T,
) -> Result<T, Problem> {
    let (None, Some(node)) = (flag, node) else {
        return Ok(flag.unwrap_or(default));
    };
    let word = node.text(name)?;
    T::from_str(word, false).map_err(|_| {
        let known: Vec<_> = T::value_variants()
            .iter()
            .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
            .collect();
        node.problem(yaml::unknown(
            name,
            word,
            &known.iter().map(String::as_str).collect::<Vec<_>>(),
        ))
    })
}

/// A whole number of seconds or minutes, `10s` or `2m`, up to ten minutes.
///
/// # Errors
/// The end of a sentence that says what is expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(seconds), _) => seconds.parse::<u64>().ok(),
        (_, Some(minutes)) => minutes
            .parse::<u64>()
            .ok()
            .and_then(|minutes| minutes.checked_mul(60)),
        _ => None,
    };
    match seconds {
        Some(seconds @ 1..=600) => Ok(Duration::from_secs(seconds)),
        _ => Err(
            "must be a whole number of seconds or minutes from 1s to 10m, for example 10s"
                .to_owned(),
        ),
    }
}

/// A list of patterns, not empty.
pub(super) fn patterns(
    node: &Node,
    what: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, Problem> {
    let items = node.list(what)?;
    if items.is_empty() {
        return Err(node.problem(format!(
            "{what} is empty and so matches nothing; name something or remove the rule"
        )));
    }
    items
        .iter()
        .map(|item| {
            let text = item.text(&format!("an item of {what}"))?;
            check(text).map_err(|message| item.problem(message))?;
            Ok(text.to_owned())
        })
        .collect()
}
