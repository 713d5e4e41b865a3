//! Invalid files, with the code of their problem and the text at its place.

use hallway_spec::Code;

/// The code, the text at the place (empty: anything), and a file; `NETS` stands for [`NETS`].
pub(crate) const CASES: &[(Code, &str, &str)] = &[
    (Code::UnknownKey, "nodse", "nodse: {}\nnodes: { a: {} }\n"),
    (Code::DuplicateKey, "a", "nodes: { a: {}, a: {} }\n"),
    (
        Code::OtherFormat,
        "kind",
        "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\n",
    ),
    (Code::BadText, "", "just some words\n"),
    (
        Code::BadYaml,
        "",
        "networks:\n\tn: { subnet: 10.1.0.0/24 }\n",
    ),
    (
        Code::BadValue,
        "",
        "nodes: { a: { command: make && ./run } }\n",
    ),
    (Code::BadName, "localhost", "nodes: { localhost: {} }\n"),
    (Code::BadName, "LocalHost", "nodes: { LocalHost: {} }\n"),
    (
        Code::BadName,
        "ip6-loopback",
        "nodes: { ip6-loopback: {} }\n",
    ),
    (Code::BadName, "Host", "nodes: { Host: {} }\n"),
    (Code::NameInUse, "web", "nodes: { Web: {}, web: {} }\n"),
    (
        Code::NameInUse,
        "n",
        "NETS nodes: { a: { networks: { n: { aliases: [WEB.example] } } }, b: { networks: { n: { aliases: [web.Example] } } } }\n",
    ),
    (
        Code::NameInUse,
        "b",
        "NETS nodes: { a: { networks: { n: { aliases: [CC] } } }, b: { networks: [n], hostname: cc } }\n",
    ),
    (
        Code::NameInUse,
        "WEB",
        "NETS nodes: { web: { networks: [n] }, b: { networks: [n] }, WEB: { namespace: 'node:b', command: x } }\n",
    ),
    (
        Code::ExpectContradiction,
        "",
        "NETS nodes: { a: { networks: [n] }, b: { networks: [n] } }\nexpect: [{ from: a, to: b }, { from: a, to: b, reachable: false }]\n",
    ),
    (
        Code::BadValue,
        "maybe",
        "networks: { n: { subnet: 10.1.0.0/24, internal: maybe } }\n",
    ),
    (
        Code::Missing,
        "10.1.0.1",
        "networks: { n: { gateway: 10.1.0.1 } }\n",
    ),
    (Code::BadName, "../up", "nodes: { ../up: {} }\n"),
    (
        Code::NameInUse,
        "n",
        "NETS nodes: { n: { networks: [i] }, a: { networks: [i] } }\npolicies: [{ from: a, to: n }]\n",
    ),
    (
        Code::MasqueradeNoEffect,
        "",
        "NETS nodes: { a: { networks: { n: { masquerade: true } } } }\n",
    ),
    (
        Code::UnknownName,
        "m",
        "NETS nodes: { a: { networks: [m] } }\n",
    ),
    (
        Code::UnknownName,
        "http",
        "NETS nodes: { a: { networks: [n], ports: [\"web=80\"] }, b: { networks: [n] } }\npolicies: [{ from: b, to: a, ports: [http] }]\n",
    ),
    (
        Code::UnknownName,
        "web",
        "NETS nodes: { a: { networks: [n], port_names: { web: 80 } }, b: { networks: [n] } }\nexpect: [{ from: a, to: host, port: web }]\n",
    ),
    (
        Code::PortNameAmbiguous,
        "web",
        "NETS nodes: { a: { networks: [n], port_names: { web: 80 } }, b: { networks: [n], port_names: { web: 81 } } }\npolicies: [{ from: i, to: n, ports: [web] }]\n",
    ),
    (
        Code::PortNameAmbiguous,
        "web",
        "NETS nodes: { a: { networks: [n], port_names: { web: 80-89 } }, b: { networks: [n] } }\nexpect: [{ from: b, to: a, port: web }]\n",
    ),
    (
        Code::NameInUse,
        "web",
        "NETS nodes: { a: { networks: [n], ports: [\"web=80\"], port_names: { web: 81 } } }\n",
    ),
    (
        Code::BadName,
        "tcp",
        "NETS nodes: { a: { networks: [n], port_names: { tcp: 80 } } }\n",
    ),
    (
        Code::BadName,
        "web server",
        "NETS nodes: { a: { networks: [n], ports: [{ target: 80, name: web server }] } }\n",
    ),
    (
        Code::BadSubnet,
        "127.0.0.0/8",
        "networks: { n: { subnet: 127.0.0.0/8 } }\n",
    ),
    (
        Code::BadSubnet,
        "",
        "networks: { n: { subnet: \"::ffff:10.0.0.0/120\" } }\n",
    ),
    (
        Code::SubnetOverlap,
        "m",
        "networks: { n: { subnet: 10.1.0.0/24 }, m: { subnet: 10.1.0.0/16 } }\n",
    ),
    (
        Code::AddressOutsideSubnet,
        "10.9.0.1",
        "NETS nodes: { a: { networks: { n: { address: 10.9.0.1 } } } }\n",
    ),
    (
        Code::AddressInUse,
        "10.1.0.9",
        "NETS nodes: { a: { networks: { n: { address: 10.1.0.9 } } }, b: { networks: { n: { address: 10.1.0.9 } } } }\n",
    ),
    (
        Code::AddressReserved,
        "10.1.0.1",
        "NETS nodes: { a: { networks: { n: { address: 10.1.0.1 } } } }\n",
    ),
    (
        Code::InterfaceInUse,
        "i",
        "NETS nodes: { a: { networks: { n: { interface: up }, i: { interface: up } } } }\n",
    ),
    (
        Code::PortPublishedTwice,
        "8080:81",
        "NETS nodes: { a: { networks: [n], ports: [8080:80, 8080:81] } }\n",
    ),
    (
        Code::PublishNoEffect,
        "8080:80",
        "NETS nodes: { a: { networks: [i], ports: [8080:80] } }\n",
    ),
    (
        Code::BadDependency,
        "a",
        "nodes: { a: { command: x, depends_on: [b] }, b: { command: x, depends_on: [a] } }\n",
    ),
    (
        Code::SharedNamespace,
        "",
        "NETS nodes: { a: {}, b: { namespace: 'node:a', command: x, forwarding: true } }\n",
    ),
    (Code::BadYaml, "", "nodes: { a: {}\n"),
    (
        Code::NetworkFull,
        "n",
        "networks: { n: { subnet: 10.1.0.0/30 } }\nnodes: { a: { networks: [n] }, b: { networks: [n] } }\n",
    ),
    (
        Code::ParentNetwork,
        "routed",
        "networks: { n: { parent: eth0, mode: routed } }\n",
    ),
    (
        Code::MacInUse,
        "n",
        "NETS nodes: { a: { networks: { n: { mac: 02:00:00:00:00:01 } } }, b: { networks: { n: { mac: 02:00:00:00:00:01 } } } }\n",
    ),
    (
        Code::PolicyNoEffect,
        "",
        "NETS policies: [{ from: i, to: outside }]\n",
    ),
    (
        Code::PolicyNoEffect,
        "",
        "networks: { e: { external: true, bridge: br0 } }\nnodes: { a: { networks: { e: { address: 10.1.0.2 } } }, b: { networks: { e: { address: 10.1.0.3 } } } }\npolicies: [{ action: deny, between: [a, b] }]\n",
    ),
    (
        Code::RouteUnreachable,
        "",
        "NETS nodes: { a: { networks: [n], routes: [{ to: default, via: 10.9.0.1 }] } }\n",
    ),
    (
        Code::RouteUnreachable,
        "",
        "NETS nodes: { a: { networks: [n], routes: [{ to: 10.1.0.0/24, via: 10.1.0.1 }] } }\n",
    ),
    (
        Code::RouteTwice,
        "",
        "NETS nodes: { a: { networks: [n], routes: [{ to: default, via: 10.1.0.8 }, { to: 0.0.0.0/0, via: 10.1.0.9 }] } }\n",
    ),
    (
        Code::TooMany,
        "1-40000:2-40001",
        "NETS nodes: { a: { networks: [n], ports: [1-40000:2-40001, 1-40000:2-40001/udp] } }\n",
    ),
    (Code::BadText, "", ""),
];
