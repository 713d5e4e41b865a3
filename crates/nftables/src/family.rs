//! Families, IP versions, hooks, priorities: where packets enter a chain.

/// The packets of a table (NFPROTO_*, linux/netfilter.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4.
    Ip,
    /// ARP.
    Arp,
    /// Frames of one device.
    Netdev,
    /// Frames of bridges.
    Bridge,
    /// IPv6.
    Ip6,
    /// A number that is unknown in this crate.
    Other(u8),
}

impl Family {
    /// The family of a number.
    #[must_use]
    pub fn of(number: u8) -> Self {
        match number {
            1 => Self::Inet,
            2 => Self::Ip,
            3 => Self::Arp,
            5 => Self::Netdev,
            7 => Self::Bridge,
            10 => Self::Ip6,
            other => Self::Other(other),
        }
    }

    /// The kernel's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Ip => 2,
            Self::Arp => 3,
            Self::Netdev => 5,
            Self::Bridge => 7,
            Self::Ip6 => 10,
            Self::Other(number) => number,
        }
    }

    /// nft's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Ip => "ip",
            Self::Arp => "arp",
            Self::Netdev => "netdev",
            Self::Bridge => "bridge",
            Self::Ip6 => "ip6",
            Self::Other(_) => "unknown",
        }
    }
}

/// A version of the internet protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// The version of an address.
    #[must_use]
    pub fn of(address: std::net::IpAddr) -> Self {
        match address {
            std::net::IpAddr::V4(_) => Self::V4,
            std::net::IpAddr::V6(_) => Self::V6,
        }
    }

    /// NFPROTO_IPV4 or NFPROTO_IPV6, as in `meta nfproto`.
    #[must_use]
    pub fn nfproto(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }

    /// The version of a number of [`IpVersion::nfproto`].
    #[must_use]
    pub fn of_nfproto(number: u8) -> Option<Self> {
        match number {
            2 => Some(Self::V4),
            10 => Some(Self::V6),
            _ => None,
        }
    }
}

/// Where in the path of a packet a base chain is entered (enum nf_inet_hooks and others).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Before the route is chosen.
    Prerouting,
    /// To the machine itself.
    Input,
    /// Through the machine.
    Forward,
    /// From the machine itself.
    Output,
    /// After the route is chosen.
    Postrouting,
    /// When a device receives it.
    Ingress,
    /// When a device sends it.
    Egress,
    /// A number that is unknown in this crate.
    Other(u32),
}

/// Hooks with the numbers they have in most families.
const HOOKS: [(u32, Hook); 5] = [
    (0, Hook::Prerouting),
    (1, Hook::Input),
    (2, Hook::Forward),
    (3, Hook::Output),
    (4, Hook::Postrouting),
];
const ARP_HOOKS: [(u32, Hook); 3] = [(0, Hook::Input), (1, Hook::Output), (2, Hook::Forward)];
const NETDEV_HOOKS: [(u32, Hook); 2] = [(0, Hook::Ingress), (1, Hook::Egress)];
/// NF_INET_INGRESS.
const INET_INGRESS: u32 = 5;

impl Hook {
    fn numbers(family: Family) -> &'static [(u32, Self)] {
        match family {
            Family::Arp => &ARP_HOOKS,
            Family::Netdev => &NETDEV_HOOKS,
            _ => &HOOKS,
        }
    }

    /// The hook that has this number in a family.
    #[must_use]
    pub fn of(family: Family, number: u32) -> Self {
        if family == Family::Inet && number == INET_INGRESS {
            return Self::Ingress;
        }
        let mut all = Self::numbers(family).iter();
        all.find(|(n, _)| *n == number)
            .map_or(Self::Other(number), |(_, hook)| *hook)
    }

    /// Its number in a family; `None` where the family has no such hook.
    #[must_use]
    pub fn number(self, family: Family) -> Option<u32> {
        match (self, family) {
            (Self::Other(number), _) => Some(number),
            (Self::Ingress, Family::Inet) => Some(INET_INGRESS),
            _ => {
                let mut all = Self::numbers(family).iter();
                all.find(|(_, hook)| *hook == self).map(|(n, _)| *n)
            }
        }
    }

    /// nft's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Other(_) => "unknown",
        }
    }
}

/// The order of chains at one hook: lower comes first (linux/netfilter_ipv4.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub i32);

impl Priority {
    /// Before connection tracking.
    pub const RAW: Self = Self(-300);
    /// After connection tracking, before destinations are translated.
    pub const MANGLE: Self = Self(-150);
    /// Just before other programs translate destinations: of chains at one priority, the kernel runs the
    /// one first that was made last.
    pub const BEFORE_DSTNAT: Self = Self(-101);
    /// Where destinations are translated.
    pub const DSTNAT: Self = Self(-100);
    /// Where most filters are.
    pub const FILTER: Self = Self(0);
    /// Where sources are translated.
    pub const SRCNAT: Self = Self(100);
    /// After source NAT: the packet has the address that others see.
    pub const AFTER_SRCNAT: Self = Self(110);
}

impl std::fmt::Display for Priority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The type of a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainType {
    /// Accepts or drops.
    Filter,
    /// Evaluated once for each connection, to translate its addresses.
    Nat,
    /// Like a filter; a changed packet is routed again.
    Route,
}

impl ChainType {
    const ALL: [Self; 3] = [Self::Filter, Self::Nat, Self::Route];

    /// The type of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in nft and the kernel.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Route => "route",
        }
    }
}

/// The verdict for packets that no rule of a base chain decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainPolicy {
    /// They pass.
    Accept,
    /// They are dropped.
    Drop,
}

impl ChainPolicy {
    /// The kernel's number (NF_DROP, NF_ACCEPT).
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Drop => 0,
            Self::Accept => 1,
        }
    }

    /// nft's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_have_their_numbers_in_every_family() {
        for family in (0..=12).map(Family::of) {
            assert_eq!(Family::of(family.number()), family);
            for number in 0..8 {
                let hook = Hook::of(family, number);
                assert_eq!(hook.number(family), Some(number), "{family:?} {hook:?}");
            }
        }
        assert_eq!(Hook::of(Family::Inet, 5), Hook::Ingress);
        assert_eq!(Hook::of(Family::Arp, 0), Hook::Input);
        assert_eq!(Hook::Prerouting.number(Family::Netdev), None);
    }
}
