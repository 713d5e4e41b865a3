//! The packet filter, forwarding and connections.

use hallway_kernel::conntrack::Connection;
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::{Element, Family, IpVersion, Ruleset, Transaction, Value};
use hallway_plan::mark;
use hallway_plan::reach::{self, Environment, World};
use hallway_plan::rules::sets::{self, Definition};
use hallway_plan::rules::{Delta, ruleset};
use ipnet::IpNet;

use super::{Door, ignore_missing};

impl Door<'_> {
    /// Replacing the tables keeps the note of where forwarding was turned on.
    pub(super) fn replace_rules(&mut self, rules: &Ruleset) -> Result<(), KernelError> {
        let table = mark::table(self.project);
        let nft = &mut self.kernel;
        let mut transaction = Transaction::new();
        for table in &rules.tables {
            transaction.replace(table);
        }
        for set in [IpVersion::V4, IpVersion::V6].map(forwarding_set) {
            let noted = nft
                .interfaces_in(set.family, &table, set.name)
                .unwrap_or_default();
            let noted: Vec<Element> = noted.into_iter().map(name_element).collect();
            add_elements(&mut transaction, &table, set, &noted);
        }
        nft.commit(&transaction)
    }

    pub(super) fn change_rules(&mut self, delta: &Delta) -> Result<(), KernelError> {
        let Delta::Elements(changes) = delta else {
            return Ok(());
        };
        let table = mark::table(self.project);
        let mut transaction = Transaction::new();
        for change in changes {
            let name = (table.as_str(), change.set.as_str());
            transaction.delete_elements(change.family, name, change.layout, &change.remove);
            transaction.add_elements(change.family, name, change.layout, &change.add);
        }
        self.kernel.commit(&transaction)
    }

    pub(super) fn unpublish(&mut self) -> Result<(), KernelError> {
        let table = mark::table(self.project);
        let mut transaction = Transaction::new();
        for map in sets::PUBLISHED {
            transaction.flush_set(map.family, &table, map.name);
        }
        match self.kernel.commit(&transaction) {
            Err(e) if e.is_not_found() => Ok(()), // only the bridge table is left
            other => other,
        }
    }

    pub(super) fn remove_rules(&mut self) -> Result<(), KernelError> {
        let name = mark::table(self.project);
        let nft = &mut self.kernel;
        let mut transaction = Transaction::new();
        for table in nft.tables()?.iter().filter(|t| t.name == name) {
            if matches!(table.family, Family::Inet | Family::Bridge) {
                transaction.delete_table(table.family, &name);
            }
        }
        nft.commit(&transaction)
    }

    /// Our bridges forward; the uplinks too, when something of ours may go out. What is turned on
    /// at an uplink is noted in the project's table first, so that it can be turned off again even
    /// when no record is left.
    pub(super) fn enable_forwarding(
        &mut self,
        links: &[String],
        versions: &[u8],
    ) -> Result<(), KernelError> {
        let (v4, v6) = (versions.contains(&4), versions.contains(&6));
        for link in links {
            forward_on(&self.kernel, link, v4, v6)?;
        }
        let key = forwarding_key("lo", IpVersion::V6);
        if v6 && !links.is_empty() && self.kernel.read_sysctl(&key).is_err() {
            self.uplink_forwards("all", IpVersion::V6)?;
        }
        let way_out = self
            .wanted
            .is_some_and(|w| w.inner_networks().any(|n| !n.internal));
        if !way_out {
            return Ok(());
        }
        let routes = self.kernel.routes()?;
        let all_links = self.kernel.links()?;
        for (version, wanted) in [(IpVersion::V4, v4), (IpVersion::V6, v6)] {
            if !wanted {
                continue;
            }
            for route in routes
                .iter()
                .filter(|r| r.to.prefix_len() == 0 && !r.is_unreachable())
            {
                let same = IpVersion::of(route.to.addr()) == version;
                let link = route
                    .interface
                    .and_then(|i| all_links.iter().find(|l| l.index == i));
                if let (true, Some(link)) = (same, link) {
                    self.uplink_forwards(&link.name, version)?;
                }
            }
        }
        Ok(())
    }

    fn uplink_forwards(&mut self, link: &str, version: IpVersion) -> Result<(), KernelError> {
        let key = forwarding_key(link, version);
        let noted_elsewhere = self.noted_by_others(link, version)?;
        match self.kernel.read_sysctl(&key) {
            Ok(value) if value == "0" || noted_elsewhere => {
                let mut transaction = Transaction::new();
                let set = forwarding_set(version);
                let element = name_element(link.to_owned());
                add_elements(
                    &mut transaction,
                    &mark::table(self.project),
                    set,
                    &[element],
                );
                self.kernel.commit(&transaction)?;
                self.kernel.write_sysctl(&key, "1")
            }
            Ok(_) => Ok(()), // somebody else wants it on, and keeps it
            Err(e) => ignore_missing(Err(e)),
        }
    }

    fn noted_by_others(&mut self, link: &str, version: IpVersion) -> Result<bool, KernelError> {
        let own = mark::table(self.project);
        let nft = &mut self.kernel;
        for table in nft.tables()? {
            let other = table.family == Family::Inet
                && table.name != own
                && mark::project_of_table(&table.name).is_some();
            if other {
                let set = forwarding_set(version);
                let names = nft
                    .interfaces_in(set.family, &table.name, set.name)
                    .unwrap_or_default();
                if names.iter().any(|n| n == link) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(super) fn restore_forwarding(&mut self) -> Result<(), KernelError> {
        let table = mark::table(self.project);
        for version in [IpVersion::V4, IpVersion::V6] {
            let set = forwarding_set(version);
            let noted = self
                .kernel
                .interfaces_in(set.family, &table, set.name)
                .unwrap_or_default();
            for link in noted {
                let key = forwarding_key(&link, version);
                if !self.noted_by_others(&link, version)?
                    && self.kernel.read_sysctl(&key).is_ok_and(|v| v == "1")
                {
                    ignore_missing(self.kernel.write_sysctl(&key, "0"))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn forget_flows(
        &mut self,
        prefixes: &[IpNet],
        ports: &[(u8, u16, u16)],
        denied: bool,
    ) -> Result<(), KernelError> {
        let host: Vec<IpNet> = self.kernel.addresses()?.iter().map(|a| a.net).collect();
        let is_host = |address| host.iter().any(|n| n.addr() == address);
        let rules = self.wanted.filter(|_| denied).map(ruleset);
        let world = (self.wanted.zip(rules.as_ref()))
            .and_then(|(wanted, rules)| World::new(wanted, rules, Environment::default()));
        for flow in self.kernel.connections()? {
            let ends = [
                flow.original.from,
                flow.original.to,
                flow.reply.from,
                flow.reply.to,
            ];
            let of_prefix = prefixes.iter().any(|p| ends.iter().any(|a| p.contains(a)));
            let of_port = is_host(flow.original.to)
                && ports.iter().any(|(protocol, first, last)| {
                    flow.original.protocol == *protocol
                        && (*first..=*last).contains(&flow.original.port)
                });
            let is_denied = !is_host(flow.original.from)
                && world.as_ref().is_some_and(|w| !may_begin(w, &flow));
            if of_prefix || of_port || is_denied {
                self.kernel.delete_connection(&flow)?;
            }
        }
        Ok(())
    }
}

/// A connection as a question: could it begin now?
fn may_begin(world: &World<'_>, flow: &Connection) -> bool {
    let asked = reach::Flow {
        from: flow.original.from,
        to: flow.reply.from,
        protocol: flow.original.protocol,
        source_port: flow.original.source_port,
        port: flow.reply.source_port,
    };
    world.may_begin(&asked, flow.original.to != flow.reply.from)
}

fn name_element(name: String) -> Element {
    Element::new(vec![Value::Ifname(name)])
}

fn add_elements(
    transaction: &mut Transaction,
    table: &str,
    set: &Definition,
    elements: &[Element],
) {
    let layout = set.empty().layout();
    transaction.add_elements(set.family, (table, set.name), layout, elements);
}

/// Where it is noted on which links forwarding was turned on.
fn forwarding_set(version: IpVersion) -> &'static Definition {
    sets::FORWARDING.of(version)
}

/// IPv6 forwards by interface since Linux 6.17 (force_forwarding); before, only everywhere or
/// nowhere, which is noted as `all`.
fn forwarding_key(link: &str, version: IpVersion) -> String {
    match (version, link) {
        (IpVersion::V4, _) => format!("net/ipv4/conf/{link}/forwarding"),
        (_, "all") => "net/ipv6/conf/all/forwarding".into(),
        _ => format!("net/ipv6/conf/{link}/force_forwarding"),
    }
}

/// Lets one of our own links forward what comes in by it.
pub(super) fn forward_on(
    kernel: &Kernel,
    link: &str,
    v4: bool,
    v6: bool,
) -> Result<(), KernelError> {
    if v4 {
        kernel.write_sysctl(&forwarding_key(link, IpVersion::V4), "1")?;
    }
    if v6 {
        ignore_missing(kernel.write_sysctl(&forwarding_key(link, IpVersion::V6), "1"))?;
    }
    Ok(())
}
