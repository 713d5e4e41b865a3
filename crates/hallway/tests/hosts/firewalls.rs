//! Firewalls of other programs.

use hallway_testkit::{Snapshot, sh, try_sh, wait_for};

use crate::{WEB, hallway, lan, read, urls};

pub(crate) const DOCKER: &str = "for ipt in iptables ip6tables; do
        $ipt -P FORWARD DROP; $ipt -N DOCKER-USER; $ipt -N DOCKER; $ipt -N DOCKER-ISOLATION-STAGE-1
        $ipt -A DOCKER-USER -j RETURN
        $ipt -A FORWARD -j DOCKER-USER; $ipt -A FORWARD -j DOCKER-ISOLATION-STAGE-1
        $ipt -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        $ipt -A FORWARD -o docker0 -j DOCKER; $ipt -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
        $ipt -A DOCKER-ISOLATION-STAGE-1 -j RETURN; done";
const UFW: &str = "for v in '' 6; do ipt=ip${v}tables
        $ipt -P FORWARD DROP; for c in before-logging before user after-logging; do $ipt -N ufw$v-$c-forward; done
        $ipt -A FORWARD -j ufw$v-before-logging-forward; $ipt -A FORWARD -j ufw$v-before-forward
        $ipt -A FORWARD -j ufw$v-after-logging-forward
        $ipt -A ufw$v-after-logging-forward -m limit --limit 3/min -j LOG || true
        [ -z $v ] || $ipt -A ufw$v-before-forward -m rt --rt-type 0 -j DROP || true
        $ipt -A ufw$v-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        $ipt -A ufw$v-before-forward -p icmp --icmp-type echo-request -j ACCEPT || true
        $ipt -A ufw$v-before-forward -j ufw$v-user-forward; done";
/// The structure of firewalld's rules for an interface in the zone public, as version 1.3 loads them.
const FIREWALLD_ZONES: &str = "nft -f - <<'END'
table inet firewalld {
  chain filter_FWD_none { }
  chain filter_FWD_public_allow { ct state { new, untracked } oifname { \"eth7\", \"eth8\" } accept; }
  chain filter_FWD_public {
    jump filter_FWD_none; jump filter_FWD_public_allow
    reject with icmpx admin-prohibited
  }
  chain filter_FWD_trusted { jump filter_FWD_none; accept; }
  chain filter_FORWARD_ZONES {
    iifname vmap { \"eth0\" : goto filter_FWD_public, \"eth9\" : goto filter_FWD_trusted }
    goto filter_FWD_public
  }
  chain filter_IN_public {
    jump filter_FWD_none
    tcp dport 22 ct state { new, untracked } accept
    ip6 daddr fe80::/64 udp dport 546 ct state { new, untracked } accept
    meta l4proto { icmp, ipv6-icmp } accept
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT_ZONES { iifname eth0 goto filter_IN_public; goto filter_IN_public; }
  chain filter_PREROUTING {
    type filter hook prerouting priority filter + 10; policy accept
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept
    ct state { established, related } accept
    ct status dnat accept
    iifname lo accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept
    ct state { established, related } accept
    ct status dnat accept
    iifname lo accept
    ct state invalid drop
    ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24, 2002:a00::/24, 2002:ac10::/28 } reject with icmpv6 addr-unreachable
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
}
END";
/// What `firewall-cmd --zone=trusted --add-interface=br-apps` adds there.
const TRUSTED: &str =
    "nft insert rule inet firewalld filter_FORWARD_ZONES iifname br-apps goto filter_FWD_trusted";
const FIREWALLD: &str = "nft 'table inet firewalld { chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state established,related accept; iifname \"lo\" accept; reject with icmpx admin-prohibited\n}\n}'";

fn answers() -> [bool; 2] {
    urls(1).map(|url| try_sh(&read(1, &url, 2)).is_ok())
}

/// Chains like those of Docker, ufw, firewalld and others: `up` prints what they drop and what to do,
/// the prediction is right, and the remedy works.
pub(crate) fn what_others_drop_is_said_and_predicted() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254");
    let own = "nft 'table inet mine { chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; iifname lo accept\n}\n}'";
    let h = hallway();
    for (make, by, help) in [
        (
            DOCKER,
            "ip filter",
            "iptables -I DOCKER-USER -i br-apps -j ACCEPT",
        ),
        (UFW, "ip filter", "ufw route allow in on br-apps"),
        (
            own,
            "inet mine",
            "nft insert rule inet mine forward iifname br-apps accept",
        ),
        (
            FIREWALLD,
            "inet firewalld",
            "firewall-cmd --zone=trusted --add-interface=br-apps",
        ),
    ] {
        sh(make);
        let before = Snapshot::take();
        let said = h
            .up(WEB)
            .says("blocked by another program")
            .says(by)
            .says(help)
            .err;
        assert!(said.contains("8080/tcp from outside"), "{said}");
        assert!(said.contains("network apps to outside"), "{said}");
        assert_eq!(answers(), [false, false], "{by}");
        for to in ["192.168.1.254:443", "[fd00:1::254]:443"] {
            let path = h.run(&["-p", "web", "explain", "web", to]).exits(1).out;
            assert!(path.contains("not hallway's"), "{path}");
        }
        // Rules that an administrator adds are evaluated as well.
        let opened = match by {
            "ip filter" => {
                "for ipt in iptables ip6tables; do $ipt -I FORWARD -i br-apps -j ACCEPT; $ipt -I FORWARD -o br-apps -j ACCEPT; done"
            }
            "inet mine" => {
                "nft insert rule inet mine forward iifname br-apps accept; nft insert rule inet mine forward oifname br-apps accept"
            }
            _ => {
                "nft insert rule inet firewalld filter_FORWARD iifname br-apps accept; nft insert rule inet firewalld filter_FORWARD oifname br-apps accept"
            }
        };
        sh(opened);
        assert_eq!(answers(), [true, true], "{by}");
        h.ok("-p web explain web 192.168.1.254:443");
        h.ok("-p web explain 192.168.1.254 192.168.1.10:8080");
        let quiet = h.up(WEB).err;
        assert!(!quiet.contains("blocked"), "{quiet}");
        h.project("web").ok("down");
        sh(&opened.replace("-I FORWARD", "-D FORWARD").replace("nft insert rule inet mine forward iifname br-apps accept; nft insert rule inet mine forward oifname br-apps accept", "true"));
        if by == "ip filter" {
            before.unchanged();
        }
        sh("nft flush ruleset");
    }
}

/// A rule that cannot be evaluated is named in the prediction.
pub(crate) fn what_is_not_known_is_said() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254
        nft 'table inet mine { chain forward { type filter hook forward priority 0; policy accept; meta random < 1 drop\n}\n}'");
    let h = hallway();
    h.up(WEB).ok();
    let said = h.run(&["-p", "web", "explain", "web", "192.168.1.254:443"]);
    let said = said.exits(1).out;
    assert!(said.contains("443/tcp: not known"), "{said}");
    assert!(said.contains("meta random"), "{said}");
}

/// The accepts of `--allow-through`: in the right place of each firewall, added again when it has
/// removed them, and removed by `down`.
pub(crate) fn accepts_in_other_firewalls() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254");
    let h = hallway().repairing();
    for (firewall, make, chains, flush) in [
        (
            "docker",
            DOCKER,
            ["ip filter DOCKER-USER", "ip6 filter DOCKER-USER"],
            "iptables -F DOCKER-USER; ip6tables -F DOCKER-USER",
        ),
        (
            "ufw",
            UFW,
            ["ip filter ufw-user-forward", "ip6 filter ufw6-user-forward"],
            "iptables -F ufw-user-forward; ip6tables -F ufw6-user-forward",
        ),
        (
            "firewalld",
            FIREWALLD,
            [
                "inet firewalld filter_FORWARD",
                "inet firewalld filter_FORWARD",
            ],
            "nft 'flush chain inet firewalld filter_FORWARD; add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited'",
        ),
    ] {
        sh(make);
        let listed = || chains.map(|chain| sh(&format!("nft list chain {chain}")));
        let before = listed();
        std::fs::write("/run/web.yaml", WEB).unwrap();
        let up = ["up", "/run/web.yaml", "--allow-through", firewall];
        let said = h.run(&up).exits(0).err;
        assert!(!said.contains("blocked"), "{said}");
        assert_eq!(answers(), [true, true], "{firewall}");
        assert!(h.reads("web", "http://192.168.1.10:8080/"));
        assert!(
            listed()
                .iter()
                .all(|c| c.contains("hallway:web:in:br-apps"))
        );
        if firewall != "firewalld" {
            let iptables = sh(&format!(
                "iptables -S {}",
                chains[0].rsplit(' ').next().unwrap()
            ));
            assert!(iptables.contains("-i br-apps"), "{iptables}");
        }
        h.run(&up).says("nothing to change").exits(0);
        sh(flush);
        wait_for("the accepts to come back", || {
            listed()
                .iter()
                .all(|c| c.contains("hallway:web:out:br-apps"))
        });
        wait_for("answers", || answers() == [true, true]);
        // Without the flag they are removed.
        h.run(&["up", "/run/web.yaml"]).says("blocked").exits(0);
        assert!(!listed().iter().any(|c| c.contains("hallway")));
        h.run(&up).exits(0);
        h.project("web").ok("down");
        let after = listed();
        assert!(!after.iter().any(|c| c.contains("hallway")), "{after:?}");
        assert_eq!(before.len(), after.len());
        sh("nft flush ruleset");
    }
}

/// Sets within rules, verdict maps, and chains that go to others, as in firewalld: published ports
/// pass, packets from nodes do not, and a rule that lets them pass is evaluated.
pub(crate) fn zones_of_firewalld_are_understood() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254");
    sh(FIREWALLD_ZONES);
    let h = hallway();
    let said = h
        .up(WEB)
        .says("blocked by another program")
        .says("chain filter_FWD_public of table inet firewalld")
        .says("firewall-cmd --zone=trusted --add-interface=br-apps")
        .err;
    assert!(said.contains("network apps to outside"), "{said}");
    assert!(!said.contains("8080"), "{said}");
    assert_eq!(answers(), [true, true]);
    let h = h.project("web");
    let both = ["192.168.1.254", "fd00:1::254"];
    for to in both {
        let path = h.run(&["explain", "web", to]).exits(1).out;
        assert!(path.contains("not hallway's"), "{path}");
        assert!(h.cannot_ping("web", to));
        let published = match to.contains(':') {
            true => "[fd00:1::10]:8080",
            false => "192.168.1.10:8080",
        };
        let path = h.ok(&format!("explain {to} {published}"));
        assert!(!path.contains("not known"), "{path}");
    }
    sh(TRUSTED);
    for to in both {
        let path = h.ok(&format!("explain web {to}"));
        assert!(!path.contains("not known"), "{path}");
        assert!(h.pings("web", to));
    }
    let said = h.run(&["up", "/run/up.hallway.yaml"]).exits(0).err;
    assert!(!said.contains("blocked"), "{said}");
    sh("nft delete table inet firewalld");
    sh(FIREWALLD_ZONES);
    let up = ["up", "/run/up.hallway.yaml", "--allow-through", "firewalld"];
    let said = h.run(&up).exits(0).err;
    assert!(!said.contains("blocked"), "{said}");
    assert!(both.iter().all(|to| h.pings("web", to)));
    h.ok("down");
}

/// A port that a rule of another program has is named, and nothing is built. A rule that is made later does
/// not take the port away.
pub(crate) fn ports_that_rules_of_others_have() {
    lan(1, "eth0");
    let before = Snapshot::take();
    let h = hallway();
    let many = WEB.replace(
        "\"8080:80\"",
        "\"8080:80\", \"9000-9999:9000-9999\", \"5353:53/udp\"",
    );
    let chain = "type nat hook prerouting priority dstnat";
    for (family, rule, port) in [
        (
            "ip",
            "tcp dport 8080 redirect to :9",
            "8080/tcp of 192.168.1.10",
        ),
        (
            "ip",
            "ip daddr 192.168.1.10 udp dport 5353 dnat to 10.0.0.1",
            "5353/udp of 192.168.1.10",
        ),
        (
            "inet",
            "ip6 daddr fd00:1::10 tcp dport { 9500, 9800 } dnat ip6 to [fd00:1::254]:80",
            "9500/tcp of fd00:1::10",
        ),
    ] {
        sh(&format!(
            "nft 'table {family} fw {{ chain p {{ {chain}; {rule}; }}; }}'"
        ));
        h.up(&many).exits(2).says("port-in-use").says(&format!(
            "port {port} is in use by the rule {rule} of chain p of table"
        ));
        sh(&format!("nft delete table {family} fw"));
    }
    // As Docker does it.
    sh("iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
        iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 9123 -j DNAT --to-destination 172.17.0.2:80");
    h.up(&many).exits(2).says("port 9123/tcp of 192.168.1.10");
    sh("nft flush ruleset");
    before.unchanged();
    // Others, and one that leads to the same node.
    sh(&format!("nft 'table inet fw {{ chain p {{ {chain}; tcp dport 8081 redirect to :9; udp dport 8080 redirect to :9
        iifname eth9 tcp dport 8080 redirect to :9; ip daddr 192.168.1.10 tcp dport 8080 dnat ip to 172.20.0.2:80; }}; }}'"));
    h.up(&many).ok();
    let h = h.project("web");
    h.run(&[
        "node",
        "add",
        "other",
        "--network",
        "apps",
        "--publish",
        "8081:80",
    ])
    .exits(2)
    .says("8081/tcp of 192.168.1.10 is in use");
    sh("nft delete table inet fw
        for ipt in iptables ip6tables; do $ipt -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports 9; done");
    assert_eq!(answers(), [true, true]);
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .ok();
    h.ok("down");
}

/// Also of what policies allow to the host, and of machines of external networks and the outside, each by the
/// link it comes by.
pub(crate) fn what_others_drop_at_every_end_is_said() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254
        ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip link set br0 up");
    let file = "
name: web
networks: { lab: { external: true, bridge: br0 }, apps: { subnet: 172.20.0.0/24 } }
nodes:
  e: { networks: { lab: { address: 10.50.0.20 } } }
  web: { networks: [apps], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp }
policies: [ { from: web, to: host, ports: [9999] }, { from: apps, to: host, ports: [22] } ]
";
    let h = hallway().project("web");
    let replies = "ct state established,related accept; iifname lo accept";
    for (hook, accepts, blocked, passes) in [
        (
            "input",
            "tcp dport 22 accept",
            "what policy 1 allows",
            ["policy 2", "8080/tcp"],
        ),
        (
            "forward",
            "iifname { br0, br-apps } accept",
            "published port 8080/tcp from outside",
            ["from network lab", "network apps to outside"],
        ),
        (
            "forward",
            "iifname { eth0, br-apps } accept",
            "published port 8080/tcp from network lab",
            ["from outside", "network apps to outside"],
        ),
        (
            "forward",
            "iifname { eth0, br0 } accept",
            "nodes of network apps to outside",
            ["from network lab", "from outside"],
        ),
    ] {
        let rules =
            format!("type filter hook {hook} priority 0; policy drop; {replies}; {accepts}");
        sh(&format!(
            "nft 'table inet mine {{ chain c {{ {rules}; }}; }}'"
        ));
        let said = h.up(file).exits(0).err;
        assert!(said.contains(blocked), "{said}");
        assert!(!passes.iter().any(|words| said.contains(words)), "{said}");
        let [url, _] = urls(1);
        let near = try_sh(&read(1, &url, 2)).is_ok();
        assert_eq!(near, !blocked.contains("8080/tcp from outside"));
        match blocked.contains("from network lab") {
            true => assert!(h.cannot_read("e", &url)),
            false => assert!(h.reads("e", &url)),
        }
        sh("nft delete table inet mine");
    }
    h.ok("down");
}
