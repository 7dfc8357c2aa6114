//! Clients that write what JASM reads.

use aws_credential_types::Credentials;

use super::moto;

pub(crate) fn secrets_manager() -> aws_sdk_secretsmanager::Client {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_secretsmanager::config::Region::new(moto::REGION))
        .endpoint_url(moto::endpoint())
        .credentials_provider(Credentials::for_tests())
        .build();
    aws_sdk_secretsmanager::Client::from_conf(config)
}

pub(crate) fn ssm() -> aws_sdk_ssm::Client {
    let config = aws_sdk_ssm::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_ssm::config::Region::new(moto::REGION))
        .endpoint_url(moto::endpoint())
        .credentials_provider(Credentials::for_tests())
        .build();
    aws_sdk_ssm::Client::from_conf(config)
}

/// Makes a secret.
pub(crate) async fn create_secret(name: &str, value: &str) {
    secrets_manager()
        .create_secret()
        .name(name)
        .secret_string(value)
        .send()
        .await
        .unwrap();
}

/// Gives a secret a new value.
pub(crate) async fn put_secret(name: &str, value: &str) {
    secrets_manager()
        .put_secret_value()
        .secret_id(name)
        .secret_string(value)
        .send()
        .await
        .unwrap();
}
