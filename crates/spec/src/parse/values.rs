//! Values that occur in several parts of a file.

use crate::document::ImpairmentKeys;
use crate::problem::ValueProblem;
use crate::reader::{At, Reader};
use crate::{
    Bandwidth, Delay, Impairments, InterfaceName, InvalidImpairment, Mac, Name, Place,
    is_of_loopback,
};

/// Names with a special meaning in policies alone.
const RESERVED: [&str; 2] = ["outside", "any"];

/// Whether it has a special meaning in policies, or in every node, which looks names up without case.
fn is_reserved(name: &Name) -> bool {
    let name = name.as_ref();
    RESERVED.contains(&name) || name.eq_ignore_ascii_case("host") || is_of_loopback(name)
}

/// A key of a mapping that is a name, its place, and its value.
pub(super) struct Named {
    pub(super) name: Name,
    pub(super) place: Place,
    pub(super) value: At,
}

/// The entries of a mapping whose keys are names of nodes or networks, and how many were refused because
/// of their names.
pub(super) fn named(r: &mut Reader<'_>, at: &At, expected: &'static str) -> (Vec<Named>, usize) {
    let (mut out, mut refused) = (Vec::new(), 0);
    for field in r.fields(at, None, expected).0 {
        if field.name.starts_with("x-") {
            continue;
        }
        let value = at.key(&field.name, field.value);
        match field.name.parse::<Name>() {
            Ok(name) if is_reserved(&name) => {
                r.report_at(&field.key_place, ValueProblem::ReservedName(name));
                refused += 1;
            }
            Ok(name) => out.push(Named {
                name,
                place: field.key_place,
                value,
            }),
            Err(error) => {
                r.report_at(&field.key_place, ValueProblem::Name(error));
                refused += 1;
            }
        }
    }
    (out, refused)
}

/// A further name for an address: none of the loopback.
pub(super) fn further_name(r: &mut Reader<'_>, place: &Place, name: Name) -> Option<Name> {
    if is_of_loopback(name.as_ref()) {
        r.report_at(place, ValueProblem::ReservedName(name));
        return None;
    }
    Some(name)
}

/// A bandwidth limit.
fn bandwidth(r: &mut Reader<'_>, at: &At) -> Option<Bandwidth> {
    r.checked(at, "a bandwidth like 10mbit, 500kbit or 1gbit")
}

/// What a link does to the packets it sends.
pub(super) fn impairments(r: &mut Reader<'_>, keys: ImpairmentKeys<'_>) -> Impairments {
    const TIME: &str = "a time like 50ms";
    const SHARE: &str = "a share of packets like 1%";
    let [delay, jitter, loss, duplicate, corrupt, reorder] = keys;
    let out = Impairments {
        delay: delay.and_then(|at| r.checked(at, TIME)),
        jitter: jitter.and_then(|at| r.checked(at, TIME)),
        loss: loss.and_then(|at| r.checked(at, SHARE)),
        duplicate: duplicate.and_then(|at| r.checked(at, SHARE)),
        corrupt: corrupt.and_then(|at| r.checked(at, SHARE)),
        reorder: reorder.and_then(|at| r.checked(at, SHARE)),
    };
    if let (Some(at), Some(value)) = (jitter, out.jitter)
        && value.nanoseconds() > Delay::MAX_JITTER
    {
        let why = InvalidImpairment::JitterTooLong(value);
        r.report(at, ValueProblem::from(why));
    }
    out
}

/// Reports a jitter or reordering of packets that are not delayed.
pub(super) fn check_delay(r: &mut Reader<'_>, place: &Place, these: &Impairments) {
    if let Some(key) = these.without_delay() {
        r.report_at(place, ValueProblem::NeedsDelay(key));
    }
}

/// A limit, which has two possible keys.
pub(super) fn limit(
    r: &mut Reader<'_>,
    bandwidth_at: Option<&At>,
    rate: Option<&At>,
) -> Option<Bandwidth> {
    if let (Some(_), Some(at)) = (bandwidth_at, rate) {
        r.report(at, ValueProblem::TwoLimits);
    }
    bandwidth_at.or(rate).and_then(|at| bandwidth(r, at))
}

/// The name of a new interface.
pub(super) fn interface(r: &mut Reader<'_>, at: &At) -> Option<InterfaceName> {
    let text = r.text(at, "an interface name")?;
    match InterfaceName::for_new_interface(&text) {
        Ok(name) => Some(name),
        Err(error) => {
            r.report(at, ValueProblem::Interface(error));
            None
        }
    }
}

/// The name of an interface that the host has.
pub(super) fn host_interface(r: &mut Reader<'_>, at: &At) -> Option<InterfaceName> {
    let text = r.text(at, "an interface name")?;
    let name = text.parse();
    name.map_err(|error| r.report(at, ValueProblem::Interface(error)))
        .ok()
}

/// A MAC address.
pub(super) fn mac(r: &mut Reader<'_>, at: &At) -> Option<Mac> {
    r.checked(at, "a MAC address")
}

/// The largest packet of a link, in bytes.
pub(super) fn mtu(r: &mut Reader<'_>, at: &At) -> Option<u32> {
    const EXPECTED: &str = "a number of bytes from 68 to 65535";
    let mtu = r.value::<u32>(at, EXPECTED)?;
    if !(68..=65535).contains(&mtu) {
        r.unexpected(at, EXPECTED);
        return None;
    }
    Some(mtu)
}

/// The items of a list that may be missing.
pub(super) fn items(r: &Reader<'_>, at: Option<&At>) -> Vec<At> {
    at.map(|at| r.items(at)).unwrap_or_default()
}
