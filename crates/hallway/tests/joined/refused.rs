//! What cannot be joined, and sandboxes.

use hallway_testkit::{Hallway, Snapshot, sh};

use crate::{Process, blue, hallway, inside};

fn file(nodes: &str) -> String {
    format!("networks: {{ apps: {{ subnet: 10.79.0.0/24 }} }}\nnodes: {{ {nodes} }}\n")
}

/// Each with its reason, before anything is touched.
pub(crate) fn what_cannot_be_joined() {
    blue();
    sh("touch /run/plain");
    let (h, own) = (hallway(), std::process::id());
    let (machine, before) = (Snapshot::take(), inside());
    let host = format!("a: {{ namespace: 'pid:{own}', networks: [apps] }}");
    let mount = format!("a: {{ namespace: /proc/{own}/ns/mnt, networks: [apps] }}");
    for (nodes, says) in [
        (
            "a: { namespace: netns:green, networks: [apps] }",
            "node a cannot join netns:green: there is no /run/netns/green",
        ),
        (
            "a: { namespace: 'pid:2147483647', networks: [apps] }",
            "there is no process 2147483647",
        ),
        (
            "a: { namespace: /run/plain, networks: [apps] }",
            "/run/plain is not a network namespace",
        ),
        (mount.as_str(), "is not a network namespace"),
        (host.as_str(), "it is the one that hallway builds in"),
        (
            "a: { namespace: netns:blue, networks: [apps] }, b: { namespace: /run/netns/blue }",
            "is the namespace that node a joins",
        ),
        (
            "a: { namespace: netns:blue, networks: { apps: { interface: eth0 } } }",
            "netns:blue has an interface eth0 already",
        ),
    ] {
        h.up(&file(nodes)).says(says).exits(2);
    }
    let same = "
networks: { apps: { subnet: 172.30.0.0/16 } }
nodes: { a: { namespace: netns:blue, networks: [apps] } }";
    h.up(same)
        .says("has a route to 172.30.0.0/24 by eth0 already, which is within 172.30.0.0/16")
        .exits(2);
    for text in ["blue", "netns:", "pid:x", "container:-x", "here/blue"] {
        h.up(&file(&format!("a: {{ namespace: '{text}', networks: [apps] }}")))
            .says("nodes.a.namespace must be node:NAME, netns:NAME, pid:NUMBER, container:NAME or the path of a namespace")
            .exits(2);
    }
    machine.unchanged();
    assert_eq!(inside(), before);
    let first = file("made: { networks: [apps] }");
    h.up(&first).ok();
    h.up(&file(
        "made: { networks: [apps] }, a: { namespace: netns:made }",
    ))
    .says("write namespace: node:made")
    .exits(2);
    h.ok("down");
    sh("rm /run/plain");
}

/// Namespaces of the machine are out of its reach.
pub(crate) fn a_sandbox_joins_what_was_made_in_it() {
    let h = Hallway::sandbox(env!("CARGO_BIN_EXE_hallway")).project("p");
    let process = Process::start();
    let of_machine = format!(
        "a: {{ namespace: 'pid:{}', networks: [apps] }}",
        process.pid()
    );
    h.up(&file("made: { networks: [apps] }")).ok();
    h.up(&file(&of_machine))
        .says("the kernel does not allow hallway to enter /proc/")
        .says("a sandbox joins only namespaces that were made in it")
        .exits(2);
    h.run(&["sandbox", "shell", "--", "ip", "netns", "add", "inner"])
        .exits(0);
    h.up(&file(
        "a: { namespace: netns:inner, networks: [apps] }, b: { networks: [apps] }",
    ))
    .ok();
    h.run(&["reach", "b", "a"]).exits(0);
    h.run(&["reach", "a", "b"]).exits(0);
    h.run(&["sandbox", "shell", "--", "ip", "netns", "del", "inner"])
        .exits(0);
    h.ok("down");
}
