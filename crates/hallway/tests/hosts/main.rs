//! Typical hosts: several uplinks, routes, firewalls and projects.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

mod firewalls;
mod in_use;
mod names;
mod order;
mod outsides;
mod projects;
mod remedies;
mod routes;
mod rulesets;
mod source_routing;
mod uplinks;
mod xdp;

use firewalls::{
    accepts_in_other_firewalls, ports_that_rules_of_others_have, what_is_not_known_is_said,
    what_others_drop_at_every_end_is_said, what_others_drop_is_said_and_predicted,
    zones_of_firewalld_are_understood,
};
use hallway_testkit::{Hallway, sh, wait_for};
use in_use::{
    a_connection_with_a_removed_node_is_no_conflict, addresses_in_use_are_not_taken_over,
};
use names::nodes_get_servers_that_they_can_reach;
use order::{
    a_rule_that_sets_the_whole_mark, an_uplink_without_a_carrier,
    routes_of_others_to_the_same_subnet, routes_that_drop_packets,
    rules_that_are_about_other_packets, up_puts_its_routes_first,
};
use outsides::{
    a_host_without_arp_replies, a_link_that_is_down_is_no_reason_to_warn,
    addresses_for_documentation_that_are_used, machines_outside_do_not_reach_it,
    no_connection_is_tracked_after_down,
};
use projects::{
    networks_of_others_reach_it_too, one_port_is_not_published_by_two,
    one_reaches_what_the_other_publishes, programs_that_listen_later_are_named,
};
use remedies::each_remedy_helps_when_typed;
use routes::{
    automatic_subnets_avoid_routes, longer_routes_are_said_and_predicted,
    routes_of_other_tables_are_said_and_predicted, rules_and_routes_that_stop_packets,
    what_is_used_is_not_taken_away, what_to_do_without_a_route, wider_routes_are_no_conflict,
};
use rulesets::{rules_of_others_are_predicted, warnings_know_verdict_maps};
use source_routing::{
    a_strict_filter_and_rules_by_source, answers_leave_by_the_routes_of_the_address,
    rules_by_source_that_come_later,
};
use uplinks::{
    a_bridge_of_others_with_br_netfilter, an_uplink_that_comes_up_later,
    an_uplink_that_gets_another_name, every_uplink_there_is, forwarding_that_others_turn_on,
    link_local_addresses_are_refused_at_once, nothing_is_forwarded_for_others,
};
use xdp::programs_of_xdp_are_named;

/// With the test's own namespace as the host.
fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

/// A neighbour of the host on a separate link: namespace `lanN`, 192.168.N.254 and fd:N::254; the host
/// is 192.168.N.10 and fd:N::10 there.
fn lan(number: u8, link: &str) {
    sh(&format!(
        "sysctl -qw net.ipv6.conf.default.accept_dad=0
        ip netns add lan{number}; ip -n lan{number} link set lo up
        ip netns exec lan{number} sysctl -qw net.ipv6.conf.default.accept_dad=0
        ip link add {link} type veth peer name wire netns lan{number}
        ip addr add 192.168.{number}.10/24 dev {link}; ip addr add fd00:{number}::10/64 dev {link} nodad; ip link set {link} up
        ip -n lan{number} addr add 192.168.{number}.254/24 dev wire
        ip -n lan{number} addr add fd00:{number}::254/64 dev wire nodad; ip -n lan{number} link set wire up"
    ));
    wait_for("the link to come up", || {
        sh(&format!("ip -o link show {link}")).contains("state UP")
    });
}

/// A web server with both IP versions, published on port 8080.
const WEB: &str = "
name: web
networks: { apps: { subnet: [172.20.0.0/24, fd20::/64] } }
nodes: { web: { networks: [apps], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp } }
";

/// The URLs of port 8080 of the host for a neighbour.
fn urls(number: u8) -> [String; 2] {
    [
        format!("http://192.168.{number}.10:8080/"),
        format!("http://[fd00:{number}::10]:8080/"),
    ]
}

/// A command in a neighbour that reads a URL.
fn read(number: u8, url: &str, limit: u32) -> String {
    format!("ip netns exec lan{number} curl -s -g -o /dev/null -m {limit} '{url}'")
}

hallway_testkit::tests![
    answers_leave_by_the_routes_of_the_address,
    rules_by_source_that_come_later,
    a_strict_filter_and_rules_by_source,
    link_local_addresses_are_refused_at_once,
    accepts_in_other_firewalls,
    nodes_get_servers_that_they_can_reach,
    what_others_drop_is_said_and_predicted,
    what_others_drop_at_every_end_is_said,
    each_remedy_helps_when_typed,
    ports_that_rules_of_others_have,
    what_is_not_known_is_said,
    zones_of_firewalld_are_understood,
    rules_of_others_are_predicted,
    warnings_know_verdict_maps,
    one_reaches_what_the_other_publishes,
    one_port_is_not_published_by_two,
    programs_that_listen_later_are_named,
    what_to_do_without_a_route,
    networks_of_others_reach_it_too,
    wider_routes_are_no_conflict,
    programs_of_xdp_are_named,
    rules_and_routes_that_stop_packets,
    routes_of_other_tables_are_said_and_predicted,
    longer_routes_are_said_and_predicted,
    what_is_used_is_not_taken_away,
    automatic_subnets_avoid_routes,
    addresses_in_use_are_not_taken_over,
    a_connection_with_a_removed_node_is_no_conflict,
    every_uplink_there_is,
    an_uplink_that_comes_up_later,
    an_uplink_that_gets_another_name,
    nothing_is_forwarded_for_others,
    forwarding_that_others_turn_on,
    a_bridge_of_others_with_br_netfilter,
    machines_outside_do_not_reach_it,
    no_connection_is_tracked_after_down,
    a_link_that_is_down_is_no_reason_to_warn,
    a_host_without_arp_replies,
    addresses_for_documentation_that_are_used,
    routes_of_others_to_the_same_subnet,
    routes_that_drop_packets,
    rules_that_are_about_other_packets,
    an_uplink_without_a_carrier,
    a_rule_that_sets_the_whole_mark,
    up_puts_its_routes_first,
];
