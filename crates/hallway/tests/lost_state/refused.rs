//! State directories that are refused, and what a killed sandbox leaves: `down` works in any case.

use hallway_testkit::{Hallway, Snapshot, processes, sh};

use super::{FILE, PROGRAM, host, keepers};

/// Each makes the state directory one that is refused.
const REFUSED: [&str; 5] = [
    "chmod 777 /run/state",
    "rm -rf /run/state; touch /run/state",
    "rm -rf /run/state; mkdir -m 700 /run/elsewhere; ln -s /run/elsewhere /run/state",
    "chmod 777 /run/state/host",
    "rm -rf /run/state/host; touch /run/state/host",
];

/// `up` refuses such a directory; what runs is found and removed by its marks.
pub(super) fn down_works_with_a_state_directory_that_is_refused() {
    let h = host();
    for damage in REFUSED {
        for words in [&["down"][..], &["gc", "--yes"]] {
            let before = Snapshot::take();
            h.up(FILE).ok();
            sh(damage);
            h.up(FILE).exits(1).says("cannot be used for state");
            h.run(words)
                .exits(0)
                .says("the state directory has not been used")
                .says("cannot be used for state");
            assert_eq!(
                sh("ip netns list; nft list tables; ls /sys/class/net").trim(),
                "lo",
                "{damage}"
            );
            assert_eq!(keepers().len(), 0, "{damage}");
            // Now there is nothing that the directory is needed for.
            h.run(words).exits(1).says("cannot be used for state");
            assert_eq!(sh("ls -d /run/hallway-* 2>/dev/null || true"), "");
            sh("rm -rf /run/state /run/elsewhere");
            before.unchanged();
        }
    }
    // Nor does it keep another state directory from removing what runs.
    h.up(FILE).ok();
    sh("chmod 777 /run/state");
    h.run(&["--state-dir", "/run/other", "down"]).exits(0);
    assert_eq!(keepers().len(), 0);
    sh("rm -rf /run/state /run/other");
}

/// The same of a sandbox, which is ended.
pub(super) fn a_sandbox_whose_state_is_refused_is_ended() {
    let h = Hallway::sandbox(PROGRAM).project("p");
    let members = "/run/state/sandboxes/default/members";
    for damage in [
        "chmod 777 /run/state",
        "chmod -R 777 /run/state",
        "chmod 500 /run/state",
        "chmod 777 /run/state/sandboxes",
        "chmod 0 /run/state/sandboxes",
        "chmod 777 /run/state/sandboxes/default",
        &format!("chmod 777 {members}"),
        &format!("rm {members}/lock; mkdir {members}/lock"),
    ] {
        for words in [
            &["down"][..],
            &["gc", "--yes"],
            &["sandbox", "rm", "default"],
        ] {
            let before = Snapshot::take();
            h.up(FILE).ok();
            sh(damage);
            h.run(words)
                .exits(0)
                .says("sandbox default has been ended")
                .says("the state directory has not been used");
            let left = processes();
            assert!(
                !left.iter().any(|p| p.contains(" __")),
                "{damage}: {left:?}"
            );
            sh("chmod -R u+rwX /run/state; chmod -R u+rwX /run/state; rm -rf /run/state");
            before.unchanged();
        }
    }
}

/// Nothing keeps the namespaces of a sandbox but the programs that are left.
pub(super) fn programs_that_outlived_their_sandbox_are_ended() {
    let h = Hallway::sandbox(PROGRAM).project("p");
    let file = "
networks: { n: { subnet: 10.91.0.0/24 } }
nodes:
  a: { networks: [n], command: hallway serve 80, ready: 80/tcp }
  b: { networks: [n], command: sh -c 'sleep 1001 & sleep 1002' }
";
    let left = || {
        let mut all = processes();
        all.retain(|p| p.contains("serve 80") || p.contains("sleep 100"));
        all
    };
    let other = Hallway::sandbox(PROGRAM).project("other");
    let of_other = ["--sandbox", "other"];
    std::fs::write("/run/other.yaml", "nodes: { o: { command: sleep 900 } }").unwrap();
    other
        .run(&[&of_other[..], &["up", "/run/other.yaml"]].concat())
        .ok();
    for who in [
        "hold|program",
        "hold|keeper|program",
        "hold|keeper|porter|program",
    ] {
        for words in [
            &["down"][..],
            &["gc", "--yes"],
            &["sandbox", "rm", "default"],
        ] {
            h.up(file).ok();
            let marked = format!("__({who}) .*(default|p) ");
            sh(&format!(
                "kill -9 $(pgrep -f '[_]_({who}) ' | while read p; do tr '\\0' ' ' </proc/$p/cmdline | grep -qE '{marked}' && echo $p; done) || true"
            ));
            h.run(words).exits(0);
            assert!(left().is_empty(), "{who} {words:?}: {:?}", left());
        }
        h.up(file).ok();
        sh(&format!("kill -9 $(pgrep -f '[_]_({who}) ') || true"));
        h.up(file).ok();
        assert_eq!(left().len(), 4, "{who}: {:?}", left());
        h.ok("down");
        other
            .run(&[&of_other[..], &["up", "/run/other.yaml"]].concat())
            .ok();
    }
    assert!(processes().iter().any(|p| p.contains("sleep 900")));
    other.run(&[&of_other[..], &["down"]].concat()).ok();
}

/// `up` right after the holder was killed makes another sandbox.
pub(super) fn a_holder_that_was_just_killed_is_not_used() {
    let h = Hallway::sandbox(PROGRAM).project("p");
    for _ in 0..6 {
        h.up(FILE).ok();
        sh("kill -9 $(pgrep -f '[_]_hold')");
        h.up(FILE).ok();
        h.ok("down");
    }
}

/// A directory that is not a project's keeps nothing of what `up` made.
pub(super) fn what_is_not_a_project_does_not_count_as_one() {
    sh("umount /run/netns || true; rmdir /run/netns || true");
    let h = host();
    for damage in [
        "touch /run/state/host/projects/x",
        "rm /run/state/host/netns-directory; mkdir -p /run/state/host/netns-directory/x",
    ] {
        h.up(FILE).ok();
        sh(damage);
        h.ok("down");
        assert!(!std::path::Path::new("/run/netns").exists(), "{damage}");
        sh("rm -rf /run/state");
    }
}

/// A value that hallway never writes is another program's.
pub(super) fn a_setting_that_another_program_changed_is_kept() {
    sh(
        "ip link add up0 type veth peer name up1; ip link set up1 up; ip addr add 192.0.2.1/24 dev up0; ip link set up0 up",
    );
    let file = "/proc/sys/net/ipv4/conf/up0/forwarding";
    let h = host();
    for (value, after) in [("", "0"), ("2", "2"), ("0", "0")] {
        h.up(FILE).ok();
        assert_eq!(sh(&format!("cat {file}")).trim(), "1");
        if !value.is_empty() {
            sh(&format!(
                "pkill -STOP -f '[_]_keeper p'; echo {value} > {file}; pkill -CONT -f '[_]_keeper p'"
            ));
        }
        h.ok("down");
        assert_eq!(sh(&format!("cat {file}")).trim(), after, "{value}");
        sh(&format!("echo 0 > {file}"));
    }
}

/// The kernel makes a file system with errors read-only.
pub(super) fn a_read_only_state_directory() {
    let h = host();
    let before = Snapshot::take();
    for words in [&["down"][..], &["gc", "--yes"]] {
        h.up(FILE).ok();
        sh("mount --bind /run/state /run/state; mount -o remount,ro,bind /run/state");
        h.up(FILE).exits(1).says("Read-only file system");
        h.run(words)
            .exits(0)
            .says("the state directory has not been used")
            .says("Read-only file system");
        sh("umount /run/state; rm -rf /run/state /run/mount"); // the last is of mount(8)
        before.unchanged();
    }
}

/// The mount of hallway at /run/netns stays while another program's namespace is in it.
pub(super) fn gc_removes_the_mount_that_another_namespace_kept() {
    sh("umount /run/netns || true; rmdir /run/netns || true");
    let h = host();
    h.up(FILE).ok();
    sh("ip netns add other");
    h.ok("down");
    assert_eq!(sh("ls /run/netns").trim(), "other");
    sh("ip netns del other");
    h.run(&["gc", "--yes"]).exits(0);
    assert!(!std::path::Path::new("/run/netns").exists());
}
