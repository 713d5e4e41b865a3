//! Settings (sysctls) of links and of namespaces.

use hallway_spec::IpVersion;

/// A setting (sysctl) of a link or of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// The link, or with no link the namespace, forwards. For IPv6 of a link this is
    /// `force_forwarding`, which kernels have since 6.17.
    Forwarding(IpVersion),
    /// Somebody has made every link forward IPv6 (`force_forwarding` of all). Links that are added later
    /// do not.
    ForcedForwarding,
    /// Links that are added to the namespace forward.
    NewForwarding(IpVersion),
    /// Router advertisements are accepted.
    AcceptRa,
    /// Addresses are made from router advertisements.
    Autoconf,
    /// IPv6 is off.
    DisableIpv6,
    /// One that has the kernel's initial value on hallway's links.
    Initial(Initial),
}

/// A setting with which a link no longer receives or sends some packets, or receives more than it
/// should, if its value is another than the kernel's initial one. Links get values of the host, and
/// namespaces those of the machine's first one; hallway gives its own the initial value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Initial {
    /// Which ARP requests are answered (IPv4).
    ArpIgnore,
    /// Whether only requests are answered whose sender is reached by the same link (IPv4).
    ArpFilter,
    /// Whether packets are dropped whose sender is not reached by the same link (IPv4).
    RpFilter,
    /// Whether packets with the namespace's own addresses as their source are accepted (IPv4).
    AcceptLocal,
    /// How many routers a packet passes (IPv6).
    HopLimit,
    /// The same of a whole namespace (IPv4).
    DefaultTtl,
    /// The number of solicitations for the MAC address of a neighbour (`mcast_solicit`).
    Solicitations(IpVersion),
}

/// What the kernel allows as the hop limit at least, if it is to be enough for every path in use.
const HOPS_ENOUGH: u32 = 32;

impl Initial {
    /// Those of a link that has addresses of these IP versions.
    pub(super) fn of_link(v4: bool, v6: bool) -> impl Iterator<Item = Self> {
        let of_v4 = [
            Self::ArpIgnore,
            Self::ArpFilter,
            Self::RpFilter,
            Self::AcceptLocal,
            Self::Solicitations(IpVersion::V4),
        ];
        let of_v4 = of_v4.into_iter().filter(move |_| v4);
        of_v4.chain(v6.then_some(Self::Solicitations(IpVersion::V6)))
    }

    /// Those of a node's whole namespace, which have effect beside those of its links.
    pub(super) const OF_NAMESPACE: [Self; 4] = [
        Self::ArpIgnore,
        Self::ArpFilter,
        Self::RpFilter,
        Self::DefaultTtl,
    ];

    /// The value that the kernel gives it at first (linux/inetdevice.h; net/ipv4/arp.c,
    /// net/ipv6/ndisc.c and IPV6_DEFAULT_HOPLIMIT in net/ipv6.h).
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::ArpIgnore | Self::ArpFilter | Self::RpFilter | Self::AcceptLocal => 0,
            Self::HopLimit | Self::DefaultTtl => 64,
            Self::Solicitations(_) => 3,
        }
    }

    /// With the value that it must have.
    pub(super) fn wanted(self) -> (Setting, u32) {
        (Setting::Initial(self), self.value())
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpIgnore => "arp_ignore",
            Self::ArpFilter => "arp_filter",
            Self::RpFilter => "rp_filter",
            Self::AcceptLocal => "accept_local",
            Self::HopLimit => "hop_limit",
            Self::DefaultTtl => "ip_default_ttl",
            Self::Solicitations(_) => "mcast_solicit",
        }
    }

    fn key(self, link: Option<&str>) -> String {
        let (version, of) = match self {
            Self::DefaultTtl => return "net/ipv4/ip_default_ttl".into(),
            Self::HopLimit => (IpVersion::V6, "conf"),
            Self::Solicitations(version) => (version, "neigh"),
            _ => (IpVersion::V4, "conf"),
        };
        let (link, name) = (link.unwrap_or("all"), self.name());
        format!("net/ipv{version}/{of}/{link}/{name}")
    }

    /// Whether packets pass with a value as with `wanted`. Some programs, like systemd, set a loose
    /// reverse path filter (2) for every link; only packets without a way back are dropped by it.
    pub(crate) fn accepts(self, found: u32, wanted: u32) -> bool {
        found == wanted
            || match self {
                Self::RpFilter => matches!(found, 0 | 2),
                Self::HopLimit | Self::DefaultTtl => found >= HOPS_ENOUGH,
                Self::Solicitations(_) => found != 0,
                Self::ArpIgnore | Self::ArpFilter | Self::AcceptLocal => false,
            }
    }
}

impl Setting {
    /// Whether packets pass with a value as with `wanted`.
    pub(crate) fn accepts(self, found: u32, wanted: u32) -> bool {
        match self {
            Self::Initial(initial) => initial.accepts(found, wanted),
            _ => found == wanted,
        }
    }

    /// The key below /proc/sys of a link's setting, or with `None` of the namespace's: IPv4
    /// forwarding of the whole namespace; for other settings, the initial value of new links.
    #[must_use]
    pub fn key(self, link: Option<&str>) -> String {
        match (self, link) {
            (Self::Forwarding(IpVersion::V4), None) => "net/ipv4/ip_forward".into(),
            (Self::Forwarding(IpVersion::V6), None) => "net/ipv6/conf/all/forwarding".into(),
            (Self::Forwarding(IpVersion::V4), Some(l)) => format!("net/ipv4/conf/{l}/forwarding"),
            (Self::Forwarding(IpVersion::V6), Some(l)) => {
                format!("net/ipv6/conf/{l}/force_forwarding")
            }
            (Self::ForcedForwarding, _) => "net/ipv6/conf/all/force_forwarding".into(),
            (Self::NewForwarding(version), _) => {
                format!("net/ipv{version}/conf/default/forwarding")
            }
            (Self::AcceptRa, l) => format!("net/ipv6/conf/{}/accept_ra", l.unwrap_or("default")),
            (Self::Autoconf, l) => format!("net/ipv6/conf/{}/autoconf", l.unwrap_or("default")),
            (Self::DisableIpv6, l) => {
                format!("net/ipv6/conf/{}/disable_ipv6", l.unwrap_or("default"))
            }
            (Self::Initial(initial), link) => initial.key(link),
        }
    }
}
