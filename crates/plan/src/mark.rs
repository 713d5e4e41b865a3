//! How hallway marks what it makes in the kernel: the alias on a link, the device group, the
//! table's name, the route protocol. Removal uses these marks alone.

use std::net::Ipv6Addr;

use hallway_nftables::trace::is_marking;
use hallway_spec::Name;
use ipnet::{IpNet, Ipv6Net};

/// Route protocol number of every route hallway adds on the host (`proto 104` in `ip route`).
/// Unassigned in the kernel's rtnetlink.h and in iproute2's rt_protos.
pub const ROUTE_PROTOCOL: u8 = 104;

/// The metric of unreachable routes: any other route to the prefix is preferred.
pub const UNREACHABLE_METRIC: u32 = 4_278_198_272;

/// The first byte of the device groups of hallway, except those of lans.
const GROUP_MARK: u8 = 0x68;

/// The first byte of the device groups of lans. The rules of every project recognize the lans of all
/// projects by it.
pub const LAN_MARK: u8 = 0x69;

/// Slots are 12 bits wide.
pub const SLOTS: u16 = 1 << 12;

/// The device group of a network.
#[must_use]
pub fn group(slot: u16, index: u16, lan: bool) -> u32 {
    let first = if lan { LAN_MARK } else { GROUP_MARK };
    (u32::from(first) << 24) | (u32::from(slot & 0xfff) << 12) | u32::from(index & 0xfff)
}

/// The slot of a group; `None` if it is not a group of hallway.
#[must_use]
pub fn slot_of(group: u32) -> Option<u16> {
    let ours = [GROUP_MARK, LAN_MARK].map(u32::from);
    (ours.contains(&(group >> 24))).then_some(((group >> 12) & 0xfff) as u16)
}

/// What a link is, as its alias names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The bridge of a network.
    Bridge(Name),
    /// The host's end of a node's interface: node, interface.
    Port(Name, String),
    /// The loopback of a node's namespace.
    Node(Name),
    /// What is left of a port while the kernel removes it, after its node was removed.
    Removed(Name),
}

/// An alias: `hallway:<project>:<role>`.
#[must_use]
pub fn alias(project: &Name, role: &Role) -> String {
    match role {
        Role::Bridge(network) => format!("hallway:{project}:bridge:{network}"),
        Role::Port(node, interface) => format!("hallway:{project}:port:{node}:{interface}"),
        Role::Node(node) => format!("hallway:{project}:node:{node}"),
        Role::Removed(node) => format!("hallway:{project}:removed:{node}"),
    }
}

/// Reads an alias; `None` if it is not one of hallway.
#[must_use]
pub fn parse_alias(text: &str) -> Option<(Name, Role)> {
    let mut parts = text.split(':');
    if parts.next()? != "hallway" {
        return None;
    }
    let project: Name = parts.next()?.parse().ok()?;
    let kind = parts.next()?;
    let name: Name = parts.next()?.parse().ok()?;
    let rest = parts.next();
    let role = match (kind, rest) {
        ("bridge", None) => Role::Bridge(name),
        ("node", None) => Role::Node(name),
        ("removed", None) => Role::Removed(name),
        ("port", Some(interface)) => Role::Port(name, interface.to_owned()),
        _ => return None,
    };
    parts.next().is_none().then_some((project, role))
}

/// The name of what is left of a port (see [`Role::Removed`]): its own name can be used again.
#[must_use]
pub fn removed_link(index: u32) -> String {
    format!("hw-gone{index}")
}

/// The name of a macvlan interface until it has its own. Linux 6.1 makes none in another namespace
/// that has the name of a link that is here.
pub const NEW_LINK: &str = "hw-new";

/// The comment of hallway's tables.
pub const TABLE_COMMENT: &str = "made by hallway; changed and removed by it";

/// The name of a project's nf_tables tables.
#[must_use]
pub fn table(project: &Name) -> String {
    format!("hallway-{project}")
}

/// The name of the tables of a project's guard. No project's own tables have such a name. nft
/// accepts it, so that a saved ruleset can be loaded again.
#[must_use]
pub fn guard_table(project: &Name) -> String {
    format!("{GUARD}{project}")
}

/// The name of the table that closes a project while its rules are replaced.
#[must_use]
pub fn change_table(project: &Name) -> String {
    format!("{CHANGE}{project}")
}

/// Whether a table is one of a project, of its guard, or of a change of its rules.
#[must_use]
pub fn is_ours(table: &str) -> bool {
    let beside = table.starts_with(GUARD) || table.starts_with(CHANGE);
    beside || project_of_table(table).is_some()
}

/// Whether the rules of a table are those of another program. A table that marks packets for a trace
/// decides about none.
#[must_use]
pub fn is_foreign(table: &str) -> bool {
    !is_ours(table) && !is_marking(table)
}

const GUARD: &str = "hallway.guard.";
const CHANGE: &str = "hallway.change.";

/// Bits of a packet's mark that the rules of a project set for its guard at the same hook, to show
/// that they are loaded: one for the project that the packet comes from, one for the project that
/// it goes to. Where packets come in, the second one is for those with a source address of the project. Tailscale uses 0xff0000, kube-proxy 0xc000, Cilium 0xf00.
pub const FROM_BIT: u32 = 0x1000;
/// See [`FROM_BIT`].
pub const TO_BIT: u32 = 0x2000;

/// The project a table belongs to.
#[must_use]
pub fn project_of_table(table: &str) -> Option<Name> {
    table.strip_prefix("hallway-")?.parse().ok()
}

/// FNV-1a (Fowler, Noll, Vo) with 64 bits: the same hash everywhere, for slots, MAC addresses and short
/// names. Not for secrets.
#[must_use]
pub fn stable_hash(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain(std::iter::once(0)) {
            hash ^= u64::from(byte);
            hash = hash.wrapping_mul(0x0100_0000_01b3);
        }
    }
    // FNV's low bits differ little for short input; combine them with the high half.
    hash ^ (hash >> 32)
}

/// A locally administered unicast MAC address that depends only on `parts`.
#[must_use]
pub fn mac(parts: &[&str]) -> [u8; 6] {
    let hash = stable_hash(parts).to_be_bytes();
    [0x02, hash[3], hash[4], hash[5], hash[6], hash[7]]
}

/// The MAC address of the host's end of an interface. It depends on no name of a link, and is never
/// one of [`mac`], which nodes and bridges have. A bridge of other programs without a fixed MAC address takes
/// the lowest of its ports', so this one is higher than those of most others.
#[must_use]
pub fn port_mac(project: &Name, node: &Name, interface: &str) -> [u8; 6] {
    let mut out = mac(&[project.as_ref(), "port", node.as_ref(), interface]);
    out[0] = 0xfe;
    out
}

/// The link-local address that goes with a MAC address (RFC 4291, appendix A).
#[must_use]
pub fn link_local(mac: [u8; 6]) -> IpNet {
    let [a, b, c, d, e, f] = mac.map(u16::from);
    let address = Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        (a ^ 2) << 8 | b,
        c << 8 | 0xff,
        0xfe00 | d,
        e << 8 | f,
    );
    Ipv6Net::new_assert(address, 64).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn an_alias_reads_back_as_what_was_written() {
        for role in [
            Role::Bridge(name("web")),
            Role::Port(name("app1"), "eth0".into()),
            Role::Node(name("db")),
            Role::Removed(name("db")),
        ] {
            let text = alias(&name("shop"), &role);
            assert_eq!(parse_alias(&text), Some((name("shop"), role)));
        }
    }

    #[test]
    fn foreign_aliases_are_not_ours() {
        for text in [
            "",
            "hallway",
            "hallway:x",
            "docker:a:node:b",
            "hallway:a:node:b:c:d",
        ] {
            assert_eq!(parse_alias(text), None, "{text}");
        }
    }

    #[test]
    fn a_group_gives_back_its_slot() {
        for lan in [false, true] {
            assert_eq!(slot_of(group(0xabc, 7, lan)), Some(0xabc));
        }
        assert_eq!(slot_of(51713), None);
    }
}
