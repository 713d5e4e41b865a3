//! Random projects: networks, nodes, links and policies in every allowed combination.

use std::fmt::Write as _;

use proptest::prelude::*;

/// What a network of macvlan interfaces has: a link of the host that tests have to make.
const PARENT: &str = ", parent: wire0";

/// A network: its IP versions, and its kind.
#[derive(Debug, Clone)]
pub struct Network {
    /// 0: IPv4, 1: IPv6, else both.
    family: u8,
    /// 0: internal, 1: outside, 2: routed, 6: of macvlan interfaces, if it is the first of these, 7: without
    /// NAT, 8: a lan, 9: a lan with the subnet of another one, if there is one, else a plain bridge.
    kind: u8,
}

/// A node with its networks and ports.
#[derive(Debug, Clone)]
pub struct Node {
    networks: Vec<usize>,
    published: Option<u16>,
    forwarding: bool,
    /// It also has a route to this network through the host.
    intruder: Option<usize>,
    /// A router masquerades on the networks whose bits are set.
    masquerade: u8,
    /// A program that shares its namespace, and listens there.
    sidecar: bool,
}

/// A policy, by numbers.
#[derive(Debug, Clone)]
pub struct Policy {
    deny: bool,
    between: bool,
    from: u8,
    to: u8,
    service: u8,
}

/// A project that can be written as a file.
#[derive(Debug, Clone)]
pub struct Project {
    networks: Vec<Network>,
    nodes: Vec<Node>,
    links: Vec<(usize, usize, u8)>,
    policies: Vec<Policy>,
}

fn network() -> impl Strategy<Value = Network> {
    (0..8u8, 0..10u8).prop_map(|(family, kind)| Network { family, kind })
}

fn node() -> impl Strategy<Value = Node> {
    (
        prop::collection::vec(0..5usize, 0..3),
        prop::option::weighted(0.4, 0..7u16),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.5, 0..5usize),
        0..8u8,
        prop::bool::weighted(0.15),
    )
        .prop_map(
            |(networks, published, forwarding, intruder, masquerade, sidecar)| Node {
                networks,
                published,
                forwarding,
                intruder,
                masquerade,
                sidecar,
            },
        )
}

fn policy() -> impl Strategy<Value = Policy> {
    (
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.2),
        0..24u8,
        0..24u8,
        0..10u8,
    )
        .prop_map(|(deny, between, from, to, service)| Policy {
            deny,
            between,
            from,
            to,
            service,
        })
}

/// A random project.
pub fn project() -> impl Strategy<Value = Project> {
    (
        prop::collection::vec(network(), 1..=5),
        prop::collection::vec(node(), 2..=12),
        prop::collection::vec((0..12usize, 0..12usize, 0..6u8), 0..3),
        prop::collection::vec(policy(), 0..6),
    )
        .prop_map(|(networks, nodes, links, policies)| Project {
            networks,
            nodes,
            links,
            policies,
        })
}

impl Project {
    fn subnets(&self, at: usize) -> Vec<(String, String)> {
        let mut out = Vec::new();
        let number = 20 + self.numbered(at);
        if self.networks[at].family != 1 {
            out.push((format!("10.{number}.0.0/24"), format!("10.{number}.0.1")));
        }
        if self.networks[at].family == 1 || self.networks[at].family > 2 {
            out.push((format!("fd{number}::/64"), format!("fd{number}::1")));
        }
        out
    }

    /// The network whose subnets it has: itself, or another lan.
    fn numbered(&self, at: usize) -> usize {
        let other = self.networks.iter().position(|n| n.kind == 8);
        other.filter(|_| self.networks[at].kind == 9).unwrap_or(at)
    }

    /// Whether its nodes have macvlan interfaces: each such network has a parent of its own.
    fn is_macvlan(&self, at: usize) -> bool {
        self.networks.iter().position(|n| n.kind == 6) == Some(at)
    }

    /// The addresses that the host has on the parent.
    pub fn addresses_on_parent(&self) -> Vec<String> {
        let mut all = 0..self.networks.len();
        let network = all.find(|at| self.is_macvlan(*at));
        let subnets = network.map(|at| self.subnets(at)).unwrap_or_default();
        let host = |(net, _): &(String, String)| match net.strip_suffix("0/24") {
            Some(net) => format!("{net}250/24"),
            None => format!("{}250/64", net.trim_end_matches("/64")),
        };
        subnets.iter().map(host).collect()
    }

    fn member(&self, node: &Node) -> Vec<usize> {
        let mut out: Vec<usize> = Vec::new();
        for at in &node.networks {
            let at = at % self.networks.len();
            // A node on an outside network is not on another one too.
            let mixed = out
                .iter()
                .any(|o| (self.networks[*o].kind == 1) != (self.networks[at].kind == 1));
            let like = |o: &usize| self.numbered(*o) == self.numbered(at);
            if !out.iter().any(like) && !mixed {
                out.push(at);
            }
        }
        out
    }

    fn endpoint(&self, number: u8) -> String {
        match number {
            0 => "host".into(),
            1 => "outside".into(),
            2 => "any".into(),
            3 => "10.21.0.0/25".into(),
            4 => "10.20.0.2/32".into(),
            5 => "\"fd21::/64\"".into(),
            6..12 => format!("net{}", usize::from(number) % self.networks.len()),
            _ => {
                let node = usize::from(number) % self.nodes.len();
                let sidecar = self.nodes[node].sidecar && number.is_multiple_of(2);
                format!("{}{node}", if sidecar { "s" } else { "n" })
            }
        }
    }

    fn policy(&self, policy: &Policy) -> String {
        let (from, to) = (self.endpoint(policy.from), self.endpoint(policy.to));
        let ends = if policy.between && from != to {
            format!("between: [{from}, {to}]")
        } else {
            format!("from: {from}, to: {to}")
        };
        let action = if policy.deny { "deny" } else { "allow" };
        let ports = match policy.service {
            0 => ", ports: [80/tcp]",
            1 => ", ports: [70-90/tcp, 53/udp]",
            2 => ", ports: [icmp]",
            3 => ", ports: [udp]",
            4 => ", ports: [tcp, icmp]",
            5 => ", ports: [gre, sctp]",
            6 => ", ports: [38412/sctp, ip/200]",
            _ => "",
        };
        format!("  - {{ action: {action}, {ends}{ports} }}\n")
    }

    fn text(&self, policies: &[&Policy]) -> String {
        let mut out = String::from("name: p\nnetworks:\n");
        for at in 0..self.networks.len() {
            out.push_str(&self.network_text(at));
        }
        out.push_str("nodes:\n");
        for (at, node) in self.nodes.iter().enumerate() {
            out.push_str(&self.node_text(at, node));
            if node.sidecar {
                writeln!(
                    out,
                    "  s{at}: {{ namespace: node:n{at}, command: hallway serve 80 53/udp, ready: [80/tcp, 53/udp] }}"
                )
                .unwrap();
            }
        }
        let links: Vec<String> = (self.links.iter().enumerate())
            .map(|(at, (a, b, kind))| (at, a % self.nodes.len(), b % self.nodes.len(), kind))
            .filter(|(_, a, b, _)| a != b)
            .map(|(at, a, b, kind)| {
                let ends = match kind % 3 {
                    0 => (format!("10.9.{at}.1/24"), format!("10.9.{at}.2/24")),
                    1 => (
                        format!("\"fd09:{at}::1/64\""),
                        format!("\"fd09:{at}::2/64\""),
                    ),
                    _ => (
                        format!("[10.9.{at}.1/24, \"fd09:{at}::1/64\"]"),
                        format!("[10.9.{at}.2/24, \"fd09:{at}::2/64\"]"),
                    ),
                };
                let end =
                    |node: usize, address: String| match *kind > 2 && self.nodes[node].forwarding {
                        true => format!("n{node}: {{ address: {address}, masquerade: true }}"),
                        false => format!("n{node}: {address}"),
                    };
                format!(
                    "  - endpoints: {{ {}, {} }}\n",
                    end(a, ends.0),
                    end(b, ends.1)
                )
            })
            .collect();
        if !links.is_empty() {
            out.push_str("links:\n");
            out.push_str(&links.concat());
        }
        if !policies.is_empty() {
            out.push_str("policies:\n");
            for policy in policies {
                out.push_str(&self.policy(policy));
            }
        }
        out
    }

    /// The addresses of a router on a network.
    fn of_router(&self, network: usize, at: usize) -> Vec<String> {
        let host = |net: &str| match net.split_once("0/24") {
            Some((net, _)) => format!("\"{net}{}\"", 100 + at),
            None => format!("\"{}{}\"", net.trim_end_matches("/64"), 100 + at),
        };
        self.subnets(network).iter().map(|s| host(&s.0)).collect()
    }

    /// Next hops from one network to another: a router that is on both, or the host.
    fn next_hops(&self, from: usize, to: usize) -> Vec<String> {
        let on = |node: &Node, network| self.member(node).contains(&network);
        let mut nodes = self.nodes.iter().enumerate();
        let router = nodes.find(|(_, n)| n.forwarding && on(n, from) && on(n, to));
        match router {
            Some((at, _)) => {
                let hops = self.of_router(from, at).into_iter();
                hops.map(|hop| hop.trim_matches('"').to_owned()).collect()
            }
            None if self.networks[self.numbered(from)].kind == 8 => Vec::new(),
            None if self.is_macvlan(from) => Vec::new(),
            None => self.subnets(from).into_iter().map(|s| s.1).collect(),
        }
    }

    fn network_text(&self, at: usize) -> String {
        let network = &self.networks[at];
        let mut out = String::new();
        let subnets: Vec<String> = self
            .subnets(at)
            .iter()
            .map(|s| format!("\"{}\"", s.0))
            .collect();
        let kind = match network.kind {
            0 => ", internal: true",
            1 => ", outside: true",
            2 => ", mode: routed",
            6 if self.is_macvlan(at) => PARENT,
            7 => ", nat: false",
            8 => ", mode: lan",
            9 if self.numbered(at) != at => ", mode: lan",
            _ => "",
        };
        writeln!(
            out,
            "  net{at}: {{ subnet: [{}]{kind} }}",
            subnets.join(", ")
        )
        .unwrap();
        out
    }

    fn node_text(&self, at: usize, node: &Node) -> String {
        let mut out = String::new();
        let networks = self.member(node);
        let names: Vec<String> = networks
            .iter()
            .map(|n| match node.forwarding {
                // Other networks have routes through it.
                true => format!(
                    "net{n}: {{ address: [{}], masquerade: {} }}",
                    self.of_router(*n, at).join(", "),
                    node.masquerade & (1 << (n % 3)) != 0
                ),
                false => format!("net{n}: {{}}"),
            })
            .collect();
        write!(out, "  n{at}: {{ networks: {{ {} }}", names.join(", ")).unwrap();
        let external = networks.iter().any(|n| self.networks[*n].kind > 1);
        if let (Some(port), true) = (node.published, external) {
            let entry = match port {
                0 => format!("{}:80", 8000 + at),
                1 => format!("{}:53/udp", 8000 + at),
                2 => format!("{0}-{1}:{0}-{1}", 9000 + at * 10, 9002 + at * 10),
                // Too long for localhost.
                3 => format!("{0}-{1}:{0}-{1}", 10000 + at * 4200, 14199 + at * 4200),
                4 => format!("{0}-{1}:{0}-{1}/udp", 10000 + at * 4200, 14199 + at * 4200),
                5 => format!("{}:38412/sctp", 8000 + at),
                _ => format!("{}:80\", \"{}:53/udp", 8000 + at, 8000 + at),
            };
            write!(out, ", ports: [\"{entry}\"]").unwrap();
        }
        if node.forwarding {
            out.push_str(", forwarding: true");
        }
        let first = networks.first().filter(|n| self.networks[**n].kind != 0);
        let first = first.filter(|_| !node.forwarding);
        if let (Some(to), Some(first)) = (node.intruder, first) {
            let to = to % self.networks.len();
            let own = self.next_hops(*first, to);
            let routes: Vec<String> = (self.subnets(to).iter())
                .filter(|_| {
                    networks
                        .iter()
                        .all(|n| self.numbered(*n) != self.numbered(to))
                })
                .filter_map(|(subnet, _)| {
                    let same = own
                        .iter()
                        .find(|hop| hop.contains(':') == subnet.contains(':'))?;
                    Some(format!("{{ to: \"{subnet}\", via: \"{same}\" }}"))
                })
                .collect();
            write!(out, ", routes: [{}]", routes.join(", ")).unwrap();
        }
        out.push_str(" }\n");
        out
    }

    /// Its file, without the policies that hallway refuses because they could have no effect; `None`
    /// if it has another problem.
    pub fn file(&self) -> Option<String> {
        let mut policies: Vec<&Policy> = self.policies.iter().collect();
        loop {
            let text = self.text(&policies);
            let Err(problems) = hallway_spec::parse("p.yaml", &text) else {
                return Some(text);
            };
            let key = problems.problems.iter().find_map(|p| {
                let key = &p.place.key;
                let rest = key.strip_prefix("policies[")?;
                rest.split_once(']')?.0.parse::<usize>().ok()
            });
            policies.remove(key?);
        }
    }
}

/// The meaning of a topology, as text without places: equal for two files with the same meaning.
pub fn without_places(topology: &hallway_spec::Topology) -> String {
    let text = format!("{topology:?}");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("Place {") {
        out.push_str(before);
        rest = after.split_once('}').unwrap().1;
    }
    out + rest
}
