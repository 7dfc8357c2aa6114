//! `jasm push`: what an object carries to its stores, by the controller's own way, for pipelines without a cluster.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use jasm_providers::sink::{Fingerprints, Owner};

use crate::configuration;
use crate::metrics::Metrics;
use crate::push::condition::{Problem, Reason};
use crate::push::manifest::{self, Object};
use crate::push::reconcile::told;
use crate::push::run::{Done, Push};
use crate::push::sinks::Sinks;
use crate::push::source::files::{Caps, Wanted};
use crate::push::source::{Snapshot, directory};
use crate::push::write::Recent;
use crate::push::{build, run::KeyData};
use crate::settings::Settings;
use crate::stores::{Readers, Stores};

use super::config::Format;
use super::operator::Config;
use super::{Exit, Outcome, Stop, Streams, input};

mod keys;
mod report;
mod revision;

use keys::Key;
use report::{Report, State};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Commands {
    /// Say what would be created, changed, deleted, left and refused in the stores; write nothing
    ///
    /// Each SecretManagerConfig of the file is read as strictly as an API server reads it, and carried to
    /// its stores by the code of the controller: files, names, decryption, rights (allowWrite) and marks
    /// are the same. Its sourceRef says nothing here: the files are those of --source. The stores are
    /// asked with the identity of this process, which takes on the one that the object names.
    ///
    /// Names of entries, stores and files are printed, values never.
    #[command(after_help = "Examples:
  jasm push plan -f smc.yaml --source . --config jasm.yaml
  jasm push plan -f smc.yaml --source . --config jasm.yaml --keys ./keys -o json
  jasm push plan -f smc.yaml --source . --config jasm.yaml --detailed-exitcode || [ $? -eq 3 ]

Exit codes: 0 nothing is wrong; 1 something is refused or failed; 2 the call is wrong or something cannot \
be read; 3 with --detailed-exitcode: nothing is wrong, and something would change.")]
    Plan(Plan),
    /// Do what the plan says
    ///
    /// What is wrong with one entry fails that entry alone; nothing is deleted then. It can be called again
    /// at any time: what is in place stays as it is.
    #[command(after_help = "Examples:
  jasm push apply -f smc.yaml --source . --config jasm.yaml --revision \"main@sha1:$COMMIT\"
  JASM_PUSH_KEY=… jasm push apply -f smc.yaml --source . --config jasm.yaml -n shop

Exit codes: 0 everything is in place; 1 something is refused or failed; 2 the call is wrong or something \
cannot be read.")]
    Apply(What),
}

/// Flags of `push plan`.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    what: What,
    /// End with 3 if nothing is wrong and something would change
    #[arg(long)]
    detailed_exitcode: bool,
}

/// What is carried, and with what.
#[derive(Debug, Args)]
pub struct What {
    /// SecretManagerConfigs (YAML or JSON): a file, a directory with all below, or - for standard input;
    /// other kinds in it are passed over
    #[arg(short, long, value_name = "FILE")]
    filename: PathBuf,
    /// The root of the files, in the place of what sourceRef names
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// What the marks on entries say of the source [default: the commit that is checked out there, else a
    /// digest of the files]
    #[arg(long, value_name = "TEXT", value_parser = revision::given)]
    revision: Option<String>,
    /// The operator's config; push.cluster in it is part of the mark on every entry
    #[arg(long, env = "JASM_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// The namespace of objects that name none
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Keys for files of SOPS, named as in the object's Secret: *.agekey, *.asc, sops.vault-token; those
    /// of SOPS_AGE_KEY and SOPS_AGE_KEY_FILE are used too
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// The key of the controller's fingerprints (32 bytes, or those in base64), as the Secret
    /// jasm-push-key holds it; JASM_PUSH_KEY may hold it instead, in base64. Without it entries are
    /// compared by reading them
    #[arg(long, value_name = "FILE")]
    fingerprint_key: Option<PathBuf>,
    /// What to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Carries out one of them.
///
/// # Errors
/// Something cannot be read, or the result cannot be written.
pub fn run(command: &Commands, streams: &mut Streams<'_>) -> Outcome {
    let (what, dry, detailed) = match command {
        Commands::Plan(plan) => (&plan.what, true, plan.detailed_exitcode),
        Commands::Apply(what) => (what, false, false),
    };
    let config = Config::needed(&what.config, streams)?;
    let settings = config.settings;
    let Some(cluster) = settings.push.cluster.clone() else {
        return Err(Stop::Unusable(format!(
            "{} has no push.cluster, which is part of the mark on every entry, and there is no cluster here to ask for \
             it: write there what the controller's config has, else the uid of the namespace kube-system",
            config.source.name()
        )));
    };
    let objects = objects(what, streams)?;
    enter(&what.source)?;
    let keys = keys::read(what.keys.as_deref())?;
    let key = keys::fingerprints(what.fingerprint_key.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {}", error.kind()))?;
    let report = runtime.block_on(async {
        let stores = Stores::connect(
            &needed(&settings),
            &Stores::default(),
            &Metrics::new(),
            &Readers::Process,
        )
        .await?;
        let config = Arc::new(configuration::Config {
            settings,
            stores,
            generation: 1,
        });
        let carrier = Carrier {
            what,
            config,
            cluster,
            keys,
            key,
            dry,
        };
        let mut report = Report::new(dry);
        for (namespace, object) in &objects {
            report.add(namespace, object, carrier.carry(namespace, object).await);
        }
        Ok::<_, Stop>(report)
    })?;
    report.write(what.output, streams)?;
    Ok(if !report.is_fine() {
        Exit::Problems
    } else if detailed && report.has_changes() {
        Exit::Changes
    } else {
        Exit::Fine
    })
}

/// The objects, each with the namespace that it is in.
fn objects(what: &What, streams: &mut Streams<'_>) -> Result<Vec<(String, Object)>, Stop> {
    if let Some(namespace) = &what.namespace
        && !manifest::is_label(namespace)
    {
        let why = "a namespace has up to 63 lower-case letters, digits and \"-\"";
        return Err(Stop::Unusable(format!("-n {namespace:?}: {why}")));
    }
    let loaded = input::load(std::slice::from_ref(&what.filename), streams.input);
    let read = if loaded.failures.is_empty() {
        manifest::read(&loaded.sources)
            .and_then(|objects| manifest::placed(objects, what.namespace.as_deref()))
    } else {
        Err(loaded.failures)
    };
    read.map_err(|problems| match streams.complain(&problems) {
        Ok(()) => Stop::Told,
        Err(error) => error.into(),
    })
}

/// Refuses a `--source` that is no folder: that is no fault of an object.
fn enter(source: &Path) -> Result<(), Stop> {
    let why = match std::fs::read_dir(source) {
        Ok(_) => return Ok(()),
        Err(error) => error.kind(),
    };
    Err(Stop::Unusable(format!(
        "--source {}: the directory cannot be read: {why}",
        source.display()
    )))
}

/// The settings with only those stores that can be written to, or whose keys can be asked: the others
/// need not be of use here.
fn needed(settings: &Settings) -> Settings {
    let mut needed = settings.clone();
    needed.stores.retain(|store| !store.allow_write.is_empty());
    needed
}

/// Everything that all objects share.
struct Carrier<'a> {
    what: &'a What,
    config: Arc<configuration::Config>,
    cluster: String,
    keys: KeyData,
    key: Key,
    dry: bool,
}

impl Carrier<'_> {
    async fn carry(&self, namespace: &str, object: &Object) -> State {
        if object.spec.suspend {
            return State::Suspended;
        }
        match self.run(namespace, object).await {
            Ok(done) => State::Done(Box::new(done)),
            Err(problem) => State::Refused(problem),
        }
    }

    async fn run(&self, namespace: &str, object: &Object) -> Result<Done, Problem> {
        if !self.config.settings.serves(namespace) {
            let message = format!(
                "JASM does not serve the namespace {namespace}: \"namespaces\" of the config leaves it out"
            );
            return Err(Problem::new(Reason::AccessDenied, message));
        }
        let owner = Owner {
            cluster: self.cluster.clone(),
            namespace: namespace.to_owned(),
            name: object.name.clone(),
        };
        let push = Push {
            config: &self.config,
            owner: &owner,
            spec: &object.spec,
            fingerprints: &self.key.fingerprints,
            passing: self.key.passing,
            dry: self.dry,
            lacking: (self.keys.is_empty())
                .then_some("no keys were given: name the folder that has them by --keys"),
        };
        push.destinations()?;
        let snapshot = self.snapshot(object)?;
        let encrypted = self.only_here(object, &snapshot);
        let revision = snapshot.revision.clone();
        let desired = push.read(snapshot, &self.keys).await?;
        let mut sinks = Sinks::default();
        let recent = Recent::default();
        let written = push.write(&mut sinks, &recent, desired, &revision).await;
        let mut done = written?;
        // What a kustomization builds names no file.
        let folder = object.spec.secrets.kustomize_path.as_deref();
        let built =
            folder.map(|path| Wanted::below([path.trim_end_matches('/').trim_start_matches("./")]));
        let read = { encrypted.iter() }.find(|path| match &built {
            Some(folder) => folder.contains(path),
            None => done.details.files.values().any(|file| file == *path),
        });
        if let Some(path) = read {
            done.details.warnings.push(format!(
                "{path} is encrypted, and the object names no decryption.secretRef: the keys that were given here are \
                 not there in the cluster"
            ));
        }
        Ok(done)
    }

    /// The encrypted files, where there are keys here and none in the cluster.
    fn only_here(&self, object: &Object, snapshot: &Snapshot) -> BTreeSet<String> {
        if self.keys.is_empty() || object.spec.decryption.is_some() {
            return BTreeSet::new();
        }
        { snapshot.tree.iter() }
            .filter(|(path, content)| jasm_sops::detect(path, content.expose()).is_some())
            .map(|(path, _)| path.to_owned())
            .collect()
    }

    fn snapshot(&self, object: &Object) -> Result<Snapshot, Problem> {
        let wanted = build::wanted(&object.spec);
        let root = &self.what.source;
        let fingerprints: &Fingerprints = &self.key.fingerprints;
        let mut snapshot =
            directory::read(root, &wanted, &Caps::default(), fingerprints).map_err(told)?;
        let known = { self.what.revision.clone() }.or_else(|| revision::checked_out(root));
        if let Some(revision) = known {
            snapshot.revision = revision;
        }
        Ok(snapshot)
    }
}
