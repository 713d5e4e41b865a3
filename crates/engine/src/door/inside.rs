//! What is done inside nodes.

use std::os::fd::AsFd;

use hallway_kernel::link::{self, LinkChange, VethEnd};
use hallway_kernel::netns::Netns;
use hallway_kernel::route::{self, RouteSpec};
use hallway_kernel::{Batch, Kernel, KernelError, Request, addr, qdisc};
use hallway_plan::settled::{Interface, Route};
use hallway_plan::step::{CableEnd, Port};
use hallway_plan::{bandwidth, mark};
use ipnet::IpNet;

use super::ignore_missing;
use crate::observe::netns_path;

/// RTPROT_STATIC.
const STATIC: u8 = 4;

/// Runs something inside a named namespace.
pub(super) fn run<T>(
    kernel: &mut Kernel,
    netns: &str,
    what: impl FnOnce(&mut Kernel) -> Result<T, KernelError>,
) -> Result<T, KernelError> {
    let namespace = Netns::open(&netns_path(netns))?;
    kernel.inside(&namespace, what)
}

/// Whether the calling thread's namespace forwards IPv4. A new namespace takes the machine's first
/// namespace's settings as its own; a node must not forward because the host does.
pub(super) fn forwards(kernel: &Kernel) -> Result<bool, KernelError> {
    Ok(kernel.read_sysctl("net/ipv4/ip_forward")? != "0")
}

/// Lets the calling thread's namespace forward, or not.
pub(super) fn set_forwarding(kernel: &Kernel, on: bool, ipv6: bool) -> Result<(), KernelError> {
    let value = if on { "1" } else { "0" };
    kernel.write_sysctl("net/ipv4/ip_forward", value)?;
    if on && ipv6 {
        ignore_missing(kernel.write_sysctl("net/ipv6/conf/all/forwarding", value))?;
    }
    Ok(())
}

/// What a node's neighbours say of routes and prefixes is not asked for.
pub(super) fn refuse_advertisements(kernel: &Kernel) -> Result<(), KernelError> {
    ignore_missing(kernel.write_sysctl("net/ipv6/conf/default/accept_ra", "0"))
}

/// No IPv6 on interfaces to come; a kernel without IPv6 needs no telling.
pub(super) fn disable_ipv6(kernel: &Kernel) -> Result<(), KernelError> {
    ignore_missing(kernel.write_sysctl("net/ipv6/conf/default/disable_ipv6", "1"))
}

/// The request that makes a port's veth pair, each end in place.
pub(super) fn veth_to(port: &Port, master: Option<u32>, namespace: &Netns) -> Request {
    link::create_veth(
        &VethEnd {
            name: &port.link,
            netns: None,
            mac: None,
            mtu: port.interface.mtu,
            group: port.group,
            index: 0,
        },
        master,
        &VethEnd {
            name: &port.interface.name,
            netns: Some(namespace.as_fd()),
            mac: Some(port.interface.mac),
            mtu: port.interface.mtu,
            group: 0,
            index: 0,
        },
    )
}

pub(super) fn route_spec(route: &Route, interface: Option<u32>) -> RouteSpec {
    RouteSpec {
        to: route.to,
        via: route.via,
        interface,
        unreachable: false,
        metric: None,
        protocol: STATIC,
    }
}

/// Limits what a link sends, in bits per second.
pub(super) fn limit(index: u32, bandwidth: u64) -> Request {
    let bucket = bandwidth::bucket(bandwidth);
    qdisc::limit(index, bucket.rate, bucket.burst, bucket.queue)
}

/// Brings an interface up with its addresses and routes.
pub(super) fn configure(
    kernel: &mut Kernel,
    namespace: &Netns,
    interface: &Interface,
    routes: &[Route],
) -> Result<(), KernelError> {
    kernel.inside(namespace, |kernel| {
        let index = kernel.link_index(&interface.name)?;
        kernel.submit_all(&configuration(index, interface, routes))
    })
}

fn configuration(index: u32, interface: &Interface, routes: &[Route]) -> Batch {
    let ipv6 = interface
        .addresses
        .iter()
        .any(|a| matches!(a, IpNet::V6(_)));
    let ipv6 = ipv6 && interface.mtu.is_none_or(|m| m >= 1280);
    let mut batch = Batch::new();
    if ipv6 {
        // The kernel's own would be announced and probed for, to every port of the bridge. In a
        // message of its own: the kernel brings a link up before it reads this.
        batch.push(link::change_link(
            &interface.name,
            &LinkChange {
                no_link_local: true,
                ..LinkChange::default()
            },
        ));
    }
    batch.push(link::change_link(
        &interface.name,
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    ));
    if ipv6 {
        batch.push(addr::add_address(index, mark::link_local(interface.mac)));
    }
    for address in &interface.addresses {
        batch.push(addr::add_address(index, *address));
    }
    if let Some(bandwidth) = interface.bandwidth {
        batch.push(limit(index, bandwidth));
    }
    for route in routes {
        batch.push(route::replace_route(&route_spec(route, Some(index))));
    }
    batch
}

/// A veth pair between two nodes, made in place at both ends.
pub(super) fn create_cable(
    kernel: &mut Kernel,
    a: &CableEnd,
    b: &CableEnd,
) -> Result<(), KernelError> {
    let (first, second) = (
        Netns::open(&netns_path(&a.netns))?,
        Netns::open(&netns_path(&b.netns))?,
    );
    // Made from within one of the two, so that no end is ever seen on the host.
    kernel.inside(&first, |kernel| {
        kernel.run(link::create_veth(
            &VethEnd {
                name: &a.interface.name,
                netns: None,
                mac: Some(a.interface.mac),
                mtu: a.interface.mtu,
                group: 0,
                index: 0,
            },
            None,
            &VethEnd {
                name: &b.interface.name,
                netns: Some(second.as_fd()),
                mac: Some(b.interface.mac),
                mtu: b.interface.mtu,
                group: 0,
                index: 0,
            },
        ))
    })?;
    // The far end must be up before routes through the near one can be used.
    configure(kernel, &first, &a.interface, &[])?;
    configure(kernel, &second, &b.interface, &b.routes)?;
    kernel.inside(&first, |kernel| {
        let index = kernel.link_index(&a.interface.name)?;
        let mut batch = Batch::new();
        for route in &a.routes {
            batch.push(route::replace_route(&route_spec(route, Some(index))));
        }
        kernel.submit_all(&batch)
    })
}
