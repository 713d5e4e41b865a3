//! A file with every mapping in it, and for each key of the schema a change to that file.

use serde_json::{Value, json};

/// A file that contains every mapping at least once.
pub(crate) fn base() -> Value {
    json!({
        "networks": {
            "n": { "subnet": "10.1.0.0/24" },
            "m": { "subnet": "10.2.0.0/24" },
            "x": { "external": true, "bridge": "br0" },
            "p": { "parent": "eth0" },
        },
        "nodes": {
            "a": {
                "networks": { "n": { "delay": "10ms" } },
                "forwarding": true,
                "command": "x",
                "ports": [{ "target": 80 }],
                "routes": [{ "to": "10.9.0.0/24", "via": "10.1.0.9" }],
            },
            "b": { "networks": { "n": {} }, "limits": {} },
            "s": { "command": "x", "namespace": "node:a" },
            "c": {
                "forwarding": true,
                "command": "x",
                "healthcheck": { "test": "false" },
                "depends_on": { "a": {} },
            },
        },
        "links": [{
            "endpoints": {
                "c": { "address": "10.3.0.1/24", "delay": "10ms" },
                "d": { "address": "10.3.0.2/24" },
            },
            "delay": "10ms",
        }],
        "policies": [{ "from": "a", "to": "b" }],
        "expect": [{ "from": "a", "to": "b" }],
    })
}

/// A key of the schema, its place in [`base`], and a value with another meaning there.
pub(crate) struct Sample {
    /// The path in the schema: `*` for names, lists left out.
    pub(crate) key: &'static str,
    /// The JSON pointer of its mapping.
    pub(crate) mapping: &'static str,
    /// Keys to remove from the mapping first.
    pub(crate) without: &'static [&'static str],
    /// The value.
    pub(crate) value: Value,
}

/// Keys that Compose files have, and that say nothing about the network.
pub(crate) const WITHOUT_EFFECT: [&str; 2] = ["nodes.*.ports.app_protocol", "nodes.*.ports.mode"];

/// One sample for each key of the schema.
pub(crate) fn all() -> Vec<Sample> {
    let mut out = Vec::new();
    let mut add = |mapping: &'static str, key: &'static str, value: Value| {
        let without: &[&str] = match key {
            "policies.between" => &["from", "to"],
            "networks.*.external" => &["bridge"],
            _ => &[],
        };
        out.push(Sample {
            key,
            mapping,
            without,
            value,
        });
    };
    sections(&mut add);
    add("/networks/m", "networks.*.subnet", json!("10.4.0.0/24"));
    add("/networks/m", "networks.*.gateway", json!("10.2.0.9"));
    add("/networks/m", "networks.*.assign", json!(false));
    add("/networks/m", "networks.*.internal", json!(true));
    add("/networks/m", "networks.*.outside", json!(true));
    add("/networks/m", "networks.*.mode", json!("routed"));
    add("/networks/m", "networks.*.nat", json!(false));
    add("/networks/m", "networks.*.mtu", json!(1400));
    add("/networks/x", "networks.*.bridge", json!("br1"));
    add("/networks/x", "networks.*.external", json!(false));
    add("/networks/p", "networks.*.parent", json!("eth1"));
    add("/networks/p", "networks.*.vlan", json!(10));
    nodes(&mut add);
    add(
        "/links/0",
        "links.endpoints",
        json!({ "c": "10.5.0.1/24", "d": "10.5.0.2/24" }),
    );
    add("/links/0", "links.mtu", json!(1400));
    add("/links/0", "links.bandwidth", json!("1mbit"));
    impairments(&mut add);
    let end = "/links/0/endpoints/c";
    add(end, "links.endpoints.*.address", json!("10.3.0.9/24"));
    add(end, "links.endpoints.*.masquerade", json!(true));
    add(end, "links.endpoints.*.interface", json!("up"));
    add(end, "links.endpoints.*.mac", json!("02:00:00:00:00:01"));
    add("/policies/0", "policies.action", json!("deny"));
    add("/policies/0", "policies.from", json!(["m", "n"]));
    add("/policies/0", "policies.to", json!("m"));
    add("/policies/0", "policies.between", json!(["a", "b"]));
    add("/policies/0", "policies.ports", json!([80, "53/udp"]));
    add("/expect/0", "expect.from", json!("m"));
    add("/expect/0", "expect.to", json!("m"));
    add("/expect/0", "expect.port", json!("80/tcp"));
    add("/expect/0", "expect.reachable", json!(false));
    out
}

fn impairments(add: &mut Add<'_>) {
    let link = "/links/0";
    add(link, "links.delay", json!("20ms"));
    add(link, "links.jitter", json!("1ms"));
    add(link, "links.loss", json!("1%"));
    add(link, "links.duplicate", json!("1%"));
    add(link, "links.corrupt", json!("1%"));
    add(link, "links.reorder", json!("1%"));
    add(link, "links.rate", json!("1mbit"));
    let end = "/links/0/endpoints/c";
    add(end, "links.endpoints.*.delay", json!("20ms"));
    add(end, "links.endpoints.*.jitter", json!("1ms"));
    add(end, "links.endpoints.*.loss", json!("1%"));
    add(end, "links.endpoints.*.duplicate", json!("1%"));
    add(end, "links.endpoints.*.corrupt", json!("1%"));
    add(end, "links.endpoints.*.reorder", json!("1%"));
    add(end, "links.endpoints.*.rate", json!("1mbit"));
    let member = "/nodes/a/networks/n";
    add(member, "nodes.*.networks.*.delay", json!("20ms"));
    add(member, "nodes.*.networks.*.jitter", json!("1ms"));
    add(member, "nodes.*.networks.*.loss", json!("1%"));
    add(member, "nodes.*.networks.*.duplicate", json!("1%"));
    add(member, "nodes.*.networks.*.corrupt", json!("1%"));
    add(member, "nodes.*.networks.*.reorder", json!("1%"));
    add(member, "nodes.*.networks.*.rate", json!("1mbit"));
}

type Add<'a> = dyn FnMut(&'static str, &'static str, Value) + 'a;

fn sections(add: &mut Add<'_>) {
    let base = base();
    let mut networks = base["networks"].clone();
    networks["o"] = json!({ "subnet": "10.6.0.0/24" });
    let mut nodes = base["nodes"].clone();
    nodes["e"] = json!(null);
    add("", "name", json!("other"));
    add("", "networks", networks);
    add("", "nodes", nodes);
    add("", "links", json!([]));
    add("", "policies", json!([]));
    add("", "expect", json!([]));
}

fn nodes(add: &mut Add<'_>) {
    add("/nodes/b", "nodes.*.networks", json!(["m"]));
    add("/nodes/b", "nodes.*.ports", json!("81:81"));
    add("/nodes/b", "nodes.*.command", json!(["y", "z"]));
    add("/nodes/a", "nodes.*.ready", json!("80/tcp"));
    add("/nodes/a", "nodes.*.may_fail", json!(true));
    add("/nodes/s", "nodes.*.namespace", json!("node:b"));
    health(add);
    add("/nodes/b", "nodes.*.environment", json!({ "A": 1 }));
    add("/nodes/b", "nodes.*.default_route", json!(false));
    add("/nodes/b", "nodes.*.working_dir", json!("/tmp"));
    add("/nodes/b", "nodes.*.user", json!("www-data"));
    add("/nodes/b", "nodes.*.restart", json!("always"));
    add("/nodes/b", "nodes.*.depends_on", json!(["a"]));
    add("/nodes/b", "nodes.*.hostname", json!("shop.example"));
    let settings = json!({ "net.ipv4.tcp_syncookies": 2 });
    add("/nodes/b", "nodes.*.sysctls", settings);
    add("/nodes/b", "nodes.*.dns", json!("10.1.0.3"));
    add("/nodes/b", "nodes.*.dns_search", json!(["lan"]));
    add(
        "/nodes/b",
        "nodes.*.extra_hosts",
        json!({ "legacy": "10.9.9.9" }),
    );
    add(
        "/nodes/b",
        "nodes.*.routes",
        json!([{ "to": "default", "via": "10.1.0.3" }]),
    );
    add("/nodes/b", "nodes.*.forwarding", json!(true));
    add("/nodes/a", "nodes.*.limits", json!({ "connections": 50 }));
    add("/nodes/b/limits", "nodes.*.limits.connections", json!(100));
    member(add);
    add("/nodes/a", "nodes.*.port_names", json!({ "db": 3306 }));
    let port = "/nodes/a/ports/0";
    add(port, "nodes.*.ports.target", json!(81));
    add(port, "nodes.*.ports.published", json!(8080));
    add(port, "nodes.*.ports.host_ip", json!("127.0.0.1"));
    add(port, "nodes.*.ports.protocol", json!("udp"));
    add(port, "nodes.*.ports.name", json!("web"));
    add(port, "nodes.*.ports.app_protocol", json!("http"));
    add(port, "nodes.*.ports.mode", json!("host"));
    let route = "/nodes/a/routes/0";
    add(route, "nodes.*.routes.to", json!("10.8.0.0/24"));
    add(route, "nodes.*.routes.via", json!("10.1.0.8"));
}

/// Health checks, and dependencies on them.
fn health(add: &mut Add<'_>) {
    let check = json!({ "test": "true" });
    add("/nodes/a", "nodes.*.healthcheck", check);
    let check = "/nodes/c/healthcheck";
    add(check, "nodes.*.healthcheck.test", json!(["CMD", "ls"]));
    for key in ["interval", "timeout", "start_period", "start_interval"] {
        let value = match key {
            "start_interval" => "100ms",
            _ => "1m",
        };
        let key = match key {
            "interval" => "nodes.*.healthcheck.interval",
            "timeout" => "nodes.*.healthcheck.timeout",
            "start_period" => "nodes.*.healthcheck.start_period",
            _ => "nodes.*.healthcheck.start_interval",
        };
        add(check, key, json!(value));
    }
    add(check, "nodes.*.healthcheck.retries", json!(9));
    add(check, "nodes.*.healthcheck.disable", json!(true));
    add(
        "/nodes/c/depends_on/a",
        "nodes.*.depends_on.*.condition",
        json!("service_completed_successfully"),
    );
    add(
        "/nodes/c/depends_on/a",
        "nodes.*.depends_on.*.required",
        json!(false),
    );
}

/// A node on a network.
fn member(add: &mut Add<'_>) {
    let member = "/nodes/a/networks/n";
    add(member, "nodes.*.networks.*.address", json!("10.1.0.7"));
    add(member, "nodes.*.networks.*.aliases", json!(["also"]));
    add(member, "nodes.*.networks.*.sources", json!(["10.7.0.1"]));
    add(member, "nodes.*.networks.*.masquerade", json!(true));
    add(member, "nodes.*.networks.*.mac", json!("02:00:00:00:00:01"));
    add(member, "nodes.*.networks.*.interface", json!("up"));
    add(member, "nodes.*.networks.*.bandwidth", json!("1mbit"));
    add(member, "nodes.*.networks.*.dhcp_server", json!(true));
    add(member, "nodes.*.networks.*.router", json!(true));
}
