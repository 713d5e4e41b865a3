//! One bridge, and nodes with a namespace in /run/netns, loopback up, a veth into the bridge, an
//! address and a default route.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use hallway_kernel::link::{self, BridgeSpec, LinkChange, VethEnd};
use hallway_kernel::netns::Netns;
use hallway_kernel::route::{self, RouteSpec};
use hallway_kernel::sys::NamespaceKind;
use hallway_kernel::{Batch, Kernel, KernelError, addr};
use hallway_spec::NETNS_DIRECTORY;
use ipnet::{IpNet, Ipv4Net};

const BRIDGE: &str = "bare";
const GROUP: u32 = 0x6261_7265;
const STATIC: u8 = 4;
const AHEAD: usize = 64;

fn path(number: usize) -> PathBuf {
    Path::new(NETNS_DIRECTORY).join(format!("bare{number}"))
}

fn address(number: usize) -> IpNet {
    let number = number as u32 + 2;
    IpNet::V4(Ipv4Net::new_assert(
        Ipv4Addr::from(0x0a36_0000 + number),
        16,
    ))
}

fn namespace(kernel: &mut Kernel) -> Result<Netns, KernelError> {
    kernel.unshare(&[NamespaceKind::Net])?;
    kernel.write_sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
    kernel.run(link::change_link(
        "lo",
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    ))?;
    Netns::current()
}

/// Builds the bridge with `count` nodes.
///
/// # Errors
/// The first request that failed.
pub fn attach(count: usize) -> Result<(), KernelError> {
    let mut kernel = Kernel::new();
    kernel.ensure_netns_directory(Path::new(NETNS_DIRECTORY))?;
    kernel.run(link::create_bridge(&BridgeSpec {
        name: BRIDGE,
        group: GROUP,
        mac: [2, 0, 0, 0, 0, 1],
        mtu: None,
        nf_call: false,
    }))?;
    let bridge = kernel.link_index(BRIDGE)?;
    let mut batch = Batch::new();
    batch.push(link::change_link(
        BRIDGE,
        &LinkChange {
            no_link_local: true,
            ..LinkChange::default()
        },
    ));
    batch.push(link::change_link(
        BRIDGE,
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    ));
    let gateway = IpAddr::V4(Ipv4Addr::new(10, 54, 0, 1));
    batch.push(addr::add_address(bridge, IpNet::new_assert(gateway, 16)));
    kernel.submit_all(&batch)?;
    std::thread::scope(|scope| {
        let (sender, made) = sync_channel(AHEAD);
        let mut thread = kernel.sibling();
        scope.spawn(move || {
            for number in 0..count {
                let namespace = namespace(&mut thread)
                    .and_then(|n| thread.mount_netns(&n, &path(number)).map(|()| n));
                let failed = namespace.is_err();
                if sender.send(namespace).is_err() || failed {
                    return;
                }
            }
        });
        for (number, namespace) in made.iter().enumerate() {
            node(&mut kernel, bridge, number, &namespace?, gateway)?;
        }
        Ok(())
    })
}

fn node(
    kernel: &mut Kernel,
    bridge: u32,
    number: usize,
    namespace: &Netns,
    gateway: IpAddr,
) -> Result<(), KernelError> {
    let name = format!("bare{number}");
    let end = |name, netns, group| VethEnd {
        name,
        netns,
        mac: None,
        mtu: None,
        group,
        index: 0,
    };
    let mut batch = Batch::new();
    batch.push(link::create_veth(
        &end(&name, None, GROUP),
        Some(bridge),
        &end("eth0", Some(namespace.as_fd()), 0),
    ));
    batch.push(link::change_link(
        &name,
        &LinkChange {
            no_link_local: true,
            ..LinkChange::default()
        },
    ));
    batch.push(link::change_link(
        &name,
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    ));
    kernel.submit_all(&batch)?;
    kernel.inside(namespace, |kernel| inside(kernel, number, gateway))
}

fn inside(kernel: &mut Kernel, number: usize, gateway: IpAddr) -> Result<(), KernelError> {
    let index = kernel.link_index("eth0")?;
    let mut batch = Batch::new();
    batch.push(link::change_link(
        "eth0",
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    ));
    batch.push(addr::add_address(index, address(number)));
    batch.push(route::replace_route(&RouteSpec {
        to: IpNet::V4(Ipv4Net::default()),
        via: Some(gateway),
        interface: Some(index),
        kind: route::RouteType::Unicast,
        metric: None,
        protocol: STATIC,
        source: None,
    }));
    kernel.submit_all(&batch)
}

/// Removes them again.
///
/// # Errors
/// The first request that failed.
pub fn detach(count: usize) -> Result<(), KernelError> {
    let mut kernel = Kernel::new();
    for number in 0..count {
        kernel.unmount_netns(&path(number))?;
    }
    kernel.run(link::delete_group(GROUP))
}
