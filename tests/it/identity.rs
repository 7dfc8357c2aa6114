//! Stores read as the pods themselves: from a pod, over the API server's token of its ServiceAccount, to the
//! principal that each cloud sees.

mod component;
mod references;
mod refusals;
mod rules;
mod shared;
mod side_by_side;
mod tokens;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::support::controller::Controller;
use crate::support::eventually;
use crate::support::place::Place;
use crate::support::pods::{Template, template};
use crate::support::witness::Witness;
use crate::support::world::World;

/// A part of the cluster whose JASM may read as pods, and is watched while it asks for their tokens.
struct Stage {
    world: World,
    witness: Witness,
}

impl Stage {
    async fn new(test: &str) -> Self {
        let world = World::new(test).await;
        let rule = |resource: &str, verb: &str| json!({"apiGroups": [""], "resources": [resource], "verbs": [verb]});
        world
            .set_rules(|rules| {
                rules.push(rule("serviceaccounts", "get"));
                rules.push(rule("serviceaccounts/token", "create"));
            })
            .await;
        Self::of(world).await
    }

    /// The same of a world that has the rights already.
    async fn of(world: World) -> Self {
        let kubeconfig = Kubeconfig::read_from(world.kubeconfig()).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let client = Client::try_from(config.unwrap()).unwrap();
        let accounts = Api::<ServiceAccount>::namespaced(client, &world.namespace);
        eventually("the rights are there", || async {
            accounts.get("default").await.ok().map(drop)
        })
        .await;
        let witness = Witness::start().await;
        world.write_kubeconfig(Some(witness.url.clone())).await;
        Self { world, witness }
    }

    /// Starts JASM with these stores; it tells all that it can.
    async fn jasm(&self, stores: &str) -> Controller {
        self.world.config(stores).await;
        let jasm = self.world.jasm_with(&["--log-level", "trace"]).await;
        jasm.ready().await;
        jasm
    }

    /// Ends JASM; no token that it had, and nothing with one of these signs, is in what it said.
    async fn ends_clean(&self, jasm: Controller, tokens: &[String], values: &[&str]) {
        let (_, metrics) = jasm.get("/metrics").await.unwrap();
        let log = jasm.log_text();
        assert!(log.contains("TRACE"), "the log is at its lowest level");
        let mut said = vec![("log", log), ("metrics", metrics)];
        let events = Api::<k8s_openapi::api::events::v1::Event>::all(self.world.admin.clone());
        let events = events
            .list(&kube::api::ListParams::default())
            .await
            .unwrap();
        let ours = events.items.into_iter().filter(|event| {
            let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
            namespace.starts_with(&self.world.namespace)
        });
        said.push((
            "events",
            ours.filter_map(|event| event.note)
                .collect::<Vec<_>>()
                .join("\n"),
        ));
        // How tokens begin: JSON Web Tokens, Google's, AWS's sessions.
        let signs = ["eyJ", "ya29.", "IQoJ"];
        let witnessed = self.witness.tokens();
        for (what, text) in said {
            for (number, line) in text.lines().enumerate() {
                let found = signs.iter().chain(values).any(|sign| line.contains(sign))
                    || witnessed
                        .iter()
                        .chain(tokens)
                        .any(|token| line.contains(token.as_str()));
                // A test's output must not have them either, so only the place is told.
                assert!(!found, "a token or a value is in the {what}, line {number}");
            }
        }
        assert_eq!(jasm.terminate().await, 0);
    }

    /// Every token that was asked for is for a cloud only, for ten minutes, and bound to a live pod of its
    /// ServiceAccount; in each place only those of its own.
    async fn asked_properly(&self, issuer: &str, places: &[&Place<'_>]) {
        let asked = self.witness.asked();
        assert!(!asked.is_empty());
        for asked in asked {
            assert_eq!(asked.code, 201);
            let clouds = [
                "sts.amazonaws.com",
                "api://AzureADTokenExchange",
                "acme-prod.svc.id.goog",
                "vault",
            ];
            assert!(clouds.contains(&asked.audience()), "{}", asked.audience());
            assert_ne!(asked.audience(), issuer);
            assert_eq!(asked.spec["expirationSeconds"], 600);
            let place = places.iter().find(|place| place.name == asked.namespace);
            let (name, uid) = asked.bound();
            let pod = place
                .expect("a place of the test")
                .pods()
                .get(name)
                .await
                .unwrap();
            assert_eq!(pod.metadata.uid.as_deref(), Some(uid));
            let account = pod.spec.unwrap().service_account_name;
            assert_eq!(account.as_deref(), Some(asked.account.as_str()));
        }
    }
}

/// A pod of a ServiceAccount that wants a Secret `db` of one source.
fn wants(account: &str, source: &str) -> Template {
    template(&[("secret.db", source)]).service_account(account)
}

fn data(key: &str, value: &str) -> Option<BTreeMap<String, String>> {
    Some(BTreeMap::from([(key.to_owned(), value.to_owned())]))
}

/// A payload of one member.
fn payload(value: &str) -> Value {
    json!({"user": value})
}
