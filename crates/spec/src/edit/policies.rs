//! Edits of policies.

use super::error::EditError;
use crate::Action;
use crate::document::{Document, OneOrMany, PolicyDoc, Scalar};

/// Adds a policy before every other. Those of earlier edits that it makes void are removed; those of
/// `file`, as it was before all edits, are kept.
pub(super) fn add(
    document: &mut Document,
    file: &Document,
    action: Action,
    from: &[String],
    to: &[String],
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
    // The new policy is evaluated before these: they would have no effect.
    let shadowed = |p: &PolicyDoc| {
        let ports = made.ports.is_none() || p.ports == made.ports;
        p.from == made.from && p.to == made.to && ports && p.between.is_none()
    };
    // Edits add at the beginning: of equal policies, the last ones are those of the file.
    let mut of_file: Vec<&PolicyDoc> = file.policies.iter().collect();
    let mut kept = Vec::new();
    for policy in document.policies.drain(..).rev() {
        let found = of_file.iter().rposition(|p| **p == policy);
        let is_of_file = found.map(|at| of_file.remove(at)).is_some();
        if is_of_file || !shadowed(&policy) {
            kept.push(policy);
        }
    }
    kept.push(made);
    kept.reverse();
    document.policies = kept;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The policies, as `deny a b` or `allow a b 22/tcp`.
    fn words(document: &Document) -> Vec<String> {
        let word = |p: &PolicyDoc| {
            let ports = p.ports.as_ref().map(|p| format!(" {}", p.items().len()));
            let action = p.action.as_deref().unwrap_or("allow");
            format!("{action}{}", ports.unwrap_or_default())
        };
        document.policies.iter().map(word).collect()
    }

    #[test]
    fn policies_of_the_file_are_kept() {
        let none = Document::default();
        let (a, b) = (["a".to_owned()], ["b".to_owned()]);
        let mut file = none.clone();
        add(&mut file, &none, Action::Deny, &a, &b, &[]);
        add(&mut file, &none, Action::Allow, &a, &b, &["9".to_owned()]);
        assert_eq!(words(&file), ["allow 1", "deny"]);
        let mut edited = file.clone();
        add(&mut edited, &file, Action::Deny, &a, &b, &[]);
        assert_eq!(words(&edited), ["deny", "allow 1", "deny"]);
        // Those of edits are not.
        add(&mut edited, &file, Action::Allow, &a, &b, &[]);
        assert_eq!(words(&edited), ["allow", "allow 1", "deny"]);
        add(&mut edited, &file, Action::Allow, &a, &b, &[]);
        assert_eq!(words(&edited), ["allow", "allow 1", "deny"]);
    }
}
