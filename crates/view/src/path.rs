//! The path of a packet, hop by hop, as text.

use hallway_plan::reach::{Flow, Hop, HopEvent, Outcome, OutcomeReason, Path};

use hallway_plan::rules::purpose;
use hallway_plan::settled::Policy;
use hallway_spec::Place;

use crate::style::{BOLD, DIM, GREEN, RED, YELLOW, styled};

/// An outcome with its colour.
#[must_use]
pub fn outcome(outcome: Outcome) -> String {
    let style = match outcome {
        Outcome::Open => GREEN,
        Outcome::Refused | Outcome::Unknown => YELLOW,
        Outcome::Filtered | Outcome::Unreachable => RED,
    };
    styled(style, outcome)
}

/// Client, server and service, and the outcome.
#[must_use]
pub fn headline(path: &Path) -> String {
    let address = path
        .address
        .filter(|a| a.to_string() != path.to)
        .map(|a| format!(" ({a})"))
        .unwrap_or_default();
    format!(
        "{} → {}{address} {}: {}",
        styled(BOLD, &path.from),
        styled(BOLD, &path.to),
        path.service,
        outcome(path.outcome)
    )
}

/// The reason, with its line in the file and what would change it.
#[must_use]
pub fn reason(reason: &OutcomeReason, file: &str) -> String {
    let mut out = format!("  because {}", reason.text);
    if let Some(place) = &reason.place {
        out.push_str(&in_file(place, file));
    }
    out.push('\n');
    if !reason.help.is_empty() {
        out.push_str(&format!("  help: {}\n", reason.help));
    }
    out
}

fn in_file(place: &Place, file: &str) -> String {
    let place = format!("({}:{}:{})", place.file(file), place.line, place.column);
    format!(" {}", styled(DIM, place))
}

/// What hops need to name the place of a policy that decides.
#[derive(Debug, Clone, Copy)]
pub struct Policies<'a> {
    /// The project's.
    pub all: &'a [Policy],
    /// The file that the project was read from.
    pub file: &'a str,
}

impl Policies<'_> {
    /// The place of the policy that a rule's comment names; empty if it names none, or one that a command
    /// added.
    fn place(&self, comment: &str) -> String {
        let policy = purpose::policy_of(comment)
            .and_then(|index| self.all.iter().find(|p| p.index == index))
            .filter(|p| p.place.is_in_file());
        policy.map_or_else(String::new, |p| in_file(&p.place, self.file))
    }
}

/// The hops of request and reply. With `explain`, a sentence for each hop.
#[must_use]
pub fn hops(path: &Path, policies: Policies<'_>, explain: bool) -> String {
    let mut out = String::new();
    for (title, hops) in [("request", &path.request), ("reply", &path.reply)] {
        if hops.is_empty() {
            continue;
        }
        out.push_str(&format!("  {}\n", styled(DIM, title)));
        let rows: Vec<[String; 3]> = hops.iter().map(|hop| row(hop, policies)).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|r| r.get(column));
            cells.map(|c| c.chars().count()).max().unwrap_or(0)
        };
        let (first, second) = (width(0), width(1));
        for (hop, [at, what, detail]) in hops.iter().zip(&rows) {
            let line = format!(
                "    {}  {what:second$}  {detail}",
                styled(BOLD, format!("{at:first$}"))
            );
            out.push_str(line.trim_end());
            out.push('\n');
            if explain {
                out.push_str(&format!("      {}\n", styled(DIM, lesson(&hop.event))));
            }
        }
    }
    out
}

fn row(hop: &Hop, policies: Policies<'_>) -> [String; 3] {
    let flow = hop.flow.to_string();
    let (what, detail) = match &hop.event {
        HopEvent::Leaves { interface } => (format!("out by {interface}"), flow),
        HopEvent::Arrives { interface } => (format!("in by {interface}"), flow),
        // The way out of a host that is not known has no other name.
        HopEvent::Link { link, kind } if link == kind => (link.clone(), String::new()),
        HopEvent::Link { link, kind } => (format!("{kind} {link}"), String::new()),
        HopEvent::Route { via, interface } if interface == "local" => {
            debug_assert!(via.is_none());
            ("route".into(), format!("{} is here", hop.flow.to))
        }
        HopEvent::Route { via, interface } => (
            "route".into(),
            match via {
                Some(via) => format!("{} via {via} by {interface}", hop.flow.to),
                None => format!("{} directly by {interface}", hop.flow.to),
            },
        ),
        HopEvent::Chain { .. } => {
            let verdict = verdict(&hop.event, policies);
            return [hop.at.to_string(), chain(&hop.event), verdict];
        }
        HopEvent::Translated { before } => ("translated".into(), translation(before, &hop.flow)),
        HopEvent::Connection {
            original,
            reply,
            state,
        } => (
            "connection".into(),
            format!("{original}, replies {reply} {state}")
                .trim_end()
                .to_owned(),
        ),
        HopEvent::Listener { who } => ("listener".into(), who.clone()),
    };
    [hop.at.to_string(), what, detail]
}

fn chain(event: &HopEvent) -> String {
    let HopEvent::Chain {
        family,
        table,
        chain,
        hook,
        ours,
        ..
    } = event
    else {
        return String::new();
    };
    let hook = if hook.is_empty() || chain == hook {
        String::new()
    } else {
        format!("{hook} ")
    };
    if *ours {
        format!("{hook}{family} {chain}")
    } else {
        format!("{hook}{family} {table} {chain}")
    }
}

fn verdict(event: &HopEvent, policies: Policies<'_>) -> String {
    let HopEvent::Chain {
        rule,
        comment,
        verdict,
        ours,
        ..
    } = event
    else {
        return String::new();
    };
    let style = match verdict.as_str() {
        "drop" | "reject" => RED,
        _ => GREEN,
    };
    let why = match rule {
        Some(_) if *ours && !comment.is_empty() => {
            format!("{comment}{}", policies.place(comment))
        }
        Some(rule) if comment.is_empty() => rule.clone(),
        Some(rule) => format!("{rule}  # {comment}"),
        None => "the chain's policy".into(),
    };
    format!("{}: {why}", styled(style, verdict))
}

fn translation(before: &Flow, after: &Flow) -> String {
    let end = |address: std::net::IpAddr, port: u16| match (address, port) {
        // The host's, where it is not known.
        (address, _) if address.is_unspecified() => "the host's address".to_owned(),
        (address, 0) => address.to_string(),
        (address, port) => std::net::SocketAddr::new(address, port).to_string(),
    };
    let mut parts = Vec::new();
    if (before.to, before.port) != (after.to, after.port) {
        parts.push(format!(
            "to {} instead of {}",
            end(after.to, after.port),
            end(before.to, before.port)
        ));
    }
    if (before.from, before.source_port) != (after.from, after.source_port) {
        parts.push(format!(
            "from {} instead of {}",
            end(after.from, after.source_port),
            end(before.from, before.source_port)
        ));
    }
    parts.join(", ")
}

/// An explanation of such a hop for beginners.
fn lesson(event: &HopEvent) -> String {
    match event {
        HopEvent::Leaves { .. } => {
            "the end of a veth pair: what goes in here comes out at the other end".into()
        }
        HopEvent::Arrives { .. } => "the other end of a veth pair, inside the node".into(),
        HopEvent::Link { kind: "port", .. } => {
            "the host's end of the node's veth pair; ip link on the host shows it".into()
        }
        HopEvent::Link { kind: "bridge", .. } => {
            "a switch in software: it passes frames on by MAC address, or up to the host if they are \
             addressed to the bridge itself"
                .into()
        }
        HopEvent::Link { .. } => "the link out of the host".into(),
        HopEvent::Route { .. } => {
            "the longest prefix that contains the destination decides; ip route get shows it".into()
        }
        HopEvent::Chain { hook, verdict, .. } => format!(
            "rules of the packet filter at the {} hook, in order, until one decides: {verdict}",
            if hook.is_empty() { "next" } else { hook }
        ),
        HopEvent::Translated { .. } => {
            "network address translation; connection tracking records it, so that replies are \
             translated back"
                .into()
        }
        HopEvent::Connection { .. } => {
            "the entry in the host's connection tracking; packets that match it count as established".into()
        }
        HopEvent::Listener { .. } => "a socket receives the packet: the end of the path".into(),
    }
}
