//! Records of this version, of older and of newer ones, and damaged ones; and leases.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // a failing helper is a failing test

mod scene;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use hallway_engine::lease::{Claim, Leases};
use hallway_engine::{Failure, Removed};
use hallway_spec::Name;
use hallway_testkit::{Snapshot, Test, sh};
use serde_json::{Value, json};

use scene::{SCOPE, down, engine, project, tidy, topology, up};

/// What version 1 wrote for the text in its `record.json`.
const VERSION_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/record-v1");

const FILE: &str = "networks: { apps: { subnet: [10.9.0.0/24, \"fd09::/64\"] } }
nodes: { a: { networks: [apps] }, b: { networks: [apps] } }
links: [{ endpoints: { b: 10.1.0.1/24, c: 10.1.0.2/24 } }]
";

fn directory() -> PathBuf {
    Path::new(SCOPE).join("projects/shop")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(directory().join(name)).unwrap()
}

fn write(name: &str, text: &str) {
    std::fs::write(directory().join(name), text).unwrap();
}

fn code(result: Result<bool, Failure>) -> String {
    result.unwrap_err().code().to_owned()
}

fn a_record_of_version_1_is_read_and_written_as_this_version() {
    let before = Snapshot::take();
    std::fs::create_dir_all(directory()).unwrap();
    sh(&format!("cp {VERSION_1}/* {}", directory().display()));
    let old = engine().record(&project()).unwrap().unwrap();
    let source = old.source.clone();
    let applied = old.applied.clone().unwrap();
    assert_eq!((applied.networks.len(), applied.nodes.len()), (2, 4));
    assert_eq!(
        (old.inodes.len(), old.path.as_deref()),
        (4, Some("/run/shop.hallway.yaml"))
    );

    // Nothing of it exists in this kernel: `up` builds it under the same names and addresses.
    let text = source.replace("command: [sleep, \"1000\"]", "command: [sleep, \"1001\"]");
    assert!(up(&engine(), &text).unwrap());
    let new = engine().record(&project()).unwrap().unwrap();
    let built = new.applied.unwrap();
    let addresses = |settled: &hallway_plan::Settled| {
        let interfaces = settled.nodes.iter().flat_map(|n| n.interfaces.clone());
        interfaces
            .map(|i| (i.name, i.mac, i.addresses))
            .collect::<Vec<_>>()
    };
    assert_eq!(addresses(&built), addresses(&applied));
    assert_eq!((built.slot, new.created), (applied.slot, old.created));
    assert!(read("record.json").starts_with("{\"version\":3,"));
    assert!(read("settled-2.json").starts_with("{\"version\":3,"));
    assert!(!directory().join("settled-1.json").exists());
    assert!(!up(&engine(), &text).unwrap());
    down(&engine()).unwrap();
    before.unchanged();
}

/// Writes the record as an older version had it: nodes and published ports in lists, the text and
/// the inode numbers in `record.json`.
fn write_as_version(version: u64) {
    let lines: Vec<Value> = read("settled-1.json")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (settled, rest) = lines.split_first().unwrap();
    let (text, members) = rest.split_last().unwrap();
    let mut settled = settled.clone();
    settled.as_object_mut().unwrap().remove("rest");
    settled["version"] = if version == 1 {
        Value::Null
    } else {
        version.into()
    };
    settled["nodes"] = members.iter().map(|m| m["node"].clone()).collect();
    let ports = members
        .iter()
        .flat_map(|m| m["publishes"].as_array().unwrap());
    settled["publishes"] = ports.cloned().collect();
    write("settled-1.json", &settled.to_string());
    let mut record: Value = serde_json::from_str(&read("record.json")).unwrap();
    let inodes = read("inodes");
    let inodes = inodes.lines().map(|line| {
        let (inode, name) = line.split_once(' ').unwrap();
        json!([name, inode.parse::<u64>().unwrap()])
    });
    record["version"] = version.into();
    record["inodes"] = inodes.collect();
    record["source"] = text["source"].clone();
    record["edited_from"] = text["edited_from"].clone();
    record.as_object_mut().unwrap().remove("generation");
    write("record.json", &record.to_string());
    std::fs::remove_file(directory().join("inodes")).unwrap();
}

/// A running project continues with a record of an older version, which the next change replaces.
fn a_project_of_an_older_version_that_runs_is_not_built_again() {
    let before = Snapshot::take();
    for version in [1, 2] {
        up(&engine(), FILE).unwrap();
        let written = engine().record(&project()).unwrap().unwrap();
        write_as_version(version);
        let old = engine().record(&project()).unwrap().unwrap();
        assert_eq!(old.applied, written.applied);
        assert_eq!(
            (&old.source, &old.inodes),
            (&written.source, &written.inodes)
        );
        let plan = engine().plan(&topology(FILE), &[]).unwrap().plan;
        assert!(plan.steps.is_empty());
        assert!(!up(&engine(), FILE).unwrap());
        assert!(read("record.json").contains(&format!("\"version\":{version}")));
        let more = FILE.replace("b: {", "d: { networks: [apps] }, b: {");
        assert!(up(&engine(), &more).unwrap());
        assert!(read("record.json").starts_with("{\"version\":3,"));
        down(&engine()).unwrap();
        before.unchanged();
    }
}

fn a_newer_version_is_refused_and_can_be_taken_down() {
    let before = Snapshot::take();
    for name in ["record.json", "settled-1.json"] {
        up(&engine(), FILE).unwrap();
        let newer = read(name).replacen("\"version\":3", "\"version\":4,\"more\":[]", 1);
        write(name, &newer);
        let files = sh("find /run/state | sort");
        assert_eq!(code(up(&engine(), FILE)), "record-version");
        assert_eq!(
            engine().record(&project()).unwrap_err().code(),
            "record-version"
        );
        assert_eq!((read(name), sh("find /run/state | sort")), (newer, files));
        assert_eq!(down(&engine()).unwrap(), Removed::Project);
        before.unchanged();
    }
}

/// Turns the text of a file into a damaged one.
type Damage<'a> = &'a dyn Fn(&str) -> String;

fn a_damaged_record_is_replaced_by_up_and_removed_by_down() {
    let before = Snapshot::take();
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    let unversioned = |text: &str| text.replacen("\"version\":3,", "", 1);
    let damages: [(&str, Damage<'_>); 6] = [
        ("record.json", &cut),
        ("record.json", &|_| String::new()),
        ("record.json", &|_| "not JSON \u{fffd}".to_owned()),
        ("record.json", &unversioned),
        ("settled-1.json", &cut),
        ("settled-1.json", &|_| "{}".to_owned()),
    ];
    for (position, (name, damage)) in damages.iter().enumerate() {
        for rebuild in [true, false] {
            up(&engine(), FILE).unwrap();
            write(name, &damage(&read(name)));
            assert_eq!(
                engine().record(&project()).unwrap_err().code(),
                "record-damaged"
            );
            if rebuild {
                up(&engine(), FILE).unwrap_or_else(|e| panic!("damage {position}: {e:?}"));
                assert!(engine().record(&project()).unwrap().is_some());
                assert!(!up(&engine(), FILE).unwrap());
            }
            assert_eq!(
                down(&engine()).unwrap(),
                Removed::Project,
                "damage {position}"
            );
            before.unchanged();
        }
    }
    // A file that the record refers to does not exist.
    up(&engine(), FILE).unwrap();
    std::fs::remove_file(directory().join("settled-1.json")).unwrap();
    assert_eq!(
        engine().record(&project()).unwrap_err().code(),
        "record-damaged"
    );
    up(&engine(), FILE).unwrap();
    assert!(!up(&engine(), FILE).unwrap());
    down(&engine()).unwrap();
    before.unchanged();
}

fn leases() -> Leases {
    let network: Name = "apps".parse().unwrap();
    Leases::of(Path::new(SCOPE), &project(), &network)
}

fn node(number: usize) -> Name {
    format!("n{number}").parse().unwrap()
}

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 9, 0, last).into()
}

fn candidates() -> impl Iterator<Item = IpAddr> {
    (2..=254).map(address)
}

const PROCESSES: usize = 4;
const THREADS: usize = 8;
const EACH: usize = 6;
/// The argument that marks a process of the test as one that claims.
const CLAIMER: &str = "__claimer";

/// Allocates addresses in threads and prints them, one per line.
fn claim_in_threads(process: usize) {
    let threads = (0..THREADS).map(|thread| {
        std::thread::spawn(move || {
            let number = process * THREADS + thread;
            let claims = (0..EACH).map(|i| {
                let node = node(number * EACH + i);
                (
                    leases().allocate(candidates(), &node).unwrap().unwrap(),
                    node,
                )
            });
            claims.collect::<Vec<_>>()
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        for (address, node) in thread.join().unwrap() {
            println!("{address} {node}");
        }
    }
}

fn no_address_is_given_out_twice() {
    let processes = (0..PROCESSES).map(|process| {
        std::process::Command::new("/proc/self/exe")
            .args([CLAIMER, &process.to_string()])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    });
    let mut lines = Vec::new();
    for process in processes.collect::<Vec<_>>() {
        let ended = process.wait_with_output().unwrap();
        assert!(ended.status.success());
        lines.extend(
            String::from_utf8(ended.stdout)
                .unwrap()
                .lines()
                .map(str::to_owned),
        );
    }
    let total = PROCESSES * THREADS * EACH;
    assert_eq!(lines.len(), total);
    let given: BTreeSet<&str> = lines.iter().filter_map(|l| l.split(' ').next()).collect();
    assert_eq!(given.len(), total, "an address was given out twice");
    let held = leases().in_use().unwrap();
    let held: BTreeSet<String> = held.iter().map(|(a, n)| format!("{a} {n}")).collect();
    assert_eq!(held, lines.into_iter().collect());
}

fn released_addresses_come_last_and_in_the_order_of_release() {
    let leases = leases();
    let few = || (2..=4).map(address);
    for last in 2..=4 {
        assert_eq!(
            leases.allocate(few(), &node(last.into())).unwrap(),
            Some(address(last))
        );
    }
    assert_eq!(leases.allocate(few(), &node(9)).unwrap(), None);
    leases.release(address(3), &node(9)).unwrap(); // another node's
    assert_eq!(leases.holder(address(3)).unwrap(), Some(node(3)));
    for last in [4, 2] {
        leases.release(address(last), &node(last.into())).unwrap();
    }
    for (last, second) in [(4, 1), (2, 2)] {
        let file = format!("{SCOPE}/leases/shop/apps/10.9.0.{last}.released");
        let file = std::fs::File::options().write(true).open(file).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(second);
        file.set_modified(time).unwrap();
    }
    // An address that was never used comes first, then the one that was released first.
    let more = || (2..=5).map(address);
    for expected in [5, 4, 2] {
        assert_eq!(
            leases.allocate(more(), &node(9)).unwrap(),
            Some(address(expected))
        );
    }
    assert_eq!(leases.claim(address(2), &node(9)).unwrap(), Claim::Granted);
    assert_eq!(
        leases.claim(address(2), &node(8)).unwrap(),
        Claim::Held(node(9))
    );
}

fn a_lease_that_cannot_be_read_is_neither_given_out_nor_lost() {
    let leases = leases();
    leases.claim(address(2), &node(2)).unwrap();
    let file = Path::new(SCOPE).join("leases/shop/apps/10.9.0.2");
    let text = std::fs::read_to_string(&file).unwrap();
    let newer = text.replacen("\"version\":1", "\"version\":9", 1);
    for (text, code) in [
        ("", "record-damaged"),
        (&text[..9], "record-damaged"),
        (newer.as_str(), "record-version"),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(leases.holder(address(2)).unwrap_err().code(), code);
        assert_eq!(leases.claim(address(2), &node(2)).unwrap_err().code(), code);
        assert_eq!(
            leases.release(address(2), &node(2)).unwrap_err().code(),
            code
        );
        let next = leases.allocate(candidates(), &node(3)).unwrap();
        assert_eq!(next, Some(address(3)));
        leases.release(address(3), &node(3)).unwrap();
        std::fs::remove_file(Path::new(SCOPE).join("leases/shop/apps/10.9.0.3.released")).unwrap();
    }
    // `down` removes the leases of a project with everything else of it.
    down(&engine()).unwrap();
    tidy(&engine());
    assert_eq!(sh("find /run/state 2>/dev/null | grep leases || true"), "");
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, word, process] = words.as_slice()
        && word == CLAIMER
    {
        return claim_in_threads(process.parse().unwrap());
    }
    macro_rules! tests {
        ($($name:ident),* $(,)?) => {
            &[$(Test { name: stringify!($name), run: $name }),*]
        };
    }
    scene::main(tests![
        a_record_of_version_1_is_read_and_written_as_this_version,
        a_project_of_an_older_version_that_runs_is_not_built_again,
        a_newer_version_is_refused_and_can_be_taken_down,
        a_damaged_record_is_replaced_by_up_and_removed_by_down,
        no_address_is_given_out_twice,
        released_addresses_come_last_and_in_the_order_of_release,
        a_lease_that_cannot_be_read_is_neither_given_out_nor_lost,
    ]);
}
