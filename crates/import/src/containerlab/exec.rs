//! Commands that a lab runs in its nodes, as settings of a node.

use std::net::IpAddr;

use hallway_spec::{Place, Value};
use ipnet::IpNet;

use crate::entries::Entries;

/// The setting of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// An address with its prefix length.
    Address { interface: String, address: String },
    /// A static route.
    Route { to: String, via: String },
    /// An address is taken away again, or all of the interface.
    NoAddress {
        interface: String,
        address: Option<String>,
    },
    /// A route is taken away again.
    NoRoute { to: String },
    /// Forwarding between the node's interfaces.
    Forwarding,
}

/// A route of a node.
pub(crate) fn route(place: &Place, to: String, via: String) -> Value {
    let mut route = Entries::default();
    route.set("to", place, Value::of_text(place, to));
    route.set("via", place, Value::of_text(place, via));
    route.into_map(place)
}

/// The settings that a command makes; `None` when it does anything else.
pub(crate) fn settings(line: &str) -> Option<Vec<Setting>> {
    let words = shell_words::split(line).ok()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // What a shell would put in is not known.
    if words.iter().any(|w| w.contains(['$', '`', '*'])) {
        return None;
    }
    let program = words.first()?.rsplit('/').next();
    match words.as_slice() {
        [_, rest @ ..] if program == Some("ip") => {
            let version = |w: &&&str| ["-4", "-6"].contains(*w);
            let rest: Vec<&str> = rest.iter().skip_while(version).copied().collect();
            ip(&rest)
        }
        [_, rest @ ..] if program == Some("sysctl") => {
            let set = rest.iter().filter(|w| !w.starts_with('-'));
            let all: Option<Vec<Setting>> = set.map(|w| forwarding(w)).collect();
            all.filter(|all| !all.is_empty())
        }
        [_, interface, rest @ ..] if program == Some("ifconfig") => ifconfig(interface, rest),
        [_, "add", rest @ ..] if program == Some("route") => {
            let rest: Vec<&str> = rest.iter().copied().filter(|w| *w != "-net").collect();
            let (to, [via, netmask, _]) = arguments(&rest, ["gw", "netmask", "dev"])?;
            let to = match to? {
                "default" => "default".to_owned(),
                to => with_length(to, netmask)?,
            };
            let via = via?.to_owned();
            Some(vec![Setting::Route { to, via }])
        }
        ["echo", "1", ">", "/proc/sys/net/ipv4/ip_forward"] => Some(vec![Setting::Forwarding]),
        _ => None,
    }
}

fn forwarding(setting: &str) -> Option<Setting> {
    let (name, value) = setting.split_once('=')?;
    let known = [
        "net.ipv4.ip_forward",
        "net.ipv4.conf.all.forwarding",
        "net.ipv6.conf.all.forwarding",
    ];
    (known.contains(&name) && value == "1").then_some(Setting::Forwarding)
}

/// The words after `ifconfig` and an interface.
fn ifconfig(interface: &str, words: &[&str]) -> Option<Vec<Setting>> {
    let words: Vec<&str> = words.iter().copied().filter(|w| *w != "up").collect();
    let (address, [netmask, _]) = arguments(&words, ["netmask", "broadcast"])?;
    let Some(address) = address else {
        return netmask.is_none().then(Vec::new);
    };
    Some(vec![Setting::Address {
        interface: interface.to_owned(),
        address: with_length(address, netmask)?,
    }])
}

/// An address or network with its prefix length.
fn with_length(address: &str, netmask: Option<&str>) -> Option<String> {
    let Some(netmask) = netmask else {
        return address.contains('/').then(|| address.to_owned());
    };
    let length = ipnet::ipv4_mask_to_prefix(netmask.parse().ok()?).ok()?;
    Some(format!("{address}/{length}"))
}

/// An address or network of ip(8) with its prefix length: without one it is a single address.
fn of_ip(text: &str) -> Option<String> {
    if text.contains('/') {
        return Some(text.to_owned());
    }
    let address: IpAddr = text.parse().ok()?;
    Some(IpNet::from(address).to_string())
}

/// Whether a word is one of these, or its beginning: `ip` accepts both.
fn is(word: &str, all: &[&str]) -> bool {
    all.iter().any(|full| full.starts_with(word))
}

/// The words after `ip`.
fn ip(words: &[&str]) -> Option<Vec<Setting>> {
    let [object, verb, rest @ ..] = words else {
        return None;
    };
    let (adds, removes) = (
        is(verb, &["add"]) || ["replace", "append"].contains(verb),
        is(verb, &["delete"]),
    );
    if is(object, &["address"]) {
        let (address, [interface, _, _]) = arguments(rest, ["dev", "broadcast", "brd"])?;
        let interface = interface?.to_owned();
        let setting = match address {
            Some(address) if adds => Setting::Address {
                interface,
                address: of_ip(address)?,
            },
            _ if removes || (*verb == "flush" && address.is_none()) => Setting::NoAddress {
                interface,
                address: address.map(str::to_owned),
            },
            _ => return None,
        };
        return Some(vec![setting]);
    }
    if is(object, &["route"]) {
        let (to, [via, _, _]) = arguments(rest, ["via", "dev", "proto"])?;
        let to = match to? {
            "default" => "default".to_owned(),
            to => of_ip(to)?,
        };
        let setting = match via {
            _ if removes => Setting::NoRoute { to },
            Some(via) if adds => Setting::Route {
                to,
                via: via.to_owned(),
            },
            _ => return None,
        };
        return Some(vec![setting]);
    }
    // Interfaces are up.
    let known = rest.iter().filter(|w| !["dev", "up"].contains(*w)).count();
    (is(object, &["link"]) && *verb == "set" && known == 1 && rest.contains(&"up")).then(Vec::new)
}

/// The one word that stands for itself, and the words after these names; none with other words.
fn arguments<'w, const N: usize>(
    words: &[&'w str],
    names: [&str; N],
) -> Option<(Option<&'w str>, [Option<&'w str>; N])> {
    let (mut own, mut named) = (None, [None; N]);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let at = names.iter().position(|name| name == word);
        let (place, value) = match at.and_then(|at| named.get_mut(at)) {
            Some(place) => (place, words.next()?),
            None => (&mut own, word),
        };
        if place.replace(*value).is_some() {
            return None;
        }
    }
    Some((own, named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(interface: &str, address: &str) -> Setting {
        Setting::Address {
            interface: interface.into(),
            address: address.into(),
        }
    }

    fn route(to: &str, via: &str) -> Setting {
        Setting::Route {
            to: to.into(),
            via: via.into(),
        }
    }

    #[test]
    fn addresses_routes_and_forwarding() {
        for (line, expected) in [
            (
                "ip addr add 10.0.1.1/24 dev eth1",
                vec![address("eth1", "10.0.1.1/24")],
            ),
            (
                "ip -6 address add dev eth1 fd00::1/64",
                vec![address("eth1", "fd00::1/64")],
            ),
            ("ip link set dev eth1 up", vec![]),
            (
                "ip addr add 10.0.1.1 dev eth1",
                vec![address("eth1", "10.0.1.1/32")],
            ),
            (
                "ip -6 addr add fd00::1 dev eth1",
                vec![address("eth1", "fd00::1/128")],
            ),
            (
                "ip route add 10.2.0.9 via 10.0.1.2",
                vec![route("10.2.0.9/32", "10.0.1.2")],
            ),
            (
                "/sbin/ip -6 a add fd00::1/64 dev eth1",
                vec![address("eth1", "fd00::1/64")],
            ),
            (
                "ip addr flush dev eth1",
                vec![Setting::NoAddress {
                    interface: "eth1".into(),
                    address: None,
                }],
            ),
            (
                "ip route del default",
                vec![Setting::NoRoute {
                    to: "default".into(),
                }],
            ),
            (
                "ip route add 10.2.0.0/16 via 10.0.1.2 dev eth1",
                vec![route("10.2.0.0/16", "10.0.1.2")],
            ),
            (
                "ip route replace default via 10.0.1.2",
                vec![route("default", "10.0.1.2")],
            ),
            ("sysctl -w net.ipv4.ip_forward=1", vec![Setting::Forwarding]),
            (
                "echo 1 > /proc/sys/net/ipv4/ip_forward",
                vec![Setting::Forwarding],
            ),
        ] {
            assert_eq!(settings(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn older_commands() {
        for (line, expected) in [
            ("ifconfig eth1 up", vec![]),
            (
                "/sbin/ifconfig eth1 10.0.1.1/24 up",
                vec![address("eth1", "10.0.1.1/24")],
            ),
            (
                "ifconfig eth1 10.0.1.1 netmask 255.255.255.252 broadcast 10.0.1.3 up",
                vec![address("eth1", "10.0.1.1/30")],
            ),
            (
                "route add default gw 10.0.1.2 dev eth1",
                vec![route("default", "10.0.1.2")],
            ),
            (
                "route add -net 10.2.0.0 netmask 255.255.0.0 gw 10.0.1.2",
                vec![route("10.2.0.0/16", "10.0.1.2")],
            ),
        ] {
            assert_eq!(settings(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn invalid_settings() {
        for line in [
            "iptables -A FORWARD -j ACCEPT",
            "ip link add br0 type bridge",
            "ip link del eth1",
            "ifconfig eth1 down",
            "ifconfig eth1 10.0.1.1",
            "route add -host 10.2.0.1 gw 10.0.1.2",
            "route add default eth1",
            "ip -n other addr add 10.0.1.1/24 dev eth1",
            "ip addr add 10.0.1.1 peer 10.0.1.2/32 dev eth1",
            "ip addr add $A/24 dev eth1",
            "ip route add default via 10.0.1.2 table 7",
            "ip route add default dev eth1",
            "ip rule add from 10.0.0.0/8",
            "sysctl -w a=1",
            "'",
        ] {
            assert_eq!(settings(line), None, "{line}");
        }
    }
}
