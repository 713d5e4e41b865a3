//! The change that a verb and its arguments mean.

use std::net::IpAddr;
use std::str::FromStr;

use hallway_spec::{Action, Edit, Name, NewNetwork, NewNode};
use ipnet::IpNet;

use crate::args::{LinkVerb, NetworkVerb, NodeVerb, PolicyArgs, PolicyVerb, Verb};
use crate::diagnose::VerbError;
use crate::failure::CommandCode;

/// The change of a verb.
pub(super) fn of(verb: Verb) -> Result<Edit, VerbError> {
    Ok(match verb {
        Verb::Node { verb } => return node(verb),
        Verb::Network { verb } => return network(verb),
        Verb::Link { verb } => return link(verb),
        Verb::Connect {
            node,
            network,
            address,
        } => Edit::Connect(node, network, address),
        Verb::Disconnect { node, network } => Edit::Disconnect(node, network),
        Verb::Publish { node, port } => Edit::Publish(node, port),
        Verb::Unpublish { node, port } => Edit::Unpublish(node, port),
        Verb::Allow(policy) => policy_edit(Action::Allow, policy),
        Verb::Deny(policy) => policy_edit(Action::Deny, policy),
        Verb::Policy {
            verb: PolicyVerb::Rm { number },
        } => Edit::PolicyRemove(number),
        other => return Err(not_an_edit(&other)),
    })
}

fn policy_edit(action: Action, policy: PolicyArgs) -> Edit {
    let PolicyArgs { from, to, port } = policy;
    Edit::Policy {
        action,
        from: vec![from],
        to: vec![to],
        ports: port,
    }
}

fn node(verb: NodeVerb) -> Result<Edit, VerbError> {
    Ok(match verb {
        NodeVerb::Add {
            name,
            network,
            publish,
            ready,
            command,
        } => Edit::NodeAdd(NewNode {
            name,
            networks: attachments(&network)?,
            ports: publish,
            command,
            ready,
        }),
        NodeVerb::Rm { name } => Edit::NodeRemove(name),
        other @ NodeVerb::Ls { .. } => return Err(not_an_edit(&other)),
    })
}

fn network(verb: NetworkVerb) -> Result<Edit, VerbError> {
    Ok(match verb {
        NetworkVerb::Add {
            name,
            subnet,
            gateway,
            internal,
            outside,
            routed,
            parent,
            vlan,
            mtu,
        } => Edit::NetworkAdd(NewNetwork {
            name,
            subnets: subnet,
            gateways: gateway,
            internal,
            outside,
            routed,
            parent,
            vlan,
            mtu,
        }),
        NetworkVerb::Rm { name } => Edit::NetworkRemove(name),
        other @ NetworkVerb::Ls { .. } => return Err(not_an_edit(&other)),
    })
}

fn link(verb: LinkVerb) -> Result<Edit, VerbError> {
    Ok(match verb {
        LinkVerb::Add { a, b } => Edit::LinkAdd([end(&a)?, end(&b)?]),
        other @ (LinkVerb::Rm { .. } | LinkVerb::Ls { .. }) => return Err(not_an_edit(&other)),
    })
}

fn not_an_edit(verb: &impl std::fmt::Debug) -> VerbError {
    VerbError::usage(
        CommandCode::BadArgument,
        format!("{verb:?} does not edit a project"),
        "",
    )
}

/// `NETWORK` or `NETWORK=ADDRESS[,ADDRESS]`.
fn attachments(texts: &[String]) -> Result<Vec<(Name, Vec<IpAddr>)>, VerbError> {
    texts
        .iter()
        .map(|text| {
            let (network, addresses) = text.split_once('=').unwrap_or((text, ""));
            let help = "write --network NETWORK or --network NETWORK=ADDRESS";
            let network = name(network, help)?;
            let addresses = list(addresses, "an address", help)?;
            Ok((network, addresses))
        })
        .collect()
}

/// `NODE` or `NODE:ADDRESS/LENGTH[,ADDRESS/LENGTH]`; a bare node name makes a link without addresses.
fn end(text: &str) -> Result<(Name, Vec<IpNet>), VerbError> {
    let (node, addresses) = text.split_once(':').unwrap_or((text, ""));
    let help = "write NODE:ADDRESS/LENGTH, like left:10.0.9.1/24";
    let node = name(node, help)?;
    let addresses = list(addresses, "an address with a prefix length", help)?;
    Ok((node, addresses))
}

fn name(text: &str, help: &str) -> Result<Name, VerbError> {
    text.parse().map_err(|e: hallway_spec::InvalidName| {
        VerbError::usage(CommandCode::BadArgument, e.to_string(), help)
    })
}

/// Values with commas between them; `what` says what each is.
fn list<T: FromStr>(text: &str, what: &str, help: &str) -> Result<Vec<T>, VerbError> {
    let values = text.split(',').filter(|value| !value.is_empty());
    values
        .map(|value| {
            value.parse().ok().ok_or_else(|| {
                let wrong = format!("{value:?} is not {what}");
                VerbError::usage(CommandCode::BadArgument, wrong, help)
            })
        })
        .collect()
}
