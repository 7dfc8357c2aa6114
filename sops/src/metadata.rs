//! What SOPS says in a file about itself: recipients, rule and MAC.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::limits;
use crate::node::{Item, Leaf, Node};
use crate::recipient::Recipient;
use crate::scope::{DEFAULT_SUFFIX, Scope};
use crate::time;

/// What is needed to decrypt a file.
pub(crate) struct Metadata {
    /// Any recipient of a group gives what the group has: the data key, or its part of it.
    pub(crate) groups: Vec<Vec<Recipient>>,
    /// How many groups are needed.
    pub(crate) threshold: usize,
    /// As the cipher takes it.
    pub(crate) last_modified: String,
    /// Encrypted.
    pub(crate) mac: String,
    pub(crate) mac_only_encrypted: bool,
    pub(crate) scope: Scope,
}

/// The members of a mapping.
pub(crate) type Table = Vec<Item>;

const RULES: [&str; 6] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
];

/// Parts the metadata from documents that have it as their member `sops`: that of the first one counts.
pub(crate) fn split(mut documents: Vec<Node>) -> Result<(Vec<Node>, Table), Error> {
    let mut table = None;
    for (index, document) in documents.iter_mut().enumerate() {
        let Node::Map(items) = document else { continue };
        let place = items
            .iter()
            .position(|item| matches!(item, Item::Entry(key, _) if key == "sops"));
        let Some(Item::Entry(_, value)) = place.map(|place| items.remove(place)) else {
            continue;
        };
        if index == 0 {
            let Node::Map(items) = value else {
                return Err(Error::Metadata("`sops` is no mapping".to_owned()));
            };
            table = Some(items);
        }
    }
    Ok((documents, table.ok_or(Error::NoMetadata)?))
}

/// Reads the metadata's members.
pub(crate) fn read(table: &Table) -> Result<Metadata, Error> {
    let broken = |message: &str| Error::Metadata(message.to_owned());
    let mac = text(table, "mac");
    if mac.is_empty() {
        return Err(Error::MacMissing);
    }
    let last_modified = time::to_second(&text(table, "lastmodified"))
        .ok_or_else(|| broken("`lastmodified` is no time of the form 2026-01-31T12:00:00Z"))?;
    let mac_only_encrypted = match text(table, "mac_only_encrypted").as_str() {
        "" | "false" | "False" | "FALSE" | "0" | "f" | "F" => false,
        "true" | "True" | "TRUE" | "1" | "t" | "T" => true,
        _ => return Err(broken("`mac_only_encrypted` is neither true nor false")),
    };
    let groups = groups(table)?;
    let threshold = match text(table, "shamir_threshold").as_str() {
        "" | "0" => groups.len(),
        text => text
            .parse()
            .map_err(|_| broken("`shamir_threshold` is no number"))?,
    };
    let threshold = if groups.len() == 1 {
        // SOPS does not look at it then.
        1
    } else if (2..=groups.len()).contains(&threshold) {
        threshold
    } else {
        return Err(Error::Metadata(format!(
            "`shamir_threshold` is {threshold}, and must be from 2 to the number of `key_groups`, {}",
            groups.len()
        )));
    };
    Ok(Metadata {
        groups,
        threshold,
        last_modified,
        mac,
        mac_only_encrypted,
        scope: scope(table)?,
    })
}

fn scope(table: &Table) -> Result<Scope, Error> {
    let given: Vec<(&str, String)> = RULES
        .into_iter()
        .map(|rule| (rule, text(table, rule)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    match given.as_slice() {
        [] => Scope::new("unencrypted_suffix", DEFAULT_SUFFIX),
        [(rule, value)] => Scope::new(rule, value),
        [(one, _), (other, _), ..] => Err(Error::Metadata(format!(
            "it has both `{one}` and `{other}`, and there is only one rule to a file"
        ))),
    }
}

fn groups(table: &Table) -> Result<Vec<Vec<Recipient>>, Error> {
    let flat = group(table)?;
    let groups: Vec<_> = if flat.is_empty() {
        let tables = list(table, "key_groups")?;
        if tables.len() > limits::GROUPS {
            return Err(Error::Metadata(format!(
                "it has more than {} groups of recipients",
                limits::GROUPS
            )));
        }
        tables.into_iter().map(group).collect::<Result<_, _>>()?
    } else {
        vec![flat]
    };
    if groups.iter().all(Vec::is_empty) {
        return Err(Error::Metadata(
            "it names no recipient of the data key".to_owned(),
        ));
    }
    if groups.iter().map(Vec::len).sum::<usize>() > limits::RECIPIENTS {
        return Err(too_many());
    }
    Ok(groups)
}

fn too_many() -> Error {
    Error::Metadata(format!(
        "it names more than {} recipients of the data key",
        limits::RECIPIENTS
    ))
}

/// What is encrypted for a recipient. Nothing reads it before its length is known.
fn enc(key: &Table, list: &str) -> Result<String, Error> {
    let enc = text(key, "enc");
    if enc.len() > limits::ENC {
        return Err(Error::Metadata(format!(
            "an `enc` of `{list}` has {} bytes, and at most {} are read: encrypt the file anew with `sops encrypt`",
            enc.len(),
            limits::ENC
        )));
    }
    Ok(enc)
}

/// The recipients of one group, in the order that SOPS gives them.
fn group(table: &Table) -> Result<Vec<Recipient>, Error> {
    let mut recipients = Vec::new();
    for key in list(table, "kms")? {
        recipients.push(Recipient::AwsKms {
            arn: text(key, "arn"),
            role: Some(text(key, "role")).filter(|role| !role.is_empty()),
            context: context(key)?,
            enc: enc(key, "kms")?,
        });
    }
    for key in list(table, "gcp_kms")? {
        recipients.push(Recipient::GcpKms {
            resource_id: text(key, "resource_id"),
            enc: enc(key, "gcp_kms")?,
        });
    }
    for key in list(table, "azure_kv")? {
        recipients.push(Recipient::AzureKeyVault {
            vault_url: text(key, "vault_url"),
            name: text(key, "name"),
            version: text(key, "version"),
            enc: enc(key, "azure_kv")?,
        });
    }
    for key in list(table, "hc_vault")? {
        recipients.push(Recipient::VaultTransit {
            address: text(key, "vault_address"),
            engine_path: text(key, "engine_path"),
            key_name: text(key, "key_name"),
            enc: enc(key, "hc_vault")?,
        });
    }
    for key in list(table, "pgp")? {
        recipients.push(Recipient::Pgp {
            fingerprint: text(key, "fp"),
            enc: enc(key, "pgp")?,
        });
    }
    for key in list(table, "age")? {
        recipients.push(Recipient::Age {
            recipient: text(key, "recipient"),
            enc: enc(key, "age")?,
        });
    }
    // What has encrypted data keys under a name that is not known.
    for item in table {
        if let Item::Entry(name, value) = item
            && ![
                "kms",
                "gcp_kms",
                "azure_kv",
                "hc_vault",
                "pgp",
                "age",
                "key_groups",
            ]
            .contains(&name.as_str())
            && let Node::List(keys) = value
            && keys
                .iter()
                .any(|key| matches!(key, Node::Map(key) if !text(key, "enc").is_empty()))
        {
            recipients.push(Recipient::Unsupported { kind: name.clone() });
        }
    }
    Ok(recipients)
}

fn context(key: &Table) -> Result<BTreeMap<String, String>, Error> {
    match get(key, "context") {
        None | Some(Node::Leaf(Leaf::Null)) => Ok(BTreeMap::new()),
        Some(Node::Map(items)) if items.len() > limits::CONTEXT => Err(Error::Metadata(format!(
            "a `context` of `kms` has more than {} members",
            limits::CONTEXT
        ))),
        Some(Node::Map(items)) => Ok(items
            .iter()
            .filter_map(|item| match item {
                Item::Entry(name, value) => Some((name.clone(), as_text(value))),
                Item::Comment(_) => None,
            })
            .collect()),
        Some(_) => Err(Error::Metadata(
            "`context` of `kms` is no mapping".to_owned(),
        )),
    }
}

fn get<'a>(table: &'a Table, name: &str) -> Option<&'a Node> {
    table.iter().find_map(|item| match item {
        Item::Entry(key, value) if key == name => Some(value),
        _ => None,
    })
}

/// A member as text; empty where there is none, or no text.
fn text(table: &Table, name: &str) -> String {
    get(table, name).map(as_text).unwrap_or_default()
}

fn as_text(node: &Node) -> String {
    match node {
        Node::Leaf(Leaf::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        Node::Leaf(Leaf::Int(number)) => number.to_string(),
        Node::Leaf(Leaf::Float(number)) => crate::number::plain(*number),
        Node::Leaf(Leaf::Bool(value)) => value.to_string(),
        Node::Leaf(Leaf::Time(time)) => time.clone(),
        _ => String::new(),
    }
}

/// The members of a list of mappings. A list may be missing, null or empty.
fn list<'a>(table: &'a Table, name: &str) -> Result<Vec<&'a Table>, Error> {
    let wrong = || Error::Metadata(format!("`{name}` is no list of mappings"));
    match get(table, name) {
        None | Some(Node::Leaf(Leaf::Null)) => Ok(Vec::new()),
        Some(Node::Map(items)) if items.is_empty() => Ok(Vec::new()),
        Some(Node::List(nodes)) if nodes.len() > limits::RECIPIENTS => Err(too_many()),
        Some(Node::List(nodes)) => nodes
            .iter()
            .map(|node| match node {
                Node::Map(items) => Ok(items),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}
