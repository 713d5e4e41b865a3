//! A service as nodes.

use hallway_spec::problem::ImportProblem;
use hallway_spec::{Entry, Place, Value, nearest};

use super::context::Context;
use super::ports::Chooser;
use super::service::{Attached, Service, active};
use super::{environment, keys, names, shares, unpublished};
use crate::entries::Entries;
use crate::findings::Findings;

/// One node of a service, with its mapping.
pub(super) fn node(
    context: &Context<'_>,
    service: &Service,
    replica: usize,
    chooser: &mut Chooser<'_>,
    findings: &mut Findings,
) -> Option<Value> {
    let value = &service.value;
    let mut out = Entries::default();
    if let Some(other) = &service.shares {
        if !service.containers.is_empty() {
            return None;
        }
        let namespace = namespace(context, service, other, findings)?;
        out.set("namespace", &other.place, namespace);
    }
    networks(context, service, replica, &mut out, findings);
    if let Some(container) = service.containers.get(replica) {
        let place = &value.place;
        let namespace = Value::of_text(place, format!("container:{container}"));
        out.set("namespace", place, namespace);
        // Its own leads to the networks of who runs it.
        out.set("default_route", place, Value::of_plain(place, false));
        out.extend(value.get("x-hallway"));
        return Some(out.into_map(&value.place));
    }
    if !unpublished::reported(context, service, replica, findings) {
        ports(context, service, replica, chooser, &mut out, findings);
    }
    if let Some(command) = &service.command {
        out.set("command", &command.place, command.clone());
    }
    if let Some(first) = service.ready.first() {
        out.one_or_many("ready", &first.place, service.ready.clone());
    }
    if let Some(check) = &service.healthcheck {
        out.set("healthcheck", &check.place, check.clone());
    }
    if service.runs() {
        started(context, service, &mut out, findings);
    } else if replica == 0 {
        // A missing service is a mistake even if nothing waits for it.
        let depends = value.get("depends_on").map(Value::entries);
        for entry in depends.unwrap_or_default() {
            depend(context, entry, &mut Vec::new(), findings);
        }
    }
    if value.get("expose").is_some() && !service.stub {
        findings.remark("expose: nodes of one network reach all ports of one another");
    }
    environment::read(value, context, &mut out, findings);
    if let Some(dns) = value.get("dns") {
        let servers = dns
            .items()
            .iter()
            .map(|d| Value::of_text(&d.place, d.text().unwrap_or("")));
        out.one_or_many("dns", &dns.place, servers.collect());
    }
    names::of_node(value, &|section, key| section.has(key), &mut out, findings);
    for entry in value.entries() {
        let key = entry.key.as_str();
        if !keys::SERVICE_USED.contains(&key) && !key.starts_with("x-") && !entry.value.is_null() {
            ignore(entry, findings);
        }
    }
    out.extend(value.get("x-hallway"));
    Some(out.into_map(&value.place))
}

/// The namespace of the other service's node, in the syntax of a hallway file; `None` after
/// reporting why a service has none.
fn namespace(
    context: &Context<'_>,
    service: &Service,
    other: &Value,
    findings: &mut Findings,
) -> Option<Value> {
    let name = other.text().unwrap_or_default();
    if !context.services.contains_key(name) {
        let known = context.services.keys().copied();
        let kind = ImportProblem::UnknownService {
            service: name.to_owned(),
            nearest: nearest(name, known).map(str::to_owned),
        };
        findings.problem(&other.place, kind);
        return None;
    }
    if !service.runs() {
        findings.note(format!(
            "{} is left out: it shares the network of {name} and has no program here",
            service.name
        ));
        return None;
    }
    let next = |name: &str| context.services.get(name)?.shares.as_ref()?.text();
    let owner = context.services.get(shares::owner(name, next));
    let node = owner?.nodes.first()?;
    Some(Value::of_text(&other.place, format!("node:{node}")))
}

/// Reports that a key is omitted.
fn ignore(entry: &Entry, findings: &mut Findings) {
    match entry.key.as_str() {
        "deploy" => {
            let others = entry.value.entries().iter().filter(|e| e.key != "replicas");
            others.for_each(|e| findings.ignore(format!("deploy.{}", e.key)));
        }
        key => findings.ignore(key),
    }
}

/// The keys of a program.
fn started(context: &Context<'_>, service: &Service, out: &mut Entries, findings: &mut Findings) {
    let value = &service.value;
    if let Some(restart) = value.get("restart")
        && let Some(text) = restart.text()
    {
        let policy = text.split(':').next().unwrap_or(text);
        out.set(
            "restart",
            &restart.place,
            Value::of_text(&restart.place, policy),
        );
    }
    if may_fail(service) {
        let place = service.command.as_ref().map_or(&value.place, |c| &c.place);
        out.set("may_fail", place, Value::of_plain(place, true));
    }
    if let Some(directory) = value.get("working_dir").filter(|_| !service.stub) {
        out.text("working_dir", directory);
    }
    let Some(depends) = value.get("depends_on") else {
        return;
    };
    let mut names = Vec::new();
    for entry in depends.entries() {
        depend(context, entry, &mut names, findings);
    }
    if names
        .iter()
        .all(|d| d.condition.is_none() && d.not_required.is_none())
    {
        let names = names.into_iter().map(|d| d.node);
        return out.list("depends_on", &depends.place, names.collect());
    }
    let mut map = Entries::default();
    for on in names {
        let started = || Value::of_text(&on.node.place, "service_started");
        let mut inner = Entries::default();
        inner.text("condition", &on.condition.unwrap_or_else(started));
        if let Some(place) = &on.not_required {
            inner.set("required", place, Value::of_plain(place, false));
        }
        let value = inner.into_map(&on.node.place);
        map.set(on.node.text().unwrap_or_default(), &on.node.place, value);
    }
    out.set("depends_on", &depends.place, map.into_map(&depends.place));
}

/// Whether the others run on when its program ends, as in Compose. Without the small server nothing can be tested.
fn may_fail(service: &Service) -> bool {
    let value = &service.value;
    let ready = value.get("x-hallway").and_then(|ours| ours.get("ready"));
    let restart = value.get("restart").and_then(Value::text);
    !service.stub && may_fail_unless_said(ready.is_some(), restart, service.healthcheck.is_some())
}

/// Whether a program of a Compose file may fail if nothing is said about it. One that is started again does not
/// end, and without the ports of `ready` nothing can be tested.
pub(crate) fn may_fail_unless_said(ready: bool, restart: Option<&str>, checked: bool) -> bool {
    let ends = restart.is_none_or(|restart| ["no", "false"].contains(&restart));
    !ready && (ends || checked)
}

/// A node that another depends on.
struct On {
    node: Value,
    /// The condition, unless it is the start.
    condition: Option<Value>,
    /// Where it has `required: false`.
    not_required: Option<Place>,
}

/// Adds the nodes of one service that another depends on. Nodes without a program are ready at once.
fn depend(context: &Context<'_>, entry: &Entry, names: &mut Vec<On>, findings: &mut Findings) {
    let condition = entry.value.get("condition").and_then(Value::text);
    if let Some(other) = condition
        && ![
            "service_started",
            "service_healthy",
            "service_completed_successfully",
        ]
        .contains(&other)
        && let Some(value) = entry.value.get("condition")
    {
        findings.unexpected(
            value,
            "service_started, service_healthy or service_completed_successfully",
        );
    }
    let required = entry.value.get("required");
    let required = required.filter(|value| findings.flag(value) == Some(false));
    let Some(service) = context.services.get(entry.key.as_str()) else {
        missing(context, entry, required.is_none(), findings);
        return;
    };
    if !service.runs() && service.containers.is_empty() {
        findings.remark(format!(
            "depends_on {}: it has no program here, so it counts as started",
            entry.key
        ));
    }
    if service.runs() {
        let passed = match condition {
            Some("service_completed_successfully") => !service.stub,
            Some("service_healthy") => {
                let ours = service.value.get("x-hallway");
                let ours = |key| ours.and_then(|x| x.get(key)).is_some();
                service.healthcheck.is_some()
                    || !service.ready.is_empty()
                    || ours("ready")
                    || ours("healthcheck")
            }
            _ => false,
        };
        let condition = entry.value.get("condition").filter(|_| passed);
        names.extend(service.nodes.iter().map(|node| {
            let node = Value::of_text(&entry.place, node);
            On {
                node,
                condition: condition.cloned(),
                not_required: required.map(|value| value.place.clone()),
            }
        }));
    }
}

/// A dependency on a service without a node.
fn missing(context: &Context<'_>, entry: &Entry, required: bool, findings: &mut Findings) {
    let section = context.file.get("services");
    let all = section.map(Value::entries).unwrap_or_default();
    let kind = match all.iter().find(|e| e.key == entry.key) {
        Some(other) if !active(&other.value, context.options) && required => {
            let profiles = other.value.get("profiles");
            let first = profiles.and_then(|p| p.items().first()?.text());
            ImportProblem::InactiveService {
                service: entry.key.clone(),
                profile: first.unwrap_or_default().to_owned(),
            }
        }
        None if required => ImportProblem::UnknownService {
            service: entry.key.clone(),
            nearest: nearest(&entry.key, all.iter().map(|e| e.key.as_str())).map(str::to_owned),
        },
        None => {
            let service = &entry.key;
            findings.note(format!(
                "there is no service {service}; what depends on it does not require it"
            ));
            return;
        }
        Some(_) => return,
    };
    findings.problem(&entry.place, kind);
}

fn networks(
    context: &Context<'_>,
    service: &Service,
    replica: usize,
    out: &mut Entries,
    findings: &mut Findings,
) {
    let Some(first) = service.networks.first() else {
        return;
    };
    let mut map = Entries::default();
    for (position, attached) in service.networks.iter().enumerate() {
        let name = context
            .networks
            .names
            .get(&attached.name)
            .unwrap_or(&attached.name);
        let mac = value_of(service, "mac_address").filter(|_| position == 0);
        let runtime = context.networks.of_runtime.contains(&attached.name);
        let settings = attachment(service, replica, attached, mac, runtime, findings);
        map.set(name, &attached.place, settings);
    }
    let place = service
        .value
        .get("networks")
        .map_or(&first.place, |n| &n.place);
    if map.0.iter().any(|e| !e.value.is_null()) {
        out.set("networks", place, map.into_map(place));
    } else {
        let names = map.0.iter().map(|e| Value::of_text(&e.place, &e.key));
        out.list("networks", place, names.collect());
    }
}

fn value_of<'s>(service: &'s Service, key: &str) -> Option<&'s Value> {
    service.value.get(key)
}

/// A service's connection to one network.
fn attachment(
    service: &Service,
    replica: usize,
    attached: &Attached,
    mac: Option<&Value>,
    of_runtime: bool,
    findings: &mut Findings,
) -> Value {
    let mut out = Entries::default();
    let addresses = ["ipv4_address", "ipv6_address"];
    let addresses = addresses.iter().filter_map(|key| attached.value.get(key));
    let addresses = addresses.filter(|_| !of_runtime);
    let addresses: Vec<Value> = addresses
        .map(|a| Value::of_text(&a.place, a.text().unwrap_or_default()))
        .collect();
    if let Some(first) = addresses.first() {
        out.one_or_many("address", &first.place.clone(), addresses);
    }
    if let Some(mac) = attached.value.get("mac_address").or(mac) {
        // Docker reads all forms in which a MAC address is written with pairs of digits.
        let text = mac.text().unwrap_or_default().replace('-', ":");
        out.set("mac", &mac.place, Value::of_text(&mac.place, text));
    }
    if let Some(interface) = attached.value.get("interface_name") {
        out.text("interface", interface);
    }
    let has: names::Has<'_> = &|section, key| section.has(key);
    names::of_attachment(service, replica, &attached.value, has, &mut out, findings);
    for key in ["link_local_ips", "driver_opts", "priority"] {
        if attached.value.get(key).is_some() {
            findings.ignore(key);
        }
    }
    out.extend(attached.value.get("x-hallway"));
    match out.0.is_empty() {
        true => crate::merge::null(&attached.place),
        false => out.into_map(&attached.place),
    }
}

fn ports(
    context: &Context<'_>,
    service: &Service,
    replica: usize,
    chooser: &mut Chooser<'_>,
    out: &mut Entries,
    findings: &mut Findings,
) {
    let bindings = &context.networks.bindings;
    let names = service
        .networks
        .iter()
        .filter_map(|n| context.networks.names.get(&n.name));
    let bound = names.filter_map(|n| bindings.get(n)).next();
    let node = service.nodes.get(replica).unwrap_or(&service.name);
    let mut items = Vec::new();
    let ipv6 = &context.networks.with_ipv6;
    let ipv6 = service.networks.iter().any(|n| ipv6.contains(&n.name));
    for port in &service.ports {
        let mut port = port.clone();
        let address = port.host_address.as_deref();
        if let Some(address) = address.filter(|a| a.contains(':') && !ipv6)
            && !service.networks.is_empty()
        {
            findings.note(format!(
                "{} is not published on [{address}]: its networks have no IPv6 subnet",
                service.name
            ));
            continue;
        }
        if port.host_address.is_none() {
            port.host_address = bound.cloned();
        }
        items.push(Value::of_text(
            &port.place,
            chooser.write(&port, node, replica),
        ));
    }
    if let Some(ports) = service.value.get("ports") {
        out.list("ports", &ports.place, items);
    }
}
