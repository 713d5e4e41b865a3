//! Names of ports: in policies, in expectations and on the command line they mean the numbers, and
//! packets agree.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh};

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

const FILE: &str = "
name: shop
networks:
  front: { subnet: [10.90.0.0/24, fd90::/64] }
  back:  { subnet: [10.91.0.0/24, fd91::/64], internal: true }
  world: { subnet: [203.0.113.0/24, 2001:db8::/64], outside: true }
nodes:
  web:     { networks: [front], ports: [\"http=8080:80\", { target: 443, published: 8443, name: https }] }
  client:  { networks: [front] }
  db1:     { networks: { back: { address: [10.91.0.11, fd91::11] } }, port_names: { sql: 3306/tcp, stats: 8125/udp, shards: 9000-9003 } }
  db2:     { networks: [back], port_names: { sql: 3306/tcp } }
  visitor: { networks: [world] }
policies:
  - { action: deny, between: [client, web], ports: [https] }
  - { from: web, to: back, ports: [sql] }
  - { from: web, to: db1, ports: [stats, shards] }
expect:
  - { from: web, to: db1, port: sql }
  - { from: web, to: db2, port: sql }
  - { from: web, to: db1, port: 3307/tcp, reachable: false }
  - { from: web, to: db1, port: stats }
  - { from: web, to: db1, port: 8125/tcp, reachable: false }
  - { from: web, to: db2, port: 8125/udp, reachable: false }
  - { from: web, to: db1, port: 9003/tcp }
  - { from: web, to: db1, port: 9004/tcp, reachable: false }
  - { from: client, to: db1, port: sql, reachable: false }
  - { from: client, to: web, port: http }
  - { from: client, to: web, port: https, reachable: false }
  - { from: visitor, to: host, port: http }
  - { from: visitor, to: host, port: https }
  - { from: visitor, to: host, port: 443/tcp, reachable: false }
";

fn policies_and_expectations_by_name() {
    let h = hallway().project("shop");
    h.up(FILE).ok();
    h.ok("test");
    let numbers = FILE
        .replace("ports: [https]", "ports: [443/tcp]")
        .replace("ports: [sql]", "ports: [3306]")
        .replace("ports: [stats, shards]", "ports: [8125/udp, 9000-9003]");
    let shell = |text: &str| {
        std::fs::write("/run/shop.hallway.yaml", text).unwrap();
        let args = ["plan", "--format", "shell", "/run/shop.hallway.yaml"];
        hallway().run(&args).ok()
    };
    h.up(&numbers).exits(0).says("nothing to change");
    h.ok("down");
    assert_eq!(shell(FILE), shell(&numbers));
}

fn targets_by_name() {
    let h = hallway().project("shop");
    h.up(FILE).ok();
    for target in ["db1:sql", "db2:sql", "10.91.0.11:sql", "[fd91::11]:sql"] {
        for verb in ["explain", "reach", "trace"] {
            h.run(&[verb, "web", target]).ok();
            h.run(&[verb, "client", target]).exits(1);
        }
    }
    for shown in [h.ok("status"), h.ok("graph")] {
        assert!(shown.contains("8080 → 80/tcp (http)"), "{shown}");
    }
    let said = h.run(&["explain", "visitor", "host:https"]).ok();
    assert!(said.contains("8443/tcp"), "{said}");
    h.run(&["reach", "visitor", "host:https"]).ok();
    h.run(&["explain", "web", "db2:stats"])
        .exits(2)
        .says("db2 has no port with the name stats")
        .says("sql (3306/tcp)");
    h.run(&["explain", "web", "db1:shards"])
        .exits(2)
        .says("several ports, 9000-9003");
    h.run(&["reach", "web", "outside:sql"])
        .exits(2)
        .says("has no port with the name sql");
    h.ok("down");
}

/// Only servers that have a port of that name are tried.
fn the_matrix_of_a_name() {
    let h = hallway().project("shop");
    let text = FILE.replace(
        "port_names: { sql: 3306/tcp } }",
        "port_names: { sql: 3306/tcp }, command: hallway serve 3306, ready: [sql] }",
    );
    h.up(&text).ok();
    let matrix = h.ok("test --matrix --port sql --format json");
    let found: serde_json::Value = serde_json::from_str(&matrix).unwrap();
    let results = found["results"].as_array().unwrap();
    assert!(
        results
            .iter()
            .all(|r| r["service"] == "3306/tcp"
                && ["db1", "db2"].contains(&r["to"].as_str().unwrap())),
        "{matrix}"
    );
    assert!(
        results.iter().all(|r| r["agrees"] == true) && results.len() > 6,
        "{matrix}"
    );
    h.run(&["test", "--matrix", "--port", "nope"])
        .exits(2)
        .says("no node has a port with the name nope");
    h.ok("down");
}

fn single_changes_by_name() {
    let h = hallway().project("shop");
    h.up(FILE).ok();
    h.ok("allow client db2 --port sql");
    h.run(&["reach", "client", "db2:sql"]).ok();
    h.run(&["reach", "client", "db1:sql"]).exits(1);
    h.run(&["allow", "client", "db2", "--port", "stats"])
        .exits(2)
        .says("db2 has no port with the name stats")
        .says("sql (3306/tcp)");
    h.ok("publish client admin=8090:90");
    h.run(&["reach", "visitor", "host:admin"]).ok();
    h.run(&["publish", "client", "admin=8091:91"])
        .exits(2)
        .says("gives the name admin to 90/tcp and to 91/tcp");
    h.ok("unpublish client admin");
    h.run(&["reach", "visitor", "host:8090"]).exits(1);
    h.run(&["unpublish", "client", "admin"]).exits(2);
    // Without these nodes, the name that a policy has means nothing.
    h.ok("node rm db1");
    h.run(&["node", "rm", "db2"])
        .exits(2)
        .says("back has no port with the name sql");
    h.run(&["reach", "web", "db2:sql"]).ok();
    h.ok("down");
}

/// A new name changes no rule, and is known from then on.
fn a_name_is_changed() {
    let h = hallway().project("shop");
    h.up(FILE).ok();
    // Without the elements that rules add as packets arrive.
    let rules =
        || sh("nft --stateless list ruleset | grep -v 'ct count over' | sed 's, # progname.*,,'");
    let before = rules();
    h.up(&FILE.replace("sql", "mysql")).ok();
    assert_eq!(rules(), before);
    h.run(&["reach", "web", "db1:mysql"]).ok();
    h.run(&["reach", "web", "db1:sql"]).exits(2);
    h.ok("down");
}

fn ambiguous_names_are_refused() {
    let h = hallway();
    let before = Snapshot::take();
    h.up(&FILE.replace(
        "port_names: { sql: 3306/tcp } }",
        "port_names: { sql: 5432 } }",
    ))
    .exits(2)
    .says("port-name-ambiguous")
    .says("the name sql means 3306/tcp of db1 and 5432/tcp of db2");
    h.up(&FILE.replace("ports: [sql]", "ports: [sqll]"))
        .exits(2)
        .says("back has no port with the name sqll")
        .says("shards (9000-9003/tcp), sql (3306/tcp), stats (8125/udp)");
    before.unchanged();
}

fn names_of_a_compose_file() {
    let text = "name: shop
services:
  web: { image: nginx, ports: [{ target: 80, published: 8080, name: http }] }
  client: { image: alpine }
x-hallway:
  policies: [{ action: deny, from: client, to: web, ports: [http] }]
";
    std::fs::write("/run/compose.yaml", text).unwrap();
    let h = hallway().project("shop");
    h.run(&["up", "/run/compose.yaml"]).ok();
    h.run(&["reach", "client", "web:http"]).exits(1);
    h.run(&["reach", "client", "web:81"]).ok();
    let said = h.run(&["explain", "client", "host:http"]).exits(1);
    assert!(said.out.contains("8080/tcp"), "{}", said.out);
    let exported = h.run(&["export", "--format", "compose"]);
    assert!(exported.out.contains("name: http"), "{}", exported.err);
    h.ok("down");
    sh("rm /run/compose.yaml");
}

hallway_testkit::tests![
    policies_and_expectations_by_name,
    targets_by_name,
    the_matrix_of_a_name,
    single_changes_by_name,
    a_name_is_changed,
    ambiguous_names_are_refused,
    names_of_a_compose_file,
];
