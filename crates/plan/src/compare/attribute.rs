//! Attributes of links, as values.

use std::fmt;

use hallway_nftables::print;

use crate::target::{BridgeFlag, PortFlag};

/// An attribute of a link with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Administratively up.
    Up(bool),
    /// Neighbours are looked up, and requests about own addresses answered.
    Arp(bool),
    /// Multicast packets are sent.
    Multicast(bool),
    /// Bytes.
    Mtu(u32),
    /// MAC address.
    Mac([u8; 6]),
    /// Device group.
    Group(u32),
    /// Alias.
    Alias(Option<String>),
    /// The bridge it is a port of.
    Master(Option<String>),
    /// An attribute of a bridge port.
    Port(PortFlag, bool),
    /// Frames pass the inet hooks.
    NfCall(bool),
    /// MAC addresses are learned from frames to the group addresses of bridges.
    GroupLearning(bool),
    /// An attribute of a bridge.
    Bridge(BridgeFlag, bool),
    /// How long a bridge keeps what it has learned, in hundredths of a second.
    AgeingTime(u32),
    /// How many MAC addresses a bridge learns; 0 for any number.
    MaxLearned(u32),
    /// The mode of a macvlan interface (MACVLAN_MODE_*, linux/if_link.h).
    MacvlanMode(u32),
    /// The kernel adds an IPv6 address itself.
    KernelAddress(bool),
}

impl Attribute {
    /// Its name as `ip link` prints it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "state",
            Self::Arp(_) => "arp",
            Self::Multicast(_) => "multicast",
            Self::Mtu(_) => "mtu",
            Self::Mac(_) => "address",
            Self::Group(_) => "group",
            Self::Alias(_) => "alias",
            Self::Master(_) => "master",
            Self::Port(flag, _) => flag.name(),
            Self::Bridge(flag, _) => flag.name(),
            Self::NfCall(_) => "nf_call_iptables",
            Self::GroupLearning(_) => "no_linklocal_learn",
            Self::AgeingTime(_) => "ageing_time",
            Self::MaxLearned(_) => "fdb_max_learned",
            Self::MacvlanMode(_) => "mode",
            Self::KernelAddress(_) => "addrgenmode",
        }
    }
}

/// The mode in which frames between macvlan interfaces of one link pass.
pub const MACVLAN_BRIDGE: u32 = 4;

/// The name of a mode in ip-link(8).
fn macvlan_mode(mode: u32) -> Option<&'static str> {
    Some(match mode {
        1 => "private",
        2 => "vepa",
        MACVLAN_BRIDGE => "bridge",
        8 => "passthru",
        16 => "source",
        _ => return None,
    })
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_off = |on: bool| if on { "on" } else { "off" };
        match self {
            Self::Up(up) => f.write_str(if *up { "up" } else { "down" }),
            Self::Mtu(n) | Self::Group(n) | Self::AgeingTime(n) | Self::MaxLearned(n) => n.fmt(f),
            Self::MacvlanMode(mode) => match macvlan_mode(*mode) {
                Some(word) => f.write_str(word),
                None => mode.fmt(f),
            },
            Self::Mac(mac) => f.write_str(&print::mac(mac)),
            Self::Alias(text) | Self::Master(text) => {
                f.write_str(text.as_deref().unwrap_or("none"))
            }
            Self::Port(_, on)
            | Self::Bridge(_, on)
            | Self::NfCall(on)
            | Self::Arp(on)
            | Self::Multicast(on) => f.write_str(on_off(*on)),
            Self::GroupLearning(on) => f.write_str(on_off(!on)),
            Self::KernelAddress(made) => f.write_str(if *made { "eui64" } else { "none" }),
        }
    }
}
