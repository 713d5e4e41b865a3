//! Which packets a capture shows: a small part of the pcap-filter language (pcap-filter(7)),
//! read into a tree and asked about packets whose headers are known.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use hallway_plan::Settled;

/// What a filter may ask of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// The packet's kind.
    pub network: Kind,
    /// The transport protocol's number.
    pub protocol: Option<u8>,
    /// From and to; for ARP who tells and who is asked for.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// From and to, of TCP and UDP.
    pub ports: Option<(u16, u16)>,
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// ARP.
    Arp,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Anything else.
    #[default]
    Other,
}

/// A filter; the empty one lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter(Option<Node>);

/// What is wrong with a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// In one sentence.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// How long it is, in bytes; at least 1.
    pub length: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Network(Kind),
    Protocol(u8),
    /// ICMP of its own family only.
    Icmp(Kind, u8),
    Net(Way, Vec<IpNet>),
    Ports(Way, u16, u16),
}

/// Which end a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Source,
    Destination,
    Either,
    Both,
}

/// What an identifier stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Host,
    Net,
    Port,
    PortRange,
}

/// The words that stand before an identifier; they hold for the next one too (`port 80 or 443`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Qualifiers {
    protocol: Option<&'static str>,
    way: Way,
    kind: Type,
}

const PROTOCOLS: [&str; 7] = ["tcp", "udp", "icmp", "icmp6", "arp", "ip", "ip6"];
/// Parentheses and negations within one another; enough for people, and no stack overflows.
const DEPTH: usize = 64;
/// The most words a filter may have, for the same reason.
const WORDS: usize = 1000;

impl Filter {
    /// Reads a filter; names of the project's nodes and networks stand for their addresses.
    ///
    /// # Errors
    /// What is not understood, with its place.
    pub fn parse(text: &str, settled: &Settled) -> Result<Self, FilterError> {
        let tokens = tokens(text);
        if tokens.is_empty() {
            return Ok(Self(None));
        }
        if let Some(token) = tokens.get(WORDS) {
            return Err(token.wrong("the filter is too long", "use net for many addresses"));
        }
        let mut reader = Reader {
            tokens: &tokens,
            at: 0,
            end: text.len(),
            names: names(settled),
            last: None,
            depth: 0,
        };
        let node = reader.expression()?;
        match reader.peek() {
            None => Ok(Self(Some(node))),
            Some(token) if token.text == ")" => {
                Err(token.wrong("this parenthesis was not opened", "take it away"))
            }
            Some(token) => Err(token.wrong(
                format!("{:?} does not belong here", token.text),
                "join tests with and or or",
            )),
        }
    }

    /// Whether it lets the packet through.
    #[must_use]
    pub fn matches(&self, facts: &Facts) -> bool {
        self.0.as_ref().is_none_or(|node| node.matches(facts))
    }
}

impl Node {
    fn matches(&self, facts: &Facts) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|n| n.matches(facts)),
            Self::Any(nodes) => nodes.iter().any(|n| n.matches(facts)),
            Self::Not(node) => !node.matches(facts),
            Self::Network(kind) => facts.network == *kind,
            Self::Protocol(number) => facts.protocol == Some(*number),
            Self::Icmp(kind, number) => facts.network == *kind && facts.protocol == Some(*number),
            Self::Net(way, nets) => way.test(facts.addresses, |address| {
                nets.iter().any(|net| net.contains(&address))
            }),
            Self::Ports(way, first, last) => {
                way.test(facts.ports, |port| (*first..=*last).contains(&port))
            }
        }
    }
}

impl Way {
    fn test<T: Copy>(self, ends: Option<(T, T)>, is: impl Fn(T) -> bool) -> bool {
        ends.is_some_and(|(source, destination)| match self {
            Self::Source => is(source),
            Self::Destination => is(destination),
            Self::Either => is(source) || is(destination),
            Self::Both => is(source) && is(destination),
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    offset: usize,
}

impl Token<'_> {
    fn wrong(&self, message: impl Into<String>, help: impl Into<String>) -> FilterError {
        FilterError {
            message: message.into(),
            help: help.into(),
            offset: self.offset,
            length: self.text.len().max(1),
        }
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut offset = 0;
    while let Some(rest) = text.get(offset..).filter(|r| !r.is_empty()) {
        let length = if rest.starts_with("&&") || rest.starts_with("||") {
            2
        } else if rest.starts_with(['(', ')', '!']) {
            1
        } else if let Some(space) = rest.chars().next().filter(|c| c.is_whitespace()) {
            offset += space.len_utf8();
            continue;
        } else {
            let end = |c: char| c.is_whitespace() || "()!&|".contains(c);
            // A lone & or | is a word of its own, to be refused.
            rest.find(end).filter(|at| *at > 0).unwrap_or_else(|| {
                if rest.starts_with(['&', '|']) {
                    1
                } else {
                    rest.len()
                }
            })
        };
        out.push(Token {
            text: rest.get(..length).unwrap_or_default(),
            offset,
        });
        offset += length;
    }
    out
}

/// Every name, with the prefixes it stands for and whether it is a network's.
fn names(settled: &Settled) -> BTreeMap<&str, (bool, Vec<IpNet>)> {
    let nodes = settled.nodes.iter().map(|node| {
        let addresses = node.interfaces.iter().flat_map(|i| &i.addresses);
        let nets = addresses.map(|a| IpNet::from(a.addr())).collect();
        (node.name.as_ref(), (false, nets))
    });
    let networks = settled.networks.iter().map(|network| {
        let nets = network.subnets.iter().map(|s| s.net).collect();
        (network.name.as_ref(), (true, nets))
    });
    nodes.chain(networks).collect()
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    end: usize,
    names: BTreeMap<&'a str, (bool, Vec<IpNet>)>,
    last: Option<Qualifiers>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn take(&mut self, words: &[&str]) -> Option<&'a str> {
        let token = self.peek().filter(|t| words.contains(&t.text))?;
        self.at += 1;
        Some(token.text)
    }

    fn ended(&self, wanted: &str) -> FilterError {
        FilterError {
            message: format!("the filter ends where {wanted} should follow"),
            help: "like: host 10.0.0.2 and tcp port 80".into(),
            offset: self.end,
            length: 1,
        }
    }

    /// `and` and `or` bind alike, from the left, as in pcap-filter(7).
    fn expression(&mut self) -> Result<Node, FilterError> {
        let mut node = self.term()?;
        loop {
            if self.take(&["and", "&&"]).is_some() {
                node = Node::All(vec![node, self.term()?]);
            } else if self.take(&["or", "||"]).is_some() {
                node = Node::Any(vec![node, self.term()?]);
            } else {
                return Ok(node);
            }
        }
    }

    fn term(&mut self) -> Result<Node, FilterError> {
        let Some(token) = self.peek() else {
            return Err(self.ended("a test"));
        };
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(token.wrong("the filter is nested too deeply", "make it simpler"));
        }
        let node = if self.take(&["not", "!"]).is_some() {
            Node::Not(Box::new(self.term()?))
        } else if self.take(&["("]).is_some() {
            let inner = self.expression()?;
            if self.take(&[")"]).is_none() {
                return Err(token.wrong("this parenthesis is not closed", "close it with )"));
            }
            inner
        } else {
            self.primitive()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn way(&mut self) -> Option<Way> {
        let first = self.take(&["src", "dst"])?;
        let before = self.at;
        if let Some(join) = self.take(&["or", "and"])
            && let Some(second) = self.take(&["src", "dst"])
            && second != first
        {
            let way = if join == "or" { Way::Either } else { Way::Both };
            return Some(way);
        }
        self.at = before;
        Some(if first == "src" {
            Way::Source
        } else {
            Way::Destination
        })
    }

    fn primitive(&mut self) -> Result<Node, FilterError> {
        let start = self.at;
        let protocol = PROTOCOLS.into_iter().find(|p| self.take(&[p]).is_some());
        let way = self.way();
        let kind = match self.take(&["host", "net", "port", "portrange"]) {
            Some("host") => Some(Type::Host),
            Some("net") => Some(Type::Net),
            Some("port") => Some(Type::Port),
            Some(_) => Some(Type::PortRange),
            None => None,
        };
        if let (Some(protocol), None, None) = (protocol, way, kind) {
            return Ok(protocol_node(protocol));
        }
        let qualifiers = if self.at == start {
            // A bare identifier means what the one before it meant.
            self.last.unwrap_or(Qualifiers {
                protocol: None,
                way: Way::Either,
                kind: Type::Host,
            })
        } else {
            Qualifiers {
                protocol,
                way: way.unwrap_or(Way::Either),
                kind: kind.unwrap_or(Type::Host),
            }
        };
        let Some(token) = self.peek() else {
            return Err(self.ended(match qualifiers.kind {
                Type::Host => "an address or a node",
                Type::Net => "a prefix or a network",
                Type::Port => "a port",
                Type::PortRange => "a range of ports",
            }));
        };
        let test = match qualifiers.kind {
            Type::Host => self.host(token, qualifiers.way, self.at == start)?,
            Type::Net => self.net(token, qualifiers.way)?,
            Type::Port => ports(token, qualifiers.way, false)?,
            Type::PortRange => ports(token, qualifiers.way, true)?,
        };
        self.at += 1;
        self.last = Some(qualifiers);
        match qualifiers.protocol {
            None => Ok(test),
            Some(protocol) => {
                let has_ports = matches!(protocol, "tcp" | "udp" | "ip" | "ip6");
                if matches!(test, Node::Ports(..)) && !has_ports {
                    return Err(token.wrong(format!("{protocol} has no ports"), "say tcp or udp"));
                }
                Ok(Node::All(vec![protocol_node(protocol), test]))
            }
        }
    }

    /// `bare`: no word says that this is a host, so it may be a misspelt word as well.
    fn host(&self, token: Token<'_>, way: Way, bare: bool) -> Result<Node, FilterError> {
        if let Some((false, nets)) = self.names.get(token.text) {
            return Ok(Node::Net(way, nets.clone()));
        }
        if let Ok(address) = token.text.parse::<IpAddr>() {
            return Ok(Node::Net(way, vec![address.into()]));
        }
        if self.names.contains_key(token.text) || token.text.parse::<IpNet>().is_ok() {
            let help = format!("write net {}", token.text);
            return Err(token.wrong(format!("{} is no single host", token.text), help));
        }
        let nodes = self.names.iter().filter(|(_, (network, _))| !network);
        let known: Vec<&str> = nodes.map(|(name, _)| *name).collect();
        let words = format!(
            "{} src dst host net port portrange and or not",
            PROTOCOLS.join(" ")
        );
        let message = if bare {
            format!(
                "{:?} is no word of filters, no node and no address",
                token.text
            )
        } else {
            format!("{:?} is no node and no address", token.text)
        };
        Err(token.wrong(
            message,
            match (bare, known.is_empty()) {
                (true, _) => format!("filters are made of {words}, like: tcp port 80"),
                (false, true) => "write an address, like host 10.0.0.2".into(),
                (false, false) => format!("nodes: {}", known.join(", ")),
            },
        ))
    }

    fn net(&self, token: Token<'_>, way: Way) -> Result<Node, FilterError> {
        if let Some((_, nets)) = self.names.get(token.text) {
            return Ok(Node::Net(way, nets.clone()));
        }
        let address = token.text.parse::<IpAddr>().map(IpNet::from);
        let Ok(net) = token.text.parse::<IpNet>().or(address) else {
            let message = format!("{:?} is no network and no prefix", token.text);
            return Err(token.wrong(message, "write it like net 10.0.0.0/24"));
        };
        if net.trunc() != net {
            let message = format!("{net} has bits beyond its length");
            return Err(token.wrong(message, format!("write net {}", net.trunc())));
        }
        Ok(Node::Net(way, vec![net]))
    }
}

fn protocol_node(protocol: &str) -> Node {
    match protocol {
        "tcp" => Node::Protocol(6),
        "udp" => Node::Protocol(17),
        "icmp" => Node::Icmp(Kind::Ip, 1),
        "icmp6" => Node::Icmp(Kind::Ip6, 58),
        "arp" => Node::Network(Kind::Arp),
        "ip" => Node::Network(Kind::Ip),
        _ => Node::Network(Kind::Ip6),
    }
}

fn ports(token: Token<'_>, way: Way, range: bool) -> Result<Node, FilterError> {
    let number = |text: &str| text.parse::<u16>().ok();
    let read = match token.text.split_once('-') {
        Some((first, last)) if range => number(first).zip(number(last)),
        None => number(token.text).map(|port| (port, port)),
        Some(_) => {
            return Err(token.wrong(
                format!("{:?} is no single port", token.text),
                format!("write portrange {}", token.text),
            ));
        }
    };
    match read {
        Some((first, last)) if first <= last => Ok(Node::Ports(way, first, last)),
        _ => Err(token.wrong(
            format!(
                "{:?} is no {}",
                token.text,
                if range { "range of ports" } else { "port" }
            ),
            if range {
                "write it like portrange 8000-8010"
            } else {
                "ports are numbers up to 65535, like port 80"
            },
        )),
    }
}
