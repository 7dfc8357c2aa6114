//! `jasm explain pod`: a live pod, as far as the caller may look.
//!
//! [`cluster`], [`objects`] and [`events`] look, [`status`] reads what the kubelet says; [`verdict`]
//! and [`text`] tell it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::report::{self, Object};
use crate::cli::config::Format;
use crate::cli::operator::Config;
use crate::cli::workloads::Asked;
use crate::cli::{Exit, Outcome, Stop, Streams};
use crate::diagnostic::Source;
use crate::manifests;
use crate::pull::pod::Pod;

mod cluster;
mod events;
mod objects;
mod status;
mod text;
mod verdict;

/// All that is asked of the cluster together.
const PATIENCE: Duration = Duration::from_secs(60);

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
        Format::Text => text::write(&found, streams.output)?,
    }
    Ok(Exit::of(found.fine))
}

async fn gather(args: &super::Pod, config: Option<Config>) -> Result<Report, Stop> {
    let (client, namespace) = args.access.connect().await?;
    let text = cluster::pod_text(&client, &namespace, &args.name).await?;
    let value: Value = serde_json::from_str(&text).map_err(|_| unreadable(&args.name))?;
    let (pod, _) = Pod::from_json(&text).map_err(|_| unreadable(&args.name))?;
    let mut unseen = Vec::new();
    let config = match config {
        Some(config) => Some(config),
        None => cluster::config(&client, &args.jasm_namespace, &mut unseen).await,
    };
    let asked = asked(&args.name, &text);
    let workload = cluster::workload(&client, &pod, &mut unseen).await;
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
            asked: report::object(
                &target,
                &requester.wish,
                &consumers,
                &pod.service_account,
                config.as_ref(),
            ),
            state: objects::state(&client, &target, &mut unseen).await,
        });
    }
    let mut sources: Vec<_> = objects
        .iter_mut()
        .flat_map(|object| &mut object.asked.sources)
        .filter(|source| !source.needs.is_empty())
        .collect();
    if !sources.is_empty()
        && let Some(written) =
            cluster::annotations(&client, &namespace, &pod.service_account, &mut unseen).await
    {
        for source in &mut sources {
            let lacks = source.needs.iter().filter(|name| {
                let value = written.get(**name);
                value.is_none_or(String::is_empty)
            });
            source.lacks = Some(lacks.copied().collect());
        }
    }
    let problems: Vec<_> = asked
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.message.clone())
        .collect();
    let mut about = vec![pod.uid.clone()];
    about.extend(workload.iter().map(|workload| workload.owner.uid.clone()));
    let events = events::events(&client, &namespace, &about, &mut unseen).await;
    let mut report = Report {
        phase: status::text_at(&value, "/status/phase"),
        waits: status::waits(&value),
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
    (report.fine, report.next) = verdict::of(&report, &pod);
    Ok(report)
}

fn unreadable(name: &str) -> Stop {
    Stop::Unusable(format!(
        "what the API server says of the pod {name} cannot be understood"
    ))
}

/// What the pod asks for, read as a manifest is: with all its consumers.
fn asked(name: &str, text: &str) -> Asked {
    let mut found = manifests::Manifests::default();
    found.read(&Arc::new(Source::new(format!("pod {name}"), text)));
    Asked::of(found, None)
}
