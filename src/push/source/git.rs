//! One commit of a repository over HTTP, without its history, in memory.
//!
//! Git's own protocol of two requests: what the server can do, and the fetch (`gitprotocol-http`,
//! `gitprotocol-v2`, `gitprotocol-pack`). Where the server can leave out what is not wanted, trees come
//! first and wanted files after them, so that a large repository costs little. Every object is known by
//! the digest of its content, from the commit down: what a server sends is what the commit is, or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jasm_providers::web::{Failure, Get, Reply, Url, Web};
use tokio::time::Instant;

use crate::push::memory::{Full, NO_ROOM, Share};
use crate::push::source::argo::Commit;
use crate::push::source::files::{Caps, Files, Wanted};
use crate::push::source::git::checkout::Checkout;
use crate::push::source::git::credentials::Credentials;
use crate::push::source::git::object::Oid;
use crate::push::source::git::pack::Objects;
use crate::push::source::git::protocol::{Answer, Filter, Offer, Request};
use crate::push::source::repository::Repository;
use crate::push::source::{ENDED, Problem, ProblemKind, Snapshot};

mod checkout;
pub mod credentials;
mod object;
mod pack;
mod packet;
mod protocol;

/// How long a fetch may take.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Most bytes of what a server says about itself; without version 2 of the protocol that is every branch
/// and tag.
const OFFER: u64 = 16 << 20;
/// What the side bands of the protocol add to a pack, and more.
const BANDS: u64 = 1 << 20;
/// How often a server may send on.
const MOVES: u32 = 3;

/// Fetches exactly one commit and takes the wanted files out of it.
///
/// # Errors
/// The server cannot be reached, refuses, does not have the commit, or sends what it is not.
pub async fn fetch(
    web: &Web,
    commit: &Commit,
    credentials: Option<&Credentials>,
    wanted: &Wanted,
    caps: &Caps,
    share: &Arc<Share>,
    deadline: Instant,
) -> Result<Snapshot, Problem> {
    let repository = &commit.repository;
    if credentials.is_some_and(Credentials::is_secret) && repository.is_in_clear() {
        let why = format!(
            "the repository {repository} is asked over plain HTTP, over which no credentials are sent: write its https:// address"
        );
        return Err(Problem::new(ProblemKind::Unsupported, why));
    }
    let Some(id) = Oid::parse(&commit.revision) else {
        let why =
            format!("the revision of {repository} is no commit of Git: 40 hexadecimal digits are");
        return Err(Problem::new(ProblemKind::Unsupported, why));
    };
    // A CA of the repository's own needs a client of its own.
    let trusting = credentials
        .and_then(Credentials::ca)
        .map(|pem| Web::new(Some(pem)))
        .transpose()
        .map_err(|_| {
            let why = "the ca.crt of the Secret that gitCredentials names holds no certificate: write it as PEM";
            Problem::new(ProblemKind::Denied, why)
        })?;
    let mut remote = Remote {
        web: trusting.as_ref().unwrap_or(web),
        repository: repository.clone(),
        credentials,
        caps,
        share,
        deadline,
    };
    let files = remote.take(id, commit.target.as_deref(), wanted).await?;
    Ok(Snapshot::new(commit.revision.clone(), files))
}

struct Remote<'a> {
    web: &'a Web,
    repository: Repository,
    credentials: Option<&'a Credentials>,
    caps: &'a Caps,
    share: &'a Arc<Share>,
    deadline: Instant,
}

impl Remote<'_> {
    async fn take(
        &mut self,
        id: Oid,
        target: Option<&str>,
        wanted: &Wanted,
    ) -> Result<Files, Problem> {
        let offer = self.discover().await?;
        if !offer.gives(&id) {
            let followed = target.map_or_else(String::new, |target| {
                format!(" (the application follows {target:?})")
            });
            let why = format!(
                "{} gives tips of branches and tags only, and commit {id} is none{followed}: let the server give any commit (uploadpack.allowReachableSHA1InWant), or sync the application to the newest one",
                self.repository
            );
            return Err(Problem::new(ProblemKind::Unavailable, why));
        }
        let filter = match (offer.filters(), wanted.is_everything()) {
            (false, _) => Filter::None,
            (true, true) => Filter::Largest(self.caps.file),
            (true, false) => Filter::NoFiles,
        };
        self.settle(0).await?;
        let mut objects = Objects::default();
        let first = Request {
            wants: &[id],
            filter,
            shallow: true,
        };
        objects = self.request(&offer, &first, objects).await?;
        let checkout =
            Checkout::of(&objects, id, wanted, self.caps).map_err(|fault| self.fault(&fault))?;
        let missing = checkout.missing(&objects);
        if filter == Filter::NoFiles && !missing.is_empty() {
            let more = Request {
                wants: &missing,
                filter: Filter::None,
                shallow: false,
            };
            objects = self.request(&offer, &more, objects).await?;
        }
        let files = checkout
            .files(objects, matches!(filter, Filter::Largest(_)))
            .map_err(|fault| self.fault(&fault))?;
        self.settle(files.kept()).await?;
        Ok(files)
    }

    /// Makes the share as large as what is left.
    async fn settle(&self, bytes: u64) -> Result<(), Problem> {
        let settled = self.share.resize(bytes).await;
        settled.map_err(|Full| self.fault(&checkout::Fault::Room(NO_ROOM.to_owned())))
    }

    /// What the server can do; the address becomes the one that it sends on to.
    async fn discover(&mut self) -> Result<Offer, Problem> {
        for _ in 0..MOVES {
            let url = self
                .repository
                .service("info/refs", Some("service=git-upload-pack"));
            let reply = self.send(url, None, OFFER).await?;
            match (reply.status, reply.location.as_deref()) {
                (301 | 302 | 307 | 308, Some(location)) => {
                    let Some(moved) = self.repository.moved(location) else {
                        let why = format!(
                            "{} answers with a redirect that leads away from it or to no repository, and such a one is not followed: write the repository's own address",
                            self.repository
                        );
                        return Err(Problem::new(ProblemKind::Unsupported, why));
                    };
                    self.repository = moved;
                }
                (200, _) => return self.offer(&reply),
                (status, _) => return Err(self.refused(status)),
            }
        }
        let why = format!("{} redirects in circles", self.repository);
        Err(Problem::new(ProblemKind::Unsupported, why))
    }

    fn offer(&self, reply: &Reply) -> Result<Offer, Problem> {
        let media = reply.media.as_deref().unwrap_or_default();
        if media != "application/x-git-upload-pack-advertisement" {
            let why = format!(
                "{} does not answer as a Git repository: write the address that is cloned over HTTPS",
                self.repository
            );
            return Err(Problem::new(ProblemKind::Unsupported, why));
        }
        let offer = Offer::parse(&reply.body).map_err(|why| {
            Problem::new(
                ProblemKind::Integrity,
                format!("{}: {why}", self.repository),
            )
        })?;
        offer.check().map_err(|why| {
            Problem::new(
                ProblemKind::Unsupported,
                format!("{}: {why}", self.repository),
            )
        })?;
        Ok(offer)
    }

    /// Asks for objects and reads the pack that they come in.
    async fn request(
        &self,
        offer: &Offer,
        request: &Request<'_>,
        mut objects: Objects,
    ) -> Result<Objects, Problem> {
        let body = offer.request(request);
        let url = self.repository.service("git-upload-pack", None);
        let reply = self.send(url, Some(body), self.caps.packed + BANDS).await?;
        if reply.status != 200 {
            return Err(self.refused(reply.status));
        }
        let pack = match offer.answer(&reply.body) {
            Ok(Answer::Pack(pack)) => pack,
            Ok(Answer::NotThere) => {
                let why = format!(
                    "{} does not have commit {}, or does not give it: it may have been pushed away; sync the application again",
                    self.repository, request.wants[0]
                );
                return Err(Problem::new(ProblemKind::Unavailable, why));
            }
            Ok(Answer::Refused) => {
                let why = format!("{} refuses the fetch", self.repository);
                return Err(Problem::new(ProblemKind::Unavailable, why));
            }
            Err(why) => return Err(self.fault(&checkout::Fault::Broken(why))),
        };
        drop(reply);
        self.settle(objects.held() + pack.len() as u64).await?;
        let (caps, packed) = (*self.caps, pack.len() as u64);
        let read = self.share.unpack(packed, move |share| {
            let read = objects.read(&pack, &caps, |held| share.keeps(packed + held));
            read.map(|()| objects)
        });
        let ended = || Err(checkout::Fault::Broken(ENDED.to_owned()));
        let read = read.await.unwrap_or_else(ended);
        let objects = read.map_err(|fault| self.fault(&fault))?;
        self.settle(objects.held()).await?;
        Ok(objects)
    }

    async fn send(&self, url: Url, body: Option<Vec<u8>>, limit: u64) -> Result<Reply, Problem> {
        let get = Get {
            url,
            headers: vec![("git-protocol", "version=2")],
            authorization: self.credentials.and_then(Credentials::authorization),
            body: body.map(|body| ("application/x-git-upload-pack-request", body)),
            limit,
        };
        self.web
            .send(get, &**self.share, self.deadline)
            .await
            .map_err(|failure| match failure {
                Failure::TooLarge => {
                    let what = format!("the commit of {}", self.repository);
                    let why = self.caps.packed_exceeded(&what);
                    Problem::new(ProblemKind::Content, why)
                }
                Failure::Credential => {
                    let why = "the token of the Secret that gitCredentials names has characters that no token has";
                    Problem::new(ProblemKind::Denied, why)
                }
                other => {
                    let why = format!("the repository {} {other}", self.repository);
                    Problem::new(ProblemKind::Unavailable, why)
                }
            })
    }

    fn refused(&self, status: u16) -> Problem {
        let repository = &self.repository;
        let has = self.credentials.is_some_and(Credentials::is_secret);
        let (kind, why) = match (status, has) {
            (401, false) => (
                ProblemKind::Denied,
                format!(
                    "{repository} asks for credentials: name a Secret with username and password, or token, in gitCredentials"
                ),
            ),
            (401, true) => (
                ProblemKind::Denied,
                format!(
                    "{repository} does not accept the credentials of the Secret that gitCredentials names (401)"
                ),
            ),
            (403, _) => (
                ProblemKind::Denied,
                format!(
                    "{repository} refuses to be read (403): give the credentials the right to read it"
                ),
            ),
            // Private ones are hidden so by most servers.
            (404 | 410, false) => (
                ProblemKind::Denied,
                format!(
                    "there is no repository {repository}, or it is not public: check the address, or name a Secret in gitCredentials"
                ),
            ),
            (404 | 410, true) => (
                ProblemKind::Denied,
                format!(
                    "there is no repository {repository} that these credentials can see (404): check the address and their rights"
                ),
            ),
            (429, _) => (
                ProblemKind::Unavailable,
                format!("{repository} is asked too often for its taste (429)"),
            ),
            (status, _) => (
                ProblemKind::Unavailable,
                format!("{repository} answers {status}"),
            ),
        };
        Problem::new(kind, why)
    }

    fn fault(&self, fault: &checkout::Fault) -> Problem {
        let (kind, why) = match fault {
            checkout::Fault::Broken(why) => (ProblemKind::Integrity, why),
            checkout::Fault::Content(why) => (ProblemKind::Content, why),
            checkout::Fault::Room(why) => (ProblemKind::Unavailable, why),
        };
        Problem::new(kind, format!("{}: {why}", self.repository))
    }
}

/// The files of a checkout by their paths.
type Paths = BTreeMap<String, Oid>;
