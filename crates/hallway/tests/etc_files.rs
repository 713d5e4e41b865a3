//! The machine's /etc/hosts and /etc/resolv.conf, over which those of nodes are mounted: replaced, and unlike
//! those of most machines.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, sh, wait_for};

fn places() -> [Hallway; 2] {
    Hallway::places(env!("CARGO_BIN_EXE_hallway"))
}

const FILE: &str = "
networks: { n: { subnet: 10.1.0.0/24 } }
nodes:
  web: { networks: { n: { address: 10.1.0.5 } }, command: hallway serve 80, ready: 80/tcp }
  app: { networks: [n], command: hallway serve 81, ready: 81/tcp }
  old: { networks: [n], command: hallway serve 82, ready: 82/tcp, extra_hosts: { legacy: 10.9.9.9 }, dns: 10.1.0.5, dns_search: [corp] }
";

fn programs() -> String {
    sh("pgrep -f '^hallway serve' | sort")
}

/// What the program of a node sees.
fn seen(port: u16, file: &str) -> String {
    sh(&format!(
        "nsenter -t $(pgrep -f '^hallway serve {port}') -m cat /etc/{file} 2> /dev/null || true"
    ))
}

/// A copy of the machine's /etc, which the test may change. An ordinary user cannot read every file there.
fn own_etc() {
    sh("mkdir -p /run/etc; cp -r /etc/. /run/etc 2> /dev/null || true; mount --bind /run/etc /etc");
}

/// Programs that write line by line cause more notifications than the kernel keeps (max_queued_events).
fn replaced_while_programs_write_much() {
    own_etc();
    for h in places() {
        let writer = "command: sh -c 'while :; do echo line; done'";
        let nodes = ["a", "b", "c"].map(|n| format!("  {n}: {{ networks: [n], {writer} }}\n"));
        h.up(&format!("{FILE}{}", nodes.concat())).ok();
        for _ in 0..5 {
            sh("cp /etc/hosts /etc/new; mv /etc/new /etc/hosts");
            wait_for("the names", || seen(80, "hosts").contains("\tapp\n"));
        }
        h.ok("down");
    }
}

/// Where the machine's files are not what they are on most machines, nodes have their own, or `up` says that
/// they cannot.
fn unusual_files_of_the_machine() {
    own_etc();
    sh("cp /etc/hosts /run/hosts; cp /etc/resolv.conf /run/resolv.conf");
    let (hosts, resolv) = ("/etc/hosts", "/etc/resolv.conf");
    for (made, lost) in [
        // As in toolbx: both in one directory, beside other files that stay visible.
        (
            "mkdir -p /run/host; cp /run/hosts /run/resolv.conf /run/host; touch /run/host/other
             ln -sf /run/host/hosts /etc/hosts; ln -sf ../run/host/resolv.conf /etc/resolv.conf",
            None,
        ),
        (
            "mkdir -p /run/systemd/resolve; cp /run/resolv.conf /run/systemd/resolve/stub
             ln -sf ../run/systemd/resolve/stub /etc/resolv.conf",
            None,
        ),
        ("rm /etc/hosts", Some(hosts)),
        ("ln -sf /nowhere /etc/hosts", Some(hosts)),
        ("rm /etc/resolv.conf", Some(resolv)),
        ("rm /etc/resolv.conf; mkfifo /etc/resolv.conf", Some(resolv)),
        ("rm /etc/hosts; mkdir /etc/hosts", Some(hosts)),
        ("rm /etc/resolv.conf; mkdir /etc/resolv.conf", Some(resolv)),
        ("ln -sf /dev/null /etc/resolv.conf", Some(resolv)),
    ] {
        sh(made);
        for h in places() {
            let said = h.up(FILE).exits(0).err;
            let warned = |file| said.contains(&format!("this machine has no file {file}, so"));
            assert_eq!(
                (warned(hosts), warned(resolv)),
                (lost == Some(hosts), lost == Some(resolv)),
                "{made}\n{said}"
            );
            let names = |port| lost == Some(hosts) || seen(port, "hosts").contains("\tapp\n");
            let servers = || lost == Some(resolv) || seen(82, "resolv.conf").contains("10.1.0.5");
            assert!(names(80) && servers(), "{made}");
            let others = "test -c /dev/null && { test ! -d /run/host || test -e /run/host/other; }";
            assert!(h.inside("web", others), "{made}");
            if lost == Some(hosts) {
                sh("rm -rf /etc/hosts; touch /etc/hosts");
                wait_for("the names", || seen(80, "hosts").contains("\tapp\n"));
                sh(&format!("rm /etc/hosts; touch /etc/hosts; {made}"));
            }
            h.ok("down");
        }
        sh("rm -rf /etc/hosts /etc/resolv.conf; cp /run/hosts /run/resolv.conf /etc");
    }
}

/// Programs of the machine replace its files (sed -i, NetworkManager): the kernel then removes the mounts
/// over them. Running programs get them again.
fn a_replaced_file_of_the_machine_takes_no_names_away() {
    own_etc();
    sh("mkdir -p /run/resolver/sub /run/systemd/resolve");
    for h in places() {
        h.up(FILE).ok();
        let running = programs();
        for replace in [
            "sed -i 's/^/ /' /etc/hosts",
            "cp /etc/resolv.conf /etc/new; mv /etc/new /etc/resolv.conf",
            "rm /etc/hosts; sleep 0.1; echo 127.0.0.1 localhost > /etc/hosts",
            "echo > /run/resolver/sub/stub; ln -sf ../run/resolver/sub/stub /etc/resolv.conf",
            "echo > /run/resolver/sub/new; mv /run/resolver/sub/new /run/resolver/sub/stub",
            "rm -r /run/resolver/sub; sleep 0.1; mkdir /run/resolver/sub; echo > /run/resolver/sub/stub",
            "ln -s stub /run/resolver/sub/middle; ln -sf /run/resolver/sub/middle /etc/resolv.conf",
            "echo > /run/resolver/sub/new; mv /run/resolver/sub/new /run/resolver/sub/stub",
            "mkdir /run/resolver/v1; echo > /run/resolver/v1/stub; ln -s v1 /run/resolver/second
             ln -s second /run/resolver/current",
            "ln -sf /run/resolver/current/stub /etc/resolv.conf",
            "mv /run/resolver/v1 /run/resolver/v0; mkdir /run/resolver/v1; echo > /run/resolver/v1/stub",
            "cp -r /run/resolver/v1 /run/resolver/v2; ln -sfn v2 /run/resolver/second",
            "echo > /run/systemd/resolve/stub; echo > /run/systemd/resolve/other",
            "ln -sf ../run/systemd/resolve/stub /etc/resolv.conf",
            "ln -sf ../run/systemd/resolve/other /etc/resolv.conf",
            "rm -r /run/resolver/* /etc/resolv.conf; mkdir /run/resolver/sub; echo > /etc/resolv.conf",
        ] {
            sh(replace);
            wait_for(replace, || {
                seen(80, "hosts").contains("\tapp\n")
                    && seen(82, "resolv.conf").contains("nameserver 10.1.0.5")
            });
        }
        // Later changes still reach them, and nothing is left of the first mounts.
        h.ok("node add late --network n");
        wait_for("the new name", || seen(82, "hosts").contains("\tlate\n"));
        let mounts = sh("cat /proc/$(pgrep -f '^hallway serve 82')/mountinfo");
        let over = |file: &str| mounts.lines().filter(|l| l.contains(file)).count();
        assert_eq!(
            (over(" /etc/hosts "), over(" /etc/resolv.conf ")),
            (1, 1),
            "{mounts}"
        );
        assert_eq!(programs(), running);
        assert!(!sh("cat /etc/hosts").contains("app"));
        h.ok("down");
    }
}

hallway_testkit::tests![
    a_replaced_file_of_the_machine_takes_no_names_away,
    replaced_while_programs_write_much,
    unusual_files_of_the_machine,
];
