//! Values of Compose files that are empty, small servers of services that share a namespace, and settings
//! of containerlab nodes.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use hallway_import::{File, Imported, Options, Surroundings, import};

fn imported(text: &str, stub: bool) -> Imported {
    imported_as("shop/compose.yaml", text, stub)
}

fn imported_as(path: &str, text: &str, stub: bool) -> Imported {
    let file = File {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let options = Options {
        stub,
        ..Options::default()
    };
    import(&[file], &options, Surroundings::bare()).unwrap()
}

#[test]
fn an_empty_value_is_none() {
    let empty = "hostname: \"${X:-}\", container_name: \"\", dns: [\"\"], dns_search: ., mac_address: \"\", network_mode: \"\", env_file: \"\", networks: { default: { ipv4_address: \"${X:-}\" } }";
    let text = format!("services: {{ a: {{ image: x, {empty} }}, b: {{ image: x }} }}\n");
    let imported = imported(&text, false);
    let nodes = &imported.project.topology.nodes;
    assert_eq!(nodes[0].attachments.len(), 1);
    let [a, b] = [&nodes[0], &nodes[1]].map(|node| {
        let mut node = node.clone();
        node.name = "x".parse().unwrap();
        (
            node.hostname,
            node.dns,
            node.dns_search,
            node.attachments[0].addresses.clone(),
        )
    });
    assert_eq!(a, b);
}

#[test]
fn port_0_of_the_host_is_any() {
    let text = "services: { a: { image: x, ports: [\"0:80\", { target: 81, published: 0 }] } }\n";
    let imported = imported(text, false);
    for port in &imported.project.topology.nodes[0].ports {
        assert!(port.host_ports.first() >= 49152, "{port:?}");
    }
}

#[test]
fn a_port_of_one_namespace_has_one_server() {
    let text = "services:
  app: { image: jellyfin, network_mode: \"service:vpn\", expose: [8096, 9000] }
  more: { image: jellyfin, network_mode: \"service:vpn\", expose: [9000] }
  vpn: { image: tailscale, ports: [\"8096:8096\"] }
";
    let imported = imported(text, true);
    let node = &imported.project.topology.nodes[0];
    let words = node.command.as_ref().unwrap().words();
    assert_eq!(words, ["hallway", "serve", "8096/tcp"]);
    let others: Vec<(&str, &[String])> = (node.sidecars.iter())
        .map(|s| (s.name.as_ref(), s.command.words()))
        .collect();
    let served = ["hallway", "serve", "9000/tcp"].map(str::to_owned);
    assert_eq!(others, [("app", served.as_slice())]);
    assert!(
        imported
            .notes
            .iter()
            .any(|n| n.starts_with("more is left out"))
    );
}

#[test]
fn settings_and_name_servers_of_containerlab() {
    let text = "topology:
  defaults: { kind: linux, sysctls: { net.ipv4.tcp_syncookies: 0 } }
  nodes:
    r: { sysctls: { net.ipv4.ip_forward: 1, net.ipv4.tcp_syncookies: 2 }, dns: { servers: [9.9.9.9], search: [a.example] } }
    h: {}
";
    let imported = imported_as("lab.clab.yml", text, false);
    let [r, h] = imported.project.topology.nodes.as_slice() else {
        panic!("{}", imported.text);
    };
    assert!(r.forwarding && !h.forwarding);
    let value = |node: &hallway_spec::Node| {
        let mut all = node.sysctls.iter().map(|(k, v)| format!("{k}={v}"));
        (all.next().unwrap(), all.next())
    };
    assert_eq!(value(r), ("net.ipv4.tcp_syncookies=2".to_owned(), None));
    assert_eq!(value(h), ("net.ipv4.tcp_syncookies=0".to_owned(), None));
    assert_eq!(r.dns, ["9.9.9.9".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(r.dns_search[0].as_ref(), "a.example");
}
