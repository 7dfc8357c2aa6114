//! Events for pods and workloads: on change and on recovery, said again every half hour.
//!
//! An event's name is made of whom it concerns, its reason and its note, so that saying it twice
//! is a 409 and nothing but `create` is ever needed.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use crate::metrics::Metrics;

/// How long until a lasting condition is said again.
pub const SAID_AGAIN: Duration = Duration::from_secs(30 * 60);
/// The longest note that the API takes (`events.k8s.io/v1`, `note`).
const LONGEST_NOTE: usize = 1024;
/// More than this many waiting to be sent are dropped and counted: objects come first.
const BACKLOG: usize = 4096;
/// Nobody waits for good news, and in a burst its request would stand before a pod's Secret.
const GOOD_NEWS: Duration = Duration::from_secs(2);
/// What was said is remembered for as long as the API server keeps it by default.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
const MOST_REMEMBERED: usize = 20_000;
const CALL: Duration = Duration::from_secs(10);

/// A namespace that is being deleted gets nothing for this long; one of that name may come again.
const ENDING: Duration = Duration::from_secs(60);

/// Whom an event concerns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Regarding {
    /// Its group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// One thing to say.
#[derive(Debug, Clone)]
pub struct Notice {
    /// To whom.
    pub regarding: Regarding,
    /// A problem, not news.
    pub warning: bool,
    /// Why.
    pub reason: &'static str,
    /// What, where, what to do: one stable sentence without values.
    pub note: String,
}

#[derive(Debug)]
enum Message {
    Say(Notice),
    /// What was said of these uids is over: the next time it is news again.
    Over(Vec<String>),
}

/// Sends notices without making anybody wait.
#[derive(Debug, Clone)]
pub struct Publisher(mpsc::Sender<Message>, Metrics);

impl Publisher {
    /// The publisher and the task that sends for it, which ends when all publishers are gone.
    pub fn start(
        client: Client,
        instance: String,
        metrics: Metrics,
    ) -> (Self, impl Future<Output = ()>) {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        (
            Self(sender, metrics.clone()),
            send_all(client, instance, metrics, receiver),
        )
    }

    /// Says it, unless it was said within the last half hour.
    pub fn say(&self, notice: Notice) {
        if self.0.try_send(Message::Say(notice)).is_err() {
            self.1.event("dropped");
        }
    }

    /// The problems of these uids are over; if they come again they are said again.
    pub fn over(&self, uids: Vec<String>) {
        // Lost at worst: the same problem is then said again after half an hour only.
        let _ = self.0.try_send(Message::Over(uids));
    }
}

async fn send_all(
    client: Client,
    instance: String,
    metrics: Metrics,
    mut messages: mpsc::Receiver<Message>,
) {
    let mut sender = Sender {
        client,
        instance,
        metrics,
        memory: Memory::default(),
        ending: HashMap::new(),
    };
    let mut later: VecDeque<(Instant, Timestamp, Notice)> = VecDeque::new();
    loop {
        let message = match later.front() {
            None => messages.recv().await,
            Some((due, ..)) => tokio::select! {
                biased;
                message = messages.recv() => message,
                () = sleep_until(*due) => {
                    if let Some((_, at, notice)) = later.pop_front() {
                        sender.send(&notice, at).await;
                    }
                    continue;
                }
            },
        };
        match message {
            Some(Message::Over(uids)) => sender.memory.over(&uids),
            Some(Message::Say(notice)) if notice.warning => {
                sender.send(&notice, Timestamp::now()).await;
            }
            Some(Message::Say(_)) if later.len() >= BACKLOG => sender.metrics.event("dropped"),
            Some(Message::Say(notice)) => {
                later.push_back((Instant::now() + GOOD_NEWS, Timestamp::now(), notice));
            }
            None => break,
        }
    }
    for (_, at, notice) in later {
        sender.send(&notice, at).await;
    }
}

/// Sends what was not said yet.
struct Sender {
    client: Client,
    instance: String,
    metrics: Metrics,
    memory: Memory,
    /// Namespaces that are being deleted.
    ending: HashMap<String, Instant>,
}

impl Sender {
    async fn send(&mut self, notice: &Notice, at: Timestamp) {
        self.ending.retain(|_, since| since.elapsed() < ENDING);
        if self.ending.contains_key(&notice.regarding.namespace) {
            self.metrics.event("terminating");
            return;
        }
        let Some(name) = self.memory.name(notice, Instant::now()) else {
            return;
        };
        let api: Api<Event> = Api::namespaced(self.client.clone(), &notice.regarding.namespace);
        let event = event(notice, name, &self.instance, at);
        let outcome = match timeout(CALL, api.create(&PostParams::default(), &event)).await {
            Ok(Ok(_)) => "sent",
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => "known",
            Ok(Err(kube::Error::Api(status))) if status.code == 404 || is_terminating(&status) => {
                self.ending
                    .insert(notice.regarding.namespace.clone(), Instant::now());
                "terminating"
            }
            Ok(Err(kube::Error::Api(status))) => {
                debug!(
                    code = status.code,
                    reason = notice.reason,
                    "an event was refused"
                );
                "refused"
            }
            Ok(Err(_)) | Err(_) => "failed",
        };
        self.metrics.event(outcome);
    }
}

/// True if the API server refuses because the namespace is being deleted.
pub(crate) fn is_terminating(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .into_iter()
        .any(|cause| cause.reason == "NamespaceTerminating")
}

/// What was said: of whom, when first, and how often anew.
#[derive(Debug, Default)]
struct Memory(HashMap<[u8; 16], Said>);

#[derive(Debug)]
struct Said {
    uid: String,
    since: Instant,
    /// Half hours of it that were said.
    rounds: u64,
    /// Times that it was said at all; a part of the event's name.
    count: u64,
    over: bool,
}

impl Memory {
    fn over(&mut self, uids: &[String]) {
        for said in self.0.values_mut().filter(|said| uids.contains(&said.uid)) {
            said.over = true;
        }
    }

    /// The event's name, or nothing if that was said already.
    fn name(&mut self, notice: &Notice, now: Instant) -> Option<String> {
        let mut hash = Sha256::new();
        for part in [&notice.regarding.uid, notice.reason, &notice.note] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash = hash.finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        if self.0.len() >= MOST_REMEMBERED {
            self.0
                .retain(|_, said| now.duration_since(said.since) < REMEMBERED);
        }
        let fresh = || Said {
            uid: notice.regarding.uid.clone(),
            since: now,
            rounds: 0,
            count: 0,
            over: false,
        };
        let count = match self.0.get_mut(&key) {
            None => {
                self.0.insert(key, fresh());
                0
            }
            Some(said) => {
                if said.over {
                    *said = Said {
                        count: said.count,
                        ..fresh()
                    };
                } else {
                    let rounds = now.duration_since(said.since).as_secs() / SAID_AGAIN.as_secs();
                    if rounds <= said.rounds {
                        return None;
                    }
                    said.rounds = rounds;
                }
                said.count += 1;
                said.count
            }
        };
        let mut id = String::with_capacity(24);
        for byte in &key[..10] {
            id.push_str(&format!("{byte:02x}"));
        }
        if count > 0 {
            id.push_str(&format!("-{count}"));
        }
        let stem: String = notice.regarding.name.chars().take(200).collect();
        Some(format!("{}.{id}", stem.trim_end_matches(['.', '-'])))
    }
}

fn event(notice: &Notice, name: String, instance: &str, at: Timestamp) -> Event {
    let regarding = &notice.regarding;
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(regarding.namespace.clone()),
            ..ObjectMeta::default()
        },
        action: Some("Sync".to_owned()),
        event_time: Some(MicroTime(at)),
        note: Some(cut(&notice.note).to_owned()),
        reason: Some(notice.reason.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(regarding.api_version.clone()),
            kind: Some(regarding.kind.clone()),
            namespace: Some(regarding.namespace.clone()),
            name: Some(regarding.name.clone()),
            uid: Some(regarding.uid.clone()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some("jasm.codnod.io/jasm".to_owned()),
        reporting_instance: Some(instance.to_owned()),
        type_: Some(if notice.warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}

/// The note within the API's limit, cut between characters.
fn cut(note: &str) -> &str {
    let end = (0..=LONGEST_NOTE.min(note.len()))
        .rev()
        .find(|at| note.is_char_boundary(*at))
        .unwrap_or(0);
    &note[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(note: &str) -> Notice {
        Notice {
            regarding: Regarding {
                api_version: "v1".into(),
                kind: "Pod".into(),
                namespace: "n".into(),
                name: "shop-1".into(),
                uid: "u".into(),
            },
            warning: true,
            reason: "FetchFailed",
            note: note.to_owned(),
        }
    }

    #[test]
    fn a_condition_is_said_once_and_again_every_half_hour_under_a_new_name() {
        let mut memory = Memory::default();
        let begin = Instant::now();
        let minutes = |minutes: u64| begin + Duration::from_secs(60 * minutes);
        let first = memory.name(&notice("a"), begin).unwrap();
        assert_eq!(memory.name(&notice("a"), minutes(29)), None);
        let again = memory.name(&notice("a"), minutes(31)).unwrap();
        assert_ne!(first, again);
        assert_eq!(memory.name(&notice("a"), minutes(59)), None);
        assert!(memory.name(&notice("b"), minutes(31)).is_some());
        // Another process says the first one under the same name, so that it is a 409.
        assert_eq!(Memory::default().name(&notice("a"), begin), Some(first));
    }

    #[test]
    fn what_comes_again_after_a_recovery_is_said_again() {
        let mut memory = Memory::default();
        let now = Instant::now();
        let first = memory.name(&notice("a"), now).unwrap();
        memory.over(&["someone else".to_owned()]);
        assert_eq!(memory.name(&notice("a"), now), None);
        memory.over(&["u".to_owned()]);
        let again = memory.name(&notice("a"), now).unwrap();
        assert_ne!(first, again);
        assert_eq!(memory.name(&notice("a"), now), None);
    }

    #[test]
    fn a_note_is_cut_between_characters() {
        let note = "ä".repeat(600);
        assert_eq!(cut(&note).len(), 1024);
        let note = format!("x{}", "ä".repeat(600));
        assert_eq!(cut(&note).len(), 1023);
        assert_eq!(cut("short"), "short");
    }
}
