//! One call over HTTP: under its deadline, to the address of the config and nowhere else, its answer
//! bounded and zeroed, its error classed and the client's own dropped.
//!
//! For the stores and token services that are asked without an SDK. What the client or the server says
//! is never passed on: it can hold a URL, a token or a value.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Method, Request, Response, Url, redirect};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::proxy::Proxies;
use crate::source::{Call, Observer, outcome};
use crate::{Error, ErrorKind, SecretBytes, advice, roots};

/// Most that is read of an answer that is no success: only its form is looked at.
const FAILURE: usize = 64 * 1024;
/// Room for a body that does not say how long it is.
const UNANNOUNCED: usize = 4096;
/// Connections to one host that are kept for the next call.
const IDLE: usize = 8;

/// A client; clones share its connections.
#[derive(Clone)]
pub(crate) struct Client {
    inner: reqwest::Client,
}

// By hand: the inner one would print the proxy, which can have a password.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// One call. No `Debug`: headers and body hold tokens.
pub(crate) struct Ask {
    /// Its name in sentences and metrics.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Its media type and the bytes.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    /// Most bytes of a successful answer.
    pub(crate) limit: usize,
}

impl Ask {
    /// A read.
    pub(crate) fn get(operation: &'static str, url: Url, limit: usize) -> Self {
        Self {
            operation,
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            limit,
        }
    }

    /// A call with a body.
    pub(crate) fn post(
        operation: &'static str,
        url: Url,
        (media, body): (&'static str, Vec<u8>),
        limit: usize,
    ) -> Self {
        Self {
            method: Method::POST,
            body: Some((media, body)),
            ..Self::get(operation, url, limit)
        }
    }
}

/// An answer, whatever its status. No `Debug`: the body can be a value.
pub(crate) struct Answer {
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Whole where it is a success; else as much as came.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Client {
    /// A client that trusts the system's roots and those of `ca_pem`, follows no redirect and takes a
    /// proxy from the environment, but to this machine and its link.
    ///
    /// # Errors
    /// The CA file holds no certificate, there is no root at all, or the proxy is no address.
    pub(crate) fn new(ca_pem: Option<&[u8]>, timeout: Duration) -> Result<Self, Error> {
        Self::through(&Proxies::of_environment(), ca_pem, timeout)
    }

    /// The same with these proxies.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn through(
        proxies: &Proxies,
        ca_pem: Option<&[u8]>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        Self::built(reqwest::Client::builder(), proxies, ca_pem, timeout)
    }

    /// The same with names that are looked up so.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn resolving(
        resolver: impl Resolve + 'static,
        proxies: &Proxies,
        ca_pem: Option<&[u8]>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let builder = reqwest::Client::builder().dns_resolver(resolver);
        Self::built(builder, proxies, ca_pem, timeout)
    }

    fn built(
        builder: ClientBuilder,
        proxies: &Proxies,
        ca_pem: Option<&[u8]>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let unusable = || {
            let sentence = "there are no certificates to trust: put the system's CA bundle in place, or name a caFile";
            Error::new(ErrorKind::Invalid, sentence)
        };
        let mut builder = builder
            .user_agent(concat!("jasm/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(timeout * 2 / 5)
            .pool_max_idle_per_host(IDLE)
            // A connection that the network has forgotten would else take every call with it.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .http2_keep_alive_timeout(Duration::from_secs(5));
        if let Some(pem) = ca_pem {
            let mut certificates = Vec::new();
            for certificate in roots::parse(pem)? {
                certificates.push(Certificate::from_der(&certificate).map_err(|_| unusable())?);
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let inner = proxies.applied(builder)?.build().map_err(|_| unusable())?;
        Ok(Self { inner })
    }

    /// Sends a call; an answer of any status is an answer.
    pub(crate) async fn send(&self, ask: Ask, deadline: Instant) -> Result<Answer, Error> {
        let operation = ask.operation;
        timeout_at(deadline, self.exchange(ask))
            .await
            .unwrap_or_else(|_| Err(unavailable(operation, "did not answer in time")))
    }

    /// Sends a request whose answer the caller reads.
    pub(crate) async fn execute(&self, request: Request) -> Result<Response, reqwest::Error> {
        self.inner.execute(request).await
    }

    /// Sends a call to see whether it is answered, whatever the answer is.
    pub(crate) async fn knock(&self, ask: Ask) -> Result<(), reqwest::Error> {
        self.inner
            .execute(Request::new(ask.method, ask.url))
            .await
            .map(drop)
    }

    async fn exchange(&self, ask: Ask) -> Result<Answer, Error> {
        let Ask {
            operation,
            method,
            url,
            headers,
            body,
            limit,
        } = ask;
        let mut request = Request::new(method, url);
        *request.headers_mut() = headers;
        if let Some((media, bytes)) = body {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(media));
            *request.body_mut() = Some(bytes.into());
        }
        let mut response = self
            .inner
            .execute(request)
            .await
            .map_err(|error| failed(&error, operation))?;
        let status = response.status().as_u16();
        let body = collect(&mut response, operation, limit).await?;
        Ok(Answer {
            operation,
            status,
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

impl Answer {
    pub(crate) fn success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the server says about when to come back.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        advice::retry_after(|name| self.header(name))
    }

    /// What the status alone says about a call for `subject`, where the caller knows no better.
    pub(crate) fn refusal(&self, subject: &str) -> Error {
        let (operation, status) = (self.operation, self.status);
        let (kind, sentence) = match status {
            200..300 => return self.senseless(subject),
            300..400 => (
                ErrorKind::Invalid,
                format!(
                    "{operation} is answered with a redirect, and none is followed: \
                     write the address that it leads to into the store's config"
                ),
            ),
            400 | 422 => (
                ErrorKind::Invalid,
                format!("{operation} refuses the request for {subject} as malformed"),
            ),
            401 => (
                ErrorKind::Unauthenticated,
                format!("{operation} does not accept the credentials of this store's identity"),
            ),
            403 => (
                ErrorKind::Denied,
                format!(
                    "{operation} is not allowed for {subject}: grant it to the identity that reads this store"
                ),
            ),
            413 => (
                ErrorKind::TooLarge,
                format!("{operation} refuses the request for {subject} as too large"),
            ),
            429 => (
                ErrorKind::Throttled {
                    after: self.retry_after(),
                },
                format!("{operation} is throttled"),
            ),
            // Above all 404: what does not speak the store's language cannot say that an entry is missing.
            _ => (
                ErrorKind::Unavailable,
                format!("{operation} failed with HTTP {status}"),
            ),
        };
        Error::new(kind, sentence)
    }

    /// A success that is not what it should be.
    pub(crate) fn senseless(&self, subject: &str) -> Error {
        let sentence = format!(
            "the answer of {} for {subject} cannot be understood (HTTP {})",
            self.operation, self.status
        );
        Error::new(ErrorKind::Integrity, sentence)
    }
}

/// Tells the observer how a call went.
pub(crate) async fn observed<T>(
    observer: &Observer,
    operation: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let began = Instant::now();
    let result = work.await;
    observer(Call {
        operation,
        outcome: outcome(&result),
        took: began.elapsed(),
    });
    result
}

/// An address of the config, its path without a final `/`: `https` anywhere, `http` on this machine only.
///
/// # Errors
/// It is no such address, or says more than scheme, host, port and path.
pub(crate) fn address(text: &str) -> Result<Url, Error> {
    let refuse = |why: &str| {
        let sentence = format!("the store's address {why}: write https://HOST:PORT");
        Err(Error::new(ErrorKind::Invalid, sentence))
    };
    let Ok(mut url) = Url::parse(text) else {
        return refuse("is not a URL");
    };
    let host = url.host_str().unwrap_or_default();
    let local = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" | "http" if host.is_empty() => return refuse("has no host"),
        "https" => {}
        "http" if local => {}
        "http" => {
            return refuse("is not https, so that secrets would cross the network in clear text");
        }
        _ => return refuse("does not begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("carries credentials");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("has a ? or a # in it");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// The URL of `path` below an address.
///
/// # Errors
/// What would be asked is not what was written: a part of the path has a meaning in URLs.
pub(crate) fn below(address: &Url, path: &str, query: Option<&str>) -> Result<Url, Error> {
    let full = format!("{}/{path}", address.path().trim_end_matches('/'));
    let mut url = address.clone();
    url.set_path(&full);
    if url.path() != full {
        let sentence =
            "the path has a meaning of its own in a URL, so that another one would be asked for";
        return Err(Error::new(ErrorKind::Invalid, sentence));
    }
    url.set_query(query);
    Ok(url)
}

/// A header's value that no log prints.
///
/// # Errors
/// It has characters that a header cannot have.
pub(crate) fn sensitive(prefix: &str, secret: &SecretBytes) -> Result<HeaderValue, Error> {
    let bytes = Zeroizing::new([prefix.as_bytes(), secret.expose()].concat());
    let mut value = HeaderValue::from_bytes(&bytes).map_err(|_| {
        Error::new(
            ErrorKind::Invalid,
            "the token has characters that no token has",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The body, up to the limit; of an answer that is no success, what there is of it.
async fn collect(
    response: &mut Response,
    operation: &'static str,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let success = response.status().is_success();
    let limit = if success { limit } else { FAILURE };
    let too_large = || {
        let sentence = format!("the answer of {operation} is larger than {limit} bytes");
        Error::new(ErrorKind::TooLarge, sentence)
    };
    let announced = response
        .content_length()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if success && announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let room = announced.unwrap_or(UNANNOUNCED).min(limit);
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= limit => append(&mut body, &chunk),
            Ok(Some(_)) if success => return Err(too_large()),
            Err(error) if success => return Err(broken(&error, operation)),
            // The end, or as much of a failure as is needed.
            _ => return Ok(body),
        }
    }
}

/// Grows into new room: a buffer that grows by itself leaves copies behind.
pub(crate) fn append(body: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    if body.capacity() - body.len() < more.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + more.len()) * 2));
        larger.extend_from_slice(body.as_slice());
        *body = larger;
    }
    body.extend_from_slice(more);
}

/// No answer came.
fn failed(error: &reqwest::Error, operation: &'static str) -> Error {
    if error.is_builder() {
        let sentence = format!("{operation} cannot be asked: check the store's address");
        return Error::new(ErrorKind::Invalid, sentence);
    }
    if error.is_connect() {
        return unavailable(
            operation,
            "cannot be reached: check the store's address and caFile, and the network",
        );
    }
    if error.is_timeout() {
        return unavailable(operation, "did not answer in time");
    }
    unavailable(operation, "was not answered: the connection ended before")
}

/// Half an answer came.
fn broken(error: &reqwest::Error, operation: &'static str) -> Error {
    if error.is_timeout() {
        return unavailable(operation, "did not answer in time");
    }
    let sentence = format!("the answer of {operation} broke off before its end");
    Error::new(ErrorKind::Unavailable, sentence)
}

fn unavailable(operation: &'static str, why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{operation} {why}"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
        Answer {
            operation: "Read",
            status,
            headers: headers
                .iter()
                .map(|(name, value)| {
                    (
                        reqwest::header::HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect(),
            body: Zeroizing::new(b"marker".to_vec()),
        }
    }

    #[test]
    fn the_status_decides_and_404_is_no_missing_entry() {
        let table = [
            (200, ErrorKind::Integrity),
            (307, ErrorKind::Invalid),
            (400, ErrorKind::Invalid),
            (401, ErrorKind::Unauthenticated),
            (403, ErrorKind::Denied),
            (404, ErrorKind::Unavailable),
            (413, ErrorKind::TooLarge),
            (429, ErrorKind::Throttled { after: None }),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
        ];
        for (status, kind) in table {
            let error = answer(status, &[]).refusal("a");
            assert_eq!(error.kind, kind, "{status}");
            assert!(!format!("{error} {error:?}").contains("marker"));
        }
    }

    /// A server of one answer for everybody, and what it was asked for.
    async fn listening(body: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
                    if line.contains("HTTP/1.1") {
                        heard.lock().unwrap().push(line.trim().to_owned());
                    }
                    line.clear();
                }
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, asked)
    }

    #[tokio::test]
    async fn this_machine_and_its_link_are_asked_without_a_proxy() {
        let (proxy, through) = listening("proxy").await;
        let (here, directly) = listening("here").await;
        let proxies = Proxies {
            http: Some(format!("127.0.0.1:{proxy}")),
            https: Some(format!("http://127.0.0.1:{proxy}")),
            // Those of the environment come on top.
            except: "elsewhere.test".into(),
        };
        let timeout = Duration::from_secs(5);
        let client = Client::through(&proxies, None, timeout).unwrap();
        let ask = async |url: String, patience: Duration| {
            let ask = Ask::get("Read", url.parse().unwrap(), 100);
            let answer = client.send(ask, Instant::now() + patience).await;
            answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned())
        };
        for host in ["127.0.0.1", "localhost"] {
            let answer = ask(format!("http://{host}:{here}/"), timeout).await;
            assert_eq!(answer.as_deref(), Ok("here"), "{host}");
        }
        assert_eq!(directly.lock().unwrap().len(), 2);
        // Nobody has to answer there: that the proxy is not asked is what counts.
        for host in [
            "169.254.169.254",
            "[fe80::1]",
            "[fd00:ec2::23]",
            "elsewhere.test",
        ] {
            let answer = ask(format!("http://{host}:1/"), Duration::from_millis(200)).await;
            assert_ne!(answer.as_deref(), Ok("proxy"), "{host}");
        }
        assert!(through.lock().unwrap().is_empty());
        let answer = ask("http://store.test/a".into(), timeout).await;
        assert_eq!(answer.as_deref(), Ok("proxy"));
        let asked = through.lock().unwrap().clone();
        assert_eq!(asked, ["GET http://store.test/a HTTP/1.1"]);
    }

    #[test]
    fn an_address_is_https_or_on_this_machine_and_says_no_more() {
        for good in [
            "https://vault:8200",
            "https://vault.example/proxy/",
            "http://localhost:1",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "vault:8200",
            "ftp://vault",
            "http://vault:8200",
            "https://",
            "https://user@vault",
            "https://user:marker@vault",
            "https://vault?a",
            "https://vault#a",
        ] {
            let error = address(bad).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{bad}");
            assert!(!error.message.contains("marker"));
        }
    }

    #[test]
    fn what_is_asked_is_what_was_written() {
        let base = address("https://vault:8200/proxy/").unwrap();
        let url = below(&base, "v1/a+b=c@d/e_f-g.h", Some("version=3")).unwrap();
        assert_eq!(
            url.as_str(),
            "https://vault:8200/proxy/v1/a+b=c@d/e_f-g.h?version=3"
        );
        let root = address("https://vault").unwrap();
        assert_eq!(
            below(&root, "v1/a", None).unwrap().as_str(),
            "https://vault/v1/a"
        );
        for hostile in [
            "v1/../sys",
            "v1/./a",
            "v1/%2e%2e/a",
            "v1/a b",
            "v1/a?b",
            "v1/a#b",
            "v1/\\a",
        ] {
            assert!(below(&base, hostile, None).is_err(), "{hostile}");
        }
    }

    #[test]
    fn a_body_that_grows_is_whole() {
        let mut body = Zeroizing::new(Vec::with_capacity(2));
        for chunk in [&b"a"[..], b"bcd", b"", b"efghijkl"] {
            append(&mut body, chunk);
        }
        assert_eq!(body.as_slice(), b"abcdefghijkl");
    }

    #[test]
    fn a_token_is_marked_and_checked() {
        let value = sensitive("Bearer ", &SecretBytes::from("marker".to_owned())).unwrap();
        assert!(value.is_sensitive() && !format!("{value:?}").contains("marker"));
        assert!(sensitive("", &SecretBytes::from("a\nb".to_owned())).is_err());
    }
}
