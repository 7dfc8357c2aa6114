//! What every kind makes of everything that goes wrong, and of values out of the ordinary: the list of
//! [`super::table`], told in each kind's own words by a [`Harness`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jasm_providers::{Abilities, Error, ErrorKind, Kind, Source};
use tokio::time::Instant;

use super::table::{Case, Cell, Column, cases};
use crate::support::{Calls, MARKER, assert_clean, kind, list, read_one, soon, versioned, want};
use crate::wire::{Answers, Reply, Request, Wire};

/// What a server says about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Missing,
    VersionMissing,
    Disabled,
    Denied,
    Unauthenticated,
    Throttled(Option<u64>),
    Failing,
}

/// A value, by what is particular about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    /// With the marker in it, and nothing else.
    Marked,
    Binary,
    Empty,
    Unicode,
    TooLarge,
}

/// What a store answers to a read or a listing.
pub(crate) enum State {
    Says(Says),
    /// Good answers until the flag is set; then its credentials are none, until there are new ones.
    Revoked(Arc<AtomicBool>, Arc<AtomicUsize>),
    Holds(Vec<u8>),
    /// These names below the base.
    Lists(Vec<String>),
    Does(Box<dyn Fn() -> Reply + Send + Sync>),
    /// Half of a good answer.
    Cut,
}

/// A source and what has to live as long as it is asked.
pub(crate) struct Stage {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) _alive: Box<dyn std::any::Any + Send>,
}

/// A kind before a store in any state; none for a state that it cannot have.
#[async_trait]
pub(crate) trait Subject: Send + Sync {
    fn kind(&self) -> Kind;
    fn column(&self) -> Column;
    /// The kind's name for a relative path.
    fn name(&self, path: &str) -> String;
    /// A version that the kind can have.
    fn version(&self) -> &'static str;
    /// What names are listed below, as a prefix has it.
    fn base(&self) -> String;
    fn below(&self, name: &str) -> String;
    fn hostile(&self) -> Vec<&'static str>;
    fn sample(&self, sample: Sample) -> Option<Vec<u8>>;
    async fn stage(&self, state: State) -> Option<Stage>;
    /// A server that a redirect leads to.
    async fn elsewhere(&self) -> Option<Wire>;
}

/// A kind behind a server that answers as told.
#[async_trait]
pub(crate) trait Harness: Send + Sync + 'static {
    fn kind(&self) -> Kind;
    fn column(&self) -> Column;

    /// A server for it.
    async fn wire(&self, script: Answers) -> Wire {
        Wire::new(script).await
    }

    /// A source of the kind as a workload, with one try per call.
    async fn source(&self, endpoint: &str) -> Arc<dyn Source>;

    /// The kind's name for a relative path.
    fn name(&self, path: &str) -> String {
        path.to_owned()
    }

    /// A version that the kind can have.
    fn version(&self) -> &'static str {
        "9"
    }

    /// What names are listed below: the whole store where names have no levels.
    fn base(&self) -> String {
        self.name("p")
    }

    /// A name below the base.
    fn below(&self, name: &str) -> String {
        format!("{}/{name}", self.base())
    }

    /// Names that no rule has been asked about in the form that they would be read in.
    fn hostile(&self) -> Vec<&'static str> {
        vec!["../q", "a b", "a\u{202e}b", "a%2fb", "*", "a\nb", "/a"]
    }

    /// Answers what is not a read or a listing: logins and the like. None for a read or a listing.
    fn aside(&self, request: &Request) -> Option<Reply>;

    /// Whether a request asks for credentials.
    fn is_login(&self, request: &Request) -> bool;

    /// A good answer to the read of one entry.
    fn good(&self, request: &Request, value: &[u8]) -> Reply;

    /// How the kind's server says it; none where it has no such thing to say.
    fn says(&self, request: &Request, what: Says) -> Option<Reply>;

    /// A good answer to a listing with these full names, as pages if the kind has them.
    fn listing(&self, request: &Request, names: &[String]) -> Reply;

    /// A value as it comes out; none where the kind cannot have it.
    fn sample(&self, sample: Sample) -> Option<Vec<u8>>;
}

/// A harness as a subject.
pub(crate) struct Wired<H>(pub(crate) Arc<H>);

#[async_trait]
impl<H: Harness> Subject for Wired<H> {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn column(&self) -> Column {
        self.0.column()
    }

    fn name(&self, path: &str) -> String {
        self.0.name(path)
    }

    fn version(&self) -> &'static str {
        self.0.version()
    }

    fn base(&self) -> String {
        self.0.base()
    }

    fn below(&self, name: &str) -> String {
        self.0.below(name)
    }

    fn hostile(&self) -> Vec<&'static str> {
        self.0.hostile()
    }

    fn sample(&self, sample: Sample) -> Option<Vec<u8>> {
        self.0.sample(sample)
    }

    async fn stage(&self, state: State) -> Option<Stage> {
        let harness = Arc::clone(&self.0);
        if let State::Says(what) = &state {
            harness.says(&Request::default(), *what)?;
        }
        let marked = harness.sample(Sample::Marked).unwrap();
        let script = move |request: &Request| {
            if let State::Revoked(revoked, logins) = &state
                && harness.is_login(request)
            {
                logins.fetch_add(1, Ordering::SeqCst);
                revoked.store(false, Ordering::SeqCst);
            }
            if let Some(reply) = harness.aside(request) {
                return reply;
            }
            match &state {
                State::Says(what) => harness.says(request, *what).unwrap(),
                State::Revoked(revoked, _) if revoked.load(Ordering::SeqCst) => {
                    harness.says(request, Says::Unauthenticated).unwrap()
                }
                State::Revoked(..) => harness.good(request, &marked),
                State::Holds(value) => harness.good(request, value),
                State::Lists(names) => harness.listing(request, names),
                State::Does(reply) => reply(),
                State::Cut => match harness.good(request, &marked) {
                    Reply::Json(_, body) => Reply::Cut(body.to_string().into_bytes()),
                    Reply::Raw(_, _, body) => Reply::Cut(body),
                    _ => panic!("a good answer is whole"),
                },
            }
        };
        let wire = self.0.wire(Box::new(script)).await;
        let source = self.0.source(&wire.endpoint).await;
        Some(Stage {
            source,
            _alive: Box::new(wire),
        })
    }

    async fn elsewhere(&self) -> Option<Wire> {
        let harness = Arc::clone(&self.0);
        let marked = harness.sample(Sample::Marked).unwrap();
        // It would answer well, so that who follows is not told by an error.
        let good = move |request: &Request| {
            harness
                .aside(request)
                .unwrap_or_else(|| harness.good(request, &marked))
        };
        Some(self.0.wire(Box::new(good)).await)
    }
}

/// Everything that the table has for the subject, and that it can do what its kind is said to.
pub(crate) async fn holds(subject: &dyn Subject) {
    let marked = subject.sample(Sample::Marked).unwrap();
    assert!(
        String::from_utf8_lossy(&marked).contains(MARKER),
        "the marked value has to hold the marker"
    );
    let mut run = Vec::new();
    for (case, cell) in cases(subject.column()) {
        let ran = runs(subject, case).await;
        assert_eq!(
            ran,
            cell == Cell::Runs,
            "{:?} {case:?}: the table says {cell:?}",
            subject.column()
        );
        run.extend(ran.then_some(case));
    }
    can(subject, &run).await;
}

/// The table of abilities is that of what was seen.
async fn can(subject: &dyn Subject, run: &[Case]) {
    let Abilities {
        versions,
        binary,
        batch,
        listed_values,
        ..
    } = *subject.kind().abilities();
    let about = subject.column();
    // Two variants have less than their kind.
    if !matches!(about, Column::Vault1 | Column::Rendered) {
        assert_eq!(run.contains(&Case::VersionMissing), versions.is_some());
        assert_eq!(run.contains(&Case::Binary), binary, "{about:?}");
    }
    let names = vec![subject.below("a")];
    let stage = subject.stage(State::Lists(names)).await.unwrap();
    assert_eq!(stage.source.batch_limit(), batch, "{about:?}");
    let base = crate::support::prefix(subject.base());
    let listed = stage.source.list(&base, soon()).await.unwrap();
    let brought: Vec<_> = listed.iter().map(|listed| listed.entry.is_some()).collect();
    assert_eq!(brought, [listed_values], "{about:?}");
}

/// The kind of error that a read ends with, and that it holds no value.
async fn fails(subject: &dyn Subject, state: State, version: Option<&str>) -> Option<ErrorKind> {
    let stage = subject.stage(state).await?;
    let entry = match version {
        Some(version) => versioned(subject.name("a"), version),
        None => want(subject.name("a")),
    };
    let error = read_one(&*stage.source, entry).await.unwrap_err();
    assert_clean(&error);
    Some(error.kind)
}

async fn does(
    subject: &dyn Subject,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> Option<ErrorKind> {
    fails(subject, State::Does(Box::new(reply)), None).await
}

/// Runs one case; false if the subject cannot.
async fn runs(subject: &dyn Subject, case: Case) -> bool {
    let throttled = |after: Option<u64>| ErrorKind::Throttled {
        after: after.map(Duration::from_secs),
    };
    let about = format!("{:?} {case:?}", subject.column());
    match case {
        Case::Missing => said(subject, Says::Missing, ErrorKind::NotFound).await,
        Case::VersionMissing => said(subject, Says::VersionMissing, ErrorKind::NotFound).await,
        Case::Disabled => said(subject, Says::Disabled, ErrorKind::Gone).await,
        Case::Denied => said(subject, Says::Denied, ErrorKind::Denied).await,
        Case::Throttled => said(subject, Says::Throttled(None), throttled(None)).await,
        Case::ThrottledWithAdvice => {
            said(subject, Says::Throttled(Some(7)), throttled(Some(7))).await
        }
        Case::Recovered => recovered(subject).await,
        Case::Failing => {
            if !said(subject, Says::Failing, ErrorKind::Unavailable).await {
                return false;
            }
            for status in [500, 502, 503, 504] {
                let page = format!("<html>{MARKER}</html>").into_bytes();
                let found = does(subject, move || Reply::Raw(status, "", page.clone())).await;
                assert_eq!(found, Some(ErrorKind::Unavailable), "{about} {status}");
            }
            true
        }
        Case::Hangs => hangs(subject).await,
        Case::Cut => {
            let Some(found) = fails(subject, State::Cut, None).await else {
                return false;
            };
            assert_eq!(found, ErrorKind::Unavailable, "{about}");
            let found = does(subject, || Reply::Close).await;
            assert_eq!(found, Some(ErrorKind::Unavailable), "{about}");
            true
        }
        Case::Garbage => garbage(subject).await,
        Case::Redirected => redirected(subject).await,
        Case::TooLarge => {
            let Some(value) = subject.sample(Sample::TooLarge) else {
                return false;
            };
            let found = fails(subject, State::Holds(value), None).await;
            assert_eq!(found, Some(ErrorKind::TooLarge), "{about}");
            true
        }
        Case::Binary => comes_out(subject, Sample::Binary).await,
        Case::Empty => comes_out(subject, Sample::Empty).await,
        Case::Unicode => comes_out(subject, Sample::Unicode).await,
        Case::Paged => paged(subject).await,
        Case::HostileNames => hostile(subject).await,
    }
}

async fn said(subject: &dyn Subject, says: Says, expected: ErrorKind) -> bool {
    let version = (says == Says::VersionMissing).then(|| subject.version());
    let found = fails(subject, State::Says(says), version).await;
    assert!(
        found.is_none_or(|found| found == expected),
        "{:?} {says:?}: {found:?}",
        subject.column()
    );
    found.is_some()
}

/// Credentials that are not accepted any more: the read that meets it gets new ones, once, and works.
async fn recovered(subject: &dyn Subject) -> bool {
    let (revoked, logins) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let state = State::Revoked(Arc::clone(&revoked), Arc::clone(&logins));
    let Some(stage) = subject.stage(state).await else {
        return false;
    };
    for expected in [1, 2] {
        let entry = read_one(&*stage.source, want(subject.name("a"))).await;
        assert_eq!(kind(&entry), None, "{:?}: {entry:?}", subject.column());
        assert_eq!(logins.load(Ordering::SeqCst), expected);
        revoked.store(true, Ordering::SeqCst);
    }
    true
}

async fn hangs(subject: &dyn Subject) -> bool {
    let hang = State::Does(Box::new(|| Reply::Hang));
    let Some(stage) = subject.stage(hang).await else {
        return false;
    };
    let began = Instant::now();
    let wants = [want(subject.name("a"))];
    let deadline = began + Duration::from_millis(700);
    let answers = stage.source.read(&wants, deadline).await;
    assert_eq!(kind(&answers[0]), Some(ErrorKind::Unavailable));
    assert!(began.elapsed() < Duration::from_secs(3));
    true
}

async fn garbage(subject: &dyn Subject) -> bool {
    let about = subject.column();
    for garbage in [
        format!("<html>{MARKER}</html>"),
        format!("[\"{MARKER}\"]"),
        format!("{{\"data\": \"{MARKER}"),
    ] {
        let body = garbage.clone().into_bytes();
        let found = does(subject, move || Reply::Raw(200, "", body.clone())).await;
        if found.is_none() {
            return false;
        }
        assert_eq!(found, Some(ErrorKind::Integrity), "{about:?} {garbage}");
    }
    // Some take a body of nothing for an answer that mentions nothing.
    let nothing = does(subject, || Reply::Raw(200, "", Vec::new())).await;
    assert!(
        matches!(nothing, Some(ErrorKind::Integrity | ErrorKind::Unavailable)),
        "{about:?} {nothing:?}"
    );
    true
}

/// Nothing is sent to where a redirect leads, and above all no token.
async fn redirected(subject: &dyn Subject) -> bool {
    let Some(elsewhere) = subject.elsewhere().await else {
        return false;
    };
    for status in [301, 302, 307, 308] {
        let location: &'static str = format!("Location: {}/x\r\n", elsewhere.endpoint).leak();
        let found = does(subject, move || Reply::Raw(status, location, Vec::new())).await;
        let about = subject.column();
        assert_eq!(found, Some(ErrorKind::Invalid), "{about:?} {status}");
    }
    assert_eq!(elsewhere.requests().len(), 0, "{:?}", subject.column());
    true
}

async fn comes_out(subject: &dyn Subject, sample: Sample) -> bool {
    let Some(value) = subject.sample(sample) else {
        return false;
    };
    let stage = subject.stage(State::Holds(value.clone())).await.unwrap();
    let entry = read_one(&*stage.source, want(subject.name("a"))).await;
    let entry = entry.unwrap_or_else(|error| panic!("{:?} {sample:?}: {error}", subject.column()));
    assert_eq!(
        entry.value.expose(),
        value,
        "{:?} {sample:?}",
        subject.column()
    );
    true
}

async fn listed(subject: &dyn Subject, names: Vec<String>) -> Result<Vec<String>, Error> {
    let names = names.iter().map(|name| subject.below(name)).collect();
    let stage = subject.stage(State::Lists(names)).await.unwrap();
    let found = list(&*stage.source, &subject.base()).await;
    found.as_ref().err().into_iter().for_each(assert_clean);
    found
}

async fn paged(subject: &dyn Subject) -> bool {
    let many =
        |count: usize| -> Vec<String> { (0..count).map(|number| format!("{number:05}")).collect() };
    let found = listed(subject, many(10_000)).await.unwrap();
    assert_eq!((found.len(), found.is_sorted()), (10_000, true));
    let more = listed(subject, many(10_001)).await;
    assert_eq!(kind(&more), Some(ErrorKind::TooLarge));
    true
}

async fn hostile(subject: &dyn Subject) -> bool {
    for hostile in subject.hostile() {
        let names = vec!["good".to_owned(), hostile.to_owned()];
        let found = listed(subject, names).await;
        assert!(
            matches!(
                kind(&found),
                Some(ErrorKind::Invalid | ErrorKind::Integrity)
            ),
            "{:?} {hostile:?}: {found:?}",
            subject.column()
        );
    }
    true
}

/// Calls that nobody counts.
pub(crate) fn uncounted() -> jasm_providers::source::Observer {
    Calls::default().observer()
}
