//! An operator's CA file: PEM that holds certificates, checked before any client sees it.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::{Error, ErrorKind};

/// The certificates in a CA file; at least one.
///
/// # Errors
/// It is no PEM, holds no certificate, or one that cannot be parsed.
pub(crate) fn parse(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let refuse = |sentence: &str| Error::new(ErrorKind::Invalid, sentence);
    let mut roots = RootCertStore::empty();
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| refuse("the CA file is not PEM"))?;
        roots
            .add(certificate.clone())
            .map_err(|_| refuse("the CA file holds a certificate that cannot be parsed"))?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err(refuse(
            "the CA file holds no certificate: it has to be PEM with BEGIN CERTIFICATE",
        ));
    }
    Ok(certificates)
}
