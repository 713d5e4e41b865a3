//! Repair by notification: changes by other programs are repaired within a second, with no command.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::time::{Duration, Instant};

use hallway_testkit::{patience, sh, wait_for};

use super::kinds::{self, Kind};
use super::others::needs_a_second_user;
use super::place::Place;
use super::scene::{FILE, NODES, PROJECT, Scene, hallway};
use super::snapshot::Snapshot;

/// The limit for a repair on a machine without other load.
const REPAIRED: Duration = Duration::from_secs(1);
/// The limit on a machine with other load.
const REPAIRED_UNDER_LOAD: Duration = Duration::from_secs(5);

fn scene() -> Scene {
    Scene::with(Place::host(hallway().repairing()))
}

/// Changes something, and waits until it is repaired.
fn check(scene: &mut Scene, kind: &Kind) {
    let change = scene.filled(kind.change);
    let again: Vec<String> = kind.again.iter().map(|k| scene.filled(k)).collect();
    let before = Snapshot::take(&scene.place, &NODES, &again).unwrap();
    // A repair may happen between two commands of a script, which then fails.
    scene
        .place
        .try_sh(&format!(
            "inside() {{ n=$1; shift; nsenter --net=/run/netns/$n \"$@\"; }}\n{change}"
        ))
        .ok();
    let changed = Instant::now();
    while scene.h.run(&["status", "--exit-code"]).code != 0 {
        let events = std::fs::read_to_string("/run/state/host/projects/p/events.jsonl");
        assert!(
            changed.elapsed() < REPAIRED_UNDER_LOAD * patience(),
            "{change}: not mended after {:?}\n{}{}",
            changed.elapsed(),
            scene.h.run(&["status"]).out,
            events.unwrap_or_default(),
        );
    }
    scene.unchanged(&change, &before, &again);
    for talker in &mut scene.talkers {
        assert_eq!(
            talker.says(),
            "up",
            "{change}: a connection elsewhere ended"
        );
    }
}

fn check_all(kinds: &[&[Kind]]) {
    let mut scene = scene();
    let mut failed = Vec::new();
    for kind in kinds.iter().copied().flatten() {
        // All kinds are tried, so that one run lists every one that fails.
        let checked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&mut scene, kind)));
        if checked.is_err() {
            failed.push(kind.change);
            scene.h.run(&["up", FILE]).ok();
        }
    }
    assert!(failed.is_empty(), "not mended: {failed:#?}");
    scene.talkers.clear();
    scene.h.ok("down");
}

pub(crate) fn repaired_rules() {
    check_all(&[kinds::RULES]);
}

pub(crate) fn repaired_on_the_host() {
    check_all(&[kinds::HOST_LINKS, kinds::HOST_ROUTES, kinds::HOST_SETTINGS]);
}

pub(crate) fn repaired_in_nodes() {
    check_all(&[kinds::NODES, kinds::HOST_NEIGHBOURS, kinds::NODE_NEIGHBOURS]);
}

pub(crate) fn repaired_links_in_nodes() {
    check_all(&[kinds::NODE_LINKS]);
}

pub(crate) fn repaired_settings_for_programs() {
    needs_a_second_user();
    let mut scene = scene();
    let node = "x: { networks: { other: { address: 10.8.0.10 } }";
    let limited = format!("{node}, command: sleep 1000, user: '1000'");
    std::fs::write(FILE, PROJECT.replace(node, &limited)).unwrap();
    scene.h.run(&["up", FILE]).ok();
    for kind in kinds::FOR_PROGRAMS {
        check(&mut scene, kind);
    }
    scene.talkers.clear();
    scene.h.ok("down");
}

fn is_up(watching: &mut Child) {
    wait_for("the watching", || {
        let noted = BufReader::new(watching.stderr.as_mut().unwrap());
        noted.lines().any(|line| line.unwrap().contains("is up"))
    });
}

/// Each repair is an event, which `logs --events` shows and `up --watch` prints as it happens.
pub(crate) fn repairs_are_events() {
    let scene = scene();
    let mut watching = scene.h.start(&["up", "--watch", FILE]);
    is_up(&mut watching);
    sh("ip link set br-apps mtu 1400; ip -n web link set eth0 mtu 1300");
    let wanted = [
        "host: mtu of br-apps is 1400, not 1500",
        "node web: mtu of eth0 is 1300, not 1500",
    ];
    wait_for("both events", || {
        let events = scene.h.ok("logs --events");
        wanted.iter().all(|text| events.contains(text))
    });
    let json = scene.h.ok("logs --events --format json");
    let events: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let bridge = events.iter().find(|e| e["found"] == "1400").unwrap();
    assert_eq!(
        (&bridge["event"], &bridge["wanted"]),
        (&"repaired".into(), &"1500".into())
    );
    let events = scene.h.ok("logs --events");
    sh(&format!("kill -INT {}", watching.id()));
    assert_eq!(watching.wait().unwrap().code(), Some(0));
    let mut printed = String::new();
    let mut stdout = watching.stdout.take().unwrap();
    stdout.read_to_string(&mut printed).unwrap();
    assert_eq!(printed, events);
    scene.h.run(&["status", "--exit-code"]).exits(0);
    let mut watching = scene.h.start(&["up", "--watch", FILE]);
    is_up(&mut watching);
    sh("kill -9 $(pgrep -f '[_]_keeper')");
    let ended = watching.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("keeper has ended"), "{said}");
    scene.h.run(&["up", "--no-repair", FILE]).ok();
    sh("ip link set br-apps mtu 1400");
    std::thread::sleep(REPAIRED);
    scene.h.run(&["status", "--exit-code"]).exits(3);
    scene.h.run(&["up", FILE]).ok();
    scene.h.ok("down");
}

/// A program that makes the same change repeatedly does not keep the keeper busy.
pub(crate) fn conflicting_changes_pause_repairs() {
    let scene = scene();
    let mut other = std::process::Command::new("sh")
        .args([
            "-c",
            "while :; do ip link set br-apps mtu 1400; sleep 0.05; done",
        ])
        .spawn()
        .unwrap();
    wait_for("a pause", || {
        scene
            .h
            .ok("logs --events")
            .contains("makes the same change repeatedly")
    });
    let count = || scene.h.ok("logs --events").lines().count();
    let before = count();
    std::thread::sleep(Duration::from_secs(2));
    assert!(count() <= before + 1, "no repair during a pause");
    sh("ip link set br-other mtu 1400");
    wait_for("the repair of something else", || {
        sh("ip link show br-other").contains("mtu 1500")
    });
    other.kill().unwrap();
    other.wait().unwrap();
    wait_for("the repair after the pause", || {
        scene.h.run(&["status", "--exit-code"]).code == 0
    });
    scene.h.ok("down");
}
