//! Every operation passes a gate, which can refuse it, fail it after it was done, or kill the
//! process there.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use hallway_kernel::files::Durability;
use hallway_kernel::gate::{Counter, Fault, Faults, Gate, OperationKind, ReadOnly};
use hallway_kernel::link::{BridgeSpec, LinkChange, change_link, create_bridge};
use hallway_kernel::netns::{Mounted, Netns, inspect};
use hallway_kernel::{Batch, Kernel, KernelError, addr};
use hallway_nftables::{Family, Table, Transaction};
use hallway_testkit::{Test, sh};

const NO_SPACE: i32 = 28;

fn bridge(name: &str) -> hallway_kernel::Request {
    create_bridge(&BridgeSpec {
        name,
        group: 7,
        mac: [2, 0, 0, 0, 0, 1],
        mtu: None,
        nf_call: false,
    })
}

fn up(name: &str) -> hallway_kernel::Request {
    change_link(
        name,
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    )
}

fn table(name: &str) -> Transaction {
    let mut out = Transaction::new();
    out.add_table(&Table::new(Family::Inet, name));
    out
}

/// Twelve changes of every kind.
fn work(kernel: &mut Kernel) -> Result<(), KernelError> {
    let batch: Batch = [bridge("bri0"), up("bri0")].into_iter().collect();
    kernel.submit_all(&batch)?;
    let index = kernel.link_index("bri0")?;
    kernel.run(addr::add_address(index, "10.1.0.1/24".parse().unwrap()))?;
    kernel.commit(&table("t"))?;
    kernel.write_sysctl("net/ipv4/ip_forward", "1")?;
    kernel.make_directory(Path::new("/run/state"), 0o700)?;
    kernel.replace_file(Path::new("/run/state/record"), b"1", Durability::Power)?;
    let namespace = kernel.create_netns()?;
    kernel.mount_netns(&namespace, Path::new("/run/state/netns"))?;
    kernel.inside(&namespace, |kernel| kernel.run(up("lo")))
}
const CHANGES: usize = 12;

/// What the function `work` made, as words.
fn made() -> Vec<&'static str> {
    let mut out = Vec::new();
    let mut kernel = Kernel::new();
    let links = kernel.links().unwrap();
    let bridge = links.iter().find(|l| l.name == "bri0");
    out.extend(bridge.map(|_| "bridge"));
    out.extend(bridge.filter(|b| b.up).map(|_| "up"));
    let addresses = kernel.addresses().unwrap();
    out.extend(
        addresses
            .iter()
            .any(|a| a.net.addr().to_string() == "10.1.0.1")
            .then_some("address"),
    );
    out.extend(kernel.tables().unwrap().first().map(|_| "table"));
    out.extend((kernel.read_sysctl("net/ipv4/ip_forward").unwrap() == "1").then_some("forwarding"));
    out.extend(Path::new("/run/state").exists().then_some("directory"));
    out.extend(
        Path::new("/run/state/record.new")
            .exists()
            .then_some("new record"),
    );
    out.extend(Path::new("/run/state/record").exists().then_some("record"));
    match inspect(Path::new("/run/state/netns")).unwrap() {
        Mounted::Absent => {}
        Mounted::PlainFile => out.push("file of a namespace"),
        _ => {
            out.push("namespace");
            let namespace = Netns::open(Path::new("/run/state/netns")).unwrap();
            let lo = kernel.inside(&namespace, |kernel| kernel.links()).unwrap();
            out.extend(lo.first().unwrap().up.then_some("loopback"));
        }
    }
    out
}

fn clean() {
    let mut kernel = Kernel::new();
    kernel.remove_link("bri0", |_| true).unwrap();
    let mut transaction = Transaction::new();
    transaction.delete_table(Family::Inet, "t");
    kernel.commit(&transaction).ok();
    kernel.write_sysctl("net/ipv4/ip_forward", "0").unwrap();
    kernel.unmount_netns(Path::new("/run/state/netns")).unwrap();
    kernel.remove_tree(Path::new("/run/state")).unwrap();
    assert_eq!(made(), Vec::<&str>::new());
}

/// The state when the first `count` changes have been done.
fn after(count: usize) -> Vec<&'static str> {
    // The first six add one thing each; later ones also replace one.
    let made = [
        "bridge",
        "up",
        "address",
        "table",
        "forwarding",
        "directory",
    ];
    let mut out: Vec<&str> = made.into_iter().take(count).collect();
    out.extend(match count {
        ..=6 => &[][..],
        7 => &["new record"],
        8 | 9 => &["record"],
        10 => &["record", "file of a namespace"],
        11 => &["record", "namespace"],
        CHANGES => &["record", "namespace", "loopback"],
        _ => unreachable!("{count}"),
    });
    out
}

fn everything_is_counted() {
    let counter = Arc::new(Counter::default());
    let mut kernel = Kernel::with_gate(counter.clone());
    work(&mut kernel).unwrap();
    use OperationKind::*;
    let expected = BTreeMap::from([
        (Link, 3),
        (Address, 1),
        (NfTransaction, 1),
        (Sysctl, 1),
        (Mount, 1),
        (Namespace, 1),
        (FileWrite, 2),
        (FileRename, 1),
        (DirectoryMake, 1),
    ]);
    assert_eq!(counter.changes(), expected);
    assert_eq!(
        (counter.changes_total(), counter.failed_total()),
        (CHANGES, 0)
    );
    assert_eq!(counter.reads(), BTreeMap::from([(Link, 1)]));
    assert_eq!(made(), after(CHANGES));
    kernel.run(bridge("bri0")).unwrap_err();
    assert_eq!(counter.failed_total(), 1);
    kernel.routes().unwrap();
    kernel.tables().unwrap();
    assert_eq!(
        counter.reads(),
        BTreeMap::from([(Link, 1), (Route, 1), (NfTransaction, 1)])
    );
}

fn each_change_can_be_refused() {
    for position in 0..CHANGES {
        let faults = Arc::new(Faults::at(position, Fault::Before(NO_SPACE)));
        let error = work(&mut Kernel::with_gate(faults.clone())).unwrap_err();
        assert_eq!(error.errno, NO_SPACE, "{position}: {error}");
        let there = made();
        match position {
            // The batch continues after a request that failed, as it does when the kernel refuses.
            0 => assert_eq!(there, after(0)),
            // What replace_file and mount_netns had started is removed.
            7 => assert_eq!(there, after(6)),
            10 => assert_eq!(there, after(9)),
            _ => assert_eq!(there, after(position), "{position}"),
        }
        clean();
    }
    work(&mut Kernel::with_gate(Arc::new(Faults::at(
        CHANGES,
        Fault::Before(NO_SPACE),
    ))))
    .unwrap();
}

fn each_change_can_fail_after_it_was_done() {
    for position in 0..CHANGES {
        let faults = Arc::new(Faults::at(position, Fault::After(NO_SPACE)));
        let error = work(&mut Kernel::with_gate(faults)).unwrap_err();
        assert_eq!(error.errno, NO_SPACE, "{position}: {error}");
        match position {
            0 => assert_eq!(made(), after(2), "the batch goes on"),
            6 => assert_eq!(made(), after(6), "the new file is removed"),
            10 => assert_eq!(made(), after(9), "it is unmounted again"),
            _ => assert_eq!(made(), after(position + 1), "{position}"),
        }
        clean();
    }
}

fn the_process_can_be_killed_at_each_change() {
    for position in 0..CHANGES {
        for late in [false, true] {
            let status = Command::new("/proc/self/exe")
                .env("KILL_AT", format!("{position} {late}"))
                .status()
                .unwrap();
            assert_eq!(status.signal(), Some(9), "{position} {late}: {status}");
            assert_eq!(
                made(),
                after(position + usize::from(late)),
                "{position} {late}"
            );
            clean();
        }
    }
}

fn a_read_only_gate_changes_nothing() {
    let mut kernel = Kernel::with_gate(Arc::new(ReadOnly));
    let error = work(&mut kernel).unwrap_err();
    assert_eq!(error.errno, 30);
    assert!(
        error.to_string().contains("this command only reads"),
        "{error}"
    );
    assert!(kernel.write_file(Path::new("/run/x"), b"").is_err());
    assert!(kernel.append_file(Path::new("/run/x"), b"").is_err());
    assert!(kernel.commit(&table("t")).is_err());
    assert!(kernel.create_netns().is_err());
    assert_eq!(kernel.links().unwrap().len(), 1);
    assert_eq!(made(), Vec::<&str>::new());
}

#[derive(Debug)]
struct Refusing(&'static str);

impl Gate for Refusing {
    fn before(&self, operation: &hallway_kernel::gate::Operation<'_>) -> Result<(), KernelError> {
        if operation.object == self.0 {
            Err(operation.refused(NO_SPACE))
        } else {
            Ok(())
        }
    }
}

fn a_batch_goes_on_after_a_refused_request() {
    let mut kernel = Kernel::with_gate(Arc::new(Refusing("second")));
    let batch: Batch = ["first", "second", "third", "first"]
        .map(bridge)
        .into_iter()
        .collect();
    assert_eq!(batch.len(), 4);
    let answers = kernel.submit(&batch).unwrap();
    let errnos: Vec<i32> = answers
        .iter()
        .map(|a| a.as_ref().map_or_else(|e| e.errno, |()| 0))
        .collect();
    assert_eq!(errnos, [0, NO_SPACE, 0, 17]);
    assert_eq!(
        answers[3].as_ref().unwrap_err().to_string(),
        "create the bridge first: File exists (os error 17)"
    );
    let names: Vec<String> = kernel
        .links()
        .unwrap()
        .into_iter()
        .map(|l| l.name)
        .collect();
    assert_eq!(names, ["lo", "first", "third"]);
}

fn a_handle_inside_belongs_to_that_namespace() {
    let mut kernel = Kernel::new();
    kernel.run(bridge("bri0")).unwrap();
    let other = kernel.create_netns().unwrap();
    let home = Netns::current().unwrap().inode().unwrap();
    let names = |kernel: &mut Kernel| -> Vec<String> {
        kernel
            .links()
            .unwrap()
            .into_iter()
            .map(|l| l.name)
            .collect()
    };
    kernel
        .inside(&other, |inside| {
            assert_eq!(names(inside), ["lo"]);
            assert_eq!(Netns::current()?.inode()?, other.inode()?);
            inside.run(bridge("inner"))?;
            inside.commit(&table("inner"))
        })
        .unwrap();
    assert_eq!(Netns::current().unwrap().inode().unwrap(), home);
    assert_eq!(names(&mut kernel), ["lo", "bri0"]);
    assert!(kernel.tables().unwrap().is_empty());
    let failed: Result<(), KernelError> = kernel.inside(&other, |k| k.run(bridge("inner")));
    assert!(failed.unwrap_err().is_exists());
    let mut kept = Kernel::new();
    kernel
        .inside(&other, |k| {
            kept = k.sibling();
            kept.open_sockets()
        })
        .unwrap();
    assert_eq!(names(&mut kept), ["lo", "inner"], "read from elsewhere");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        kernel.inside(&other, |_| -> Result<(), KernelError> {
            unreachable!("on purpose")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(Netns::current().unwrap().inode().unwrap(), home);
    kernel
        .unshare(&[hallway_kernel::sys::NamespaceKind::Net])
        .unwrap();
    assert_eq!(names(&mut kernel), ["lo"], "the old sockets are closed");
}

fn files_are_replaced_whole_or_created_once() {
    let kernel = Kernel::new();
    let path = Path::new("/run/file");
    kernel
        .replace_file(path, b"one", Durability::Process)
        .unwrap();
    kernel
        .replace_file(path, b"two", Durability::Power)
        .unwrap();
    assert_eq!(
        sh("cat /run/file; ls /run; stat -c %a /run/file"),
        "twofile\n600\n"
    );
    assert!(kernel.create_file(path, b"three").unwrap_err().is_exists());
    kernel.write_file(path, b"in place").unwrap();
    kernel.create_file(Path::new("/run/other"), b"").unwrap();
    let lines = Path::new("/run/lines");
    kernel.append_file(lines, b"one\n").unwrap();
    kernel.append_file(lines, b"two\n").unwrap();
    assert_eq!(std::fs::read_to_string(lines).unwrap(), "one\ntwo\n");
    assert!(kernel.remove_file(lines).unwrap());
    assert!(kernel.remove_file(path).unwrap());
    assert!(!kernel.remove_file(path).unwrap());
    kernel.make_directory(Path::new("/run/a/b"), 0o700).unwrap();
    kernel
        .make_symlink(Path::new("/run/other"), Path::new("/run/a/link"))
        .unwrap();
    assert!(kernel.remove_directory(Path::new("/run/a")).is_err());
    assert!(kernel.remove_tree(Path::new("/run/a")).unwrap());
    assert!(!kernel.remove_directory(Path::new("/run/a")).unwrap());
    assert_eq!(sh("ls /run"), "other\n", "links are not followed");
    let error = kernel
        .replace_file(Path::new("/run/no/file"), b"", Durability::Process)
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

/// The process that is killed does the work in the namespaces of its parent.
fn main() {
    if let Ok(position) = std::env::var("KILL_AT") {
        let (position, late) = position.split_once(' ').unwrap();
        let fault = match late {
            "true" => Fault::KillAfter,
            _ => Fault::KillBefore,
        };
        let faults = Arc::new(Faults::at(position.parse().unwrap(), fault));
        work(&mut Kernel::with_gate(faults)).unwrap();
        return;
    }
    macro_rules! tests {
        ($($name:ident),* $(,)?) => {
            [$(Test { name: stringify!($name), run: $name }),*]
        };
    }
    hallway_testkit::main(&tests![
        everything_is_counted,
        each_change_can_be_refused,
        each_change_can_fail_after_it_was_done,
        the_process_can_be_killed_at_each_change,
        a_read_only_gate_changes_nothing,
        a_batch_goes_on_after_a_refused_request,
        a_handle_inside_belongs_to_that_namespace,
        files_are_replaced_whole_or_created_once,
    ]);
}
