//! Expressions: what rules are made of.

use crate::wire::Writer;

/// A 32-bit register, 0 to 15 (NFT_REG32_00 and on).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reg(pub u8);

impl Reg {
    fn number(self) -> u32 {
        8 + u32::from(self.0)
    }
}

/// What `meta` loads (enum nft_meta_keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Meta {
    IifName = 6,
    NfProto = 15,
    L4Proto = 16,
    IifGroup = 21,
    OifGroup = 22,
}

/// Where `payload` counts from (enum nft_payload_bases).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PayloadBase {
    Link = 0,
    Network = 1,
    Transport = 2,
}

/// What `ct` loads (enum nft_ct_keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CtKey {
    State = 0,
    Status = 2,
}

/// What becomes of the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Verdict {
    Accept,
    Drop,
    Return,
    Jump(String),
}

/// One expression.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // named and shaped as the kernel's attributes
pub enum Expr {
    Meta {
        key: Meta,
        to: Reg,
    },
    Payload {
        base: PayloadBase,
        offset: u32,
        length: u32,
        to: Reg,
    },
    Compare {
        reg: Reg,
        equal: bool,
        data: Vec<u8>,
    },
    Bitwise {
        reg: Reg,
        mask: Vec<u8>,
    },
    /// Turns a 32-bit number from the kernel's byte order to the network's.
    NetworkOrder {
        reg: Reg,
    },
    Lookup {
        reg: Reg,
        set: String,
        to: Option<Reg>,
        invert: bool,
    },
    Ct {
        key: CtKey,
        to: Reg,
    },
    /// The type of route to the packet's destination address.
    FibDestinationType {
        to: Reg,
    },
    Dnat {
        ipv6: bool,
        address: Reg,
        port: Option<Reg>,
    },
    Masquerade {
        random: bool,
    },
    Counter,
    /// From here on the kernel reports every rule the packet meets (`meta nftrace set 1`).
    TraceOn,
    /// ICMP "administratively prohibited", whatever the IP version.
    Reject,
    Verdict(Verdict),
}

const NFT_META_NFTRACE: u32 = 12;
const NF_NAT_RANGE_MAP_IPS: u32 = 1;
const NF_NAT_RANGE_PROTO_SPECIFIED: u32 = 2;
const NF_NAT_RANGE_PROTO_RANDOM_FULLY: u32 = 16;

impl Verdict {
    pub(crate) fn write(&self, w: &mut Writer) {
        let code: i32 = match self {
            Self::Drop => 0,
            Self::Accept => 1,
            Self::Jump(_) => -3,
            Self::Return => -5,
        };
        w.nest(2, |w| {
            w.be32(1, code as u32);
            if let Self::Jump(chain) = self {
                w.str(2, chain);
            }
        });
    }
}

impl Expr {
    pub(crate) fn write(&self, w: &mut Writer) {
        if *self == Self::TraceOn {
            // Set from a register, which must hold something first.
            w.nest(1, |w| {
                w.str(1, "immediate");
                w.nest(2, |w| {
                    w.be32(1, Reg(0).number());
                    w.nest(2, |w| w.attr(1, &[1]));
                });
            });
        }
        w.nest(1, |w| {
            w.str(1, self.name());
            w.nest(2, |w| self.attributes(w));
        });
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Meta { .. } | Self::TraceOn => "meta",
            Self::Payload { .. } => "payload",
            Self::Compare { .. } => "cmp",
            Self::Bitwise { .. } => "bitwise",
            Self::NetworkOrder { .. } => "byteorder",
            Self::Lookup { .. } => "lookup",
            Self::Ct { .. } => "ct",
            Self::FibDestinationType { .. } => "fib",
            Self::Dnat { .. } => "nat",
            Self::Masquerade { .. } => "masq",
            Self::Counter => "counter",
            Self::Reject => "reject",
            Self::Verdict(_) => "immediate",
        }
    }

    fn attributes(&self, w: &mut Writer) {
        match self {
            Self::Meta { key, to } => {
                w.be32(1, to.number());
                w.be32(2, *key as u32);
            }
            Self::Payload {
                base,
                offset,
                length,
                to,
            } => {
                w.be32(1, to.number());
                w.be32(2, *base as u32);
                w.be32(3, *offset);
                w.be32(4, *length);
            }
            Self::Compare { reg, equal, data } => {
                w.be32(1, reg.number());
                w.be32(2, u32::from(!equal));
                w.nest(3, |w| w.attr(1, data));
            }
            Self::Bitwise { reg, mask } => {
                w.be32(1, reg.number());
                w.be32(2, reg.number());
                w.be32(3, mask.len() as u32);
                w.nest(4, |w| w.attr(1, mask));
                w.nest(5, |w| w.attr(1, &vec![0; mask.len()]));
            }
            Self::NetworkOrder { reg } => {
                w.be32(1, reg.number());
                w.be32(2, reg.number());
                w.be32(3, 1); // NFT_BYTEORDER_HTON
                w.be32(4, 4);
                w.be32(5, 4);
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
                    w.be32(5, 1);
                }
            }
            Self::Ct { key, to } => {
                w.be32(1, to.number());
                w.be32(2, *key as u32);
            }
            Self::FibDestinationType { to } => {
                w.be32(1, to.number());
                w.be32(2, 3); // NFT_FIB_RESULT_ADDRTYPE
                w.be32(3, 2); // NFTA_FIB_F_DADDR
            }
            Self::Dnat {
                ipv6,
                address,
                port,
            } => {
                w.be32(1, 1); // NFT_NAT_DNAT
                w.be32(2, if *ipv6 { 10 } else { 2 });
                w.be32(3, address.number());
                let mut flags = NF_NAT_RANGE_MAP_IPS;
                if let Some(port) = port {
                    w.be32(5, port.number());
                    flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
                }
                w.be32(7, flags);
            }
            Self::Masquerade { random } => {
                if *random {
                    w.be32(1, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
                }
            }
            Self::Counter => {}
            Self::TraceOn => {
                w.be32(2, NFT_META_NFTRACE);
                w.be32(3, Reg(0).number());
            }
            Self::Reject => {
                w.be32(1, 2); // NFT_REJECT_ICMPX_UNREACH
                w.u8(2, 3); // NFT_REJECT_ICMPX_ADMIN_PROHIBITED
            }
            Self::Verdict(verdict) => {
                w.be32(1, 0);
                w.nest(2, |w| verdict.write(w));
            }
        }
    }
}
