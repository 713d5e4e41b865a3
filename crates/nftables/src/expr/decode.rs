//! Expressions from attributes. Only an expression with no unknown attribute gets a name.

use super::*;
use crate::wire::{Attrs, be32_of, be64_of, string_of};

impl Reg {
    /// The register of a number; those of 128 bits (NFT_REG_1 to 4) are four of 32.
    pub(crate) fn of(number: u32) -> Option<Self> {
        match number {
            1..=4 => Some(Self((number as u8 - 1) * 4)),
            8..=23 => Some(Self(number as u8 - 8)),
            _ => None,
        }
    }
}

impl Verdict {
    /// The verdict of a number and, for jumps, a chain.
    pub(crate) fn of(code: i32, chain: Option<String>) -> Self {
        match (code, chain) {
            (0, _) => Self::Drop,
            (1, _) => Self::Accept,
            (-1, _) => Self::Continue,
            (-3, chain) => Self::Jump(chain.unwrap_or_default()),
            (-4, chain) => Self::Goto(chain.unwrap_or_default()),
            (-5, _) => Self::Return,
            (other, _) => Self::Other(other),
        }
    }

    /// The verdict of NFTA_VERDICT_* attributes.
    pub(crate) fn read(attributes: &[u8]) -> Option<Self> {
        let attrs = Attrs(attributes);
        let code = be32_of(attrs.find(1)?)? as i32;
        Some(Self::of(code, attrs.find(2).map(string_of)))
    }
}

/// The attributes of one expression.
#[derive(Clone, Copy)]
struct Known<'a>(Attrs<'a>);

impl<'a> Known<'a> {
    /// `None` where there are others than these.
    fn only(attributes: &'a [u8], kinds: &[u16]) -> Option<Self> {
        let attrs = Attrs(attributes);
        attrs
            .into_iter()
            .all(|(kind, _)| kinds.contains(&kind))
            .then_some(Self(attrs))
    }

    fn number(self, kind: u16) -> Option<u32> {
        self.0.find(kind).and_then(be32_of)
    }

    fn reg(self, kind: u16) -> Option<Reg> {
        self.number(kind).and_then(Reg::of)
    }

    fn data(self, kind: u16) -> Option<Vec<u8>> {
        Attrs(self.0.find(kind)?).find(1).map(<[u8]>::to_vec)
    }

    /// Whether a number has this value, or is missing.
    fn is(self, kind: u16, number: u32) -> bool {
        self.number(kind).is_none_or(|n| n == number)
    }
}

impl Expr {
    /// A list of expressions (NFTA_RULE_EXPRESSIONS).
    pub(crate) fn read_list(bytes: &[u8]) -> Vec<Self> {
        Attrs(bytes)
            .map(|(_, expression)| {
                let attrs = Attrs(expression);
                let name = attrs.find(1).map(string_of).unwrap_or_default();
                let attributes = attrs.find(2).unwrap_or_default();
                Self::read(&name, attributes).unwrap_or_else(|| Self::Raw {
                    name,
                    attributes: attributes.to_vec(),
                })
            })
            .collect()
    }

    fn read(name: &str, attributes: &[u8]) -> Option<Self> {
        match name {
            "meta" => meta(attributes),
            "payload" => payload(attributes),
            "cmp" => {
                let known = Known::only(attributes, &[1, 2, 3])?;
                Some(Self::Compare {
                    reg: known.reg(1)?,
                    equal: match known.number(2)? {
                        NFT_CMP_EQ => true,
                        NFT_CMP_NEQ => false,
                        _ => return None,
                    },
                    data: known.data(3)?,
                })
            }
            "bitwise" => bitwise(attributes),
            "byteorder" => {
                let known = Known::only(attributes, &[1, 2, 3, 4, 5])?;
                let reg = known.reg(1).filter(|reg| known.reg(2) == Some(*reg))?;
                let numbers = [known.number(3)?, known.number(4)?, known.number(5)?];
                (numbers == [NFT_BYTEORDER_HTON, 4, 4]).then_some(Self::NetworkOrder { reg })
            }
            "lookup" => lookup(attributes),
            "dynset" => count_over(attributes)
                .or_else(|| rate_over(attributes))
                .or_else(|| note(attributes)),
            "ct" => {
                let known = Known::only(attributes, &[1, 2])?;
                let to = known.reg(1)?;
                let key = match known.number(2)? {
                    0 => CtKey::State,
                    2 => CtKey::Status,
                    _ => return None,
                };
                Some(Self::Ct { key, to })
            }
            "fib" => {
                let known = Known::only(attributes, &[1, 2, 3])?;
                let to = known.reg(1)?;
                let what = [known.number(2)?, known.number(3)?];
                (what == [NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR])
                    .then_some(Self::FibDestinationType { to })
            }
            "socket" => {
                let known = Known::only(attributes, &[1, 2])?;
                let to = known.reg(2)?;
                (known.number(1)? == NFT_SOCKET_WILDCARD).then_some(Self::SocketWildcard { to })
            }
            _ => statement(name, attributes),
        }
    }
}

fn statement(name: &str, attributes: &[u8]) -> Option<Expr> {
    Some(match name {
        "nat" => return nat(attributes),
        "masq" => match Known::only(attributes, &[1])?.number(1) {
            None | Some(0) => Expr::Masquerade { random: false },
            Some(NF_NAT_RANGE_PROTO_RANDOM_FULLY) => Expr::Masquerade { random: true },
            Some(_) => return None,
        },
        "counter" => Expr::Counter,
        "notrack" => return Known::only(attributes, &[]).map(|_| Expr::NoTrack),
        "reject" => {
            let known = Known::only(attributes, &[1, 2])?;
            let code = known.0.find(2)?;
            let same = known.number(1)? == NFT_REJECT_ICMPX_UNREACH
                && code == [NFT_REJECT_ICMPX_ADMIN_PROHIBITED];
            return same.then_some(Expr::Reject);
        }
        "immediate" => {
            let known = Known::only(attributes, &[1, 2])?;
            let data = Attrs(known.0.find(2)?);
            match (known.number(1)?, data.find(2)) {
                (0, Some(verdict)) => Expr::Verdict(Verdict::read(verdict)?),
                (_, None) => Expr::Constant {
                    to: known.reg(1)?,
                    data: known.data(2)?,
                },
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn count_over(attributes: &[u8]) -> Option<Expr> {
    // 6 and 8: no timeout, and its padding.
    let known = Known::only(attributes, &[1, 3, 4, 6, 7, 8, 9])?;
    let endless = (known.0.find(6)).is_none_or(|timeout| timeout.iter().all(|byte| *byte == 0));
    let flags = known.number(9).unwrap_or(0) & !NFT_DYNSET_F_EXPR;
    let inner = Attrs(known.0.find(7)?);
    let counts = inner.find(1).map(string_of).as_deref() == Some("connlimit");
    let limit = Known::only(inner.find(2)?, &[1, 2])?;
    let over = limit.number(2)? == NFT_CONNLIMIT_F_INV;
    (known.number(3)? == NFT_DYNSET_OP_ADD && endless && flags == 0 && counts && over).then_some(
        Expr::CountOver {
            reg: known.reg(4)?,
            set: string_of(known.0.find(1)?),
            limit: limit.number(1)?,
        },
    )
}

fn rate_over(attributes: &[u8]) -> Option<Expr> {
    // 8: padding.
    let known = Known::only(attributes, &[1, 3, 4, 6, 7, 8, 9])?;
    let flags = known.number(9).unwrap_or(0) & !NFT_DYNSET_F_EXPR;
    let inner = Attrs(known.0.find(7)?);
    let limits = inner.find(1).map(string_of).as_deref() == Some("limit");
    // 6: padding.
    let limit = Known::only(inner.find(2)?, &[1, 2, 3, 4, 5, 6])?;
    let of_seconds = be64_of(limit.0.find(2)?)? == 1;
    let over = limit.number(4)? == NFT_LIMIT_PKTS && limit.number(5)? == NFT_LIMIT_F_INV;
    let updates = known.number(3)? == NFT_DYNSET_OP_UPDATE && flags == 0;
    (updates && limits && of_seconds && over).then_some(Expr::RateOver {
        reg: known.reg(4)?,
        set: string_of(known.0.find(1)?),
        rate: Rate {
            per_second: be64_of(limit.0.find(1)?)?,
            burst: limit.number(3)?,
            millis: be64_of(known.0.find(6)?).filter(|millis| *millis != 0)?,
        },
    })
}

fn note(attributes: &[u8]) -> Option<Expr> {
    // 8: padding.
    let known = Known::only(attributes, &[1, 3, 4, 6, 8, 9])?;
    let plain = known.number(9).unwrap_or(0) == 0;
    let millis = be64_of(known.0.find(6)?).filter(|millis| *millis != 0)?;
    (known.number(3)? == NFT_DYNSET_OP_UPDATE && plain).then_some(Expr::Note {
        reg: known.reg(4)?,
        set: string_of(known.0.find(1)?),
        millis,
    })
}

fn meta(attributes: &[u8]) -> Option<Expr> {
    let known = Known::only(attributes, &[1, 2, 3])?;
    let key = match (known.number(2)?, known.reg(1)) {
        (NFT_META_NFTRACE, None) => {
            return Some(Expr::Trace {
                from: known.reg(3)?,
            });
        }
        (NFT_META_MARK, None) => {
            return Some(Expr::SetMark {
                from: known.reg(3)?,
            });
        }
        (NFT_META_MARK, _) => Meta::Mark,
        (6, _) => Meta::IifName,
        (7, _) => Meta::OifName,
        (8, _) => Meta::IifType,
        (15, _) => Meta::NfProto,
        (16, _) => Meta::L4Proto,
        (19, _) => Meta::PacketType,
        (21, _) => Meta::IifGroup,
        (22, _) => Meta::OifGroup,
        _ => return None,
    };
    let to = known.reg(1).filter(|_| known.number(3).is_none())?;
    Some(Expr::Meta { key, to })
}

fn payload(attributes: &[u8]) -> Option<Expr> {
    let known = Known::only(attributes, &[1, 2, 3, 4])?;
    Some(Expr::Payload {
        base: match known.number(2)? {
            0 => PayloadBase::Link,
            1 => PayloadBase::Network,
            2 => PayloadBase::Transport,
            _ => return None,
        },
        offset: known.number(3)?,
        length: known.number(4)?,
        to: known.reg(1)?,
    })
}

/// Masks of a register in place.
fn bitwise(attributes: &[u8]) -> Option<Expr> {
    let known = Known::only(attributes, &[1, 2, 3, 4, 5, 6])?;
    let reg = known.reg(1).filter(|reg| known.reg(2) == Some(*reg))?;
    let (mask, xor) = (known.data(4)?, known.data(5)?);
    let plain = known.is(6, 0)
        && known.number(3) == u32::try_from(mask.len()).ok()
        && xor.len() == mask.len();
    plain.then_some(Expr::Bitwise { reg, mask, xor })
}

fn lookup(attributes: &[u8]) -> Option<Expr> {
    let known = Known::only(attributes, &[1, 2, 3, 5])?;
    let to = match known.number(3) {
        None => None,
        Some(number) => Some(Reg::of(number)?), // maps of verdicts have no register of data
    };
    Some(Expr::Lookup {
        reg: known.reg(2)?,
        set: known.0.find(1).map(string_of)?,
        to,
        invert: match known.number(5).unwrap_or(0) {
            0 => false,
            NFT_LOOKUP_F_INV => true,
            _ => return None,
        },
    })
}

/// Destination NAT to one address, and one port if there is one.
fn nat(attributes: &[u8]) -> Option<Expr> {
    let known = Known::only(attributes, &[1, 2, 3, 4, 5, 6, 7])?;
    let same = |first: u16, last: u16| {
        let range = known
            .number(last)
            .is_none_or(|_| known.reg(last) == known.reg(first));
        range.then(|| known.reg(first))
    };
    let port = same(5, 6)?;
    let wanted = match port {
        Some(_) => NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED,
        None => NF_NAT_RANGE_MAP_IPS,
    };
    if known.number(1)? != NFT_NAT_DNAT || known.number(7)? != wanted {
        return None;
    }
    Some(Expr::Dnat {
        version: IpVersion::of_nfproto(u8::try_from(known.number(2)?).ok()?)?,
        address: same(3, 4)??,
        port,
    })
}
