//! The resources of a build, each with an id of its own. Pure.

use std::collections::HashSet;
use std::rc::Rc;

use super::budget::Budget;
use super::file::Behavior;
use super::problem::{Error, Problem};
use super::resolve::Dialect;
use super::resource::{Id, Resource};
use super::value::Value;
use super::yaml;

/// In the order in which they came.
#[derive(Default)]
pub(super) struct Resources(pub(super) Vec<Resource>);

/// The resources of a file; lists of resources are taken apart.
pub(super) fn read(
    content: &[u8],
    file: &Rc<str>,
    budget: &Budget,
) -> Result<Vec<Resource>, Problem> {
    let mut values = yaml::documents(content, Dialect::Resource, budget)?;
    values.reverse();
    let mut resources = Vec::new();
    while let Some(value) = values.pop() {
        if value.as_map().is_some_and(|map| map.is_empty()) {
            continue;
        }
        let mut resource = Resource::read(value, file)?;
        if resource.kind().ends_with("List") {
            match resource.root.remove("items") {
                Some(Value::List(items)) => {
                    values.extend(items.into_iter().rev());
                    continue;
                }
                Some(value) if value.is_null() => continue,
                Some(value) => {
                    return Err(Problem::invalid(format!(
                        "the items of a {} must be a list, not {}",
                        crate::yaml::clip(resource.kind()),
                        value.word()
                    )));
                }
                None => {}
            }
        }
        resources.push(resource);
    }
    Ok(resources)
}

impl Resources {
    /// Adds resources whose ids are not there yet.
    pub(super) fn append(&mut self, more: Vec<Resource>, budget: &Budget) -> Result<(), Error> {
        let mut ids: HashSet<String> = self.0.iter().map(|old| key(&old.id())).collect();
        for resource in more {
            let id = resource.id();
            budget
                .looks(self.0.len() + 1)
                .map_err(|problem| problem.at(&resource.file))?;
            if !ids.insert(key(&id)) {
                return Err(Problem::invalid(format!("{id} is there already")).at(&resource.file));
            }
            self.0.push(resource);
        }
        Ok(())
    }

    /// Refuses two of one id.
    pub(super) fn check(&self, what: &str) -> Result<(), Problem> {
        let mut ids = HashSet::new();
        match self
            .0
            .iter()
            .find(|resource| !ids.insert(key(&resource.id())))
        {
            Some(twice) => Err(Problem::invalid(format!(
                "{what} makes two resources one: {}",
                twice.id()
            ))),
            None => Ok(()),
        }
    }

    /// Where the one resource is that has or had the id.
    pub(super) fn find(&self, id: &Id, budget: &Budget) -> Result<Option<usize>, Problem> {
        budget.looks(self.0.len())?;
        let mut found = self
            .0
            .iter()
            .enumerate()
            .filter(|(_, resource)| resource.was(id));
        let first = found.next();
        if found.next().is_some() {
            return Err(Problem::invalid(format!(
                "{id} is the name of several resources"
            )));
        }
        Ok(first.map(|(index, _)| index))
    }

    /// Takes in what a generator made.
    pub(super) fn absorb(
        &mut self,
        mut made: Resource,
        behavior: Behavior,
        budget: &Budget,
    ) -> Result<(), Problem> {
        let id = made.id();
        match (self.find(&id, budget)?, behavior) {
            (None, Behavior::Create) => {
                self.0.push(made);
                return Ok(());
            }
            (None, Behavior::Merge | Behavior::Replace) => {
                return Err(Problem::invalid(format!(
                    "{id} does not exist, so nothing can be merged into it or replace it"
                )));
            }
            (Some(_), Behavior::Create) => {
                return Err(Problem::invalid(format!(
                    "{id} is there already; write \"behavior: merge\" or \"behavior: replace\""
                )));
            }
            (Some(index), Behavior::Merge | Behavior::Replace) => {
                let Some(old) = self.0.get_mut(index) else {
                    return Ok(());
                };
                made.succeed(old);
                if behavior == Behavior::Merge {
                    made.merge_data(old)?;
                }
                *old = made;
            }
        }
        self.check("a generator")
    }
}

fn key(id: &Id) -> String {
    [&id.group, &id.version, &id.kind, &id.namespace, &id.name]
        .map(String::as_str)
        .join("\n")
}
