//! Containers, whose processes are asked for as Docker and Podman are asked.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallway_testkit::{patience, sh, wait_for};

use crate::{Process, hallway};

const FILE: &str = "
networks: { apps: { subnet: 10.79.0.0/24 } }
nodes:
  web: { namespace: container:shop-web-1, networks: [apps] }
  client: { networks: [apps] }
expect: [ { from: client, to: web } ]
";

/// Answers as Docker does: of each container its process, or 0 for one that does not run.
#[derive(Clone)]
struct Runtime(Arc<Mutex<BTreeMap<String, u32>>>);

impl Runtime {
    fn start(socket: &str) -> Self {
        let runtime = Self(Arc::default());
        let listener = UnixListener::bind(socket).unwrap();
        let own = runtime.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                own.answer(stream.unwrap());
            }
        });
        runtime
    }

    fn set(&self, container: &str, pid: u32) {
        self.0.lock().unwrap().insert(container.to_owned(), pid);
    }

    fn answer(&self, mut stream: std::os::unix::net::UnixStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        while lines.next().is_some_and(|l| l.is_ok_and(|l| !l.is_empty())) {}
        let path = line.split(' ').nth(1).unwrap();
        let name = path
            .strip_prefix("/containers/")
            .unwrap()
            .strip_suffix("/json")
            .unwrap();
        let pid = self.0.lock().unwrap().get(name).copied();
        let (status, body) = match pid {
            None => (
                "404 Not Found",
                r#"{"message":"No such container"}"#.to_owned(),
            ),
            Some(pid) => {
                let state = format!(r#"{{"Status":"x","Running":{},"Pid":{pid}}}"#, pid > 0);
                (
                    "200 OK",
                    format!(r#"{{"Id":"f00","State":{state},"Name":"/{name}"}}"#),
                )
            }
        };
        let head = "Content-Type: application/json\r\nConnection: close";
        write!(stream, "HTTP/1.0 {status}\r\n{head}\r\n\r\n{body}").unwrap();
    }
}

/// By its name, from the socket of Docker or of Podman.
pub(crate) fn a_container_is_found_by_its_name() {
    let h = hallway();
    h.up(FILE)
        .says("neither Docker nor Podman answers: nothing listens on /run/docker.sock")
        .exits(2);
    sh("mkdir /run/podman");
    let runtime = Runtime::start("/run/podman/podman.sock");
    h.up(FILE)
        .says("Podman has no container shop-web-1")
        .exits(2);
    runtime.set("shop-web-1", 0);
    h.up(FILE).says("which does not run").exits(2);
    let process = Process::start();
    runtime.set("shop-web-1", process.pid());
    h.up(FILE).ok();
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    assert!(h.inside("web", "ip -o addr show eth0 | grep -q 10.79.0.2/24"));
    assert!(h.ok("status").contains("in container:shop-web-1"));

    let docker = Runtime::start("/run/docker.sock");
    docker.set("shop-web-1", std::process::id());
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("Docker and Podman both run a container shop-web-1")
        .exits(2);
    docker.set("shop-web-1", 0);
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);
    h.ok("down");
    let links = sh(&format!(
        "nsenter --net=/proc/{}/ns/net ip -o link",
        process.pid()
    ));
    assert_eq!(links.lines().count(), 1, "{links}");
}

/// The runtime numbers its interfaces itself; a member of the network sees the client's address.
pub(crate) fn beside_interfaces_of_the_runtime() {
    let runtime = Runtime::start("/run/docker.sock");
    let (process, h) = (Process::start(), hallway());
    runtime.set("shop-web-1", process.pid());
    let inside = |command: &str| {
        sh(&format!(
            "nsenter --net=/proc/{}/ns/net {command}",
            process.pid()
        ))
    };
    inside("ip link add eth0 type veth peer name far0");
    sh("sysctl -qw net.bridge.bridge-nf-call-iptables=1");
    let file = FILE.replace(
        "networks: [apps] }\n  client",
        "networks: [apps], default_route: false, command: hallway serve 80, ready: 80/tcp }\n  client",
    );
    h.up(&file).ok();
    assert!(inside("ip -o addr show hw0").contains("10.79.0.2/24"));
    inside("ip link add eth1 type veth peer name far1");
    h.up(&file).says("nothing to change").ok();
    assert_eq!(
        h.ok("exec client -- curl -s http://10.79.0.2/").trim(),
        "web answers 10.79.0.3"
    );
    h.ok("down");
    assert_eq!(inside("ip -o link").lines().count(), 5);
}

/// A container that is started again has another process and another namespace: the keeper joins it.
pub(crate) fn one_that_was_started_again_is_joined_again() {
    let runtime = Runtime::start("/run/docker.sock");
    let (first, h) = (Process::start(), hallway().repairing());
    runtime.set("shop-web-1", first.pid());
    h.up(FILE).ok();
    first.end();
    runtime.set("shop-web-1", 0);
    wait_for("the link to be gone", || {
        !sh("ip -o link").contains("web-0")
    });
    let status = h.ok("status");
    assert!(
        status
            .contains("namespace container:shop-web-1 cannot be entered: Docker has the container"),
        "{status}"
    );
    let second = Process::start();
    runtime.set("shop-web-1", second.pid());
    wait_for("the container to be joined again", || {
        h.run(&["reach", "client", "web"]).code == 0
    });
    assert!(!h.ok("status").contains("cannot be entered"));
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    h.ok("down");
    second.end();
}

/// Docker is stopped, or hangs: the namespace is still the one that was joined.
pub(crate) fn a_runtime_that_does_not_answer() {
    let (process, h) = (Process::start(), hallway());
    let own = |command: &str| {
        sh(&format!(
            "nsenter --net=/proc/{}/ns/net {command}",
            process.pid()
        ))
    };
    let key = "net.ipv4.conf.all.log_martians";
    let before = own(&format!("sysctl -n {key}"));
    let other = if before.trim() == "0" { "1" } else { "0" };
    let file = FILE.replace(
        "networks: [apps] }\n  client",
        &format!("networks: [apps], sysctls: {{ {key}: {other} }} }}\n  client"),
    );
    let runtime = Runtime::start("/run/docker.sock");
    runtime.set("shop-web-1", process.pid());
    h.up(&file).ok();
    // It accepts connections, and says nothing.
    sh("rm /run/docker.sock");
    let silent = UnixListener::bind("/run/docker.sock").unwrap();
    let begun = std::time::Instant::now();
    let status = h.ok("status");
    assert!(!status.contains("cannot be entered"), "{status}");
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);
    // Each asks once or a few times, and waits for a second.
    let limit = Duration::from_secs(20) * patience();
    assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
    drop(silent);
    assert_eq!(own(&format!("sysctl -n {key}")).trim(), other);
    h.ok("down");
    assert_eq!(own(&format!("sysctl -n {key}")), before);
    assert_eq!(own("ip -o link").lines().count(), 1);
    // Nothing is known from before.
    let _silent = {
        sh("rm /run/docker.sock");
        UnixListener::bind("/run/docker.sock").unwrap()
    };
    h.up(&file)
        .says("Docker does not answer on /run/docker.sock: nothing came within 3 s")
        .exits(2);
}

/// Services of a Compose file join their containers, whose programs, ports and addresses hallway does not
/// change; so are programs of containers in the namespace of another.
pub(crate) fn services_join_their_containers() {
    let runtime = Runtime::start("/run/docker.sock");
    let (web, db) = (Process::start(), Process::start());
    runtime.set("shop-web-1", web.pid());
    runtime.set("database", db.pid());
    runtime.set("shop-agent-1", web.pid());
    sh("ip link add br-docker type bridge; ip addr add 172.28.0.1/16 dev br-docker");
    sh("mkdir -p /run/keep/shop");
    let text = "
services:
  web: { image: nginx, ports: [\"8080:80\"], networks: { front: { ipv4_address: 172.28.0.2 } }, command: nginx }
  agent: { image: busybox, network_mode: \"service:web\", command: sleep 1000 }
  db: { image: postgres, container_name: database, networks: [front, back] }
  idle: { image: busybox, networks: [back] }
networks: { front: { ipam: { config: [ { subnet: 172.28.0.0/16 } ] } }, back: { internal: true } }
x-hallway:
  policies: [ { action: deny, from: idle, to: db } ]
";
    std::fs::write("/run/keep/shop/compose.yaml", text).unwrap();
    let h = crate::Hallway::host(env!("CARGO_BIN_EXE_hallway")).within("/run/keep/shop");
    h.run(&["up", "--join"])
        .says("in their running containers: web (shop-web-1), agent (shop-agent-1), db (database)")
        .says("network front: the containers are on a network with its subnet already")
        .says("idle joins no container: Docker has no container shop-idle-1")
        .exits(0);
    let shown = h.ok("node ls");
    assert!(shown.contains("container:shop-web-1") && shown.contains("container:database"));
    assert!(!h.ok("status").contains("agent"), "{}", h.ok("status"));
    h.run(&["reach", "web", "db"]).exits(0);
    h.run(&["reach", "idle", "db"]).exits(1);
    h.run(&["explain", "idle", "db"]).exits(1);
    h.ok("down");
    let links = sh(&format!(
        "nsenter --net=/proc/{}/ns/net ip -o link",
        db.pid()
    ));
    assert_eq!(links.lines().count(), 1, "{links}");
}
