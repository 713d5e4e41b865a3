//! Places in which something that hallway needs is missing: its messages are true, and `doctor` reports
//! the same as `up`.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use hallway_testkit::{Hallway, sh, try_sh};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");

const WEB: &str = "
name: web
networks: { apps: { subnet: [10.20.0.0/24, fd20::/64] } }
nodes: { web: { networks: [apps], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp } }
";

/// What `hallway ARGUMENTS` prints after `before`, in a separate mount namespace; it must fail.
#[track_caller]
fn fails(before: &str, arguments: &str) -> String {
    std::fs::write("/run/web.yaml", WEB).unwrap();
    let script = format!(
        "unshare -m sh -c '{before}
        export HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0
        exec {PROGRAM} {arguments}' 2>&1"
    );
    match try_sh(&format!("{script} >/run/said && exit 7; cat /run/said")) {
        Ok(said) => said,
        Err(why) => panic!("it did not fail: {why}"),
    }
}

const NO_PROC: &str = "mkdir -p /run/empty; mount --bind /run/empty /proc";

/// Without /proc: one error about that, from every command.
fn without_proc() {
    for words in [
        "up /run/web.yaml",
        "--host up /run/web.yaml",
        "--host down -p web",
        "status",
    ] {
        let said = fails(NO_PROC, words);
        assert!(said.contains("/proc is not mounted"), "{words}: {said}");
        assert!(said.contains("mount -t proc proc /proc"), "{words}: {said}");
    }
    let said = fails(NO_PROC, "doctor");
    assert!(said.contains("missing  /proc: not mounted"), "{said}");
    assert!(!said.contains("ok "), "{said}");
}

/// Settings that cannot be changed, as in a container.
fn read_only_settings() {
    let before = "mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys";
    let said = fails(before, "--host up /run/web.yaml");
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains("remount,rw,bind /proc/sys"), "{said}");
    assert!(!sh("ip link").contains("br-apps"));
    for doctor in ["--host doctor", "doctor"] {
        let said = fails(before, doctor);
        assert!(said.contains("missing  settings of links"), "{said}");
        assert!(said.contains("remount,rw,bind /proc/sys"), "{said}");
    }
}

/// A chroot whose root directory is not a mount point.
fn in_a_chroot() {
    let tree = "mkdir -p /run/tree; cd /run/tree; mkdir -p run proc tmp; cp /run/web.yaml run
        for d in bin sbin usr lib lib64 etc dev; do [ -e /$d ] || continue; mkdir -p $d; mount --rbind /$d $d; done
        mkdir -p .$(dirname $0); cp $0 .$0; mount --rbind /proc proc";
    let tree = tree.replace("$0", PROGRAM);
    for words in ["up /run/web.yaml", "--host up /run/web.yaml"] {
        let said = chrooted(&tree, words);
        assert!(said.contains("this is a chroot"), "{words}: {said}");
        assert!(said.contains("mount --bind DIR DIR"), "{words}: {said}");
    }
    let said = chrooted(&tree, "doctor");
    assert!(
        said.contains("missing  root directory: this is a chroot"),
        "{said}"
    );
}

/// A chroot whose root directory is a mount point: the kernel still makes no user namespace there.
fn in_a_chroot_that_is_a_mount_point() {
    if try_sh("chown 1001 /run && chown 0 /run").is_err() {
        return; // the sandbox of such a root has no ids of its own
    }
    let tree = "mkdir -p /run/tree; mount --rbind /run/tree /run/tree; cd /run/tree; mkdir -p run proc tmp; cp /run/web.yaml run
        for d in bin sbin usr lib lib64 etc dev; do [ -e /$d ] || continue; mkdir -p $d; mount --rbind /$d $d; done
        mkdir -p .$(dirname $0); cp $0 .$0; mount --rbind /proc proc";
    let tree = tree.replace("$0", PROGRAM);
    for words in ["up /run/web.yaml", "doctor"] {
        let said = chrooted(&tree, words);
        assert!(
            said.contains("a user namespace cannot be made"),
            "{words}: {said}"
        );
        assert!(said.contains("as in a chroot"), "{words}: {said}");
        assert!(said.contains("build with --host"), "{words}: {said}");
    }
}

/// What a command in the chroot prints; it must fail.
#[track_caller]
fn chrooted(tree: &str, arguments: &str) -> String {
    std::fs::write("/run/web.yaml", WEB).unwrap();
    std::fs::write(
        "/run/tree.sh",
        format!(
            "{tree}\n! chroot /run/tree env HALLWAY_STATE_DIR=/run/state {PROGRAM} {arguments} 2>&1"
        ),
    )
    .unwrap();
    sh("unshare -m sh -e /run/tree.sh")
}

/// A filter of system calls, with their numbers on x86_64 as the first argument; with unshare also of the others
/// that make namespaces.
const FILTER: &str = r#"
import ctypes, os, struct, sys
op = lambda code, k, yes=0, no=0: struct.pack("HBBI", code, yes, no, k)
DENY, ALLOW, NOSYS = 0x00050001, 0x7fff0000, 0x00050026
program = [op(0x20, 0)]
numbers = [int(number) for number in sys.argv[1].split(",")]
for number in numbers:
    program += [op(0x15, number, 0, 1), op(6, DENY)]
if 272 in numbers:
    program += [op(0x15, 435, 0, 1), op(6, NOSYS)] # clone3
    program += [op(0x15, 56, 0, 3), op(0x20, 16), op(0x45, 0x7e020000, 0, 1), op(6, DENY)] # clone
program += [op(6, ALLOW)]
code = ctypes.create_string_buffer(b"".join(program))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
given = Filter(len(program), ctypes.cast(code, ctypes.c_void_p))
assert libc.prctl(22, 2, ctypes.byref(given), 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"#;

/// unshare, mount, pivot_root: no namespaces, no mounts.
const NAMESPACES: &str = "272,165,155";

/// What a command prints with a filter of system calls; it must fail.
#[track_caller]
fn filtered(calls: &str, arguments: &str) -> String {
    std::fs::write("/run/web.yaml", WEB).unwrap();
    std::fs::write("/run/filter.py", FILTER).unwrap();
    sh(&format!(
        "export HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0
        ! python3 /run/filter.py {calls} {PROGRAM} {arguments} >/run/said 2>&1; cat /run/said"
    ))
}

fn only_x86_64() {
    if std::env::consts::ARCH != "x86_64" {
        hallway_testkit::skip("the numbers of system calls are those of x86_64");
    }
}

/// In a container with such a filter, root gets a message what the container needs; nothing is
/// left.
fn with_a_filter_of_system_calls() {
    only_x86_64();
    let said = filtered(NAMESPACES, "up /run/web.yaml");
    assert!(said.contains("does not allow a sandbox"), "{said}");
    assert!(said.contains("--security-opt seccomp=unconfined"), "{said}");
    assert!(!said.contains("run hallway as root"), "{said}");
    let said = filtered(NAMESPACES, "--host up /run/web.yaml");
    assert!(
        said.contains("this process is root but is not allowed"),
        "{said}"
    );
    assert!(!said.contains("run as root"), "{said}");
    for (doctor, missing) in [
        ("--host doctor", "missing  network namespaces"),
        ("doctor", "missing  user namespaces"),
    ] {
        let said = filtered(NAMESPACES, doctor);
        assert!(said.contains(missing), "{said}");
        assert!(said.contains("seccomp=unconfined"), "{said}");
    }
    // Nothing is left that makes a later command fail.
    Hallway::host(PROGRAM).run(&["down", "-p", "web"]).exits(0);
    Hallway::host(PROGRAM).up(WEB).ok();
}

/// Other system calls that are needed: the same message from `up` and from `doctor`, and nothing is made.
fn with_a_filter_of_single_system_calls() {
    only_x86_64();
    for (number, name) in [("308", "setns"), ("166", "umount2"), ("434", "pidfd_open")] {
        for place in ["", "--host "] {
            for verb in [
                "up /run/web.yaml",
                "doctor",
                "test --ephemeral /run/web.yaml",
            ] {
                if verb.starts_with("test") && !place.is_empty() {
                    continue;
                }
                let said = filtered(number, &format!("{place}{verb}"));
                let words = format!("may not use the system call {name}");
                assert!(said.contains(&words), "{place}{verb}: {said}");
                assert!(said.contains("seccomp=unconfined"), "{place}{verb}: {said}");
                if verb == "doctor" {
                    assert!(said.contains("missing  system calls"), "{said}");
                }
            }
        }
        assert_eq!(sh("pgrep -f '__hol[d]' || true"), "");
        assert_eq!(sh("ls /run/netns 2>/dev/null || true"), "");
    }
    // A sandbox that is there is not said to be of another user.
    let h = Hallway::sandbox(PROGRAM);
    h.up(WEB).ok();
    let said = filtered("308", "status");
    assert!(said.contains("cannot be entered"), "{said}");
    assert!(said.contains("seccomp=unconfined"), "{said}");
    assert!(!said.contains("user"), "{said}");
    h.project("web").ok("down");
}

/// Without a capability, `doctor` misses what `up` fails for, with the same words.
fn without_capabilities() {
    for (capability, place, up, doctor) in [
        (
            "net_admin",
            "--host ",
            "this process is root but is not allowed",
            "missing  bridges",
        ),
        (
            "sys_admin",
            "--host ",
            "this process is root but is not allowed",
            "missing  network namespaces",
        ),
        (
            "sys_admin",
            "",
            "does not allow a sandbox",
            "missing  user namespaces",
        ),
        ("setuid", "", "--cap-add SETUID", "missing  user namespaces"),
    ] {
        std::fs::write("/run/web.yaml", WEB).unwrap();
        let run = |arguments: &str| {
            sh(&format!(
                "export HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0
                ! setpriv --bounding-set=-{capability} --inh-caps=-{capability} {PROGRAM} {place}{arguments} 2>&1"
            ))
        };
        let said = run("up /run/web.yaml");
        assert!(said.contains(up), "{capability}: {said}");
        let said = run("doctor");
        assert!(said.contains(doctor), "{capability}: {said}");
        assert!(said.contains("--cap-add"), "{capability}: {said}");
    }
    // With all of them a project is built there, and nothing of it stays.
    for place in ["", "--host "] {
        let said = sh(&format!(
            "HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0 {PROGRAM} {place}doctor || true"
        ));
        assert!(
            said.contains("ok       a project: built"),
            "{place}: {said}"
        );
        assert!(!said.contains("missing"), "{place}: {said}");
        assert_eq!(sh("find /run/state -name 'doctor-*'"), "");
    }
}

/// Runs its argument as root of an outer user namespace that has the users up to 1000.
const OUTER: &str = r#"mkfifo /run/go
unshare --user sh -c "read go < /run/go; exec sh -c '$1'" & pid=$!
while [ $(readlink /proc/$pid/ns/user) = $(readlink /proc/self/ns/user) ]; do :; done
echo 0 0 1001 > /proc/$pid/uid_map; echo 0 0 1001 > /proc/$pid/gid_map; echo > /run/go
wait $pid; rm /run/go
"#;

/// An ordinary user without user namespaces: by the limit of an outer one, or by a filter of system calls.
fn without_user_namespaces() {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    if !map.trim_end().ends_with(" 4294967295") {
        hallway_testkit::skip("needs root of the machine");
    }
    std::fs::write("/run/web.yaml", WEB).unwrap();
    std::fs::write("/run/filter.py", FILTER).unwrap();
    std::fs::write("/run/outer.sh", OUTER).unwrap();
    sh(
        "mkdir -m 700 /run/own; chown 1000:1000 /run/own; mkdir -m 755 /run/bin; chmod 644 /run/*.yaml /run/*.py",
    );
    std::fs::copy(PROGRAM, "/run/bin/hallway").unwrap();
    let user = "setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all env HALLWAY_STATE_DIR=/run/own/state HALLWAY_PASTA=0";
    let filter = match std::env::consts::ARCH {
        "x86_64" => "python3 /run/filter.py 272,165,155 ",
        _ => "true ", // its numbers of system calls are those of x86_64
    };
    let limit = "echo 0 > /proc/sys/user/max_user_namespaces; ";
    for (before, filter, error, help) in [
        (
            limit,
            "",
            "(user.max_user_namespaces = 0)",
            "sysctl -w user.max_user_namespaces=15000",
        ),
        (
            "",
            filter,
            "(Operation not permitted",
            "a profile that allows unshare",
        ),
    ] {
        for arguments in ["up /run/web.yaml", "doctor"] {
            let said = sh(&format!(
                "sh /run/outer.sh '{before}{user} {filter}/run/bin/hallway {arguments} 2>&1 || true'"
            ));
            let skipped = filter.starts_with("true");
            assert!(said.contains(error) || skipped, "{arguments}: {said}");
            assert!(said.contains(help) || skipped, "{arguments}: {said}");
        }
    }
}

/// A policy within a network needs the module: refused before anything is built.
fn without_br_netfilter() {
    let before = "mount -t tmpfs none /proc/sys/net";
    let text = "networks: { n: { subnet: 10.66.0.0/24 } }\nnodes: { a: { networks: [n] }, b: { networks: [n] } }\npolicies: [{ action: deny, between: [a, b] }]\n";
    std::fs::write("/run/deny.yaml", text).unwrap();
    let said = fails(before, "--host up /run/deny.yaml");
    assert!(said.contains("error[no-br-netfilter]"), "{said}");
    assert!(said.contains("modprobe br_netfilter"), "{said}");
    assert!(!sh("ip link").contains("br-n"));
    let said = sh(&format!(
        "unshare -m sh -c '{before}; {PROGRAM} doctor || true'"
    ));
    assert!(said.contains("br_netfilter: not loaded"), "{said}");
    assert!(said.contains("modprobe br_netfilter"), "{said}");
}

/// A low limit on open files: reported by `up` and by `doctor`, with the numbers.
fn few_open_files() {
    let said = fails("ulimit -n 64", "--host up /run/web.yaml");
    assert!(
        said.contains("this process may have 64 files open"),
        "{said}"
    );
    // Too few for the lock: an error, not an attempt without end.
    for files in 4..=7 {
        fails(&format!("ulimit -n {files}"), "--host up /run/web.yaml");
    }
    let said = sh(&format!("ulimit -n 64; {PROGRAM} doctor || true"));
    assert!(said.contains("open files: at most 64"), "{said}");
}

/// IPv6 turned off on the host: reported by `up` and `doctor`; nodes still reach one another by it.
fn ipv6_turned_off() {
    sh(
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        ip link add eth0 type veth peer name far; ip link set eth0 up; ip link set far up
        ip addr add 192.0.2.1/24 dev eth0",
    );
    let h = Hallway::host(PROGRAM);
    h.up(WEB).says("IPv6 is turned off on this host").exits(0);
    assert!(h.project("web").pings("web", "fd20::1"));
    let four = WEB.replace(", fd20::/64", "");
    let quiet = h.up(&four).exits(0).err;
    assert!(!quiet.contains("IPv6"), "{quiet}");
    let said = h.run(&["doctor"]).out;
    assert!(said.contains("IPv6: turned off here"), "{said}");
}

/// A directory of namespaces that others can write to: nothing is built there that could not be removed.
fn a_directory_of_namespaces_for_everybody() {
    sh("mkdir -p /run/netns; mount -t tmpfs -o mode=1777 mine /run/netns");
    let h = Hallway::host(PROGRAM);
    let said = h.up(WEB).exits(1).err;
    assert!(said.contains("other users can write to it"), "{said}");
    assert_eq!(sh("ls /run/netns"), "");
    sh("umount /run/netns");
    h.up(WEB).ok();
}

/// `status` names the command with which the project was built.
fn the_command_that_builds_a_project_again() {
    let h = Hallway::sandbox(PROGRAM);
    sh("mkdir -p /run/parts");
    for (path, text) in [
        (
            "/run/parts/one.yaml",
            "nodes: { a: { command: sleep 1000 } }\n",
        ),
        (
            "/run/parts/a.yml",
            "services: { a: { image: x, expose: [\"81\"] }, b: { image: y, profiles: [q] } }\n",
        ),
        (
            "/run/parts/b.yml",
            "services: { a: { environment: { X: y } } }\n",
        ),
    ] {
        std::fs::write(path, text).unwrap();
    }
    for (place, command) in [
        (&[][..], "up -p x /run/parts/one.yaml"),
        (&[], "up /run/parts/one.yaml"),
        (
            &["--sandbox", "other"],
            "up -p y --profile q --scale b=2 --stub -f /run/parts/a.yml -f /run/parts/b.yml",
        ),
    ] {
        let run = |words: &[&str]| h.run(&[place, words].concat());
        run(&command.split(' ').collect::<Vec<_>>()).ok();
        run(&["stop", "a"]).ok();
        let place = place.join(" ");
        let expected = format!("hallway {place} {command}").replace("  ", " ");
        // Paths are named from the present directory.
        let expected = expected.replace("/run/parts/", "parts/");
        let status = run(&["status"]).ok();
        assert!(status.contains(&expected), "{expected}:\n{status}");
        run(&["down"]).ok();
    }
}

/// A Compose file, or `hallway.yaml`, of a directory above is used, but not where another user may have written it.
fn a_file_above_the_directory() {
    sh("mkdir -p /run/shop/src/deep; rm -f /run/*.yaml");
    let h = Hallway::host(PROGRAM).within("/run/shop/src/deep");
    let text = "services: { web: { image: x } }\n";
    std::fs::write("/run/shop/compose.yaml", text).unwrap();
    h.run(&["plan"])
        .exits(0)
        .says("using /run/shop/compose.yaml");
    h.run(&["up"])
        .exits(0)
        .says("using /run/shop/compose.yaml")
        .says("shop is up");
    let out = h.run(&["explain", "web", "outside"]).out;
    assert!(out.contains("web → outside"), "{out}");
    // It is the directory's file.
    let down = h.run(&["down"]).exits(0).says("shop is down");
    assert!(!down.err.contains("built from"), "{}", down.err);
    // The nearest one.
    std::fs::write("/run/shop/src/hallway.yaml", "nodes: { a: {} }\n").unwrap();
    h.run(&["validate"])
        .exits(0)
        .says("using /run/shop/src/hallway.yaml");
    std::fs::remove_file("/run/shop/src/hallway.yaml").unwrap();
    for (change, says) in [
        ("chmod 777 /run/shop", "other users may write to /run/shop"),
        ("chmod 1777 /run/shop", "other users may write to /run/shop"),
        (
            "chmod 666 /run/shop/compose.yaml",
            "other users may write to /run/shop/compose.yaml",
        ),
        ("chmod 777 /run", "other users may write to /run"),
    ] {
        let path = change.split(' ').nth(2).unwrap();
        let mode = sh(&format!("stat -c %a {path}"));
        sh(change);
        for verb in ["up", "plan", "validate"] {
            let ran = h.run(&[verb]).exits(2).says("in this directory");
            ran.says(&format!(
                "/run/shop/compose.yaml is not used: {says}; to use it, name it"
            ));
        }
        h.run(&["validate", "../../compose.yaml"]).exits(0);
        sh(&format!("chmod {} {path}", mode.trim()));
    }
    h.run(&["validate"])
        .exits(0)
        .says("using /run/shop/compose.yaml");
    // Where users have numbers of their own.
    if try_sh("chown 7:7 /run/shop/compose.yaml").is_ok() {
        h.run(&["validate"])
            .exits(2)
            .says("/run/shop/compose.yaml belongs to another user");
        sh("chown 0:0 /run/shop/compose.yaml; chown 7:7 /run/shop");
        h.run(&["validate"])
            .exits(2)
            .says("/run/shop belongs to another user");
    }
}

hallway_testkit::tests![
    a_file_above_the_directory,
    the_command_that_builds_a_project_again,
    a_directory_of_namespaces_for_everybody,
    without_proc,
    read_only_settings,
    in_a_chroot,
    in_a_chroot_that_is_a_mount_point,
    with_a_filter_of_system_calls,
    with_a_filter_of_single_system_calls,
    without_capabilities,
    without_user_namespaces,
    without_br_netfilter,
    few_open_files,
    ipv6_turned_off,
];
