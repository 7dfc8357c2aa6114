//! `jasm render`: the objects that manifests ask for, by the controller's own way, without a cluster.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::diagnostic::{Diagnostic, Rule};
use crate::metrics::Metrics;
use crate::pull::apply::{self, Desired};
use crate::pull::make::{self, Made};
use crate::pull::plan::View;
use crate::pull::reference::Catalog as _;
use crate::pull::request::{Origin, Target};
use crate::settings::Settings;
use crate::stores::{Readers, Stores};

use super::operator::Config;
use super::settled::settle;
use super::workloads::{Asked, Manifests, makers};
use super::{Exit, Outcome, Stop, Streams};

mod yaml;

const NOT_MADE: Rule = Rule {
    id: "render/not-made",
    about: "What an annotation asks for cannot be made.",
};

/// Flags of `render`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  jasm render -f deployment.yaml --config jasm.yaml -n shop
  helm template ./shop | jasm render -f - --config jasm.yaml -n shop --show-values

Exit codes: 0 every object was made; 1 something could not be made, and was told on standard error; \
2 something cannot be read.")]
pub struct Render {
    #[command(flatten)]
    manifests: Manifests,
    /// The operator's config
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// Print the values, secret ones too
    #[arg(long)]
    show_values: bool,
    /// How the objects are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// One document per object
    #[default]
    Yaml,
    /// One List
    Json,
}

/// Prints the objects.
///
/// # Errors
/// Something cannot be read, or the result cannot be written.
pub fn run(args: &Render, streams: &mut Streams<'_>) -> Outcome {
    let config = Config::needed(&args.config, streams)?;
    let mut asked = args.manifests.read(streams)?;
    let targets = asked.targets();
    let mut diagnostics = std::mem::take(&mut asked.diagnostics);
    let mut made = Vec::new();
    if !targets.is_empty() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("the runtime cannot start: {}", error.kind()))?;
        runtime.block_on(async {
            let needed = needed(&config.settings, &asked, &targets);
            let stores = Stores::connect(
                &needed,
                &Stores::default(),
                &Metrics::new(),
                &Readers::Process,
            )
            .await?;
            let objects = targets
                .iter()
                .map(|target| object(target, &asked, &config.settings, &stores));
            for (object, mut problems) in futures::future::join_all(objects).await {
                made.extend(object);
                diagnostics.append(&mut problems);
            }
            Ok::<_, Stop>(())
        })?;
    }
    print(args, &asked, &config.settings, &made, streams)?;
    streams.complain(&diagnostics)?;
    if diagnostics.is_empty() && targets.is_empty() && !asked.unreadable {
        writeln!(
            streams.error,
            "jasm: {} workloads, none of which has an annotation of JASM",
            asked.workloads
        )?;
    }
    if asked.unreadable {
        return Err(Stop::Told);
    }
    let errors = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == crate::diagnostic::Severity::Error);
    Ok(Exit::of(!errors))
}

/// The settings with only those stores that are asked for: others need not answer here.
fn needed(settings: &Settings, asked: &Asked, targets: &[Target]) -> Settings {
    let mut names = BTreeSet::new();
    for target in targets {
        for requester in asked.index.requesters(target) {
            for request in &requester.wish.requests {
                let (Origin::Entry { store, .. } | Origin::Prefix { store, .. }) = &request.origin
                else {
                    continue;
                };
                names.extend(settings.find(store).map(|(store, _)| store.name.clone()));
            }
        }
    }
    let mut needed = settings.clone();
    needed.stores.retain(|store| names.contains(&store.name));
    needed
}

/// One object, and what is wrong with it.
async fn object(
    target: &Target,
    asked: &Asked,
    settings: &Settings,
    stores: &Stores,
) -> (Option<(Target, Desired)>, Vec<Diagnostic>) {
    let view = asked.view(target, settings);
    let fetched = make::fetch(target, &view, stores, Instant::now()).await;
    let mut told = BTreeSet::new();
    let mut diagnostics = Vec::new();
    for request in view.groups.values().flat_map(|group| &group.wish.requests) {
        let canonical = request.canonical();
        if let Some(Err(failure)) = fetched.get(&canonical)
            && told.insert(canonical)
        {
            // The whole config knows more than the part of it that was connected.
            let refused = settle(request, &target.namespace, settings).err();
            let failure = refused.as_ref().unwrap_or(failure);
            // Nobody reads it again here.
            let message = failure.message.split("; it is read again").next();
            let message = message.unwrap_or_default();
            diagnostics.extend(asked.about(&NOT_MADE, target, request, message));
        }
    }
    let requested = !diagnostics.is_empty();
    let made = Made::of(&view, &makers(&view), Vec::new(), fetched);
    let mut failures = made.failures.clone();
    let desired = if made.shares.is_empty() {
        None
    } else {
        match made.desired(target.kind, &made.frozen, None) {
            Ok((desired, conflicts)) => {
                failures.extend(conflicts);
                Some((target.clone(), desired))
            }
            Err(failure) => {
                failures.push((String::new(), failure));
                None
            }
        }
    };
    for (workload, failure) in failures {
        // What failed for a request was said of the request.
        if !(requested && made.frozen.workloads.contains(&workload)) {
            diagnostics.extend(of_workload(
                target,
                asked,
                &view,
                &workload,
                &failure.message,
            ));
        }
    }
    (desired, diagnostics)
}

/// An error about what a workload asks as a whole.
fn of_workload(
    target: &Target,
    asked: &Asked,
    view: &View,
    workload: &str,
    message: &str,
) -> Option<Diagnostic> {
    let makers = makers(view);
    let concerned = view.pods.iter().find(|requester| {
        let maker = makers.get(&crate::pull::plan::maker(requester));
        workload.is_empty() || maker.is_some_and(|maker| maker.name() == workload)
    })?;
    let asker = asked.asker(concerned)?;
    let request: Option<&Arc<_>> = concerned.wish.requests.first();
    let place = request.map_or_else(|| asker.workload.place(), |it| asker.place_of(it));
    let message = format!("{} {}: {message}", target.kind.as_str(), target.name);
    Some(Diagnostic::error(
        &NOT_MADE,
        &asker.workload.source,
        Some(place),
        message,
    ))
}

fn print(
    args: &Render,
    asked: &Asked,
    settings: &Settings,
    made: &[(Target, Desired)],
    streams: &mut Streams<'_>,
) -> Result<(), Stop> {
    let mut objects = Vec::new();
    for (target, desired) in made {
        let mut object = apply::manifest(target, desired).map_err(|error| error.to_string())?;
        if !args.show_values {
            mask(&mut object, desired);
        }
        match args.format {
            Format::Json => objects.push(object),
            Format::Yaml => {
                let view = asked.view(target, settings);
                let workloads: BTreeSet<_> = makers(&view)
                    .values()
                    .map(crate::pull::workload::Workload::name)
                    .collect();
                let workloads: Vec<_> = workloads.into_iter().collect();
                let mut text = format!(
                    "---\n# For {}. Owners are left out: only a cluster knows them.\n",
                    workloads.join(", ")
                );
                if !args.show_values {
                    text.push_str("# Values are masked, so that this cannot be applied; --show-values prints them.\n");
                }
                yaml::write(&mut text, &object);
                streams.output.write_all(text.as_bytes())?;
            }
        }
    }
    if args.format == Format::Json {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        writeln!(streams.output, "{list:#}")?;
    }
    Ok(())
}

/// Puts a mapping in the place of every value: a text could be applied by mistake.
fn mask(object: &mut Value, desired: &Desired) {
    for field in ["data", "binaryData"] {
        let Some(data) = object.get_mut(field).and_then(Value::as_object_mut) else {
            continue;
        };
        for (key, value) in data.iter_mut() {
            let length = desired.data.get(key).map_or(0, |value| value.len());
            *value = json!({"masked": format!("{length} bytes")});
        }
    }
}
