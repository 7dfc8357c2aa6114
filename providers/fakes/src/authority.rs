//! A certificate authority of its own for a group of servers.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// The hosts of the real clouds, and this machine.
pub const HOSTS: &[&str] = &[
    "localhost",
    "127.0.0.1",
    "secretmanager.googleapis.com",
    "*.rep.googleapis.com",
    "secretmanager.europe-west1.rep.googleapis.com",
    "parametermanager.googleapis.com",
    "parametermanager.europe-west1.rep.googleapis.com",
    "sts.googleapis.com",
    "iamcredentials.googleapis.com",
    "metadata.google.internal",
    "login.microsoftonline.com",
    "*.vault.azure.net",
    "*.azconfig.io",
    "*.amazonaws.com",
    "sts.eu-west-1.amazonaws.com",
    "secretsmanager.eu-west-1.amazonaws.com",
    "ssm.eu-west-1.amazonaws.com",
];

/// A CA that vouches for servers of this process.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, with a new key.
    ///
    /// # Errors
    /// No key or certificate can be made.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        // Clients that build chains by name need two authorities to have two names.
        params.distinguished_name.push(
            DnType::CommonName,
            format!("fakes {:016x}", fastrand::u64(..)),
        );
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Python's ssl asks for it since 3.13.
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// The certificate that clients must trust.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server that has a certificate for [`HOSTS`] and for `more`.
    ///
    /// # Errors
    /// A name that no certificate can have.
    pub fn acceptor(
        &self,
        more: &[&str],
    ) -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
        let names: Vec<String> = HOSTS
            .iter()
            .chain(more)
            .map(|name| (*name).to_owned())
            .collect();
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}
