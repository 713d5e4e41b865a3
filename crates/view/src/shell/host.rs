//! Steps on the host: bridges, unreachable routes, forwarding.

use hallway_nftables::print::{self, mac};
use hallway_plan::firewall_accepts::{FirewallChain, Pass};
use hallway_plan::mark;
use hallway_plan::settled::Vlan;
use hallway_plan::target::{Link, Setting};
use hallway_spec::{IpVersion, Name, SysctlKey};
use ipnet::IpNet;

use super::Script;
use super::quote::quote;

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

pub(super) fn create_bridge(script: &mut Script<'_>, bridge: &Link) {
    script.explain(&[
        "A bridge is a switch in the kernel; with an address of its own it is the network's gateway",
        "as well. By the device group the rules recognise the network. The bridge learns no MAC address from frames",
        "to the group addresses of bridges: no rule applies to those.",
    ]);
    let link = quote(&bridge.name);
    script.line(&format!(
        "ip link add name {link} group {} address {}{} type bridge no_linklocal_learn 1",
        bridge.group.unwrap_or(0),
        mac(&bridge.mac.unwrap_or_default()),
        mtu(bridge)
    ));
    if bridge.nf_call == Some(true) {
        nf_call(script, &bridge.name, true);
    }
    settings(script, bridge);
    alias(script, bridge);
    if bridge.no_kernel_address {
        no_own_address(script, "ip", &link);
    }
    script.line(&format!("ip link set dev {link} up"));
    for address in &bridge.addresses {
        add_address(script, "ip", &link, address);
    }
}

pub(super) fn create_vlan(script: &mut Script<'_>, new: &Link, vlan: &Vlan) {
    script.explain(&[
        "A VLAN of an interface of the host: frames leave by that with the tag, and come in by this link",
        "if they have it. The host itself has no address in it, and takes none.",
    ]);
    let (link, parent) = (quote(&new.name), quote(&vlan.parent));
    script.line(&format!(
        "ip link add link {parent} name {link} group {} type vlan id {}",
        new.group.unwrap_or(0),
        vlan.id
    ));
    settings(script, new);
    alias(script, new);
    no_own_address(script, "ip", &link);
    script.line(&format!("ip link set dev {link} up"));
}

/// The MTU, as an attribute of `ip link`.
pub(super) fn mtu(link: &Link) -> String {
    link.mtu.map_or_else(String::new, |m| format!(" mtu {m}"))
}

/// The mark of ownership.
pub(super) fn alias(script: &mut Script<'_>, link: &Link) {
    if let Some(alias) = &link.alias {
        let (link, alias) = (quote(&link.name), quote(alias));
        script.line(&format!("ip link set dev {link} alias {alias}"));
    }
}

/// Whether frames of a bridge pass the rules for IP.
pub(super) fn nf_call(script: &mut Script<'_>, bridge: &str, on: bool) {
    if on {
        script.explain(&[
            "A policy is about members of this network: their frames must pass the rules for IP too.",
            "The kernel can do that when its module br_netfilter is loaded (modprobe br_netfilter).",
        ]);
    }
    let (link, on) = (quote(bridge), u8::from(on));
    script.line(&format!(
        "ip link set dev {link} type bridge nf_call_iptables {on} nf_call_ip6tables {on}"
    ));
}

/// Settings of a link on the host.
pub(super) fn settings(script: &mut Script<'_>, link: &Link) {
    for (setting, value) in &link.settings {
        match setting {
            Setting::AcceptRa | Setting::Autoconf => script.explain(&[
                "A node cannot give the host a route or an address by announcing one. (-e: a kernel",
                "without IPv6 does not have these settings.)",
            ]),
            Setting::Forwarding(_) | Setting::ForcedForwarding | Setting::NewForwarding(_) => script.explain(&[
                "A host that forwards is a router. It is made one for packets that come in by this link,",
                "not for the whole machine.",
            ]),
            Setting::DisableIpv6 => {}
            // What the kernel gives a link.
            Setting::Initial(initial) if initial.value() == *value => continue,
            Setting::Initial(_) => script.explain(&[
                "The host has routing rules for some of its addresses: replies of nodes get these as their",
                "source before they are routed (chain answers).",
            ]),
        }
        set(script, "", *setting, Some(&link.name), *value);
    }
}

/// One setting; `run` is the command before it.
pub(super) fn set(
    script: &mut Script<'_>,
    run: &str,
    setting: Setting,
    link: Option<&str>,
    value: u32,
) {
    let key = super::quote::setting(&setting.key(link));
    let absent_is_fine = if setting == Setting::Forwarding(IpVersion::V4) {
        ""
    } else {
        " -e"
    };
    script.line(&format!("{run}sysctl -q{absent_is_fine} -w {key}={value}"));
}

/// A setting by its key.
pub(super) fn sysctl(script: &mut Script<'_>, run: &str, key: &SysctlKey, value: &str) {
    let pair = super::quote::quote(&format!("{key}={value}"));
    script.line(&format!("{run}sysctl -qw {pair}"));
}

/// The kernel adds no link-local address.
pub(super) fn no_own_address(script: &mut Script<'_>, ip: &str, link: &str) {
    script.explain(&[
        "The kernel adds no IPv6 address to links itself: it would be announced to every",
        "port of a bridge. Where IPv6 is used, one made from the MAC address is added below.",
    ]);
    script.line(&format!("{ip} link set dev {link} addrgenmode none"));
}

/// An address, usable at once: the plan prevents duplicates, so the kernel need not detect them.
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

pub(super) fn forward_uplinks(script: &mut Script<'_>, table: &str, versions: &[IpVersion]) {
    for text in [
        "Requests to published ports and answers to nodes come in by any link of the host that is up.",
        "Where forwarding was off, the set notes the link, so that it can be turned off again, and so",
        "that chain others drops what others would have forwarded by it. The keeper does the same for",
        "links that come up later.",
    ] {
        script.comment(text);
    }
    script.line(&format!(
        r#"links() {{ ip -o link show up | grep -v ' master \|alias hallway:' | sed -n 's/^[0-9]*: \([^:@]*\)[:@].*/\1/p' | grep -vx lo || true; }}
note() {{
    [ -z "$(ip -o link show dev "$2" type bridge)" ] || nft add element inet {table} bridged "{{ \"$2\" . \"$2\" }}"
    nft add element inet {table} "forwarding$1" "{{ \"$2\" }}"
}}"#
    ));
    if versions.contains(&IpVersion::V6) {
        script.comment("Before Linux 6.17, IPv6 can only be forwarded everywhere or nowhere.");
        script.out.push_str(&format!(
            r#"if [ ! -e /proc/sys/net/ipv6/conf/lo/force_forwarding ] && [ "$(sysctl -e -n net.ipv6.conf.all.forwarding)" = 0 ]; then
    for link in $(links); do note 6 "$link"; done
    nft add element inet {table} forwarding6 '{{ "all" }}'
    sysctl -q -w net.ipv6.conf.all.forwarding=1
fi
"#
        ));
    }
    if !script.settled.inner_networks().any(|n| !n.internal) {
        return;
    }
    for version in versions {
        let setting = forwarding_setting(*version);
        let whole = match version {
            IpVersion::V4 => "",
            IpVersion::V6 => r#" && [ "$(sysctl -e -n net.ipv6.conf.all.forwarding)" = 0 ]"#,
        };
        script.out.push_str(&format!(
            r#"for link in $(links); do
    if [ "$(sysctl -e -n "net/{setting}")" = 0 ]{whole}; then
        note {version} "$link"
        sysctl -q -w "net/{setting}=1"
    fi
done
"#
        ));
    }
}

/// An accept in a chain of another firewall.
pub(super) fn accept_in_firewall(
    script: &mut Script<'_>,
    entry: &FirewallChain,
    pass: &Pass,
    project: &Name,
) {
    script.explain(&[
        "A drop in the chain of another firewall is final, whatever these rules do. Where that firewall",
        "is, an accept at the beginning of its chain lets our packets through.",
    ]);
    let rule = print::rule_with_comment(&pass.rule(project), entry.family);
    script.line(&format!(
        "if nft list chain {entry} >/dev/null 2>&1; then nft insert rule {entry} {}; fi",
        quote(&rule)
    ));
}

pub(super) fn remove_accept(script: &mut Script<'_>, entry: &FirewallChain, pass: &Pass) {
    script.explain(&["The comment of the accept identifies it; it is removed by its handle."]);
    let comment = pass.rule(script.project()).comment;
    let one = quote(&format!(
        "s/.*comment \"{}\" # handle \\([0-9]*\\)$/\\1/p",
        comment.replace('.', "\\.")
    ));
    script.line(&format!(
        "for handle in $(nft -a list chain {entry} 2>/dev/null | sed -n {one}); do nft delete rule {entry} handle \"$handle\"; done"
    ));
}

/// The setting for forwarding of `$link`, with slashes between its parts.
fn forwarding_setting(version: IpVersion) -> &'static str {
    match version {
        IpVersion::V4 => "ipv4/conf/$link/forwarding",
        IpVersion::V6 => "ipv6/conf/$link/force_forwarding",
    }
}

pub(super) fn restore_uplinks(script: &mut Script<'_>) {
    script.comment(
        "The sets contain the links on which forwarding was turned on. Leave it on where another network needs it, and",
    );
    script.comment("where another program turned it on for the whole host.");
    let table = mark::table(script.project());
    for version in IpVersion::ALL {
        let setting = forwarding_setting(version);
        let (whole, all) = match version {
            IpVersion::V4 => ("", "net.ipv4.ip_forward"),
            IpVersion::V6 => (
                "    [ \"$link\" != all ] || key=net/ipv6/conf/all/forwarding\n",
                "net.ipv6.conf.all.force_forwarding",
            ),
        };
        script.out.push_str(&format!(
            r#"for link in $(nft list set inet {table} forwarding{version} | sed -n '/elements/,$p' | grep -o '"[^"]*"' | tr -d '"'); do
    key=net/{setting}
{whole}    [ "$(sysctl -e -n "$key")" != 1 ] || [ "$(sysctl -e -n {all})" = 1 ] || sysctl -q -w "$key=0"
done
"#
        ));
    }
}
