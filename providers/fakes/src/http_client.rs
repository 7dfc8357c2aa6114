//! The client of this crate, for keys and for the AWS behind the gate.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Follows no redirect.
pub(crate) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl HttpClient {
    /// Trusts this CA only; without one, no `https` address.
    pub(crate) fn new(ca_pem: Option<&str>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default().as_bytes()) {
            certificate
                .ok()
                .and_then(|certificate| roots.add(certificate).ok())
                .ok_or("the CA is no PEM certificate")?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| "no TLS version can be spoken")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            // moto ends a connection after every answer, and a request on one that ends is lost.
            .pool_max_idle_per_host(0)
            .build(connector);
        Ok(Self(client))
    }

    /// One request; the errors are whole sentences without the body.
    pub(crate) async fn send(
        &self,
        request: Request<Vec<u8>>,
        patience: Duration,
        largest: usize,
    ) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let uri = request.uri().clone();
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let call = async {
            let response = self
                .0
                .request(request)
                .await
                .map_err(|_| format!("{uri} does not answer"))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, largest)
                .collect()
                .await
                .map_err(|_| format!("the answer of {uri} cannot be read"))?;
            Ok((parts.status, parts.headers, body.to_bytes()))
        };
        tokio::time::timeout(patience, call)
            .await
            .unwrap_or_else(|_| Err(format!("{uri} does not answer in time")))
    }
}
