//! Secrets Manager and Parameter Store as moto plays them, behind a relay that can lose answers.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use jasm_providers::{Sink, aws};

use super::Ground;
use super::relay::Relay;
use crate::moto::Cloud;
use crate::support::{Calls, connect, options};

/// What both have.
struct Shared {
    cloud: Cloud,
    relay: Relay,
    calls: Calls,
}

impl Shared {
    async fn new() -> (Self, aws::Connection) {
        let cloud = Cloud::new().await;
        let relay = Relay::new(&cloud.endpoint).await;
        let connection = connect(&options(&relay.endpoint, &cloud.region)).await;
        let calls = Calls::default();
        (
            Self {
                cloud,
                relay,
                calls,
            },
            connection,
        )
    }

    fn operations(&self) -> Vec<&'static str> {
        let calls = self.calls.take().into_iter();
        calls.map(|(operation, _)| operation).collect()
    }
}

/// Secrets Manager.
pub(crate) struct Secrets {
    shared: Shared,
    sink: Arc<dyn Sink>,
}

impl Secrets {
    pub(crate) async fn new() -> Self {
        let (shared, connection) = Shared::new().await;
        let sink = Arc::new(aws::SecretsManager::new(
            &connection,
            shared.calls.observer(),
        ));
        Self { shared, sink }
    }
}

#[async_trait]
impl Ground for Secrets {
    fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.sink)
    }

    fn name(&self, word: &str) -> String {
        format!("shop/prod/{word}")
    }

    fn page(&self) -> usize {
        100
    }

    fn binary(&self) -> bool {
        true
    }

    fn largest(&self) -> usize {
        65_536
    }

    fn remarks(&self) -> bool {
        true
    }

    fn restores(&self) -> bool {
        true
    }

    fn operations(&self) -> Vec<&'static str> {
        self.shared.operations()
    }

    async fn make(&self, name: &str, value: &str) {
        let create = self.shared.cloud.secrets.create_secret().name(name);
        create.secret_string(value).send().await.unwrap();
    }

    async fn change(&self, name: &str, value: &str) {
        let put = self.shared.cloud.secrets.put_secret_value().secret_id(name);
        put.secret_string(value).send().await.unwrap();
    }

    async fn value(&self, name: &str) -> Option<Vec<u8>> {
        let get = self.shared.cloud.secrets.get_secret_value().secret_id(name);
        let found = get.send().await.ok()?;
        match (found.secret_string, found.secret_binary) {
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(bytes)) => Some(bytes.into_inner()),
            _ => panic!("no value, or two"),
        }
    }

    async fn versions(&self, name: &str) -> usize {
        let list = self.shared.cloud.secrets.list_secret_version_ids();
        let list = list.secret_id(name).include_deprecated(true);
        list.send().await.unwrap().versions().len()
    }

    async fn origin(&self, name: &str) -> String {
        let describe = self.shared.cloud.secrets.describe_secret().secret_id(name);
        describe.send().await.unwrap().description.unwrap()
    }

    fn lose_an_answer(&self) {
        self.shared.relay.lose_an_answer();
    }
}

/// Parameter Store.
pub(crate) struct Parameters {
    shared: Shared,
    sink: Arc<dyn Sink>,
}

impl Parameters {
    pub(crate) async fn new() -> Self {
        let (shared, connection) = Shared::new().await;
        let sink = Arc::new(aws::ParameterStore::new(
            &connection,
            shared.calls.observer(),
        ));
        Self { shared, sink }
    }
}

#[async_trait]
impl Ground for Parameters {
    fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.sink)
    }

    fn name(&self, word: &str) -> String {
        format!("/shop/prod/{word}")
    }

    fn page(&self) -> usize {
        // moto gives ten, whatever it is asked for; AWS gives the fifty that it is asked for.
        10
    }

    fn binary(&self) -> bool {
        false
    }

    fn largest(&self) -> usize {
        8192
    }

    fn remarks(&self) -> bool {
        false
    }

    fn restores(&self) -> bool {
        false
    }

    fn operations(&self) -> Vec<&'static str> {
        self.shared.operations()
    }

    async fn make(&self, name: &str, value: &str) {
        let put = self.shared.cloud.parameters.put_parameter().name(name);
        let put = put.value(value).r#type(ParameterType::String);
        put.send().await.unwrap();
    }

    async fn change(&self, name: &str, value: &str) {
        let put = self.shared.cloud.parameters.put_parameter().name(name);
        put.value(value).overwrite(true).send().await.unwrap();
    }

    async fn value(&self, name: &str) -> Option<Vec<u8>> {
        let get = self.shared.cloud.parameters.get_parameter().name(name);
        let found = get.send().await.ok()?.parameter?;
        Some(found.value?.into_bytes())
    }

    async fn versions(&self, name: &str) -> usize {
        let history = self.shared.cloud.parameters.get_parameter_history();
        let found = history.name(name).send().await.unwrap();
        found.parameters().len()
    }

    async fn origin(&self, name: &str) -> String {
        let history = self.shared.cloud.parameters.get_parameter_history();
        let found = history.name(name).send().await.unwrap();
        let last = found.parameters().last().unwrap();
        last.description().unwrap().to_owned()
    }

    fn lose_an_answer(&self) {
        self.shared.relay.lose_an_answer();
    }
}
