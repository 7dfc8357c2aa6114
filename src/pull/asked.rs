//! What pods ask for, parsed once for all pods that say the same. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use crate::pull::annotation::{self, NAME_LABELS, Problem};
use crate::pull::pod::{Pairs, Pod};
use crate::pull::request::{ReadAs, Request, Target};

/// The text that requests are parsed from: equal for all pods of one template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Said {
    namespace: String,
    annotations: Pairs,
    labels: Pairs,
}

impl Said {
    /// What this pod says; its annotations are here then, and not in the pod.
    #[must_use]
    pub fn by(pod: &mut Pod) -> Self {
        let names = pod
            .labels
            .iter()
            .filter(|(label, _)| NAME_LABELS.contains(&label.as_str()));
        Self {
            namespace: pod.namespace.clone(),
            annotations: std::mem::take(&mut pod.annotations),
            labels: names
                .map(|(label, name)| (label.clone(), name.clone()))
                .collect(),
        }
    }
}

/// What is asked of one target.
#[derive(Debug)]
pub struct Wish {
    /// The requests.
    pub requests: Vec<Arc<Request>>,
    /// One text for all of them, equal exactly where the same is asked.
    pub canonical: String,
}

impl Wish {
    fn of(requests: Vec<Arc<Request>>) -> Self {
        let mut texts: Vec<_> = requests.iter().map(|request| request.canonical()).collect();
        texts.sort();
        texts.dedup();
        Self {
            requests,
            canonical: texts.join("\n"),
        }
    }

    /// The same asked as this ServiceAccount, where a request reads as the pod: because it asks for
    /// that, or because its store is read so. None if none does.
    #[must_use]
    pub fn read_as(
        &self,
        service_account: &str,
        as_workload: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let reads = |request: &Request| {
            let asks = request.read_as == ReadAs::Workload;
            request
                .store()
                .is_some_and(|store| asks || as_workload(store))
        };
        if !self.requests.iter().any(|request| reads(request)) {
            return None;
        }
        let service_account: Box<str> = service_account.into();
        let settled = self.requests.iter().map(|request| {
            if !reads(request) {
                return request.clone();
            }
            let mut request = Request::clone(request);
            request.read_as = ReadAs::ServiceAccount(service_account.clone());
            Arc::new(request)
        });
        Some(Self::of(settled.collect()))
    }
}

/// What a text asks for.
#[derive(Debug)]
pub struct Asked {
    /// By target, sorted.
    pub wishes: Box<[(Target, Arc<Wish>)]>,
    /// What cannot be understood.
    pub problems: Vec<Problem>,
}

fn map(pairs: &Pairs) -> BTreeMap<String, String> {
    pairs.iter().cloned().collect()
}

impl Asked {
    /// What is asked of a target.
    #[must_use]
    pub fn wish(&self, target: &Target) -> Option<&Arc<Wish>> {
        let at = self.wishes.binary_search_by(|(asked, _)| asked.cmp(target));
        at.ok().map(|at| &self.wishes[at].1)
    }

    fn parse(said: &Said) -> Self {
        let parsed = annotation::parse(&map(&said.annotations), &map(&said.labels));
        let namespace: Arc<str> = said.namespace.as_str().into();
        let mut requests: BTreeMap<Target, Vec<Arc<Request>>> = BTreeMap::new();
        for wanted in parsed.wanted {
            let target = Target {
                kind: wanted.kind,
                namespace: namespace.clone(),
                name: wanted.name.as_str().into(),
            };
            requests
                .entry(target)
                .or_default()
                .push(Arc::new(wanted.request));
        }
        Self {
            wishes: requests
                .into_iter()
                .map(|(target, requests)| (target, Arc::new(Wish::of(requests))))
                .collect(),
            problems: parsed.problems,
        }
    }
}

/// Below this many texts none is looked at for being unsaid.
const FEW: usize = 64;

/// Parses each text once while any pod says it.
#[derive(Debug, Default)]
pub struct Parser {
    known: HashMap<Arc<Said>, Weak<Asked>>,
    tidy_at: usize,
}

impl Parser {
    /// What the text asks for, with the one copy of the text.
    pub fn parse(&mut self, said: Said) -> (Arc<Said>, Arc<Asked>) {
        if let Some((said, asked)) = self.known.get_key_value(&said)
            && let Some(asked) = asked.upgrade()
        {
            return (said.clone(), asked);
        }
        // Texts that no pod says any more go together, when there may be as many of them as others.
        if self.known.len() >= self.tidy_at.max(FEW) {
            self.known.retain(|_, asked| asked.strong_count() > 0);
            self.tidy_at = 2 * self.known.len();
        }
        let asked = Arc::new(Asked::parse(&said));
        let said = Arc::new(said);
        self.known.insert(said.clone(), Arc::downgrade(&asked));
        (said, asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(annotation: &str, pod: &str) -> Said {
        let json = format!(
            r#"{{"metadata":{{"name":"{pod}","namespace":"n","uid":"{pod}","labels":{{"pod-template-hash":"{pod}"}},
            "annotations":{{"jasm.codnod.io/secret.s":"{annotation}"}}}}}}"#
        );
        Said::by(&mut Pod::from_json(&json).unwrap().0)
    }

    #[test]
    fn pods_that_say_the_same_share_what_they_ask() {
        let mut parser = Parser::default();
        let (_, one) = parser.parse(said("local:a", "one"));
        let (_, two) = parser.parse(said("local:a", "two"));
        let (_, other) = parser.parse(said("local:b", "one"));
        assert!(Arc::ptr_eq(&one, &two));
        assert!(!Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn who_reads_is_part_of_what_is_asked_where_a_store_is_read_as_the_pod() {
        let (_, asked) = Parser::default().parse(said("aws:/a", "p"));
        let (_, wish) = &asked.wishes[0];
        assert!(wish.read_as("shop", |_| false).is_none());
        let shop = wish.read_as("shop", |store| store == "aws").unwrap();
        let other = wish.read_as("other", |store| store == "aws").unwrap();
        assert_eq!(
            shop.requests[0].read_as,
            ReadAs::ServiceAccount("shop".into())
        );
        assert_ne!(shop.canonical, other.canonical);
        assert_ne!(shop.canonical, wish.canonical);
    }

    #[test]
    fn texts_that_nobody_says_any_more_do_not_pile_up() {
        let mut parser = Parser::default();
        let (_, _kept) = parser.parse(said("local:kept", "p"));
        for number in 0..10_000 {
            parser.parse(said(&format!("local:{number}"), "p"));
        }
        assert!(parser.known.len() <= FEW + 1, "{}", parser.known.len());
    }
}
