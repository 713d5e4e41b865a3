//! Destinations that are not the address of one machine.

use hallway_testkit::Hallway;

use crate::explained;

/// The outcome that `explain` predicts is that of packets; where it is not known, that is said.
pub(crate) fn addresses_of_no_machine() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up("networks: { a: { subnet: [10.7.0.0/24, \"fd07::/64\"] }, b: { subnet: 10.8.0.0/24, internal: true } }
nodes:
  x: { networks: [a], command: hallway serve 80, ready: 80/tcp }
  y: { networks: [b] }
")
    .ok();
    let first = |words: &[&str]| {
        let out = h.run(words).out;
        let outcome = out.split(": ").nth(1).unwrap_or_default().to_owned();
        let end = outcome.find([' ', '\n']).unwrap_or(outcome.len());
        outcome[..end].to_owned()
    };
    for from in ["x", "y"] {
        for to in [
            "0.0.0.0",
            "0.0.0.0:80",
            "0.0.0.0:81",
            "[::]:80",
            "127.0.0.9",
            "127.255.255.255",
            "255.255.255.255",
            "255.255.255.255:80",
            "224.0.0.1",
            "224.0.0.1:80",
            "10.7.0.255",
            "10.8.0.255",
            "10.8.0.255:80",
            "10.7.0.255:9/udp",
            "10.9.9.9",
        ] {
            let predicted = first(&["explain", from, to]);
            let measured = first(&["reach", from, to]);
            assert_eq!(predicted, measured, "{from} {to}");
        }
    }
    assert_eq!(first(&["explain", "x", "ff02::1"]), "open");
    assert_eq!(first(&["reach", "x", "ff02::1"]), "open");
    for (from, to, words) in [
        ("x", "::", "means the sender itself, as ::1"),
        ("host", "0.0.0.0", "means the sender itself, as 127.0.0.1"),
        ("x", "10.7.0.255", "is the broadcast address of network"),
        (
            "x",
            "239.1.1.1:5000/udp",
            "the programs that have joined the group receive it",
        ),
        ("outside", "127.0.0.1", "is the sender itself"),
    ] {
        explained(&h, from, to, &[words]);
    }
    h.ok("down");
}
