//! `jasm explain pod`: a live pod, as far as the caller may look.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Event, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::advice::{self, Seen, Situation};
use super::report::{self, Object};
use crate::cli::config::Format;
use crate::cli::operator::{Config, Refused};
use crate::cli::workloads::Asked;
use crate::cli::{Exit, Outcome, Stop, Streams};
use crate::diagnostic::Source;
use crate::manifests;
use crate::pull::apply::{OURS, VERSIONS};
use crate::pull::index::{self, Index, Key};
use crate::pull::pod::Pod;
use crate::pull::request::{ObjectKind, Target};
use crate::pull::workload::{Lookup, Workload, Workloads};

/// All that is asked of the cluster together.
const PATIENCE: Duration = Duration::from_secs(60);
/// Events shown, the last ones.
const SHOWN: usize = 20;
/// The operator's ConfigMap and its key, as the manifests of JASM name them.
const CONFIG: (&str, &str) = ("jasm-config", "jasm.yaml");

/// Everything that is found out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    namespace: String,
    pod: String,
    phase: String,
    /// Why its containers do not run, in the kubelet's or scheduler's words.
    waits: Vec<String>,
    workload: Option<String>,
    objects: Vec<Live>,
    problems: Vec<String>,
    events: Vec<Said>,
    /// What could not be seen, and the right that it needs.
    unseen: Vec<String>,
    fine: bool,
    next: String,
}

/// An object that is asked for, and what is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Live {
    #[serde(flatten)]
    asked: Object,
    state: State,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "is")]
enum State {
    Hidden,
    Missing,
    #[serde(rename_all = "camelCase")]
    There {
        ours: bool,
        r#type: Option<String>,
        keys: Vec<String>,
        /// Version tokens as JASM noted them, by source.
        versions: BTreeMap<String, String>,
        owners: Vec<String>,
        changed: Option<String>,
    },
}

/// An event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    time: String,
    by: String,
    warning: bool,
    reason: String,
    about: String,
    note: String,
    ours: bool,
}

pub(super) fn run(args: &super::Pod, streams: &mut Streams<'_>) -> Outcome {
    let config = match &args.config {
        Some(path) => Some(Config::needed(path, streams)?),
        None => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {}", error.kind()))?;
    let found = runtime.block_on(async {
        let late = || {
            let seconds = PATIENCE.as_secs();
            Stop::Unusable(format!("the cluster did not answer within {seconds} s"))
        };
        timeout(PATIENCE, gather(args, config))
            .await
            .map_err(|_| late())?
    })?;
    match args.format {
        Format::Json => {
            let json = serde_json::to_value(&found).map_err(|error| error.to_string())?;
            writeln!(streams.output, "{json:#}")?;
        }
        Format::Text => write(&found, streams.output)?,
    }
    Ok(Exit::of(found.fine))
}

async fn gather(args: &super::Pod, config: Option<Config>) -> Result<Report, Stop> {
    let (client, namespace) = args.access.connect().await?;
    let text = pod_text(&client, &namespace, &args.name).await?;
    let value: Value = serde_json::from_str(&text).map_err(|_| unreadable(&args.name))?;
    let (pod, _) = Pod::from_json(&text).map_err(|_| unreadable(&args.name))?;
    let mut unseen = Vec::new();
    let config = match config {
        Some(config) => Some(config),
        None => from_cluster(&client, &args.jasm_namespace, &mut unseen).await,
    };
    let asked = asked(&args.name, &text);
    let workload = workload(&client, &pod, &mut unseen).await;
    let mut objects = Vec::new();
    for target in asked.targets() {
        let Some(requester) = asked.index.requesters(&target).into_iter().next() else {
            continue;
        };
        let Some(asker) = asked.asker(&requester) else {
            continue;
        };
        let consumers = asker.consumers(&target);
        objects.push(Live {
            asked: report::object(&target, &requester.wish, &consumers, config.as_ref()),
            state: state(&client, &target, &mut unseen).await,
        });
    }
    let problems: Vec<_> = asked
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.message.clone())
        .collect();
    let mut about = vec![pod.uid.clone()];
    about.extend(workload.iter().map(|workload| workload.owner.uid.clone()));
    let events = events(&client, &namespace, &about, &mut unseen).await;
    let mut report = Report {
        phase: text_at(&value, "/status/phase"),
        waits: waits(&value),
        namespace,
        pod: pod.name.clone(),
        workload: workload.map(|workload| workload.name()),
        objects,
        problems,
        events,
        unseen,
        fine: true,
        next: String::new(),
    };
    (report.fine, report.next) = judge(&report, &pod);
    Ok(report)
}

fn unreadable(name: &str) -> Stop {
    Stop::Unusable(format!(
        "what the API server says of the pod {name} cannot be understood"
    ))
}

async fn pod_text(client: &Client, namespace: &str, name: &str) -> Result<String, Stop> {
    let valid = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    if !valid(namespace) || !valid(name) {
        return Err(Stop::Unusable(format!(
            "\"{}/{}\" cannot be the name of a pod",
            crate::yaml::clip(namespace),
            crate::yaml::clip(name)
        )));
    }
    let request = http::Request::get(format!("/api/v1/namespaces/{namespace}/pods/{name}"))
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let sentence = match client.request_text(request).await {
        Ok(text) => return Ok(text),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            format!("there is no pod {name} in the namespace {namespace}")
        }
        Err(kube::Error::Api(status)) if status.code == 403 => format!(
            "you may not look at the pod {name}: it needs \"get\" on pods in the namespace {namespace}"
        ),
        Err(kube::Error::Api(status)) if status.code == 401 => {
            "the cluster does not know you: log in again".to_owned()
        }
        Err(error) => format!("the cluster cannot be asked: {error}"),
    };
    Err(Stop::Unusable(sentence))
}

/// What the pod asks for, read as a manifest is: with all its consumers.
fn asked(name: &str, text: &str) -> Asked {
    let mut found = manifests::Manifests::default();
    found.read(&Arc::new(Source::new(format!("pod {name}"), text)));
    Asked::of(found, None)
}

async fn workload(client: &Client, pod: &Pod, unseen: &mut Vec<String>) -> Option<Workload> {
    let mut index = Index::default();
    let mut listed = pod.clone();
    // Who made a pod can be asked of one that has finished too.
    listed.settled = false;
    index.take(index::Event::Listing, Instant::now());
    index.take(index::Event::Listed(listed), Instant::now());
    let keys = index.take(index::Event::InSync, Instant::now());
    let record = keys.into_iter().find_map(|key| match key {
        Key::Target(target) => Some(index.requesters(&target).into_iter().next()?.pod),
        Key::Complaint(complainant) => index.complaining(&complainant).into_iter().next(),
    })?;
    match Workloads::new(client.clone())
        .of(&record, Lookup::Fresh)
        .await
    {
        Ok(workload) => Some(workload),
        Err(_) => {
            let maker = record.pod.controller.as_ref()?;
            unseen.push(format!(
                "the workload: it needs \"get\" on what made the pod, {} {}",
                maker.kind, maker.name
            ));
            None
        }
    }
}

async fn from_cluster(
    client: &Client,
    namespace: &str,
    unseen: &mut Vec<String>,
) -> Option<Config> {
    let (name, key) = CONFIG;
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let what = format!("what the config allows: the ConfigMap {namespace}/{name}");
    let why = match api.get_opt(name).await {
        Ok(Some(map)) => match map.data.and_then(|mut data| data.remove(key)) {
            Some(text) => {
                let source = Source::new(format!("{namespace}/{name}, {key}"), text);
                match Config::of(Arc::new(source)) {
                    Ok(config) => return Some(config),
                    Err(Refused::Unreadable(diagnostic) | Refused::Invalid(diagnostic)) => {
                        format!("is refused: {}", diagnostic.message)
                    }
                }
            }
            None => format!("has no key {key}"),
        },
        Ok(None) => "is not there".to_owned(),
        Err(error) => refusal(&error, "get", "configmaps"),
    };
    unseen.push(format!("{what} {why}; name the file with --config"));
    None
}

/// Why the API server did not show it.
fn refusal(error: &kube::Error, verb: &str, resource: &str) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            format!("may not be seen by you: it needs \"{verb}\" on {resource}")
        }
        kube::Error::Api(status) => format!("cannot be read ({})", status.code),
        _ => "cannot be read: the cluster does not answer".to_owned(),
    }
}

async fn state(client: &Client, target: &Target, unseen: &mut Vec<String>) -> State {
    let (name, namespace) = (&*target.name, &*target.namespace);
    let (found, resource) = match target.kind {
        ObjectKind::Secret => {
            let api = Api::<Secret>::namespaced(client.clone(), namespace);
            let found = api.get_opt(name).await.map(|found| {
                found.map(|secret| {
                    let keys = secret.data.into_iter().flatten().map(|(key, _)| key);
                    there(secret.metadata, secret.type_, keys.collect())
                })
            });
            (found, "secrets")
        }
        ObjectKind::ConfigMap => {
            let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
            let found = api.get_opt(name).await.map(|found| {
                found.map(|map| {
                    let text = map.data.into_iter().flatten().map(|(key, _)| key);
                    let binary = map.binary_data.into_iter().flatten().map(|(key, _)| key);
                    there(map.metadata, None, text.chain(binary).collect())
                })
            });
            (found, "configmaps")
        }
    };
    match found {
        Ok(Some(there)) => there,
        Ok(None) => State::Missing,
        Err(error) => {
            let kind = target.kind.as_str();
            unseen.push(format!(
                "{kind} {name} {}",
                refusal(&error, "get", resource)
            ));
            State::Hidden
        }
    }
}

fn there(meta: ObjectMeta, r#type: Option<String>, keys: Vec<String>) -> State {
    let label = meta.labels.as_ref().and_then(|labels| labels.get(OURS.0));
    let noted = meta
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(VERSIONS));
    let changes = meta.managed_fields.iter().flatten();
    let changed = changes.filter_map(|change| change.time.as_ref()).max();
    State::There {
        ours: label.is_some_and(|value| value == OURS.1),
        r#type,
        keys,
        versions: noted
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
        owners: meta
            .owner_references
            .iter()
            .flatten()
            .map(|owner| format!("{}/{}", owner.kind, owner.name))
            .collect(),
        changed: changed
            .or(meta.creation_timestamp.as_ref())
            .map(|time| time.0.to_string()),
    }
}

/// JASM's events of the pod and its workload, and everybody's warnings.
async fn events(
    client: &Client,
    namespace: &str,
    about: &[String],
    unseen: &mut Vec<String>,
) -> Vec<Said> {
    let api = Api::<Event>::namespaced(client.clone(), namespace);
    let mut said = Vec::new();
    for uid in about {
        let selector = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        match api.list(&selector).await {
            Ok(list) => said.extend(list.items.into_iter().map(event)),
            Err(error) => {
                unseen.push(format!("the events {}", refusal(&error, "list", "events")));
                break;
            }
        }
    }
    said.retain(|said| said.ours || said.warning);
    said.sort_by(|a, b| a.time.cmp(&b.time));
    let skip = said.len().saturating_sub(SHOWN);
    said.into_iter().skip(skip).collect()
}

fn event(event: Event) -> Said {
    let by = event
        .reporting_component
        .filter(|by| !by.is_empty())
        .or(event.source.and_then(|source| source.component))
        .unwrap_or_default();
    let last = event.series.and_then(|series| series.last_observed_time);
    let time = last
        .or(event.event_time)
        .map(|time| time.0)
        .or(event.last_timestamp.map(|time| time.0))
        .or(event.metadata.creation_timestamp.map(|time| time.0));
    let involved = event.involved_object;
    Said {
        time: time.map_or_else(String::new, |time| time.to_string()),
        ours: by.starts_with("jasm.codnod.io/"),
        by,
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.unwrap_or_default(),
        about: format!(
            "{}/{}",
            involved.kind.unwrap_or_default(),
            involved.name.unwrap_or_default()
        ),
        note: event.message.unwrap_or_default(),
    }
}

fn text_at(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// Why containers do not run: the kubelet's reasons, or the scheduler's.
fn waits(pod: &Value) -> Vec<String> {
    let mut waits = Vec::new();
    for list in ["initContainerStatuses", "containerStatuses"] {
        let statuses = pod["status"][list].as_array();
        for status in statuses.into_iter().flatten() {
            let waiting = &status["state"]["waiting"];
            if let Some(reason) = waiting["reason"].as_str() {
                let name = text_at(status, "/name");
                let message = text_at(waiting, "/message");
                let message = match message.as_str() {
                    "" => String::new(),
                    message => format!(": {message}"),
                };
                waits.push(format!("container {name} {reason}{message}"));
            }
        }
    }
    let conditions = pod["status"]["conditions"].as_array();
    for condition in conditions.into_iter().flatten() {
        if condition["type"] == "PodScheduled" && condition["status"] == "False" {
            let message = text_at(condition, "/message");
            waits.push(format!("no node takes it: {message}"));
        }
    }
    waits
}

fn judge(report: &Report, pod: &Pod) -> (bool, String) {
    let names: Vec<_> = report
        .objects
        .iter()
        .map(|object| format!("{} {}", object.asked.kind, object.asked.name))
        .collect();
    let seen = |object: &Live| match object.state {
        State::Hidden => Seen::Hidden,
        State::Missing => Seen::Missing,
        State::There { ours: false, .. } => Seen::Foreign,
        State::There { ours: true, .. } => Seen::Ours,
    };
    let named = || report.objects.iter().zip(&names);
    let refused = named().find_map(|(object, name)| {
        let mut sources = object.asked.sources.iter();
        let refused = sources.find(|source| source.allowed == Some(false))?;
        Some((name.as_str(), refused.why.as_deref().unwrap_or_default()))
    });
    let missing_key = named().find_map(|(object, name)| {
        let State::There {
            keys, ours: true, ..
        } = &object.state
        else {
            return None;
        };
        let taken = object.asked.taken.iter();
        let key = taken.into_iter().find(|key| !keys.contains(key))?;
        Some((name.as_str(), key.as_str()))
    });
    let last = report.events.iter().rfind(|said| said.ours);
    let waits = report.waits.iter().find(|why| {
        // What every pod says for a moment.
        !why.ends_with("ContainerCreating") && !why.ends_with("PodInitializing")
    });
    advice::next(&Situation {
        annotated: !pod.annotations.is_empty(),
        settled: pod.settled,
        problems: &report.problems,
        refused,
        objects: named()
            .map(|(object, name)| (name.as_str(), seen(object)))
            .collect(),
        missing_key,
        event: last
            .filter(|said| said.warning)
            .map(|said| (said.reason.as_str(), said.note.as_str())),
        waits: waits.map(String::as_str),
        waiting: pod.waiting,
    })
}

fn write(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let of = match &report.workload {
        Some(workload) => format!(" of {workload}"),
        None => String::new(),
    };
    writeln!(
        out,
        "Pod {} in {}{of}: {}",
        report.pod, report.namespace, report.phase
    )?;
    for why in &report.waits {
        writeln!(out, "  {why}")?;
    }
    for problem in &report.problems {
        writeln!(out, "  not understood: {problem}")?;
    }
    for object in &report.objects {
        writeln!(out)?;
        object.asked.write(out)?;
        match &object.state {
            State::Hidden => writeln!(out, "    whether it is there cannot be seen")?,
            State::Missing => writeln!(out, "    it is not there")?,
            State::There {
                ours,
                r#type,
                keys,
                versions,
                owners,
                changed,
            } => {
                let whose = if *ours { "JASM's" } else { "not JASM's" };
                let kind = r#type.as_ref().map(|kind| format!(", of type {kind}"));
                let changed = changed.as_ref().map(|time| format!(", changed {time}"));
                writeln!(
                    out,
                    "    it is there and {whose}{}{}",
                    kind.unwrap_or_default(),
                    changed.unwrap_or_default()
                )?;
                writeln!(out, "      keys: {}", keys.join(", "))?;
                for (source, version) in versions {
                    writeln!(out, "      {source} at version {version}")?;
                }
                if !owners.is_empty() {
                    writeln!(out, "      owned by {}", owners.join(", "))?;
                }
            }
        }
    }
    if !report.events.is_empty() {
        writeln!(out, "\nEvents")?;
    }
    for said in &report.events {
        writeln!(
            out,
            "  {} {} {} ({}): {}",
            said.time, said.reason, said.about, said.by, said.note
        )?;
    }
    if !report.unseen.is_empty() {
        writeln!(out, "\nNot seen")?;
    }
    for unseen in &report.unseen {
        writeln!(out, "  {unseen}")?;
    }
    writeln!(out, "\nNext: {}", report.next)
}
