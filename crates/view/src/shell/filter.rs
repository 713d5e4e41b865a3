//! Rules and connections.

use std::net::IpAddr;

use hallway_nftables::{Element, Ruleset, print};
use hallway_plan::rules::{Delta, sets};
use hallway_plan::step::PublishedPorts;
use hallway_spec::NetnsRef;
use ipnet::IpNet;

use super::Script;
use super::entering::run_in;

/// The line that ends the rules; no line of rules begins with it.
const END: &str = "RULES";

pub(super) fn replace(script: &mut Script<'_>, rules: &Ruleset) {
    script.explain(&[
        "Sets hold what differs (networks, nodes, ports), chains what is done with packets. They",
        "come first, so that nothing that is built below is ever open. Chains with a hook see all",
        "packets of the host, and accept at once what is not from or to our networks.",
    ]);
    script.line(&format!("nft -f - <<'{END}'"));
    script.out.push_str(&print::ruleset(rules));
    script.line(END);
}

/// The table of a node that translates addresses.
pub(super) fn inside(script: &mut Script<'_>, netns: Option<&NetnsRef>, rules: &Ruleset) {
    script.explain(&[
        "This node is a router with NAT: what it forwards by these interfaces gets its own address there.",
        "Replies come back to it, and its connection tracking gives them their destination back.",
    ]);
    let run = netns.map_or_else(String::new, run_in);
    script.line(&format!("{run}nft -f - <<'{END}'"));
    script.out.push_str(&print::ruleset(rules));
    script.line(END);
}

pub(super) fn change(script: &mut Script<'_>, table: &str, delta: &Delta) {
    let Delta::Elements(changes) = delta else {
        return;
    };
    script.line(&format!("nft -f - <<'{END}'"));
    for change in changes {
        let family = change.family.name();
        let mut list = |verb: &str, elements: &[Element]| {
            if !elements.is_empty() {
                let all: Vec<String> = elements.iter().map(print::element).collect();
                script.line(&format!(
                    "{verb} element {family} {table} {} {{ {} }}",
                    change.set,
                    all.join(", ")
                ));
            }
        };
        list("delete", &change.remove);
        list("add", &change.add);
    }
    script.line(END);
}

pub(super) fn unpublish(script: &mut Script<'_>, table: &str) {
    script.comment("No new connection comes in by a published port from here on.");
    for map in sets::PUBLISHED {
        let (family, name) = (map.family.name(), map.name);
        script.line(&format!("nft flush map {family} {table} {name}"));
    }
}

pub(super) fn remove(script: &mut Script<'_>, table: &str) {
    for family in ["inet", "bridge"] {
        script.line(&format!("nft delete table {family} {table}"));
    }
}

pub(super) fn flush_connections(
    script: &mut Script<'_>,
    prefixes: &[IpNet],
    ports: &[PublishedPorts],
) {
    script.explain(&[
        "The kernel handles a connection in the same way until it ends. hallway deletes such",
        "connections; by hand it takes the program conntrack, so it is left to you:",
    ]);
    for prefix in prefixes {
        script.comment(&format!(
            "conntrack -D -s {prefix}; conntrack -D -d {prefix}"
        ));
    }
    for PublishedPorts {
        to,
        protocol,
        ports,
    } in ports
    {
        let (first, last) = (ports.first(), ports.last());
        let to = match (to.prefix_len(), to.addr()) {
            (0, IpAddr::V4(_)) => String::new(),
            (0, IpAddr::V6(_)) => " -f ipv6".into(),
            (_, address) => format!(" -d {address}"),
        };
        let (before, port, after) = if first == last {
            (String::new(), first.to_string(), "")
        } else {
            let each = format!("for port in $(seq {first} {last}); do ");
            (each, "$port".into(), "; done")
        };
        script.comment(&format!(
            "{before}conntrack -D{to} -p {protocol} --orig-port-dst {port}{after}"
        ));
    }
}
