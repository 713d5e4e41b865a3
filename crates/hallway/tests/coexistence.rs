//! Objects of other programs stay byte for byte as they are, while a project is up and after.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, settle, sh, try_sh, wait_for};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn foreign_things() {
    sh("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
        ip link add br-foreign type bridge && ip link set br-foreign up && ip addr add 10.200.0.1/24 dev br-foreign nodad
        ip link add vf0 type veth peer name vf1 && ip link set vf0 master br-foreign up
        ip netns add foreign && ip netns exec foreign sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 && ip link set vf1 netns foreign
        ip -n foreign addr add 10.200.0.2/24 dev vf1 && ip -n foreign link set vf1 up
        ip route add 198.51.100.0/24 via 10.200.0.2
        ip rule add from 10.200.0.0/24 lookup 99 pref 500
        nft add table inet foreign
        nft add chain inet foreign input '{ type filter hook input priority 0; policy accept; }'
        nft add rule inet foreign input tcp dport 9 counter drop
        nft add set inet foreign bad '{ type ipv4_addr; elements = { 192.0.2.1 } }'
        iptables -N FOREIGN; iptables -A FOREIGN -s 192.0.2.0/24 -j DROP; iptables -A INPUT -j FOREIGN
        iptables -t nat -A POSTROUTING -s 10.200.0.0/24 ! -o br-foreign -j MASQUERADE");
    settle();
    wait_for("the other end to come up", || {
        let link = sh("ip -n foreign -o link show vf1; ip -n foreign -o addr");
        link.contains("state UP") && !link.contains("tentative")
    });
}

/// The present state of foreign objects, without hallway's own.
fn foreign_state() -> String {
    sh("nft list table inet foreign | sed 's/packets.*bytes [0-9]*//'; iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'
        ip -o -d link show br-foreign; ip -o addr show br-foreign; ip -o -d link show vf0; ip -n foreign -o addr
        ip route show 198.51.100.0/24; ip rule")
        .lines()
        .map(|l| l.split_whitespace().filter(|w| !w.contains('.') || w.contains('/')).collect::<Vec<_>>().join(" ") + "\n") // timers run, and get wider
        .collect()
}

fn every_example_leaves_them_alone() {
    foreign_things();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let before = Snapshot::take();
    let foreign = foreign_state();
    let mut count = 0;
    for entry in std::fs::read_dir(EXAMPLES).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        h.run(&["up", path.to_str().unwrap()]).ok();
        assert_eq!(foreign_state(), foreign, "while {} is up", path.display());
        sh("ping -c 1 -W 30 10.200.0.2");
        h.run(&["down", path.to_str().unwrap()]).ok();
        before.unchanged();
        count += 1;
    }
    assert!(count >= 9);
}

/// Sysctls that others changed meanwhile keep their value.
fn sysctls_changed_meanwhile_stay() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    sh(
        "ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up; ip addr add 198.51.100.1/24 dev up0; ip route add default via 198.51.100.2",
    );
    let forwarding = "/proc/sys/net/ipv4/conf/up0/forwarding";
    let read = || {
        std::fs::read_to_string(forwarding)
            .unwrap()
            .trim()
            .to_owned()
    };
    std::fs::write(forwarding, "0").unwrap();
    h.up("networks: { n: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [n] } }\n")
        .ok();
    assert_eq!(read(), "1", "the uplink forwards for our networks");
    assert_eq!(
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward")
            .unwrap()
            .trim(),
        "0",
        "nothing global"
    );
    h.run(&["down", "/run/up.hallway.yaml"]).ok();
    assert_eq!(read(), "0");
    std::fs::write(forwarding, "1").unwrap();
    h.up("networks: { n: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [n] } }\n")
        .ok();
    h.run(&["down", "/run/up.hallway.yaml"]).ok();
    assert_eq!(read(), "1", "it was on before");
}

const UPLINK: &str = "/proc/sys/net/ipv4/conf/up0/forwarding";

fn uplink() {
    sh(
        "ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up
        ip addr add 198.51.100.1/24 dev up0; ip route add default via 198.51.100.2",
    );
}

fn forwards() -> String {
    std::fs::read_to_string(UPLINK).unwrap().trim().to_owned()
}

fn one_network(project: &str, subnet: &str) -> String {
    format!(
        "name: {project}\nnetworks: {{ n{project}: {{ subnet: {subnet} }} }}\nnodes: {{ a{project}: {{ networks: [n{project}] }} }}\n"
    )
}

/// Forwarding that another program turned on for the whole host stays on. The setting for new links
/// changes nothing of a link that exists.
fn forwarding_of_others_stays() {
    uplink();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    for (setting, after) in [
        ("ip_forward", "1"),
        ("conf/all/forwarding", "1"),
        ("conf/default/forwarding", "0"),
    ] {
        sh("sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.up0.forwarding=0");
        h.up(&one_network("p", "10.9.0.0/24")).ok();
        assert_eq!(forwards(), "1");
        sh(&format!("echo 1 > /proc/sys/net/ipv4/{setting}"));
        h.project("p").ok("down");
        assert_eq!(forwards(), after, "{setting}");
        sh(&format!("echo 0 > /proc/sys/net/ipv4/{setting}"));
    }
    // On before, but not for the uplink: hallway turned it on there, and restores it.
    sh("sysctl -qw net.ipv4.ip_forward=1; echo 0 > /proc/sys/net/ipv4/conf/up0/forwarding");
    h.up(&one_network("p", "10.9.0.0/24")).ok();
    assert_eq!(forwards(), "1");
    h.project("p").ok("down");
    assert_eq!(forwards(), "0");
}

/// What must be restored is known after a flush of the rules, and without the state directory; it is
/// restored with the last project that needs it.
fn forwarding_is_given_back() {
    uplink();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let (p, q) = (h.project("p"), h.project("q"));
    let notes = "/run/state/host/host-settings.json";
    let lose: [&str; 4] = [
        "true",
        "nft flush ruleset",
        "rm /run/state/host/host-settings.json",
        "rm -r /run/state",
    ];
    for lost in lose {
        std::fs::write(UPLINK, "0").unwrap();
        h.up(&one_network("p", "10.9.0.0/24")).ok();
        h.up(&one_network("q", "10.8.0.0/24")).ok();
        assert!(std::fs::exists(notes).unwrap());
        sh(lost);
        p.ok("down");
        assert_eq!(forwards(), "1", "{lost}: q needs it");
        q.ok("down");
        assert_eq!(forwards(), "0", "{lost}");
        assert!(!std::fs::exists(notes).unwrap(), "{lost}");
    }
}

/// Two projects on one host: each removes its own.
fn two_projects() {
    let before = Snapshot::take();
    let one = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("one");
    let two = one.project("two");
    one.ok("network add alpha --subnet 10.1.0.0/24");
    one.ok("node add first --network alpha --ready 80/tcp -- hallway serve 80");
    let with_one = Snapshot::take();
    two.run(&["network", "add", "beta", "--subnet", "10.1.0.0/16"])
        .exits(2)
        .says("10.1.0.0");
    two.ok("network add beta --subnet 10.2.0.0/24");
    two.ok("node add second --network beta --publish 8080:80 --ready 80/tcp -- hallway serve 80");
    assert!(
        two.cannot_ping("second", "10.1.0.2"),
        "projects are separate"
    );
    sh("curl -s -m 30 http://127.0.0.1:8080/");
    // What one publishes is reached by each address of the host, also by that on its own network, and
    // nothing else is reached there.
    assert!(one.reads("first", "http://10.2.0.1:8080/"));
    one.run(&["explain", "first", "10.2.0.1:8080"]).exits(0);
    sh("python3 -m http.server 99 >/dev/null 2>&1 & echo $! >/tmp/server");
    wait_for("the host's server", || {
        try_sh("curl -s -m 30 http://10.2.0.1:99/").is_ok()
    });
    assert!(one.cannot_read("first", "http://10.2.0.1:99/"));
    let explained = one.run(&["explain", "first", "10.2.0.1:99"]).exits(1);
    let words = "nodes do not reach the host's services";
    assert!(explained.out.contains(words), "{}", explained.out);
    assert!(one.cannot_ping("first", "10.2.0.1"));
    let explained = one.run(&["explain", "first", "10.2.0.1"]).exits(1);
    let words = [
        ": filtered",
        "on a network of another project",
        "address of the host, like 10.1.0.1",
    ];
    for words in words {
        assert!(explained.out.contains(words), "{}", explained.out);
    }
    sh("kill $(cat /tmp/server); rm /tmp/server");
    assert!(one.reads("first", "http://10.1.0.1:8080/"));
    one.run(&["explain", "first", "10.1.0.1:8080"]).exits(0);
    two.ok("down");
    with_one.unchanged();
    assert!(one.pings("first", "10.1.0.1"));
    one.ok("down");
    before.unchanged();
}

/// `down` without a state directory finds everything by the marks in the kernel.
fn down_without_the_state_directory() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    foreign_things();
    let before = Snapshot::take();
    h.run(&["up", &format!("{EXAMPLES}/part6-zones.yaml")]).ok();
    sh("for p in $(pgrep -f '__keepe[r]'); do kill $p; done; rm -r /run/state");
    h.project("part6").ok("down");
    sh("rm -rf /run/state");
    before.unchanged();
}

fn gc_removes_what_is_not_on_record() {
    sh("ip netns add another");
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let before = Snapshot::take();
    h.run(&["up", &format!("{EXAMPLES}/part3-bridge.yaml")])
        .ok();
    sh("for p in $(pgrep -f '__keepe[r]'); do kill $p; done; rm -rf /run/state");
    let listed = h.ok("gc");
    assert!(listed.contains("part3"), "{listed}");
    assert_eq!(sh("ip netns list | wc -l").trim(), "4", "only listed");
    h.ok("gc --yes");
    sh("rm -rf /run/state");
    before.unchanged();
}

/// A project without a record, beside another: its routes are found by its bridges.
fn a_project_without_a_record_is_removed_beside_another() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    h.run(&["up", &format!("{EXAMPLES}/part3-bridge.yaml")])
        .ok();
    let before = Snapshot::take();
    h.run(&["up", &format!("{EXAMPLES}/three-tier.yaml")]).ok();
    sh("rm -r /run/state/host/projects/three-tier");
    h.project("three-tier").ok("down");
    before.unchanged();
}

const PORTS: &str = "name: p
networks: { apps: { subnet: 10.9.0.0/24 }, r: { mode: routed, subnet: 10.7.0.0/24 } }
nodes: { web: { networks: [apps] }, far: { networks: [r] } }
";
/// The same without the node on the routed network.
const WITHOUT_FAR: &str = "name: p
networks: { apps: { subnet: 10.9.0.0/24 }, r: { mode: routed, subnet: 10.7.0.0/24 } }
nodes: { web: { networks: [apps] } }
";

/// An uplink has the name of a link that hallway would make as a further name, before `up` or since.
fn links_that_others_have_named_so() {
    let up = || {
        sh(
            "ip link add up0 type veth peer name up1; ip addr add 198.51.100.1/24 dev up0; ip link set up0 up; ip link set up1 up",
        );
    };
    let uplink = || {
        let link = sh("ip -d -o link show up0 | sed 's/[\\\\ ]*altname.*//; s/[\\\\ ]*$//'");
        link + &sh("ip -o -4 addr show up0; ip route show dev up0")
    };
    let is_up = || {
        let all = sh("ip -o link show up0; ip -o addr show up0");
        all.contains("state UP") && all.contains("fe80:") && !all.contains("tentative")
    };
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    for name in ["br-apps", "web-0", "far-0"] {
        up();
        wait_for("the uplink", is_up);
        let before = uplink();
        sh(&format!("ip link property add dev up0 altname {name}"));
        h.up(PORTS).ok();
        assert!(
            h.pings("web", "10.9.0.1") && h.pings("far", "10.7.0.1"),
            "{name}"
        );
        h.ok("down");
        assert_eq!(uplink(), before, "{name}");
        sh("ip link del up0");
    }
    // Meanwhile another program has removed the port, and given its name to another link.
    let last: [&dyn Fn(); 4] = [
        &|| drop(h.up(PORTS).ok()),
        &|| drop(h.ok("down")),
        &|| drop(h.ok("node rm far")),
        &|| drop(h.up(WITHOUT_FAR).ok()),
    ];
    for (step, act) in last.into_iter().enumerate() {
        for given in [
            "ip link property add dev up0 altname far-0",
            "ip link add far-0 type veth peer name other; ip addr add 192.0.2.1/24 dev far-0",
        ] {
            up();
            wait_for("the uplink", is_up);
            h.up(PORTS).ok();
            sh(&format!("ip link del far-0; {given}"));
            let foreign = || uplink() + &sh("ip -o -d link show far-0; ip -o addr show far-0");
            let before = foreign();
            act();
            assert_eq!(foreign(), before, "{step}: {given}");
            drop(h.run(&["down"]));
            assert_eq!(foreign(), before, "{step}: {given}, and down");
            sh("ip link del up0; ip link del far-0 2>/dev/null; true");
        }
    }
}

hallway_testkit::tests![
    links_that_others_have_named_so,
    a_project_without_a_record_is_removed_beside_another,
    every_example_leaves_them_alone,
    sysctls_changed_meanwhile_stay,
    forwarding_of_others_stays,
    forwarding_is_given_back,
    two_projects,
    down_without_the_state_directory,
    gc_removes_what_is_not_on_record,
];
