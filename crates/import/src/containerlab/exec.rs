//! Commands that a lab runs in its nodes, as settings of a node.

/// The setting of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// An address with its prefix length.
    Address { interface: String, address: String },
    /// A static route.
    Route { to: String, via: String },
    /// Forwarding between the node's interfaces.
    Forwarding,
}

/// The settings that a line makes; `None` when it does anything else.
pub(crate) fn settings(line: &str) -> Option<Vec<Setting>> {
    let words = shell_words::split(line).ok()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let [shell, flag, script] = words.as_slice()
        && ["sh", "bash", "ash"].contains(&shell.rsplit('/').next()?)
        && ["-c", "-lc", "-ec"].contains(flag)
    {
        let mut out = Vec::new();
        for part in script.split(['\n', ';']).flat_map(|p| p.split("&&")) {
            if !part.trim().is_empty() {
                out.extend(settings(part.trim())?);
            }
        }
        return Some(out);
    }
    match words.as_slice() {
        ["ip", rest @ ..] => {
            let flag = |w: &&&str| w.starts_with('-');
            let rest: Vec<&str> = rest.iter().skip_while(flag).copied().collect();
            ip(&rest)
        }
        ["sysctl", rest @ ..] => {
            let set = rest.iter().filter(|w| !w.starts_with('-'));
            let all: Option<Vec<Setting>> = set.map(|w| forwarding(w)).collect();
            all.filter(|all| !all.is_empty())
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

/// The words after `ip`.
fn ip(words: &[&str]) -> Option<Vec<Setting>> {
    let [object, verb, rest @ ..] = words else {
        return None;
    };
    let after = |name: &str| {
        let at = rest.iter().position(|w| *w == name)?;
        rest.get(at + 1).map(|w| (*w).to_owned())
    };
    let adds = ["add", "replace", "a"].contains(verb);
    match *object {
        "address" | "addr" | "a" if adds => {
            let address = rest.iter().find(|w| w.contains('/'))?;
            Some(vec![Setting::Address {
                interface: after("dev")?,
                address: (*address).to_owned(),
            }])
        }
        "route" | "r" if adds => Some(vec![Setting::Route {
            to: (*rest.first()?).to_owned(),
            via: after("via")?,
        }]),
        // The default route of the management network, which does not exist here.
        "route" | "r" if ["del", "delete"].contains(verb) && rest.first() == Some(&"default") => {
            Some(Vec::new())
        }
        // Interfaces are up.
        "link" | "l" if *verb == "set" => {
            let known = rest.iter().filter(|w| !["dev", "up"].contains(*w)).count();
            (known == 1 && rest.contains(&"up")).then(Vec::new)
        }
        _ => None,
    }
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

    #[test]
    fn addresses_routes_and_forwarding() {
        let route = |to: &str, via: &str| Setting::Route {
            to: to.into(),
            via: via.into(),
        };
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
                "ip route add 10.2.0.0/16 via 10.0.1.2 dev eth1",
                vec![route("10.2.0.0/16", "10.0.1.2")],
            ),
            (
                "ip route replace default via 10.0.1.2",
                vec![route("default", "10.0.1.2")],
            ),
            ("sysctl -w net.ipv4.ip_forward=1", vec![Setting::Forwarding]),
            (
                "sh -c 'ip link set eth1 up && ip a add 10.0.1.1/24 dev eth1; echo 1 > /proc/sys/net/ipv4/ip_forward'",
                vec![address("eth1", "10.0.1.1/24"), Setting::Forwarding],
            ),
        ] {
            assert_eq!(settings(line), Some(expected), "{line}");
        }
        for line in [
            "iptables -A FORWARD -j ACCEPT",
            "ip link add br0 type bridge",
            "sysctl -w a=1",
            "'",
        ] {
            assert_eq!(settings(line), None, "{line}");
        }
    }
}
