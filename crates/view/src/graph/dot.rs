//! The picture in the language of Graphviz.

use std::fmt::Write as _;

use super::model::{End, Graph, Presence};
use super::parties::drawn;
use super::policy::Party;

/// The digraph.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let mut out = format!("digraph {} {{\n", quoted(&graph.project));
    out.push_str("  graph [rankdir=TB, fontname=\"sans-serif\", nodesep=0.3, ranksep=0.6]\n");
    out.push_str("  node [fontname=\"sans-serif\", fontsize=11, shape=box, style=rounded]\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=9, dir=none]\n");
    out.push_str("  outside [label=\"outside\", shape=ellipse]\n");
    for outside in [true, false] {
        if !outside {
            out.push_str("  subgraph cluster_host {\n    label=\"host\"; style=rounded\n");
        }
        for (position, network) in graph.networks.iter().enumerate() {
            if network.outside != outside {
                continue;
            }
            let subnets = network.subnets.join(" ");
            let remark = network.remark();
            let parts = [
                network.name.as_str(),
                &subnets,
                remark.as_deref().unwrap_or(""),
            ];
            let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
            let text = parts.join("\n");
            let colour = colour(network.state, "#0072b2");
            let _ = writeln!(
                out,
                "    net{position} [label={}, shape=box, style=\"filled\", fillcolor=\"#dbeafe\", color=\"{colour}\"]",
                quoted(&text)
            );
        }
        for (position, node) in graph.nodes.iter().enumerate() {
            if graph.stands_outside(node) == outside {
                let state = match node.faults.is_empty() {
                    true => node.state,
                    false => Presence::Missing,
                };
                let colour = colour(state, "#444444");
                let lines: Vec<&str> = std::iter::once(&node.name)
                    .chain(&node.faults)
                    .map(String::as_str)
                    .collect();
                let name = quoted(&lines.join("\n"));
                let _ = writeln!(out, "    node{position} [label={name}, color=\"{colour}\"]");
            }
        }
        if !outside {
            out.push_str("  }\n");
        }
    }
    edges(&mut out, graph);
    policies(&mut out, graph);
    if !graph.policies.is_empty() {
        let mut text = String::new();
        for policy in &graph.policies {
            let action = if policy.allow { "allow" } else { "deny" };
            let _ = writeln!(text, "{action} {}", policy.words);
        }
        // \\l aligns a line to the left.
        let text = quoted(&text).replace("\\n", "\\l");
        let _ = writeln!(out, "  policies [shape=note, style=\"\", label={text}]");
    }
    out.push_str("}\n");
    out
}

fn edges(out: &mut String, graph: &Graph) {
    for (position, node) in graph.nodes.iter().enumerate() {
        for interface in &node.interfaces {
            if let Some(network) = interface.network {
                let text = quoted(&with(&interface.addresses, &interface.notes));
                let _ = writeln!(out, "  net{network} -> node{position} [label={text}]");
            }
        }
        for port in &node.ports {
            let text = quoted(&port.to_string());
            let _ = writeln!(
                out,
                "  outside -> node{position} [label={text}, dir=forward, color=\"#009e73\"]"
            );
        }
    }
    for (position, network) in graph.networks.iter().enumerate() {
        if !network.internal && !network.outside {
            let (label, dir) = match network.nat {
                true => ("masqueraded", "back"),
                false => ("no NAT", "both"),
            };
            let _ = writeln!(
                out,
                "  outside -> net{position} [label=\"{label}\", dir={dir}, style=dashed]"
            );
        }
    }
    for cable in &graph.cables {
        let (a, b) = (cable.a.node, cable.b.node);
        let label = |end: &End| format!("{}\n{}", end.interface, with(&end.addresses, &end.notes));
        let (tail, head) = (label(&cable.a), label(&cable.b));
        let _ = writeln!(
            out,
            "  node{a} -> node{b} [style=bold, taillabel={}, headlabel={}]",
            quoted(&tail),
            quoted(&head)
        );
    }
}

/// An arrow for every pair of every policy with few pairs.
fn policies(out: &mut String, graph: &Graph) {
    let mut others: Vec<&Party> = Vec::new();
    for (policy, arrow) in drawn(graph) {
        for party in [&arrow.from, &arrow.to] {
            if matches!(party, Party::Host | Party::Any | Party::Prefix(_))
                && !others.contains(&party)
            {
                others.push(party);
                let (id, name) = (party.id(), quoted(party.name(graph)));
                let _ = writeln!(out, "  {id} [label={name}, shape=ellipse]");
            }
        }
        let (word, colour, style, head) = match policy.allow {
            true => ("allow", "#00664b", "solid", "normal"),
            false => ("deny", "#b5300b", "dashed", "tee"),
        };
        let label = quoted(format!("{word} {}", policy.services).trim_end());
        let dir = if arrow.both { "both" } else { "forward" };
        let (from, to) = (arrow.from.id(), arrow.to.id());
        let _ = writeln!(
            out,
            "  {from} -> {to} [label={label}, dir={dir}, arrowhead={head}, arrowtail={head}, \
             color=\"{colour}\", fontcolor=\"{colour}\", style={style}, constraint=false]"
        );
    }
}

fn with(addresses: &[String], notes: &str) -> String {
    let notes = (!notes.is_empty()).then(|| notes.to_owned());
    let lines: Vec<String> = addresses.iter().cloned().chain(notes).collect();
    lines.join("\n")
}

fn colour(state: Presence, other: &'static str) -> &'static str {
    if state == Presence::Missing {
        "#d55e00"
    } else {
        other
    }
}

/// A quoted string, in which Graphviz interprets backslashes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
