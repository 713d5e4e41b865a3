//! The one door to the kernel: every change hallway makes passes here, one step at a time.

mod filter;
mod inside;
mod namespaces;

use std::collections::BTreeMap;

use hallway_kernel::link::{self, BridgeSpec, LinkChange};
use hallway_kernel::netns::Netns;
use hallway_kernel::route::{self, RouteSpec};
use hallway_kernel::{Batch, Kernel, KernelError, addr};
use hallway_plan::mark::{self, Role};
use hallway_plan::settled::{Network, Settled};
use hallway_plan::step::{Op, Port, Step};
use hallway_spec::Name;
use ipnet::IpNet;

use crate::observe::netns_path;
use namespaces::Maker;

/// What carrying out needs to know of the project.
pub(crate) struct Door<'a> {
    project: &'a Name,
    /// What is being built; `None` while going down.
    wanted: Option<&'a Settled>,
    kernel: Kernel,
    maker: Maker,
    bridges: BTreeMap<String, u32>,
}

impl<'a> Door<'a> {
    /// Opens the door. Namespaces that `steps` make are begun at once, by a thread of their own.
    pub(crate) fn open(
        project: &'a Name,
        wanted: Option<&'a Settled>,
        steps: &[Step],
    ) -> Result<Self, KernelError> {
        let kernel = Kernel::new();
        Ok(Self {
            project,
            wanted,
            maker: Maker::new(project, steps, kernel.sibling()),
            kernel,
            bridges: BTreeMap::new(),
        })
    }

    /// Waits until everything begun is done; inode numbers of the namespaces made, by name.
    pub(crate) fn close(mut self) -> Result<Vec<(String, u64)>, KernelError> {
        self.maker.finish()
    }

    /// Carries out one step.
    pub(crate) fn step(&mut self, op: &Op) -> Result<(), KernelError> {
        match op {
            Op::AddUnreachable { to } => self.kernel.run(route::replace_route(&unreachable(*to))),
            Op::RemoveUnreachable { to } => {
                gone(self.kernel.run(route::delete_route(&unreachable(*to))))
            }
            Op::ReplaceRules { rules } => self.replace_rules(rules),
            Op::ChangeRules { delta } => self.change_rules(delta),
            Op::Unpublish => self.unpublish(),
            Op::RemoveRules => self.remove_rules(),
            Op::CreateBridge { network, name } => self.create_bridge(network, name),
            Op::ChangeBridge { name, filtered } => self.change_bridge(name, *filtered),
            Op::RemoveGroup { group, .. } => gone(self.kernel.run(link::delete_group(*group))),
            Op::RemoveLink { name } => gone(self.kernel.run(link::delete_link(name))),
            Op::CreateNamespace { .. } => {
                self.maker.begin();
                Ok(())
            }
            Op::ChangeForwarding {
                netns,
                forwarding,
                ipv6,
            } => inside::run(&mut self.kernel, netns, |kernel| {
                inside::set_forwarding(kernel, *forwarding, *ipv6)
            }),
            Op::RemoveNamespace { netns, links } => self.remove_namespace(netns, links),
            Op::CreatePort(port) => self.create_port(port),
            Op::CreateCable { a, b } => {
                self.maker.wait_for(&a.netns)?;
                self.maker.wait_for(&b.netns)?;
                inside::create_cable(&mut self.kernel, a, b)
            }
            Op::RemoveInterface { netns, name } => {
                gone(inside::run(&mut self.kernel, netns, |kernel| {
                    kernel.run(link::delete_link(name))
                }))
            }
            Op::AddRoute {
                netns,
                interface,
                route,
            } => inside::run(&mut self.kernel, netns, |kernel| {
                let index = kernel.link_index(interface)?;
                kernel.run(route::replace_route(&inside::route_spec(
                    route,
                    Some(index),
                )))
            }),
            Op::RemoveRoute { netns, route } => {
                gone(inside::run(&mut self.kernel, netns, |kernel| {
                    kernel.run(route::delete_route(&inside::route_spec(route, None)))
                }))
            }
            Op::EnableForwarding { links, versions } => self.enable_forwarding(links, versions),
            Op::RestoreForwarding => self.restore_forwarding(),
            Op::ForgetFlows {
                prefixes,
                ports,
                denied,
            } => self.forget_flows(prefixes, ports, *denied),
        }
    }

    fn create_bridge(&mut self, network: &Network, name: &str) -> Result<(), KernelError> {
        let alias = mark::alias(self.project, &Role::Bridge(network.name.clone()));
        let mut batch = Batch::new();
        batch.push(link::create_bridge(&BridgeSpec {
            name,
            group: network.group,
            mac: network.mac,
            mtu: network.mtu,
            nf_call: network.filtered,
        }));
        self.kernel.submit_all(&batch)?;
        let index = self.kernel.link_index(name)?;
        self.bridges.insert(name.to_owned(), index);
        for (key, value) in [("accept_ra", "0"), ("autoconf", "0")] {
            let key = format!("net/ipv6/conf/{name}/{key}");
            ignore_missing(self.kernel.write_sysctl(&key, value))?;
        }
        let mut batch = Batch::new();
        batch.push(link::change_link(
            name,
            &LinkChange {
                alias: Some(&alias),
                up: Some(true),
                no_link_local: network.mtu.is_none_or(|m| m >= 1280),
                ..LinkChange::default()
            },
        ));
        for subnet in &network.subnets {
            batch.push(addr::add_address(index, subnet.gateway_net()));
        }
        // Asking for neighbours on behalf of others takes one (RFC 4861, section 7.2.2).
        if network.subnets.iter().any(|s| s.gateway.is_ipv6()) {
            batch.push(addr::add_address(index, mark::link_local(network.mac)));
        }
        self.kernel.submit_all(&batch)
    }

    fn change_bridge(&mut self, name: &str, filtered: bool) -> Result<(), KernelError> {
        self.kernel.run(link::change_nf_call(name, filtered))
    }

    fn bridge_index(&mut self, name: &str) -> Result<u32, KernelError> {
        if let Some(index) = self.bridges.get(name) {
            return Ok(*index);
        }
        let index = self.kernel.link_index(name)?;
        self.bridges.insert(name.to_owned(), index);
        Ok(index)
    }

    fn create_port(&mut self, port: &Port) -> Result<(), KernelError> {
        self.maker.wait_for(&port.netns)?;
        let master = port
            .bridge
            .as_deref()
            .map(|b| self.bridge_index(b))
            .transpose()?;
        let namespace = Netns::open(&netns_path(&port.netns))?;
        let alias = mark::alias(
            self.project,
            &Role::Port(port.node.clone(), port.interface.name.clone()),
        );
        let mut batch = Batch::new();
        batch.push(inside::veth_to(port, master, &namespace));
        batch.push(link::change_link(
            &port.link,
            &LinkChange {
                alias: Some(&alias),
                up: Some(true),
                no_link_local: port.interface.mtu.is_none_or(|m| m >= 1280),
                // Where br_netfilter is loaded, a node's packet to its own published port is
                // translated within the bridge, and goes back by the port it came from.
                hairpin: master.is_some(),
                ..LinkChange::default()
            },
        ));
        self.kernel.submit_all(&batch)?;
        if !port.gateways.is_empty() || port.interface.bandwidth.is_some() {
            self.finish_port(port)?;
        }
        inside::configure(&mut self.kernel, &namespace, &port.interface, &port.routes)
    }

    /// What only some ports need on the host's side.
    fn finish_port(&mut self, port: &Port) -> Result<(), KernelError> {
        let index = self.kernel.link_index(&port.link)?;
        let mut batch = Batch::new();
        if let Some(bandwidth) = port.interface.bandwidth {
            batch.push(inside::limit(index, bandwidth));
        }
        for gateway in &port.gateways {
            batch.push(addr::add_address(index, IpNet::from(*gateway)));
            if gateway.is_ipv6() {
                batch.push(addr::add_address(
                    index,
                    mark::link_local(mark::mac(&[&port.link])),
                ));
            }
        }
        for address in port
            .interface
            .addresses
            .iter()
            .filter(|_| !port.gateways.is_empty())
        {
            batch.push(route::replace_route(&RouteSpec {
                to: *address,
                via: None,
                interface: Some(index),
                unreachable: false,
                metric: None,
                protocol: mark::ROUTE_PROTOCOL,
            }));
        }
        self.kernel.submit_all(&batch)?;
        if !port.gateways.is_empty() {
            for key in ["accept_ra", "autoconf"] {
                ignore_missing(
                    self.kernel
                        .write_sysctl(&format!("net/ipv6/conf/{}/{key}", port.link), "0"),
                )?;
            }
            filter::forward_on(
                &self.kernel,
                &port.link,
                port.gateways.iter().any(std::net::IpAddr::is_ipv4),
                port.gateways.iter().any(std::net::IpAddr::is_ipv6),
            )?;
        }
        Ok(())
    }

    /// Dropping the namespace is the fast way; where something inside keeps it alive, its links
    /// are taken away by name.
    fn remove_namespace(&mut self, netns: &str, links: &[String]) -> Result<(), KernelError> {
        self.kernel.unmount_netns(&netns_path(netns))?;
        for link in links {
            let mut tries = 0;
            while self.kernel.link_index(link).is_ok() {
                tries += 1;
                if tries > LINK_TRIES {
                    gone(self.kernel.run(link::delete_link(link)))?;
                    break;
                }
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        }
        Ok(())
    }
}

/// How often to look whether a dropped namespace has taken its links along.
const LINK_TRIES: u32 = 25;

fn unreachable(to: IpNet) -> RouteSpec {
    RouteSpec {
        to,
        via: None,
        interface: None,
        unreachable: true,
        metric: Some(mark::UNREACHABLE_METRIC),
        protocol: mark::ROUTE_PROTOCOL,
    }
}

/// Removing what is not there is no failure.
fn gone(result: Result<(), KernelError>) -> Result<(), KernelError> {
    match result {
        Err(e) if e.is_not_found() => Ok(()),
        other => other,
    }
}

/// A setting that this kernel does not have needs no change.
fn ignore_missing(result: Result<(), KernelError>) -> Result<(), KernelError> {
    gone(result)
}
