//! A hallway file that is written as a Compose file has the same meaning when it is read again.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use hallway_import::{File, Options, Surroundings, export, import};

const FILES: [&str; 2] = [
    "name: shop
networks:
  apps: { subnet: [10.20.0.0/24, \"fd20::/64\"], mtu: 1400 }
  store: { subnet: 10.30.0.0/24, gateway: 10.30.0.254, internal: true }
  six: { subnet: \"fd30::/64\" }
  world: { subnet: 203.0.113.0/24, outside: true }
  office: { parent: eth0, subnet: 192.168.7.0/24, gateway: 192.168.7.1, mtu: 1400 }
  lab: { parent: eth0, vlan: 10, subnet: 192.168.8.0/24 }
  yard: { parent: eth1.20 }
nodes:
  web:
    networks: { apps: { address: [10.20.0.10, \"fd20::10\"], bandwidth: 100mbit, interface: up0 }, store: { mac: \"02:00:00:00:00:01\" } }
    ports: [\"8080:80\", \"127.0.0.1:9000:9000\", \"5000-5010:5000-5010/udp\"]
    command: hallway serve 80 9000
    ready: [80/tcp, 9000/tcp]
    restart: on-failure
    environment: { MODE: production, PRICE: 5$ }
    depends_on: [db]
  db: { networks: [store], command: [\"hallway\", \"serve\", \"5432\"], ready: 5432/tcp, dns: 1.1.1.1, working_dir: /tmp, user: \"0\" }
  visitor: { networks: { world: { aliases: [guest] } }, hostname: v.example, dns_search: lan.example, extra_hosts: { up: host-gateway, six: \"fd00::1\" } }
  clerk: { networks: { office: , lab: , yard: { address: 192.168.9.9 } } }
  router: { networks: six, forwarding: true, limits: { connections: 10 } }
  alone: {}
  job: { networks: [apps], command: hallway wait }
  again: { command: hallway wait, restart: always }
  never: { command: hallway wait, restart: \"no\" }
  checked: { command: hallway wait, restart: always, healthcheck: { test: exit 0 } }
  fails: { command: hallway wait, may_fail: true, depends_on: { job: { condition: service_started, required: false } } }
links:
  - { endpoints: { web: 10.0.9.1/30, alone: 10.0.9.2/30 }, bandwidth: 10mbit }
policies:
  - { from: web, to: db, ports: [5432/tcp] }
expect:
  - { from: web, to: db, port: 5432/tcp }
",
    "name: small\nnetworks: { free: , other: { internal: true } }\nnodes: { a: , b: {}, c: { networks: [free, other] } }\nlinks: [{ endpoints: { a: , b: } }]\n",
];

/// Without places, which differ.
fn words(topology: &hallway_spec::Topology) -> String {
    let debug = format!("{topology:?}");
    let mut parts = debug.split("Place {");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push_str(part.split_once(" }").unwrap().1);
    }
    out
}

#[test]
fn there_and_back() {
    for text in FILES {
        let before = hallway_spec::parse("x.yaml", text).unwrap().topology;
        let compose = export(text).unwrap();
        let file = File {
            path: "compose.yaml".into(),
            text: compose.clone(),
        };
        let imported = import(&[file], &Options::default(), Surroundings::bare())
            .unwrap_or_else(|e| panic!("{e}\n{compose}"));
        assert_eq!(
            words(&imported.project.topology),
            words(&before),
            "{compose}"
        );
    }
}
