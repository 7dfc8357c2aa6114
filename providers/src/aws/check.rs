//! Secrets Manager and Parameter Store when they are looked at.

use async_trait::async_trait;
use tokio::time::Instant;

use super::call::{Caller, call};
use super::classify::About;
use super::{Connection, ParameterStore, SecretsManager};
use crate::check::Check;
use crate::reference::partition_of;
use crate::{Error, ErrorKind, Kind};

const WHO: &str = "sts:GetCallerIdentity";
const LIST: &str = "secretsmanager:ListSecrets";
const DESCRIBE: &str = "ssm:DescribeParameters";

impl Connection {
    /// Where a service is asked: at the store's own endpoint, or at the region's.
    #[must_use]
    pub fn address(&self, kind: Kind) -> String {
        if let Some(endpoint) = self.config.endpoint_url() {
            return endpoint.to_owned();
        }
        let service = match kind {
            Kind::AwsParameterStore => "ssm",
            _ => "secretsmanager",
        };
        self.regional(service)
    }

    /// The region's own address of a service.
    pub(super) fn regional(&self, service: &str) -> String {
        let fips = if self.config.use_fips() == Some(true) {
            "-fips"
        } else {
            ""
        };
        let region = self.region();
        let domain = match (partition_of(region), self.config.use_dual_stack()) {
            ("aws" | "aws-us-gov", Some(true)) => "api.aws",
            ("aws-cn", Some(true)) => "api.amazonwebservices.com.cn",
            ("aws-cn", _) => "amazonaws.com.cn",
            ("aws-iso", _) => "c2s.ic.gov",
            ("aws-iso-b", _) => "sc2s.sgov.gov",
            ("aws-iso-e", _) => "cloud.adc-e.uk",
            ("aws-iso-f", _) => "csp.hci.ic.gov",
            ("aws-eusc", _) => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        format!("https://{service}{fips}.{region}.{domain}")
    }

    /// The ARN that AWS knows its credentials by.
    async fn whoami(&self, caller: &Caller, deadline: Instant) -> Result<String, Error> {
        let client = self.sts();
        let about = About {
            action: WHO,
            writes: false,
            subject: None,
        };
        let answer = call(caller, about, deadline, || {
            client.get_caller_identity().send()
        })
        .await?;
        answer.arn.ok_or_else(|| {
            let sentence = format!("the answer of {WHO} names nobody");
            Error::new(ErrorKind::Integrity, sentence)
        })
    }
}

#[async_trait]
impl Check for SecretsManager {
    async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        self.connection.whoami(&self.caller, deadline).await
    }

    async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        let about = About {
            action: LIST,
            writes: false,
            subject: Some("the store"),
        };
        let request = self.client.list_secrets().max_results(1);
        call(&self.caller, about, deadline, || request.clone().send())
            .await
            .map(drop)
    }
}

#[async_trait]
impl Check for ParameterStore {
    async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        self.connection.whoami(&self.caller, deadline).await
    }

    async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        let about = About {
            action: DESCRIBE,
            writes: false,
            subject: Some("the store"),
        };
        let request = self.client.describe_parameters().max_results(1);
        call(&self.caller, about, deadline, || request.clone().send())
            .await
            .map(drop)
    }
}
