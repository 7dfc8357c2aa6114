//! From a folder to its resources: what is named there, what is generated, components, then the changes. Pure.

use std::rc::Rc;

use super::budget::{Budget, MAX_DEPTH};
use super::file::{Kustomization, NAMES};
use super::folder::Folder;
use super::generator;
use super::patches;
use super::problem::{Error, Problem};
use super::resolve::Dialect;
use super::resource::check_key;
use super::resources::{self, Resources};
use super::yaml;
use crate::yaml::clip;

/// A build: the folder that is built and those that led to it.
pub(super) struct Build<'a> {
    budget: &'a Budget,
    folders: Vec<Folder<'a>>,
}

impl<'a> Build<'a> {
    pub(super) fn new(budget: &'a Budget) -> Self {
        Self {
            budget,
            folders: Vec::new(),
        }
    }

    /// The resources of a kustomization.
    pub(super) fn run(&mut self, folder: Folder<'a>) -> Result<Resources, Error> {
        self.folder(folder, None)
    }

    /// A kustomization has resources of its own; a component goes on with those that are there.
    fn folder(
        &mut self,
        folder: Folder<'a>,
        component_of: Option<Resources>,
    ) -> Result<Resources, Error> {
        let (file, kustomization) = self.load(&folder)?;
        match (kustomization.component, component_of.is_some()) {
            (true, false) => {
                return Err(
                    Problem::invalid("it is a component; name it in \"components\"").at(&file),
                );
            }
            (false, true) => {
                return Err(Problem::invalid(
                    "it is no component; write \"kind: Component\", or name it in \"resources\"",
                )
                .at(&file));
            }
            _ => {}
        }
        self.folders.push(folder.clone());
        let mut resources = component_of.unwrap_or_default();
        for name in &kustomization.resources {
            self.resource(&mut resources, &folder, name, &file)?;
        }
        let generators = (kustomization
            .config_maps
            .iter()
            .map(|one| ("ConfigMap", one)))
        .chain(kustomization.secrets.iter().map(|one| ("Secret", one)));
        for (kind, one) in generators {
            generator::generate(one, kind, &folder, &file)
                .and_then(|made| resources.absorb(made, one.behavior, self.budget))
                .map_err(|problem| problem.at(&file))?;
        }
        for name in &kustomization.components {
            let next = self
                .enter(&folder, name)
                .map_err(|problem| problem.at(&file))?;
            resources = self.folder(next, Some(resources))?;
        }
        self.transform(&mut resources, &kustomization, &folder, &file)
            .map_err(|problem| problem.at(&file))?;
        self.folders.pop();
        Ok(resources)
    }

    fn load(&self, folder: &Folder<'a>) -> Result<(Rc<str>, Kustomization), Error> {
        let place = if folder.path.is_empty() {
            "."
        } else {
            &folder.path
        };
        let mut found = Vec::new();
        for name in NAMES {
            if let Some(content) = folder.own(name).map_err(|problem| problem.at(place))? {
                found.push((folder.file(name), content));
            }
        }
        let [(file, content)] = found.as_slice() else {
            let problem = if found.is_empty() {
                "there is no kustomization.yaml in this folder"
            } else {
                "this folder has several kustomization files; keep one"
            };
            return Err(Problem::invalid(problem).at(place));
        };
        let documents = yaml::documents(content, Dialect::Kustomization, self.budget)
            .map_err(|problem| problem.at(file))?;
        let kustomization = match documents.as_slice() {
            [document] => Kustomization::parse(document),
            [] => Err(Problem::invalid(
                "it is empty; it needs \"resources\" or a generator",
            )),
            _ => Err(Problem::invalid("it has several documents; keep one")),
        };
        let kustomization = kustomization.map_err(|problem| problem.at(file))?;
        Ok((Rc::from(file.as_str()), kustomization))
    }

    /// What one line of `resources` names.
    fn resource(
        &mut self,
        resources: &mut Resources,
        folder: &Folder<'a>,
        name: &str,
        file: &Rc<str>,
    ) -> Result<(), Error> {
        let found = folder.find(name).map_err(|problem| problem.at(file))?;
        let more = if let Some((path, content)) = found {
            let path: Rc<str> = Rc::from(path);
            resources::read(content, &path, self.budget).map_err(|problem| problem.at(&path))?
        } else {
            let next = self
                .enter(folder, name)
                .map_err(|problem| problem.at(file))?;
            self.folder(next, None)?.0
        };
        resources.append(more, self.budget)
    }

    fn enter(&self, folder: &Folder<'a>, name: &str) -> Result<Folder<'a>, Problem> {
        let next = folder.enter(name)?;
        self.budget.folder()?;
        if self.folders.iter().any(|visited| next.holds(visited)) {
            return Err(Problem::invalid(format!(
                "\"{}\" is a cycle: it is this folder, or holds a folder that leads here",
                clip(name)
            )));
        }
        if self.folders.len() >= MAX_DEPTH {
            return Err(Problem::too_large(format!(
                "kustomizations are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(next)
    }

    /// In the order of kustomize, whatever that of the file.
    fn transform(
        &self,
        resources: &mut Resources,
        kustomization: &Kustomization,
        folder: &Folder<'a>,
        file: &Rc<str>,
    ) -> Result<(), Problem> {
        for (index, text) in kustomization.strategic.iter().enumerate() {
            patches::apply_strategic(resources, text, folder, file, self.budget)
                .map_err(|problem| problem.within(&format!("patchesStrategicMerge[{index}]")))?;
        }
        for patch in &kustomization.patches {
            patches::apply(resources, patch, folder, file, self.budget)
                .map_err(|problem| problem.within(&patch.place))?;
        }
        namespace(resources, &kustomization.namespace)?;
        affix(resources, &kustomization.prefix, "");
        affix(resources, "", &kustomization.suffix);
        for pairs in &kustomization.labels {
            for key in pairs.keys() {
                check_key(key).map_err(|problem| problem.within("labels"))?;
            }
            set_all(resources, "labels", pairs);
        }
        set_all(resources, "annotations", &kustomization.annotations);
        for patch in &kustomization.json {
            patches::apply_json(resources, patch, folder, file, self.budget)
                .map_err(|problem| problem.within(&patch.place))?;
        }
        Ok(())
    }
}

fn namespace(resources: &mut Resources, namespace: &str) -> Result<(), Problem> {
    if namespace.is_empty() {
        return Ok(());
    }
    for resource in &mut resources.0 {
        resource.remember();
        if resource.kind() == "Namespace" && resource.api_version() == "v1" {
            resource.set_name(namespace);
        } else {
            resource.set_namespace(namespace);
        }
    }
    resources.check("the namespace")
}

/// Kinds whose names kustomize leaves alone.
const UNAFFIXED: [&str; 3] = ["CustomResourceDefinition", "APIService", "Namespace"];

fn affix(resources: &mut Resources, prefix: &str, suffix: &str) {
    if prefix.is_empty() && suffix.is_empty() {
        return;
    }
    for resource in &mut resources.0 {
        if UNAFFIXED.contains(&resource.first_id().kind.as_str()) {
            continue;
        }
        resource.remember_affix(prefix, suffix);
        resource.remember();
        let name = format!("{prefix}{}{suffix}", resource.name());
        resource.set_name(&name);
    }
}

fn set_all(
    resources: &mut Resources,
    field: &str,
    pairs: &std::collections::BTreeMap<String, String>,
) {
    for resource in &mut resources.0 {
        for (key, value) in pairs {
            resource.set_metadata(field, key, value);
        }
    }
}
