//! The project that is changed, and how each kind of change is checked.

use std::process::Child;
use std::time::{Duration, Instant};

use hallway_testkit::{ECHO, Hallway, Talker, patience, wait_for};

use crate::kinds::Kind;
use crate::place::Place;
use crate::snapshot::Snapshot;

pub(crate) const NODES: [&str; 6] = ["web", "db", "far", "x", "y", "z"];
pub(crate) const FILE: &str = "/run/keep/p.hallway.yaml";
/// How long the kernel may take until a repaired link is reported as it was before.
const SETTLED: Duration = Duration::from_secs(5);

pub(crate) fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

pub(crate) fn hallway_without_project() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

pub(crate) const PROJECT: &str = "networks:
  apps: { subnet: [10.9.0.0/24, fd09::/64] }
  other: { subnet: 10.8.0.0/24 }
  third: { subnet: 10.6.0.0/24 }
  direct: { mode: routed, subnet: [10.7.0.0/24, fd07::/64] }
nodes:
  web:
    networks: { apps: { address: [10.9.0.10, fd09::10] } }
    ports: [\"8080:80\"]
    command: hallway serve 80
    ready: 80/tcp
  db: { networks: { apps: { address: [10.9.0.11, fd09::11], bandwidth: 10mbit } } }
  far: { networks: { direct: { address: [10.7.0.10, fd07::10] } } }
  x: { networks: { other: { address: 10.8.0.10 } } }
  y: { networks: { other: { address: 10.8.0.11 } } }
  z: { networks: { third: { address: 10.6.0.12 } } }
links: [{ endpoints: { db: 10.1.0.1/24, far: 10.1.0.2/24 } }]
policies:
  - { action: deny, from: db, to: web, ports: [22/tcp] }
  - { from: other, to: third }
  - { from: direct, to: apps }
";

/// A running project, with an uplink, rules of another program, and connections between nodes that
/// no change concerns.
pub(crate) struct Scene {
    pub(crate) h: Hallway,
    pub(crate) place: Place,
    pub(crate) ports: Vec<(&'static str, String)>,
    pub(crate) talkers: Vec<Talker>,
    pub(crate) servers: Vec<Child>,
    pub(crate) before: Option<Snapshot>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        for server in &mut self.servers {
            server.kill().ok();
            server.wait().ok();
        }
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Place::host(hallway()))
    }

    pub(crate) fn with(place: Place) -> Self {
        let h = place.h.clone();
        place.sh(
            "mkdir -p /run/keep; ip link add up0 type veth peer name far0; ip link set far0 up; ip addr add 192.0.2.2/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.1",
        );
        place.write(
            "/run/keep/others.nft",
            "table inet others {\nset s { type ipv4_addr; elements = { 192.0.2.9 }\n}\nchain c { type filter hook forward priority 50;\ncounter\n}\n}\n",
        );
        place.sh("nft -f /run/keep/others.nft");
        std::fs::create_dir_all("/run/keep").unwrap();
        std::fs::write(FILE, PROJECT).unwrap();
        h.run(&["up", FILE]).ok();
        wait_for("link-local addresses that the kernel makes", || {
            !place
                .sh("ip addr; ip -n db addr; ip -n far addr")
                .contains("tentative")
        });
        let status = h.run(&["status", "--format", "json"]).json();
        let port = |node: &str| {
            let nodes = status["nodes"].as_array().unwrap();
            let node = nodes.iter().find(|n| n["name"] == node).unwrap();
            node["interfaces"][0]["host_link"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let ports = vec![
            ("$WEB", port("web")),
            ("$DB", port("db")),
            ("$FAR", port("far")),
        ];
        let server = |node| {
            h.command(&["exec", node, "--", "sh", "-c", ECHO])
                .spawn()
                .unwrap()
        };
        let servers = vec![server("y"), server("z")];
        wait_for("servers", || {
            h.inside("x", "python3 -c \"import socket; [socket.create_connection((a,80),1) for a in ('10.8.0.11','10.6.0.12')]\"")
        });
        let talkers = vec![
            Talker::start(&h, "x", "10.8.0.11"),
            Talker::start(&h, "x", "10.6.0.12"),
        ];
        Self {
            h,
            place,
            ports,
            servers,
            talkers,
            before: None,
        }
    }

    pub(crate) fn filled(&self, text: &str) -> String {
        let fill = |text: String, (key, port): &(&str, String)| text.replace(key, port);
        self.ports.iter().fold(text.to_owned(), fill)
    }

    /// Changes something, and checks that it is detected and repaired.
    pub(crate) fn check(&mut self, kind: &Kind) {
        let change = self.filled(kind.change);
        let says = self.filled(kind.says);
        let again: Vec<String> = kind.again.iter().map(|k| self.filled(k)).collect();
        let before = match self.before.take().filter(|_| again.is_empty()) {
            Some(before) => before,
            None => Snapshot::take(&self.place, &NODES, &again).unwrap(),
        };
        self.place.sh(&format!(
            "inside() {{ n=$1; shift; nsenter --net=/run/netns/$n \"$@\"; }}\n{change}"
        ));
        self.named(&change, &says);
        let up = self.h.run(&["up", FILE]).exits(0);
        assert!(
            !up.err.contains("nothing to change"),
            "{change}: {}",
            up.err
        );
        let after = self.unchanged(&change, &before, &again);
        let status = self.h.run(&["status", "--exit-code"]);
        assert_eq!(status.code, 0, "{change}: still\n{}", status.out);
        let plan = self.h.run(&["plan", "--detailed-exitcode", FILE]);
        assert_eq!(plan.code, 0, "{change}: still\n{}", plan.out);
        for talker in &mut self.talkers {
            assert_eq!(
                talker.says(),
                "up",
                "{change}: a connection elsewhere ended"
            );
        }
        self.before = again.is_empty().then_some(after);
    }

    /// `status` and `plan` print what has changed.
    pub(crate) fn named(&self, change: &str, says: &str) {
        wait_for(&format!("{change}: status that says {says:?}"), || {
            let status = self.h.run(&["status", "--exit-code"]);
            status.code == 3 && status.out.contains(says)
        });
        let plan = self.h.run(&["plan", "--detailed-exitcode", FILE]).exits(2);
        // Nothing is said by how many elements differ.
        assert!(!plan.out.contains(" elements"), "{change}: {}", plan.out);
        assert!(
            plan.out.contains(says),
            "{change}: plan does not say {says:?}:\n{}",
            plan.out
        );
    }

    /// Everything is as before, as soon as the kernel reports the state of the links.
    pub(crate) fn unchanged(&self, change: &str, before: &Snapshot, again: &[String]) -> Snapshot {
        let deadline = Instant::now() + SETTLED * patience();
        loop {
            let now = Snapshot::take(&self.place, &NODES, again);
            let differences = now.as_ref().map(|now| before.differences(now));
            match (now, differences) {
                (Some(now), Some(differences)) if differences.is_empty() => return now,
                (_, differences) if Instant::now() > deadline => {
                    let lines = differences.unwrap_or_default().join("\n");
                    assert!(
                        lines.is_empty(),
                        "{change}: something else changed\n{lines}"
                    );
                }
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    pub(crate) fn check_all(kinds: &[&[Kind]]) {
        Self::new().check_each(kinds);
    }

    pub(crate) fn check_each(self, kinds: &[&[Kind]]) {
        let mut scene = self;
        let mut failed = Vec::new();
        for kind in kinds.iter().copied().flatten() {
            // All kinds are tried, so that one run lists every one that fails.
            let checked =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scene.check(kind)));
            if checked.is_err() {
                failed.push(kind.change);
                scene.before = None;
                scene.h.run(&["up", FILE]).ok();
            }
        }
        assert!(failed.is_empty(), "not found, or not repaired: {failed:#?}");
        scene.talkers.clear();
        scene.h.ok("down");
        scene.place.end();
    }
}

/// The same project in a sandbox, with an uplink made there.
pub(crate) fn in_sandbox() -> Scene {
    let h = Hallway::sandbox(env!("CARGO_BIN_EXE_hallway")).project("p");
    let h = h.mapping_root();
    Scene::with(Place::sandbox(h))
}
