//! Links with all that is configured on them: bridges, ports, cables.

use std::os::fd::AsFd;
use std::time::Duration;

use hallway_kernel::link::{self, BridgeSpec, LinkChange, VethEnd};
use hallway_kernel::netns::Netns;
use hallway_kernel::{Batch, Kernel, KernelError, addr, route};
use hallway_plan::compare::ObjectPlace;
use hallway_plan::mark::NEW_LINK;
use hallway_plan::settled::Vlan;
use hallway_plan::shaping::Shaping;
use hallway_plan::step::{Announcement, CableEnd, NewCable, NewMacvlan, NewPort};
use hallway_plan::target::{Link, PortFlag, Route};
use hallway_spec::NetnsName;

use super::adjust::port_flag;
use super::outcome::is_ours;
use super::{Executor, adjust};

/// How often to check whether the links of a removed namespace have been removed too, and how long
/// to wait between two checks.
const LINK_CHECKS: u32 = 25;
const LINK_PAUSE: Duration = Duration::from_micros(200);

impl Executor<'_> {
    /// A bridge, up, with its addresses and settings.
    pub(super) fn create_bridge(&mut self, bridge: &Link) -> Result<(), KernelError> {
        self.kernel.run(link::create_bridge(&BridgeSpec {
            name: &bridge.name,
            group: bridge.group.unwrap_or(0),
            mac: bridge.mac.unwrap_or_default(),
            mtu: bridge.mtu,
            nf_call: bridge.nf_call == Some(true),
        }))?;
        let index = self.kernel.link_index(&bridge.name)?;
        self.bridges.insert(bridge.name.clone(), index);
        // Before it is up: a router advertisement must not be accepted between the two.
        adjust::settings(self.kernel, bridge)?;
        let mut batch = Batch::new();
        mark_and_set_up(&mut batch, bridge);
        addresses(&mut batch, index, bridge, &[]);
        self.kernel.submit_all(&batch)
    }

    /// A VLAN on a link of the host, up.
    pub(super) fn create_vlan(&mut self, new: &Link, vlan: &Vlan) -> Result<(), KernelError> {
        let parent = self.kernel.link_index(&vlan.parent)?;
        let group = new.group.unwrap_or(0);
        self.kernel
            .run(link::create_vlan(&new.name, group, parent, vlan.id))?;
        adjust::settings(self.kernel, new)?;
        let mut batch = Batch::new();
        mark_and_set_up(&mut batch, new);
        self.kernel.submit_all(&batch)
    }

    /// A macvlan interface of a link of the host, made in its namespace.
    pub(super) fn create_macvlan(&mut self, new: &NewMacvlan) -> Result<(), KernelError> {
        let NewMacvlan {
            parent, end: to, ..
        } = new;
        let parent = self.bridge_index(parent)?;
        let namespace = self.open_node(&to.netns)?;
        let made = VethEnd {
            name: NEW_LINK,
            ..end(&to.link, Some(&namespace))
        };
        // One may be left of a run that was killed.
        self.kernel
            .inside(&namespace, |kernel| kernel.remove_link(NEW_LINK, |_| true))?;
        self.kernel.run(link::create_macvlan(&made, parent))?;
        self.kernel.inside(&namespace, |kernel| {
            let index = kernel.link_index(NEW_LINK)?;
            if let Err(error) = kernel.run(link::rename_link(index, &to.link.name)) {
                kernel.remove_link(NEW_LINK, |_| true)?;
                return Err(error);
            }
            configure(kernel, &to.link, to.joined, &to.routes)
        })
    }

    /// The index of a bridge or parent, which does not change while this executor exists.
    fn bridge_index(&mut self, name: &str) -> Result<u32, KernelError> {
        if let Some(index) = self.bridges.get(name) {
            return Ok(*index);
        }
        let index = self.kernel.link_index(name)?;
        self.bridges.insert(name.to_owned(), index);
        Ok(index)
    }

    /// A veth pair, made in place at both ends, with all that is configured on each.
    pub(super) fn create_port(&mut self, port: &NewPort) -> Result<(), KernelError> {
        let master = match &port.outer.master {
            Some(Some(bridge)) => Some(self.bridge_index(bridge)?),
            Some(None) | None => None,
        };
        let namespace = self.open_node(&port.netns)?;
        let peer = end(&port.inner, Some(&namespace));
        // Not both with one call: if the name is taken, the second would change another's link.
        self.kernel
            .run(link::create_veth(&end(&port.outer, None), master, &peer))?;
        let mut batch = Batch::new();
        // Before the other end: the bridge then enables the port as soon as that one is up. In the other
        // order the first packets of the node were lost.
        mark_and_set_up(&mut batch, &port.outer);
        self.kernel.submit_all(&batch)?;
        self.finish_port(port)?;
        self.kernel.inside(&namespace, |kernel| {
            configure(kernel, &port.inner, port.joined, &port.inner_routes)
        })
    }

    /// What only some ports need on the host's side.
    fn finish_port(&mut self, port: &NewPort) -> Result<(), KernelError> {
        let outer = &port.outer;
        if outer.addresses.is_empty() && outer.shaping == Shaping::NONE && outer.settings.is_empty()
        {
            return Ok(());
        }
        let index = self.kernel.link_index(&outer.name)?;
        adjust::settings(self.kernel, outer)?;
        let mut batch = Batch::new();
        addresses(&mut batch, index, outer, &port.outer_routes);
        self.kernel.submit_all(&batch)
    }

    /// A veth pair between two nodes, made in place at both ends.
    pub(super) fn create_cable(&mut self, cable: &NewCable) -> Result<(), KernelError> {
        let NewCable { a, b } = cable;
        let first = self.open_node(&a.netns)?;
        let second = self.open_node(&b.netns)?;
        // Made from within one of the two, so that no end is ever on the host.
        self.kernel.inside(&first, |kernel| {
            let peer = end(&b.link, Some(&second));
            kernel.run(link::create_veth(&end(&a.link, None), None, &peer))
        })?;
        // The far end must be up before routes through the near one can be used.
        self.kernel
            .inside(&first, |kernel| configure(kernel, &a.link, a.joined, &[]))?;
        self.kernel.inside(&second, |kernel| {
            configure(kernel, &b.link, b.joined, &b.routes)
        })?;
        self.kernel.inside(&first, |kernel| routes_of(kernel, a))
    }

    /// Announces to the neighbours of an interface where its addresses are now.
    pub(super) fn announce(&mut self, new: &Announcement) -> Result<(), KernelError> {
        let send = |kernel: &mut Kernel| {
            // One that another program has removed has nothing to announce.
            let Some(link) = kernel.link_named(&new.interface)? else {
                return Ok(());
            };
            let mac = link.mac.unwrap_or_default();
            (new.addresses.iter()).try_for_each(|a| kernel.announce(link.index, mac, *a))
        };
        match &new.place {
            ObjectPlace::Host => send(self.kernel),
            ObjectPlace::Node { netns, .. } => self.inside(netns, send),
        }
    }

    /// Removing the namespace is fast; if a process keeps it in use, its links are removed by name.
    pub(super) fn remove_namespace(
        &mut self,
        netns: &NetnsName,
        links: &[String],
    ) -> Result<(), KernelError> {
        self.kernel.unmount_netns(&netns.path())?;
        for link in links {
            let mut checks = 0;
            while self.kernel.link_named(link)?.as_ref().is_some_and(is_ours) {
                checks += 1;
                if checks > LINK_CHECKS {
                    self.kernel.remove_link(link, is_ours)?;
                    break;
                }
                std::thread::sleep(LINK_PAUSE);
            }
        }
        Ok(())
    }
}

fn end<'a>(link: &'a Link, namespace: Option<&'a Netns>) -> VethEnd<'a> {
    VethEnd {
        name: &link.name,
        netns: namespace.map(AsFd::as_fd),
        mac: link.mac,
        mtu: link.mtu,
        group: link.group.unwrap_or(0),
        index: 0,
    }
}

/// Sets what a new link needs while it is down, and sets it up with a second message: the kernel reports each
/// change of a port that is up to IPv6, which then searches all routes.
fn mark_and_set_up(batch: &mut Batch, link: &Link) {
    let differs = |(flag, on): &&(PortFlag, bool)| flag.default() != *on;
    let port: Vec<_> = link
        .port
        .iter()
        .filter(differs)
        .map(|(flag, on)| (port_flag(*flag), *on))
        .collect();
    let settings = LinkChange {
        alias: link.alias.as_deref(),
        no_link_local: link.no_kernel_address,
        port: &port,
        ipv4: &adjust::ipv4(link),
        ..LinkChange::default()
    };
    let up = LinkChange {
        up: Some(true),
        ..LinkChange::default()
    };
    batch.push(link::change_link(&link.name, &settings));
    batch.push(link::change_link(&link.name, &up));
}

/// Brings an interface of the handle's namespace up with its addresses, queueing and routes. In a
/// namespace of other programs (`joined`) it does not begin with the settings it must have.
fn configure(
    kernel: &mut Kernel,
    link: &Link,
    joined: bool,
    routes: &[Route],
) -> Result<(), KernelError> {
    let index = kernel.link_index(&link.name)?;
    if joined {
        adjust::settings(kernel, link)?;
    }
    let mut batch = Batch::new();
    if link.no_kernel_address {
        // The kernel would announce and probe for its own address at every port of the bridge. In a
        // separate message: the kernel sets a link up before it reads this.
        let change = LinkChange {
            no_link_local: true,
            ..LinkChange::default()
        };
        batch.push(link::change_link(&link.name, &change));
    }
    let up = LinkChange {
        up: Some(true),
        ipv4: &adjust::ipv4(link),
        ..LinkChange::default()
    };
    batch.push(link::change_link(&link.name, &up));
    addresses(&mut batch, index, link, routes);
    kernel.submit_all(&batch)
}

fn addresses(batch: &mut Batch, index: u32, link: &Link, routes: &[Route]) {
    for address in &link.addresses {
        batch.push(addr::add_address(index, *address));
    }
    if let Some(request) = adjust::shape(index, &link.shaping) {
        batch.push(request);
    }
    for route in routes {
        if let Some(spec) = adjust::route_spec(route, Some(index)) {
            batch.push(route::replace_route(&spec));
        }
    }
}

fn routes_of(kernel: &mut Kernel, end: &CableEnd) -> Result<(), KernelError> {
    let index = kernel.link_index(&end.link.name)?;
    let mut batch = Batch::new();
    for spec in end
        .routes
        .iter()
        .filter_map(|r| adjust::route_spec(r, Some(index)))
    {
        batch.push(route::replace_route(&spec));
    }
    kernel.submit_all(&batch)
}
