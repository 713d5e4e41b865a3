//! The processes that hallway leaves running: what they inherit, who can reach them, and what happens
//! when they are stopped, when their state is lost, or when other programs interfere with them.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hallway_engine::keeper::{Listen, Namespace, Porter};
use hallway_spec::Protocol;
use hallway_testkit::{Hallway, Ran, Snapshot, patience, processes, sh, skip, try_sh, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");

fn host() -> Hallway {
    Hallway::host(PROGRAM)
}

fn file(project: &str, subnet: u8) -> String {
    let path = format!("/run/{project}.yaml");
    let text = format!(
        "name: {project}
networks: {{ {project}: {{ subnet: 10.{subnet}.0.0/24 }} }}
nodes: {{ {project}1: {{ networks: [{project}], ports: [\"80{subnet}:80\"], command: hallway serve 80, ready: 80/tcp, environment: {{ SECRET: only-for-nodes }} }} }}
"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// A run that must end soon, whatever its result.
fn soon(h: &Hallway, arguments: &[&str]) -> Ran {
    let started = Instant::now();
    let ran = h.run(arguments);
    let taken = started.elapsed();
    let limit = Duration::from_secs(10) * patience();
    assert!(taken < limit, "{arguments:?} took {taken:?}\n{}", ran.err);
    ran
}

fn a_stopped_keeper_holds_nothing_up() {
    let (p, q) = (file("p", 91), file("q", 92));
    let before = Snapshot::take();
    let h = host();
    h.run(&["up", &p]).ok();
    sh("kill -STOP $(pgrep -f '__keeper [p]')");
    // What can be read without it is still shown.
    sh("ip link set br-p mtu 1400");
    let status = soon(&h, &["-p", "p", "status", "--exit-code"]).exits(3);
    for said in [
        "is degraded",
        "is stopped and does not answer",
        "kill -CONT",
        "mtu of br-p is 1400",
        "p1",
    ] {
        assert!(status.out.contains(said), "{said}: {}", status.out);
    }
    let json = soon(&h, &["-p", "p", "status", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(json["state"], "degraded");
    let problem = json["problem"].as_str().unwrap();
    assert!(problem.contains("is stopped"), "{problem}");
    sh("ip link set br-p mtu 1500");
    let status = soon(&h, &["-p", "p", "status", "--exit-code"]).exits(3);
    assert!(status.out.contains("is degraded"), "{}", status.out);
    soon(&h, &["-p", "p", "restart"])
        .exits(1)
        .says("is stopped");
    let mut up = h.start(&["up", &p]);
    soon(&h, &["up", &q]).exits(0);
    assert_eq!(up.wait().unwrap().code(), Some(1));
    soon(&h, &["-p", "p", "node", "rm", "p1"])
        .exits(1)
        .says("is stopped");
    // It continues after SIGCONT.
    sh("kill -CONT $(pgrep -f '__keeper [p]')");
    h.run(&["-p", "p", "status", "--exit-code"]).exits(0);
    sh("kill -STOP $(pgrep -f '__keeper [p]')");
    soon(&h, &["-p", "p", "down"]).exits(0);
    soon(&h, &["-p", "q", "down"]).exits(0);
    before.unchanged();
}

/// Signals reach a command that waits for a keeper.
fn a_wait_for_a_keeper_can_be_interrupted() {
    let h = host();
    let text = "name: p\nnodes: { a: { command: [sh, -c, \"trap 'touch /run/told' TERM; sleep 1000 & wait; sleep 1000\"] } }\n";
    std::fs::write("/run/p.yaml", text).unwrap();
    h.run(&["up", "/run/p.yaml"]).ok();
    let more = text.replace("sleep 1000 & wait", "sleep 1001 & wait");
    std::fs::write("/run/p.yaml", more).unwrap();
    // The program may take 10 s to end.
    let started = Instant::now();
    let mut up = h.start(&["up", "/run/p.yaml"]);
    wait_for("the order to stop", || Path::new("/run/told").exists());
    sh(&format!("kill -INT {}", up.id()));
    let code = up.wait().unwrap().code();
    assert_eq!(code, Some(130), "{:?}", started.elapsed());
    h.run(&["-p", "p", "down"]).exits(0);
}

fn a_stopped_runner_does_not_hold_up_the_end() {
    let p = file("p", 91);
    let before = Snapshot::take();
    let h = host();
    h.run(&["up", &p]).ok();
    sh("kill -STOP $(pgrep -f '__program [p]')");
    soon(&h, &["-p", "p", "down"]).exits(0);
    before.unchanged();
    // Keeper and runner together.
    h.run(&["up", &p]).ok();
    sh(
        "kill -STOP $(pgrep -f '__program [p]') $(pgrep -f '__keeper [p]') $(pgrep -f 'serve 8[0]')",
    );
    soon(&h, &["-p", "p", "down"]).exits(0);
    before.unchanged();
}

fn a_stopped_holder_holds_nothing_up() {
    let (p, q) = (file("p", 91), file("q", 92));
    let before = Snapshot::take();
    let h = Hallway::sandbox(PROGRAM);
    h.run(&["up", &p]).ok();
    sh("kill -STOP $(pgrep -f '__hol[d]')");
    soon(&h, &["up", &q]).exits(0);
    soon(&h, &["-p", "p", "status"]).exits(0);
    soon(&h, &["-p", "p", "down"]).exits(0);
    soon(&h, &["-p", "q", "down"]).exits(0);
    before.unchanged();
}

/// A program that does nothing replaces the porter, the holder and the keeper.
fn a_helper_that_does_not_answer_is_not_waited_for() {
    sh("printf '#!/bin/sh\\nexec sleep 1000\\n' > /run/mute; chmod 755 /run/mute");
    let started = Instant::now();
    let porter = Porter::start("/run/mute".as_ref()).unwrap();
    let listen = Listen {
        address: ([127, 0, 0, 1], 8080).into(),
        protocol: Protocol::Tcp,
        namespace: Namespace::Machine,
    };
    assert!(porter.bind(listen).is_err());
    drop(porter);
    let making = hallway_engine::sandbox::Making {
        map_root: true,
        caller: None,
        program: "/run/mute".as_ref(),
        implicit: true,
        internet: false,
    };
    let cancel = hallway_engine::Cancel::default();
    let refused = hallway_engine::sandbox::ensure("/run/state".as_ref(), "x", &making, &cancel);
    assert_eq!(refused.unwrap_err().code(), "sandbox");
    assert!(started.elapsed() < Duration::from_secs(20) * patience());
    assert!(!processes().iter().any(|p| p.contains("sleep 1000")));
}

/// Neither files, locks nor variables of the caller are kept, on the host and in a sandbox.
fn nothing_of_the_caller_is_inherited() {
    let p = file("p", 91);
    sh("echo top-secret > /run/secretfile");
    for place in ["--host", "--sandbox=s"] {
        let up = format!(
            "exec 9>/run/caller.lock 8</run/secretfile; flock -n 9; ulimit -S -f 1000; export DB_PASSWORD=hunter2 HALLWAY_STATE_DIR=/run/state LD_DEBUG=none LANG=C.UTF-8; env --block-signal=TERM --ignore-signal=USR2 {PROGRAM} {place} up {p}"
        );
        sh(&up);
        sh("flock -n /run/caller.lock true");
        let mut seen = 0;
        for pid in sh("pgrep -f '__keepe[r]|__hol[d]|__progra[m]|serve 8[0]|past[a]'").lines() {
            seen += 1;
            let files = sh(&format!("ls -l /proc/{pid}/fd"));
            assert!(
                !files.contains("/run/secretfile") && !files.contains("caller.lock"),
                "{files}"
            );
            let environment = sh(&format!("tr '\\0' '\\n' </proc/{pid}/environ"));
            for name in ["DB_PASSWORD", "HALLWAY_STATE_DIR", "LD_DEBUG"] {
                assert!(!environment.contains(name), "{pid}: {environment}");
            }
            let status = sh(&format!("grep -E '^Sig(Blk|Ign)' /proc/{pid}/status"));
            for line in status.lines() {
                let set = line.split_whitespace().nth(1).unwrap();
                let set = u64::from_str_radix(set, 16).unwrap();
                let of_caller = 1 << (15 - 1) | 1 << (12 - 1); // SIGTERM, SIGUSR2
                assert_eq!(set & of_caller, 0, "{pid}: {status}");
            }
            let limits = sh(&format!("grep 'Max file size' /proc/{pid}/limits"));
            assert!(limits.contains("unlimited"), "{pid}: {limits}");
            let command = sh(&format!("tr '\\0' ' ' </proc/{pid}/cmdline"));
            assert!(!command.contains("only-for-nodes"), "{command}");
        }
        assert!(seen >= 3, "{seen}");
        let program = sh("tr '\\0' '\\n' </proc/$(pgrep -f '^hallway serve 8[0]')/environ");
        assert!(
            program.contains("SECRET=only-for-nodes") && program.contains("LANG=C.UTF-8"),
            "{program}"
        );
        sh(&format!(
            "HALLWAY_STATE_DIR=/run/state {PROGRAM} {place} -p p down"
        ));
    }
}

/// Files with secrets can be read by their user only; files that programs must read have none.
fn state_can_be_read_by_its_user_only() {
    let p = file("p", 91);
    for place in ["--host", "--sandbox=s"] {
        sh(&format!(
            "umask 0; HALLWAY_PASTA=0 HALLWAY_STATE_DIR=/run/state {PROGRAM} {place} up {p}"
        ));
        let open = sh(
            "find /run/state/ -type d -perm /077; find /run/state ! -type d -perm /077 ! -path '*/hosts/*' ! -path '*/resolv/*' ! -type s",
        );
        assert_eq!(open, "");
        assert!(
            try_sh("grep -r only-for-nodes /run/state/*/*/*/*/hosts /run/state/*/*/*/hosts")
                .is_err()
        );
        sh(&format!(
            "HALLWAY_STATE_DIR=/run/state {PROGRAM} {place} -p p down"
        ));
    }
}

/// Another user can neither replace the keeper nor talk to it.
fn another_user_cannot_get_in_the_keepers_way() {
    if !rustix::process::geteuid().is_root() || try_sh("setpriv --reuid 1001 true").is_err() {
        skip("needs root, to act as two users");
    }
    let p = file("p", 91);
    let h = host();
    // The names of sockets that an attacker could expect of a keeper.
    let squat = "import socket,time
for n in ('hallway-keeper/p', 'hallway/p', 'keeper.sock', '/run/state/host/projects/p/keeper.sock'):
    s=socket.socket(socket.AF_UNIX); s.bind('\\0'+n); s.listen(); globals()['s'+n]=s
open('/run/squats/yes','w'); time.sleep(1000)";
    std::fs::write("/run/squat.py", squat).unwrap();
    sh("mkdir -m 777 /run/squats; chmod 777 /run/squats");
    let user = ["--reuid", "1001", "--regid", "1001", "--clear-groups"];
    let mut squatter = Command::new("setpriv")
        .args(user)
        .args(["/usr/bin/python3", "/run/squat.py"])
        .spawn()
        .unwrap();
    wait_for("the squatter", || {
        std::path::Path::new("/run/squats/yes").exists()
    });
    h.run(&["up", &p]).ok();
    h.run(&["-p", "p", "status", "--exit-code"]).exits(0);
    let sockets = sh("find /run/state/ -name keeper.sock");
    let socket = sockets.trim();
    assert!(!socket.is_empty());
    let reach = format!("import socket; s=socket.socket(socket.AF_UNIX); s.connect('{socket}')");
    std::fs::write("/run/reach.py", &reach).unwrap();
    sh("/usr/bin/python3 /run/reach.py");
    assert!(
        try_sh("setpriv --reuid 1001 --regid 1001 --clear-groups /usr/bin/python3 /run/reach.py")
            .is_err()
    );
    // Also if the directory is opened to others: the keeper checks the connecting user.
    sh(&format!("chmod -R a+rwX /run/state; chmod a+rwx {socket}"));
    let talk = format!(
        "{reach}; s.settimeout(20); m=b'{{\"protocol\":1,\"version\":\"x\"}}'
try: s.sendall(len(m).to_bytes(4,'big')+m); print(len(s.recv(9)))
except (ConnectionResetError, BrokenPipeError): print(0)"
    );
    std::fs::write("/run/talk.py", talk).unwrap();
    let heard =
        sh("setpriv --reuid 1001 --regid 1001 --clear-groups /usr/bin/python3 /run/talk.py");
    assert_eq!(heard, "0\n", "it closes the connection");
    squatter.kill().unwrap();
    squatter.wait().unwrap();
    sh("chmod -R go-rwx /run/state");
    h.run(&["-p", "p", "down"]).exits(0);
}

/// State that is lost or damaged: processes are found by their marks, and `down` leaves nothing.
fn what_runs_is_found_without_bookkeeping() {
    let p = file("p", 91);
    for damage in [
        "rm -rf /run/state",
        "find /run/state/ -type f | while read f; do echo damaged > $f; done",
        "find /run/state/ -type f | while read f; do : > $f; done",
        "find /run/state/ -name '*.json' -delete; find /run/state -name '*.sock' -delete",
        "find /run/state/ -name sandbox.json -delete",
        "find /run/state/ -name record.json -delete",
        "find /run/state/ -name keeper.sock -delete",
    ] {
        for h in [host(), Hallway::sandbox(PROGRAM)] {
            let before = Snapshot::take();
            h.run(&["up", &p]).ok();
            let running = processes().iter().filter(|p| p.contains("__")).count();
            sh(&format!("mkdir -p /run/state; {damage}"));
            // A second one beside it must not be started.
            soon(&h, &["up", &p]);
            let after = processes().iter().filter(|p| p.contains("__")).count();
            assert!(after <= running, "{damage}: {:?}", processes());
            sh(&format!("mkdir -p /run/state; {damage}"));
            soon(&h, &["-p", "p", "down"]).exits(0);
            let left = Snapshot::take();
            if left != before {
                soon(&h, &["gc", "--yes"]).exits(0);
                sh("rm -rf /run/state");
            }
            before.unchanged();
        }
    }
}

/// `gc` finds what a project without any record has left, its keeper included.
fn gc_clears_what_is_not_on_record() {
    let p = file("p", 91);
    for h in [host(), Hallway::sandbox(PROGRAM)] {
        let before = Snapshot::take();
        h.run(&["up", &p]).ok();
        sh("rm -rf /run/state");
        let listed = soon(&h, &["gc"]).exits(0);
        let lost = listed.err.contains("has lost its state directory");
        assert!(listed.out.starts_with("p ") || lost, "{listed:?}");
        soon(&h, &["gc", "--yes"]).exits(0);
        before.unchanged();
    }
}

/// Without the state directory, what runs is listed, and what to do is said.
fn what_runs_is_listed_without_a_state_directory() {
    let p = file("p", 91);
    for damage in ["rm -rf /run/state", "find /run/state -mindepth 1 -delete"] {
        for (h, place) in [
            (host(), "on this host"),
            (Hallway::sandbox(PROGRAM), "in sandbox default"),
        ] {
            let before = Snapshot::take();
            h.run(&["up", &p]).ok();
            sh(damage);
            let status = h.run(&["status", "--exit-code"]).exits(3).out;
            assert!(
                status.starts_with(&format!("the state of p {place} is not known: ")),
                "{status}"
            );
            assert!(status.contains("there is no record of it"), "{status}");
            let host = place == "on this host";
            let flags = ["", "--host "][usize::from(host)];
            let marks = "in the kernel: 1 namespace, 2 links, 2 tables";
            let advice = format!("{marks}\nhallway {flags}up FILE ");
            assert!(status.contains(&advice), "{status}");
            let json = h.run(&["status", "--format", "json"]).exits(0).json();
            assert_eq!(json["state"], "unknown");
            assert!(
                json["problem"].is_string() || place == "on this host",
                "{json}"
            );
            for all in [&["ls"][..], &["ls", "--all"]] {
                let listed = h.run(all).exits(0).out;
                let words: Vec<&str> = listed.split_whitespace().rev().take(2).collect();
                assert_eq!(words, ["unknown", "p"], "{listed}");
            }
            if place != "on this host" {
                let listed = h.run(&["sandbox", "ls"]).exits(0);
                assert!(listed.out.contains("not known"), "{listed:?}");
                assert!(
                    listed.err.contains("hallway sandbox rm default ends it"),
                    "{listed:?}"
                );
                for words in [&["node", "ls"][..], &["logs", "a"], &["restart"]] {
                    h.run(words)
                        .exits(2)
                        .says("sandbox default runs, but its state directory was removed");
                }
                h.run(&["exec", "a", "--", "true"])
                    .exits(125)
                    .says("its state directory was removed");
                h.run(&["plan", &p])
                    .exits(0)
                    .says("which runs without a record and is ended first");
            }
            soon(&h, &["up", &p]).exits(0);
            h.run(&["status", "--exit-code"]).exits(0);
            sh(damage);
            let said = match place {
                "on this host" => "p is down",
                _ => "it has been ended",
            };
            soon(&h, &["down"]).exits(0).says(said);
            sh("rm -rf /run/state");
            before.unchanged();
        }
    }
}

/// A record with the id of another process does not make hallway end that process's namespaces.
fn a_record_cannot_name_another_process() {
    let p = file("p", 91);
    let h = Hallway::sandbox(PROGRAM);
    h.run(&["up", &p]).ok();
    let mut bystander = Command::new("sleep").arg("998").spawn().unwrap();
    let pid = bystander.id();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let started = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_ascii_whitespace()
        .nth(19)
        .unwrap();
    let path = "/run/state/sandboxes/default/sandbox.json";
    let mut record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    record["pid"] = pid.into();
    record["started"] = started.parse::<u64>().unwrap().into();
    record["internet"] = serde_json::json!({ "pasta": pid });
    std::fs::write(path, record.to_string()).unwrap();
    soon(&h, &["-p", "p", "status"]).exits(0);
    soon(&h, &["sandbox", "rm", "default"]).exits(0);
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    assert!(
        !processes()
            .iter()
            .any(|p| p.contains("__hold") || p.contains("__keeper"))
    );
}

/// Root in one node cannot change the files that the others, or the machine, find below /etc.
fn names_of_a_node_cannot_be_changed_from_within() {
    let text = "name: p
networks: { n: { subnet: 10.91.0.0/24 } }
nodes:
  a: { networks: [n], command: [sh, -c, \"echo 6.6.6.6 evil >> /etc/hosts; echo nameserver 6.6.6.6 >> /etc/resolv.conf; exec sleep 1000\"] }
  b: { networks: [n], dns: 10.91.0.1 }
  c: { networks: [n], dns: 10.91.0.1 }
";
    std::fs::write("/run/p.yaml", text).unwrap();
    sh("mkdir /run/etc; cp -a /etc/. /run/etc; mount --bind /run/etc /etc");
    let read = "cat /etc/hosts /etc/resolv.conf";
    let machine = sh(read);
    for h in [host(), Hallway::sandbox(PROGRAM)] {
        h.run(&["up", "/run/p.yaml"]).ok();
        let see = |node: &str| h.run(&["exec", node, "--", "sh", "-c", read]).ok();
        let before: Vec<String> = ["a", "b", "c"].map(see).into();
        assert!(!before.concat().contains("6.6.6.6"));
        for node in ["a", "b"] {
            for file in ["/etc/hosts", "/etc/resolv.conf"] {
                for attack in [
                    "echo 6.6.6.6 evil >> F",
                    ": > F",
                    "rm -f F",
                    "echo x > F.new && mv F.new F; r=$?; rm -f F.new; exit $r",
                    "chmod 777 F",
                    "truncate -s 0 F",
                ] {
                    let attack = attack.replace('F', file);
                    assert!(!h.inside(node, &attack), "{node}: {attack}");
                }
            }
        }
        assert_eq!(before, Vec::from(["a", "b", "c"].map(see)));
        // Running programs still see changes by `up`.
        h.ok("-p p node add d --network n");
        let pid = sh("pgrep -x sleep");
        let seen = sh(&format!("cat /proc/{}/root/etc/hosts", pid.trim()));
        assert!(seen.contains("\td\n"), "{seen}");
        h.ok("-p p down");
        assert_eq!(sh(read), machine);
    }
}

/// Keepers that are stopped are asked at the same time.
fn stopped_keepers_do_not_add_up() {
    let h = host();
    for i in 91..96 {
        h.run(&["up", &file(&format!("p{i}"), i)]).ok();
    }
    sh("kill -STOP $(pgrep -f '[_]_keeper')");
    let started = Instant::now();
    let listed = h.run(&["ls"]).exits(0).out;
    assert!(started.elapsed() < Duration::from_secs(4) * patience());
    assert!((91..96).all(|i| listed.contains(&format!("p{i}"))));
}

hallway_testkit::tests!(
    stopped_keepers_do_not_add_up,
    a_stopped_keeper_holds_nothing_up,
    a_wait_for_a_keeper_can_be_interrupted,
    a_stopped_runner_does_not_hold_up_the_end,
    a_stopped_holder_holds_nothing_up,
    a_helper_that_does_not_answer_is_not_waited_for,
    nothing_of_the_caller_is_inherited,
    state_can_be_read_by_its_user_only,
    another_user_cannot_get_in_the_keepers_way,
    what_runs_is_found_without_bookkeeping,
    gc_clears_what_is_not_on_record,
    what_runs_is_listed_without_a_state_directory,
    a_record_cannot_name_another_process,
    names_of_a_node_cannot_be_changed_from_within,
);
