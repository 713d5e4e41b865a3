//! The grammar of filters: it makes a tree of tests from words.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_plan::Settled;
use ipnet::IpNet;

use super::test::{End, NetworkProtocol, Test};
use super::token::{FilterError, Token, tokens};

/// The kind of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Host,
    Net,
    Port,
    PortRange,
}

/// The words before an identifier; they apply to the next one too (`port 80 or 443`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Qualifiers {
    protocol: Option<&'static str>,
    end: End,
    id: Id,
}

const PROTOCOLS: [&str; 8] = ["tcp", "udp", "sctp", "icmp", "icmp6", "arp", "ip", "ip6"];
/// The deepest nesting of parentheses and negations, so that no input overflows the stack.
const DEPTH: usize = 64;
/// The most words of a filter, for the same reason.
const WORDS: usize = 1000;

/// Reads a filter; names of the project's nodes and networks stand for their addresses. `None` is
/// the empty filter.
pub(super) fn parse(text: &str, settled: &Settled) -> Result<Option<Test>, FilterError> {
    let tokens = tokens(text);
    if tokens.is_empty() {
        return Ok(None);
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
    let test = reader.expression()?;
    match reader.peek() {
        None => Ok(Some(test)),
        Some(token) if token.text == ")" => {
            Err(token.wrong("this parenthesis was not opened", "remove it"))
        }
        Some(token) => Err(token.wrong(
            format!("{:?} does not belong here", token.text),
            "join tests with and or or",
        )),
    }
}

/// Every name, with its prefixes and whether it is the name of a network.
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
            help: "for example: host 10.0.0.2 and tcp port 80".into(),
            offset: self.end,
            length: 1,
        }
    }

    /// `and` and `or` have the same precedence and are left-associative, as in pcap-filter(7).
    fn expression(&mut self) -> Result<Test, FilterError> {
        let mut test = self.term()?;
        loop {
            if self.take(&["and", "&&"]).is_some() {
                test = Test::All(vec![test, self.term()?]);
            } else if self.take(&["or", "||"]).is_some() {
                test = Test::Any(vec![test, self.term()?]);
            } else {
                return Ok(test);
            }
        }
    }

    fn term(&mut self) -> Result<Test, FilterError> {
        let Some(token) = self.peek() else {
            return Err(self.ended("a test"));
        };
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(token.wrong("the filter is nested too deeply", "make it simpler"));
        }
        let test = if self.take(&["not", "!"]).is_some() {
            Test::Not(Box::new(self.term()?))
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
        Ok(test)
    }

    fn end(&mut self) -> Option<End> {
        let first = self.take(&["src", "dst"])?;
        let before = self.at;
        if let Some(join) = self.take(&["or", "and"])
            && let Some(second) = self.take(&["src", "dst"])
            && second != first
        {
            let end = if join == "or" { End::Either } else { End::Both };
            return Some(end);
        }
        self.at = before;
        Some(if first == "src" {
            End::Source
        } else {
            End::Destination
        })
    }

    fn primitive(&mut self) -> Result<Test, FilterError> {
        let start = self.at;
        let protocol = PROTOCOLS.into_iter().find(|p| self.take(&[p]).is_some());
        let end = self.end();
        let id = match self.take(&["host", "net", "port", "portrange"]) {
            Some("host") => Some(Id::Host),
            Some("net") => Some(Id::Net),
            Some("port") => Some(Id::Port),
            Some(_) => Some(Id::PortRange),
            None => None,
        };
        if let (Some(protocol), None, None) = (protocol, end, id) {
            return Ok(protocol_test(protocol));
        }
        let qualifiers = if self.at == start {
            // A bare identifier takes the qualifiers of the one before it.
            self.last.unwrap_or(Qualifiers {
                protocol: None,
                end: End::Either,
                id: Id::Host,
            })
        } else {
            Qualifiers {
                protocol,
                end: end.unwrap_or(End::Either),
                id: id.unwrap_or(Id::Host),
            }
        };
        let Some(token) = self.peek() else {
            return Err(self.ended(match qualifiers.id {
                Id::Host => "an address or a node",
                Id::Net => "a prefix or a network",
                Id::Port => "a port",
                Id::PortRange => "a range of ports",
            }));
        };
        let test = match qualifiers.id {
            Id::Host => self.host(token, qualifiers.end, self.at == start)?,
            Id::Net => self.net(token, qualifiers.end)?,
            Id::Port => ports(token, qualifiers.end, false)?,
            Id::PortRange => ports(token, qualifiers.end, true)?,
        };
        self.at += 1;
        self.last = Some(qualifiers);
        match qualifiers.protocol {
            None => Ok(test),
            Some(protocol) => {
                let has_ports = matches!(protocol, "tcp" | "udp" | "sctp" | "ip" | "ip6");
                if matches!(test, Test::Ports(..)) && !has_ports {
                    return Err(
                        token.wrong(format!("{protocol} has no ports"), "write tcp, udp or sctp")
                    );
                }
                Ok(Test::All(vec![protocol_test(protocol), test]))
            }
        }
    }

    /// `bare`: without a keyword before it, so it may be a misspelt keyword as well.
    fn host(&self, token: Token<'_>, end: End, bare: bool) -> Result<Test, FilterError> {
        if let Some((false, nets)) = self.names.get(token.text) {
            return Ok(Test::Net(end, nets.clone()));
        }
        if let Ok(address) = token.text.parse::<IpAddr>() {
            return Ok(Test::Net(end, vec![address.into()]));
        }
        if self.names.contains_key(token.text) || token.text.parse::<IpNet>().is_ok() {
            let help = format!("write net {}", token.text);
            return Err(token.wrong(format!("{} is not a single host", token.text), help));
        }
        let nodes = self.names.iter().filter(|(_, (network, _))| !network);
        let known: Vec<&str> = nodes.map(|(name, _)| *name).collect();
        let words = format!(
            "{} src dst host net port portrange and or not",
            PROTOCOLS.join(" ")
        );
        let message = if bare {
            format!(
                "{:?} is not a filter keyword, a node or an address",
                token.text
            )
        } else {
            format!("{:?} is not a node or an address", token.text)
        };
        Err(token.wrong(
            message,
            match (bare, known.is_empty()) {
                (true, _) => format!("the keywords are {words}; for example: tcp port 80"),
                (false, true) => "write an address, like host 10.0.0.2".into(),
                (false, false) => format!("nodes: {}", known.join(", ")),
            },
        ))
    }

    fn net(&self, token: Token<'_>, end: End) -> Result<Test, FilterError> {
        if let Some((_, nets)) = self.names.get(token.text) {
            return Ok(Test::Net(end, nets.clone()));
        }
        let address = token.text.parse::<IpAddr>().map(IpNet::from);
        let Ok(net) = token.text.parse::<IpNet>().or(address) else {
            let message = format!("{:?} is not a network or a prefix", token.text);
            return Err(token.wrong(message, "write it like net 10.0.0.0/24"));
        };
        if net.trunc() != net {
            let message = format!("{net} has bits set beyond its prefix length");
            return Err(token.wrong(message, format!("write net {}", net.trunc())));
        }
        Ok(Test::Net(end, vec![net]))
    }
}

fn protocol_test(protocol: &str) -> Test {
    match protocol {
        "tcp" => Test::Protocol(6),
        "udp" => Test::Protocol(17),
        "sctp" => Test::Protocol(132),
        "icmp" => Test::Icmp(NetworkProtocol::Ip, 1),
        "icmp6" => Test::Icmp(NetworkProtocol::Ip6, 58),
        "arp" => Test::Network(NetworkProtocol::Arp),
        "ip" => Test::Network(NetworkProtocol::Ip),
        _ => Test::Network(NetworkProtocol::Ip6),
    }
}

fn ports(token: Token<'_>, end: End, range: bool) -> Result<Test, FilterError> {
    let number = |text: &str| text.parse::<u16>().ok();
    let read = match token.text.split_once('-') {
        Some((first, last)) if range => number(first).zip(number(last)),
        None => number(token.text).map(|port| (port, port)),
        Some(_) => {
            return Err(token.wrong(
                format!("{:?} is not a single port", token.text),
                format!("write portrange {}", token.text),
            ));
        }
    };
    match read {
        Some((first, last)) if first <= last => Ok(Test::Ports(end, first, last)),
        _ => Err(token.wrong(
            format!(
                "{:?} is not a valid {}",
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
