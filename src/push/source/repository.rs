//! The address of a Git repository that may be asked. Pure.

use std::fmt;
use std::net::IpAddr;

use jasm_providers::web::{self, Url};

/// A repository that is reached over HTTP.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Repository(Url);

impl Repository {
    /// The address as a user writes it.
    ///
    /// # Errors
    /// One sentence, without what is in the address beside its scheme: it can hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let over_http =
            "write its https:// address, and a token into the Secret that gitCredentials names";
        let refuse = |why: &str| Err(format!("the repository's address {why}"));
        let Ok(mut url) = Url::parse(text.trim()) else {
            // `git@host:path`, which is no URL.
            let like_ssh = text.contains('@') && text.contains(':');
            return if like_ssh {
                refuse(&format!(
                    "is one of SSH, which is not spoken here: {over_http}"
                ))
            } else {
                refuse("is no URL: write https://HOST/PATH")
            };
        };
        match url.scheme() {
            "https" | "http" => {}
            "ssh" | "git+ssh" => {
                return refuse(&format!(
                    "is one of SSH, which is not spoken here: {over_http}"
                ));
            }
            "oci" => {
                return refuse("is one of an OCI registry: use an OCIRepository of Flux");
            }
            _ => return refuse("is neither https nor http: write https://HOST/PATH"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(
                "carries credentials: put them into the Secret that gitCredentials names",
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("has a ? or a # in it: write https://HOST/PATH");
        }
        if is_of_the_machine(&url) {
            return refuse("is one of the machine's own services, which no repository is on");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.is_empty() {
            return refuse("has no path: write https://HOST/PATH");
        }
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Whether what is sent can be read on the way: plain HTTP to another machine.
    #[must_use]
    pub fn is_in_clear(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let local = host == "localhost" || ip(host).is_some_and(|ip| ip.is_loopback());
        self.0.scheme() == "http" && !local
    }

    /// The address of one of its services.
    #[must_use]
    pub fn service(&self, name: &str, query: Option<&str>) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{name}", url.path()));
        url.set_query(query);
        url
    }

    /// Where it really is, if the server says so by sending on what was asked as `info/refs`: only on the
    /// same server, so that credentials go nowhere else.
    #[must_use]
    pub fn moved(&self, location: &str) -> Option<Self> {
        let mut url = self.service("info/refs", None).join(location).ok()?;
        let same = |get: fn(&Url) -> Option<String>| get(&url) == get(&self.0);
        let origin = same(|url| Some(url.scheme().to_owned()))
            && same(|url| url.host_str().map(str::to_owned))
            && same(|url| url.port_or_known_default().map(|port| port.to_string()));
        let path = url.path().strip_suffix("/info/refs")?.to_owned();
        if !origin || path.is_empty() || !url.username().is_empty() {
            return None;
        }
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Some(Self(url))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a revision is the name of a commit: SHA-1 in hexadecimal.
#[must_use]
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40
        && revision
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn ip(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// Where clouds give out the machine's own credentials.
pub(super) fn is_of_the_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    if host == "metadata.google.internal" {
        return true;
    }
    ip(host).is_some_and(web::is_of_the_machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_over_http_are_taken_and_others_say_what_to_write() {
        for good in [
            "https://github.com/codnod/jasm",
            "https://git.example:8443/a/b.git/",
            "http://gitea.gitea.svc:3000/a/b",
        ] {
            assert!(Repository::parse(good).is_ok(), "{good}");
        }
        for (bad, said) in [
            ("git@github.com:codnod/jasm.git", "SSH"),
            ("ssh://git@github.com/codnod/jasm.git", "SSH"),
            ("oci://ghcr.io/a/b", "OCIRepository"),
            ("file:///srv/git", "neither https"),
            ("git://host/path", "neither https"),
            ("codnod/jasm", "no URL"),
            ("https://git.example", "no path"),
            ("https://user:marker@git.example/a", "carries credentials"),
            ("https://git.example/a?marker", "has a ?"),
            ("http://169.254.169.254/latest", "machine's own"),
            ("http://[fe80::1]/a", "machine's own"),
            ("http://[::ffff:169.254.169.254]/a", "machine's own"),
            ("http://metadata.google.internal./a", "machine's own"),
        ] {
            let why = Repository::parse(bad).unwrap_err();
            assert!(
                why.contains(said) && !why.contains("marker"),
                "{bad}: {why}"
            );
        }
    }

    #[test]
    fn only_loopback_is_not_in_clear_without_tls() {
        let in_clear = |text: &str| Repository::parse(text).unwrap().is_in_clear();
        assert!(in_clear("http://gitea.gitea.svc:3000/a"));
        assert!(!in_clear("https://git.example/a"));
        assert!(!in_clear("http://127.0.0.1:1/a"));
        assert!(!in_clear("http://[::1]:1/a"));
        assert!(!in_clear("http://localhost:1/a"));
    }

    #[test]
    fn it_may_move_on_its_own_server_only() {
        let repository = Repository::parse("https://git.example/a").unwrap();
        let moved = |to: &str| {
            repository
                .moved(to)
                .map(|repository| repository.to_string())
        };
        let there = Some("https://git.example/a.git".to_owned());
        let query = "?service=git-upload-pack";
        assert_eq!(moved(&format!("/a.git/info/refs{query}")), there);
        assert_eq!(
            moved(&format!("https://git.example/a.git/info/refs{query}")),
            there
        );
        for elsewhere in [
            "http://git.example/a.git/info/refs",
            "https://other.example/a.git/info/refs",
            "https://git.example:444/a.git/info/refs",
            "https://u@git.example/a.git/info/refs",
            "/users/sign_in",
            "/info/refs",
        ] {
            assert_eq!(moved(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_commit_is_forty_digits() {
        assert!(is_commit(&"a1".repeat(20)));
        for no in ["", "main", &"A1".repeat(20), &"a1".repeat(32)] {
            assert!(!is_commit(no), "{no}");
        }
    }
}
