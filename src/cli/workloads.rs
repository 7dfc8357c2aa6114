//! Manifests as the controller would see their pods: who asks for what, and where it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use tokio::time::Instant;

use crate::diagnostic::{Diagnostic, Place, Rule, Severity};
use crate::lint;
use crate::manifests::{self, Annotation, Consumer, Text, Workload};
use crate::pull::annotation::{self, PREFIX, Spot};
use crate::pull::index::{Event, Index, Key};
use crate::pull::pod::{Controller, Pod};
use crate::pull::request::{Request, Target};
use crate::pull::{plan, shares::Makers, workload};
use crate::settings::Settings;

use super::{Stop, Streams, input};

const NO_NAMESPACE: Rule = Rule {
    id: "manifest/no-namespace",
    about: "A workload says no namespace, and what it may read depends on that.",
};
const NOT_UNDERSTOOD: Rule = Rule {
    id: "annotation/invalid",
    about: "An annotation cannot be understood; what it asks for is not made.",
};
/// Which manifests are meant.
#[derive(Debug, Args)]
pub(super) struct Manifests {
    /// Manifests, directories of them, or - for standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The namespace of workloads that name none
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

/// A workload that asks for something, in a namespace that is known.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) workload: Workload,
    pub(super) namespace: String,
    /// What it is called among the makers of pods.
    uid: String,
}

/// What the manifests ask for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Everybody who asks.
    pub(super) askers: Vec<Asker>,
    /// Who asks for which object, as the controller keeps it.
    pub(super) index: Index,
    /// What is wrong with the manifests and annotations.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Some file could not be read; that was told.
    pub(super) unreadable: bool,
    /// Workloads of any kind.
    pub(super) workloads: usize,
}

impl Manifests {
    /// Reads them all; a file that cannot be read is told, and the others count.
    pub(super) fn read(&self, streams: &mut Streams<'_>) -> Result<Asked, Stop> {
        let mut found = manifests::Manifests::default();
        let loaded = input::load(&self.files, streams.input);
        for source in &loaded.sources {
            found.read(source);
        }
        streams.complain(&loaded.failures)?;
        let unreadable = !loaded.failures.is_empty();
        Ok(Asked {
            unreadable,
            ..Asked::of(found, self.namespace.as_deref())
        })
    }
}

impl Asked {
    /// What these manifests ask for; `namespace` is that of workloads that name none.
    pub(super) fn of(found: manifests::Manifests, namespace: Option<&str>) -> Self {
        let mut asked = Self {
            diagnostics: found.diagnostics,
            workloads: found.workloads.len(),
            ..Self::default()
        };
        // What is on no pod asks for nothing, and what pods ask is told all the same.
        asked
            .diagnostics
            .extend(found.misplaced.iter().map(|stray| {
                let told = lint::misplaced(stray);
                let severity = told.severity.max(Severity::Warning);
                Diagnostic { severity, ..told }
            }));
        for workload in found.workloads {
            asked.take(workload, namespace);
        }
        asked
    }

    fn take(&mut self, workload: Workload, namespace: Option<&str>) {
        if ours(&workload.annotations).next().is_none() {
            return;
        }
        let said = workload.namespace.as_ref().map(Text::as_str);
        let Some(namespace) = said.or(namespace).map(str::to_owned) else {
            let message = format!(
                "{} says no namespace, so it cannot be said what it may read",
                workload.title()
            );
            let error = Diagnostic::error(
                &NO_NAMESPACE,
                &workload.source,
                Some(workload.place()),
                message,
            );
            self.diagnostics
                .push(error.help("name it with -n NAMESPACE"));
            return;
        };
        let annotations = map(ours(&workload.annotations).map(|found| (&found.name, &found.value)));
        let labels = map(workload.labels.iter().map(|(name, value)| (name, value)));
        for problem in annotation::parse(&annotations, &labels).problems {
            let mut annotations = workload.annotations.iter();
            let Some(found) = annotations.find(|it| it.name.as_str() == problem.annotation) else {
                continue;
            };
            let place = match problem.spot {
                Spot::Name => found.name.place(),
                Spot::Value => found.value.place(),
                Spot::Within(place) => found.value.locate(place),
            };
            let message = format!("{}: {}", problem.annotation, problem.sentence());
            let diagnostic =
                Diagnostic::error(&NOT_UNDERSTOOD, &workload.source, Some(place), message);
            self.diagnostics.push(diagnostic);
        }
        // Two of one name in the input are two, as each may ask for something else.
        let uid = format!("{}", self.askers.len());
        let name = workload.name.as_ref().map_or("", Text::as_str).to_owned();
        let bare = workload.kind.as_str() == "Pod";
        let controller = Controller {
            api_version: String::new(),
            kind: workload.kind.as_str().to_owned(),
            name: name.clone(),
            uid: uid.clone(),
        };
        let pod = Pod {
            namespace: namespace.clone(),
            name,
            uid: uid.clone(),
            created: format!("{:08}", self.askers.len()),
            annotations: annotations.into_iter().collect(),
            labels: labels.into_iter().collect(),
            controller: (!bare).then_some(controller),
            service_account: workload
                .service_account
                .as_ref()
                .map_or("default", Text::as_str)
                .into(),
            settled: false,
            waiting: true,
        };
        self.index.take(Event::Applied(pod), Instant::now());
        self.askers.push(Asker {
            workload,
            namespace,
            uid,
        });
    }

    /// The objects that are asked for, sorted.
    pub(super) fn targets(&self) -> Vec<Target> {
        let mut targets: Vec<_> = self
            .index
            .keys()
            .into_iter()
            .filter_map(|key| match key {
                Key::Target(target) => Some(target),
                Key::Complaint(_) => None,
            })
            .collect();
        targets.sort();
        targets
    }

    /// All who ask for a target with what they ask.
    pub(super) fn view(&self, target: &Target, settings: &Settings) -> plan::View {
        plan::View::of(self.index.requesters(target), |store| {
            settings.reads_as_workload(store)
        })
    }

    /// The asker whose pod this is.
    pub(super) fn asker(&self, requester: &crate::pull::index::Requester) -> Option<&Asker> {
        let uid = &requester.pod.pod.uid;
        self.askers.iter().find(|asker| asker.uid == *uid)
    }

    /// An error about a request, at the place where it is written.
    pub(super) fn about(
        &self,
        rule: &'static Rule,
        target: &Target,
        request: &Request,
        message: &str,
    ) -> Option<Diagnostic> {
        let requesters = self.index.requesters(target);
        let asks = requesters.iter().find(|requester| {
            let mut requests = requester.wish.requests.iter();
            requests.any(|asked| asked.canonical() == request.canonical())
        })?;
        let asker = self.asker(asks)?;
        // The sentence begins with where it is said, which the place says already.
        let message = message
            .strip_prefix(&format!("{}: ", request.said_in))
            .unwrap_or(message);
        Some(Diagnostic::error(
            rule,
            &asker.workload.source,
            Some(asker.place_of(request)),
            format!("{} {}: {message}", target.kind.as_str(), target.name),
        ))
    }
}

/// The workloads behind a view; each is its own maker, of one revision.
pub(super) fn makers(view: &plan::View) -> Makers {
    let requesters = view.groups.values().flat_map(|group| &group.makers);
    requesters
        .map(|(maker, requester)| {
            let pod = &requester.pod.pod;
            let owner = pod.controller.clone().unwrap_or_else(|| Controller {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                name: pod.name.clone(),
                uid: pod.uid.clone(),
            });
            (maker.clone(), workload::Workload { owner, revision: 0 })
        })
        .collect()
}

impl Asker {
    /// The ServiceAccount that its pods run as.
    pub(super) fn account(&self) -> &str {
        let account = self.workload.service_account.as_ref();
        account.map_or("default", Text::as_str)
    }

    /// Where a request is written.
    pub(super) fn place_of(&self, request: &Request) -> Place {
        let text = place(&self.workload, &format!("{PREFIX}{}", request.annotation()));
        let written = request.written;
        match written.path.or(written.store).or(written.object) {
            Some(place) => text.locate(place),
            None => text.place(),
        }
    }

    /// Where its pods take this object.
    pub(super) fn consumers(&self, target: &Target) -> Vec<&Consumer> {
        let consumers = self.workload.consumers.iter();
        consumers
            .filter(|consumer| {
                consumer.kind == target.kind && consumer.name.as_str() == &*target.name
            })
            .collect()
    }
}

fn ours(annotations: &[Annotation]) -> impl Iterator<Item = &Annotation> {
    annotations
        .iter()
        .filter(|annotation| annotation.name.as_str().starts_with(PREFIX))
}

fn map<'a>(pairs: impl Iterator<Item = (&'a Text, &'a Text)>) -> BTreeMap<String, String> {
    pairs
        .map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()))
        .collect()
}

/// The annotation's text, or at least the workload's kind.
fn place<'a>(workload: &'a Workload, annotation: &str) -> &'a Text {
    let mut annotations = workload.annotations.iter();
    annotations
        .find(|found| found.name.as_str() == annotation)
        .map_or(&workload.kind, |found| &found.value)
}
