//! Expressions: what rules are made of in the kernel (linux/netfilter/nf_tables.h).
//!
//! Each is encoded to netlink attributes and decoded from them; those without a name in this crate
//! are kept unchanged.

mod decode;
mod encode;
mod numbers;

use numbers::*;

use crate::IpVersion;
use crate::rate::Rate;

/// A 32-bit register, 0 to 15 (NFT_REG32_00 to NFT_REG32_15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(pub u8);

/// What `meta` loads (enum nft_meta_keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// The mark of the packet.
    Mark = 3,
    /// The name of the interface that it came in by.
    IifName = 6,
    /// The name of the interface that it leaves by.
    OifName = 7,
    /// The kind of the interface that it came in by.
    IifType = 8,
    /// Its IP version, in tables of family inet.
    NfProto = 15,
    /// Its transport protocol.
    L4Proto = 16,
    /// To whom its frame is addressed.
    PacketType = 19,
    /// The group of the interface that it came in by.
    IifGroup = 21,
    /// The group of the interface that it leaves by.
    OifGroup = 22,
}

/// The start of `payload`'s offset (enum nft_payload_bases).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadBase {
    /// The header of the frame.
    Link = 0,
    /// The IP header.
    Network = 1,
    /// The header of the transport protocol.
    Transport = 2,
}

/// What `ct` loads (enum nft_ct_keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CtKey {
    /// The states of the packet in its connection.
    State = 0,
    /// The status bits of the connection.
    Status = 2,
}

/// A decision about a packet (enum nft_verdicts, NF_ACCEPT and others).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It passes this chain's hook.
    Accept,
    /// It is dropped.
    Drop,
    /// It continues at the next rule.
    Continue,
    /// It returns to the calling chain.
    Return,
    /// It passes another chain, and returns at its end.
    Jump(String),
    /// It passes another chain, and does not return.
    Goto(String),
    /// A number without a name in this crate: it is queued or stolen.
    Other(i32),
}

/// One expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Loads a property of a packet that is not in its bytes.
    Meta {
        /// The property.
        key: Meta,
        /// The target register.
        to: Reg,
    },
    /// Loads bytes of the packet.
    Payload {
        /// The header.
        base: PayloadBase,
        /// Bytes from its beginning.
        offset: u32,
        /// How many bytes.
        length: u32,
        /// The target register.
        to: Reg,
    },
    /// Continues if a register has, or does not have, a value.
    Compare {
        /// The register.
        reg: Reg,
        /// Whether it must have the value.
        equal: bool,
        /// The value.
        data: Vec<u8>,
    },
    /// Keeps some bits of a register, and then inverts some.
    Bitwise {
        /// The register.
        reg: Reg,
        /// The bits that are kept.
        mask: Vec<u8>,
        /// The bits that are inverted.
        xor: Vec<u8>,
    },
    /// Converts a 32-bit number from the machine's byte order to the network's.
    NetworkOrder {
        /// The register.
        reg: Reg,
    },
    /// Continues if registers are in a set, or are not; or loads the map's value for them.
    Lookup {
        /// The first register of the key.
        reg: Reg,
        /// The set's name.
        set: String,
        /// The register for the map's value.
        to: Option<Reg>,
        /// Continues if they are not.
        invert: bool,
    },
    /// Counts the packet's connection among those of a register's value, in an element of a dynamic
    /// set, and continues if they exceed a limit (`add @set { … ct count over … }`).
    CountOver {
        /// The register.
        reg: Reg,
        /// The set's name.
        set: String,
        /// The limit.
        limit: u32,
    },
    /// Counts the packet among those of a register's value, in an element of a dynamic set, and continues
    /// if they exceed a limit (`update @set { … timeout … limit rate over … }`).
    RateOver {
        /// The register.
        reg: Reg,
        /// The set's name.
        set: String,
        /// The limit.
        rate: Rate,
    },
    /// Adds registers to a dynamic set, or renews them there, for a time (`update @set { … }`).
    Note {
        /// The first register of the key.
        reg: Reg,
        /// The set's name.
        set: String,
        /// How long, in milliseconds.
        millis: u64,
    },
    /// Loads a property from connection tracking.
    Ct {
        /// The property.
        key: CtKey,
        /// The target register.
        to: Reg,
    },
    /// Loads the type of the route to the packet's destination address.
    FibDestinationType {
        /// The target register.
        to: Reg,
    },
    /// Loads whether the socket of this machine that the packet is for is bound to all addresses; ends
    /// the rule where there is no such socket.
    SocketWildcard {
        /// The target register.
        to: Reg,
    },
    /// Translates the destination.
    Dnat {
        /// The version of the address.
        version: IpVersion,
        /// The register with the address.
        address: Reg,
        /// The register with the port.
        port: Option<Reg>,
    },
    /// Translates the source to the address of the outgoing interface.
    Masquerade {
        /// Choose source ports at random.
        random: bool,
    },
    /// Counts packets and bytes. Counter values are not kept.
    Counter,
    /// Loads a constant.
    Constant {
        /// The target register.
        to: Reg,
        /// The value.
        data: Vec<u8>,
    },
    /// Sets `meta nftrace`: after this the kernel reports every rule that the packet matches.
    Trace {
        /// A register with one byte: 1 for on.
        from: Reg,
    },
    /// Sets the packet's mark.
    SetMark {
        /// A register with the new mark.
        from: Reg,
    },
    /// Exempts the packet from connection tracking.
    NoTrack,
    /// Drops with ICMP "administratively prohibited", whatever the IP version.
    Reject,
    /// Gives a verdict.
    Verdict(Verdict),
    /// An expression without a name in this crate, or one with attributes that are unknown in this
    /// crate.
    Raw {
        /// The kernel's name.
        name: String,
        /// Its attributes.
        attributes: Vec<u8>,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::Writer;

    fn reg() -> impl Strategy<Value = Reg> {
        (0_u8..16).prop_map(Reg)
    }

    fn data() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 1..17)
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-z][a-z0-9_]{0,20}"
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![
            Just(Verdict::Accept),
            Just(Verdict::Drop),
            Just(Verdict::Continue),
            Just(Verdict::Return),
            name().prop_map(Verdict::Jump),
            name().prop_map(Verdict::Goto),
            Just(Verdict::Other(3)),
        ]
    }

    const METAS: [Meta; 9] = [
        Meta::Mark,
        Meta::IifName,
        Meta::OifName,
        Meta::IifType,
        Meta::PacketType,
        Meta::NfProto,
        Meta::L4Proto,
        Meta::IifGroup,
        Meta::OifGroup,
    ];

    fn dynamic() -> impl Strategy<Value = Expr> {
        prop_oneof![
            (reg(), name(), any::<u32>()).prop_map(|(reg, set, limit)| Expr::CountOver {
                reg,
                set,
                limit
            }),
            (reg(), name(), any::<(u64, u32)>(), 1..u64::MAX).prop_map(
                |(reg, set, (per_second, burst), millis)| Expr::RateOver {
                    reg,
                    set,
                    rate: Rate {
                        per_second,
                        burst,
                        millis
                    }
                }
            ),
            (reg(), name(), 1..u64::MAX).prop_map(|(reg, set, millis)| Expr::Note {
                reg,
                set,
                millis
            }),
        ]
    }

    fn expr() -> impl Strategy<Value = Expr> {
        use proptest::sample::select;
        let version = || select(vec![IpVersion::V4, IpVersion::V6]);
        let bases = vec![
            PayloadBase::Link,
            PayloadBase::Network,
            PayloadBase::Transport,
        ];
        prop_oneof![
            (select(METAS.to_vec()), reg()).prop_map(|(key, to)| Expr::Meta { key, to }),
            (select(bases), 0_u32..200, 1_u32..17, reg()).prop_map(|(base, offset, length, to)| {
                Expr::Payload {
                    base,
                    offset,
                    length,
                    to,
                }
            }),
            (reg(), any::<bool>(), data()).prop_map(|(reg, equal, data)| Expr::Compare {
                reg,
                equal,
                data
            }),
            (reg(), data(), any::<u8>()).prop_map(|(reg, mask, bits)| Expr::Bitwise {
                reg,
                xor: vec![bits; mask.len()],
                mask,
            }),
            reg().prop_map(|reg| Expr::NetworkOrder { reg }),
            (reg(), name(), proptest::option::of(reg()), any::<bool>()).prop_map(
                |(reg, set, to, invert)| Expr::Lookup {
                    reg,
                    set,
                    to,
                    invert
                }
            ),
            (select(vec![CtKey::State, CtKey::Status]), reg())
                .prop_map(|(key, to)| Expr::Ct { key, to }),
            dynamic(),
            reg().prop_map(|to| Expr::FibDestinationType { to }),
            reg().prop_map(|to| Expr::SocketWildcard { to }),
            (version(), reg(), proptest::option::of(reg())).prop_map(|(version, address, port)| {
                Expr::Dnat {
                    version,
                    address,
                    port,
                }
            }),
            any::<bool>().prop_map(|random| Expr::Masquerade { random }),
            Just(Expr::Counter),
            (reg(), data()).prop_map(|(to, data)| Expr::Constant { to, data }),
            reg().prop_map(|from| Expr::Trace { from }),
            reg().prop_map(|from| Expr::SetMark { from }),
            Just(Expr::NoTrack),
            Just(Expr::Reject),
            verdict().prop_map(Expr::Verdict),
        ]
    }

    fn encoded(exprs: &[Expr]) -> Vec<u8> {
        let mut w = Writer::default();
        exprs.iter().for_each(|expr| expr.write(&mut w));
        w.finish().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(exprs in proptest::collection::vec(expr(), 0..12)) {
            prop_assert_eq!(Expr::read_list(&encoded(&exprs)), exprs);
        }

        #[test]
        fn what_is_not_known_is_kept(name in "[a-z]{1,12}", attributes in proptest::collection::vec((1_u16..20, data()), 0..5)) {
            let mut w = Writer::default();
            for (kind, value) in attributes {
                w.attr(kind, &value);
            }
            let mut list = Writer::default();
            let attributes = w.finish().unwrap();
            list.nest(1, |w| {
                w.str(1, &name);
                w.nest(2, |w| w.raw(&attributes));
            });
            let bytes = list.finish().unwrap();
            let exprs = Expr::read_list(&bytes);
            prop_assert_eq!(exprs.len(), 1);
            if matches!(exprs.first(), Some(Expr::Raw { .. })) {
                prop_assert_eq!(encoded(&exprs), bytes);
            }
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let exprs = Expr::read_list(&bytes);
            prop_assert_eq!(Expr::read_list(&encoded(&exprs)), exprs);
        }
    }
}
