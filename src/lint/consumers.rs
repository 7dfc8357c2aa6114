//! What containers and volumes take, held against what annotations and manifests make.

use std::collections::{BTreeSet, HashMap};

use super::Surroundings;
use super::made::Made;
use super::rules::{OPTIONAL, UNKNOWN_KEY, UNKNOWN_OBJECT, UNMADE_OBJECT, UNUSED, WRONG_KIND};
use crate::diagnostic::Diagnostic;
use crate::manifests::{Consumer, Manifests, Via};
use crate::pull::request::ObjectKind;
use crate::yaml::{clip, nearest};

pub(super) fn check<'a>(
    manifests: &'a Manifests,
    made: &'a [Made<'a>],
    around: &Surroundings<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let world = World::of(manifests, made, around);
    for one in made {
        // Objects that a misspelt name was most likely meant for are used in a way.
        let mut meant = BTreeSet::new();
        for consumer in &one.workload.consumers {
            world.consumer(one, consumer, &mut meant, found);
        }
        for ((kind, name), object) in &one.objects {
            // A manifest without containers is a patch: what is used stands elsewhere.
            let patch = !one.workload.has_containers;
            if patch
                || meant.contains(name)
                || world.taken.get(*kind, name, one.namespace).is_some()
            {
                continue;
            }
            let message = format!(
                "nothing in the manifests takes the {} \"{name}\" that this makes",
                kind.as_str()
            );
            found.push(
                Diagnostic::warning(&UNUSED, &one.workload.source, object.place(), message)
                    .help("take it in envFrom, env or a volume of a container, or remove it"),
            );
        }
    }
}

/// Objects by name and namespace, with what is known of each; one without a namespace may be in
/// any.
struct ByName<'a, T> {
    anywhere: HashMap<(ObjectKind, &'a str), T>,
    somewhere: HashMap<(ObjectKind, &'a str, Option<&'a str>), T>,
}

impl<'a, T: Clone> ByName<'a, T> {
    fn new() -> Self {
        Self {
            anywhere: HashMap::new(),
            somewhere: HashMap::new(),
        }
    }

    fn add(
        &mut self,
        kind: ObjectKind,
        name: &'a str,
        namespace: Option<&'a str>,
        what: &T,
        join: impl Fn(&mut T, &T),
    ) {
        self.anywhere
            .entry((kind, name))
            .and_modify(|there| join(there, what))
            .or_insert_with(|| what.clone());
        self.somewhere
            .entry((kind, name, namespace))
            .and_modify(|there| join(there, what))
            .or_insert_with(|| what.clone());
    }

    /// What is known of the object as seen from a namespace: of that there, else of that without one.
    fn get(&self, kind: ObjectKind, name: &'a str, namespace: Option<&'a str>) -> Option<&T> {
        match namespace {
            None => self.anywhere.get(&(kind, name)),
            Some(_) => self
                .somewhere
                .get(&(kind, name, namespace))
                .or_else(|| self.somewhere.get(&(kind, name, None))),
        }
    }
}

/// Data keys; none where a payload decides.
type Keys<'a> = Option<BTreeSet<&'a str>>;

/// All that the input makes and takes.
struct World<'a> {
    made: ByName<'a, Keys<'a>>,
    defined: ByName<'a, ()>,
    taken: ByName<'a, ()>,
}

impl<'a> World<'a> {
    fn of(manifests: &'a Manifests, made: &'a [Made<'a>], around: &Surroundings<'a>) -> Self {
        let mut world = Self {
            made: ByName::new(),
            defined: ByName::new(),
            taken: ByName::new(),
        };
        for one in made {
            for ((kind, name), object) in &one.objects {
                let join = |there: &mut Keys<'a>, more: &Keys<'a>| match (&mut *there, more) {
                    (Some(keys), Some(more)) => keys.extend(more),
                    _ => *there = None,
                };
                world
                    .made
                    .add(*kind, name, one.namespace, &object.keys(), join);
            }
            for consumer in &one.workload.consumers {
                let name = consumer.name.as_str();
                world
                    .taken
                    .add(consumer.kind, name, one.namespace, &(), |(), ()| ());
            }
        }
        for defined in &manifests.defined {
            let namespace = defined.namespace.as_ref().map(|text| text.as_str());
            world.defined.add(
                defined.kind,
                defined.name.as_str(),
                namespace.or(around.namespace),
                &(),
                |(), ()| (),
            );
        }
        world
    }

    fn consumer(
        &self,
        one: &'a Made<'a>,
        consumer: &'a Consumer,
        meant: &mut BTreeSet<String>,
        found: &mut Vec<Diagnostic>,
    ) {
        let name = consumer.name.as_str();
        if let Some(known) = self.made.get(consumer.kind, name, one.namespace) {
            if let Some(known) = known {
                keys(consumer, known, found);
            }
            if let Some(optional) = &consumer.optional {
                let message = format!(
                    "with \"optional: true\" the pod starts without the {} \"{name}\" if it is not there yet",
                    consumer.kind.as_str()
                );
                found.push(
                    optional
                        .warning(&OPTIONAL, message)
                        .help("remove \"optional\": then the pod waits until JASM has made it"),
                );
            }
            return;
        }
        let defined = self.defined.get(consumer.kind, name, one.namespace);
        if defined.is_some() || !one.sound {
            return;
        }
        let other = match consumer.kind {
            ObjectKind::Secret => ObjectKind::ConfigMap,
            ObjectKind::ConfigMap => ObjectKind::Secret,
        };
        if one.objects.contains_key(&(other, name.to_owned())) {
            meant.insert(name.to_owned());
            let message = format!(
                "{} takes a {} \"{}\", and the annotation makes a {} of that name",
                consumer.via,
                consumer.kind.as_str(),
                clip(name),
                other.as_str()
            );
            found.push(
                consumer
                    .name
                    .error(&WRONG_KIND, message)
                    .help(instead(&consumer.via, other)),
            );
            return;
        }
        let own: Vec<&str> = one
            .objects
            .keys()
            .filter(|(kind, _)| *kind == consumer.kind)
            .map(|(_, name)| name.as_str())
            .collect();
        let near = nearest(name, &own);
        let message = format!(
            "nothing in the input makes the {} \"{}\" that {} takes",
            consumer.kind.as_str(),
            clip(name),
            consumer.via
        );
        match near {
            // An object that is taken elsewhere is hardly what was meant here.
            Some(near) if self.taken.get(consumer.kind, near, one.namespace).is_none() => {
                meant.insert(near.to_owned());
                found.push(
                    consumer
                        .name
                        .error(&UNKNOWN_OBJECT, message)
                        .help(format!("did you mean \"{near}\"?")),
                );
            }
            near if !own.is_empty()
                && consumer.optional.is_none()
                && consumer.via != Via::ImagePull =>
            {
                let hint = near.map_or(String::new(), |near| format!(" (or is it \"{near}\"?)"));
                found.push(
                    consumer
                        .name
                        .warning(&UNMADE_OBJECT, message)
                        .help(format!("it must be in the cluster already{hint}")),
                );
            }
            _ => {}
        }
    }
}

/// Keys that are taken and surely not there.
fn keys(consumer: &Consumer, known: &BTreeSet<&str>, found: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = known.iter().copied().collect();
    for key in consumer.keys.iter().flatten() {
        if known.contains(&key.as_str()) {
            continue;
        }
        let message = format!(
            "no annotation makes the key \"{}\" of the {} \"{}\" that {} takes",
            clip(key.as_str()),
            consumer.kind.as_str(),
            consumer.name.as_str(),
            consumer.via
        );
        let help = match nearest(key.as_str(), &known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("its keys are {}", known.join(", ")),
        };
        found.push(key.error(&UNKNOWN_KEY, message).help(help));
    }
}

/// How the same place takes the other kind of object.
fn instead(via: &Via, kind: ObjectKind) -> &'static str {
    match (via, kind) {
        (Via::EnvFrom { .. }, ObjectKind::Secret) => "write secretRef",
        (Via::EnvFrom { .. }, ObjectKind::ConfigMap) => "write configMapRef",
        (Via::Env { .. }, ObjectKind::Secret) => "write secretKeyRef",
        (Via::Env { .. }, ObjectKind::ConfigMap) => "write configMapKeyRef",
        (Via::Volume { .. }, ObjectKind::Secret) => "write \"secret\" with \"secretName\"",
        (Via::Volume { .. }, ObjectKind::ConfigMap) => "write \"configMap\" with \"name\"",
        (Via::ImagePull, _) => "write it as secret-sync, with \"type: dockerconfigjson\"",
    }
}
