//! What is done on the host: bridges, unreachable routes, forwarding.

use hallway_plan::mark::{self, Role};
use hallway_plan::settled::Network;
use hallway_spec::IpVersion;
use ipnet::IpNet;

use super::Script;
use super::quote::{key, mac, quote};

/// Below this there is no IPv6 on a link (RFC 8200).
pub(super) const LEAST_MTU6: u32 = 1280;

/// `ip` or `ip -6`.
pub(super) fn ip(version: IpVersion) -> &'static str {
    match version {
        IpVersion::V4 => "ip",
        IpVersion::V6 => "ip -6",
    }
}

fn unreachable(to: &IpNet) -> (&'static str, String) {
    let text = format!(
        "unreachable {to} proto {} metric {}",
        mark::ROUTE_PROTOCOL,
        mark::UNREACHABLE_METRIC
    );
    (ip(IpVersion::of_net(to)), text)
}

pub(super) fn add_unreachable(script: &mut Script<'_>, to: &IpNet) {
    script.explain(&[
        "The highest metric loses to every other route. While the network's own route is not there,",
        "this one keeps packets to it from following the default route out of the machine.",
    ]);
    let (ip, route) = unreachable(to);
    script.line(&format!("{ip} route add {route}"));
}

pub(super) fn remove_unreachable(script: &mut Script<'_>, to: &IpNet) {
    let (ip, route) = unreachable(to);
    script.line(&format!("{ip} route del {route}"));
}

pub(super) fn create_bridge(script: &mut Script<'_>, network: &Network, name: &str) {
    script.explain(&[
        "A bridge is a switch in the kernel; with an address of its own it is the network's gateway",
        "as well. The device group is what the rules know the network by.",
    ]);
    let link = quote(name);
    let mtu = network
        .mtu
        .map_or_else(String::new, |m| format!(" mtu {m}"));
    script.line(&format!(
        "ip link add name {link} group {} address {}{mtu} type bridge",
        network.group,
        mac(network.mac)
    ));
    if network.filtered {
        change_bridge(script, name, true);
    }
    refuse_advertisements(script, name);
    let alias = mark::alias(script.project(), &Role::Bridge(network.name.clone()));
    script.line(&format!("ip link set dev {link} alias {}", quote(&alias)));
    if network.mtu.is_none_or(|m| m >= LEAST_MTU6) {
        no_own_address(script, "ip", &link);
    }
    script.line(&format!("ip link set dev {link} up"));
    for subnet in &network.subnets {
        add_address(script, "ip", &link, &subnet.gateway_net());
    }
    if network.subnets.iter().any(|s| s.gateway.is_ipv6()) {
        add_address(script, "ip", &link, &mark::link_local(network.mac));
    }
}

pub(super) fn change_bridge(script: &mut Script<'_>, name: &str, filtered: bool) {
    if filtered {
        script.explain(&[
            "A policy speaks of members of this network: their frames must pass the rules for IP too.",
            "The kernel can do that when its module br_netfilter is loaded (modprobe br_netfilter).",
        ]);
    }
    let on = u8::from(filtered);
    script.line(&format!(
        "ip link set dev {} type bridge nf_call_iptables {on} nf_call_ip6tables {on}",
        quote(name)
    ));
}

/// The host takes no routes and addresses from what nodes announce.
pub(super) fn refuse_advertisements(script: &mut Script<'_>, link: &str) {
    script.explain(&[
        "No node may give the host a route or an address by announcing one. (-e: a kernel without",
        "IPv6 does not have these settings.)",
    ]);
    for setting in ["accept_ra", "autoconf"] {
        script.line(&format!(
            "sysctl -q -e -w {}=0",
            key(IpVersion::V6, link, setting)
        ));
    }
}

/// No link-local address made by the kernel.
pub(super) fn no_own_address(script: &mut Script<'_>, ip: &str, link: &str) {
    script.explain(&[
        "The kernel gives links no IPv6 address of its own accord: it would be announced to every",
        "port of a bridge. Where IPv6 is used, one made from the MAC address is added below.",
    ]);
    script.line(&format!("{ip} link set dev {link} addrgenmode none"));
}

/// An address, ready at once: duplicates are prevented by the plan, not detected by waiting.
pub(super) fn add_address(script: &mut Script<'_>, ip: &str, link: &str, address: &IpNet) {
    let more = match address {
        IpNet::V4(net) if net.prefix_len() < 31 => " brd +",
        IpNet::V4(_) => "",
        IpNet::V6(_) => " nodad",
    };
    script.line(&format!("{ip} addr add {address}{more} dev {link}"));
}

pub(super) fn remove_group(script: &mut Script<'_>, group: u32) {
    script.explain(&[
        "All links of a device group go at once. A veth pair goes with either of its ends.",
    ]);
    script.line(&format!("ip link delete group {group}"));
}

pub(super) fn remove_link(script: &mut Script<'_>, name: &str) {
    script.line(&format!("ip link delete dev {}", quote(name)));
}

/// Lets one of our own links forward what comes in by it.
pub(super) fn forward(script: &mut Script<'_>, link: &str, versions: &[IpVersion]) {
    if versions.contains(&IpVersion::V4) {
        script.line(&format!(
            "sysctl -q -w {}=1",
            key(IpVersion::V4, link, "forwarding")
        ));
    }
    if versions.contains(&IpVersion::V6) {
        script.line(&format!(
            "sysctl -q -e -w {}=1",
            key(IpVersion::V6, link, "force_forwarding")
        ));
    }
}

pub(super) fn enable_forwarding(script: &mut Script<'_>, links: &[String], versions: &[IpVersion]) {
    script.explain(&[
        "A host that forwards is a router. It is told so for these links alone (what comes in by them",
        "may go on), not for the whole machine.",
    ]);
    for link in links {
        forward(script, link, versions);
    }
    let table = mark::table(script.project());
    if versions.contains(&IpVersion::V6) && !links.is_empty() {
        script.comment("Before Linux 6.17, IPv6 can only be forwarded everywhere or nowhere.");
        script.out.push_str(&format!(
            r#"if [ ! -e /proc/sys/net/ipv6/conf/lo/force_forwarding ] && [ "$(sysctl -e -n net.ipv6.conf.all.forwarding)" = 0 ]; then
    nft add element inet {table} forwarding6 '{{ "all" }}'
    sysctl -q -w net.ipv6.conf.all.forwarding=1
fi
"#
        ));
    }
    if !script.settled.inner_networks().any(|n| !n.internal) {
        return;
    }
    script.comment(
        "Answers come back by the uplinks: the links of the default routes. Where forwarding was",
    );
    script.comment("off, the set notes the link, so that it can be turned off again.");
    for version in versions {
        let setting = forwarding_setting(*version);
        script.out.push_str(&format!(
            r#"for link in $(ip -{version} -o route show default | sed -n 's/^default.* dev \([^ ]*\).*/\1/p'); do
    if [ "$(sysctl -e -n "net/{setting}")" = 0 ]; then
        nft add element inet {table} forwarding{version} "{{ \"$link\" }}"
        sysctl -q -w "net/{setting}=1"
    fi
done
"#
        ));
    }
}

/// The setting that lets `$link` forward, with slashes between its parts.
fn forwarding_setting(version: IpVersion) -> &'static str {
    match version {
        IpVersion::V4 => "ipv4/conf/$link/forwarding",
        IpVersion::V6 => "ipv6/conf/$link/force_forwarding",
    }
}

pub(super) fn restore_forwarding(script: &mut Script<'_>) {
    script.comment(
        "The sets say where forwarding was turned on. Leave it on where another network needs it.",
    );
    let table = mark::table(script.project());
    for version in IpVersion::ALL {
        let setting = forwarding_setting(version);
        let whole = match version {
            IpVersion::V4 => "",
            IpVersion::V6 => "    [ \"$link\" != all ] || key=net/ipv6/conf/all/forwarding\n",
        };
        script.out.push_str(&format!(
            r#"for link in $(nft list set inet {table} forwarding{version} | sed -n '/elements/,$p' | grep -o '"[^"]*"' | tr -d '"'); do
    key=net/{setting}
{whole}    [ "$(sysctl -e -n "$key")" != 1 ] || sysctl -q -w "$key=0"
done
"#
        ));
    }
}
