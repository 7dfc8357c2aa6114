//! Whether a store's address answers, step by step: its name, a connection, TLS, HTTP.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::Duration;
use std::{env, io};

use rustls::CertificateError;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::http::{self, Ask};

/// Of the answer nothing is wanted but that it is one.
const ENOUGH: usize = 64 * 1024;

/// An address that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// `host:port`.
    pub host: String,
    /// What the name stands for; none where a proxy stands between, which resolves it.
    pub address: Option<SocketAddr>,
    /// From the first step to the last.
    pub took: Duration,
}

/// The step that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// It cannot be an address.
    #[error("\"{0}\" is not an address that a store can have")]
    Address(String),
    /// The name stands for no address.
    #[error("the name {0} does not resolve")]
    Name(String),
    /// Nobody listens there.
    #[error("nothing listens at {0}: the connection is refused")]
    Refused(String),
    /// No connection comes about.
    #[error("no connection to {0} comes about")]
    Connection(String),
    /// The time was over first.
    #[error("{0} did not answer in time")]
    Late(String),
    /// Nobody who is trusted has signed the certificate.
    #[error("the certificate of {0} is signed by nobody who is trusted here")]
    Untrusted(String),
    /// The certificate is for another name.
    #[error("the certificate of {0} is for another name")]
    OtherName(String),
    /// The certificate's time has not come, or is over.
    #[error("the certificate of {0} is not valid at this time")]
    Expired(String),
    /// No TLS connection comes about.
    #[error("{0} does not speak TLS, or not in a way that is safe")]
    Handshake(String),
    /// It is not HTTP, or ends in the middle.
    #[error("{0} does not answer as a web server does")]
    Answer(String),
}

/// Asks for the root of an address, without credentials; an answer of any status is one.
///
/// # Errors
/// The first step that fails.
pub async fn reach(
    address: &str,
    ca_pem: Option<&[u8]>,
    timeout: Duration,
) -> Result<Reached, Obstacle> {
    let began = Instant::now();
    let deadline = began + timeout;
    let not_one = || Obstacle::Address(address.to_owned());
    let url = http::address(address).map_err(|_| not_one())?;
    let (name, port) = match (url.host_str(), url.port_or_known_default()) {
        (Some(name), Some(port)) => (name.trim_matches(['[', ']']), port),
        _ => return Err(not_one()),
    };
    let host = match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    let connected = if behind_proxy() {
        None
    } else {
        Some(connect(name, port, &host, deadline).await?)
    };
    // One that could not be made was said already, when the store was connected.
    let client = http::Client::new(ca_pem, timeout).map_err(|_| not_one())?;
    let asked = timeout_at(deadline, client.knock(Ask::get("Reach", url, ENOUGH))).await;
    match asked {
        Ok(Ok(())) => Ok(Reached {
            host,
            address: connected,
            took: began.elapsed(),
        }),
        Ok(Err(error)) if error.is_timeout() => Err(Obstacle::Late(host)),
        Ok(Err(error)) => Err(obstacle(&error, host)),
        Err(_) => Err(Obstacle::Late(host)),
    }
}

/// Whether the environment names a proxy: names and connections are then its matter.
fn behind_proxy() -> bool {
    ["https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The first address of a name that takes a connection.
async fn connect(
    name: &str,
    port: u16,
    host: &str,
    deadline: Instant,
) -> Result<SocketAddr, Obstacle> {
    let late = || Obstacle::Late(host.to_owned());
    let addresses: Vec<_> = match timeout_at(deadline, lookup_host((name, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) => return Err(Obstacle::Name(name.to_owned())),
        Err(_) => return Err(late()),
    };
    let mut failed = Obstacle::Name(name.to_owned());
    for address in addresses {
        match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(address),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                failed = Obstacle::Refused(host.to_owned());
            }
            Ok(Err(_)) => failed = Obstacle::Connection(host.to_owned()),
            Err(_) => return Err(late()),
        }
    }
    Err(failed)
}

/// What an error of a request means, after a connection came about.
fn obstacle(error: &reqwest::Error, host: String) -> Obstacle {
    match tls(error) {
        Some(rustls::Error::InvalidCertificate(why)) => match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Obstacle::OtherName(host)
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Obstacle::Expired(host),
            _ => Obstacle::Untrusted(host),
        },
        Some(_) => Obstacle::Handshake(host),
        None if error.is_connect() => Obstacle::Connection(host),
        None => Obstacle::Answer(host),
    }
}

/// The error of TLS in the causes of another.
fn tls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // What such an error holds is not among its sources.
        let held = inner
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = held.and_then(|held| held.downcast_ref::<rustls::Error>()) {
            return Some(found);
        }
        cause = match held {
            Some(held) => Some(held),
            None => inner.source(),
        };
    }
    None
}
