//! Programs of the host that listen where published ports take the packets.

use std::net::IpAddr;

use hallway_kernel::Kernel;
use hallway_kernel::route::RouteQuestion;
use hallway_plan::compare::{Difference, Fact, ObjectPlace};
use hallway_plan::settled::Publish;
use hallway_plan::target::Listener;
use hallway_plan::{Settled, rules};

use crate::sockets::{self, OpenSocket};

/// The index of the loopback.
const LOOPBACK: u32 = 1;

/// Which packets come to the host.
pub(super) struct Reach<'s> {
    kernel: Kernel,
    settled: &'s Settled,
}

impl<'s> Reach<'s> {
    pub(super) fn new(kernel: Kernel, settled: &'s Settled) -> Self {
        Self { kernel, settled }
    }

    /// Whether a program listens where packets would be translated to the node.
    pub(super) fn takes(&mut self, publish: &Publish, bound: &OpenSocket) -> bool {
        let own = bound.address.ip();
        let same_version = |a: &IpAddr| a.is_ipv4() == own.is_ipv4();
        let reached = match publish.host_address {
            Some(address) => bound.takes(address),
            None => own.is_unspecified() || publish.targets.iter().any(same_version),
        };
        publish.protocol == bound.protocol
            && publish.host_ports.contains(bound.address.port())
            && !own.is_loopback()
            && !own.is_multicast()
            && reached
            && self.is_of_host(own)
            && (publish.host_address).is_none_or(|address| self.comes_by(address, bound.link))
    }

    /// Whether packets to the address are for the host: not those to a broadcast address, or to one that a program
    /// is bound to although no link has it (IP_FREEBIND). True where that cannot be read.
    fn is_of_host(&mut self, address: IpAddr) -> bool {
        let on_one_link = matches!(address, IpAddr::V6(a) if a.is_unicast_link_local());
        let mut networks = self.settled.networks.iter();
        if address.is_unspecified()
            || on_one_link
            || networks.any(|n| n.gateways().any(|a| a == address))
        {
            return true;
        }
        let question = RouteQuestion {
            to: address,
            from: None,
            iif: None,
        };
        match self.kernel.route_for(&question) {
            Ok(route) => route.local,
            Err(error) => !error.is_without_route(),
        }
    }

    /// Whether packets to the address come in by the link to which a program is bound. True where that cannot
    /// be read.
    fn comes_by(&mut self, address: IpAddr, link: Option<u32>) -> bool {
        let Some(link) = link.filter(|link| *link != LOOPBACK) else {
            return true;
        };
        // Those to an address of the loopback come in by every link.
        self.kernel.addresses().ok().is_none_or(|all| {
            let mut all = all.iter().filter(|a| a.net.addr() == address);
            all.any(|a| [link, LOOPBACK].contains(&a.index))
        })
    }
}

/// Programs of the host that began to listen where a published port takes the packets. Of UDP, sockets on
/// ports that the kernel gives to programs, and in ranges, get what is for them.
pub(crate) fn without_packets(kernel: Kernel, settled: &Settled) -> Vec<Difference> {
    let publishes = settled.publishes.iter();
    let publishes: Vec<&Publish> = publishes
        .filter(|p| !rules::is_shared_with_host(p))
        .collect();
    if publishes.is_empty() {
        return Vec::new();
    }
    let mut reach = Reach::new(kernel, settled);
    let mut out = Vec::new();
    for bound in sockets::bound(publishes.iter().map(|p| p.protocol)) {
        let taken = publishes.iter().filter(|p| reach.takes(p, &bound));
        let mut addresses: Vec<Option<IpAddr>> = taken.map(|p| p.host_address).collect();
        addresses.sort();
        addresses.dedup();
        if addresses.is_empty() {
            continue;
        }
        // A program with every address goes on to receive what is for the others.
        let some: Option<Vec<IpAddr>> = addresses.into_iter().collect();
        let some = some.filter(|_| bound.address.ip().is_unspecified());
        out.push(Difference {
            place: ObjectPlace::Host,
            fact: Fact::PortTaken {
                listener: Listener {
                    address: bound.address,
                    protocol: bound.protocol,
                },
                published: some.unwrap_or_default(),
                by: bound.program(),
            },
        });
    }
    out
}
