//! The policy of AWS IAM: one for all stores there. Pure.

use jasm_providers::aws::rights::{Reads, rights};
use serde_json::{Value, json};

use crate::settings::Store;

/// The longest managed policy, white space not counted ("IAM and AWS STS quotas").
const LONGEST: usize = 6_144;

/// The statements of what is read of these stores; what the policy cannot know goes to the notes.
pub(super) fn policy<'a>(
    stores: impl IntoIterator<Item = (&'a Store, Reads)>,
    notes: &mut Vec<String>,
) -> Option<Value> {
    let mut statements = Vec::new();
    for (store, reads) in stores {
        for right in rights(store.backend.kind(), &store.scope, &reads) {
            statements.push(json!({
                "Sid": sid(right.purpose, &store.name, &statements),
                "Effect": "Allow",
                "Action": right.actions,
                "Resource": right.resources,
            }));
        }
        if store.scope.account.is_none() {
            notes.push(format!(
                "the store \"{}\" names no account, so \"*\" stands for it: write \"account\" in the config",
                store.name
            ));
        }
    }
    if statements.is_empty() {
        return None;
    }
    notes.push(
        "entries that are encrypted with a key of your own need kms:Decrypt on that key too; \
         annotations do not tell which"
            .to_owned(),
    );
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let length = policy.to_string().len();
    if length > LONGEST {
        notes.push(format!(
            "the policy has {length} characters, more than the {LONGEST} of a managed policy: \
             print one per store with --store, or grant whole paths by hand"
        ));
    }
    Some(policy)
}

/// A statement's name: letters and digits, unique within the policy.
fn sid(purpose: &str, store: &str, before: &[Value]) -> String {
    let words = store.split(|c: char| !c.is_ascii_alphanumeric());
    let mut sid = purpose.to_owned();
    for word in words {
        let mut chars = word.chars();
        sid.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        sid.extend(chars);
    }
    let taken = |sid: &str| before.iter().any(|statement| statement["Sid"] == sid);
    let mut unique = sid.clone();
    let mut number = 2;
    while taken(&unique) {
        unique = format!("{sid}{number}");
        number += 1;
    }
    unique
}
