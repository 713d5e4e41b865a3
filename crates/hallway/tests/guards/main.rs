//! Frames of a node that is an attacker: made by hand, of every kind, searched for where they must
//! not arrive. After each, an echo to the gateway shows that all earlier ones have passed.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

mod changes;
mod elsewhere;
mod errors;
mod frames;
mod host;
mod moved;
mod root;
mod share;

use hallway_testkit::{Hallway, sh, try_sh};

use changes::*;
use elsewhere::*;
use errors::*;
use frames::*;
use host::*;
use moved::*;
use root::*;
use share::*;

/// Members of one network with a deny between two of them, another network without policy, an
/// internal one, one without a bridge, and the outside.
const FILE: &str = "
networks:
  apps: { subnet: [10.9.0.0/24, fd09::/64] }
  plain: { subnet: [10.8.0.0/24, fd08::/64] }
  closed: { subnet: [10.7.0.0/24, fd07::/64], internal: true }
  single: { subnet: [10.6.0.0/24, fd06::/64], mode: routed }
  world: { subnet: [203.0.113.0/24, 2001:db8::/64], outside: true }
nodes:
  a: { networks: { apps: { address: [10.9.0.10, fd09::10] } } }
  b: { networks: { apps: { address: [10.9.0.11, fd09::11] } }, ports: ['8080:80', '7070:7000', '7070:7000/udp'], command: hallway serve 80 53/udp, ready: 80/tcp }
  c: { networks: { apps: { address: [10.9.0.12, fd09::12] } }, command: hallway serve 80, ready: 80/tcp }
  p: { networks: { plain: { address: [10.8.0.10, fd08::10] } } }
  q: { networks: { plain: { address: [10.8.0.11, fd08::11] } }, command: hallway serve 80, ready: 80/tcp }
  r: { networks: { plain: { address: [10.8.0.12, fd08::12] } }, command: hallway serve 80, ready: 80/tcp }
  d: { networks: { closed: { address: [10.7.0.10, fd07::10] } }, command: hallway serve 3306, ready: 3306/tcp }
  e: { networks: { closed: { address: [10.7.0.11, fd07::11] } } }
  s: { networks: { single: { address: [10.6.0.10, fd06::10] } } }
  visitor: { networks: { world: { address: [203.0.113.9, 2001:db8::9] } }, command: hallway serve 80, ready: 80/tcp }
policies:
  - { action: deny, between: [a, b] }
  - { action: deny, between: [d, e] }
  - { from: a, to: d, ports: [3306/tcp] }
";

fn up() -> Hallway {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    h.up(FILE).ok();
    h
}

/// Runs a script with the frames of this test; it prints what should not have happened.
#[track_caller]
fn attack(script: &str) {
    run(&format!("{}\n{script}", include_str!("places.py")));
}

/// The same for a file without the nodes of [`FILE`].
#[track_caller]
fn run(script: &str) {
    std::fs::write("/run/frames.py", include_str!("frames.py")).unwrap();
    let all = format!("from frames import *\n{script}\nfinish()\n");
    std::fs::write("/run/attack.py", all).unwrap();
    if let Err(why) = try_sh("cd /run && PYTHONDONTWRITEBYTECODE=1 python3 attack.py") {
        panic!(
            "{why}\n{}",
            sh("nft list ruleset | grep -v elements | head -300")
        );
    }
}

hallway_testkit::tests![
    a_deny_holds_for_every_kind_of_frame,
    nothing_is_planted_in_connection_tracking,
    members_without_a_deny_are_not_disturbed,
    neighbour_discovery_cannot_be_forged,
    a_bridge_learns_nothing_from_group_addresses,
    dhcp_and_router_advertisements_need_a_key,
    icmp_errors_come_from_those_concerned_alone,
    icmp_errors_of_those_concerned_arrive,
    icmp_errors_from_outside_about_published_ports,
    icmp_errors_about_further_destinations,
    a_deny_ends_connections_of_the_host,
    a_deny_ends_connections_whose_server_sends,
    a_deny_holds_while_others_change,
    a_network_that_becomes_internal_loses_its_connections,
    a_port_that_a_program_has_is_not_published,
    connections_of_the_host_stay_with_its_programs,
    an_address_that_moves_is_reached_at_once,
    a_gateway_that_moves_is_reached_at_once,
    a_node_takes_no_more_than_its_share,
    closed_connections_are_limited,
    multicast_counts_as_well,
    the_host_looks_for_no_neighbour_that_is_not_there,
    outside_cannot_use_addresses_of_a_network,
    a_lan_does_not_reach_the_host,
    packets_in_fragments_pass,
    an_association_that_a_deny_ended_stays_ended,
    messages_for_one_link_are_not_forwarded,
    a_policy_holds_for_further_addresses,
    root_of_a_node_holds_off_no_policy,
    several_next_hops_become_one_again,
    forwarding_of_new_links_is_not_that_of_an_uplink,
    the_namespace_of_one_node_over_that_of_another,
    an_address_of_another_node_is_named,
];
