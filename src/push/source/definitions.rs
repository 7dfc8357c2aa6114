//! Follows the objects, and the sources of every kind that an object refers to and the API server has. A
//! kind whose CRD is not there is not asked for; when the CRD comes, its watch starts.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;
use tracing::info;

use crate::metrics::Metrics;
use crate::push::crd::SourceKind;
use crate::push::index::Event;
use crate::push::source::watched::{Definition, Definitions, Followed, Objects, Sources};
use crate::watch::{Received, Watch};

/// An account without the right to it is asked again after this long: it may have been given.
const FORBIDDEN: Duration = Duration::from_secs(600);

/// Hands over what happens to objects, and to sources of the kinds that are `used`; ends when nobody
/// listens any more.
pub async fn follow(
    client: Client,
    used: watch::Receiver<BTreeSet<SourceKind>>,
    out: UnboundedSender<Received<Event>>,
    metrics: Metrics,
) {
    let (tell, mut definitions) = unbounded_channel();
    let watch = Watch::new(Definitions, tell, metrics.clone());
    let mut following = Following {
        client: client.clone(),
        used,
        out,
        metrics,
        watches: JoinSet::new(),
        running: HashMap::new(),
        there: BTreeSet::new(),
        listed: BTreeSet::new(),
        absent: BTreeSet::new(),
    };
    let follow = async {
        while let Some(turn) = following.next(&mut definitions).await {
            following.take(turn);
        }
    };
    let watch = async {
        loop {
            watch.run_while_allowed(&client).await;
            info!(
                "the push half is off: JASM's account may not list and watch customresourcedefinitions, which \
                 config/rbac/push lets it"
            );
            tokio::time::sleep(FORBIDDEN).await;
        }
    };
    tokio::select! {
        () = watch => {}
        () = follow => {}
    }
}

enum Turn {
    Definition(Definition),
    /// Other kinds of source are used now.
    Used,
    /// The API server does not have it, whatever its CRD says.
    Ended(Id, Followed),
}

struct Following {
    client: Client,
    used: watch::Receiver<BTreeSet<SourceKind>>,
    out: UnboundedSender<Received<Event>>,
    metrics: Metrics,
    watches: JoinSet<Followed>,
    running: HashMap<Followed, AbortHandle>,
    /// What there is a CRD of, as far as it was said.
    there: BTreeSet<Followed>,
    /// What the list of CRDs has named so far.
    listed: BTreeSet<Followed>,
    /// What was said not to be there.
    absent: BTreeSet<Followed>,
}

impl Following {
    async fn next(
        &mut self,
        definitions: &mut tokio::sync::mpsc::UnboundedReceiver<Received<Definition>>,
    ) -> Option<Turn> {
        loop {
            tokio::select! {
                () = self.out.closed() => return None,
                definition = definitions.recv() => {
                    return definition.map(|(definition, _)| Turn::Definition(definition));
                }
                Ok(()) = self.used.changed() => return Some(Turn::Used),
                Some(ended) = self.watches.join_next_with_id() => {
                    // One that was stopped is an error here, and was dealt with.
                    if let Ok((id, followed)) = ended {
                        return Some(Turn::Ended(id, followed));
                    }
                }
            }
        }
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Definition(Definition::Listing) => self.listed.clear(),
            Turn::Definition(Definition::There(followed)) => {
                self.listed.insert(followed);
                self.there.insert(followed);
                self.start(followed);
            }
            Turn::Used => {
                for followed in Followed::ALL {
                    if self.there.contains(&followed) {
                        self.start(followed);
                    }
                    self.rest(followed);
                }
            }
            Turn::Definition(Definition::InSync) => {
                for followed in Followed::ALL {
                    if !self.listed.contains(&followed) {
                        self.stop(followed);
                    }
                }
            }
            Turn::Definition(Definition::Gone(followed)) => self.stop(followed),
            Turn::Definition(Definition::Other) => {}
            // Its CRD says something again when that changes: no need to ask meanwhile.
            Turn::Ended(id, followed) => {
                let runs = self.running.get(&followed);
                // Else another one runs already, as the CRD was said to be there again meanwhile.
                if runs.is_some_and(|handle| handle.id() == id) {
                    self.stop(followed);
                }
            }
        }
    }

    fn is_used(&self, followed: Followed) -> bool {
        match followed {
            Followed::Objects => true,
            Followed::Sources(kind) => self.used.borrow().contains(&kind),
        }
    }

    /// Ends the watch on what no object refers to any more.
    fn rest(&mut self, followed: Followed) {
        if self.is_used(followed) {
            return;
        }
        if let (Some(handle), Followed::Sources(kind)) = (self.running.remove(&followed), followed)
        {
            handle.abort();
            if let Some(sources) = Sources::of(kind) {
                self.metrics
                    .watch_stopped(crate::watch::Watched::resource(&sources));
            }
            // Nobody listens after shutdown.
            let _ = self.out.send((Event::NotWatched(kind), Instant::now()));
        }
    }

    fn start(&mut self, followed: Followed) {
        if self.running.contains_key(&followed) || !self.is_used(followed) {
            return;
        }
        let (client, out, metrics) = (self.client.clone(), self.out.clone(), self.metrics.clone());
        let handle = match followed {
            Followed::Objects => self.watches.spawn(async move {
                Watch::new(Objects, out, metrics)
                    .run_while_served(&client)
                    .await;
                followed
            }),
            Followed::Sources(kind) => {
                let Some(sources) = Sources::of(kind) else {
                    return;
                };
                self.watches.spawn(async move {
                    Watch::new(sources, out, metrics)
                        .run_while_served(&client)
                        .await;
                    followed
                })
            }
        };
        self.absent.remove(&followed);
        self.running.insert(followed, handle);
    }

    /// Also says it of what never ran: whoever waits for it learns that it is not there.
    fn stop(&mut self, followed: Followed) {
        self.there.remove(&followed);
        if let Some(handle) = self.running.remove(&followed) {
            handle.abort();
        }
        if !self.absent.insert(followed) {
            return;
        }
        let event = match followed {
            Followed::Objects => {
                self.metrics.watch_stopped("secretmanagerconfigs");
                Event::ObjectsNotServed
            }
            Followed::Sources(kind) => {
                if let Some(sources) = Sources::of(kind) {
                    self.metrics
                        .watch_stopped(crate::watch::Watched::resource(&sources));
                }
                Event::NotServed(kind)
            }
        };
        info!(kind = ?followed, "the API server does not have this kind: it is not watched until its CRD is there");
        // Nobody listens after shutdown.
        let _ = self.out.send((event, Instant::now()));
    }
}
