//! One store: its address, as whom it is read, and a read.

use std::collections::BTreeMap;
use std::sync::Arc;

use jasm_providers::reach::{Reached, reach};
use jasm_providers::{Check, Entry, EntryRef, Error, ErrorKind};
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::choice::{Wanted, named_by_a_rule};
use super::report::{Finding, Part};
use super::{Reader, advice};
use crate::settings::{Identity, Settings, Store};
use crate::stores::Examined;

/// Looks at a store; it ends in time whatever the store does.
pub(super) async fn look(
    store: &Store,
    settings: &Settings,
    wanted: Vec<&Wanted>,
    namespace: Option<&str>,
    reader: &Reader,
) -> Part {
    let look = Look {
        store,
        settings,
        namespace,
        as_workload: store.identity == Identity::Workload,
    };
    let mut findings = Vec::new();
    look.all(wanted, reader, &mut findings).await;
    Part::new(&store.name, store.backend.kind().as_str(), findings)
}

struct Look<'a> {
    store: &'a Store,
    settings: &'a Settings,
    /// That of the ServiceAccount that reads.
    namespace: Option<&'a str>,
    as_workload: bool,
}

impl Look<'_> {
    /// Each step as far as the one before it makes sense of it.
    async fn all(&self, wanted: Vec<&Wanted>, reader: &Reader, findings: &mut Vec<Finding>) {
        let store = match Examined::connect(self.store, self.settings).await {
            Ok(store) => store,
            Err(why) => {
                let fix = "correct the store in the config, or put the file in place";
                findings.push(Finding::fail("config", why, fix));
                return;
            }
        };
        let address = match store.address() {
            Ok(address) => address,
            Err(error) => {
                findings.push(self.failed("config", &error));
                return;
            }
        };
        if let Some(address) = address {
            match self.reach(&address).await {
                Ok(finding) => findings.push(finding),
                Err(finding) => {
                    findings.push(finding);
                    return;
                }
            }
        }
        let source = match self.source(&store, reader, !wanted.is_empty()) {
            Ok(source) => source,
            Err(finding) => {
                findings.push(finding);
                return;
            }
        };
        let (finding, goes_on) = self.whoami(&source).await;
        findings.push(finding);
        if !goes_on {
            return;
        }
        if wanted.is_empty() {
            findings.push(self.unasked(&source).await);
        }
        for wanted in wanted {
            findings.push(match self.read(&source, &wanted.entry).await {
                Ok(said) => Finding::ok("read", said),
                Err(error) => self.failed("read", &error),
            });
        }
    }

    async fn reach(&self, address: &str) -> Result<Finding, Finding> {
        let ca = match self.store.backend.ca_file() {
            // It was read before, so it is there.
            Some(file) => tokio::fs::read(file).await.ok(),
            None => None,
        };
        match reach(address, ca.as_deref(), self.settings.store_timeout).await {
            Ok(Reached {
                host,
                address,
                took,
            }) => {
                let at = match address {
                    Some(address) => format!(" ({})", address.ip()),
                    None => " (by way of a proxy)".to_owned(),
                };
                let said = format!("{host}{at} answers within {} ms", took.as_millis() + 1);
                Ok(Finding::ok("address", said))
            }
            Err(obstacle) => {
                let fix = advice::reach(&obstacle, self.store.backend.kind());
                let finding = Finding::fail("address", obstacle.to_string(), fix);
                Err(finding.of_class(ErrorKind::Unavailable.as_str()))
            }
        }
    }

    fn source(
        &self,
        store: &Examined,
        reader: &Reader,
        asked: bool,
    ) -> Result<Arc<dyn Check>, Finding> {
        let identity = match (self.as_workload, reader) {
            (false, _) => jasm_providers::Identity::Controller,
            (true, Some(Ok(account))) => jasm_providers::Identity::Workload(Arc::clone(account)),
            (true, Some(Err(error))) => {
                let fix = "correct --as, start a pod of that ServiceAccount, or use a kubeconfig that may ask for its tokens";
                let finding = Finding::fail("identity", error.to_string(), fix);
                return Err(finding.of_class(error.kind.as_str()));
            }
            (true, None) => {
                let said = "it is read as the pod that asks, and no ServiceAccount is named: nothing was read";
                let fix = "name one of a live pod with --as NAMESPACE/SERVICEACCOUNT";
                return Err(if asked {
                    Finding::fail("identity", said, fix)
                } else {
                    Finding::warn("identity", said, fix)
                });
            }
        };
        store
            .source(identity)
            .map_err(|error| self.failed("identity", &error))
    }

    /// As whom, and whether there is any use in going on.
    async fn whoami(&self, source: &Arc<dyn Check>) -> (Finding, bool) {
        let error = match source.whoami(self.deadline()).await {
            Ok(who) => return (self.right_account(who), true),
            Err(error) => error,
        };
        match error.kind {
            // A read would fail for the same reason.
            ErrorKind::Denied
            | ErrorKind::Unauthenticated
            | ErrorKind::Invalid
            | ErrorKind::Throttled { .. } => (self.failed("identity", &error), false),
            // Who tells it is not always who is read: a private endpoint may be all that can be reached.
            _ => {
                let said = format!("it cannot be told as whom the store is read: {error}");
                let fix = advice::fix(error.kind, self.store, self.as_workload);
                let finding = Finding::warn("identity", said, fix);
                (finding.of_class(error.kind.as_str()), true)
            }
        }
    }

    /// Names are looked up in the caller's account of AWS, whatever the config says.
    fn right_account(&self, who: String) -> Finding {
        let account = self.store.scope.account.as_deref();
        let theirs = who
            .strip_prefix("arn:")
            .and_then(|rest| rest.split(':').nth(3));
        match (account, theirs) {
            (Some(account), Some(theirs)) if account != theirs => Finding::fail(
                "identity",
                format!("as {who}, which is of the account {theirs}; the store's is {account}"),
                "give JASM an identity of that account, or correct the store's account",
            ),
            _ => Finding::ok("identity", format!("as {who}")),
        }
    }

    /// Without an entry that is asked for: one that a rule names, else a call that names none.
    async fn unasked(&self, source: &Arc<dyn Check>) -> Finding {
        if let Some(entry) = named_by_a_rule(self.store, self.namespace) {
            return match self.read(source, &entry).await {
                Ok(said) => Finding::ok("read", said),
                // The store was asked and let in; what a rule names need not be there.
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Gone) => {
                    let fix = advice::fix(error.kind, self.store, self.as_workload);
                    let said = format!("a rule names it: {error}");
                    Finding::warn("read", said, fix).of_class(error.kind.as_str())
                }
                Err(error) => self.failed("read", &error),
            };
        }
        let name = &self.store.name;
        let fix = format!("name an entry with --read {name}:PATH");
        match source.probe(self.deadline()).await {
            Ok(()) => Finding::warn(
                "read",
                "the store lets this identity in; no rule names a single entry, so none was read",
                fix,
            ),
            Err(error) if error.kind == ErrorKind::Denied => {
                let said = format!(
                    "no rule names a single entry, so none was read; a call that names none is refused, which says \
                     nothing of entries: {error}"
                );
                Finding::warn("read", said, fix).of_class(error.kind.as_str())
            }
            Err(error) => self.failed("read", &error),
        }
    }

    /// Reads an entry, and says what is known of it but its value.
    async fn read(&self, source: &Arc<dyn Check>, entry: &EntryRef) -> Result<String, Error> {
        let wants = std::slice::from_ref(entry);
        let read = source.read(wants, self.deadline()).await;
        let found = read.into_iter().next().unwrap_or_else(|| {
            let sentence = "the store gave no answer to the read";
            Err(Error::new(ErrorKind::Integrity, sentence))
        })?;
        Ok(format!("{entry}: {}", about(&found)))
    }

    fn failed(&self, check: &'static str, error: &Error) -> Finding {
        let fix = advice::fix(error.kind, self.store, self.as_workload);
        Finding::fail(check, error.to_string(), fix).of_class(error.kind.as_str())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.settings.store_timeout
    }
}

/// Size, form and version.
fn about(entry: &Entry) -> String {
    let bytes = entry.value.expose();
    let members = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(bytes);
    let form = match (members, std::str::from_utf8(bytes)) {
        (Ok(members), _) if members.len() == 1 => "a JSON object with 1 member".to_owned(),
        (Ok(members), _) => format!("a JSON object with {} members", members.len()),
        (Err(_), Ok(_)) => "text".to_owned(),
        (Err(_), Err(_)) => "binary".to_owned(),
    };
    let secret = if entry.secret { "secret, " } else { "" };
    format!(
        "{secret}{form}, {} bytes, version {}",
        bytes.len(),
        entry.version.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use jasm_providers::{SecretBytes, VersionToken};

    #[test]
    fn of_an_entry_all_is_said_but_its_value() {
        let table = [
            (
                &br#"{"a":"marker","b":2}"#[..],
                "a JSON object with 2 members, 20 bytes",
            ),
            (
                br#"{"a":"marker"}"#,
                "a JSON object with 1 member, 14 bytes",
            ),
            (b"marker", "text, 6 bytes"),
            (b"", "text, 0 bytes"),
            (b"\xffmarker", "binary, 7 bytes"),
            (br#"["marker"]"#, "text, 10 bytes"),
        ];
        for (bytes, words) in table {
            let entry = Entry {
                value: SecretBytes::new(bytes.to_vec()),
                version: VersionToken("7".to_owned()),
                secret: true,
            };
            assert_eq!(about(&entry), format!("secret, {words}, version 7"));
        }
    }
}
