//! Ports: published in the short and the long form, and exposed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_spec::problem::ValueProblem;
use hallway_spec::{Place, PortName, Protocol, PublishText, Value};

use super::port_names::Names;
use crate::findings::Findings;
use crate::surroundings::{NodePort, Surroundings};

/// An inclusive range of ports.
pub(super) type Range = (u16, u16);

/// One published port, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) place: Place,
    /// The name of the node's ports.
    pub(super) name: Option<PortName>,
    pub(super) host_address: Option<String>,
    /// The host's ports; any free one when absent.
    pub(super) host: Option<Range>,
    pub(super) node: Range,
    pub(super) protocol: String,
}

const SHORT: &str = "a port like \"8080:80\", \"127.0.0.1:8080:80/tcp\" or \"3000\"";

/// Reads `ports:`.
pub(super) fn published(value: &Value, findings: &mut Findings) -> Vec<Port> {
    let mut out: Vec<Port> = Vec::new();
    let mut names = Names::default();
    for item in value.items() {
        let port = if item.is_map() {
            long(item, findings)
        } else {
            let read = item.text().and_then(|text| short(text, &item.place));
            if read.is_none() {
                refuse(item, findings);
            }
            read
        };
        let Some(mut port) = port else { continue };
        port.name = names.read(item, (port.node, port.protocol.clone()), findings);
        let same = |p: &Port| {
            Port {
                place: port.place.clone(),
                ..p.clone()
            } == port
        };
        if !out.iter().any(same) {
            out.push(port);
        }
    }
    out
}

/// Reports a port that cannot be read, with the reason that a hallway file gives.
fn refuse(item: &Value, findings: &mut Findings) {
    match item.text().map(str::parse::<PublishText>) {
        Some(Err(error)) => findings.problem(&item.place, ValueProblem::Publish(error)),
        _ => findings.unexpected(item, SHORT),
    }
}

/// `[[ip:][host[-range]]:]node[-range][/protocol]`.
fn short(text: &str, place: &Place) -> Option<Port> {
    let (rest, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let (rest, node) = match rest.rsplit_once(':') {
        Some((rest, node)) => (Some(rest), node),
        None => (None, rest),
    };
    let node = range(node)?;
    let protocol = protocol.to_ascii_lowercase();
    protocol.parse::<Protocol>().ok()?;
    let (address, host) = match rest {
        None => (None, None),
        Some(rest) => {
            let (address, host) = match rest.rsplit_once(':') {
                Some((address, host)) => (Some(address), host),
                None => (None, rest),
            };
            let host = match host {
                "" | "0" => None,
                host => Some(range(host)?),
            };
            (address, host)
        }
    };
    let address = address.filter(|a| !a.is_empty()).map(bare);
    if address
        .as_ref()
        .is_some_and(|a| a.parse::<IpAddr>().is_err())
    {
        return None;
    }
    fits(host, node).then(|| Port {
        place: place.clone(),
        name: None,
        host_address: address,
        host,
        node,
        protocol,
    })
}

/// An address without brackets.
fn bare(address: &str) -> String {
    let inner = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
    inner.unwrap_or(address).to_owned()
}

/// Ranges have the same length, or the host's range has several ports to choose one from.
fn fits(host: Option<Range>, node: Range) -> bool {
    let length = |range: Range| range.1 - range.0;
    host.is_none_or(|host| length(host) == length(node) || node.0 == node.1)
}

/// `80`, or `8000-8010`.
pub(super) fn range(text: &str) -> Option<Range> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|n| *n > 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = (number(first)?, number(last)?);
    (range.0 <= range.1).then_some(range)
}

fn long(value: &Value, findings: &mut Findings) -> Option<Port> {
    const EXPECTED: &str = "a port from 1 to 65535, or a range like 8000-8010";
    // One without a target is reported with the keys of the file.
    let target = value.get("target")?;
    let mut read = |value: &Value| {
        let read = value.text().and_then(range);
        if read.is_none() {
            findings.unexpected(value, EXPECTED);
        }
        read
    };
    let node = read(target)?;
    let host = match value
        .get("published")
        .filter(|p| !matches!(p.text(), Some("" | "0")))
    {
        Some(published) => Some(read(published)?),
        None => None,
    };
    let text = |key: &str| value.get(key).and_then(Value::text).map(str::to_owned);
    let address = text("host_ip").filter(|a| !a.is_empty()).map(|a| bare(&a));
    if address
        .as_ref()
        .is_some_and(|a| a.parse::<IpAddr>().is_err())
    {
        findings.unexpected(value.get("host_ip")?, "an address of the host");
        return None;
    }
    let protocol = text("protocol").map_or_else(|| "tcp".into(), |p| p.to_ascii_lowercase());
    if protocol.parse::<Protocol>().is_err() {
        findings.unexpected(value.get("protocol")?, "tcp, udp or sctp");
        return None;
    }
    if !fits(host, node) {
        findings.unexpected(value, "ranges of the same length");
        return None;
    }
    Some(Port {
        place: value.place.clone(),
        name: None,
        host_address: address,
        host,
        node,
        protocol,
    })
}

/// Chooses free ports of the host if the file does not specify them. A running project keeps its ports.
#[derive(Debug)]
pub(super) struct Chooser<'a> {
    project: String,
    surroundings: &'a Surroundings<'a>,
    /// By protocol, whether each port is used.
    used: BTreeMap<String, Vec<bool>>,
}

/// The first port that is chosen (RFC 6335 section 6).
const FIRST: u16 = 49152;

/// One more than the last port.
const PORTS: usize = 65536;

impl<'a> Chooser<'a> {
    /// Ports in the file are not chosen.
    pub(super) fn new<'p>(
        project: &str,
        surroundings: &'a Surroundings<'a>,
        named: impl Iterator<Item = &'p Port>,
    ) -> Self {
        // The number of ranges that begin or end at each port, so that wide ranges take no longer.
        let mut changes: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for port in named {
            let Some((first, last)) = port.host else {
                continue;
            };
            let all = changes
                .entry(port.protocol.clone())
                .or_insert_with(|| vec![0; PORTS + 1]);
            for (at, change) in [(usize::from(first), 1), (usize::from(last) + 1, -1)] {
                if let Some(there) = all.get_mut(at) {
                    *there += change;
                }
            }
        }
        let used = changes.into_iter().map(|(protocol, changes)| {
            let open = changes.iter().scan(0, |open, change| {
                *open += change;
                Some(*open > 0)
            });
            (protocol, open.collect())
        });
        Self {
            project: project.to_owned(),
            surroundings,
            used: used.collect(),
        }
    }

    /// The short form of a node's port, with a port of the host.
    pub(super) fn write(&mut self, port: &Port, node: &str, replica: usize) -> String {
        let length = port.node.1 - port.node.0;
        let host = match port.host {
            Some(host) if host.1 - host.0 == length => host,
            // One of several: each replica has its own.
            Some(host) => {
                let own = host.0.saturating_add(replica as u16).min(host.1);
                (own, own)
            }
            None => self.free(port, node, length),
        };
        let address = match &port.host_address {
            Some(address) if address.contains(':') => format!("[{address}]:"),
            Some(address) => format!("{address}:"),
            None => String::new(),
        };
        let text = |(first, last): Range| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        let protocol = match port.protocol.as_str() {
            "tcp" => String::new(),
            other => format!("/{other}"),
        };
        let name = port.name.as_ref().map(|name| format!("{name}="));
        let name = name.unwrap_or_default();
        format!(
            "{name}{address}{}:{}{protocol}",
            text(host),
            text(port.node)
        )
    }

    /// Unused ports; the node's own ports if there are not enough.
    fn free(&mut self, port: &Port, node: &str, length: u16) -> Range {
        let room = (u16::MAX - FIRST)
            .checked_sub(length)
            .filter(|room| *room > 0);
        let Some(room) = room.map(u64::from) else {
            return port.node;
        };
        let protocol = port.protocol.as_str();
        let kept = (self.surroundings.published)(&NodePort {
            project: &self.project,
            node,
            port: port.node.0,
            protocol,
        });
        let kept = kept.filter(|first| first.checked_add(length).is_some());
        let words = format!("{}/{node}/{}/{protocol}", self.project, port.node.0);
        let begin = crate::hash::hash(&words) % room;
        let used = self
            .used
            .entry(protocol.to_owned())
            .or_insert_with(|| vec![false; PORTS]);
        let range = |first: u16| usize::from(first)..=usize::from(first + length);
        let unused = |first: u16| used.get(range(first)).is_some_and(|p| !p.contains(&true));
        let free = |first: u16| {
            let mut ports = first..=first + length;
            unused(first) && ports.all(|p| (self.surroundings.free)(p, protocol))
        };
        let mut candidates = (0..room).map(|i| FIRST + ((begin + i) % room) as u16);
        let found = kept
            .filter(|first| unused(*first))
            .or_else(|| candidates.find(|p| free(*p)));
        let Some(first) = found else {
            return port.node;
        };
        if let Some(ports) = used.get_mut(range(first)) {
            ports.fill(true);
        }
        (first, first + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Option<String> {
        let port = short(text, &Place::default())?;
        let surroundings = Surroundings::bare();
        let mut chooser = Chooser::new("shop", &surroundings, std::iter::once(&port));
        Some(chooser.write(&port, "web", 0))
    }

    #[test]
    fn short_forms() {
        for (text, expected) in [
            ("8080:80", "8080:80"),
            ("127.0.0.1:8001:8001", "127.0.0.1:8001:8001"),
            (
                "127.0.0.1:5000-5010:5000-5010",
                "127.0.0.1:5000-5010:5000-5010",
            ),
            ("::1:6000:6000", "[::1]:6000:6000"),
            ("[::1]:6001:6001", "[::1]:6001:6001"),
            ("6060:6060/udp", "6060:6060/udp"),
            ("8000-9000:80", "8000:80"),
            ("80:80/TCP", "80:80"),
        ] {
            assert_eq!(written(text).as_deref(), Some(expected));
        }
        for text in [
            "",
            "x",
            "0",
            "1:2:3",
            "80-81:80-82",
            "host:80:80",
            "9-8",
            "80/xyz",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_kept() {
        let text = "[{ target: 80, published: 8080, name: web }, { target: 81, published: 81, name: Web UI }, { target: 82, published: 82, name: web }, { target: 80, published: 8081, name: web }]";
        let mut findings = Findings::default();
        let all = published(&Value::read(text).unwrap(), &mut findings);
        let surroundings = Surroundings::bare();
        let mut chooser = Chooser::new("shop", &surroundings, all.iter());
        let written: Vec<String> = (all.iter())
            .map(|port| chooser.write(port, "web", 0))
            .collect();
        assert_eq!(written, ["web=8080:80", "81:81", "82:82", "web=8081:80"]);
        assert_eq!(findings.notes.len(), 2);
    }

    #[test]
    fn a_free_port_is_the_same_each_time() {
        let chosen = written("3000").unwrap();
        assert_eq!(written("3000").unwrap(), chosen);
        assert!(chosen.ends_with(":3000"), "{chosen}");
        assert!(written("127.0.0.1::80").unwrap().starts_with("127.0.0.1:"));
        assert!(written("3000-3005").unwrap().ends_with(":3000-3005"));
        assert_eq!(written("1-60000").unwrap(), "1-60000:1-60000");
    }

    #[test]
    fn ports_in_use_are_not_chosen_but_kept() {
        let port = short("3000", &Place::default()).unwrap();
        let write = |surroundings: &Surroundings<'_>| {
            let mut chooser = Chooser::new("shop", surroundings, std::iter::once(&port));
            [
                chooser.write(&port, "web", 0),
                chooser.write(&port, "web", 0),
            ]
        };
        let surroundings = Surroundings {
            free: &|port, _| port % 10 == 7,
            ..Surroundings::bare()
        };
        let [first, second] = write(&surroundings);
        assert!(
            first.contains("7:3000") && second.contains("7:3000"),
            "{first} {second}"
        );
        assert_ne!(first, second);
        let surroundings = Surroundings {
            free: &|_, _| false,
            published: &|port| (port.node == "web" && port.port == 3000).then_some(50123),
            ..Surroundings::bare()
        };
        assert_eq!(write(&surroundings)[0], "50123:3000");
    }
}
