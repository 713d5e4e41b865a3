//! Edits of policies.

use super::error::EditError;
use super::opposite::Scope;
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
    let scope = Scope::of(document, &made);
    let mut policies = std::mem::take(&mut document.policies);
    let mut opposite = false;
    // Edits add at the beginning: of equal policies, the last ones are those of the file.
    let mut of_file: Vec<&PolicyDoc> = file.policies.iter().collect();
    let mut kept = Vec::new();
    for policy in policies.drain(..).rev() {
        let found = of_file.iter().rposition(|p| is_left_of(p, &policy));
        let is_of_file = found.map(|at| of_file.remove(at)).is_some();
        let other = Scope::of(document, &policy);
        // The new policy is evaluated before these: they would have no effect.
        let shadowed = scope.as_ref().zip(other.as_ref());
        if is_of_file || !shadowed.is_some_and(|(new, old)| new.covers(old)) {
            kept.push(policy);
        } else {
            opposite |= policy.action != made.action && scope == other;
        }
    }
    kept.reverse();
    document.policies = kept;
    // Without both it is as before the one that is removed. A new policy that denies always stays: what no
    // policy allows now can be allowed by a later change, like of a network or of a port.
    let allows = opposite && action == Action::Allow;
    let needless = allows && scope.is_some_and(|scope| scope.is_default(document));
    if !needless {
        document.policies.insert(0, made);
    }
}

/// Whether a policy is one of the file, or what is left of it since nodes that it names were removed.
fn is_left_of(of_file: &PolicyDoc, policy: &PolicyDoc) -> bool {
    let side = |whole: &Option<OneOrMany<String>>, left: &Option<OneOrMany<String>>| {
        let items = |side: &Option<OneOrMany<String>>| {
            side.as_ref()
                .map(OneOrMany::items)
                .unwrap_or_default()
                .to_vec()
        };
        let whole = items(whole);
        items(left).iter().all(|name| whole.contains(name))
    };
    let between = match (&of_file.between, &policy.between) {
        (Some(whole), Some(left)) => left.iter().all(|name| whole.contains(name)),
        (None, None) => true,
        _ => false,
    };
    between
        && of_file.action == policy.action
        && of_file.ports == policy.ports
        && side(&of_file.from, &policy.from)
        && side(&of_file.to, &policy.to)
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
    #![allow(clippy::unwrap_used)] // a failing helper is a failing test

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

    /// The actions after a deny and an allow, or the other way round, in a project with a, b on one network and c on
    /// another.
    fn after(first: Action, [from, to]: [&str; 2], ports: [&[&str]; 2]) -> Vec<String> {
        let several = ["e", "k"].iter().any(|end| [from, to].contains(end));
        let e = if several {
            ", e: { networks: [m, n, k] }"
        } else {
            ""
        };
        let text = format!(
            "networks: {{ m: {{}}, n: {{}}, i: {{ internal: true }}, k: {{}} }}\nnodes: {{ a: {{ networks: [m] }}, b: {{ networks: [m] }}, c: {{ networks: [n] }}, d: {{ networks: [i] }}{e} }}\n"
        );
        let mut document = Document::read(&text).unwrap();
        let second = match first {
            Action::Allow => Action::Deny,
            Action::Deny => Action::Allow,
        };
        for (action, ports) in [(first, ports[0]), (second, ports[1])] {
            let ports: Vec<String> = ports.iter().map(|p| (*p).to_owned()).collect();
            let (from, to) = ([from.to_owned()], [to.to_owned()]);
            add(
                &mut document,
                &Document::default(),
                action,
                &from,
                &to,
                &ports,
            );
        }
        words(&document)
    }

    fn deny(ports: &[&str]) -> String {
        match ports.len() {
            0 => "deny".to_owned(),
            count => format!("deny {count}"),
        }
    }

    #[test]
    fn what_is_left_of_a_policy_of_the_file_is_kept() {
        let mut file = Document::read(
            "networks: { m: {} }\nnodes: { a: { networks: [m] }, b: { networks: [m] }, x: { networks: [m] } }\n",
        )
        .unwrap();
        let both = ["a".to_owned(), "x".to_owned()];
        let (a, b) = (["a".to_owned()], ["b".to_owned()]);
        let none = Document::default();
        add(&mut file, &none, Action::Deny, &both, &b, &[]);
        let mut edited = file.clone();
        forget(&mut edited, "x");
        add(&mut edited, &file, Action::Allow, &a, &b, &[]);
        assert_eq!(words(&edited), ["allow", "deny"]);
    }

    #[test]
    fn opposite_policies_cancel_each_other() {
        let cases: [(&[&str], &[&str]); 6] = [
            (&[], &[]),
            (&["80"], &["80/tcp"]),
            (&["80-80/tcp"], &["80"]),
            (&["8000-8010/udp"], &["8000-8010/udp"]),
            (&["80", "443"], &["443/tcp", "80"]),
            (&["ip/47"], &["gre"]),
        ];
        for (first, second) in cases {
            for ends in [
                ["a", "b"],
                ["node:a", "m"],
                ["host", "a"],
                ["a", "outside"],
                ["m", "m"],
            ] {
                let left = after(Action::Deny, ends, [first, second]);
                assert!(left.is_empty(), "{ends:?} {first:?}: {left:?}");
            }
            // What a command denies stays denied, whatever the project becomes.
            assert_eq!(after(Action::Deny, ["a", "c"], [first, second]).len(), 1);
            assert_eq!(
                after(Action::Deny, ["d", "outside"], [first, second]).len(),
                1
            );
            assert_eq!(after(Action::Allow, ["a", "b"], [first, second]).len(), 1);
            for ends in [["a", "c"], ["m", "network:n"], ["a", "host"]] {
                assert_eq!(
                    after(Action::Allow, ends, [first, second]),
                    [deny(first)],
                    "{ends:?}"
                );
            }
            // Not all addresses of e are on a network of a.
            for ends in [["a", "e"], ["m", "e"], ["a", "k"]] {
                assert_eq!(
                    after(Action::Deny, ends, [first, second]).len(),
                    1,
                    "{ends:?}"
                );
            }
            for ends in [["e", "a"], ["e", "n"]] {
                assert!(
                    after(Action::Deny, ends, [first, second]).is_empty(),
                    "{ends:?}"
                );
            }
        }
        assert_eq!(
            after(Action::Deny, ["a", "b"], [&["80"], &["80/udp"]]).len(),
            2
        );
        assert_eq!(
            after(Action::Deny, ["a", "b"], [&["80"], &["80", "81"]]),
            ["allow 2"]
        );
    }
}
