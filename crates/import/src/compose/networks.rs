//! `networks:` of a Compose file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hallway_spec::{Entry, IpVersion, Place, Value};
use ipnet::IpNet;

use super::service::Service;
use crate::entries::Entries;
use crate::findings::{Findings, truth};
use crate::subnets::Pool;

/// Names with a special meaning in hallway's files.
const RESERVED: [&str; 4] = ["host", "outside", "any", "localhost"];

/// The networks of a project.
#[derive(Debug, Default)]
pub(super) struct Networks {
    pub(super) entries: Entries,
    /// Compose's names and hallway's.
    pub(super) names: BTreeMap<String, String>,
    /// The address of the host that ports are published on, by network.
    pub(super) bindings: BTreeMap<String, String>,
    /// Networks that may have an IPv6 subnet, by Compose's names.
    pub(super) with_ipv6: BTreeSet<String>,
    /// Networks that the runtime of containers has made, with the subnets and addresses of the file: those
    /// of the project beside them have others.
    pub(super) of_runtime: BTreeSet<String>,
    /// Networks whose members may not reach each other.
    pub(super) isolated: Vec<(Place, String)>,
}

/// Translates the networks that services use, and those with keys of hallway.
pub(super) fn read(
    file: &Value,
    project: &str,
    services: &[Service],
    findings: &mut Findings,
) -> Networks {
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    let mut places: BTreeMap<&str, &Place> = BTreeMap::new();
    for service in services {
        for network in &service.networks {
            *members.entry(&network.name).or_default() += service.nodes.len();
            places.entry(&network.name).or_insert(&network.place);
        }
    }
    let section = file.get("networks");
    let declared: Vec<&Entry> = section.iter().flat_map(|s| s.entries()).collect();
    let mut pool = Pool::new(project, declared_subnets(&declared));
    let mut out = Networks::default();
    let joined = services.iter().filter(|s| !s.containers.is_empty());
    let joined = joined.flat_map(|s| &s.networks).map(|n| n.name.clone());
    out.of_runtime.extend(joined);
    // A bridge that is joined is the runtime's own.
    let external = |e: &&&Entry| {
        let ours = e.value.get("x-hallway");
        ours.is_some_and(|ours| ours.get("external").is_some())
    };
    for entry in declared.iter().filter(external) {
        out.of_runtime.remove(&entry.key);
    }
    for entry in &declared {
        if entry.key.starts_with("x-") {
            continue;
        }
        let count = members.get(entry.key.as_str()).copied();
        if count.is_some() || entry.value.get("x-hallway").is_some() {
            let name = named(&entry.key, findings);
            out.add(entry, &name, &mut pool, count.unwrap_or(0), findings);
        }
    }
    for (name, count) in &members {
        if declared.iter().any(|e| e.key == *name) {
            continue;
        }
        let place = places
            .get(name)
            .map_or_else(Place::default, |p| (*p).clone());
        if *name == "default" || *name == "bridge" {
            let entry = Entry {
                key: (*name).to_owned(),
                place: place.clone(),
                value: Value::of_map(&place, Vec::new()),
            };
            let called = named(name, findings);
            out.add(&entry, &called, &mut pool, *count, findings);
        }
    }
    out
}

/// A network gets another name if its name has a meaning in policies.
fn named(name: &str, findings: &mut Findings) -> String {
    if !RESERVED.contains(&name) {
        return name.to_owned();
    }
    let other = format!("{name}-net");
    findings.note(format!(
        "network {name} is called {other} here, since {name} has a meaning in policies"
    ));
    other
}

/// Every subnet in the file.
fn declared_subnets(declared: &[&Entry]) -> Vec<IpNet> {
    let mut out = Vec::new();
    for entry in declared {
        let configs = entry.value.get("ipam").and_then(|i| i.get("config"));
        let given = configs
            .iter()
            .flat_map(|c| c.items())
            .filter_map(|c| c.get("subnet"));
        let ours = entry.value.get("x-hallway").and_then(|x| x.get("subnet"));
        let all = given.chain(ours.iter().flat_map(|o| o.items()));
        out.extend(all.filter_map(|s| s.text()?.parse::<IpNet>().ok()));
    }
    out
}

fn note_external(entry: &Entry, findings: &mut Findings) {
    let external = entry.value.get("external");
    if external.is_some_and(|e| e.text().and_then(truth) != Some(false)) {
        findings.note(format!(
            "network {} is external: hallway does not join networks of Docker, and makes one of its own; x-hallway: {{ external: true, bridge: NAME }} joins a bridge of the host",
            entry.key
        ));
    }
}

impl Networks {
    fn add(
        &mut self,
        entry: &Entry,
        name: &str,
        pool: &mut Pool,
        members: usize,
        findings: &mut Findings,
    ) {
        let (value, place) = (&entry.value, &entry.place);
        let ours = value.get("x-hallway");
        let mut out = Entries::default();
        if ours.is_none() {
            note_external(entry, findings);
        }
        let (mut subnets, mut gateways) = self.addresses(entry, name, findings);
        let versions: Vec<IpVersion> = subnets
            .iter()
            .filter_map(|s| Some(IpVersion::of_net(&s.text()?.parse().ok()?)))
            .collect();
        let flag = |key: &str, default: bool, findings: &mut Findings| {
            let value = value.get(key);
            value.and_then(|v| findings.flag(v)).unwrap_or(default)
        };
        let v4 = flag("enable_ipv4", true, findings);
        let v6 = flag("enable_ipv6", false, findings);
        let given = ours.is_some_and(|o| o.get("subnet").is_some())
            || !subnets.is_empty() && versions.is_empty();
        let parent = parent(value, ours);
        let (v4, v6) = (v4 && parent.is_none(), v6 && parent.is_none());
        // Without any subnet hallway chooses one that overlaps no route of the machine.
        let chosen = v4 && !v6 && subnets.is_empty();
        if !given && !chosen && v4 && !versions.contains(&IpVersion::V4) {
            let net = pool.v4(&entry.key, members);
            subnets.extend(net.map(|n| Value::of_text(place, n.to_string())));
        }
        if !given && v6 && !versions.contains(&IpVersion::V6) {
            let net = pool.v6(&entry.key);
            subnets.extend(net.map(|n| Value::of_text(place, n.to_string())));
        }
        if let Some(parent) = parent {
            out.text("parent", parent);
            routers(place, &subnets, &mut gateways);
        }
        out.one_or_many("subnet", place, subnets);
        out.one_or_many("gateway", place, gateways);
        if flag("internal", false, findings) {
            let at = value.get("internal").map_or(place, |v| &v.place);
            out.set("internal", at, Value::of_plain(at, true));
        }
        self.driver(value, name, &mut out, findings);
        for key in ["attachable", "labels"] {
            if value.get(key).is_some() {
                findings.ignore(format!("{key} of networks"));
            }
        }
        out.extend(ours);
        self.names.insert(entry.key.clone(), name.to_owned());
        let map = out.into_map(&value.place);
        let subnets = map.get("subnet").map(Value::items).unwrap_or_default();
        let ipv6 = subnets
            .iter()
            .filter_map(Value::text)
            .any(|s| s.contains(':'));
        // The subnets of a bridge of other programs are not known here.
        if ipv6 || map.get("external").is_some() {
            self.with_ipv6.insert(entry.key.clone());
        }
        self.entries.set(name, place, map);
    }

    /// The subnets and gateways of the file; none where the runtime of containers has a network with them.
    fn addresses(
        &self,
        entry: &Entry,
        name: &str,
        findings: &mut Findings,
    ) -> (Vec<Value>, Vec<Value>) {
        let (subnets, gateways) = addresses(&entry.value, findings);
        if subnets.is_empty() || !self.of_runtime.contains(&entry.key) {
            return (subnets, gateways);
        }
        let ours = entry.value.get("x-hallway");
        if ours.is_none_or(|ours| ours.get("subnet").is_none()) {
            findings.note(format!(
                "network {name}: the containers are on a network with its subnet already, so hallway's gets another one, and its nodes other addresses; x-hallway: {{ subnet: … }} of the network chooses one"
            ));
        }
        (Vec::new(), Vec::new())
    }

    /// `driver` and `driver_opts`.
    fn driver(&mut self, value: &Value, name: &str, out: &mut Entries, findings: &mut Findings) {
        let parent = out.0.iter().any(|e| e.key == "parent");
        let driver = value.get("driver");
        if let Some(at) = driver.filter(|d| d.text() == Some("ipvlan")) {
            let what = format!("driver ipvlan of network {name}");
            let instead = "write driver: macvlan: each node has a MAC address of its own then";
            findings.not_supported(&at.place, what, instead);
        } else if let Some(driver) = driver.and_then(Value::text)
            && !["bridge", "default"].contains(&driver)
            && !parent
        {
            findings.ignore(format!(
                "driver {driver} of networks (they are bridges here)"
            ));
        }
        let internal = value.get("internal").and_then(Value::text);
        let internal = internal.and_then(truth) == Some(true);
        for option in value.get("driver_opts").iter().flat_map(|o| o.entries()) {
            let text = option.value.text().unwrap_or_default();
            let short = option.key.strip_prefix("com.docker.network.");
            match short.unwrap_or(&option.key) {
                "driver.mtu" | "mtu" => {
                    let at = &option.value.place;
                    out.set("mtu", at, Value::of_plain(at, text));
                }
                "bridge.enable_icc" if text == "false" => {
                    let place = option.place.clone();
                    self.isolated.push((place, name.to_owned()));
                }
                // Nothing leaves an internal network, translated or not.
                "bridge.enable_ip_masquerade" | "bridge.gateway_mode_ipv4" if internal => {}
                "bridge.enable_ip_masquerade" if text == "true" => {}
                "bridge.enable_ip_masquerade" if text == "false" => {
                    let at = &option.value.place;
                    out.set("nat", at, Value::of_plain(at, "false"));
                }
                "bridge.gateway_mode_ipv4" if text == "nat" => {}
                "bridge.gateway_mode_ipv4" if text == "routed" => {
                    let at = &option.value.place;
                    out.set("nat", at, Value::of_plain(at, "false"));
                }
                "bridge.host_binding_ipv4" => {
                    self.bindings.insert(name.to_owned(), text.to_owned());
                }
                "bridge.enable_icc" => {}
                "parent" | "ipvlan_mode" => {}
                "macvlan_mode" if text == "bridge" => {}
                "macvlan_mode" if parent => {
                    let what = format!("macvlan_mode {text}");
                    findings.not_supported(&option.place, what, "write bridge, or leave it out");
                }
                other => findings.ignore(format!("driver_opts {other}")),
            }
        }
    }
}

/// The interface of the host that a network of the driver macvlan is of.
fn parent<'v>(value: &'v Value, ours: Option<&Value>) -> Option<&'v Value> {
    let macvlan = value.get("driver").and_then(Value::text) == Some("macvlan");
    let parent = value.get("driver_opts").and_then(|o| o.get("parent"));
    parent.filter(|_| macvlan && ours.is_none_or(|o| o.get("external").is_none()))
}

/// Docker's default: the router has the first address of each subnet.
fn routers(place: &Place, subnets: &[Value], gateways: &mut Vec<Value>) {
    let address = |value: &Value| value.text()?.parse::<IpAddr>().ok();
    for subnet in subnets {
        let Some(net) = subnet.text().and_then(|t| t.parse::<IpNet>().ok()) else {
            continue;
        };
        if !gateways
            .iter()
            .filter_map(address)
            .any(|g| net.contains(&g))
        {
            let first = net.hosts().find(|a| *a != net.network());
            gateways.extend(first.map(|a| Value::of_text(place, a.to_string())));
        }
    }
}

/// `ipam:` as subnets and gateways.
fn addresses(value: &Value, findings: &mut Findings) -> (Vec<Value>, Vec<Value>) {
    let (mut subnets, mut gateways) = (Vec::new(), Vec::new());
    let configs = value.get("ipam").and_then(|i| i.get("config"));
    for config in configs.iter().flat_map(|c| c.items()) {
        for entry in config.entries() {
            let text = entry.value.text().unwrap_or_default();
            match entry.key.as_str() {
                "subnet" => subnets.push(Value::of_text(&entry.value.place, text)),
                // Docker also accepts a gateway with a prefix length.
                "gateway" => {
                    let address = text.split('/').next().unwrap_or(text);
                    gateways.push(Value::of_text(&entry.value.place, address));
                }
                key => findings.ignore(format!("{key} of networks")),
            }
        }
    }
    (subnets, gateways)
}
