//! State that is lost or refused while a project is up: the results of `up`, `status` and `down`.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

mod refused;

use std::net::TcpListener;
use std::time::Duration;

use hallway_testkit::{Hallway, Snapshot, processes, sh, skip, try_sh, wait_for};

use refused::{
    a_holder_that_was_just_killed_is_not_used, a_read_only_state_directory,
    a_sandbox_whose_state_is_refused_is_ended, a_setting_that_another_program_changed_is_kept,
    down_works_with_a_state_directory_that_is_refused,
    gc_removes_the_mount_that_another_namespace_kept,
    programs_that_outlived_their_sandbox_are_ended, what_is_not_a_project_does_not_count_as_one,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");
const FILE: &str = "
networks: { n: { subnet: 10.91.0.0/24 } }
nodes: { a: { networks: [n], ports: [\"8091:80\"], command: hallway serve 80, ready: 80/tcp } }
";

fn host() -> Hallway {
    Hallway::host(PROGRAM).project("p")
}

fn keepers() -> Vec<String> {
    let mut all = processes();
    all.retain(|p| p.contains("__keeper"));
    all
}

/// A keeper whose socket was removed still listens on the project's ports. `up` finds it by its
/// mark, ends it, and continues.
fn up_takes_over_a_keeper_without_a_socket() {
    let project = "rm -rf /run/state/host/projects/p";
    let all = "rm -rf /run/state";
    let socket = "find /run/state/ -name keeper.sock -delete";
    let sandbox = || Hallway::sandbox(PROGRAM).project("p");
    // With the whole directory, the note that hallway made /run/netns is lost.
    sh("ip netns add other");
    for (h, damage) in [
        (host(), project),
        (host(), all),
        (host(), socket),
        (sandbox(), socket),
    ] {
        let before = Snapshot::take();
        h.up(FILE).ok();
        let first = keepers();
        sh(damage);
        h.up(FILE).ok();
        let second = keepers();
        assert_eq!(second.len(), 1, "{damage}: {second:?}");
        assert_ne!(first, second, "{damage}");
        h.run(&["status", "--exit-code"]).exits(0);
        h.run(&["plan", "--detailed-exitcode"]).exits(0);
        assert!(h.reads("a", "http://10.91.0.2"), "{damage}");
        h.ok("down");
        before.unchanged();
    }
}

/// Without a record, `up` finds namespaces and keeper as they are. Programs of the same description go on;
/// others are started again, and what ends the old ones does not end the new ones.
fn programs_go_on_without_a_record() {
    let h = host();
    let before = Snapshot::take();
    let file = |c: &str| {
        format!(
            "
networks: {{ n: {{ subnet: 10.91.0.0/24 }} }}
nodes:
  a: {{ networks: [n], ports: [\"8091:80\"], command: hallway serve 80, ready: 80/tcp }}
  b: {{ networks: [n], command: sh -c 'sleep 1000 & sleep 1001' }}
  c: {{ networks: [n], command: {c} }}
  d: {{ networks: [n], command: {c}, restart: always }}
"
        )
    };
    let programs = |of: &str| {
        let script = format!("pgrep -f '^(hallway serve 80|sleep {of})' | sort");
        let all = sh(&script);
        all.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let record = "/run/state/host/projects/p/record.json";
    let cut = format!("n=$(stat -c %s {record}); truncate -s $((n / 2)) {record}");
    let commands = ["sleep 1002", "sleep 1003"];
    h.up(&file(commands[0])).ok();
    for round in 0..4 {
        for damage in [&cut, &format!("> {record}"), &format!("rm {record}")] {
            let unchanged = programs("100[01]");
            assert_eq!(unchanged.len(), 3, "{unchanged:?}");
            sh(damage);
            // The programs of two nodes change.
            h.up(&file(commands[(round + 1) % 2])).ok();
            assert_eq!(programs("100[01]"), unchanged, "{damage}");
            h.run(&["status", "--exit-code"]).exits(0);
            sh(damage);
            let all = programs("100.");
            h.up(&file(commands[(round + 1) % 2])).ok();
            assert_eq!(programs("100."), all, "{damage}");
            h.run(&["plan", "--detailed-exitcode"]).exits(0);
            assert!(h.reads("a", "http://10.91.0.2"), "{damage}");
        }
    }
    sh(&format!("rm {record}"));
    h.up(&file("sh -c 'exit 3'"))
        .exits(1)
        .says("the former state is not on record, so it has been taken down");
    before.unchanged();
}

/// A port of another program is found before the keeper is ended.
fn a_keeper_without_a_socket_stays_where_up_is_refused() {
    let h = host();
    h.up(FILE).ok();
    let first = keepers();
    sh("rm -rf /run/state/host/projects/p");
    let other = TcpListener::bind(("127.0.0.1", 8092)).unwrap();
    let more = FILE.replace("\"8091:80\"", "\"8091:80\", \"8092:81\"");
    let refused = h.up(&more).exits(2).says("port 8092/tcp is in use");
    assert!(!refused.err.contains("port 8091"), "{}", refused.err);
    assert_eq!(keepers(), first);
    drop(other);
    h.up(&more).ok();
    h.ok("down");
}

/// Files of another user, and a record of a newer version: `status` prints the same as `up`, and
/// what it advises is possible.
fn status_and_up_say_the_same_of_a_record_that_is_not_used() {
    if !rustix::process::geteuid().is_root() || try_sh("chown 1001 /run").is_err() {
        skip("needs root, to act as two users");
    }
    sh("chown 0 /run");
    let project = "/run/state/host/projects/p";
    for (damage, said) in [
        (
            format!("chown -R 1001:1001 {project}"),
            "cannot be used for state: it belongs to user 1001",
        ),
        (
            format!(
                "sed -i '1s/\"format\": *[0-9]*/\"format\": 99/; 1s/\"version\": *[0-9]*/\"version\": 99/' {project}/record.json"
            ),
            "was written by another version of hallway",
        ),
    ] {
        let before = Snapshot::take();
        let h = host();
        h.up(FILE).ok();
        sh(&damage);
        let status = h.run(&["status", "--exit-code"]).exits(3).out;
        let up = h.up(FILE).exits(1).err;
        let plan = h.run(&["plan"]).exits(1).err;
        for text in [&status, &up, &plan] {
            assert!(text.contains(said), "{damage}\n{text}");
            assert!(text.contains("hallway down removes"), "{text}");
            assert!(!text.contains("builds it again"), "{text}");
        }
        h.ok("down");
        before.unchanged();
    }
}

/// If other users can write to /run, what `up` builds can be removed again.
fn down_works_where_others_can_write_to_run() {
    sh("rmdir /run/netns || true; mkdir -p -m 700 /run/state; chmod 1777 /run");
    let before = Snapshot::take();
    let h = host();
    h.up(FILE).ok();
    h.ok("down");
    before.unchanged();
}

/// A disk that is full, or nearly: a `node add` that fails leaves nothing.
fn a_full_disk_leaves_nothing_of_a_node_that_is_added() {
    sh("mkdir -p -m 700 /run/state; mount -t tmpfs -o size=512k,mode=700 tmpfs /run/state");
    let h = host();
    h.up(FILE).ok();
    // The last allocated address stays noted.
    h.ok("node add z --network n");
    h.ok("node rm z");
    let before = Snapshot::take();
    let mut failed = 0;
    for left in 0..16 {
        sh("dd if=/dev/zero of=/run/state/filler bs=1k 2>/dev/null || true");
        sh(&format!("truncate -s -{}k /run/state/filler", 4 * left));
        let added = h.run(&["node", "add", "z", "--network", "n"]);
        sh("rm /run/state/filler");
        if added.code != 0 {
            failed += 1;
            before.unchanged();
        }
        if added.code == 0 {
            h.ok("node rm z");
        }
        h.run(&["status", "--exit-code"]).exits(0);
        assert!(
            !h.ok("exec a -- cat /etc/hosts").contains("\tz\n"),
            "{left}"
        );
    }
    assert!(failed > 2, "{failed}");
    h.ok("down");
}

/// What another program has put in the place of a part of the state stays, is named, and does not keep
/// `down` from removing everything else. A link is removed, and not followed.
fn a_part_of_the_state_that_is_mounted_over_or_a_link() {
    let (project, leases) = ("/run/state/host/projects/p", "/run/state/host/leases");
    let logs = format!("{project}/logs");
    let h = host();
    for place in [logs.as_str(), leases, project] {
        let before = Snapshot::take();
        h.up(FILE).ok();
        sh(&format!("mount -t tmpfs mine {place}; touch {place}/mine"));
        for _time in 0..2 {
            let refused = h.run(&["down"]).exits(1);
            let said = format!("{place} cannot be removed: something is mounted there");
            assert!(refused.err.contains(&said), "{}", refused.err);
            let help = format!("umount {place}; then run hallway down again");
            assert!(refused.err.contains(&help), "{}", refused.err);
            assert_eq!(
                sh("ip netns list; nft list tables; ls /sys/class/net").trim(),
                "lo"
            );
        }
        h.run(&["gc"]).exits(0).says("nothing");
        sh(&format!(
            "test -e {place}/mine; umount {place}; rm -rf /run/mount"
        ));
        h.run(&["down"]).exits(0);
        assert!(!std::path::Path::new("/run/state/host").exists(), "{place}");
        before.unchanged();
    }
    sh("mkdir -p /run/mine/p; touch /run/mine/p/precious");
    for place in [logs.as_str(), leases] {
        h.up(FILE).ok();
        sh(&format!("rm -r {place}; ln -s /run/mine {place}"));
        h.run(&["down"]).exits(0);
        assert!(!std::path::Path::new("/run/state/host").exists(), "{place}");
        sh("test -e /run/mine/p/precious");
    }
}

/// Namespaces below another mount cannot be reached: nothing is changed before it is gone.
fn a_mount_over_the_namespaces() {
    let h = host();
    let before = Snapshot::take();
    h.up(FILE).ok();
    sh("mount -t tmpfs mine /run/netns");
    let links = || sh("ip -o link show | cut -d' ' -f2 | sort");
    let was = links();
    for words in [&["down"][..], &["node", "rm", "a"]] {
        let refused = h.run(words).exits(1);
        let said = "tmpfs is mounted over /run/netns: the namespaces of the project are below it";
        assert!(refused.err.contains(said), "{}", refused.err);
        assert!(refused.err.contains("umount /run/netns"), "{}", refused.err);
        assert_eq!(links(), was);
    }
    h.run(&["gc"]).exits(0);
    sh("findmnt -n -o SOURCE /run/netns | grep -q mine; umount /run/netns; rm -rf /run/mount");
    h.run(&["status", "--exit-code"]).exits(0);
    assert!(h.reads("a", "http://10.91.0.2"));
    h.ok("down");
    before.unchanged();
}

/// A keeper whose project and state were removed ends; one whose state alone was removed goes on.
fn a_keeper_ends_with_the_last_object_of_its_project() {
    let h = host();
    h.up(FILE).ok();
    sh("rm -rf /run/state");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(keepers().len(), 1);
    h.ok("down");
    assert_eq!(keepers().len(), 0);
    h.up(FILE).ok();
    sh(
        "rm -rf /run/state; ip netns del a; ip link del br-n; ip link del a-0; nft delete table inet hallway-p; nft delete table bridge hallway-p",
    );
    wait_for("the end of the keeper", || keepers().is_empty());
    assert_eq!(sh("nft list tables").trim(), "");
}

/// The unreachable routes of networks: of routed ones no link has the subnet.
const ROUTED: &str = "
networks:
  n: { subnet: [10.91.0.0/24, 'fd91::/64'] }
  far: { subnet: [10.92.0.0/24, 'fd92::/64'], mode: routed }
nodes: { a: { networks: [n] }, c: { networks: [far] } }
";

fn marked_routes() -> String {
    sh("ip route show table all proto 104; ip -6 route show table all proto 104")
}

/// A second project, on other networks, with other nodes.
fn second_up() -> (Hallway, String) {
    let q = Hallway::host(PROGRAM).project("q");
    let text = ROUTED.replace("10.9", "10.8").replace("fd9", "fd8");
    let text = text.replace("a:", "e:").replace("c:", "f:");
    q.up(&text.replace("  n:", "  m:").replace("[n]", "[m]"))
        .ok();
    (q, marked_routes())
}

/// Kills the keeper, and waits until it has ended: its command line is gone before its sockets are closed.
const KILLED: &str = "k=$(pgrep -f '[_]_keeper p '); kill -9 $k; while [ -e /proc/$k ] && ! grep -q '^State:.Z' /proc/$k/status; do sleep 0.01; done";

/// What is left is removed by its marks, whatever of the record is lost; nothing of another project is.
fn routes_are_found_without_a_record() {
    let (q, of_q) = second_up();
    let lost = "rm -rf /run/state/host/projects/p";
    let killed = format!("{lost}; {KILLED}");
    let damaged =
        "for f in $(find /run/state/host/projects/p -name '*.json'); do echo x > $f; done";
    let flushed = format!(
        "{killed}; nft delete table inet hallway-p; nft delete table bridge hallway-p; ip netns del a; ip netns del c"
    );
    let h = host();
    for damage in [lost, &killed, damaged, &flushed] {
        for words in [&["gc", "--yes"][..], &["down"]] {
            // A record that is damaged is one.
            if damage == damaged && words[0] == "gc" {
                continue;
            }
            h.up(ROUTED).ok();
            assert_ne!(marked_routes(), of_q);
            sh(damage);
            h.run(words).exits(0);
            assert_eq!(marked_routes(), of_q, "{damage}, {words:?}");
            h.run(&["gc"]).exits(0).says("nothing is left behind");
            h.run(&["down"]).exits(0);
            q.run(&["status", "--exit-code"]).exits(0);
        }
    }
    q.ok("down");
    assert_eq!(marked_routes(), "");
}

/// Routes alone, without anything that names their project: `gc` lists and removes them, and those of
/// projects that are up stay, also while their rules are gone.
fn routes_of_no_project_are_listed() {
    let (q, of_q) = second_up();
    let metric = 4_278_198_272_u32;
    let left = format!(
        "ip route add unreachable 10.92.0.0/24 proto 104 metric {metric}; ip -6 route add unreachable fd92::/64 proto 104 metric {metric}"
    );
    sh(&left);
    // Of another program, with another metric.
    sh("ip route add unreachable 10.93.0.0/24 proto 104 metric 7");
    sh("nft flush ruleset");
    let h = host();
    let listed = h.run(&["gc"]).exits(0);
    for net in ["10.92.0.0/24", "fd92::/64"] {
        let line = format!("route unreachable {net}  not on record");
        assert!(listed.out.contains(&line), "{}", listed.out);
    }
    assert_eq!(listed.out.lines().count(), 2, "{}", listed.out);
    let json = h.run(&["gc", "--format", "json"]).json();
    assert_eq!(json[0]["route"], "10.92.0.0/24", "{json}");
    h.run(&["gc", "--yes"]).exits(0);
    let now = marked_routes().replace("unreachable 10.93.0.0/24 metric 7 \n", "");
    assert_eq!(now, of_q);
    sh("ip route del unreachable 10.93.0.0/24 proto 104 metric 7");
    q.ok("down");
}

/// A project that is up with another state directory, where its keeper runs, is left alone; without its
/// keeper, or without its record, it is what is left of a project.
fn a_project_of_another_state_directory() {
    let other = |words: &[&str]| {
        let words = [&["--state-dir", "/run/other"], words].concat();
        host().run(&words)
    };
    let h = host();
    let text = ROUTED.replace("[n]", "[n], ports: [\"8091:80\"]");
    h.up(&text).ok();
    let keeper = keepers();
    std::fs::write(
        "/run/other.yaml",
        text.replace("10.9", "10.7").replace("a:", "z:"),
    )
    .unwrap();
    let listed = other(&["gc"]).exits(0);
    let stays = "p is up with state directory /run/state: it stays";
    assert!(listed.err.contains(stays), "{}", listed.err);
    other(&["gc", "--yes"]).exits(0).says(stays);
    for words in [
        &["up", "/run/other.yaml"][..],
        &["plan", "/run/other.yaml"],
        &["down"],
    ] {
        other(words)
            .exits(1)
            .says("project p is up with state directory /run/state, and this is /run/other")
            .says("hallway --state-dir /run/state -p p down takes it down");
    }
    assert_eq!(keepers(), keeper);
    h.run(&["status", "--exit-code"]).exits(0);
    // Another project can be built beside it.
    let (q, _) = second_up();
    q.ok("down");
    // Its keeper alone is not enough, and neither is its record.
    sh("rm -rf /run/state");
    other(&["down"]).exits(0);
    h.up(&text).ok();
    sh(KILLED);
    other(&["up", "/run/other.yaml"]).exits(0);
    h.run(&["down"])
        .exits(1)
        .says("project p is up with state directory /run/other, and this is /run/state");
    other(&["down"]).exits(0);
    h.run(&["down"]).exits(0);
    assert_eq!(marked_routes(), "");
}

hallway_testkit::tests![
    routes_are_found_without_a_record,
    routes_of_no_project_are_listed,
    a_project_of_another_state_directory,
    a_part_of_the_state_that_is_mounted_over_or_a_link,
    a_mount_over_the_namespaces,
    a_keeper_ends_with_the_last_object_of_its_project,
    a_full_disk_leaves_nothing_of_a_node_that_is_added,
    status_and_up_say_the_same_of_a_record_that_is_not_used,
    down_works_where_others_can_write_to_run,
    up_takes_over_a_keeper_without_a_socket,
    down_works_with_a_state_directory_that_is_refused,
    a_sandbox_whose_state_is_refused_is_ended,
    programs_that_outlived_their_sandbox_are_ended,
    a_holder_that_was_just_killed_is_not_used,
    what_is_not_a_project_does_not_count_as_one,
    a_read_only_state_directory,
    gc_removes_the_mount_that_another_namespace_kept,
    a_setting_that_another_program_changed_is_kept,
    programs_go_on_without_a_record,
    a_keeper_without_a_socket_stays_where_up_is_refused,
];
