//! Replies that take another way than the requests.

use hallway_testkit::Hallway;

/// The server of a published port answers by a router, onto a bridge whose frames pass the host's rules:
/// there the reply begins a connection of its own, and its port is changed.
pub(crate) fn a_reply_of_a_published_port_by_a_router() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up("networks: { n1: { subnet: \"fd11::/64\" }, n4: { subnet: \"fd14::/64\" } }
nodes:
  c: { networks: [n1] }
  r: { networks: { n1: { address: \"fd11::e\" }, n4: { address: \"fd14::e\" } }, forwarding: true, routes: [ { to: default, via: \"fd14::b\" } ] }
  s: { networks: { n4: { address: \"fd14::f\" } }, routes: [ { to: \"fd11::/64\", via: \"fd14::e\" } ], ports: [\"8020:5000/udp\", \"8021:80\"], command: hallway serve 80 5000/udp, ready: 80/tcp }
policies: [ { action: deny, from: any, to: any, ports: [9/tcp] } ]
")
    .ok();
    for to in ["[fd11::1]:8020/udp", "[fd11::1]:8021"] {
        let explained = h.run(&["explain", "c", to]).exits(1).out;
        assert!(explained.contains("filtered"), "{explained}");
        let reached = h.run(&["reach", "c", to]).exits(1).out;
        assert!(!reached.contains("although"), "{reached}");
    }
    h.ok("down");
}

/// The handshake is complete for the client, and no later packet arrives.
pub(crate) fn a_connection_that_only_begins() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up("networks: { n1: { subnet: \"fd11::/64\" }, n2: { subnet: \"fd12::/64\" } }
nodes:
  s: { networks: { n1: { address: \"fd11::b\" } }, command: hallway serve 80, ready: 80/tcp, routes: [ { to: \"fd12::/64\", via: \"fd11::c\" } ] }
  r: { networks: { n1: { address: \"fd11::c\" }, n2: { address: \"fd12::b\", masquerade: true } }, forwarding: true }
  c: { networks: { n2: { address: \"fd12::c\" } } }
policies: [ { from: n2, to: s, ports: [tcp] } ]
")
    .ok();
    let reached = h.run(&["reach", "c", "s:80"]).exits(1).out;
    assert!(reached.contains("no data passes"), "{reached}");
    h.run(&["test", "--matrix"]).exits(0);
    h.ok("down");
}

/// ICMP redirects of a router have no effect: packets still take the way of the routes.
pub(crate) fn no_redirect_changes_the_way() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up("networks: { a: { subnet: 10.10.0.0/24 }, b: { subnet: 10.11.0.0/24 } }
nodes:
  gw: { networks: { a: { address: 10.10.0.12 } }, forwarding: true, routes: [ { to: 10.11.0.0/24, via: 10.10.0.13 } ] }
  gw2: { networks: { a: { address: 10.10.0.13 }, b: { address: 10.11.0.13 } }, forwarding: true }
  pc: { networks: { a: { address: 10.10.0.11 } }, routes: [ { to: default, via: 10.10.0.12 } ] }
  far: { networks: { b: { address: 10.11.0.14 } }, routes: [ { to: 10.10.0.0/24, via: 10.11.0.13 } ] }
")
    .ok();
    assert!(h.inside("pc", "ping -n -c 4 -i 0.3 -W 20 10.11.0.14"));
    let route = h.ok("exec pc -- ip route get 10.11.0.14");
    assert!(!route.contains("redirected"), "{route}");
    assert!(route.contains("via 10.10.0.12"), "{route}");
    h.run(&["test", "--matrix"]).exits(0);
    h.ok("down");
}
