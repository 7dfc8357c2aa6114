//! What a run came to, and how it is told: status, conditions. Pure.

use super::condition::{Problem, Reason};
use super::crd::Status;
use super::crd::status::{Condition, Entries, Failure};
use super::write::{Fate, Report};

/// So many failing entries are named in a status.
const NAMED: usize = 10;
/// The longest message (`metav1.Condition` takes 32 KiB; nobody reads that).
const LONGEST: usize = 1024;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why it is as it is.
    pub reason: Reason,
    /// One sentence.
    pub message: String,
    /// The source's revision that was looked at.
    pub revision: Option<String>,
    /// What became of the entries; none if no store was asked.
    pub entries: Option<Entries>,
    /// The first that failed.
    pub failures: Vec<Failure>,
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        Self {
            reason: problem.reason,
            message: problem.message,
            revision: None,
            entries: None,
            failures: Vec::new(),
        }
    }
}

/// Adds up what became of the entries of all stores.
#[derive(Debug, Default)]
pub struct Tally {
    entries: Entries,
    failures: Vec<Failure>,
    guarded: Vec<String>,
    notes: Vec<String>,
}

impl Tally {
    /// What became of one store's entries.
    pub fn add(&mut self, store: &str, report: &Report) {
        for (name, fate) in &report.entries {
            let count = match fate {
                Fate::Created => &mut self.entries.created,
                Fate::Updated => &mut self.entries.updated,
                Fate::Unchanged => &mut self.entries.unchanged,
                Fate::Deleted => {
                    self.entries.deleted += 1;
                    continue;
                }
                Fate::Retained => {
                    self.entries.retained += 1;
                    continue;
                }
                Fate::Failed(failed) => {
                    self.fail(store, name, failed.reason, &failed.message);
                    continue;
                }
            };
            *count += 1;
            self.entries.total += 1;
        }
        if report.guarded {
            self.guarded.push(store.to_owned());
        }
    }

    /// An entry that was not written.
    pub fn fail(&mut self, store: &str, name: &str, reason: &str, message: &str) {
        self.entries.total += 1;
        self.entries.failed += 1;
        if self.failures.len() < NAMED {
            self.failures.push(Failure {
                name: name.to_owned(),
                store: store.to_owned(),
                reason: reason.to_owned(),
                message: cut(message, LONGEST),
            });
        }
    }

    /// So many entries of a store that could not be asked what it holds.
    pub fn unasked(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.entries.total = self.entries.total.saturating_add(count);
        self.entries.failed = self.entries.failed.saturating_add(count);
    }

    /// An entry that has no value.
    pub fn skip(&mut self, name: &str) {
        self.entries.skipped += 1;
        if self.entries.skipped == 1 {
            self.notes.push(format!("{name} is empty and was left out"));
        }
    }

    /// Something that an author should know.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Whether a store was written to.
    #[must_use]
    pub fn wrote(&self) -> bool {
        self.entries.created + self.entries.updated + self.entries.deleted > 0
    }

    /// The whole.
    #[must_use]
    pub fn finish(self, revision: &str) -> Outcome {
        let Entries {
            total,
            created,
            updated,
            deleted,
            failed,
            skipped,
            ..
        } = self.entries;
        let mut message = if failed == 0 {
            format!(
                "all {total} entries of {revision} are in place: {created} created, {updated} updated, {deleted} deleted"
            )
        } else {
            let first = self.failures.first();
            let first = first.map_or("", |failure| &failure.message);
            format!("{failed} of {total} entries of {revision} failed; the first: {first}")
        };
        for store in &self.guarded {
            message.push_str(&format!(
                "; nothing was deleted in the store \"{store}\", as the source has nothing left for it: delete the \
                 object to delete its entries"
            ));
        }
        for note in &self.notes {
            message.push_str("; ");
            message.push_str(note);
        }
        if skipped > 1 {
            message.push_str(&format!("; {} more are empty too", skipped - 1));
        }
        Outcome {
            reason: if failed == 0 {
                Reason::Succeeded
            } else {
                Reason::EntriesFailed
            },
            message,
            revision: Some(revision.to_owned()),
            entries: Some(self.entries),
            failures: self.failures,
        }
    }
}

/// The status after a run, from the one before.
#[must_use]
pub fn status(
    before: &Status,
    outcome: &Outcome,
    generation: Option<i64>,
    trigger: Option<&str>,
    now: &str,
) -> Status {
    let mut status = before.clone();
    let message = cut(&outcome.message, LONGEST);
    let ready = (
        outcome.reason.ready(),
        outcome.reason.as_str(),
        message.as_str(),
    );
    set(&mut status.conditions, "Ready", ready, generation, now);
    if outcome.reason.is_stalled() {
        let stalled = ("True", outcome.reason.as_str(), message.as_str());
        set(&mut status.conditions, "Stalled", stalled, generation, now);
    } else {
        status
            .conditions
            .retain(|condition| condition.r#type != "Stalled");
    }
    status.observed_generation = generation;
    status.failures.clone_from(&outcome.failures);
    if let Some(revision) = &outcome.revision {
        status.last_attempted_revision = Some(revision.clone());
        if outcome.reason == Reason::Succeeded {
            status.last_applied_revision = Some(revision.clone());
        }
    }
    // What an older run counted is not what this one found.
    status.entries = outcome.entries;
    status.last_handled_reconcile_at = trigger.map(str::to_owned);
    status
}

fn set(
    conditions: &mut Vec<Condition>,
    kind: &str,
    (status, reason, message): (&str, &str, &str),
    generation: Option<i64>,
    now: &str,
) {
    let before = conditions
        .iter_mut()
        .find(|condition| condition.r#type == kind);
    let since = match &before {
        Some(before) if before.status == status => before.last_transition_time.clone(),
        _ => now.to_owned(),
    };
    let condition = Condition {
        r#type: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: since,
        observed_generation: generation,
    };
    match before {
        Some(before) => *before = condition,
        None => conditions.push(condition),
    }
}

/// The beginning of a text, at most so many bytes.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most - '…'.len_utf8())
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::write::Failed;

    fn report(entries: &[(&str, Fate)]) -> Report {
        Report {
            entries: { entries.iter() }
                .map(|(name, fate)| ((*name).to_owned(), fate.clone()))
                .collect(),
            guarded: false,
        }
    }

    fn failed() -> Fate {
        Fate::Failed(Failed {
            reason: "NotOwned",
            message: "b is not this object's".into(),
        })
    }

    #[test]
    fn what_became_of_entries_is_counted_and_the_first_failure_named() {
        let mut tally = Tally::default();
        let all = [
            ("a", Fate::Created),
            ("b", failed()),
            ("c", Fate::Unchanged),
            ("d", Fate::Deleted),
            ("e", Fate::Retained),
        ];
        tally.add("s", &report(&all));
        tally.skip("empty");
        assert!(tally.wrote());
        let outcome = tally.finish("main@sha1:1");
        let expected = Entries {
            total: 3,
            created: 1,
            unchanged: 1,
            deleted: 1,
            retained: 1,
            skipped: 1,
            failed: 1,
            ..Entries::default()
        };
        assert_eq!(outcome.entries, Some(expected));
        assert_eq!(outcome.reason, Reason::EntriesFailed);
        assert_eq!(
            outcome.message,
            "1 of 3 entries of main@sha1:1 failed; the first: b is not this object's; empty is empty and was left out"
        );
    }

    #[test]
    fn entries_of_a_store_that_does_not_answer_are_in_the_source_and_not_written() {
        let mut tally = Tally::default();
        tally.add("s", &report(&[("a", Fate::Unchanged)]));
        tally.unasked(3);
        let outcome = tally.finish("main@sha1:1");
        let expected = Entries {
            total: 4,
            unchanged: 1,
            failed: 3,
            ..Entries::default()
        };
        assert_eq!(outcome.entries, Some(expected));
    }

    #[test]
    fn a_condition_keeps_its_time_until_its_status_changes_and_a_revision_is_applied_as_a_whole() {
        let of = |reason, revision: &str| Outcome {
            reason,
            message: "m".into(),
            revision: Some(revision.into()),
            entries: None,
            failures: Vec::new(),
        };
        let status =
            |before: &Status, outcome: &Outcome, now| status(before, outcome, Some(1), None, now);
        let first = status(&Status::default(), &of(Reason::EntriesFailed, "1"), "t1");
        assert_eq!(
            (
                first.last_applied_revision.as_deref(),
                first.conditions.len()
            ),
            (None, 1)
        );
        let again = status(&first, &of(Reason::StoreFailed, "2"), "t2");
        assert_eq!(again.conditions[0].last_transition_time, "t1");
        let stalled = status(&again, &of(Reason::NameCollision, "2"), "t3");
        assert_eq!(
            (
                stalled.conditions[0].status.as_str(),
                stalled.conditions[1].r#type.as_str()
            ),
            ("False", "Stalled")
        );
        let counted = Entries {
            total: 4,
            ..Entries::default()
        };
        let outcome = Outcome {
            entries: Some(counted),
            ..of(Reason::Succeeded, "3")
        };
        let good = status(&stalled, &outcome, "t4");
        assert_eq!(good.conditions.len(), 1);
        assert_eq!(good.conditions[0].last_transition_time, "t4");
        assert_eq!(good.last_applied_revision.as_deref(), Some("3"));
        assert_eq!(good.entries, Some(counted));
        let later = status(&good, &of(Reason::SourceUnavailable, "4"), "t5");
        // What was counted before is nothing that this run found.
        assert_eq!(later.entries, None);
        assert_eq!(later.last_applied_revision.as_deref(), Some("3"));
        assert_eq!(later.last_attempted_revision.as_deref(), Some("4"));
        assert_eq!(
            (cut("aéaéa", 6).as_str(), cut("aé", 3).as_str()),
            ("aé…", "aé")
        );
    }
}
