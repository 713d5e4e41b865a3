//! The rights of programs and of the keeper.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh, skip, try_sh, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");
const NETWORK: &str = "name: p\nnetworks: { n: { subnet: 10.91.0.0/24 } }\n";
const SHOW: &str = "grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs)' /proc/self/status; echo HOME=$HOME USER=$USER; exec sleep 1000";

fn host() -> Hallway {
    if !rustix::process::geteuid().is_root() || try_sh("setpriv --reuid 1000 true").is_err() {
        skip("needs root, to act as other users");
    }
    Hallway::host(PROGRAM)
}

/// Builds a node that prints its rights; returns the output.
fn shown(h: &Hallway, user: &str, environment: &[(&str, &str)]) -> String {
    let text = format!(
        "{NETWORK}nodes:\n  a: {{ networks: [n], command: [sh, -c, {SHOW:?}]{user} }}\n  b: {{ networks: [n], command: hallway serve 80, ready: 80/tcp{user} }}\n"
    );
    std::fs::write("/run/p.yaml", text).unwrap();
    let up = h
        .command(&["up", "/run/p.yaml"])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(
        up.status.success(),
        "{}",
        String::from_utf8_lossy(&up.stderr)
    );
    h.run(&[
        "-p",
        "p",
        "exec",
        "a",
        "--",
        "curl",
        "-s",
        "-m",
        "30",
        "http://b/",
    ])
    .ok();
    // `up` does not wait for a program without a port.
    let mut log = String::new();
    wait_for("the program prints its rights", || {
        log = h.run(&["-p", "p", "logs", "a"]).ok();
        log.contains("USER=")
    });
    h.run(&["-p", "p", "down"]).ok();
    log.replace('\t', " ")
}

fn lacks_all(log: &str) {
    for line in [
        "CapInh: 0000000000000000",
        "CapPrm: 0000000000000000",
        "CapEff: 0000000000000000",
        "CapAmb: 0000000000000000",
        "NoNewPrivs: 1",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

fn programs_run_as_who_called() {
    let h = host();
    sh("mkdir /run/etc; cp -a /etc/. /run/etc; mount --bind /run/etc /etc");
    sh(
        "echo 'alice:x:1500:1603:A:/home/alice:/bin/sh' >> /etc/passwd; echo 'testers:x:1604:bob,alice' >> /etc/group",
    );
    let before = Snapshot::take();
    let sudo = [("SUDO_UID", "1500"), ("SUDO_GID", "1500")];
    let log = shown(&h, "", &sudo);
    lacks_all(&log);
    assert!(log.contains("Uid: 1500 1500 1500 1500"), "{log}");
    assert!(log.contains("Gid: 1500 1500 1500 1500"), "{log}");
    assert!(log.contains("Groups: 1500 1604"), "{log}");
    assert!(log.contains("HOME=/home/alice USER=alice"), "{log}");
    let log = shown(&h, "", &[("PKEXEC_UID", "1500")]);
    lacks_all(&log);
    assert!(log.contains("Groups: 1603 1604"), "{log}");
    // The file specifies another user.
    let log = shown(&h, ", user: root", &sudo);
    assert!(
        log.contains("Uid: 0 0 0 0") && log.contains("NoNewPrivs: 0"),
        "{log}"
    );
    let log = shown(&h, ", user: \"1001:1002\"", &sudo);
    lacks_all(&log);
    assert!(
        log.contains("Uid: 1001 ") && log.contains("Groups: 1002 \n"),
        "{log}"
    );
    let log = shown(&h, ", user: alice", &[]);
    lacks_all(&log);
    assert!(
        log.contains("Uid: 1500 ") && log.contains("Gid: 1603 "),
        "{log}"
    );
    // In a sandbox of root, too.
    let sandbox = Hallway::sandbox(PROGRAM);
    let log = shown(&sandbox, "", &sudo);
    lacks_all(&log);
    assert!(log.contains("Uid: 1500 1500 1500 1500"), "{log}");
    // Root itself is the caller.
    let log = shown(&h, "", &[]);
    assert!(log.contains("Uid: 0 0 0 0"), "{log}");
    sh("rm /run/p.yaml");
    let after = Snapshot::take();
    assert_eq!(after, before);
}

/// Without capabilities a program may listen on low ports and ping, and cannot change anything.
/// Such a variable is not ignored: programs would run as root.
fn a_calling_user_that_is_not_a_number() {
    for (variable, value) in [
        ("SUDO_UID", "alice"),
        ("SUDO_UID", ""),
        ("PKEXEC_UID", "-1"),
        ("SUDO_UID", "4294967295"),
        ("PKEXEC_UID", "4294967295"),
    ] {
        let h = host();
        std::fs::write("/run/p.yaml", "nodes: { a: {} }\n").unwrap();
        let before = Snapshot::take();
        let mut up = h.command(&["up", "/run/p.yaml"]);
        let up = up.env(variable, value).output().unwrap();
        let said = String::from_utf8_lossy(&up.stderr);
        assert!(!up.status.success(), "{variable}={value}");
        assert!(
            said.contains(&format!("{variable} is not the number")),
            "{said}"
        );
        before.unchanged();
    }
}

fn a_program_without_capabilities() {
    let h = host();
    let script = "ping -c 1 -W 30 10.91.0.1 > /dev/null && echo pings; ip link set lo down 2>/dev/null || echo no-link; (echo x > /etc/hallway-test) 2>/dev/null || echo no-file; mount -t tmpfs t /mnt 2>/dev/null || echo no-mount; kill -0 1 2>/dev/null || echo no-signal; exec hallway serve 53/udp";
    let text = format!(
        "{NETWORK}nodes: {{ a: {{ networks: [n], command: [sh, -c, {script:?}], ready: 53/udp, user: 1000 }} }}\n"
    );
    std::fs::write("/run/p.yaml", text).unwrap();
    h.run(&["up", "/run/p.yaml"]).ok();
    assert_eq!(
        h.run(&["-p", "p", "logs"]).ok(),
        "pings\nno-link\nno-file\nno-mount\nno-signal\na serves 53/udp\n"
    );
    let keeper = sh("cat /proc/$(pgrep -f '__keepe[r]')/status");
    // CAP_CHOWN, DAC_OVERRIDE, FOWNER, KILL, NET_BROADCAST, NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_ADMIN.
    assert!(keeper.contains("CapEff:\t000000000028382b"), "{keeper}");
    assert!(keeper.contains("CapPrm:\t000000000028382b"), "{keeper}");
    h.run(&["-p", "p", "down"]).ok();
}

/// Root in root's sandbox can do anything there, and has no access to root's files and processes.
fn root_of_a_sandbox_is_not_root_of_the_machine() {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    if !map.trim_end().ends_with(" 4294967295") {
        skip("needs root of the machine");
    }
    sh("mkdir /run/etc; cp -a /etc/. /run/etc; mount --bind /run/etc /etc; touch /etc/subuid");
    sh("echo hidden > /run/secret; chmod 600 /run/secret");
    let text = format!(
        "{NETWORK}nodes:\n  a: {{ networks: [n], command: [sh, -c, 'id -u; cat /run/secret || echo hidden-from-me; touch /etc/mine || echo not-mine; exec hallway serve 80'], ready: 80/tcp }}\n  b: {{ networks: [n] }}\n"
    );
    std::fs::write("/run/p.yaml", text).unwrap();
    let before = Snapshot::take();
    let h = Hallway::sandbox(PROGRAM);
    h.run(&["up", "/run/p.yaml"]).ok();
    let inside = |script: &str| {
        let ran = h.run(&["exec", "b", "--", "sh", "-c", script]);
        ran.ok().trim_end().to_owned()
    };
    assert_eq!(
        inside("tail -1 /proc/self/uid_map | tr -s ' '"),
        " 0 1878982656 65536"
    );
    // It is root there: of the node's network, its mounts, and other programs in nodes.
    assert_eq!(
        inside(
            "id -u; ip link set lo down && ip link set lo up && mount -t tmpfs t /mnt && echo may"
        ),
        "0\nmay"
    );
    assert!(inside("ping -c 1 -W 30 10.91.0.2").contains("1 received"));
    let log = h.run(&["logs", "a"]).ok();
    assert!(
        log.starts_with("0\n") && log.contains("hidden-from-me"),
        "{log}"
    );
    assert!(log.contains("not-mine"), "{log}");
    has_no_access_to_the_machine(&inside);
    let shell = "id -u; ip netns add more && ip netns exec more ip link set lo up && ip netns del more && nft list tables | grep -c hallway-p";
    assert_eq!(
        h.run(&["sandbox", "shell", "--", "sh", "-c", shell]).ok(),
        "0\n2\n"
    );
    // What it mounts in the sandbox is not visible for the next command, which runs as root.
    let mounts = "mount -t tmpfs t /proc && mount -t tmpfs t /run/state && mount -t tmpfs t /usr && echo mounted";
    assert_eq!(
        h.run(&["sandbox", "shell", "--", "sh", "-c", mounts]).ok(),
        "mounted\n"
    );
    let shell = "ls /usr /proc | grep -cE '^(bin|self)$'";
    assert_eq!(
        h.run(&["sandbox", "shell", "--", "sh", "-c", shell]).ok(),
        "2\n"
    );
    h.run(&["up", "/run/p.yaml"])
        .exits(0)
        .says("nothing to change");
    h.run(&["down"]).ok();
    ids_of_a_sandbox(&h);
    before.unchanged();
}

/// It is not root of the machine: neither by files nor by processes of hallway in the sandbox.
fn has_no_access_to_the_machine(inside: &dyn Fn(&str) -> String) {
    let keeper = sh("pgrep -f '__keepe[r]'");
    let holder = sh("pgrep -f '__hol[d]'");
    for pid in [keeper.trim(), holder.trim(), "1"] {
        for look in [
            "cat /proc/PID/environ",
            "ls /proc/PID/root/",
            "readlink /proc/PID/ns/net",
            "cat /proc/PID/maps",
        ] {
            let script = format!(
                "{} >/dev/null 2>&1 && echo in || echo out",
                look.replace("PID", pid)
            );
            assert_eq!(inside(&script), "out", "{script}");
        }
    }
    for script in [
        "cat /run/secret",
        "chown 0:0 /etc/hostname",
        "chmod 666 /etc/passwd",
        "ls /run/state",
        "setpriv --reuid 65534 --clear-groups cat /run/secret",
        "unshare -Ur cat /run/secret",
        "nsenter -t 1 -m true",
    ] {
        assert_eq!(
            inside(&format!("{script} >/dev/null 2>&1 && echo in || echo out")),
            "out",
            "{script}"
        );
    }
}

/// Ids that root has on this machine, and root's own ids if requested.
fn ids_of_a_sandbox(h: &Hallway) {
    sh("echo root:300000:65536 > /etc/subuid");
    let map = "head -1 /proc/self/uid_map | tr -s ' '; cat /run/secret || true";
    let with = |words: &[&str]| {
        h.run(&[words, &["sandbox", "shell", "--", "sh", "-c", map]].concat())
            .ok()
    };
    assert_eq!(with(&[]), " 0 300000 65536\n");
    h.run(&["sandbox", "rm"]).ok();
    assert_eq!(with(&["--map-root"]), " 0 0 4294967295\nhidden\n");
    h.run(&["sandbox", "rm"]).ok();
}

fn a_user_that_does_not_exist() {
    let h = host();
    let text = format!(
        "{NETWORK}nodes: {{ a: {{ networks: [n], command: sleep 1000, user: no-such-user }} }}\n"
    );
    std::fs::write("/run/p.yaml", text).unwrap();
    let before = Snapshot::take();
    h.run(&["up", "/run/p.yaml"])
        .says("there is no user no-such-user on this machine");
    before.unchanged();
    // A sandbox of an ordinary user has no other user.
    sh("mkdir -m 700 /run/st; chown 1000 /run/st; mkdir -m 755 /run/bin");
    std::fs::copy(PROGRAM, "/run/bin/hallway").unwrap();
    sh("sed -i 's/no-such-user/1001/' /run/p.yaml; chmod 644 /run/p.yaml");
    let refused = try_sh("setpriv --reuid 1000 --regid 1000 --clear-groups env HALLWAY_PASTA=0 HALLWAY_STATE_DIR=/run/st /run/bin/hallway up /run/p.yaml 2>&1").unwrap_err();
    assert!(
        refused.contains("user 1001 does not exist in this sandbox"),
        "{refused}"
    );
    sh("sed -i 's/user: 1001/user: \"10:x\"/' /run/p.yaml");
    h.run(&["validate", "/run/p.yaml"])
        .exits(2)
        .says("a user: a name");
}

/// The ids that the machine has given to an ordinary user are other users of the sandbox.
fn further_ids_of_an_ordinary_user() {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    if !map.trim_end().ends_with(" 4294967295") {
        skip("needs root of the machine");
    }
    if !std::path::Path::new("/usr/bin/newuidmap").exists() {
        skip("needs newuidmap");
    }
    sh(
        "mkdir /run/etc; cp -a /etc/. /run/etc; mount --bind /run/etc /etc
        echo rita:x:12345:12345::/tmp:/bin/sh >> /etc/passwd
        echo rita:400000:65536 > /etc/subuid; echo rita:500000:65536 > /etc/subgid
        mkdir -m 700 /run/st; chown 12345 /run/st; mkdir -m 755 /run/bin",
    );
    std::fs::copy(PROGRAM, "/run/bin/hallway").unwrap();
    let text = format!("{NETWORK}nodes: {{ a: {{ networks: [n] }} }}\n");
    std::fs::write("/run/p.yaml", text).unwrap();
    sh("chmod 644 /run/p.yaml; touch /run/dump");
    let as_rita = |words: &str| {
        format!(
            "setpriv --reuid 12345 --regid 12345 --clear-groups env HALLWAY_PASTA=0 HALLWAY_STATE_DIR=/run/st /run/bin/hallway {words} 2>&1"
        )
    };
    let rita = |words: &str| sh(&as_rita(words));
    rita("up /run/p.yaml");
    // Root, called by this user, has no project, and the user has.
    for words in ["status", "exec a -- true", "down /run/p.yaml", "ls"] {
        let as_root = format!(
            "env SUDO_UID=12345 HALLWAY_STATE_DIR=/run/roots /run/bin/hallway {words} 2>&1 || true"
        );
        let said = sh(&as_root);
        assert!(
            said.contains("for user 12345, who called with sudo, sandbox default runs"),
            "{said}"
        );
    }
    let map = rita("exec a -- cat /proc/self/uid_map /proc/self/gid_map");
    let fields: Vec<&str> = map.split_whitespace().collect();
    let wanted = "0 12345 1 1 400000 65535 0 12345 1 1 500000 65535";
    assert_eq!(fields.join(" "), wanted);
    let su = rita("exec a -- su -s /bin/sh nobody -c 'id -u'");
    assert_eq!(su.trim(), "65534");
    // It becomes its own user once it is there.
    let dump = "exec a -- tcpdump -l -c 1 -i lo > /run/dump";
    let ping = "exec a -- ping -c 1 -W 30 127.0.0.1";
    let watching = std::thread::spawn({
        let words = as_rita(dump);
        move || sh(&words)
    });
    wait_for("a packet to be seen", || {
        rita(ping);
        sh("cat /run/dump").contains("ICMP echo request")
    });
    watching.join().unwrap();
    rita("down");
    ranges_that_cannot_be_used(&as_rita);
}

/// The sandbox starts without the ids that cannot be mapped, and `doctor` says why.
fn ranges_that_cannot_be_used(as_rita: &dyn Fn(&str) -> String) {
    let rita = |words: &str| sh(&as_rita(words));
    let shown = || as_rita("doctor --format json | grep -A3 'users of a sandbox' || true");
    assert!(sh(&shown()).contains("65535 more from 400000 on (groups from 500000)"));
    // A range with the own id, and one that is in no file, are passed over.
    sh("(echo rita:10000:65536; echo rita:400000:65536) > /etc/subuid");
    rita("up /run/p.yaml");
    assert!(rita("exec a -- cat /proc/self/uid_map").contains("400000"));
    rita("down");
    // A program that may not map ids: neither of the two maps has more than the own id.
    sh(
        "cp /usr/bin/newuidmap /run/bin; mount --bind /run/bin/newuidmap /usr/bin/newuidmap; chmod 755 /run/bin/newuidmap",
    );
    assert!(sh(&shown()).contains("only you: /usr/bin/newuidmap is not setuid root"));
    rita("up /run/p.yaml");
    let map = rita("exec a -- cat /proc/self/uid_map /proc/self/gid_map");
    assert!(!map.contains("65535"), "{map}");
    rita("down");
    // One that refuses every range.
    sh("printf '#!/bin/sh\nexit 1\n' > /run/bin/newuidmap; chmod 4755 /run/bin/newuidmap");
    assert!(sh(&shown()).contains("only you: newuidmap or newgidmap refuses the ranges"));
    rita("up /run/p.yaml");
    let map = rita("exec a -- cat /proc/self/uid_map /proc/self/gid_map");
    assert!(!map.contains("65535"), "{map}");
    rita("down");
    sh("umount /usr/bin/newuidmap");
    // Without such ids the sandbox has one user.
    sh("echo > /etc/subgid");
    rita("up /run/p.yaml");
    let map = rita("exec a -- cat /proc/self/uid_map /proc/self/gid_map");
    let fields: Vec<&str> = map.split_whitespace().collect();
    assert_eq!(fields.join(" "), "0 12345 1 0 12345 1");
    rita("down");
}

/// Root of a node that may mount makes its own /etc writable for itself alone: the names that other nodes and the
/// machine read stay, wherever the node is, and are still followed by changes of the project.
fn mounts_of_a_node_change_no_names_of_others() {
    let user = host();
    let text = format!(
        "{NETWORK}nodes:
  a: {{ networks: [n], command: [sh, -c, \"mount -o remount,rw,bind /etc/hosts; echo 6.6.6.6 evil >> /etc/hosts; exec sleep 1000\"] }}
  b: {{ networks: [n] }}
  c: {{ networks: [n], dns: 10.91.0.1 }}
"
    );
    std::fs::write("/run/p.yaml", text).unwrap();
    sh(
        "chmod 644 /run/p.yaml; mkdir -m 755 /run/bin; mkdir -m 700 /run/st; chown 1000 /run/st
        mkdir /run/etc; cp -a /etc/. /run/etc; mount --bind /run/etc /etc",
    );
    std::fs::copy(PROGRAM, "/run/bin/hallway").unwrap();
    let ordinary = "setpriv --reuid 1000 --regid 1000 --clear-groups env HALLWAY_NO_REPAIR=1 HALLWAY_PASTA=0 HALLWAY_STATE_DIR=/run/st /run/bin/hallway";
    let read = "cat /etc/hosts /etc/resolv.conf";
    let machine = sh(read);
    for place in [
        Some(user.clone()),
        Some(Hallway::sandbox(PROGRAM)),
        Some(Hallway::sandbox(PROGRAM).mapping_root()),
        None,
    ] {
        let run = |words: &[&str]| match &place {
            Some(h) => h.run(words).ok(),
            None => sh(&format!("{ordinary} {}", words.join(" "))),
        };
        std::fs::write("/run/read", read).unwrap();
        run(&["up", "/run/p.yaml"]);
        let see = |node: &str| run(&["exec", node, "--", "sh", "/run/read"]);
        let before = ["b", "c"].map(see);
        for file in ["/etc/hosts", "/etc/resolv.conf"] {
            for attack in [
                "mount -o remount,rw,bind F && echo 6.6.6.6 evil >> F",
                "mount -o remount,rw,bind F; mount -o remount,rw F; : > F",
                "mount -o remount,rw,bind F; chmod 666 F",
                "touch /run/x; mount --bind F /run/x; mount -o remount,rw,bind /run/x; echo 6.6.6.6 evil >> /run/x",
                "mount -o remount,rw,bind F; truncate -s 0 F",
                "mount -o remount,rw,bind F; setfattr -n user.x -v 1 F",
            ] {
                std::fs::write("/run/attack", attack.replace('F', file)).unwrap();
                run(
                    &["exec", "b", "--", "sh", "-c", "'sh /run/attack || true'"].map(|w| {
                        match &place {
                            Some(_) => w.trim_matches('\''),
                            None => w,
                        }
                    }),
                );
                assert_eq!(before, ["b", "c"].map(see), "{place:?} {file}: {attack}");
                assert_eq!(sh(read), machine, "{place:?} {file}: {attack}");
            }
        }
        // What runs still gets new names.
        run(&["-p", "p", "node", "add", "d", "--network", "n"]);
        let seen = sh("cat /proc/$(pgrep -nx sleep)/root/etc/hosts");
        assert!(seen.contains("\td\n") && !seen.contains("evil"), "{seen}");
        run(&["down", "/run/p.yaml"]);
    }
}

hallway_testkit::tests!(
    mounts_of_a_node_change_no_names_of_others,
    further_ids_of_an_ordinary_user,
    programs_run_as_who_called,
    a_program_without_capabilities,
    a_calling_user_that_is_not_a_number,
    root_of_a_sandbox_is_not_root_of_the_machine,
    a_user_that_does_not_exist,
);
