//! Firewalls of other programs.

use hallway_testkit::{Snapshot, sh, try_sh, wait_for};

use crate::{WEB, hallway, lan, read, urls};

const DOCKER: &str = "for ipt in iptables ip6tables; do
        $ipt -P FORWARD DROP; $ipt -N DOCKER-USER; $ipt -N DOCKER; $ipt -N DOCKER-ISOLATION-STAGE-1
        $ipt -A DOCKER-USER -j RETURN
        $ipt -A FORWARD -j DOCKER-USER; $ipt -A FORWARD -j DOCKER-ISOLATION-STAGE-1
        $ipt -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        $ipt -A FORWARD -o docker0 -j DOCKER; $ipt -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
        $ipt -A DOCKER-ISOLATION-STAGE-1 -j RETURN; done";
const UFW: &str = "for v in '' 6; do ipt=ip${v}tables
        $ipt -P FORWARD DROP; $ipt -N ufw$v-before-forward; $ipt -N ufw$v-user-forward
        $ipt -A FORWARD -j ufw$v-before-forward
        $ipt -A ufw$v-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        $ipt -A ufw$v-before-forward -p icmp --icmp-type echo-request -j ACCEPT || true
        $ipt -A ufw$v-before-forward -j ufw$v-user-forward; done";
const FIREWALLD: &str = "nft 'table inet firewalld { chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state established,related accept; iifname \"lo\" accept; reject with icmpx admin-prohibited\n}\n}'";

fn answers() -> [bool; 2] {
    urls(1).map(|url| try_sh(&read(1, &url, 2)).is_ok())
}

/// Chains as Docker, ufw, firewalld and others make them: `up` says what they drop and what to do, the
/// prediction is what packets do, and the remedy works.
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
        // What an administrator adds is taken into account as well.
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
    let said = h.ok("-p web explain web 192.168.1.254:443");
    assert!(said.contains("is not known"), "{said}");
}

/// The accepts of `--allow-through`: where each firewall wants them, there again when it has removed
/// them, and gone after `down`.
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
        // Without the flag they go.
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
