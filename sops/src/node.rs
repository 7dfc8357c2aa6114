//! What a file holds, whatever its format: maps and lists in the order written, and leaves.

use std::borrow::Cow;

use zeroize::Zeroizing;

/// Bytes of a value. Most are text; what SOPS encrypted need not be.
pub(crate) type Text = Zeroizing<Vec<u8>>;

/// A place in a document.
#[derive(Clone)]
pub(crate) enum Node {
    Map(Vec<Item>),
    List(Vec<Self>),
    Leaf(Leaf),
}

/// A member of a map.
#[derive(Clone)]
pub(crate) enum Item {
    Entry(String, Node),
    /// Without its `#`. Only formats that give comments back have them.
    Comment(Text),
}

/// A value.
#[derive(Clone)]
pub(crate) enum Leaf {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A time as RFC 3339 writes it.
    Time(String),
    Text(Text),
}

impl Node {
    pub(crate) fn text(text: &str) -> Self {
        Self::Leaf(Leaf::Text(Zeroizing::new(text.as_bytes().to_vec())))
    }
}

impl Leaf {
    /// What the MAC is made of; `None` for what it leaves out.
    pub(crate) fn for_mac(&self) -> Option<Cow<'_, [u8]>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(true) => Cow::Borrowed(b"True"),
            Self::Bool(false) => Cow::Borrowed(b"False"),
            Self::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Float(number) => Cow::Owned(crate::number::plain(*number).into_bytes()),
            Self::Time(time) => Cow::Borrowed(time.as_bytes()),
            Self::Text(text) => Cow::Borrowed(text),
        })
    }
}
