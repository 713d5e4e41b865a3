//! Published ports whose packets go elsewhere after a change.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_spec::{IpVersion, PortRange, Protocol};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::settled::{Publish, Settled};
use crate::step::PublishedPorts;

/// Every published port.
pub(super) fn all(settled: &Settled) -> Vec<PublishedPorts> {
    let nothing = [];
    let nets = classes(settled.publishes.iter(), std::iter::empty());
    gone(&settled.publishes, &nothing, &nets)
}

/// The ports, at those addresses of the host, whose packets do not go to the same port of the same
/// address as before: their connections must end. Those of ports that stay live on, also where the
/// range that contains them is another one.
pub(super) fn changed(
    before: &Settled,
    after: &Settled,
    host: impl Iterator<Item = IpAddr>,
) -> Vec<PublishedPorts> {
    let (before, after) = (&before.publishes, &after.publishes);
    let nets = classes(before.iter().chain(after), host);
    let mut out = gone(before, after, &nets);
    out.extend(gone(after, before, &nets));
    out.sort_unstable();
    out.dedup();
    out
}

/// The addresses of the host, in groups that nothing published distinguishes. Where an address is
/// named, each is a group, since other ports may be published on all of them.
fn classes<'a>(
    publishes: impl Iterator<Item = &'a Publish>,
    host: impl Iterator<Item = IpAddr>,
) -> Vec<IpNet> {
    let named: BTreeSet<IpAddr> = publishes.filter_map(|p| p.host_address).collect();
    if named.is_empty() {
        return vec![Ipv4Net::default().into(), Ipv6Net::default().into()];
    }
    let each: BTreeSet<IpAddr> = named.into_iter().chain(host).collect();
    each.into_iter().map(IpNet::from).collect()
}

/// What is published at addresses of the host: the address that packets go to, and what is added to
/// their port.
struct Mapped {
    protocol: Protocol,
    ports: PortRange,
    target: IpAddr,
    added: i32,
}

fn mapped(publishes: &[Publish], net: &IpNet) -> Vec<Mapped> {
    let here = publishes.iter().filter(|p| {
        let named = p.host_address;
        named.is_none_or(|address| net.contains(&address))
    });
    let version = IpVersion::of(net.addr());
    let all = here.flat_map(|p| {
        let targets = p
            .targets
            .iter()
            .filter(move |t| IpVersion::of(**t) == version);
        targets.map(|target| Mapped {
            protocol: p.protocol,
            ports: p.host_ports,
            target: *target,
            added: i32::from(p.node_ports.first()) - i32::from(p.host_ports.first()),
        })
    });
    all.collect()
}

/// The ports of `from` that `to` does not have in the same way.
fn gone(from: &[Publish], to: &[Publish], nets: &[IpNet]) -> Vec<PublishedPorts> {
    let mut out = Vec::new();
    for net in nets {
        let kept = mapped(to, net);
        for old in mapped(from, net) {
            let same = |new: &&Mapped| {
                new.protocol == old.protocol && new.target == old.target && new.added == old.added
            };
            let kept = kept.iter().filter(same).map(|new| new.ports);
            let left = kept.fold(vec![old.ports], |left, kept| {
                left.into_iter()
                    .flat_map(|ports| without(ports, kept))
                    .collect()
            });
            out.extend(left.into_iter().map(|ports| PublishedPorts {
                to: *net,
                protocol: old.protocol,
                ports,
            }));
        }
    }
    out
}

/// A range without another one: what is before it, and what is after it.
fn without(ports: PortRange, kept: PortRange) -> Vec<PortRange> {
    let before = (ports.first(), ports.last().min(kept.first() - 1));
    let after = (
        ports.first().max(kept.last().saturating_add(1)),
        ports.last(),
    );
    if kept.last() == u16::MAX {
        return PortRange::new(before.0, before.1).into_iter().collect();
    }
    let parts = [before, after].into_iter();
    parts
        .filter_map(|(first, last)| PortRange::new(first, last).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u16, last: u16) -> PortRange {
        PortRange::new(first, last).unwrap()
    }

    #[test]
    fn what_is_left_of_a_range() {
        for (kept, left) in [
            ((1, 9), vec![range(10, 20)]),
            ((10, 20), vec![]),
            ((1, 65535), vec![]),
            ((12, 14), vec![range(10, 11), range(15, 20)]),
            ((15, 65535), vec![range(10, 14)]),
            ((20, 20), vec![range(10, 19)]),
            ((21, 30), vec![range(10, 20)]),
        ] {
            let kept = range(kept.0, kept.1);
            let all = without(range(10, 20), kept);
            // A range that does not meet the other one is whole.
            assert_eq!(all.concat_ranges(), left.concat_ranges(), "{kept:?}");
        }
    }

    trait Ports {
        fn concat_ranges(&self) -> Vec<u16>;
    }

    impl Ports for Vec<PortRange> {
        fn concat_ranges(&self) -> Vec<u16> {
            self.iter().flat_map(|ports| ports.iter()).collect()
        }
    }
}
