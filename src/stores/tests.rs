use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jasm_providers::{Principal, SecretBytes, Workload};

use super::*;
use crate::identity::{Forbidden, Found, Own};
use crate::settings::Overrides;

const CONFIG: &str = "stores:\n\
     - {name: as-jasm, kind: vault, address: 'https://vault', role: jasm, identity: controller}\n\
     - {name: as-pod, kind: vault, address: 'https://vault', role: '{namespace}-{serviceaccount}', identity: workload}\n";

#[derive(Debug)]
struct Shop;

#[async_trait]
impl Workload for Shop {
    fn namespace(&self) -> &str {
        "n"
    }

    fn service_account(&self) -> &str {
        "shop"
    }

    fn annotation(&self, _: &str) -> Option<&str> {
        None
    }

    async fn token(&self, _: &str, _: Instant) -> Result<SecretBytes, Error> {
        Err(Error::new(ErrorKind::Denied, "no tokens here"))
    }
}

/// Finds one ServiceAccount, and counts.
#[derive(Debug, Default)]
struct Finds(AtomicUsize);

#[async_trait]
impl Accounts for Finds {
    async fn find(&self, _: &str, _: &str, _: Instant) -> Result<Found, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Found {
            account: Arc::new(Shop),
            mark: "one".into(),
        })
    }

    fn allows<'a>(&self, audience: &'a str) -> Result<(), Forbidden<'a>> {
        // {"aud":"k3s"}
        Own::of("e30.eyJhdWQiOiJrM3MifQ.c2ln").allows(audience)
    }

    fn doubt(&self, _: &str, _: &str) {}
}

async fn stores(readers: &Readers) -> Stores {
    let settings = Settings::read(Some(CONFIG), &Overrides::default()).unwrap();
    Stores::connect(&settings, &Stores::default(), &Metrics::new(), readers)
        .await
        .unwrap()
}

fn shop() -> ReadAs {
    ReadAs::ServiceAccount("shop".into())
}

#[tokio::test]
async fn nobody_reads_as_the_controller_but_who_was_told_to() {
    let finds = Arc::new(Finds::default());
    let stores = stores(&Readers::Pods(finds.clone())).await;
    let as_pod = &stores.0["as-pod"];
    for unsettled in [ReadAs::Store, ReadAs::Workload] {
        let refused = as_pod.lane(&unsettled, "n").await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Unsupported);
    }
    assert_eq!(finds.0.load(Ordering::SeqCst), 0);
    assert!(as_pod.lane(&shop(), "n").await.is_ok());
    assert_eq!(finds.0.load(Ordering::SeqCst), 1);
    assert_eq!(
        as_pod.as_whom(&shop(), "n"),
        " as the ServiceAccount n/shop"
    );

    let as_jasm = &stores.0["as-jasm"];
    assert!(as_jasm.lane(&ReadAs::Store, "n").await.is_ok());
    assert_eq!(finds.0.load(Ordering::SeqCst), 1);
    assert!(as_jasm.lane(&ReadAs::Workload, "n").await.is_err());
    assert!(as_jasm.lane(&shop(), "n").await.is_ok());
    assert_eq!(finds.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn where_there_are_no_pods_everything_is_read_as_the_process() {
    let stores = stores(&Readers::Process).await;
    let as_jasm = &stores.0["as-jasm"];
    assert!(as_jasm.lane(&shop(), "n").await.is_ok());
    assert_eq!(as_jasm.as_whom(&shop(), "n"), "");
    // Its role is made of a reader's names, and the process has none.
    let refused = stores.0["as-pod"].lane(&shop(), "n").await.unwrap_err();
    assert!(refused.message.contains("role"), "{refused}");
}

#[tokio::test]
async fn a_store_whose_audience_is_the_api_servers_is_not_connected() {
    let config = CONFIG.replace("role: jasm", "role: jasm, audience: k3s");
    let settings = Settings::read(Some(&config), &Overrides::default()).unwrap();
    let readers = Readers::Pods(Arc::new(Finds::default()));
    let connected = Stores::connect(&settings, &Stores::default(), &Metrics::new(), &readers).await;
    let why = connected.unwrap_err();
    assert!(
        why.starts_with("store \"as-jasm\": the audience k3s"),
        "{why}"
    );
}

#[tokio::test]
async fn who_writes_as_jasm_itself_writes_with_one_sink() {
    const CONFIG: &str = "stores:\n\
         - {name: kv, kind: azure-keyvault, vault: acme, identity: controller}\n\
         - {name: ac, kind: azure-appconfiguration, configuration: acme, identity: controller}\n";
    let settings = Settings::read(Some(CONFIG), &Overrides::default()).unwrap();
    let (before, metrics) = (Stores::default(), Metrics::new());
    let stores = Stores::connect(&settings, &before, &metrics, &Readers::Process).await;
    let stores = stores.unwrap();
    let client = || Identity::Assumed(Principal::EntraClient("client".to_owned()));
    let sink = |store: &str, identity, label| stores.0[store].sink(identity, label).unwrap();
    for store in ["kv", "ac"] {
        let (one, other) = (
            sink(store, Identity::Controller, None),
            sink(store, Identity::Controller, None),
        );
        assert!(Arc::ptr_eq(&one, &other), "{store}");
        let (theirs, other) = (sink(store, client(), None), sink(store, client(), None));
        assert!(
            !Arc::ptr_eq(&theirs, &other) && !Arc::ptr_eq(&one, &other),
            "{store}"
        );
        // A label is a part of what is written in App Configuration, and in no other kind.
        let other = sink(store, Identity::Controller, Some("prod"));
        assert_eq!(Arc::ptr_eq(&one, &other), store == "kv", "{store}");
    }
}
