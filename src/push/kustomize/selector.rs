//! Which resources a patch is for. Pure.

use regex_lite::Regex;

use super::fields::Fields;
use super::labels::LabelSelector;
use super::problem::Problem;
use super::resource::Resource;
use super::value::Value;

/// The `target` of a patch: regular expressions that match the whole, and selectors.
pub(super) struct Selector {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

impl Selector {
    pub(super) fn of(value: &Value, place: &str) -> Result<Self, Problem> {
        let known = [
            "group",
            "version",
            "kind",
            "name",
            "namespace",
            "labelSelector",
            "annotationSelector",
        ];
        let fields = Fields::of(value, place, &known)?;
        let regex = |field: &str| match fields.text(field)? {
            "" => Ok(None),
            pattern => Regex::new(&format!("^(?:{pattern})$"))
                .map(Some)
                .map_err(|_| {
                    Problem::invalid(format!(
                        "{place}.{field} is no regular expression that is supported"
                    ))
                }),
        };
        let labels = |field: &str| {
            LabelSelector::parse(fields.text(field)?).map_err(|p| p.within(&fields.name(field)))
        };
        Ok(Self {
            group: regex("group")?,
            version: regex("version")?,
            kind: regex("kind")?,
            name: regex("name")?,
            namespace: regex("namespace")?,
            labels: labels("labelSelector")?,
            annotations: labels("annotationSelector")?,
        })
    }

    /// Whether it says a name.
    pub(super) fn names(&self) -> bool {
        self.name.is_some()
    }

    /// Name and namespace may be those that the resource has, or those that it had at first.
    pub(super) fn matches(&self, resource: &Resource) -> bool {
        let fits = |regex: &Option<Regex>, text: &str| {
            regex.as_ref().is_none_or(|regex| regex.is_match(text))
        };
        let (now, first) = (resource.id(), resource.first_id());
        (fits(&self.namespace, &first.namespace) || fits(&self.namespace, &now.namespace))
            && (fits(&self.name, &first.name) || fits(&self.name, &now.name))
            && fits(&self.group, &now.group)
            && fits(&self.version, &now.version)
            && fits(&self.kind, &now.kind)
            && self.labels.matches(&resource.metadata("labels"))
            && self.annotations.matches(&resource.metadata("annotations"))
    }
}
