//! Names to addresses, but for those of the machine itself.
//!
//! Who writes a source chooses its host, and may own a name that leads to the metadata service of the node or
//! into JASM's own pod. An address written as such is refused where it is read; a name is only known here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Asks the system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // A port is asked for; the client puts its own in place.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit = fit(name.as_str(), found);
            if fit.is_empty() {
                let why = "the name leads to the machine itself, where no source is";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why).into());
            }
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be asked. Who writes `localhost` means it.
fn fit(name: &str, found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let is_local = name.trim_end_matches('.') == "localhost";
    let fits = |address: &SocketAddr| {
        let ip = address.ip().to_canonical();
        is_local || !(is_of_the_machine(ip) || ip.is_loopback() || ip.is_unspecified())
    };
    found.filter(fits).collect()
}

/// Whether an address is only good on its own link, where clouds keep what they tell a machine of itself
/// (RFC 3927; RFC 4291, 2.5.6; AWS's `fd00:ec2::254`).
#[must_use]
pub fn is_of_the_machine(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local() || v4 == Ipv4Addr::new(168, 63, 129, 16),
        IpAddr::V6(v6) => {
            v6.segments()[0] & 0xffc0 == 0xfe80 || v6.segments()[..2] == [0xfd00, 0x0ec2]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_no_address_of_the_machine() {
        let of = |name: &str, ips: &[&str]| {
            let found = ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
            let fit = fit(name, found).into_iter().map(|fit| fit.ip().to_string());
            fit.collect::<Vec<_>>()
        };
        let own = [
            "169.254.169.254",
            "127.0.0.1",
            "::1",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "168.63.129.16",
        ];
        assert_eq!(of("git.test", &own), [""; 0]);
        assert_eq!(
            of("git.test", &["10.0.0.1", "169.254.1.1", "2001:db8::1"]),
            ["10.0.0.1", "2001:db8::1"]
        );
        assert_eq!(of("localhost", &["127.0.0.1"]), ["127.0.0.1"]);
    }

    #[tokio::test]
    async fn the_system_is_asked() {
        let name = |name: &str| name.parse::<Name>().unwrap();
        let mut found = Resolver.resolve(name("localhost")).await.unwrap();
        assert!(
            found
                .next()
                .is_some_and(|address| address.ip().is_loopback())
        );
    }
}
