//! What all requests for one target make together. Pure.
//!
//! Three rules, in this order: within one revision two sources for one key are an error; between
//! revisions of one workload the newer wins; between workloads the one that holds the key keeps
//! it. Nothing depends on the age of a pod, so nothing flips back.

use std::collections::{BTreeMap, BTreeSet};

use jasm_providers::SecretBytes;

use crate::pull::condition::{Condition, Failure};
use crate::pull::render::{Form, Item, files};
use crate::pull::request::{File, Format, ObjectKind, SecretType};
use crate::yaml::clip;

/// The most that a Secret or ConfigMap may be (`core.MaxSecretSize`).
pub const MAX_OBJECT: usize = 1 << 20;

/// Room within that for names, labels, annotations and owners.
const RESERVE: usize = 16 << 10;

/// Who holds a key: the workload's name, `Deployment/shop`. The key `*` stands for all others.
pub type Holders = BTreeMap<String, String>;

const EVERY_OTHER: &str = "*";

/// What one revision of one workload puts into the target.
#[derive(Debug, Clone)]
pub struct Share {
    /// `Deployment/shop`
    pub workload: String,
    /// Higher is newer.
    pub revision: i64,
    /// The Secret's type that it asks for.
    pub secret_type: SecretType,
    /// Its values, each with the file it goes into.
    pub items: Vec<(Option<File>, Item)>,
    /// Some optional entry was not there.
    pub absent: bool,
}

/// What is there already.
#[derive(Debug, Default)]
pub struct Existing {
    /// Its data.
    pub data: BTreeMap<String, SecretBytes>,
    /// Its holders as noted on it.
    pub holders: Holders,
    /// Names of its owners.
    pub owners: BTreeSet<String>,
}

/// Workloads whose part could not be made this time: what they have stays as it is.
#[derive(Debug, Default, Clone)]
pub struct Frozen {
    /// Their names.
    pub workloads: BTreeSet<String>,
    /// The files that they render into.
    pub files: BTreeSet<String>,
}

/// Workloads that hold keys and own the object, but have no pod that asks for it now: a single
/// replica that is replaced, a scale to zero, a CronJob between two runs.
#[must_use]
pub fn absent(existing: &Existing, shares: &[Share]) -> BTreeSet<String> {
    let here = |workload: &String| shares.iter().any(|share| share.workload == *workload);
    let held = existing.holders.values();
    held.filter(|workload| existing.owners.contains(*workload) && !here(workload))
        .cloned()
        .collect()
}

/// What the object shall be.
#[derive(Debug)]
pub struct Merged {
    /// Its data.
    pub data: BTreeMap<String, SecretBytes>,
    /// Its type.
    pub secret_type: SecretType,
    /// Who holds which key, to be noted on it.
    pub holders: Holders,
    /// Workloads that did not get their way with a key.
    pub conflicts: Vec<(String, Failure)>,
}

/// One place for a value: a data key, or a key within a file.
type Slot = (Option<String>, String);

/// What a data key is: a value, or a file in a format.
type Shape = Option<Format>;

/// Keys that stay as they are, and what the others are.
#[derive(Default)]
struct Shapes {
    chosen: BTreeMap<String, Shape>,
    kept: BTreeSet<String>,
}

fn slot_of(file: Option<&File>, item: &Item) -> Slot {
    (file.map(|file| file.name.clone()), item.key.clone())
}

/// The data key that a value goes into.
fn data_key<'a>(file: Option<&'a File>, item: &'a Item) -> &'a str {
    file.map_or(&item.key, |file| &file.name)
}

/// The data key of a name among the holders.
fn noted_key(name: &str) -> &str {
    name.split_once('#').map_or(name, |(file, _)| file)
}

fn describe_shape(shape: Shape) -> &'static str {
    match shape {
        None => "a value",
        Some(Format::Properties) => "a properties file",
        Some(Format::Env) => "an env file",
        Some(Format::Json) => "a JSON file",
        Some(Format::Yaml) => "a YAML file",
    }
}

fn slot_name((file, key): &Slot) -> String {
    match file {
        Some(file) => format!("{file}#{key}"),
        None => key.clone(),
    }
}

fn describe((file, key): &Slot) -> String {
    match file {
        Some(file) => format!("\"{}\" in \"{file}\"", clip(key)),
        None => format!("\"{}\"", clip(key)),
    }
}

fn same(a: &Item, b: &Item) -> bool {
    a.source == b.source && a.value == b.value && a.form == b.form
}

/// Finds two sources for one key within a single revision.
///
/// # Errors
/// `Conflict`, naming both.
pub fn check_share(items: &[(Option<File>, Item)]) -> Result<(), Failure> {
    let mut seen: BTreeMap<Slot, &Item> = BTreeMap::new();
    let mut formats: BTreeMap<&str, Format> = BTreeMap::new();
    for (file, item) in items {
        let slot = slot_of(file.as_ref(), item);
        if let Some(other) = seen.get(&slot)
            && !same(other, item)
        {
            let key = describe(&slot);
            return Err(Failure::new(
                Condition::Conflict,
                format!(
                    "{} and {} both make the key {key}: name one of them otherwise",
                    other.source, item.source
                ),
            ));
        }
        if let Some(file) = file
            && *formats.entry(&file.name).or_insert(file.format) != file.format
        {
            return Err(Failure::new(
                Condition::Conflict,
                format!(
                    "the file \"{}\" is asked for in two formats: choose one",
                    file.name
                ),
            ));
        }
        seen.insert(slot, item);
    }
    if let Some((_, key)) = seen
        .keys()
        .find(|(file, key)| file.is_none() && formats.contains_key(key.as_str()))
    {
        return Err(Failure::new(
            Condition::Conflict,
            format!("\"{key}\" is asked for as a file and as a key"),
        ));
    }
    Ok(())
}

/// The union of all shares.
///
/// # Errors
/// `RenderFailed` if the whole does not fit the object; the object then stays as it is.
pub fn merge(
    kind: ObjectKind,
    mut shares: Vec<Share>,
    frozen: &Frozen,
    existing: Option<&Existing>,
) -> Result<Merged, Failure> {
    // Newest revision first, so that the first value for a slot is the workload's own.
    shares.sort_by(|a, b| {
        a.workload
            .cmp(&b.workload)
            .then(b.revision.cmp(&a.revision))
    });
    let noted = existing.map(|existing| &existing.holders);
    let default_holder = noted
        .and_then(|holders| holders.get(EVERY_OTHER))
        .filter(|holder| {
            frozen.workloads.contains(*holder)
                || shares.iter().any(|share| share.workload == **holder)
        })
        .or_else(|| shares.first().map(|share| &share.workload))
        .cloned()
        .unwrap_or_default();

    let mut conflicts = Vec::new();
    let secret_type = common_type(&mut shares, &default_holder, &mut conflicts);
    let mut holders = Holders::from([(EVERY_OTHER.to_owned(), default_holder.clone())]);
    holders.extend(staying(noted, |_, holder| {
        frozen.workloads.contains(holder)
    }));
    let holding = Holding {
        noted,
        default: &default_holder,
    };
    let shapes = shapes(
        &shares,
        frozen,
        existing,
        holding,
        &mut holders,
        &mut conflicts,
    );
    for share in &mut shares {
        share.items.retain(|(file, item)| {
            let shape = file.as_ref().map(|file| file.format);
            shapes.chosen.get(data_key(file.as_ref(), item)) == Some(&shape)
        });
    }
    holders.extend(staying(noted, |name, _| {
        shapes.kept.contains(noted_key(name))
    }));
    let mut data: BTreeMap<String, SecretBytes> = BTreeMap::new();
    let mut files: BTreeMap<String, BTreeMap<String, (SecretBytes, Form)>> = BTreeMap::new();
    for (slot, by_workload) in &candidates(&shares)? {
        let name = slot_name(slot);
        let Some((winner, item)) = holding.winner(&name, by_workload) else {
            continue;
        };
        if winner != default_holder {
            holders.insert(name, winner.to_owned());
        }
        for (loser, other) in by_workload.iter().filter(|(_, other)| !same(other, item)) {
            let message = format!(
                "{} comes from {} for {winner}, which holds it; {loser} asks for it from {}: use another name",
                describe(slot),
                item.source,
                other.source
            );
            conflicts.push((
                (*loser).to_owned(),
                Failure::new(Condition::Conflict, message),
            ));
        }
        match &slot.0 {
            None => {
                data.insert(slot.1.clone(), item.value.clone());
            }
            Some(file) => {
                files
                    .entry(file.clone())
                    .or_default()
                    .insert(slot.1.clone(), (item.value.clone(), item.form));
            }
        }
    }
    render_files(files, &shapes, &mut data)?;
    keep_frozen(frozen, existing, &mut data);
    check_whole(kind, &data, secret_type, &shares, existing)?;
    Ok(Merged {
        data,
        secret_type,
        holders,
        conflicts,
    })
}

/// What is noted and neither won nor lost now.
fn staying(
    noted: Option<&Holders>,
    stays: impl Fn(&str, &str) -> bool,
) -> impl Iterator<Item = (String, String)> {
    let noted = noted.into_iter().flatten();
    noted
        .filter(move |(name, holder)| stays(name, holder))
        .map(|(name, holder)| (name.clone(), holder.clone()))
}

/// Who holds what: noted on the object, or the holder of all others.
#[derive(Clone, Copy)]
struct Holding<'a> {
    noted: Option<&'a Holders>,
    default: &'a str,
}

impl<'a> Holding<'a> {
    fn of(self, name: &str) -> &'a str {
        self.noted
            .and_then(|holders| holders.get(name))
            .map_or(self.default, String::as_str)
    }

    /// The holder if it asks; else the first by name of those who do.
    fn winner<'b, T: Copy>(
        self,
        name: &str,
        by_workload: &BTreeMap<&'b str, T>,
    ) -> Option<(&'b str, T)> {
        by_workload
            .get_key_value(self.of(name))
            .or_else(|| by_workload.first_key_value())
            .map(|(workload, asked)| (*workload, *asked))
    }
}

/// Settles for every data key whether it is a value or a file, and in which format: as for its
/// content, a workload's newest revision speaks for it, and the holder for all.
fn shapes(
    shares: &[Share],
    frozen: &Frozen,
    existing: Option<&Existing>,
    holding: Holding<'_>,
    holders: &mut Holders,
    conflicts: &mut Vec<(String, Failure)>,
) -> Shapes {
    let mut asked: BTreeMap<&str, BTreeMap<&str, Shape>> = BTreeMap::new();
    for share in shares {
        for (file, item) in &share.items {
            asked
                .entry(data_key(file.as_ref(), item))
                .or_default()
                .entry(&share.workload)
                .or_insert(file.as_ref().map(|file| file.format));
        }
    }
    let mut shapes = Shapes::default();
    for (key, by_workload) in asked {
        let there = existing.is_some_and(|existing| existing.data.contains_key(key));
        let stands_still = frozen.files.contains(key) || frozen.workloads.contains(holding.of(key));
        if there && stands_still {
            shapes.kept.insert(key.to_owned());
            continue;
        }
        let Some((winner, shape)) = holding.winner(key, &by_workload) else {
            continue;
        };
        if winner != holding.default {
            holders.insert(key.to_owned(), winner.to_owned());
        }
        for (loser, other) in by_workload.iter().filter(|(_, other)| **other != shape) {
            let message = format!(
                "\"{}\" is {} for {winner}, which holds it; {loser} asks for {}: use another name",
                clip(key),
                describe_shape(shape),
                describe_shape(*other)
            );
            conflicts.push((
                (*loser).to_owned(),
                Failure::new(Condition::Conflict, message),
            ));
        }
        shapes.chosen.insert(key.to_owned(), shape);
    }
    shapes
}

/// The type of the workload that holds the object; others that want another type stand back.
fn common_type(
    shares: &mut Vec<Share>,
    holder: &str,
    conflicts: &mut Vec<(String, Failure)>,
) -> SecretType {
    let of_holder = shares
        .iter()
        .find(|share| share.workload == holder)
        .or(shares.first());
    let Some(chosen) = of_holder.map(|share| share.secret_type) else {
        return SecretType::Opaque;
    };
    for share in shares
        .iter()
        .filter(|share| share.secret_type != chosen && share.workload != holder)
    {
        let message = format!(
            "the Secret is of type {} for {holder}; {} asks for {}: use another name",
            chosen.as_str(),
            share.workload,
            share.secret_type.as_str()
        );
        conflicts.push((
            share.workload.clone(),
            Failure::new(Condition::Conflict, message),
        ));
    }
    shares.retain(|share| share.secret_type == chosen || share.workload == holder);
    chosen
}

type Candidates<'a> = BTreeMap<Slot, BTreeMap<&'a str, &'a Item>>;

/// For every slot the value of each workload's newest revision that has one.
fn candidates(shares: &[Share]) -> Result<Candidates<'_>, Failure> {
    let mut candidates: Candidates<'_> = BTreeMap::new();
    let mut revisions: BTreeMap<(Slot, &str), i64> = BTreeMap::new();
    for share in shares {
        for (file, item) in &share.items {
            let slot = slot_of(file.as_ref(), item);
            let by_workload = candidates.entry(slot.clone()).or_default();
            match by_workload.get(share.workload.as_str()) {
                None => {
                    by_workload.insert(&share.workload, item);
                    revisions.insert((slot, &share.workload), share.revision);
                }
                Some(newer)
                    if !same(newer, item)
                        && revisions.get(&(slot.clone(), share.workload.as_str()))
                            == Some(&share.revision) =>
                {
                    let message = format!(
                        "{} and {} both make the key {} in pods of one revision of {}: their annotations differ",
                        newer.source,
                        item.source,
                        describe(&slot),
                        share.workload
                    );
                    return Err(Failure::new(Condition::Conflict, message));
                }
                Some(_) => {}
            }
        }
    }
    Ok(candidates)
}

fn render_files(
    files: BTreeMap<String, BTreeMap<String, (SecretBytes, Form)>>,
    shapes: &Shapes,
    data: &mut BTreeMap<String, SecretBytes>,
) -> Result<(), Failure> {
    for (name, entries) in files {
        let Some(Some(format)) = shapes.chosen.get(&name) else {
            continue;
        };
        let rendered = files::render(*format, &entries).map_err(|message| {
            Failure::new(
                Condition::Render,
                format!("the file \"{}\": {message}", clip(&name)),
            )
        })?;
        data.insert(name, rendered);
    }
    Ok(())
}

/// What is there and was not made now stays while the part of some workload is missing.
fn keep_frozen(
    frozen: &Frozen,
    existing: Option<&Existing>,
    data: &mut BTreeMap<String, SecretBytes>,
) {
    if frozen.workloads.is_empty() {
        return;
    }
    for (key, value) in existing.into_iter().flat_map(|existing| &existing.data) {
        data.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

fn check_whole(
    kind: ObjectKind,
    data: &BTreeMap<String, SecretBytes>,
    secret_type: SecretType,
    shares: &[Share],
    existing: Option<&Existing>,
) -> Result<(), Failure> {
    let fail = |message: String| Err(Failure::new(Condition::Render, message));
    if data.is_empty() {
        let had_content = existing.is_some_and(|existing| !existing.data.is_empty());
        if had_content {
            return fail("there is nothing left to write: the object keeps what it has".to_owned());
        }
        if !shares.iter().any(|share| share.absent) {
            return fail(
                "the sources have no keys, and an empty object would help nobody".to_owned(),
            );
        }
    }
    let mut size = RESERVE;
    for (key, value) in data {
        size += key.len() + value.len();
        if size > MAX_OBJECT {
            return fail(format!(
                "with the key \"{key}\" the object would be larger than 1 MiB: take fewer keys"
            ));
        }
    }
    if kind == ObjectKind::Secret && !data.is_empty() {
        check_type(secret_type, data).or_else(fail)?;
    }
    Ok(())
}

/// The keys that the API server demands of a type (`pkg/apis/core/validation`, `ValidateSecret`).
fn check_type(secret_type: SecretType, data: &BTreeMap<String, SecretBytes>) -> Result<(), String> {
    let needs = |keys: &[&str]| match keys.iter().find(|key| !data.contains_key(**key)) {
        None => Ok(()),
        Some(key) => Err(format!(
            "a Secret of type {} needs the key \"{key}\"",
            secret_type.as_str()
        )),
    };
    match secret_type {
        SecretType::Opaque => Ok(()),
        SecretType::Tls => needs(&["tls.crt", "tls.key"]),
        SecretType::SshAuth if data.get("ssh-privatekey").is_some_and(SecretBytes::is_empty) => {
            Err("the value of \"ssh-privatekey\" is empty".to_owned())
        }
        SecretType::SshAuth => needs(&["ssh-privatekey"]),
        SecretType::BasicAuth => needs(&["username"]).or_else(|_| needs(&["password"])).map_err(|_| {
            "a Secret of type kubernetes.io/basic-auth needs the key \"username\" or \"password\"".to_owned()
        }),
        SecretType::DockerConfigJson => {
            needs(&[".dockerconfigjson"])?;
            let json = data.get(".dockerconfigjson").map(SecretBytes::expose).unwrap_or_default();
            match serde_json::from_slice::<BTreeMap<String, serde::de::IgnoredAny>>(json) {
                Ok(_) => Ok(()),
                Err(_) => Err("the value of \".dockerconfigjson\" is no JSON object".to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
