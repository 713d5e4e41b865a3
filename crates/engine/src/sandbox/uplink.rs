//! Why a sandbox has no internet access, and what to do about it.

use std::fs::File;
use std::io;

/// The device by which pasta connects a sandbox.
const TUN: &str = "/dev/net/tun";

pub(crate) const NO_PASTA: &str = "pasta is not installed";
pub(crate) const INSTALL: &str = "install the package passt: apt-get install passt";
pub(crate) const OPEN_TUN: &str =
    "as root: modprobe tun; chmod 0666 /dev/net/tun; a container needs --device /dev/net/tun";
pub(crate) const NO_ROUTE: &str = "this machine has no default route";
pub(crate) const ADD_ROUTE: &str =
    "connect it to a network, or as root: ip route add default via ROUTER";

pub(crate) fn open_tun() -> io::Result<File> {
    File::options().read(true).write(true).open(TUN)
}

pub(crate) fn tun_closed(error: &io::Error) -> String {
    format!("{TUN} cannot be opened: {error}")
}

/// The cause if pasta ends with that message, on a machine without a default route.
pub(super) fn no_default_route(error: &str) -> String {
    format!("{NO_ROUTE} (pasta: {error})")
}

/// What to do about a cause.
pub(super) fn remedy(cause: &str) -> &'static str {
    match cause {
        NO_PASTA => INSTALL,
        _ if cause.starts_with(TUN) => OPEN_TUN,
        _ if cause.starts_with(NO_ROUTE) => ADD_ROUTE,
        _ => "hallway doctor shows what is missing",
    }
}

/// Whether this process is on a network with a default route, of IPv4 or IPv6.
pub(crate) fn has_default_route() -> bool {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    default_v4(&text("/proc/net/route")) || default_v6(&text("/proc/net/ipv6_route"))
}

/// The flag of routes that drop packets (RTF_REJECT).
const REJECT: u32 = 0x200;

fn leads_on(flags: Option<&&str>) -> bool {
    let flags = flags.and_then(|text| u32::from_str_radix(text, 16).ok());
    flags.is_some_and(|flags| flags & REJECT == 0)
}

/// Columns: link, destination, router, flags, ..., mask as the eighth.
fn default_v4(text: &str) -> bool {
    text.lines().any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let zero = |at: usize| columns.get(at).is_some_and(|c| *c == "00000000");
        zero(1) && zero(7) && leads_on(columns.get(3))
    })
}

/// Columns: destination, its length, ..., flags as the ninth, link.
fn default_v6(text: &str) -> bool {
    text.lines().any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let everything = columns.get(1).is_some_and(|length| *length == "00");
        everything && leads_on(columns.get(8)) && columns.get(9).is_some_and(|link| *link != "lo")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_routes() {
        let head =
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let route = |to: &str, flags: &str, mask: &str| {
            format!("{head}eth0\t{to}\t0102A8C0\t{flags}\t0\t0\t0\t{mask}\t0\t0\t0\n")
        };
        assert!(default_v4(&route("00000000", "0003", "00000000")));
        assert!(!default_v4(&route("0000A8C0", "0001", "0000FFFF")));
        assert!(!default_v4(&route("00000000", "0201", "00000000")));
        assert!(!default_v4(head));
        let zeros = "0".repeat(32);
        let six = |length: &str, flags: &str, link: &str| {
            format!(
                "{zeros} {length} {zeros} 00 {zeros} 00000400 00000001 00000000 {flags} {link}\n"
            )
        };
        assert!(default_v6(&six("00", "00450003", "eth0")));
        assert!(!default_v6(&six("00", "00200200", "lo")));
        assert!(!default_v6(&six("40", "00000001", "eth0")));
    }

    #[test]
    fn remedies() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(remedy(&tun_closed(&error)), OPEN_TUN);
        assert_eq!(remedy(&no_default_route("no interface")), ADD_ROUTE);
        assert_eq!(remedy(NO_PASTA), INSTALL);
    }
}
