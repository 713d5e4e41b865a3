//! A Kathara lab as a hallway file: `lab.conf`, and what startup files set.

mod lab;
mod startup;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hallway_spec::{IpVersion, Name, Place, Value};
use ipnet::IpNet;

use crate::containerlab::exec;
use crate::entries::Entries;
use crate::findings::Findings;
use crate::script::Line;
use crate::sources::Sources;
use crate::surroundings::{File, Surroundings};
use lab::{Address, Machine};

/// The name of the file that a lab has in its directory.
pub(crate) const FILE: &str = "lab.conf";
/// The network of machines that are `bridged`, which reach outside.
const BRIDGED: &str = "bridged";
/// So many commands that are not run are named for each machine.
const NAMED: usize = 3;

/// The hallway file for a lab. Its name is `given`, otherwise that of the lab, otherwise `otherwise`.
pub(crate) fn translate(
    file: &File,
    given: Option<&str>,
    otherwise: &str,
    surroundings: &Surroundings<'_>,
    sources: &mut Sources,
    findings: &mut Findings,
) -> Value {
    let mut lab = lab::read(file, sources, findings);
    for machine in &mut lab.machines {
        startup::read(machine, file, surroundings, sources, findings);
    }
    let own = lab.name.filter(|name| name.parse::<Name>().is_ok());
    let name = given.map(str::to_owned).or(own);
    let name = name.unwrap_or_else(|| otherwise.to_owned());
    let place = Place::default();
    let mut out = Entries::default();
    out.set("name", &place, Value::of_text(&place, name));
    let domains = Domains::of(&mut lab.machines);
    let mut networks = domains.networks();
    let mut nodes = Entries::default();
    for machine in &lab.machines {
        if machine.bridged.is_some() {
            networks.set(BRIDGED, &place, Value::of_map(&place, Vec::new()));
        }
        let node = domains.node(machine, findings);
        nodes.set(&machine.name, &machine.place, node);
    }
    out.set("networks", &place, networks.into_map(&place));
    out.set("nodes", &place, nodes.into_map(&place));
    out.into_map(&place)
}

/// The collision domains: each becomes a lan.
#[derive(Debug, Default)]
struct Domains {
    /// By its name in the lab: where it is named first, and its prefixes.
    all: BTreeMap<String, (Place, Vec<IpNet>)>,
    /// In the order of the lab.
    order: Vec<String>,
    machines: BTreeSet<String>,
}

impl Domains {
    /// Takes over the addresses that interfaces can have; the others are noted with the reason.
    fn of(machines: &mut [Machine]) -> Self {
        let mut out = Self::default();
        for machine in machines.iter_mut() {
            out.machines.insert(machine.name.clone());
            for interface in machine.interfaces.values() {
                if !out.all.contains_key(&interface.domain) {
                    out.order.push(interface.domain.clone());
                    let domain = (interface.place.clone(), Vec::new());
                    out.all.insert(interface.domain.clone(), domain);
                }
            }
            let addresses = std::mem::take(&mut machine.addresses);
            for address in addresses {
                match out.take(machine, &address) {
                    Ok(()) => machine.addresses.push(address),
                    Err(why) => machine.unset.push((address, why)),
                }
            }
        }
        out
    }

    /// Notes the prefix of an address; or why an interface cannot have it: it has one of each IP version,
    /// and the prefixes of a network do not overlap.
    fn take(&mut self, machine: &Machine, address: &Address) -> Result<(), String> {
        let number = address.interface;
        let interface = machine.interfaces.get(&number);
        let domain = interface.map(|i| i.domain.as_str()).unwrap_or_default();
        let Some((_, nets)) = self.all.get_mut(domain) else {
            return Err(format!("lab.conf has no {}[{number}]", machine.name));
        };
        let same = |other: &IpNet| IpVersion::of_net(other) == IpVersion::of_net(&address.net);
        let of_interface = machine.addresses.iter();
        let mut of_interface = of_interface.filter(|a| a.interface == number);
        if let Some(first) = of_interface.find(|a| same(&a.net)) {
            let first = first.net;
            return Err(format!(
                "an interface has one address of each IP version here, and eth{number} has {first}"
            ));
        }
        let net = address.net.trunc();
        let overlap = |other: &&IpNet| other.contains(&net) || net.contains(*other);
        match nets.iter().find(overlap) {
            Some(other) if *other == net => {}
            Some(other) => {
                return Err(format!(
                    "its prefix overlaps {other}, which {domain} has too"
                ));
            }
            None => nets.push(net),
        }
        Ok(())
    }

    /// The name of a domain's network: nodes and networks share one name space.
    fn name(&self, domain: &str) -> String {
        match self.machines.contains(domain) || domain == BRIDGED {
            true => format!("domain-{domain}"),
            false => domain.to_owned(),
        }
    }

    fn networks(&self) -> Entries {
        let mut out = Entries::default();
        for domain in &self.order {
            let Some((place, nets)) = self.all.get(domain) else {
                continue;
            };
            let mut network = Entries::default();
            network.set("mode", place, Value::of_text(place, "lan"));
            let nets = nets
                .iter()
                .map(|net| Value::of_text(place, net.to_string()));
            let nets: Vec<Value> = nets.collect();
            if !nets.is_empty() {
                network.set("assign", place, Value::of_plain(place, "false"));
            }
            network.one_or_many("subnet", place, nets);
            out.set(&self.name(domain), place, network.into_map(place));
        }
        out
    }

    fn node(&self, machine: &Machine, findings: &mut Findings) -> Value {
        let place = &machine.place;
        let mut networks = Entries::default();
        for (number, interface) in &machine.interfaces {
            let at = &interface.place;
            let mut settings = Entries::default();
            settings.set("interface", at, Value::of_text(at, format!("eth{number}")));
            if let Some(mac) = &interface.mac {
                settings.set("mac", at, Value::of_text(at, mac));
            }
            let own = machine.addresses.iter().filter(|a| a.interface == *number);
            let own: Vec<Value> = own
                .map(|a| Value::of_text(&a.line.place, a.net.addr().to_string()))
                .collect();
            settings.one_or_many("address", at, own);
            let name = self.name(&interface.domain);
            if networks.has(&name) {
                let what = format!("a second interface of {} on {name}", machine.name);
                findings.not_supported(at, what, "give it a collision domain of its own");
                continue;
            }
            networks.set(&name, at, settings.into_map(at));
        }
        if let Some(at) = &machine.bridged {
            networks.set(BRIDGED, at, Value::of_map(at, Vec::new()));
        }
        let mut out = Entries::default();
        out.set("networks", place, networks.into_map(place));
        match machine.bridged {
            Some(_) => out.list("ports", place, machine.ports.clone()),
            None if machine.ports.is_empty() => {}
            None => findings.ignore("ports of machines that are not bridged"),
        }
        out.list("environment", place, machine.environment.clone());
        if !machine.sysctls.0.is_empty() {
            out.set(
                "sysctls",
                place,
                Value::of_map(place, machine.sysctls.0.clone()),
            );
        }
        let (routes, lost) = Self::routes(machine);
        out.list("routes", place, routes);
        // Machines of a lab forward unless the lab sets it off.
        if machine.interfaces.len() > 1 || machine.forwarding {
            out.set("forwarding", place, Value::of_plain(place, true));
        }
        not_run(machine, lost, findings);
        out.into_map(place)
    }

    /// The routes of a machine, and the commands of those that lead to no neighbour.
    fn routes(machine: &Machine) -> (Vec<Value>, Vec<&Line>) {
        let nets: Vec<IpNet> = machine.addresses.iter().map(|a| a.net.trunc()).collect();
        let (mut routes, mut lost) = (Vec::new(), Vec::new());
        for route in &machine.routes {
            let via: Option<IpAddr> = route.via.parse().ok();
            let via = via.filter(|via| nets.iter().any(|net| net.contains(via)));
            let to = match (route.to.parse::<IpNet>(), route.to.parse::<IpAddr>()) {
                (Ok(net), _) if net == net.trunc() => Some(route.to.clone()),
                (_, Ok(address)) => Some(IpNet::from(address).to_string()),
                _ => (route.to == "default").then(|| route.to.clone()),
            };
            match (to, via) {
                (Some(to), Some(via)) => {
                    routes.push(exec::route(&route.line.place, to, via.to_string()));
                }
                _ => lost.push(&route.line),
            }
        }
        (routes, lost)
    }
}

/// Says which commands are left to the user: programs of a lab are those of its images, and have its
/// files. Routes that lead to no neighbour are named each.
fn not_run(machine: &Machine, lost: Vec<&Line>, findings: &mut Findings) {
    let name = &machine.name;
    for (address, why) in &machine.unset {
        let (at, text) = (address.line.at(), &address.line.text);
        findings.note(format!("{at}: not set in {name}, since {why}: {text}"));
    }
    for line in lost {
        let (at, text) = (line.at(), &line.text);
        findings.note(format!(
            "{at}: {name} gets no such route, since its networks have no neighbour for it: {text}"
        ));
    }
    let lines = machine.others.iter();
    let lines = lines.map(|line| format!("{} ({})", line.text, line.at()));
    let lines: Vec<String> = lines.collect();
    let named = lines.get(..lines.len().min(NAMED)).unwrap_or_default();
    if named.is_empty() {
        return;
    }
    let more = match lines.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    findings.note(format!(
        "not run in {name}: {}{more}; hallway exec {name} -- … runs a command",
        named.join("; ")
    ));
}
