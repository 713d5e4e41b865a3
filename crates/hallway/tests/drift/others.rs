//! What other programs make with names and addresses of the project.

use hallway_testkit::{sh, skip, try_sh, wait_for};

use super::kinds;
use super::place::Place;
use super::scene::{FILE, PROJECT, Scene, hallway};

/// Links of other programs with the names of the project's are not changed, and are not compared.
pub(crate) fn names_of_others() {
    let scene = Scene::new();
    for (link, says) in [
        ("br-apps", "bridge br-apps is missing"),
        ("$WEB", "interface eth0 is missing"),
        ("$FAR", "interface eth0 is missing"),
    ] {
        let (link, says) = (scene.filled(link), scene.filled(says));
        replace(&scene, &link);
        let before = sh(&format!("ip -d addr show {link}"));
        scene.named("replaced", &says);
        let status = scene.h.run(&["status"]).out;
        for of in ["address", "master", "addrgenmode"] {
            assert!(!status.contains(&format!("{of} of {link}")), "{status}");
        }
        scene.h.run(&["up", FILE]).ok();
        scene.h.run(&["status", "--exit-code"]).exits(0);
        assert!(scene.h.reads("db", "http://10.9.0.10/"), "{link}");
        assert!(scene.h.reads("far", "http://10.9.0.10/"), "{link}");
        assert_eq!(sh(&format!("ip -d addr show {link}")), before);
        scene.h.run(&["plan", "--detailed-exitcode", FILE]).exits(0);
    }
    scene.h.ok("down");
    assert!(sh("ip -br link show type veth").contains("web-0"));
}

/// If the keeper repairs the link before the other one has its name, that one is not made.
fn replace(scene: &Scene, link: &str) {
    let words = format!(
        "link del {link}\\nlink add {link} type veth peer name of-{link}\\naddr add 192.0.2.77/32 dev {link}\\nlink set {link} up\\n"
    );
    wait_for(&format!("the name {link}"), || {
        let script = format!("printf '{words}' | ip -batch -");
        scene.place.try_sh(&script).is_ok()
    });
}

/// The keeper chooses other names, too, and repairs the rest.
pub(crate) fn a_name_for_the_keeper() {
    let scene = Scene::with(Place::host(hallway().repairing()));
    for link in ["br-apps", "$WEB", "$FAR"] {
        let link = scene.filled(link);
        replace(&scene, &link);
        sh("ip -n y route del default");
        wait_for(&format!("the repair of {link}"), || {
            scene.h.run(&["status", "--exit-code"]).code == 0
        });
        assert!(sh("ip -n y route").contains("default"));
        assert!(scene.h.reads("db", "http://10.9.0.10/"), "{link}");
        assert!(scene.h.reads("far", "http://10.9.0.10/"), "{link}");
        assert!(sh(&format!("ip addr show {link}")).contains("192.0.2.77"));
    }
    scene.h.run(&["up", FILE]).says("nothing").ok();
    scene.h.ok("down");
}

/// An address of the project on a link of another program is named, and stays.
pub(crate) fn an_address_elsewhere() {
    let scene = Scene::new();
    sh("ip addr add 10.8.0.1/24 dev up0; ip addr add 10.8.0.10/32 dev lo");
    for (says, remedy) in [
        (
            "address 10.8.0.1/24 on up0 is one of br-other",
            "ip addr del 10.8.0.1/24 dev up0",
        ),
        (
            "address 10.8.0.10/32 on lo is one of node x",
            "ip addr del 10.8.0.10/32 dev lo",
        ),
    ] {
        let status = scene.h.run(&["status", "--exit-code"]).exits(3).out;
        assert!(status.contains(says) && status.contains(remedy), "{status}");
        assert!(status.contains("not changed by hallway"), "{status}");
        let plan = scene.h.run(&["plan", FILE]).ok();
        assert!(plan.contains(says) && plan.contains(remedy), "{plan}");
        let up = scene.h.run(&["up", FILE]).exits(0).says("nothing");
        assert!(
            up.err.contains(says) && up.err.contains(remedy),
            "{}",
            up.err
        );
    }
    sh("ip -n db link set eth0 mtu 1400");
    scene.h.run(&["up", FILE]).ok();
    assert!(sh("ip addr show dev up0").contains("10.8.0.1/24"));
    sh("ip addr del 10.8.0.1/24 dev up0; ip addr del 10.8.0.10/32 dev lo");
    scene.h.run(&["status", "--exit-code"]).exits(0);
    assert!(scene.h.pings("x", "10.8.0.1"));

    // On a link that another program made in a node, too.
    sh("ip -n x link add mine type veth peer name mine1; ip -n x addr add 10.8.0.10/32 dev mine");
    let status = scene.h.run(&["status", "--exit-code"]).exits(3).out;
    assert!(
        status.contains("remove it: ip -n x addr del 10.8.0.10/32 dev mine"),
        "{status}"
    );
    scene.h.ok("down");
}

/// A routing rule that another program added to a node stays.
pub(crate) fn rules_of_others_in_nodes() {
    let scene = Scene::new();
    sh(
        "ip -n x rule add priority 100 lookup local; ip -n x rule add priority 50 fwmark 7 blackhole",
    );
    scene.h.run(&["status", "--exit-code"]).exits(0);
    sh("ip -n x rule del priority 0");
    let missing = "IPv4 routing rule 0 to table local is missing";
    scene.named("rule 0 is removed", missing);
    scene.h.run(&["up", FILE]).ok();
    scene.h.run(&["status", "--exit-code"]).exits(0);
    let rules = sh("ip -n x rule");
    assert_eq!(rules.lines().count(), 5, "{rules}");
    scene.h.ok("down");
}

/// A name that another program gave a node's namespace is neither used nor removed.
pub(crate) fn a_second_name_of_a_namespace() {
    let scene = Scene::new();
    let name = "/run/netns/a-second-name";
    sh(&format!("touch {name}; mount --bind /run/netns/db {name}"));
    scene.h.run(&["status", "--exit-code"]).exits(0);
    scene.h.run(&["up", FILE]).says("nothing").ok();
    assert!(scene.h.reads("db", "http://10.9.0.10/"));
    assert!(sh("ip netns").contains("a-second-name"));
    scene.h.ok("down");
    assert!(sh("ip netns").contains("a-second-name"));
    sh(&format!("umount {name}; rm {name}"));
}

/// The user namespace of an ordinary user has one user only, if no further ids are given to it.
pub(crate) fn needs_a_second_user() {
    if try_sh("setpriv --reuid 1000 true").is_err() {
        skip("needs root, to act as two users");
    }
}

/// A node whose program has no capabilities: it may listen on every port, and ping, also after another
/// program changed the settings, unless the file gives the setting another value.
pub(crate) fn settings_for_programs() {
    needs_a_second_user();
    let mut scene = Scene::new();
    let ports = || sh("ip netns exec x sysctl -n net.ipv4.ip_unprivileged_port_start");
    assert_eq!(ports().trim(), "1024");
    let node = "x: { networks: { other: { address: 10.8.0.10 } }";
    let limited = format!("{node}, command: sleep 1000, user: '1000'");
    let with = |more: &str| PROJECT.replace(node, &format!("{limited}{more}"));
    std::fs::write(FILE, with("")).unwrap();
    scene.h.run(&["up", FILE]).ok();
    assert_eq!(ports().trim(), "0");
    for kind in kinds::FOR_PROGRAMS {
        scene.check(kind);
    }
    let given = ", sysctls: { net.ipv4.ip_unprivileged_port_start: 512 }";
    std::fs::write(FILE, with(given)).unwrap();
    scene.h.run(&["up", FILE]).ok();
    assert_eq!(ports().trim(), "512");
    scene.h.ok("restart x");
    scene.h.run(&["status", "--exit-code"]).exits(0);
    assert_eq!(ports().trim(), "512");
    // At the first start, too.
    scene.h.ok("down");
    scene.h.run(&["up", FILE]).ok();
    assert_eq!(ports().trim(), "512");
    scene.h.run(&["status", "--exit-code"]).exits(0);
    scene.talkers.clear();
    scene.h.ok("down");
}

/// Programs that run keep the files that they have: a mode that others changed is changed back in place.
pub(crate) fn programs_see_readable_files() {
    needs_a_second_user();
    let scene = Scene::new();
    let read = || {
        scene
            .h
            .inside("web", "setpriv --reuid 1000 --clear-groups cat /etc/hosts")
    };
    assert!(read());
    let inodes = || sh("find /run/state -path '*/hosts/*' -type f | xargs stat -c %i");
    let before = inodes();
    sh("chmod 600 $(find /run/state -path '*/hosts/*' -type f)");
    assert!(!read());
    scene.h.run(&["up", FILE]).ok();
    assert!(read());
    assert_eq!(inodes(), before);
    scene.h.ok("down");
}
