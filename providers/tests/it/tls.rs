//! A private endpoint whose certificate only the operator's CA file vouches for.

use std::sync::Arc;

use jasm_providers::{ErrorKind, aws};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use crate::support::{Calls, connect, options, read_one, text, want};
use crate::wire::{Reply, Wire};

/// A CA and a server that has a certificate of it for `localhost`.
fn authority() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (issuer.pem(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn the_operators_ca_file_is_what_makes_an_endpoint_trusted() {
    let (ca, acceptor) = authority();
    let wire = Wire::tls(acceptor, |_| {
        Reply::Json(
            200,
            json!({"Name": "a", "VersionId": "v", "SecretString": "over tls"}),
        )
    })
    .await;
    let read = |ca_pem: Option<Vec<u8>>| {
        let options = aws::Options {
            ca_pem,
            attempts: 1,
            ..options(&wire.endpoint, "eu-west-1")
        };
        async move {
            let source =
                aws::SecretsManager::new(&connect(&options).await, Calls::default().observer());
            read_one(&source, want("a")).await
        }
    };
    // A file may hold several.
    let (other, _) = authority();
    assert_eq!(
        text(&read(Some(format!("{other}{ca}").into_bytes())).await),
        "over tls"
    );
    for untrusted in [None, Some(other.into_bytes())] {
        let error = read(untrusted).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.contains("caFile"), "{error}");
    }
    assert_eq!(
        wire.requests().len(),
        1,
        "nothing is said to a server that is not trusted"
    );
}
