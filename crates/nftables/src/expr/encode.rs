//! Expressions as attributes.

use super::*;
use crate::wire::Writer;

impl Reg {
    fn number(self) -> u32 {
        8 + u32::from(self.0)
    }
}

impl Verdict {
    /// The kernel's number.
    pub(crate) fn code(&self) -> i32 {
        match self {
            Self::Drop => 0,
            Self::Accept => 1,
            Self::Continue => -1,
            Self::Jump(_) => -3,
            Self::Goto(_) => -4,
            Self::Return => -5,
            Self::Other(code) => *code,
        }
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.nest(2, |w| {
            w.be32(1, self.code() as u32);
            if let Self::Jump(chain) | Self::Goto(chain) = self {
                w.str(2, chain);
            }
        });
    }
}

impl Expr {
    /// Appends the expression to a list of them.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.nest(1, |w| {
            w.str(1, self.name());
            w.nest(2, |w| self.attributes(w));
        });
    }

    /// The kernel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Meta { .. } | Self::Trace { .. } | Self::SetMark { .. } => "meta",
            Self::Payload { .. } => "payload",
            Self::Compare { .. } => "cmp",
            Self::Bitwise { .. } => "bitwise",
            Self::NetworkOrder { .. } => "byteorder",
            Self::Lookup { .. } => "lookup",
            Self::CountOver { .. } | Self::RateOver { .. } | Self::Note { .. } => "dynset",
            Self::Ct { .. } => "ct",
            Self::FibDestinationType { .. } => "fib",
            Self::SocketWildcard { .. } => "socket",
            Self::Dnat { .. } => "nat",
            Self::Masquerade { .. } => "masq",
            Self::Counter => "counter",
            Self::NoTrack => "notrack",
            Self::Reject => "reject",
            Self::Constant { .. } | Self::Verdict(_) => "immediate",
            Self::Raw { name, .. } => name,
        }
    }

    fn attributes(&self, w: &mut Writer) {
        match self {
            Self::Meta { key, to } => numbers(w, &[(1, to.number()), (2, *key as u32)]),
            Self::Payload {
                base,
                offset,
                length,
                to,
            } => {
                let base = *base as u32;
                numbers(
                    w,
                    &[(1, to.number()), (2, base), (3, *offset), (4, *length)],
                );
            }
            Self::Compare { reg, equal, data } => {
                let operation = if *equal { NFT_CMP_EQ } else { NFT_CMP_NEQ };
                numbers(w, &[(1, reg.number()), (2, operation)]);
                w.nest(3, |w| w.attr(1, data));
            }
            Self::Bitwise { reg, mask, xor } => {
                let length = mask.len() as u32;
                numbers(w, &[(1, reg.number()), (2, reg.number()), (3, length)]);
                w.nest(4, |w| w.attr(1, mask));
                w.nest(5, |w| w.attr(1, xor));
            }
            Self::NetworkOrder { reg } => {
                let reg = reg.number();
                numbers(
                    w,
                    &[(1, reg), (2, reg), (3, NFT_BYTEORDER_HTON), (4, 4), (5, 4)],
                );
            }
            Self::Lookup {
                reg,
                set,
                to,
                invert,
            } => {
                w.str(1, set);
                w.be32(2, reg.number());
                if let Some(to) = to {
                    w.be32(3, to.number());
                }
                if *invert {
                    w.be32(5, NFT_LOOKUP_F_INV);
                }
            }
            Self::CountOver { .. } | Self::RateOver { .. } | Self::Note { .. } => self.dynamic(w),
            Self::Ct { key, to } => numbers(w, &[(1, to.number()), (2, *key as u32)]),
            Self::FibDestinationType { to } => {
                let to = to.number();
                numbers(
                    w,
                    &[(1, to), (2, NFT_FIB_RESULT_ADDRTYPE), (3, NFTA_FIB_F_DADDR)],
                );
            }
            Self::SocketWildcard { to } => {
                numbers(w, &[(1, NFT_SOCKET_WILDCARD), (2, to.number())]);
            }
            _ => self.statement(w),
        }
    }

    /// Those that add to a dynamic set.
    fn dynamic(&self, w: &mut Writer) {
        match self {
            Self::CountOver { reg, set, limit } => {
                w.str(1, set);
                numbers(w, &[(3, NFT_DYNSET_OP_ADD), (4, reg.number())]);
                w.nest(7, |w| {
                    w.str(1, "connlimit");
                    w.nest(2, |w| numbers(w, &[(1, *limit), (2, NFT_CONNLIMIT_F_INV)]));
                });
            }
            Self::RateOver { reg, set, rate } => {
                w.str(1, set);
                numbers(w, &[(3, NFT_DYNSET_OP_UPDATE), (4, reg.number())]);
                w.attr(6, &rate.millis.to_be_bytes());
                w.nest(7, |w| {
                    w.str(1, "limit");
                    w.nest(2, |w| {
                        w.attr(1, &rate.per_second.to_be_bytes());
                        w.attr(2, &1_u64.to_be_bytes()); // a second
                        let over = (5, NFT_LIMIT_F_INV);
                        numbers(w, &[(3, rate.burst), (4, NFT_LIMIT_PKTS), over]);
                    });
                });
            }
            Self::Note { reg, set, millis } => {
                w.str(1, set);
                numbers(w, &[(3, NFT_DYNSET_OP_UPDATE), (4, reg.number())]);
                w.attr(6, &millis.to_be_bytes());
            }
            _ => {}
        }
    }

    fn statement(&self, w: &mut Writer) {
        match self {
            Self::Dnat {
                version,
                address,
                port,
            } => {
                let family = u32::from(version.nfproto());
                numbers(w, &[(1, NFT_NAT_DNAT), (2, family), (3, address.number())]);
                let mut flags = NF_NAT_RANGE_MAP_IPS;
                if let Some(port) = port {
                    w.be32(5, port.number());
                    flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
                }
                w.be32(7, flags);
            }
            Self::Masquerade { random: true } => w.be32(1, NF_NAT_RANGE_PROTO_RANDOM_FULLY),
            Self::Trace { from } => numbers(w, &[(2, NFT_META_NFTRACE), (3, from.number())]),
            Self::SetMark { from } => numbers(w, &[(2, NFT_META_MARK), (3, from.number())]),
            Self::Reject => {
                w.be32(1, NFT_REJECT_ICMPX_UNREACH);
                w.u8(2, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
            }
            Self::Constant { to, data } => {
                w.be32(1, to.number());
                w.nest(2, |w| w.attr(1, data));
            }
            Self::Verdict(verdict) => {
                w.be32(1, 0);
                w.nest(2, |w| verdict.write(w));
            }
            Self::Raw { attributes, .. } => w.raw(attributes),
            _ => {}
        }
    }
}

fn numbers(w: &mut Writer, all: &[(u16, u32)]) {
    for (kind, number) in all {
        w.be32(*kind, *number);
    }
}
