//! Everything that other programs report of the host and of all nodes, object by object.

use std::collections::BTreeMap;

use serde_json::Value;

use super::place::Place;

/// Values that the kernel chooses itself: omitted for objects that are created again.
const NUMBERED: [&str; 10] = [
    // The kernel gives lo its IPv6 address without a route, which no request can.
    "noprefixroute",
    "ifindex",
    "link_index",
    "link_netnsid",
    "address",
    "handle",
    "no",
    "id",
    "designated_port",
    "link",
];
/// The sysctls that hallway or the kernel may change together with a link.
const SETTINGS: &str = "grep -rs '' /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf | grep -v stable_secret";

/// Each object, as `PLACE/KIND/NAME`, with everything that is reported of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// The present state, without the numbers of these objects; `None` if a namespace cannot be entered.
    pub(crate) fn take(there: &Place, nodes: &[&str], again: &[String]) -> Option<Self> {
        // Few processes, since this is done many times.
        let routes = "route show table all\\nrule\\n";
        let objects = format!(
            "printf 'link\\naddr\\nneigh show nud permanent\\n' | ip -j -d -b -; printf '{routes}' | ip -j -4 -b -; printf '{routes}' | ip -j -6 -b -; tc -j qdisc; echo; {SETTINGS}"
        );
        let mut script = format!("set -e\n{objects}\n");
        for node in nodes {
            let name = format!("/run/netns/{node}");
            script.push_str(&format!(
                "echo @; stat -L -c %i {name}; nsenter --net={name} sh -s <<'END'\n{objects}\nEND\n"
            ));
        }
        let text = there.try_sh(&script).ok()?;
        let mut places = text.split("@\n");
        let mut out = BTreeMap::new();
        namespace("host", places.next()?, again, &mut out)?;
        for node in nodes {
            let (inode, objects) = places.next()?.split_once('\n')?;
            let key = format!("{node}/inode/{node}");
            let inode = if again.contains(&key) { "" } else { inode };
            out.insert(key, inode.to_owned());
            namespace(node, objects, again, &mut out)?;
        }
        rules(there, &mut out);
        Some(Self(out))
    }

    /// What differs from another, one line each.
    pub(crate) fn differences(&self, now: &Self) -> Vec<String> {
        let keys = self.0.keys().chain(now.0.keys());
        let mut out: Vec<String> = keys
            .filter(|k| self.0.get(*k) != now.0.get(*k))
            .map(|k| {
                format!(
                    "{k}\n  before {:?}\n  after  {:?}",
                    self.0.get(k),
                    now.0.get(k)
                )
            })
            .collect();
        out.sort();
        out.dedup();
        out
    }
}

/// Adds the objects of one network namespace; `None` if they are not all there.
fn namespace(
    place: &str,
    text: &str,
    again: &[String],
    out: &mut BTreeMap<String, String>,
) -> Option<()> {
    let mut lines = text.lines().filter(|l| !l.is_empty());
    let kinds = [
        "link",
        "addr",
        "neighbour",
        "route4",
        "rule4",
        "route6",
        "rule6",
        "qdisc",
    ];
    for kind in kinds {
        let json: Value = serde_json::from_str(lines.next()?).ok()?;
        let mut count = BTreeMap::<String, usize>::new();
        for mut object in json.as_array()?.iter().cloned() {
            let name = name(kind, &object);
            let number = count.entry(name.clone()).or_default();
            *number += 1;
            let key = format!("{place}/{kind}/{name}");
            if kind == "addr" {
                object = object["addr_info"].take(); // the rest is said of the link
            }
            strip(&mut object, again.contains(&key));
            // A second object of the same name, like another route to the same prefix.
            let unique = if *number > 1 {
                format!("{key} {object}")
            } else {
                key
            };
            out.insert(unique, object.to_string());
        }
    }
    for line in lines {
        let (setting, value) = line.split_once(':')?;
        out.insert(format!("{place}/setting/{setting}"), value.to_owned());
    }
    Some(())
}

fn name(kind: &str, object: &Value) -> String {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    match kind {
        "link" | "addr" => text("ifname"),
        "qdisc" => text("dev"),
        "route4" | "route6" => format!("{} {} {}", text("dst"), text("dev"), text("table")),
        "rule4" | "rule6" => object["priority"].to_string(),
        _ => format!("{} {}", text("dst"), text("dev")),
    }
}

/// Removes values that change without a command: timers, and learned entries.
fn strip(value: &mut Value, again: bool) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| {
                let numbered = again && NUMBERED.contains(&key.as_str());
                !numbered
                    && !key.ends_with("_timer")
                    && !["fdb_n_learned", "tentative"].contains(&key.as_str())
            });
            map.values_mut().for_each(|v| strip(v, again));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|v| strip(v, again));
            items.sort_by_key(ToString::to_string);
        }
        _ => {}
    }
}

/// Adds the rules: each table's chains in order, sets with their elements sorted.
fn rules(there: &Place, out: &mut BTreeMap<String, String>) {
    // nft 1.0.6 prints random memory as the flags of a table with an owner, which often is not JSON.
    let listed = there.sh(
        "nft list tables | while read -r _ family name; do case $name in
        hallway.guard*) echo \"$family $name\" $(nft -s list table \"$family\" \"$name\" | sed 's, # progname [^ ]*,,') ;;
        *) nft -j list table \"$family\" \"$name\" ;; esac; done",
    );
    let (tables, guards): (Vec<&str>, Vec<&str>) = listed.lines().partition(|l| l.starts_with('{'));
    for guard in guards {
        let name = guard.split(' ').take(2).collect::<Vec<_>>().join(" ");
        out.insert(format!("host/nft/guard {name}"), guard.to_owned());
    }
    let tables = tables
        .into_iter()
        .map(|line| serde_json::from_str(line).unwrap());
    let tables: Vec<Value> = tables.collect();
    for object in tables
        .iter()
        .flat_map(|t| t["nftables"].as_array())
        .flatten()
    {
        let Some((kind, of)) = object.as_object().and_then(|o| o.iter().next()) else {
            continue;
        };
        let mut of = of.clone();
        strip_rule(&mut of);
        let text = |key: &str| of[key].as_str().unwrap_or_default().to_owned();
        // The kernel adds and removes its elements as connections start and end.
        if kind == "set"
            && ["counted", "ended"]
                .iter()
                .any(|of| text("name").starts_with(of))
        {
            continue;
        }
        let name = if kind == "rule" {
            text("chain")
        } else {
            text("name")
        };
        let key = format!(
            "host/nft/{kind} {} {} {name}",
            text("family"),
            text("table")
        );
        let all = out.entry(key).or_default();
        all.push_str(&of.to_string());
        all.push('\n');
    }
}

fn strip_rule(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !["handle", "packets", "bytes"].contains(&key.as_str()));
            for (key, value) in map.iter_mut() {
                strip_rule(value);
                if key == "elem"
                    && let Value::Array(items) = value
                {
                    items.sort_by_key(ToString::to_string);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip_rule),
        _ => {}
    }
}
