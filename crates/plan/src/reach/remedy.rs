//! The commands that let packets of a project pass the chains of other programs.

use std::net::IpAddr;

use hallway_nftables::evaluate::PacketContext;
use hallway_nftables::expr::{Expr, Verdict};
use hallway_nftables::survey::RulePlace;
use hallway_nftables::{Action, Family, Hook, Match, Rule, Table};
use hallway_spec::Protocol;

use super::world::{UPLINK, World};
use crate::firewall_accepts::links;
use crate::settled::Plug;

/// A packet that a chain of another program dropped.
pub(super) struct Dropped<'d> {
    pub(super) world: &'d World<'d>,
    pub(super) table: &'d Table,
    pub(super) place: &'d RulePlace,
    pub(super) hook: Hook,
    /// With the names of links that rules see.
    pub(super) context: PacketContext<'d>,
    /// The device whose chain it is.
    pub(super) device: Option<&'d str>,
    /// Whether it is known to answer another one.
    pub(super) reply: bool,
    /// Whether its connection is tracked at this hook.
    pub(super) tracked: bool,
}

/// By which side of a packet's way a link is known.
enum Way {
    In,
    Out,
}

/// Which packets a command accepts: as narrow as what a rule can see at the hook allows.
enum Accepted {
    /// What comes in by a link.
    In(String),
    /// What leaves by a link.
    Out(String),
    /// To addresses of a network.
    To(String),
    /// From addresses of a network.
    From(String),
    /// What answers.
    Replies,
    /// To one port, or of one protocol, by a link.
    Service(Option<(Way, String)>, String, Option<u16>),
}

/// The commands that let packets of the project through.
pub(super) fn remedy(dropped: &Dropped<'_>) -> String {
    let accepted = dropped.accepted();
    let all: Vec<String> = accepted.iter().map(|a| dropped.command(a)).collect();
    if all.is_empty() {
        let (of, chain) = (dropped.of(), &dropped.place.chain);
        return format!("nft -a list chain {of} {chain} shows it; accept this traffic there");
    }
    format!("accept packets of the project: {}", all.join("; "))
}

impl Dropped<'_> {
    /// What has to be accepted; nothing where no simple rule fits.
    fn accepted(&self) -> Vec<Accepted> {
        let [coming, leaving] = self.visible();
        let own = links(self.world.settled());
        let is_own = |link: Option<&str>| link.is_some_and(|l| own.contains(&l));
        let each =
            |make: &dyn Fn(&str) -> Vec<Accepted>| own.iter().flat_map(|l| make(l)).collect();
        match (self.table.family, self.device) {
            // Each node has a port of its own there, and not every kernel has a match for the bridge.
            (Family::Bridge, _) => self.alone().into_iter().collect(),
            (_, Some(device)) if self.is_of_project(device) => vec![match self.hook {
                Hook::Egress => Accepted::Out(device.to_owned()),
                _ => Accepted::In(device.to_owned()),
            }],
            _ if !is_own(coming) && !is_own(leaving) => self.alone().into_iter().collect(),
            // A zone of firewalld is for what comes in.
            _ if self.hook == Hook::Forward && self.table.name != "firewalld" => each(&|link| {
                vec![
                    Accepted::In(link.to_owned()),
                    Accepted::Out(link.to_owned()),
                ]
            }),
            _ if is_own(coming) => each(&|link| vec![Accepted::In(link.to_owned())]),
            _ => each(&|link| vec![Accepted::Out(link.to_owned())]),
        }
    }

    /// The links that rules see at the hook.
    fn visible(&self) -> [Option<&str>; 2] {
        let link = |name| Some(name).filter(|n: &&str| !n.is_empty() && *n != UPLINK.name);
        let (coming, leaving) = (link(self.context.iif), link(self.context.oif));
        match self.hook {
            Hook::Prerouting | Hook::Input | Hook::Ingress => [coming, None],
            Hook::Output | Hook::Postrouting | Hook::Egress => [None, leaving],
            _ => [coming, leaving],
        }
    }

    /// Whether a device is the host's end of a node's interface, or a bridge of the project.
    fn is_of_project(&self, device: &str) -> bool {
        let settled = self.world.settled();
        let mut plugs = settled.nodes.iter().flat_map(|n| &n.interfaces);
        let is = |plug: &Plug| matches!(plug, Plug::Port { link, .. } if link == device);
        links(settled).contains(&device) || plugs.any(|i| is(&i.plug))
    }

    /// A packet by what is in it, where no link stands for the project.
    fn alone(&self) -> Option<Accepted> {
        let prefix = |address: IpAddr| {
            let all = self.world.settled().inner_networks();
            let mut nets = all.flat_map(|n| &n.subnets).map(|s| s.net);
            nets.find(|net| net.contains(&address))
                .map(|net| net.to_string())
        };
        if let Some(net) = prefix(self.context.to) {
            return Some(Accepted::To(net));
        }
        if let Some(net) = prefix(self.context.from) {
            return Some(Accepted::From(net));
        }
        if self.reply {
            return self.tracked.then_some(Accepted::Replies);
        }
        let [coming, leaving] = self.visible();
        let link = coming.map(|l| (Way::In, l.to_owned()));
        let link = link.or_else(|| leaving.map(|l| (Way::Out, l.to_owned())));
        let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
        let protocol = protocols
            .into_iter()
            .find(|p| p.number() == self.context.protocol);
        match (protocol, self.context.port) {
            (Some(protocol), Some(port)) if port > 0 => {
                Some(Accepted::Service(link, protocol.to_string(), Some(port)))
            }
            (None, _) => {
                let name = if self.context.to.is_ipv4() {
                    "icmp"
                } else {
                    "ipv6-icmp"
                };
                Some(Accepted::Service(link, name.into(), None))
            }
            _ => None,
        }
    }

    /// The command of the firewall that the chain is of.
    fn command(&self, accepted: &Accepted) -> String {
        let filters = [Hook::Forward, Hook::Input].contains(&self.hook);
        if self.table.name == "firewalld"
            && filters
            && let Accepted::In(link) = accepted
        {
            return format!("firewall-cmd --zone=trusted --add-interface={link}");
        }
        let docker = self.hook == Hook::Forward && self.passes_chain_of_docker();
        if !docker && let Some(command) = self.ufw(accepted) {
            return command;
        }
        let chain = if docker {
            DOCKER_USER
        } else {
            &self.place.chain
        };
        if !self.is_of_iptables() {
            let words = nft(accepted, self.context.to.is_ipv4());
            return format!("nft insert rule {} {chain} {words} accept", self.of());
        }
        let program = match self.table.family {
            Family::Ip6 => "ip6tables",
            _ => "iptables",
        };
        let table = match self.table.name.as_str() {
            "filter" => String::new(),
            name => format!(" -t {name}"),
        };
        format!(
            "{program}{table} -I {chain} {} -j ACCEPT",
            iptables(accepted)
        )
    }

    /// The command of ufw, if what drops is ufw's: rules of other programs before its chains are not.
    fn ufw(&self, accepted: &Accepted) -> Option<String> {
        let of_ufw = |name: &str| name.starts_with("ufw");
        let here = self.table.chains.iter().any(|c| of_ufw(&c.name));
        let drops = self.place.rule.is_none() || of_ufw(&self.place.chain);
        let words = match (self.hook, accepted) {
            (Hook::Forward, Accepted::In(link)) => format!("route allow in on {link}"),
            (Hook::Forward, Accepted::Out(link)) => format!("route allow out on {link}"),
            (Hook::Input, Accepted::In(link)) => format!("allow in on {link}"),
            (Hook::Output, Accepted::Out(link)) => format!("allow out on {link}"),
            _ => return None,
        };
        (here && drops).then(|| format!("ufw {words}"))
    }

    /// Whether iptables made the table: it finds its chains by their names.
    fn is_of_iptables(&self) -> bool {
        const CHAINS: [&str; 5] = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];
        let ip = [Family::Ip, Family::Ip6].contains(&self.table.family);
        let mut bases = self.table.chains.iter().filter(|c| c.base.is_some());
        ip && bases.all(|c| CHAINS.contains(&c.name.as_str()))
    }

    /// Whether the packet passes Docker's chain for rules of users before it is dropped.
    fn passes_chain_of_docker(&self) -> bool {
        let rules = self.table.chain("FORWARD").map(|c| c.rules.as_slice());
        let rules = rules.unwrap_or_default();
        let calls = |chain: &str| rules.iter().position(|rule| calls(rule, chain));
        let dropped = match self.place.chain.as_str() {
            "FORWARD" => self.place.rule,
            chain => calls(chain),
        };
        calls(DOCKER_USER).is_some_and(|users| dropped.is_none_or(|at| users <= at))
    }

    fn of(&self) -> String {
        format!("{} {}", self.table.family.name(), self.table.name)
    }
}

/// Docker's chain for rules of users.
const DOCKER_USER: &str = "DOCKER-USER";

fn calls(rule: &Rule, chain: &str) -> bool {
    let to = |verdict: &Verdict| match verdict {
        Verdict::Jump(name) | Verdict::Goto(name) => name == chain,
        _ => false,
    };
    let within = |expr: &Expr| matches!(expr, Expr::Verdict(verdict) if to(verdict));
    let by_action = matches!(&rule.action, Action::Verdict(verdict) if to(verdict));
    let in_matches = |m: &Match| matches!(m, Match::Expressions(all) if all.iter().any(within));
    by_action || rule.matches.iter().any(in_matches)
}

/// The matches of a rule for nft.
fn nft(accepted: &Accepted, v4: bool) -> String {
    let ip = if v4 { "ip" } else { "ip6" };
    match accepted {
        Accepted::In(link) => format!("iifname {link}"),
        Accepted::Out(link) => format!("oifname {link}"),
        Accepted::To(net) => format!("{ip} daddr {net}"),
        Accepted::From(net) => format!("{ip} saddr {net}"),
        Accepted::Replies => "ct state established,related".into(),
        Accepted::Service(link, protocol, port) => {
            let link = link.as_ref().map(|(way, link)| match way {
                Way::In => format!("iifname {link} "),
                Way::Out => format!("oifname {link} "),
            });
            let service = match port {
                Some(port) => format!("{protocol} dport {port}"),
                None => format!("meta l4proto {protocol}"),
            };
            link.unwrap_or_default() + &service
        }
    }
}

/// The matches of a rule for iptables.
fn iptables(accepted: &Accepted) -> String {
    match accepted {
        Accepted::In(link) => format!("-i {link}"),
        Accepted::Out(link) => format!("-o {link}"),
        Accepted::To(net) => format!("-d {net}"),
        Accepted::From(net) => format!("-s {net}"),
        Accepted::Replies => "-m conntrack --ctstate ESTABLISHED,RELATED".into(),
        Accepted::Service(link, protocol, port) => {
            let link = link.as_ref().map(|(way, link)| match way {
                Way::In => format!("-i {link} "),
                Way::Out => format!("-o {link} "),
            });
            let port = port.map(|port| format!(" --dport {port}"));
            format!(
                "{}-p {protocol}{}",
                link.unwrap_or_default(),
                port.unwrap_or_default()
            )
        }
    }
}
