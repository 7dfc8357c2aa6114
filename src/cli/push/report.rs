//! What became of the entries of all objects, or would, for people and for machines. Names only.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cli::config::Format;
use crate::cli::{Stop, Streams};
use crate::diagnostic::visible;
use crate::push::condition::{Problem, Reason};
use crate::push::manifest::Object;
use crate::push::run::Done;
use crate::push::write::Fate;

/// How an object ended.
pub(super) enum State {
    Suspended,
    Refused(Problem),
    Done(Box<Done>),
}

/// What became of an entry: the word of plans, the word of applies, and the word for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Created,
    Updated,
    Unchanged,
    Deleted,
    Retained,
    Skipped,
    Failed,
}

impl Action {
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Created => ("create", "created", "created"),
            Self::Updated => ("change", "changed", "updated"),
            Self::Unchanged => ("keep", "kept", "unchanged"),
            Self::Deleted => ("delete", "deleted", "deleted"),
            Self::Retained => ("retain", "retained", "retained"),
            Self::Skipped => ("skip", "skipped", "skipped"),
            Self::Failed => ("refuse", "failed", "failed"),
        }
    }
}

/// One entry.
struct Line {
    store: String,
    name: String,
    file: Option<String>,
    action: Action,
    reason: Option<String>,
    message: Option<String>,
}

struct Told {
    namespace: String,
    name: String,
    file: String,
    at: usize,
    revision: Option<String>,
    reason: Reason,
    message: String,
    lines: Vec<Line>,
    notes: Vec<String>,
}

/// What is told of all objects.
pub(super) struct Report {
    dry: bool,
    objects: Vec<Told>,
}

impl Report {
    pub(super) fn new(dry: bool) -> Self {
        Self {
            dry,
            objects: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, namespace: &str, object: &Object, state: State) {
        let mut told = Told {
            namespace: namespace.to_owned(),
            name: object.name.clone(),
            file: object.source.name().to_owned(),
            at: object.place.line,
            revision: None,
            reason: Reason::Suspended,
            message: "suspend is true: nothing is read or written".to_owned(),
            lines: Vec::new(),
            notes: Vec::new(),
        };
        match state {
            State::Suspended => {}
            State::Refused(problem) => {
                told.reason = problem.reason;
                told.message = problem.message;
            }
            State::Done(done) => told.done(*done),
        }
        self.objects.push(told);
    }

    /// Nothing was refused and nothing failed.
    pub(super) fn is_fine(&self) -> bool {
        { self.objects.iter() }.all(|told| told.reason.ready() != "False")
    }

    /// Something changed, or would.
    pub(super) fn has_changes(&self) -> bool {
        let lines = self.objects.iter().flat_map(|told| &told.lines);
        lines.into_iter().any(|line| {
            let action = line.action;
            matches!(action, Action::Created | Action::Updated | Action::Deleted)
        })
    }

    pub(super) fn write(&self, format: Format, streams: &mut Streams<'_>) -> Result<(), Stop> {
        match format {
            Format::Json => {
                let objects: Vec<Value> = self.objects.iter().map(Told::machine).collect();
                let report = json!({"dryRun": self.dry, "objects": objects});
                writeln!(streams.output, "{report:#}")?;
            }
            Format::Text => {
                for (at, told) in self.objects.iter().enumerate() {
                    if at > 0 {
                        writeln!(streams.output)?;
                    }
                    told.people(self.dry, streams)?;
                }
            }
        }
        Ok(())
    }
}

impl Told {
    fn done(&mut self, done: Done) {
        let Done {
            outcome,
            stores,
            details,
            ..
        } = done;
        self.revision = outcome.revision;
        self.reason = outcome.reason;
        self.message = outcome.message;
        for (store, report) in stores {
            if report.guarded {
                self.notes.push(format!(
                    "nothing is deleted in the store \"{store}\", as the source has nothing left for it"
                ));
            }
            for (name, fate) in report.entries {
                let key = (store.clone(), name);
                let file = details.files.get(&key).cloned();
                let (store, name) = key;
                let action = match &fate {
                    Fate::Created => Action::Created,
                    Fate::Updated => Action::Updated,
                    Fate::Unchanged => Action::Unchanged,
                    Fate::Deleted => Action::Deleted,
                    Fate::Retained => Action::Retained,
                    Fate::Failed(_) => Action::Failed,
                };
                let failed = match fate {
                    Fate::Failed(failed) => Some(failed),
                    _ => None,
                };
                self.lines.push(Line {
                    store,
                    name,
                    file,
                    action,
                    reason: failed.as_ref().map(|failed| failed.reason.to_owned()),
                    message: failed.map(|failed| failed.message),
                });
            }
        }
        for (store, entry) in details.skipped {
            self.lines.push(Line {
                store,
                name: entry.name,
                file: Some(entry.origin.file),
                action: Action::Skipped,
                reason: Some("Empty".to_owned()),
                message: Some("it has no value".to_owned()),
            });
        }
        for (store, entry) in details.failed {
            self.lines.push(Line {
                store,
                name: entry.name,
                file: Some(entry.origin.file),
                action: Action::Failed,
                reason: Some(entry.reason.to_owned()),
                message: Some(entry.message),
            });
        }
        self.notes.extend(details.warnings);
        if !details.unanswered.is_empty() {
            // What is known of the other stores is told below.
            let whys: Vec<String> = { details.unanswered.into_iter() }
                .map(|(_, why)| why)
                .collect();
            self.message = whys.join("; ");
        }
        self.lines
            .sort_by(|one, other| (&one.store, &one.name).cmp(&(&other.store, &other.name)));
    }

    fn counts(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line.action).or_default() += 1;
        }
        counts
    }

    fn machine(&self) -> Value {
        let entries: Vec<Value> = { self.lines.iter() }
            .map(|line| {
                json!({
                    "store": line.store,
                    "name": line.name,
                    "file": line.file,
                    "action": line.action.words().2,
                    "reason": line.reason,
                    "message": line.message,
                })
            })
            .collect();
        json!({
            "namespace": self.namespace,
            "name": self.name,
            "file": self.file,
            "line": self.at,
            "revision": self.revision,
            "reason": self.reason.as_str(),
            "message": self.message,
            "notes": self.notes,
            "entries": entries,
        })
    }

    fn people(&self, dry: bool, streams: &mut Streams<'_>) -> Result<(), Stop> {
        let Self {
            namespace,
            name,
            file,
            at,
            ..
        } = self;
        let out = &mut streams.output;
        match &self.revision {
            Some(revision) => {
                writeln!(
                    out,
                    "{namespace}/{name} ({file}:{at}) at {}",
                    plain(revision)
                )?;
            }
            None => writeln!(out, "{namespace}/{name} ({file}:{at})")?,
        }
        let word = |action: Action| {
            let (plan, apply, _) = action.words();
            if dry { plan } else { apply }
        };
        let width = { self.lines.iter() }.map(|line| line.name.chars().count());
        let width = width.max().unwrap_or(0).min(60);
        let mut store = "";
        for line in &self.lines {
            if line.store != store {
                store = &line.store;
                writeln!(out, "  store {store}")?;
            }
            let mut text = format!("    {:8} {:width$}", word(line.action), plain(&line.name));
            if let Some(file) = &line.file {
                text.push_str(&format!("  {}", plain(file)));
            }
            if let (Some(reason), Some(message)) = (&line.reason, &line.message) {
                text.push_str(&format!("  ({reason}: {})", plain(message)));
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        for note in &self.notes {
            writeln!(out, "  note: {}", plain(note))?;
        }
        let counts: Vec<String> = { self.counts().into_iter() }
            .map(|(action, count)| format!("{count} {}", word(action)))
            .collect();
        match self.reason {
            Reason::Succeeded | Reason::EntriesFailed => {
                writeln!(out, "  {}", counts.join(", "))?;
            }
            reason => writeln!(out, "  {reason}: {}", plain(&self.message))?,
        }
        Ok(())
    }
}

/// Without what a terminal acts on.
fn plain(text: &str) -> String {
    text.chars().map(visible).collect()
}
