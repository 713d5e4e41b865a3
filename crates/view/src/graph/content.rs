//! The text in the boxes of a picture, line by line, and the resulting sizes.

use std::net::IpAddr;

use hallway_spec::{Mode, Protocol};

use super::collapse::LINES;
use super::measure::{Face, fit, fit_name, width};
use super::model::{Graph, Interface, Network, Node, Presence, traffic};

/// The greatest number of interfaces on one card.
const INTERFACES: usize = 3 * LINES;

/// The style of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// The name of a box.
    Name,
    /// Addresses.
    Address,
    /// Less important.
    Dim,
    /// A published port.
    Port,
    /// Something is missing.
    Alarm,
}

/// A line of text in a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The visible text.
    pub text: String,
    /// The whole text, if it was cut.
    pub whole: Option<String>,
    /// Its style.
    pub set: Set,
    /// The mark before it.
    pub mark: Mark,
    /// Its indentation, in pixels.
    pub indent: i32,
}

/// The mark before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// The colour of the network of that position.
    Network(usize),
    /// A piece of cable.
    Cable,
    /// Space, for a line that belongs to the one above.
    Room,
}

/// Pixels left and right of text in a box.
pub(super) const INSET: i32 = 12;
/// The greatest width of a box's text.
const TEXT_MAX: i32 = 270;
/// The greatest width of a name in a list.
const NAME_MAX: i32 = 150;
/// A space that is kept if several follow one another.
const SPACE: &str = "\u{a0}";
/// A coloured mark before a line.
pub(super) const MARK_WIDTH: i32 = 14;

impl Set {
    pub(super) fn size(self) -> i32 {
        match self {
            Self::Name => 14,
            Self::Address | Self::Alarm => 12,
            Self::Dim | Self::Port => 11,
        }
    }

    pub(super) fn face(self) -> Face {
        match self {
            Self::Name => Face::Bold,
            Self::Address | Self::Port => Face::Mono,
            Self::Dim | Self::Alarm => Face::Sans,
        }
    }

    /// From one line to the next.
    pub(super) fn height(self) -> i32 {
        match self {
            Self::Name => 21,
            Self::Port => 22,
            Self::Address => 17,
            Self::Dim | Self::Alarm => 16,
        }
    }
}

impl Line {
    pub(super) fn new(text: &str, set: Set) -> Self {
        let cut = if set == Set::Name { fit_name } else { fit };
        let shown = cut(text, set.size(), set.face(), TEXT_MAX);
        Self {
            whole: (shown != text).then(|| text.to_owned()),
            text: shown,
            set,
            mark: Mark::None,
            indent: 0,
        }
    }

    /// Its width, with what is before and around it.
    fn width(&self) -> i32 {
        let text = width(&self.text, self.set.size(), self.set.face());
        let mark = if self.mark == Mark::None {
            0
        } else {
            MARK_WIDTH
        };
        let pill = if self.set == Set::Port { 12 } else { 0 };
        text + mark + pill + self.indent
    }
}

/// The size of a box with these lines.
pub(super) fn extent(lines: &[Line]) -> (i32, i32) {
    let wide = lines.iter().map(Line::width).max().unwrap_or(0);
    let high: i32 = lines.iter().map(|l| l.set.height()).sum();
    ((wide + 2 * INSET).max(120), high + 20)
}

/// The lines of a node's card. On a card outside of its networks the lines have the colours of the
/// networks, and the names of interfaces.
pub(super) fn card(node: &Node, apart: bool) -> Vec<Line> {
    let mut lines = vec![Line::new(&node.name, Set::Name)];
    if node.state == Presence::Missing {
        lines.push(Line::new("missing", Set::Alarm));
    }
    let marks = node.interfaces.iter().any(|i| i.network.is_some());
    let count = node.interfaces.len();
    let shown = if count > INTERFACES {
        INTERFACES - 1
    } else {
        count
    };
    for interface in node.interfaces.iter().take(shown) {
        lines.extend(addresses(interface, apart, marks));
    }
    if shown < count {
        let more = format!("and {} more interfaces", count - shown);
        lines.push(Line::new(&more, Set::Dim));
    }
    if node.router {
        lines.push(Line::new("router", Set::Dim));
    }
    if let Some(joined) = &node.joined {
        lines.push(Line::new(joined, Set::Dim));
    }
    for command in &node.commands {
        let short: String = command.chars().take(36).collect();
        let mut line = Line::new(&short, Set::Dim);
        if short.len() < command.len() {
            line.text.push('…');
            line = Line::new(&line.text, Set::Dim);
            line.whole = Some(command.clone());
        }
        lines.push(line);
    }
    let faults = node.faults.iter();
    lines.extend(faults.map(|fault| Line::new(fault, Set::Alarm)));
    let ports = node.ports.iter();
    lines.extend(ports.map(|p| Line::new(&p.to_string(), Set::Port)));
    lines
}

fn addresses(interface: &Interface, apart: bool, marks: bool) -> Vec<Line> {
    let name = match apart {
        true => format!("{}{SPACE}", interface.name),
        false => String::new(),
    };
    let shown = interface.addresses.iter().enumerate();
    let mut lines: Vec<Line> = shown
        .map(|(position, address)| match position {
            0 => Line::new(&format!("{name}{address}"), Set::Address),
            _ => Line {
                indent: width(&name, Set::Address.size(), Face::Mono),
                ..Line::new(address, Set::Address)
            },
        })
        .collect();
    if lines.is_empty() {
        lines.push(Line::new(&interface.name, Set::Address));
    }
    if interface.state == Presence::Missing {
        let text = format!("{} is missing", interface.name);
        lines.push(Line::new(&text, Set::Alarm));
    }
    if !interface.notes.is_empty() {
        lines.push(Line::new(&interface.notes, Set::Dim));
    }
    if let Some(counters) = interface.counters {
        lines.push(Line::new(&traffic(counters), Set::Dim));
    }
    if apart && marks {
        for line in &mut lines {
            line.mark = Mark::Room;
        }
        if let Some(first) = lines.first_mut() {
            first.mark = interface.network.map_or(Mark::Cable, Mark::Network);
        }
    }
    lines
}

/// The lines of a card for several nodes: names and addresses, and the number of further nodes.
pub(super) fn list(graph: &Graph, nodes: &[usize]) -> Vec<Line> {
    let all: Vec<&Node> = nodes.iter().filter_map(|n| graph.nodes.get(*n)).collect();
    let shown = match all.len() {
        count if count > LINES => LINES - 1,
        count => count,
    };
    let head = all.get(..shown).unwrap_or_default();
    let name = |node: &Node| fit_name(&node.name, 12, Face::Mono, NAME_MAX);
    let widest = head.iter().map(|n| name(n).chars().count()).max();
    let mut lines: Vec<Line> = head
        .iter()
        .map(|node| {
            let name = name(node);
            let fill = widest.unwrap_or(0) + 2 - name.chars().count();
            let all = node.interfaces.iter().flat_map(|i| &i.addresses);
            let all: Vec<&str> = all.map(String::as_str).collect();
            let text = format!("{name}{}{}", SPACE.repeat(fill), all.join(SPACE));
            let mut line = Line::new(text.trim_end(), Set::Address);
            if name != node.name || line.whole.is_some() {
                line.whole = Some(format!("{} {}", node.name, all.join(" ")));
            }
            line
        })
        .collect();
    if let (Some(rest @ [first, ..]), Some(last)) = (all.get(shown..), all.last()) {
        let text = format!("and {} more: {} … {}", rest.len(), first.name, last.name);
        lines.push(Line::new(&text, Set::Dim));
    }
    lines
}

/// The lines of a network's heading.
pub(super) fn heading(network: &Network) -> Vec<Line> {
    let mut lines = vec![Line::new(&network.name, Set::Name)];
    if network.state == Presence::Missing {
        let missing = match network.mode {
            Mode::Macvlan => "parent missing",
            _ => "bridge missing",
        };
        lines.push(Line::new(missing, Set::Alarm));
    }
    lines.extend(network.subnets.iter().map(|s| Line::new(s, Set::Address)));
    let host = match (network.mode, &network.bridge) {
        (Mode::Macvlan, Some(parent)) => format!("of {parent}, past the host"),
        (Mode::Lan, _) => "without the host".to_owned(),
        _ => format!("host {}", network.gateways.join(", ")),
    };
    lines.push(Line::new(&host, Set::Dim));
    lines
}

/// The kind of the network, in a word.
pub(super) fn kind(network: &Network) -> &'static str {
    match network.mode {
        Mode::Lan => return "lan",
        Mode::Macvlan => return "macvlan",
        Mode::Bridge | Mode::Routed => {}
    }
    match (network.internal, network.bridge.is_none()) {
        (true, true) => "internal, routed",
        (true, false) => "internal",
        (false, true) => "routed",
        (false, false) => "",
    }
}

/// The two lines beside the arrows between outside and host: out, in.
pub(super) fn ways(graph: &Graph) -> (Option<String>, Option<String>) {
    let open = |nat: bool, words: &str| {
        let all = graph.open_networks().filter(|n| n.nat == nat);
        let names: Vec<&str> = all.map(|n| n.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("{words}: {}", names.join(", ")))
    };
    let out: Vec<String> = [
        open(true, "out, masqueraded"),
        open(false, "out and in, with their own addresses"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let ports = published(graph);
    (
        (!out.is_empty()).then(|| out.join("; ")),
        (!ports.is_empty()).then(|| format!("in, to published ports: {}", ports.join(", "))),
    )
}

/// The published ports of the host, neighbours as ranges, those of the same protocol together.
fn published(graph: &Graph) -> Vec<String> {
    let all = graph.nodes.iter().flat_map(|n| &n.ports);
    let mut all: Vec<_> = all.map(|p| (p.protocol, p.address, p.ports)).collect();
    all.sort_unstable();
    let mut merged: Vec<(Protocol, Option<IpAddr>, (u16, u16))> = Vec::new();
    for (protocol, address, (first, last)) in all {
        match merged.last_mut() {
            Some((p, a, range))
                if (*p, *a) == (protocol, address) && first <= range.1.saturating_add(1) =>
            {
                range.1 = range.1.max(last);
            }
            _ => merged.push((protocol, address, (first, last))),
        }
    }
    let words = merged
        .into_iter()
        .map(|(protocol, address, (first, last))| {
            let address = match address {
                Some(IpAddr::V6(a)) => format!("[{a}]:"),
                Some(IpAddr::V4(a)) => format!("{a}:"),
                None => String::new(),
            };
            let range = match last > first {
                true => format!("{first}-{last}"),
                false => first.to_string(),
            };
            match protocol {
                Protocol::Tcp => format!("{address}{range}"),
                other => format!("{address}{range}/{other}"),
            }
        });
    words.collect()
}
