//! Edits of policies.

use super::EditError;
use crate::Action;
use crate::document::{Document, OneOrMany, PolicyDoc, Scalar};

/// Adds a policy before every other.
pub(super) fn add(
    document: &mut Document,
    action: Action,
    (from, to): (&[String], &[String]),
    ports: &[String],
) {
    let service = |port: &String| {
        let number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        Scalar::Text(if number {
            format!("{port}/tcp")
        } else {
            port.clone()
        })
    };
    let made = PolicyDoc {
        action: (action == Action::Deny).then(|| action.to_string()),
        from: Some(OneOrMany::of(from.to_vec())),
        to: Some(OneOrMany::of(to.to_vec())),
        between: None,
        ports: (!ports.is_empty()).then(|| OneOrMany::Many(ports.iter().map(service).collect())),
    };
    // The new policy decides before these: they would have no effect.
    let shadowed = |p: &PolicyDoc| {
        let ports = made.ports.is_none() || p.ports == made.ports;
        p.from == made.from && p.to == made.to && ports && p.between.is_none()
    };
    document.policies.retain(|p| !shadowed(p));
    document.policies.insert(0, made);
}

/// Removes the policy at a position, from 1.
pub(super) fn remove(document: &mut Document, number: usize) -> Result<(), EditError> {
    let count = document.policies.len();
    match number.checked_sub(1).filter(|index| *index < count) {
        Some(index) => {
            document.policies.remove(index);
            Ok(())
        }
        None => Err(EditError::NoPolicy { number, count }),
    }
}

/// Whether an end of a policy or expectation is that node.
pub(super) fn names_node(end: &str, node: &str) -> bool {
    end == node || end.strip_prefix("node:") == Some(node)
}

/// Removes a node from every policy, and policies that have no node on one side after that.
pub(super) fn forget(document: &mut Document, key: &str) {
    let is = |name: &String| names_node(name, key);
    for policy in &mut document.policies {
        for side in [&mut policy.from, &mut policy.to] {
            if let Some(names) = side {
                let left: Vec<String> = names.items().iter().filter(|n| !is(n)).cloned().collect();
                *side = (!left.is_empty()).then(|| OneOrMany::of(left));
            }
        }
        if let Some(between) = &mut policy.between {
            between.retain(|n| !is(n));
        }
    }
    document.policies.retain(|p| match &p.between {
        Some(between) => between.len() > 1,
        None => p.from.is_some() && p.to.is_some(),
    });
}
