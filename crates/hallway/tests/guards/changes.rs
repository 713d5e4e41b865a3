//! A policy that stays holds at every moment while others change.

use std::fmt::Write as _;

use hallway_testkit::{Hallway, wait_for};

/// Sends to the denied port without a pause until it is told to stop.
const FLOOD: &str = "import os, socket
all = [(socket.socket(f, socket.SOCK_DGRAM), (to, 81)) for f, to in ((socket.AF_INET, '10.9.0.11'), (socket.AF_INET6, 'fd09::11'))]
for s, _ in all: s.setblocking(False)
while not os.path.exists('/run/stop'):
    for s, to in all:
        for _ in range(20):
            try: s.sendto(b'x', to)
            except OSError: pass
    open('/run/sends', 'w').close()";

/// Counts what arrives, until it is told to stop.
const COUNT: &str = "import os, socket
s = socket.create_server(('', 82), family=socket.AF_INET6, dualstack_ipv6=True)
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); u.setsockopt(41, 26, 0); u.bind(('', 81)); u.settimeout(.05)
open('/run/counts', 'w').close(); n = 0
while not os.path.exists('/run/stop'):
    try: n += len(u.recv(9))
    except TimeoutError: pass
    if n: open('/run/arrived', 'w').close()
print(n)";

pub(crate) fn a_deny_holds_while_others_change() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let mut file = String::from(
        "networks: { apps: { subnet: [10.9.0.0/24, fd09::/64] } }
policies: [ { action: deny, from: bad, to: [srv, other] } ]
nodes:
  bad: { networks: { apps: { address: [10.9.0.10, fd09::10] } } }
  srv: { networks: { apps: { address: [10.9.0.11, fd09::11] } } }
  other: { networks: [apps] }
",
    );
    for number in 0..20 {
        writeln!(file, "  n{number}: {{ networks: [apps] }}").unwrap();
    }
    h.up(&file).ok();
    let counter = h.start(&["exec", "srv", "--", "python3", "-c", COUNT]);
    let sender = h.start(&["exec", "bad", "--", "python3", "-c", FLOOD]);
    let exists = |path: &str| std::path::Path::new(path).exists();
    wait_for("the server and the client", || {
        exists("/run/counts") && exists("/run/sends")
    });
    for number in 0..6 {
        h.ok(&format!("deny n{number} n9"));
        h.ok(&format!("allow n{number} n8"));
    }
    h.ok("up /run/up.hallway.yaml");
    assert!(!exists("/run/arrived"), "denied packets arrived");
    // Without the policy they arrive: nothing else stops them.
    h.up(&file.replace("deny, from: bad", "deny, from: n0"))
        .ok();
    wait_for("a packet", || exists("/run/arrived"));
    std::fs::write("/run/stop", "").unwrap();
    for child in [counter, sender] {
        assert!(child.wait_with_output().unwrap().status.success());
    }
}
