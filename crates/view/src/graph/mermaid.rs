//! The picture as a mermaid flowchart, which Git hosting sites and wikis can show.

use std::fmt::Write as _;

use super::model::{End, Graph, Node, Presence};
use super::parties::drawn;
use super::policy::Party;

/// The flowchart.
#[must_use]
pub fn mermaid(graph: &Graph) -> String {
    let mut out = format!(
        "---\ntitle: {}\n---\nflowchart TB\n",
        quoted(&graph.project)
    );
    let leaves = graph.open_networks().next().is_some();
    let published = graph.nodes.iter().any(|n| !n.ports.is_empty());
    let named = drawn(graph).any(|(_, a)| a.from == Party::Outside || a.to == Party::Outside);
    if leaves || published || named {
        out.push_str("  outside([\"outside\"])\n");
    }
    for (position, network) in graph.networks.iter().enumerate() {
        if network.outside {
            network_line(&mut out, "  ", graph, position);
        }
    }
    out.push_str("  subgraph host[\"host\"]\n");
    for (position, network) in graph.networks.iter().enumerate() {
        if !network.outside {
            network_line(&mut out, "    ", graph, position);
        }
    }
    for (position, node) in graph.nodes.iter().enumerate() {
        let indent = if graph.stands_outside(node) { "" } else { "  " };
        if indent.is_empty() {
            continue;
        }
        node_line(&mut out, position, node);
    }
    out.push_str("  end\n");
    for (position, node) in graph.nodes.iter().enumerate() {
        if graph.stands_outside(node) {
            node_line(&mut out, position, node);
        }
    }
    edges(&mut out, graph);
    policies(&mut out, graph);
    if !graph.policies.is_empty() {
        let lines: Vec<String> = graph
            .policies
            .iter()
            .map(|p| {
                label(&format!(
                    "{} {}",
                    if p.allow { "allow" } else { "deny" },
                    p.words
                ))
            })
            .collect();
        let _ = writeln!(out, "  policies>\"{}\"]", lines.join("<br/>"));
    }
    out.push_str("  classDef network fill:#dbeafe,stroke:#0072b2,color:#111\n");
    out.push_str("  classDef member fill:#fff,stroke:#666,color:#111\n");
    out.push_str("  classDef missing fill:#fff,stroke:#d55e00,color:#111,stroke-dasharray:4\n");
    out
}

fn class(state: Presence, other: &'static str) -> &'static str {
    if state == Presence::Missing {
        "missing"
    } else {
        other
    }
}

fn network_line(out: &mut String, indent: &str, graph: &Graph, position: usize) {
    let Some(network) = graph.networks.get(position) else {
        return;
    };
    let mut lines = vec![label(&network.name)];
    if !network.subnets.is_empty() {
        lines.push(label(&network.subnets.join(" ")));
    }
    lines.extend(network.remark().as_deref().map(label));
    let class = class(network.state, "network");
    let text = lines.join("<br/>");
    let _ = writeln!(out, "{indent}net{position}[[\"{text}\"]]:::{class}");
}

fn node_line(out: &mut String, position: usize, node: &Node) {
    let class = match node.faults.is_empty() {
        true => class(node.state, "member"),
        false => "missing",
    };
    let lines = std::iter::once(&node.name).chain(&node.faults);
    let name = lines.map(|l| label(l)).collect::<Vec<_>>().join("<br/>");
    let _ = writeln!(out, "    node{position}[\"{name}\"]:::{class}");
}

fn edges(out: &mut String, graph: &Graph) {
    for (position, node) in graph.nodes.iter().enumerate() {
        for interface in &node.interfaces {
            if let Some(network) = interface.network {
                let text = with(interface.addresses.join(" "), &interface.notes);
                let text = match text.is_empty() {
                    true => String::new(),
                    false => format!("|\"{}\"|", label(&text)),
                };
                let _ = writeln!(out, "  net{network} {MEMBER}{text} node{position}");
            }
        }
        for port in &node.ports {
            let text = label(&port.to_string());
            let _ = writeln!(out, "  outside -->|\"{text}\"| node{position}");
        }
    }
    for (position, network) in graph.networks.iter().enumerate() {
        if !network.internal && !network.outside {
            let (arrow, label) = match network.nat {
                true => ("-.->", "masqueraded"),
                false => ("<-.->", "no NAT"),
            };
            let _ = writeln!(out, "  net{position} {arrow}|\"{label}\"| outside");
        }
    }
    for cable in &graph.cables {
        let addresses = |end: &End| with(end.addresses.join(" "), &end.notes);
        let end = |end: &End| format!("{} {}", end.interface, addresses(end));
        let text = format!(
            "{} — {}",
            end(&cable.a).trim_end(),
            end(&cable.b).trim_end()
        );
        let (a, b, text) = (cable.a.node, cable.b.node, label(&text));
        let _ = writeln!(out, "  node{a} ===|\"{text}\"| node{b}");
    }
}

/// An arrow for every pair of every policy with few pairs.
fn policies(out: &mut String, graph: &Graph) {
    let mut others: Vec<&Party> = Vec::new();
    // Colours refer to the number of the edge.
    let before = out.lines().filter(|l| is_edge(l)).count();
    let mut styles = String::new();
    for (edge, (policy, arrow)) in (before..).zip(drawn(graph)) {
        for party in [&arrow.from, &arrow.to] {
            if matches!(party, Party::Any | Party::Prefix(_)) && !others.contains(&party) {
                others.push(party);
                let (id, name) = (party.id(), label(party.name(graph)));
                let _ = writeln!(out, "  {id}([\"{name}\"])");
            }
        }
        let (word, line, colour) = match (policy.allow, arrow.both) {
            (true, false) => ("allow", "-->", "#00664b"),
            (true, true) => ("allow", "<-->", "#00664b"),
            (false, false) => ("deny", "--x", "#b5300b"),
            (false, true) => ("deny", "x--x", "#b5300b"),
        };
        let text = label(format!("{word} {}", policy.services).trim_end());
        let (from, to) = (arrow.from.id(), arrow.to.id());
        let _ = writeln!(out, "  {from} {line}|\"{text}\"| {to}");
        let _ = writeln!(styles, "  linkStyle {edge} stroke:{colour},color:{colour}");
    }
    out.push_str(&styles);
}

/// Whether a line of the chart is an edge.
fn is_edge(line: &str) -> bool {
    line.contains("|\"") && line.contains("\"| ")
        || line.starts_with("  net") && line.contains(&format!(" {MEMBER} "))
}

/// The line between a network and a node.
const MEMBER: &str = "---";

fn with(addresses: String, notes: &str) -> String {
    match notes {
        "" => addresses,
        notes => format!("{addresses} ({notes})").trim_start().to_owned(),
    }
}

/// Characters that mermaid or its HTML would interpret, as entities.
fn label(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '#' => out.push_str("#35;"),
            '`' => out.push_str("#96;"),
            '\\' => out.push_str("#92;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    // For mermaid's parser an empty label is a missing one.
    if out.is_empty() { " ".into() } else { out }
}

/// A YAML string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
