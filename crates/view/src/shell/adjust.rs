//! Changes of one object in place.

use hallway_nftables::print::mac;
use hallway_plan::compare::{Attribute, ObjectPlace};
use hallway_plan::shaping::Shaping;
use hallway_plan::step::Adjustment;
use hallway_plan::target::RoutingRule;
use hallway_spec::IpVersion;

use super::Script;
use super::entering::{run_in, within};
use super::filter;
use super::host::{add_address, nf_call, no_own_address, set, sysctl};
use super::inside::{add_route, remove_route};
use super::quote::quote;
use super::shaping::shape;

pub(super) fn adjust(script: &mut Script<'_>, place: &ObjectPlace, change: &Adjustment) {
    let netns = match place {
        ObjectPlace::Host => None,
        ObjectPlace::Node { netns, .. } => Some(netns),
    };
    let with =
        |program: &str| netns.map_or_else(|| program.to_owned(), |netns| within(program, netns));
    match change {
        Adjustment::Link { link, attributes } => {
            for attribute in attributes {
                change_link(script, &with("ip"), link, attribute);
            }
        }
        Adjustment::AddAddress { link, address } => {
            add_address(script, &with("ip"), &quote(link), address);
        }
        Adjustment::RemoveAddress { link, address } => {
            script.line(&format!(
                "{} addr del {address} dev {}",
                with("ip"),
                quote(link)
            ));
        }
        Adjustment::AddRoute(route) | Adjustment::ReplaceRoute(route) => {
            add_route(script, netns, route)
        }
        Adjustment::RemoveRoute(route) => remove_route(script, netns, route),
        Adjustment::Setting {
            link,
            setting,
            value,
        } => {
            let run = netns.map_or_else(String::new, run_in);
            set(script, &run, *setting, link.as_deref(), *value);
        }
        Adjustment::Table(rules) => filter::inside(script, netns, rules),
        Adjustment::RemoveTable { table } => {
            let run = netns.map_or_else(String::new, run_in);
            script.line(&format!("{run}nft delete table inet {table}"));
        }
        Adjustment::Sysctl { key, value } => {
            let run = netns.map_or_else(String::new, run_in);
            sysctl(script, &run, key, value);
        }
        Adjustment::Shape {
            link,
            shaping,
            replace,
        } => {
            let (tc, link) = (with("tc"), quote(link));
            if *replace || *shaping == Shaping::NONE {
                script.line(&format!("{tc} qdisc del dev {link} root"));
            }
            shape(script, &tc, &link, shaping);
        }
        Adjustment::RemoveForwarding { bridge, port, mac } => {
            script.line(&remove_entry(bridge, port, *mac));
        }
        Adjustment::RemoveNeighbour { link, address } => {
            let (ip, link) = (with("ip"), quote(link));
            script.line(&format!("{ip} neigh del {address} dev {link}"));
        }
        Adjustment::AddRoutingRule(rule) => {
            script.line(&add_rule(&with("ip"), rule));
        }
    }
}

fn remove_entry(bridge: &str, port: &str, address: [u8; 6]) -> String {
    let place = if port == bridge { "self" } else { "master" };
    format!(
        "bridge fdb del {} dev {} {place}",
        mac(&address),
        quote(port)
    )
}

fn add_rule(ip: &str, rule: &RoutingRule) -> String {
    let version = match rule.version {
        IpVersion::V4 => "",
        IpVersion::V6 => " -6",
    };
    let (priority, table) = (rule.priority, rule.table_name());
    format!("{ip}{version} rule add priority {priority} lookup {table} proto kernel")
}

fn change_link(script: &mut Script<'_>, ip: &str, name: &str, attribute: &Attribute) {
    let link = quote(name);
    let words = match attribute {
        Attribute::Up(true) => "up".to_owned(),
        Attribute::Up(false) => "down".to_owned(),
        Attribute::Arp(_) | Attribute::Multicast(_) => format!("{} {attribute}", attribute.name()),
        Attribute::Mtu(mtu) => format!("mtu {mtu}"),
        Attribute::Mac(address) => format!("address {}", mac(address)),
        Attribute::Group(group) => format!("group {group}"),
        Attribute::Alias(alias) => format!("alias {}", quote(alias.as_deref().unwrap_or_default())),
        Attribute::Master(Some(bridge)) => format!("master {}", quote(bridge)),
        Attribute::Master(None) => "nomaster".to_owned(),
        Attribute::Port(flag, on) => {
            let on = if *on { "on" } else { "off" };
            script.line(&format!("bridge link set dev {link} {} {on}", flag.name()));
            return;
        }
        Attribute::NfCall(on) => return nf_call(script, name, *on),
        Attribute::GroupLearning(on) => format!("type bridge no_linklocal_learn {}", u8::from(!on)),
        Attribute::AgeingTime(_) | Attribute::MaxLearned(_) => {
            format!("type bridge {} {attribute}", attribute.name())
        }
        Attribute::MacvlanMode(_) => format!("type macvlan mode {attribute}"),
        Attribute::Bridge(flag, on) => format!("type bridge {} {}", flag.name(), u8::from(*on)),
        Attribute::KernelAddress(_) => return no_own_address(script, ip, &link),
    };
    script.line(&format!("{ip} link set dev {link} {words}"));
}
