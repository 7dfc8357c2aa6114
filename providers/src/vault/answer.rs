//! What a server's answer means: by its status first, by the form of its body second. Pure.
//!
//! Its messages are looked at for one word and never kept.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::connection::Connection;
use super::options::Engine;
use crate::http::Answer;
use crate::{Entry, Error, ErrorKind, Kind, SecretBytes, VersionToken};

/// Largest value: no Secret or ConfigMap holds more.
const LARGEST: usize = Kind::Vault.abilities().largest;

/// Where the server tells of what is mounted; each token that may use the mount may ask.
pub(super) const PREFLIGHT: &str = "sys/internal/ui/mounts";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What version 2 answers for a version, deleted or not.
#[derive(Deserialize)]
struct Versioned<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    version: u64,
    #[serde(default)]
    destroyed: bool,
}

/// What version 2 keeps about all versions of an entry.
#[derive(Deserialize)]
struct History {
    current_version: u64,
    #[serde(default)]
    versions: HashMap<String, State>,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    deletion_time: String,
    #[serde(default)]
    destroyed: bool,
}

#[derive(Deserialize)]
struct Folder {
    keys: Vec<String>,
}

/// The body of a 404.
#[derive(Deserialize)]
struct Missing<'a> {
    errors: Option<Vec<IgnoredAny>>,
    warnings: Option<Vec<IgnoredAny>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What the server says about a mount.
#[derive(Deserialize)]
struct Mounted {
    data: Mount,
}

#[derive(Deserialize)]
struct Mount {
    #[serde(rename = "type")]
    kind: String,
    options: Option<MountOptions>,
}

#[derive(Deserialize)]
struct MountOptions {
    version: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    errors: Vec<String>,
}

/// What a 404 says.
enum Absence {
    /// There is nothing at the path.
    Nothing,
    /// There was.
    Ended(Metadata),
    /// The mount is of the engine's other version.
    OtherEngine,
    /// Nothing is mounted there.
    NoMount,
    /// No server of this kind said that.
    Foreign,
}

/// One entry.
pub(super) fn entry(
    answer: &Answer,
    connection: &Connection,
    path: &str,
    subject: &str,
    asked: Option<u64>,
) -> Result<Entry, Error> {
    if !answer.success() {
        return Err(match answer.status {
            404 => absent(answer, connection, subject),
            _ => refused(answer, &format!("{}/{path}", right(connection)), subject),
        });
    }
    let senseless = || answer.senseless(subject);
    let envelope: Envelope<'_> = serde_json::from_slice(&answer.body).map_err(|_| senseless())?;
    let data = envelope.data.ok_or_else(senseless)?;
    let (payload, version) = match connection.engine() {
        Engine::V1 => (data, None),
        Engine::V2 => {
            let versioned: Versioned<'_> =
                serde_json::from_str(data.get()).map_err(|_| senseless())?;
            let version = versioned.metadata.version;
            if version == 0 || asked.is_some_and(|asked| asked != version) {
                let sentence = format!("the answer for {subject} is of version {version}");
                return Err(Error::new(ErrorKind::Integrity, sentence));
            }
            let payload = versioned.data.ok_or_else(senseless)?;
            (payload, Some(VersionToken(version.to_string())))
        }
    };
    // The engine holds objects only; anything else is not its answer.
    if !payload.get().starts_with('{') {
        return Err(senseless());
    }
    if payload.get().len() > LARGEST {
        let sentence = format!("{subject} is larger than 1 MiB");
        return Err(Error::new(ErrorKind::TooLarge, sentence));
    }
    let value = SecretBytes::new(payload.get().as_bytes().to_vec());
    let version = match version {
        Some(version) => version,
        None => connection.marker().token(path, value.expose())?,
    };
    Ok(Entry {
        value,
        version,
        secret: true,
    })
}

/// The version that a read would give; none where only the read itself can tell.
pub(super) fn at_version(
    answer: &Answer,
    connection: &Connection,
    subject: &str,
    asked: Option<u64>,
) -> Result<Option<u64>, Error> {
    if !answer.success() {
        return Err(match answer.status {
            404 => absent(answer, connection, subject),
            _ => refused(answer, &right_to_list(connection), subject),
        });
    }
    let senseless = || answer.senseless(subject);
    let envelope: Envelope<'_> = serde_json::from_slice(&answer.body).map_err(|_| senseless())?;
    let history: History = envelope
        .data
        .and_then(|data| serde_json::from_str(data.get()).ok())
        .ok_or_else(senseless)?;
    let version = asked.unwrap_or(history.current_version);
    let state = history.versions.get(&version.to_string());
    // One that has a date of deletion may be there still.
    let is_there = state.is_some_and(|state| !state.destroyed && state.deletion_time.is_empty());
    Ok(is_there.then_some(version))
}

/// The names in a folder; those of folders end in `/`. None where there is no such folder.
pub(super) fn folder(
    answer: &Answer,
    connection: &Connection,
    path: &str,
    subject: &str,
) -> Result<Option<Vec<String>>, Error> {
    if !answer.success() {
        return match (answer.status, absence(answer)) {
            (404, Absence::Nothing) => Ok(None),
            (404, _) => Err(absent(answer, connection, subject)),
            _ => Err(refused(
                answer,
                &format!("{}/{path}", right_to_list(connection)),
                subject,
            )),
        };
    }
    let senseless = || answer.senseless(subject);
    let envelope: Envelope<'_> = serde_json::from_slice(&answer.body).map_err(|_| senseless())?;
    let folder: Folder = envelope
        .data
        .and_then(|data| serde_json::from_str(data.get()).ok())
        .ok_or_else(senseless)?;
    Ok(Some(folder.keys))
}

/// Whether the engine at the mount is the one of the config; none where the server does not tell
/// this token. <https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts>
///
/// # Errors
/// It is another one, or the server fails.
pub(super) fn engine(answer: &Answer, connection: &Connection) -> Result<Option<()>, Error> {
    match answer.status {
        200 => {}
        429 | 500.. => return Err(refused(answer, PREFLIGHT, connection.mount())),
        _ => return Ok(None),
    }
    let Ok(Mounted { data: mount }) = serde_json::from_slice::<Mounted>(&answer.body) else {
        return Ok(None);
    };
    let version = mount.options.and_then(|options| options.version);
    let found = match (mount.kind.as_str(), version.as_deref()) {
        ("kv", Some("2")) => Engine::V2,
        // The name that version 1 had before there was another.
        ("kv", None | Some("" | "1")) | ("generic", _) => Engine::V1,
        ("kv", _) => return Ok(None),
        _ => {
            let sentence = format!(
                "the engine at {} is no key-value engine: check the store's mount",
                connection.mount()
            );
            return Err(Error::new(ErrorKind::Invalid, sentence));
        }
    };
    if found == connection.engine() {
        Ok(Some(()))
    } else {
        Err(other_engine(connection, found))
    }
}

fn other_engine(connection: &Connection, found: Engine) -> Error {
    let version = match found {
        Engine::V1 => 1,
        Engine::V2 => 2,
    };
    let sentence = format!(
        "the engine at {} is version {version} of key-value, and the store's config says the other: write kv: {version}",
        connection.mount()
    );
    Error::new(ErrorKind::Invalid, sentence)
}

/// A refusal by its status alone, where nothing of the answer says more.
pub(super) fn refused(answer: &Answer, right: &str, subject: &str) -> Error {
    let unavailable = |sentence: String| Error::new(ErrorKind::Unavailable, sentence);
    match answer.status {
        300..400 => Error::new(
            ErrorKind::Invalid,
            "this vault node answers with a redirect, as standby nodes do, and none is followed: \
             write the address of the active node, or of a service that leads to it",
        ),
        403 => Error::new(
            ErrorKind::Denied,
            format!(
                "reading {subject} is not allowed: grant the capability on {right} to the policies of the identity \
                 that reads this store"
            ),
        ),
        412 => unavailable("this vault node does not know yet what was written last".to_owned()),
        472 | 473 => unavailable(format!(
            "this vault node is a standby that does not answer reads (HTTP {}): write the address of the active one",
            answer.status
        )),
        503 if sealed(answer) => unavailable(
            "vault is sealed: unseal it, see also whether its storage or its seal's key is away"
                .to_owned(),
        ),
        _ => answer.refusal(subject),
    }
}

/// Reading the entry where there is none.
fn absent(answer: &Answer, connection: &Connection, subject: &str) -> Error {
    let mount = connection.mount();
    let (kind, sentence) = match absence(answer) {
        Absence::Nothing => (
            ErrorKind::NotFound,
            format!("there is no {subject}, or not in this version"),
        ),
        Absence::Ended(metadata) => {
            let (version, how) = (
                metadata.version,
                if metadata.destroyed {
                    "destroyed: write a new one"
                } else {
                    "deleted: undelete it, or write a new one"
                },
            );
            (
                ErrorKind::Gone,
                format!("version {version} of {subject} is {how}"),
            )
        }
        // Version 1 warns of nothing.
        Absence::OtherEngine => return other_engine(connection, Engine::V2),
        Absence::NoMount => (
            ErrorKind::Invalid,
            format!("there is no engine at {mount}: check the store's mount and namespace"),
        ),
        Absence::Foreign => return answer.refusal(subject),
    };
    Error::new(kind, sentence)
}

fn absence(answer: &Answer) -> Absence {
    let Ok(missing) = serde_json::from_slice::<Missing<'_>>(&answer.body) else {
        return Absence::Foreign;
    };
    let ended = missing
        .data
        .and_then(|data| serde_json::from_str::<Versioned<'_>>(data.get()).ok());
    let some = |list: Option<Vec<IgnoredAny>>| list.map(|list| !list.is_empty());
    match (ended, some(missing.errors), some(missing.warnings)) {
        (Some(ended), _, _) => Absence::Ended(ended.metadata),
        (None, _, Some(true)) => Absence::OtherEngine,
        (None, Some(true), _) => Absence::NoMount,
        (None, Some(false), _) => Absence::Nothing,
        (None, None, _) => Absence::Foreign,
    }
}

/// Whether the server itself says so; a proxy that has no server behind it sends 503 too.
fn sealed(answer: &Answer) -> bool {
    serde_json::from_slice::<Failure>(&answer.body).is_ok_and(|failure| {
        failure
            .errors
            .iter()
            .any(|error| error.to_ascii_lowercase().contains("sealed"))
    })
}

/// Where a policy grants reading.
pub(super) fn right(connection: &Connection) -> String {
    match connection.engine() {
        Engine::V1 => connection.mount().to_owned(),
        Engine::V2 => format!("{}/data", connection.mount()),
    }
}

/// Where a policy grants listing.
pub(super) fn right_to_list(connection: &Connection) -> String {
    match connection.engine() {
        Engine::V1 => connection.mount().to_owned(),
        Engine::V2 => format!("{}/metadata", connection.mount()),
    }
}
