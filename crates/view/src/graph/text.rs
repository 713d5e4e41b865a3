//! The picture as a tree of lines.

use hallway_spec::Mode;

use super::model::{Graph, Interface, Node, Presence, traffic};

/// The characters before a line of the second level.
const INDENT: usize = 6;

/// A line with the lines below it.
struct Branch(String, Vec<Self>);

/// The tree, with no line wider than `width` characters.
#[must_use]
pub fn text(graph: &Graph, width: usize) -> String {
    let mut out = format!("{}\n", graph.project);
    let parts: Vec<Branch> = [
        outside(graph, width),
        Some(host(graph)),
        branch("links", cables(graph)),
        branch("policies", policies(graph)),
    ]
    .into_iter()
    .flatten()
    .collect();
    print(&parts, "", width, &mut out);
    out
}

fn branch(name: &str, leaves: Vec<Branch>) -> Option<Branch> {
    (!leaves.is_empty()).then(|| Branch(name.into(), leaves))
}

fn print(branches: &[Branch], indent: &str, width: usize, out: &mut String) {
    for (position, Branch(line, below)) in branches.iter().enumerate() {
        let last = position + 1 == branches.len();
        let (sign, next) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let text = format!("{indent}{sign}{line}");
        if text.chars().count() > width {
            out.extend(text.chars().take(width.saturating_sub(1)));
            out.push('…');
        } else {
            out.push_str(&text);
        }
        out.push('\n');
        print(below, &format!("{indent}{next}"), width, out);
    }
}

fn mark(state: Presence) -> &'static str {
    match state {
        Presence::Unknown => "",
        Presence::Present => "✓ ",
        Presence::Missing => "✗ missing: ",
    }
}

/// If a node exists, but not all of it, the mark is at the missing part.
fn node_mark(node: &Node) -> &'static str {
    let whole = (node.interfaces.iter()).all(|i| i.state != Presence::Missing);
    match node.state {
        Presence::Present if !whole || !node.faults.is_empty() => "✗ ",
        state => mark(state),
    }
}

/// Lines of networks by which packets leave in the same way, each complete and within the width if it
/// can be.
fn ways_out(networks: &[&str], how: &str, width: usize) -> Vec<Branch> {
    let line = |names: &[&str]| format!("out  {}, {how}", names.join(", "));
    let mut out = Vec::new();
    let mut rest = networks;
    while !rest.is_empty() {
        let fits = |count: &usize| {
            let names = rest.get(..*count).unwrap_or_default();
            INDENT + line(names).chars().count() <= width
        };
        let count = (1..=rest.len()).rev().find(fits).unwrap_or(1);
        let (names, others) = rest.split_at(count);
        out.push(Branch(line(names), Vec::new()));
        rest = others;
    }
    out
}

fn outside(graph: &Graph, width: usize) -> Option<Branch> {
    let mut leaves: Vec<Branch> = Vec::new();
    for node in &graph.nodes {
        for port in &node.ports {
            let line = format!("in   {} → {} {}", port.host, node.name, port.node);
            leaves.push(Branch(line, Vec::new()));
        }
    }
    for (nat, how) in [(true, "masqueraded"), (false, "with their own addresses")] {
        let open = graph.open_networks().filter(|n| n.nat == nat);
        let open: Vec<&str> = open.map(|n| n.name.as_str()).collect();
        leaves.extend(ways_out(&open, how, width));
    }
    leaves.extend(networks(graph, true));
    branch("outside", leaves)
}

fn host(graph: &Graph) -> Branch {
    let mut leaves = networks(graph, false);
    let apart = graph.nodes.iter().filter(|n| n.networks().is_empty());
    leaves.extend(apart.map(|node| {
        let named = node.interfaces.iter().map(|i| {
            let text = format!("{} {}", i.name, interface(i));
            text.trim_end().to_owned()
        });
        let cables: Vec<String> = named.collect();
        let line = [vec![format!("{}{}", node_mark(node), node.name)], cables].concat();
        Branch([line, rest(node)].concat().join("  "), Vec::new())
    }));
    Branch("host".into(), leaves)
}

fn networks(graph: &Graph, outside: bool) -> Vec<Branch> {
    let chosen = graph.networks.iter().enumerate();
    chosen
        .filter(|(_, n)| n.outside == outside)
        .map(|(position, network)| {
            let mut words = vec![format!("{}{}", mark(network.state), network.name)];
            if !network.subnets.is_empty() {
                words.push(network.subnets.join(" "));
            }
            if network.mode != Mode::Macvlan {
                words.push(network.bridge.clone().unwrap_or_else(|| "routed".into()));
            }
            words.extend(network.remark());
            let members = graph
                .nodes
                .iter()
                .filter_map(|n| member(graph, n, position))
                .collect();
            Branch(words.join("  "), members)
        })
        .collect()
}

/// A node on a network; parts of other interfaces are shown where the node appears first.
fn member(graph: &Graph, node: &Node, network: usize) -> Option<Branch> {
    let at = node
        .interfaces
        .iter()
        .filter(|i| i.network == Some(network));
    let here: Vec<String> = at.map(interface).collect();
    if here.is_empty() {
        return None;
    }
    let mut words = vec![format!("{}{}", node_mark(node), node.name)];
    words.extend(here);
    let all = node.networks();
    if all.first() == Some(&network) {
        words.extend(rest(node));
    }
    let others: Vec<&str> = all
        .iter()
        .filter(|n| **n != network)
        .filter_map(|n| graph.networks.get(*n))
        .map(|n| n.name.as_str())
        .collect();
    if !others.is_empty() {
        words.push(format!("(also on {})", others.join(", ")));
    }
    Some(Branch(words.join("  "), Vec::new()))
}

fn interface(interface: &Interface) -> String {
    let mut text = interface.addresses.join(" ");
    if interface.state == Presence::Missing {
        text = format!("{text} ({} missing)", interface.name);
    }
    if !interface.notes.is_empty() {
        text = format!("{text} [{}]", interface.notes);
    }
    if let Some(counters) = interface.counters {
        text = format!("{text} {}", traffic(counters));
    }
    text.trim().to_owned()
}

fn rest(node: &Node) -> Vec<String> {
    let ports = node.ports.iter().map(ToString::to_string);
    let router = node.router.then(|| "router".to_owned());
    let others = node.joined.iter().chain(&node.commands).cloned();
    let faults = node.faults.iter().map(|fault| format!("({fault})"));
    ports.chain(router).chain(others).chain(faults).collect()
}

fn cables(graph: &Graph) -> Vec<Branch> {
    let name = |node: usize| graph.nodes.get(node).map_or("", |n| n.name.as_str());
    let ends = graph.cables.iter().map(|c| {
        [&c.a, &c.b].map(|end| {
            let addresses = end.addresses.join(" ");
            let text = format!("{} {} {addresses}", name(end.node), end.interface);
            match end.notes.as_str() {
                "" => text.trim_end().to_owned(),
                notes => format!("{} [{notes}]", text.trim_end()),
            }
        })
    });
    ends.map(|[a, b]| Branch(format!("{a} ── {b}"), Vec::new()))
        .collect()
}

fn policies(graph: &Graph) -> Vec<Branch> {
    let lines = graph.policies.iter().map(|p| {
        let action = if p.allow { "allow" } else { "deny " };
        Branch(format!("{action} {}", p.words), Vec::new())
    });
    lines.collect()
}
