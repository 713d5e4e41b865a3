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
fn a_service_may_share_the_network_of_one_that_shares() {
    let text = "services:
  last: { image: x, command: sleep 9, network_mode: \"service:middle\" }
  middle: { image: x, network_mode: \"service:first\" }
  first: { image: x, command: sleep 8 }
";
    let imported = imported(text, false);
    let [node] = imported.project.topology.nodes.as_slice() else {
        panic!("{}", imported.text);
    };
    let sidecars: Vec<&str> = node.sidecars.iter().map(|s| s.name.as_ref()).collect();
    assert_eq!((node.name.as_ref(), sidecars), ("first", vec!["last"]));
}

/// Its own is made for the files of the image, not for those of this machine.
#[test]
fn a_service_without_ports_has_no_program_in_the_place_of_its_image() {
    let text = "services:
  init: { image: apache/airflow, entrypoint: /bin/bash, command: [-c, exec /entrypoint], healthcheck: { test: 'true' } }
  built: { build: ., command: sh -c ./start }
  ours: { image: alpine, x-hallway: { command: sleep 9 } }
  own: { command: sleep 9 }
  web: { image: nginx, depends_on: { init: { condition: service_completed_successfully } } }
";
    let imported = imported(text, true);
    let nodes = &imported.project.topology.nodes;
    let commands: Vec<_> = (nodes.iter())
        .map(|n| Some(n.command.as_ref()?.words().join(" ")))
        .collect();
    let sleep = || Some("sleep 9".to_owned());
    let web = Some("hallway serve 80/tcp".to_owned());
    assert_eq!(commands, [None, None, sleep(), sleep(), web]);
    let notes = &imported.notes;
    let says = |words: &str| notes.iter().any(|n| n.contains(words));
    assert!(says("images are not run: init, built"), "{notes:?}");
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

#[test]
fn the_name_of_a_project_is_a_variable() {
    let names = |text: &str, name: Option<&str>| {
        let file = File {
            path: "My Shop!/compose.yaml".to_owned(),
            text: format!(
                "{text}services: {{ a: {{ image: x, hostname: \"${{COMPOSE_PROJECT_NAME}}-h\" }} }}\n"
            ),
        };
        let options = Options {
            name: name.map(str::to_owned),
            ..Options::default()
        };
        let imported = import(&[file], &options, Surroundings::bare()).unwrap();
        assert!(imported.notes.iter().all(|n| !n.contains("is not set")));
        let node = &imported.project.topology.nodes[0];
        (
            imported.project.topology.name.to_string(),
            node.hostname.clone().unwrap().to_string(),
        )
    };
    let both = |name: &str| (name.to_owned(), format!("{name}-h"));
    // As Compose writes the name of a directory.
    assert_eq!(names("", None), both("myshop"));
    assert_eq!(names("name: own\n", None), both("own"));
    assert_eq!(names("name: \"${X:-own}\"\n", None), both("own"));
    assert_eq!(names("name: own\n", Some("given")), both("given"));
}

/// Router ids on lo, and second addresses: the rest of the lab is there, and they are named.
#[test]
fn addresses_of_containerlab_that_no_key_sets_are_reported() {
    let text = "topology:
  nodes:
    br: { kind: bridge }
    a: { exec: [ ip addr add 10.0.0.1/24 dev eth1, ip addr add 10.255.0.1/32 dev lo, ip -6 addr add 2001:db8::2/128 dev lo, ip addr add 10.9.0.1/30 dev eth2, ip addr add 10.9.0.2/30 dev eth2 ] }
    b: { exec: [ ip addr add 10.0.0.2/24 dev eth1, ip addr add 10.0.0.3/24 dev eth1, ip addr add 10.8.0.3/24 dev eth1 ] }
  links: [ { endpoints: [\"a:eth1\", \"br:x\"] }, { endpoints: [\"b:eth1\", \"br:y\"] }, { endpoints: [\"a:eth2\", \"b:eth2\"] } ]
";
    let imported = imported_as("lab.clab.yml", text, false);
    let [a, b] = imported.notes.as_slice() else {
        panic!("{:?}", imported.notes);
    };
    for (note, words) in [
        (
            a,
            "10.9.0.2/30 dev eth2, 10.255.0.1/32 dev lo, 2001:db8::2/128 dev lo; hallway exec a ",
        ),
        (
            b,
            "10.0.0.3/24 dev eth1, 10.8.0.3/24 dev eth1; hallway exec b ",
        ),
    ] {
        assert!(note.contains(words), "{note}");
    }
    let b = &imported.project.topology.nodes[1].attachments[0];
    assert_eq!(
        b.addresses,
        ["10.0.0.2".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(b.sources.len(), 2, "{:?}", b.sources);
}

/// What follows a command that is not run here is read as well, unless it depends on that command.
#[test]
fn parts_of_a_script_of_containerlab_are_settings() {
    let text = "topology:
  nodes:
    a:
      exec:
        - sh -c \"ip -6 addr add fd00:1::1/64 dev eth1 && echo hi\"
        - bash -c 'iptables -A FORWARD -j DROP; ip addr add 10.4.0.1/24 dev eth1'
    b: {}
  links: [ { endpoints: [\"a:eth1\", \"b:eth1\"] } ]
";
    let imported = imported_as("lab.clab.yml", text, false);
    let end = &imported.project.topology.links[0].ends[0];
    let addresses: Vec<String> = end.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["fd00:1::1/64", "10.4.0.1/24"]);
    let notes = &imported.notes;
    assert!(
        notes[0].starts_with("not run in a: echo hi; iptables -A FORWARD -j DROP;"),
        "{notes:?}"
    );
}

/// Several subnets on one bridge, as a switch has them: each node has its own address.
#[test]
fn a_bridge_of_containerlab_with_several_subnets_is_a_lan() {
    let text = "topology:
  nodes:
    br: { kind: bridge }
    a: { exec: [ ip addr add 10.0.0.1/24 dev eth1 ] }
    b: { exec: [ ip addr add 10.0.1.3/24 dev eth1 ] }
    c: { exec: [ ip addr add 10.0.1.4/24 dev eth1, ip route add 10.9.0.0/16 via 10.0.1.3 ] }
    d: { exec: [ ip addr add 10.0.0.9/16 dev eth1 ] }
  links: [ { endpoints: [\"a:eth1\", \"br:a\"] }, { endpoints: [\"b:eth1\", \"br:b\"] }, { endpoints: [\"c:eth1\", \"br:c\"] }, { endpoints: [\"d:eth1\", \"br:d\"] } ]
";
    let imported = imported_as("lab.clab.yml", text, false);
    let topology = &imported.project.topology;
    assert_eq!(topology.networks[0].mode, hallway_spec::Mode::Lan);
    let nets = topology.networks[0].subnets.iter();
    let nets: Vec<String> = nets.map(|s| s.net.to_string()).collect();
    assert_eq!(nets, ["10.0.0.0/24", "10.0.1.0/24"]);
    let addresses = topology.nodes.iter().map(|n| &n.attachments[0].addresses);
    let addresses: Vec<String> = addresses.map(|a| format!("{a:?}")).collect();
    assert_eq!(addresses, ["[10.0.0.1]", "[10.0.1.3]", "[10.0.1.4]", "[]"]);
    let [note] = imported.notes.as_slice() else {
        panic!("{:?}", imported.notes);
    };
    assert!(
        note.contains("do not overlap: 10.0.0.9/16 dev eth1"),
        "{note}"
    );
}

#[test]
fn a_collision_domain_of_kathara_with_several_subnets() {
    let read = |path: &str| {
        match path.rsplit('/').next() {
        Some("pc1.startup") => Ok("ip addr add 10.0.0.1/24 dev eth0\n".to_owned()),
        Some("pc2.startup") => Ok("ip addr add 10.0.1.2/24 dev eth0\nip addr add 10.0.2.2/24 dev eth0\n".to_owned()),
        Some("pc3.startup") => Ok("ip addr add 10.0.1.3/24 dev eth0\nip route add default via 10.0.0.1\nip route add 10.9.0.0/16 via 10.0.1.2\n".to_owned()),
        Some("pc4.startup") => Ok("ip addr add 10.0.0.4/8 dev eth0\nip addr add 10.1.0.4/24 dev eth1\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    }
    };
    let file = File {
        path: "lab/lab.conf".to_owned(),
        text: "pc1[0]=A\npc2[0]=A\npc3[0]=A\npc4[0]=A\n".to_owned(),
    };
    let surroundings = Surroundings {
        read: &read,
        ..Surroundings::bare()
    };
    let imported = import(&[file], &Options::default(), surroundings).unwrap();
    let nodes = &imported.project.topology.nodes;
    let addresses = nodes
        .iter()
        .map(|n| format!("{:?}", n.attachments[0].addresses));
    let addresses: Vec<String> = addresses.collect();
    assert_eq!(addresses, ["[10.0.0.1]", "[10.0.1.2]", "[10.0.1.3]", "[]"]);
    assert_eq!(nodes[2].routes.len(), 1);
    assert_eq!(
        imported.notes,
        [
            "pc2.startup:2: not set in pc2, since an interface has one address of each IP version here, and eth0 has 10.0.1.2/24: ip addr add 10.0.2.2/24 dev eth0",
            "pc3.startup:2: pc3 gets no such route, since its networks have no neighbour for it: ip route add default via 10.0.0.1",
            "pc4.startup:1: not set in pc4, since its prefix overlaps 10.0.0.0/24, which A has too: ip addr add 10.0.0.4/8 dev eth0",
            "pc4.startup:2: not set in pc4, since lab.conf has no pc4[1]: ip addr add 10.1.0.4/24 dev eth1",
        ]
    );
}

/// A command that changes the project reads the translation again.
#[test]
fn a_dependency_that_is_not_required_can_be_read_again() {
    for condition in ["service_started", "service_completed_successfully"] {
        let text = format!(
            "services:
  a: {{ image: x, command: sleep 9, depends_on: {{ b: {{ condition: {condition}, required: \"no\" }} }} }}
  b: {{ image: x, command: sleep 9 }}
"
        );
        let file = File {
            path: "compose.yaml".into(),
            text,
        };
        let surroundings = Surroundings {
            program: &|_| true,
            ..Surroundings::bare()
        };
        let imported = import(&[file], &Options::default(), surroundings).unwrap();
        let written = format!("{{ condition: {condition}, required: false }}");
        assert!(imported.text.contains(&written), "{}", imported.text);
        assert!(hallway_spec::Document::read(&imported.text).is_some());
    }
}
