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
    let said = fails(before, "doctor");
    assert!(said.contains("missing  settings of links"), "{said}");
}

/// A chroot whose root directory is no mount point.
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

/// A system call filter like those of containers: no namespaces, no mounts.
const FILTER: &str = r#"
import ctypes, os, struct, sys
op = lambda code, k, yes=0, no=0: struct.pack("HBBI", code, yes, no, k)
DENY, ALLOW, NOSYS = 0x00050001, 0x7fff0000, 0x00050026
program = [op(0x20, 0)]
for number in (272, 165, 166, 308, 155): # unshare, mount, umount2, setns, pivot_root
    program += [op(0x15, number, 0, 1), op(6, DENY)]
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
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// What a command prints with a filter of system calls; it must fail.
#[track_caller]
fn filtered(arguments: &str) -> String {
    std::fs::write("/run/web.yaml", WEB).unwrap();
    std::fs::write("/run/filter.py", FILTER).unwrap();
    sh(&format!(
        "export HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0
        ! python3 /run/filter.py {PROGRAM} {arguments} >/run/said 2>&1; cat /run/said"
    ))
}

/// In a container with such a filter, root gets a message what the container needs; nothing is
/// left.
fn with_a_filter_of_system_calls() {
    if std::env::consts::ARCH != "x86_64" {
        hallway_testkit::skip("the numbers of system calls are those of x86_64");
    }
    let said = filtered("up /run/web.yaml");
    assert!(said.contains("does not allow a sandbox"), "{said}");
    assert!(said.contains("--security-opt seccomp=unconfined"), "{said}");
    assert!(!said.contains("run hallway as root"), "{said}");
    let said = filtered("--host up /run/web.yaml");
    assert!(
        said.contains("this process is root but is not allowed"),
        "{said}"
    );
    assert!(!said.contains("run as root"), "{said}");
    let said = filtered("doctor");
    assert!(said.contains("missing  network namespaces"), "{said}");
    // Nothing is left that makes a later command fail.
    Hallway::host(PROGRAM).run(&["down", "-p", "web"]).exits(0);
    Hallway::host(PROGRAM).up(WEB).ok();
}

/// A low limit on open files: reported by `up` and by `doctor`, with the numbers.
fn few_open_files() {
    let said = fails("ulimit -n 64", "--host up /run/web.yaml");
    assert!(
        said.contains("this process may have 64 files open"),
        "{said}"
    );
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

hallway_testkit::tests![
    without_proc,
    read_only_settings,
    in_a_chroot,
    with_a_filter_of_system_calls,
    few_open_files,
    ipv6_turned_off,
];
