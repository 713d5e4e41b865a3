//! What is read of links and bridges, compared with iproute2's output, in namespaces of the test.
#![allow(clippy::unwrap_used)]

use hallway_kernel::link::{
    AddressGeneration, BridgeSpec, LinkChange, LinkInfo, OperationalState, PortState, VethEnd,
    change_link, create_bridge, create_veth,
};
use hallway_kernel::{Batch, Kernel};
use hallway_testkit::{ip_json, sh, wait_for};
use serde_json::Value;

fn link(kernel: &mut Kernel, name: &str) -> LinkInfo {
    let links = kernel.links().unwrap();
    links.into_iter().find(|l| l.name == name).unwrap()
}

fn ip_link(name: &str) -> Value {
    ip_json(&format!("link show dev {name}")).remove(0)
}

fn mac(bytes: [u8; 6]) -> String {
    let parts: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    parts.join(":")
}

/// Every field of a link that iproute2 prints, too.
fn assert_same(ours: &LinkInfo, theirs: &Value) {
    assert_eq!(theirs["ifindex"], ours.index);
    assert_eq!(theirs["ifname"], ours.name.as_str());
    assert_eq!(theirs["mtu"], ours.mtu);
    assert_eq!(theirs["address"], mac(ours.mac.unwrap()));
    assert_eq!(theirs["ifalias"].as_str(), ours.alias.as_deref());
    let group = theirs["group"].as_str().unwrap();
    assert_eq!(group.parse().unwrap_or(0), ours.group, "{theirs}");
    let flags: Vec<&str> = theirs["flags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f.as_str().unwrap())
        .collect();
    assert_eq!(flags.contains(&"UP"), ours.up);
    let state = match ours.state {
        OperationalState::Unknown => "UNKNOWN",
        OperationalState::Down => "DOWN",
        OperationalState::LowerLayerDown => "LOWERLAYERDOWN",
        OperationalState::Up => "UP",
        _ => "another",
    };
    assert_eq!(theirs["operstate"], state);
    assert_eq!(
        theirs["linkinfo"]["info_kind"].as_str(),
        ours.kind.as_deref()
    );
    let generation = match ours.address_generation {
        Some(AddressGeneration::None) => Some("none"),
        Some(AddressGeneration::Eui64) => Some("eui64"),
        None => None,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(theirs["inet6_addr_gen_mode"].as_str(), generation);
}

/// A bridge with a port, whose other end is in the namespace. Both are up.
fn bridge_with_a_port(kernel: &mut Kernel) -> (u32, hallway_kernel::netns::Netns) {
    kernel
        .run(create_bridge(&BridgeSpec {
            name: "bri0",
            group: 4711,
            mac: [2, 0, 0, 0, 0, 1],
            mtu: Some(1400),
            nf_call: false,
        }))
        .unwrap();
    let bridge = kernel.link_index("bri0").unwrap();
    let other = kernel.create_netns().unwrap();
    kernel
        .run(create_veth(
            &VethEnd {
                name: "port",
                netns: None,
                mac: Some([2, 0, 0, 0, 0, 2]),
                mtu: Some(1400),
                group: 4711,
                index: 50,
            },
            Some(bridge),
            &VethEnd {
                name: "eth0",
                netns: Some(std::os::fd::AsFd::as_fd(&other)),
                mac: Some([2, 0, 0, 0, 0, 3]),
                mtu: None,
                group: 0,
                index: 77,
            },
        ))
        .unwrap();
    let batch: Batch = [
        change_link(
            "port",
            &LinkChange {
                alias: Some("an alias"),
                up: Some(true),
                no_link_local: true,
                port: &[(hallway_kernel::link::PortFlag::Hairpin, true)],
                ..LinkChange::default()
            },
        ),
        change_link(
            "bri0",
            &LinkChange {
                up: Some(true),
                ..LinkChange::default()
            },
        ),
    ]
    .into_iter()
    .collect();
    kernel.submit_all(&batch).unwrap();
    (bridge, other)
}

fn links_are_read_as_iproute2_reads_them() {
    let mut kernel = Kernel::new();
    let (bridge, other) = bridge_with_a_port(&mut kernel);
    let port = link(&mut kernel, "port");
    assert_eq!(port.master, Some(bridge));
    assert_eq!(port.peer, Some(77), "the peer's index in its own namespace");
    assert_eq!(
        Some(port.peer_netns.unwrap().into()),
        ip_link("port")["link_netnsid"].as_i64()
    );
    let inside = kernel.inside(&other, |kernel| {
        kernel.run(change_link(
            "eth0",
            &LinkChange {
                up: Some(true),
                ..LinkChange::default()
            },
        ))?;
        kernel.links()
    });
    let eth0 = inside
        .unwrap()
        .into_iter()
        .find(|l| l.name == "eth0")
        .unwrap();
    assert_eq!((eth0.index, eth0.peer), (77, Some(port.index)));
    assert!(eth0.peer_netns.is_some());
    assert_eq!(eth0.mac, Some([2, 0, 0, 0, 0, 3]));

    // The kernel updates operational states a moment after the change.
    wait_for("the bridge is up", || {
        link(&mut kernel, "bri0").state == OperationalState::Up
    });
    for name in ["lo", "bri0", "port"] {
        assert_same(&link(&mut kernel, name), &ip_link(name));
    }
}

fn bridge_and_port_attributes_are_read_as_iproute2_reads_them() {
    sh(
        "ip link add bri0 type bridge ageing_time 12300 mcast_snooping 0 stp_state 1; \
        ip link add port0 type veth peer pair0; ip link set port0 master bri0; ip link set bri0 up; ip link set port0 up; \
        ip link set pair0 up; \
        bridge link set dev port0 isolated on learning off flood off mcast_flood off hairpin on guard on \
        root_block on cost 7 priority 9; ip link set port0 type bridge_slave neigh_suppress on",
    );
    let mut kernel = Kernel::new();
    let bridge = link(&mut kernel, "bri0").bridge.unwrap();
    let theirs = ip_link("bri0")["linkinfo"]["info_data"].clone();
    assert_eq!(theirs["ageing_time"], bridge.ageing_time);
    assert_eq!(
        theirs["mcast_snooping"],
        u32::from(bridge.mcast_snooping == Some(true))
    );
    assert_eq!(theirs["vlan_filtering"], u32::from(bridge.vlan_filtering));
    assert_eq!(theirs["stp_state"], u32::from(bridge.stp));
    assert_eq!(
        theirs["nf_call_iptables"],
        u32::from(bridge.nf_call_iptables)
    );
    assert_eq!(
        theirs["nf_call_ip6tables"],
        u32::from(bridge.nf_call_ip6tables)
    );
    assert_eq!(
        (bridge.ageing_time, bridge.stp, bridge.mcast_snooping),
        (12_300, true, Some(false))
    );

    let port = link(&mut kernel, "port0").port.unwrap();
    let theirs = ip_link("port0")["linkinfo"]["info_slave_data"].clone();
    for (name, ours) in [
        ("hairpin", port.hairpin),
        ("isolated", port.isolated),
        ("learning", port.learning),
        ("flood", port.unicast_flood),
        ("mcast_flood", port.mcast_flood),
        ("bcast_flood", port.bcast_flood),
        ("guard", port.guard),
        ("root_block", port.root_block),
        ("fastleave", port.fast_leave),
        ("proxy_arp", port.proxy_arp),
        ("neigh_suppress", port.neigh_suppress),
        ("locked", port.locked),
    ] {
        assert_eq!(theirs[name], ours, "{name} of {theirs}");
    }
    assert_eq!(theirs["cost"], port.cost);
    assert_eq!(theirs["priority"], port.priority);
    assert!(matches!(
        port.state,
        PortState::Listening | PortState::Blocking | PortState::Disabled
    ));
    assert_eq!(link(&mut kernel, "bri0").port, None);
    assert_eq!(link(&mut kernel, "pair0").bridge, None);
}

fn changes_of_a_link_are_read_back() {
    sh("ip link add bri0 type bridge; ip link add left type veth peer right");
    let mut kernel = Kernel::new();
    let bridge = kernel.link_index("bri0").unwrap();
    let change = LinkChange {
        mtu: Some(1300),
        mac: Some([2, 9, 9, 9, 9, 9]),
        group: Some(12),
        master: Some(bridge),
        ..LinkChange::default()
    };
    kernel.run(change_link("left", &change)).unwrap();
    let a = link(&mut kernel, "left");
    assert_eq!((a.mtu, a.group, a.master), (1300, 12, Some(bridge)));
    assert_eq!(a.mac, Some([2, 9, 9, 9, 9, 9]));
    kernel
        .run(change_link(
            "left",
            &LinkChange {
                master: Some(0),
                ..LinkChange::default()
            },
        ))
        .unwrap();
    assert_eq!(link(&mut kernel, "left").master, None);
    let long = "x".repeat(70_000);
    let error = kernel
        .run(change_link(
            "left",
            &LinkChange {
                alias: Some(&long),
                ..LinkChange::default()
            },
        ))
        .unwrap_err();
    assert_eq!(error.errno, 90, "not cut: {error}");
    let error = kernel.run(change_link("nothere", &change)).unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("nothere"),
        "{error}"
    );
}

hallway_testkit::tests![
    links_are_read_as_iproute2_reads_them,
    bridge_and_port_attributes_are_read_as_iproute2_reads_them,
    changes_of_a_link_are_read_back,
];
