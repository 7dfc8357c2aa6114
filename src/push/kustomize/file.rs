//! A kustomization file: which fields it may have, and which are refused by name. Pure.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::problem::Problem;
use super::selector::Selector;
use super::value::Value;

/// The names that a kustomization file may have.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Fields that are understood, or that change neither data nor names of a Secret or ConfigMap.
const KNOWN: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "bases",
    "components",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "images",
    "imageTags",
    "replicas",
    "sortOptions",
    "buildMetadata",
];

/// Fields that kustomize has and that are not built here.
const REFUSED: &[&str] = &[
    "helmCharts",
    "helmChartInflationGenerator",
    "helmGlobals",
    "generators",
    "transformers",
    "validators",
    "replacements",
    "vars",
    "crds",
    "openapi",
    "configurations",
];

/// What a kustomization file says.
pub(super) struct Kustomization {
    pub(super) component: bool,
    pub(super) resources: Vec<String>,
    pub(super) components: Vec<String>,
    pub(super) config_maps: Vec<Generator>,
    pub(super) secrets: Vec<Generator>,
    pub(super) prefix: String,
    pub(super) suffix: String,
    pub(super) namespace: String,
    pub(super) labels: Vec<BTreeMap<String, String>>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) strategic: Vec<String>,
    pub(super) patches: Vec<Patch>,
    pub(super) json: Vec<Patch>,
}

/// What becomes of an object of the same name that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    Create,
    Merge,
    Replace,
}

/// One generator of a ConfigMap or Secret.
pub(super) struct Generator {
    /// What messages call it.
    pub(super) place: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) behavior: Behavior,
    pub(super) envs: Vec<String>,
    pub(super) literals: Vec<String>,
    pub(super) files: Vec<String>,
    pub(super) kind: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) hash: bool,
}

/// One patch.
pub(super) struct Patch {
    /// What messages call it.
    pub(super) place: String,
    pub(super) path: String,
    pub(super) patch: String,
    pub(super) target: Option<Selector>,
    pub(super) rename: bool,
}

impl Kustomization {
    pub(super) fn parse(value: &Value) -> Result<Self, Problem> {
        if let Some(field) = value
            .as_map()
            .and_then(|map| map.keys().find(|field| REFUSED.contains(&field.as_str())))
        {
            return Err(Problem::unsupported(format!(
                "the field \"{field}\" is not supported; build it with kustomize and commit what it gives"
            )));
        }
        let fields = Fields::of(value, "", KNOWN)?;
        let said = |field: &&&str| {
            fields.get(field).is_some_and(
                |value| !matches!(value, Value::Scalar(scalar) if scalar.text.is_empty()),
            )
        };
        if !KNOWN[2..].iter().any(|field| said(&field)) {
            return Err(Problem::invalid(
                "it is empty; it needs \"resources\" or a generator",
            ));
        }
        let component = component(&fields)?;
        let options = Options::of(&fields, "generatorOptions")?;
        let mut resources = fields.texts("resources")?;
        resources.extend(fields.texts("bases")?);
        let mut labels = Vec::new();
        for (place, item) in fields.list("labels")? {
            labels.push(pairs_of_labels(&place, item)?);
        }
        labels.push(fields.pairs("commonLabels")?);
        Ok(Self {
            component,
            resources,
            components: fields.texts("components")?,
            config_maps: generators(&fields, "configMapGenerator", &options)?,
            secrets: generators(&fields, "secretGenerator", &options)?,
            prefix: fields.text("namePrefix")?.to_owned(),
            suffix: fields.text("nameSuffix")?.to_owned(),
            namespace: fields.text("namespace")?.to_owned(),
            labels,
            annotations: fields.pairs("commonAnnotations")?,
            strategic: fields.texts("patchesStrategicMerge")?,
            patches: patches(&fields, "patches")?,
            json: patches(&fields, "patchesJson6902")?,
        })
    }
}

fn component(fields: &Fields<'_>) -> Result<bool, Problem> {
    let (component, version) = match fields.text("kind")? {
        "" | "Kustomization" => (false, "kustomize.config.k8s.io/v1beta1"),
        "Component" => (true, "kustomize.config.k8s.io/v1alpha1"),
        _ => {
            return Err(Problem::invalid(
                "its kind must be \"Kustomization\" or \"Component\"",
            ));
        }
    };
    match fields.text("apiVersion")? {
        said if said.is_empty() || said == version => Ok(component),
        _ => Err(Problem::invalid(format!(
            "its apiVersion must be \"{version}\""
        ))),
    }
}

fn pairs_of_labels(place: &str, item: &Value) -> Result<BTreeMap<String, String>, Problem> {
    let known = ["pairs", "includeSelectors", "includeTemplates", "fields"];
    let fields = Fields::of(item, place, &known)?;
    fields.flag("includeSelectors")?;
    fields.flag("includeTemplates")?;
    if fields.get("fields").is_some() {
        return Err(Problem::unsupported(format!(
            "the field \"{}\" is not supported, as it can write into data",
            fields.name("fields")
        )));
    }
    fields.pairs("pairs")
}

#[derive(Default)]
struct Options {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    no_hash: bool,
}

impl Options {
    fn of(fields: &Fields<'_>, field: &str) -> Result<Self, Problem> {
        let Some(value) = fields.get(field) else {
            return Ok(Self::default());
        };
        let known = [
            "labels",
            "annotations",
            "disableNameSuffixHash",
            "immutable",
        ];
        let fields = Fields::of(value, &fields.name(field), &known)?;
        fields.flag("immutable")?;
        Ok(Self {
            labels: fields.pairs("labels")?,
            annotations: fields.pairs("annotations")?,
            no_hash: fields.flag("disableNameSuffixHash")?,
        })
    }
}

fn generators(
    fields: &Fields<'_>,
    field: &str,
    global: &Options,
) -> Result<Vec<Generator>, Problem> {
    let mut known = vec![
        "name",
        "namespace",
        "behavior",
        "envs",
        "env",
        "literals",
        "files",
        "options",
    ];
    if field == "secretGenerator" {
        known.push("type");
    }
    let mut generators = Vec::new();
    for (place, item) in fields.list(field)? {
        let fields = Fields::of(item, &place, &known)?;
        let behavior = match fields.text("behavior")? {
            "" | "create" => Behavior::Create,
            "merge" => Behavior::Merge,
            "replace" => Behavior::Replace,
            _ => {
                return Err(Problem::invalid(format!(
                    "{place}.behavior must be \"create\", \"merge\" or \"replace\""
                )));
            }
        };
        let name = fields.text("name")?.to_owned();
        if name.is_empty() {
            return Err(Problem::invalid(format!("{place} needs a name")));
        }
        let mut envs = fields.texts("envs")?;
        let env = fields.text("env")?;
        if !env.is_empty() {
            envs.push(env.to_owned());
        }
        let kind = match field {
            "secretGenerator" => fields.text("type")?.to_owned(),
            _ => String::new(),
        };
        let own = Options::of(&fields, "options")?;
        let mut labels = global.labels.clone();
        labels.extend(own.labels);
        let mut annotations = global.annotations.clone();
        annotations.extend(own.annotations);
        generators.push(Generator {
            name,
            namespace: fields.text("namespace")?.to_owned(),
            behavior,
            envs,
            literals: fields.texts("literals")?,
            files: fields.texts("files")?,
            kind,
            labels,
            annotations,
            hash: !(global.no_hash || own.no_hash),
            place,
        });
    }
    Ok(generators)
}

fn patches(fields: &Fields<'_>, field: &str) -> Result<Vec<Patch>, Problem> {
    let known = ["path", "patch", "target", "options"];
    let mut patches = Vec::new();
    for (place, item) in fields.list(field)? {
        let fields = Fields::of(item, &place, &known)?;
        let target = fields
            .get("target")
            .map(|target| Selector::of(target, &fields.name("target")))
            .transpose()?;
        let mut rename = false;
        if let Some(options) = fields.get("options") {
            let known = ["allowNameChange", "allowKindChange"];
            let options = Fields::of(options, &fields.name("options"), &known)?;
            rename = options.flag("allowNameChange")?;
            if options.flag("allowKindChange")? {
                return Err(Problem::unsupported(format!(
                    "\"{}\" is not supported",
                    options.name("allowKindChange")
                )));
            }
        }
        patches.push(Patch {
            path: fields.text("path")?.to_owned(),
            patch: fields.text("patch")?.to_owned(),
            target,
            rename,
            place,
        });
    }
    Ok(patches)
}
