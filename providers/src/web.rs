//! HTTP for what is no store: the artifacts and repositories that configuration comes from.
//!
//! The stores' own client with the same trust, the same proxies and no redirects. Inside the cluster no
//! proxy is asked: none knows the names there. No name leads to the machine itself.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

pub use reqwest::Url;

use crate::http::{Client, append, sensitive};
use crate::proxy::Proxies;
use crate::{Error, SecretBytes};

mod resolver;

use resolver::Resolver;
pub use resolver::is_of_the_machine;

/// How long a connection may take to be made is two fifths of this.
const TIMEOUT: Duration = Duration::from_secs(25);
/// How long a server may send nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// A client; clones share its connections.
#[derive(Debug, Clone)]
pub struct Web {
    inside: Client,
    outside: Client,
}

/// One request. No `Debug`: it can carry a credential.
#[allow(missing_debug_implementations, reason = "it can carry a credential")]
pub struct Get {
    /// Where.
    pub url: Url,
    /// A header's name and value, neither of them secret.
    pub headers: Vec<(&'static str, &'static str)>,
    /// How `Authorization` begins, and its secret rest.
    pub authorization: Option<(&'static str, SecretBytes)>,
    /// What is posted, with its media type; without it the request is a GET.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// Most bytes of a successful answer.
    pub limit: u64,
}

/// What the bytes of an answer are kept in; told of them before they are.
#[async_trait]
pub trait Room: Send + Sync {
    /// Waits until there is room for so many more bytes; false if there will be none.
    async fn take(&self, bytes: usize) -> bool;
}

/// Room without an end.
#[async_trait]
impl Room for () {
    async fn take(&self, _: usize) -> bool {
        true
    }
}

/// An answer. No `Debug`: the body can be secret.
#[allow(missing_debug_implementations, reason = "the body can be secret")]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The media type, as it is written.
    pub media: Option<String>,
    /// Where a redirect leads; none is followed.
    pub location: Option<String>,
    /// The body; of an answer that is no success it is not read.
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The credential has characters that no header can have.
    Credential,
    /// No connection, or no trust.
    Unreachable,
    /// It did not come in time, or stood still.
    Late,
    /// It broke off before its end.
    Cut,
    /// It is larger than the limit.
    TooLarge,
    /// There is no room to keep it in.
    NoRoom,
}

impl Web {
    /// A client that trusts the system's roots and those of `ca_pem`.
    ///
    /// # Errors
    /// There is no certificate in it, no root at all, or the proxy is no address.
    pub fn new(ca_pem: Option<&[u8]>) -> Result<Self, Error> {
        Self::through(&Proxies::of_environment(), ca_pem)
    }

    fn through(proxies: &Proxies, ca_pem: Option<&[u8]>) -> Result<Self, Error> {
        Ok(Self {
            inside: Client::resolving(Resolver, &Proxies::default(), ca_pem, TIMEOUT)?,
            outside: Client::resolving(Resolver, proxies, ca_pem, TIMEOUT)?,
        })
    }

    /// Sends a request and reads the answer, all of it before the deadline.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn send(
        &self,
        get: Get,
        room: &dyn Room,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        timeout_at(deadline, self.exchange(get, room))
            .await
            .unwrap_or(Err(Failure::Late))
    }

    async fn exchange(&self, get: Get, room: &dyn Room) -> Result<Reply, Failure> {
        let client = if is_inside(&get.url) {
            &self.inside
        } else {
            &self.outside
        };
        let method = if get.body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let mut request = reqwest::Request::new(method, get.url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        for (name, value) in get.headers {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        if let Some((prefix, secret)) = &get.authorization {
            let value = sensitive(prefix, secret).map_err(|_| Failure::Credential)?;
            headers.insert(AUTHORIZATION, value);
        }
        if let Some((media, body)) = get.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
            *request.body_mut() = Some(body.into());
        }
        let mut response = client.execute(request).await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                Failure::Unreachable
            } else if error.is_timeout() {
                Failure::Late
            } else {
                Failure::Cut
            }
        })?;
        let header = |name: HeaderName| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (media, location) = (header(CONTENT_TYPE), header(LOCATION));
        let status = response.status();
        let body = if status.is_success() {
            collect(&mut response, get.limit, room).await?
        } else {
            Zeroizing::default()
        };
        Ok(Reply {
            status: status.as_u16(),
            media,
            location,
            body,
        })
    }
}

async fn collect(
    response: &mut Response,
    limit: u64,
    room: &dyn Room,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > limit) {
        return Err(Failure::TooLarge);
    }
    // What is announced is not believed beyond the first piece of memory.
    let first = announced.unwrap_or(4096).min(64 << 10);
    let mut body = Zeroizing::new(Vec::with_capacity(
        usize::try_from(first).unwrap_or_default(),
    ));
    loop {
        match tokio::time::timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(chunk))) if (body.len() + chunk.len()) as u64 <= limit => {
                if !room.take(chunk.len()).await {
                    return Err(Failure::NoRoom);
                }
                append(&mut body, &chunk);
            }
            Ok(Ok(Some(_))) => return Err(Failure::TooLarge),
            Ok(Ok(None)) => return Ok(body),
            Ok(Err(error)) if error.is_timeout() => return Err(Failure::Late),
            Ok(Err(_)) => return Err(Failure::Cut),
            Err(_) => return Err(Failure::Late),
        }
    }
}

/// Whether an address is inside the cluster: a Service by any of its names
/// (`<name>.<namespace>.svc.<domain>`, with or without the root's dot), or this machine.
fn is_inside(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback();
    }
    let labels: Vec<_> = host.split('.').collect();
    labels.len() == 1 || labels.get(2) == Some(&"svc") || host.ends_with(".cluster.local")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credential => "is not asked: the credential has characters that no header can have",
            Self::Unreachable => "cannot be reached: check the address, the network policy and whose certificate it has",
            Self::Late => "did not answer in time",
            Self::Cut => "broke off before its end",
            Self::TooLarge => "sends more than it may",
            Self::NoRoom => "was not read to its end, as other sources take all the memory that there is for them: it is tried again",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_the_cluster_is_told_by_its_name() {
        let inside = |text: &str| is_inside(&text.parse().unwrap());
        for yes in [
            "http://source-controller.flux-system.svc.cluster.local./gitrepository/a/b/c.tar.gz",
            "http://source-controller.flux-system.svc.corp.internal/a",
            "http://source-controller.flux-system.svc/a",
            "http://gitea:3000/a",
            "http://127.0.0.1:1/a",
            "http://[::1]:1/a",
            "http://x.cluster.local/a",
        ] {
            assert!(inside(yes), "{yes}");
        }
        for no in [
            "https://github.com/a",
            "https://svc.example/a",
            "https://a.svc/a",
            "https://10.0.0.1/a",
            "https://cluster.local.example/a",
        ] {
            assert!(!inside(no), "{no}");
        }
    }

    #[tokio::test]
    async fn only_what_is_outside_goes_through_a_proxy() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let answer =
                    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nproxy";
                let _ = stream.write_all(answer).await;
            }
        });
        let proxies = Proxies {
            http: Some(proxy.to_string()),
            ..Proxies::default()
        };
        let web = Web::through(&proxies, None).unwrap();
        let ask = async |url: &str| {
            let get = Get {
                url: url.parse().unwrap(),
                headers: Vec::new(),
                authorization: None,
                body: None,
                limit: 100,
            };
            let deadline = Instant::now() + Duration::from_secs(5);
            web.send(get, &(), deadline)
                .await
                .map(|reply| reply.body.to_vec())
        };
        assert_eq!(ask("http://git.test/a").await, Ok(b"proxy".to_vec()));
        let inside = ask("http://source-controller.flux-system.svc.cluster.local./a").await;
        assert!(inside.is_err(), "it went through the proxy");
    }
}
