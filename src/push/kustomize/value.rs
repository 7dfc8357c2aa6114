//! A piece of YAML or JSON as kustomize sees it: mappings have no order, scalars keep their text. Pure.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::resolve::Tag;

/// A mapping.
pub(super) type Map = BTreeMap<String, Value>;

/// Text and what it was taken for. No `Debug`: it may be a secret.
#[derive(Clone, PartialEq)]
pub(super) struct Scalar {
    pub(super) tag: Tag,
    pub(super) text: Zeroizing<String>,
    /// Written with quotes or as a block, which it keeps whatever a patch puts there.
    pub(super) quoted: bool,
}

/// A piece of YAML or JSON.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Self>),
    Map(Map),
}

impl Value {
    pub(super) fn scalar(tag: Tag, text: impl Into<String>) -> Self {
        Self::Scalar(Scalar {
            tag,
            text: Zeroizing::new(text.into()),
            quoted: false,
        })
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::scalar(Tag::Text, text)
    }

    /// What a generator or a merge writes: a block if it has several lines.
    pub(super) fn generated(text: impl Into<String>) -> Self {
        let text = text.into();
        let quoted = text.contains('\n');
        Self::Scalar(Scalar {
            tag: Tag::Text,
            text: Zeroizing::new(text),
            quoted,
        })
    }

    pub(super) fn null() -> Self {
        Self::scalar(Tag::Null, "null")
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(scalar) if scalar.tag == Tag::Null)
    }

    pub(super) fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a scalar whatever it is, as kustomize takes names, labels and annotations; nothing for null.
    pub(super) fn raw(&self) -> &str {
        match self {
            Self::Scalar(scalar) if scalar.tag != Tag::Null => &scalar.text,
            _ => "",
        }
    }

    /// What a message calls it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Scalar(scalar) => scalar.tag.word(),
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}
