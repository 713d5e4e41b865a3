//! The hops of a packet at one place, reconstructed from the observations there.

use std::net::IpAddr;

use hallway_kernel::route::RouteQuestion;
use hallway_nftables::Hook;
use hallway_nftables::expr::Verdict;
use hallway_nftables::trace::{TraceEvent, TraceKind};
use hallway_plan::mark;
use hallway_plan::reach::{Flow, Hop, HopEvent, Location};

use super::evidence::{ChainRun, Sighting, flow};
use super::watch::{SeenFrame, WatchedPlace};

/// How a packet's path at one place ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathEnd {
    /// It left, or was received.
    Continued,
    /// A chain dropped it.
    Dropped,
    /// There is no route to this address.
    NoRoute(IpAddr),
    /// The route back to the sender is by another interface than the one it came in by
    /// (rp_filter drops it): the sender's address, and that interface.
    WrongInterface(IpAddr, String),
}

/// Builds the hops of one packet at one place.
pub(super) struct HopBuilder<'a> {
    watch: &'a mut WatchedPlace,
    at: Location,
    flow: Flow,
    pub(super) hops: Vec<Hop>,
    pub(super) ended: PathEnd,
    /// The hooks of a bridge send it to another port of the same bridge.
    returns: bool,
}

/// The hops of one place, in the kernel's order.
pub(super) fn reconstruct(
    watch: &mut WatchedPlace,
    sighting: &Sighting,
    made_here: Option<Flow>,
) -> (Vec<Hop>, PathEnd) {
    let first = sighting.ins.first().map(|s| flow(&s.ip));
    let run = sighting.bridge.first().or(sighting.inet.first());
    let begin = made_here
        .or(first)
        .or(run.map(|r| r.flow))
        .or(sighting.last_flow());
    let Some(flow) = begin else {
        return (Vec::new(), PathEnd::Continued);
    };
    let at = watch.at.clone();
    let mut builder = HopBuilder {
        watch,
        at,
        flow,
        hops: Vec::new(),
        ended: PathEnd::Continued,
        returns: false,
    };
    if made_here.is_some() {
        builder.route(None);
    }
    let parts = match made_here {
        Some(_) => sighting.looped(builder.watch),
        None => None,
    };
    match parts {
        Some((out, back)) => {
            builder.filter(&out, true);
            if builder.ended == PathEnd::Continued {
                builder.arrive(&back);
                builder.filter(&back, true);
            }
        }
        None => {
            builder.arrive(sighting);
            builder.filter(sighting, made_here.is_some());
        }
    }
    if builder.ended == PathEnd::Continued {
        builder.leave(sighting);
    }
    (builder.hops, builder.ended)
}

impl HopBuilder<'_> {
    fn hop(&mut self, event: HopEvent) {
        self.hops.push(Hop {
            at: self.at.clone(),
            event,
            flow: self.flow,
        });
    }

    fn is_bridge(&self, seen: &SeenFrame) -> bool {
        let link = self.watch.link(seen.interface);
        link.is_some_and(|l| l.kind.as_deref() == Some("bridge"))
    }

    /// Adds a translation when addresses or ports have changed.
    fn now(&mut self, flow: Flow) {
        let before = self.flow;
        self.flow = flow;
        let changed = (before.from, before.to) != (flow.from, flow.to)
            || (before.source_port, before.port) != (flow.source_port, flow.port);
        if changed {
            self.hop(HopEvent::Translated { before });
        }
    }

    fn device(&mut self, seen: &SeenFrame) {
        // The hooks of its ports may have translated a packet that a bridge delivers to the host,
        // or will translate one that it sends: the translation is a hop where it is done.
        if !self.is_bridge(seen) {
            self.now(flow(&seen.ip));
        }
        let name = self.watch.name(seen.interface);
        let event = match (&self.at, seen.out) {
            (Location::Host, _) if name == "lo" => HopEvent::Arrives { interface: name },
            (Location::Host, _) => HopEvent::Link {
                kind: self.kind(seen),
                link: name,
            },
            (_, true) => HopEvent::Leaves { interface: name },
            (_, false) => HopEvent::Arrives { interface: name },
        };
        self.hop(event);
    }

    fn kind(&self, seen: &SeenFrame) -> &'static str {
        let alias = self
            .watch
            .link(seen.interface)
            .and_then(|l| l.alias.clone());
        match alias.as_deref().and_then(mark::parse_alias) {
            _ if self.is_bridge(seen) => "bridge",
            Some(_) => "port",
            None => "uplink",
        }
    }

    fn arrive(&mut self, sighting: &Sighting) {
        let (bridges, ports): (Vec<_>, Vec<_>) =
            sighting.ins.iter().partition(|s| self.is_bridge(s));
        for seen in ports {
            self.device(seen);
        }
        for run in &sighting.bridge {
            self.run(run);
        }
        if self.ended != PathEnd::Continued {
            return;
        }
        for seen in bridges {
            self.device(seen);
        }
        self.by_port(sighting);
    }

    /// A frame that a bridge forwards from port to port, without delivering it to the host, is
    /// never seen on the bridge itself.
    fn by_port(&mut self, sighting: &Sighting) {
        let master = |seen: Option<&SeenFrame>| self.watch.link(seen?.interface)?.master;
        let handed_up = sighting.ins.iter().any(|s| self.is_bridge(s));
        let bridge = master(sighting.ins.first());
        if let (Some(bridge), false) = (bridge, handed_up)
            && (!sighting.outs.is_empty() || !sighting.inet.is_empty())
        {
            let event = HopEvent::Link {
                link: self.watch.name(bridge),
                kind: "bridge",
            };
            self.hop(event);
        }
    }

    fn filter(&mut self, sighting: &Sighting, made_here: bool) {
        let mut routed = made_here;
        let passed_on = self.watch.at == Location::Host || !sighting.outs.is_empty();
        let both = || sighting.ins.iter().chain(&sighting.outs);
        let bridged = self
            .hops
            .iter()
            .any(|h| matches!(h.event, HopEvent::Link { kind: "bridge", .. }))
            && !both().any(|s| self.is_bridge(s));
        let requested = self.flow.to;
        let mut again = false;
        for run in &sighting.inet {
            let hook = self.watch.base(&run.first).map(|b| b.hook);
            if self.ended != PathEnd::Continued {
                return;
            }
            self.now(run.flow);
            // A packet that the hooks of a bridge redirect is routed, and may return to the bridge
            // without being seen.
            let elsewhere = self.flow.to != requested;
            if made_here && elsewhere && !again && hook == Some(Hook::Postrouting) {
                again = true;
                self.route(None);
            }
            // A node may have no chain but one at postrouting.
            if matches!(hook, Some(Hook::Forward | Hook::Input | Hook::Postrouting))
                && !routed
                && (!bridged || elsewhere)
            {
                routed = true;
                self.returns = bridged;
                let came = sighting.ins.last().map(|s| s.interface);
                self.route(Some(run.first.iif).filter(|i| *i != 0).or(came));
            }
            self.run(run);
        }
        if self.ended == PathEnd::Continued && made_here && !again && self.flow.to != requested {
            self.route(None);
        }
        if self.ended == PathEnd::Continued && !routed && passed_on && !bridged {
            // The destination may have been translated since: a later sighting shows it.
            if let Some(seen) = sighting.outs.first() {
                let after = flow(&seen.ip);
                let translated = Flow {
                    from: self.flow.from,
                    source_port: self.flow.source_port,
                    ..after
                };
                self.now(translated);
            }
            // A packet that was only seen at a bridge's port has not come this far.
            let last = sighting.ins.last();
            let port = last.is_some_and(|s| {
                self.watch
                    .link(s.interface)
                    .is_some_and(|l| l.master.is_some())
            });
            if !port || !sighting.outs.is_empty() {
                self.route(last.map(|s| s.interface).filter(|_| !port));
            }
        }
    }

    /// Reads from the kernel the present route of the packet.
    fn route(&mut self, iif: Option<u32>) {
        let question = RouteQuestion {
            to: self.flow.to,
            from: iif.is_some().then_some(self.flow.from),
            iif,
        };
        match self.watch.route(&question) {
            Ok(answer) if answer.local => self.hop(HopEvent::Route {
                via: None,
                interface: "local".into(),
            }),
            Ok(answer) if !answer.refused => {
                let interface = answer.interface.map(|i| self.watch.name(i));
                self.hop(HopEvent::Route {
                    via: answer.via,
                    interface: interface.unwrap_or_default(),
                });
            }
            _ => self.ended = self.no_route(iif),
        }
    }

    /// The kernel reports the same error for a missing route to the destination and to the sender.
    fn no_route(&mut self, iif: Option<u32>) -> PathEnd {
        let onward = RouteQuestion {
            to: self.flow.to,
            from: None,
            iif: None,
        };
        match (self.watch.route(&onward), iif) {
            (Ok(answer), Some(iif)) if !answer.refused => {
                PathEnd::WrongInterface(self.flow.from, self.watch.name(iif))
            }
            _ => PathEnd::NoRoute(self.flow.to),
        }
    }

    fn leave(&mut self, sighting: &Sighting) {
        let (bridges, ports): (Vec<_>, Vec<_>) =
            sighting.outs.iter().partition(|s| self.is_bridge(s));
        // Postrouting has run, even if the ports of a bridge run it.
        if let Some(port) = ports.first() {
            self.now(flow(&port.ip));
        }
        let master = ports
            .first()
            .and_then(|s| self.watch.link(s.interface)?.master);
        if let (true, Some(bridge)) = (self.returns, master) {
            let link = self.watch.name(bridge);
            self.hop(HopEvent::Link {
                link,
                kind: "bridge",
            });
        }
        for seen in bridges.into_iter().chain(ports) {
            // A packet that the host sends to itself is a hop where it comes in.
            if self.watch.name(seen.interface) != "lo" {
                self.device(seen);
            }
        }
    }

    fn run(&mut self, run: &ChainRun) {
        let hook = self.watch.base(&run.first).map_or("", |b| b.hook.name());
        let event = &run.decided;
        let ours = mark::is_ours(&event.table);
        let dropped = event.verdict == Verdict::Drop;
        // A chain of hallway without a deciding rule is not shown.
        if !run.by_rule && ours && !dropped {
            return;
        }
        let (rule, comment) = self.rule(event);
        let verdict = verdict(&event.verdict, rule.as_deref());
        self.hop(HopEvent::Chain {
            family: event.family.name().to_owned(),
            table: event.table.clone(),
            chain: event.chain.clone(),
            hook: hook.to_owned(),
            rule,
            comment,
            verdict: verdict.to_owned(),
            ours,
        });
        if dropped {
            self.ended = PathEnd::Dropped;
        }
    }

    /// The text and the comment of the reported rule.
    fn rule(&mut self, event: &TraceEvent) -> (Option<String>, String) {
        let TraceKind::Rule(handle) = event.kind else {
            return (None, String::new());
        };
        match self.watch.rule(event, handle) {
            Some(rule) => (
                Some(printable(&rule.text)),
                printable(&rule.comment.unwrap_or_default()),
            ),
            None => (Some(format!("rule with handle {handle}")), String::new()),
        }
    }
}

/// Texts of other programs may contain control characters of terminals.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A rejected packet is reported as dropped, and a translated one as accepted.
fn verdict(verdict: &Verdict, rule: Option<&str>) -> &'static str {
    // A rule's statement comes after its matches.
    let begins_with = |among: &[&'static str]| {
        let mut words = rule.unwrap_or_default().rsplit(' ');
        words.find_map(|word| among.iter().find(|a| a.eq_ignore_ascii_case(word)).copied())
    };
    match verdict {
        Verdict::Drop => begins_with(&["reject"]).unwrap_or("drop"),
        Verdict::Accept => {
            begins_with(&["accept", "dnat", "snat", "masquerade", "redirect"]).unwrap_or("accept")
        }
        Verdict::Continue => "continue",
        Verdict::Return => "return",
        Verdict::Jump(_) | Verdict::Goto(_) => "jump",
        Verdict::Other(_) => "taken over",
    }
}
