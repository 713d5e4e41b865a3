//! Whether a condition of a routing rule holds for a packet of which some values are not known.

use hallway_nftables::survey::Mark;

/// Ports that programs get without asking for one, unless the machine is set otherwise
/// (ip_local_port_range).
const CHOSEN: (u16, u16) = (32768, 60999);

/// Whether a packet matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matches {
    Yes,
    Perhaps,
    No,
}

impl Matches {
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Whether both hold.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Perhaps,
        }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Perhaps => Self::Perhaps,
        }
    }
}

/// Whether a port is in a range; 0 is one that a client chose.
pub(super) fn in_range(port: u16, (first, last): (u16, u16)) -> Matches {
    let (low, high) = if port == 0 { CHOSEN } else { (port, port) };
    match () {
        () if first <= low && last >= high => Matches::Yes,
        () if last < low || first > high => Matches::No,
        () => Matches::Perhaps,
    }
}

/// Whether a mark has the value in the bits of a mask.
pub(super) fn marked(value: u32, mask: u32, mark: Mark) -> Matches {
    match () {
        () if (mark.value ^ value) & mask & mark.known != 0 => Matches::No,
        () if mask & !mark.known == 0 => Matches::Yes,
        () => Matches::Perhaps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_a_client_chose_are_in_some_ranges() {
        assert_eq!(in_range(80, (80, 80)), Matches::Yes);
        assert_eq!(in_range(81, (80, 80)), Matches::No);
        assert_eq!(in_range(0, (1, 65535)), Matches::Yes);
        assert_eq!(in_range(0, (80, 90)), Matches::No);
        assert_eq!(in_range(0, (40000, 50000)), Matches::Perhaps);
    }

    #[test]
    fn bits_that_are_not_known_may_be_those_of_a_mark() {
        let some = Mark {
            value: 0x1,
            known: 0xf,
        };
        assert_eq!(marked(0x1, 0xf, some), Matches::Yes);
        assert_eq!(marked(0x2, 0xf, some), Matches::No);
        assert_eq!(marked(0x11, 0xff, some), Matches::Perhaps);
        assert_eq!(marked(0x12, 0xff, some), Matches::No);
        assert_eq!(marked(7, u32::MAX, Mark::NONE), Matches::No);
    }
}
