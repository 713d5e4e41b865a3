//! What chains of other programs do with packets.

use hallway_nftables::evaluate::PacketContext;
use hallway_nftables::survey::{Fate, RulePlace, fate};
use hallway_nftables::{ChainType, Family, Hook, Table, print};

use super::packet::Flow;
use super::path::{HopEvent, Location};
use super::walk::{DropReason, Foreign, Walk};
use super::world::UPLINK;
use crate::settled::Settled;
use crate::through::links;

impl<'w> Walk<'w> {
    /// A packet with the names and device groups of the host's links, where they are known.
    pub(super) fn with_links<'p>(&self, packet: &PacketContext<'p>) -> PacketContext<'p>
    where
        'w: 'p,
    {
        let environment = &self.world.environment;
        let known = |link: (&'p str, u32), address| match link.0 == UPLINK.name {
            true => environment.uplink(address).unwrap_or(link),
            false => link,
        };
        let (iif, iif_group) = known((packet.iif, packet.iif_group), packet.from);
        let (oif, oif_group) = known((packet.oif, packet.oif_group), packet.to);
        PacketContext {
            iif,
            iif_group,
            oif,
            oif_group,
            ..*packet
        }
    }

    /// Passes a packet through the chains of other programs at a hook.
    pub(super) fn pass_foreign(
        &mut self,
        hook: Hook,
        packet: &PacketContext<'_>,
    ) -> Result<(), DropReason> {
        let world = self.world;
        if world.environment.foreign.is_empty() {
            return Ok(());
        }
        let packet = self.with_links(packet);
        let v4 = packet.from.is_ipv4();
        for table in &world.environment.foreign {
            let sees = match table.family {
                Family::Inet => true,
                Family::Ip => v4,
                Family::Ip6 => !v4,
                _ => false,
            };
            let chains = table.chains.iter().filter(|c| {
                c.base
                    .is_some_and(|b| b.hook == hook && b.kind == ChainType::Filter)
            });
            for chain in chains.filter(|_| sees) {
                match fate(table, chain, &packet) {
                    Fate::Passes => {}
                    Fate::Unknown(place) => {
                        let words = unsure(table, &place);
                        self.unsure.get_or_insert(words);
                    }
                    Fate::Dropped(place) => {
                        let dropped = foreign(table, &place, world.settled());
                        self.note_foreign(table, &dropped, hook, &packet);
                        return Err(DropReason::Foreign(dropped));
                    }
                }
            }
        }
        Ok(())
    }

    fn note_foreign(
        &mut self,
        table: &Table,
        dropped: &Foreign,
        hook: Hook,
        packet: &PacketContext<'_>,
    ) {
        let event = HopEvent::Chain {
            family: table.family.name().to_owned(),
            table: table.name.clone(),
            chain: dropped.chain.clone(),
            hook: hook.name().to_owned(),
            rule: dropped.rule.clone(),
            comment: String::new(),
            verdict: "drop".to_owned(),
            ours: false,
        };
        let flow = Flow {
            from: packet.from,
            to: packet.to,
            protocol: packet.protocol,
            source_port: 0,
            port: packet.port.unwrap_or(0),
        };
        self.hop(Location::Host, event, flow);
    }
}

fn name(table: &Table) -> String {
    format!("{} {}", table.family.name(), table.name)
}

fn rule_words(table: &Table, place: &RulePlace) -> Option<String> {
    let chain = table.chain(&place.chain)?;
    let rule = chain.rules.get(place.rule?)?;
    Some(print::rule(rule, table.family))
}

fn unsure(table: &Table, place: &RulePlace) -> String {
    let at = format!("chain {} of table {}", place.chain, name(table));
    match rule_words(table, place) {
        Some(rule) => format!("the rule {rule} of {at}"),
        None => at,
    }
}

fn foreign(table: &Table, place: &RulePlace, settled: &Settled) -> Foreign {
    Foreign {
        table: name(table),
        chain: place.chain.clone(),
        rule: rule_words(table, place),
        help: remedy(table, &place.chain, settled),
    }
}

/// The commands that let packets of the project through.
fn remedy(table: &Table, chain: &str, settled: &Settled) -> String {
    let has = |start: &str| table.chains.iter().any(|c| c.name.starts_with(start));
    let iptables = match table.family {
        Family::Ip6 => "ip6tables",
        _ => "iptables",
    };
    let each = |command: &dyn Fn(&str) -> String| {
        let all: Vec<String> = links(settled).into_iter().map(command).collect();
        format!("let packets of the project pass: {}", all.join("; "))
    };
    if table.name == "firewalld" {
        return each(&|link| format!("firewall-cmd --zone=trusted --add-interface={link}"));
    }
    if has("DOCKER-USER") {
        return each(&|link| {
            format!(
                "{iptables} -I DOCKER-USER -i {link} -j ACCEPT; {iptables} -I DOCKER-USER -o {link} -j ACCEPT"
            )
        });
    }
    if has("ufw") {
        return each(&|link| {
            format!("ufw route allow in on {link}; ufw route allow out on {link}")
        });
    }
    if has("FORWARD") {
        return each(&|link| {
            format!(
                "{iptables} -I FORWARD -i {link} -j ACCEPT; {iptables} -I FORWARD -o {link} -j ACCEPT"
            )
        });
    }
    let of = name(table);
    each(&|link| {
        format!(
            "nft insert rule {of} {chain} iifname {link} accept; nft insert rule {of} {chain} oifname {link} accept"
        )
    })
}
