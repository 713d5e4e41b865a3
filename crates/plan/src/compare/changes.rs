//! How tables differ, in words: of a rule that was changed, what is different in it.

use hallway_nftables::compare::What;
use hallway_nftables::{Rule, RulesetDifference, print};

/// How many changes, and how many characters of one, fit into a sentence.
const SHOWN: usize = 3;
const LENGTH: usize = 160;

/// Each difference in words. A rule in the place of another is one difference.
pub(super) fn words(differences: &[RulesetDifference]) -> Vec<String> {
    let (mut out, mut rest) = (Vec::new(), differences);
    while let [first, after @ ..] = rest {
        let missing = rest.iter().map_while(|d| Some((d, missing_of(d, first)?)));
        let missing: Vec<_> = missing.collect();
        let behind = rest.get(missing.len()..).unwrap_or_default();
        let extra = behind.iter().map_while(|d| Some((d, extra_of(d, first)?)));
        let pairs: Vec<_> = missing.iter().zip(extra).collect();
        if pairs.is_empty() {
            out.push(first.to_string());
            rest = after;
            continue;
        }
        for ((wanted, rule), (found, other)) in &pairs {
            match changed(wanted, rule, other) {
                Some(text) => out.push(text),
                None => out.extend([wanted.to_string(), found.to_string()]),
            }
        }
        out.extend(missing.iter().skip(pairs.len()).map(|(d, _)| d.to_string()));
        rest = behind.get(pairs.len()..).unwrap_or_default();
    }
    out
}

fn same_chain(one: &RulesetDifference, chain: &str, other: &RulesetDifference) -> bool {
    let of = match &other.what {
        What::MissingRule { chain, .. } | What::ExtraRule { chain, .. } => chain,
        _ => return false,
    };
    (one.family, &one.table, chain) == (other.family, &other.table, of.as_str())
}

/// The rule that is missing in the chain of `first`.
fn missing_of<'d>(
    difference: &'d RulesetDifference,
    first: &RulesetDifference,
) -> Option<&'d Rule> {
    match &difference.what {
        What::MissingRule { chain, rule, .. } if same_chain(difference, chain, first) => Some(rule),
        _ => None,
    }
}

/// The rule that stands there instead.
fn extra_of<'d>(difference: &'d RulesetDifference, first: &RulesetDifference) -> Option<&'d Rule> {
    match &difference.what {
        What::ExtraRule { chain, rule, .. } if same_chain(difference, chain, first) => Some(rule),
        _ => None,
    }
}

/// A rule that was changed in part; `None` if the two have little in common.
fn changed(of: &RulesetDifference, wanted: &Rule, found: &Rule) -> Option<String> {
    let What::MissingRule { chain, .. } = &of.what else {
        return None;
    };
    let text = |rule| match wanted.comment == found.comment {
        true => print::rule(rule, of.family),
        false => print::rule_with_comment(rule, of.family),
    };
    let (wanted, found) = (text(wanted), text(found));
    let (w, f): (Vec<&str>, Vec<&str>) = (wanted.split(' ').collect(), found.split(' ').collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let begin = w.iter().zip(&f).take_while(same).count();
    let most = w.len().min(f.len()) - begin;
    let end = w.iter().rev().zip(f.iter().rev()).take_while(same).count();
    let end = end.min(most);
    if (begin + end) * 2 < w.len().max(f.len()) {
        return None;
    }
    let part = |words: &[&str]| {
        let part = words.get(begin..words.len() - end).unwrap_or_default();
        brief(&part.join(" "))
    };
    let how = match (part(&w), part(&f)) {
        (lost, new) if new.is_empty() => format!("without `{lost}`"),
        (lost, new) if lost.is_empty() => format!("with `{new}` added"),
        (lost, new) => format!("with `{new}` instead of `{lost}`"),
    };
    let table = format!("table {} {}", of.family.name(), of.table);
    let found = brief(&found);
    Some(format!("{table}: chain {chain} has a rule {how}: {found}"))
}

/// The first changes, and how many more there are.
pub(super) fn beginning(changes: &[String]) -> String {
    // All are about one table, which the first one names.
    let table = changes.first().and_then(|first| first.split_once(": "));
    let table = table.map_or("", |(table, _)| table);
    let short = |change: &str| match change.strip_prefix(table) {
        Some(rest) if !table.is_empty() => rest.trim_start_matches(": ").to_owned(),
        _ => change.to_owned(),
    };
    let (first, more) = changes.split_at(changes.len().min(1));
    let all = first.iter().cloned().chain(more.iter().map(|c| short(c)));
    let shown = all.take(SHOWN).map(|change| brief(&change));
    let shown = shown.collect::<Vec<_>>().join("; ");
    match changes.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// A text, without its end if it is long.
fn brief(text: &str) -> String {
    match text.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // what fails is the test
mod tests {
    use hallway_nftables::expr::Verdict;
    use hallway_nftables::{Family, Field, Match, Value};

    use super::*;

    fn rule(port: u16, verdict: Verdict) -> Rule {
        let tcp = Match::Is(Field::L4Proto, Value::Proto(6));
        let matches = vec![tcp, Match::Is(Field::Dport, Value::Port(port))];
        Rule::new(matches, verdict, "policy 1")
    }

    fn difference(what: What) -> RulesetDifference {
        RulesetDifference {
            family: Family::Inet,
            table: "t".into(),
            what,
        }
    }

    fn missing(rule: Rule) -> RulesetDifference {
        let (chain, position) = ("forward".into(), 0);
        difference(What::MissingRule {
            chain,
            position,
            rule,
        })
    }

    fn extra(rule: Rule) -> RulesetDifference {
        let (chain, position) = ("forward".into(), 0);
        difference(What::ExtraRule {
            chain,
            position,
            rule,
        })
    }

    #[test]
    fn a_changed_rule_is_said_once() {
        let wanted = || rule(80, Verdict::Accept);
        let said = words(&[missing(wanted()), extra(rule(81, Verdict::Accept))]);
        let expected =
            "table inet t: chain forward has a rule with `81` instead of `80`: tcp dport 81 accept";
        assert_eq!(said, [expected]);
        let several = [
            missing(wanted()),
            missing(rule(90, Verdict::Accept)),
            extra(rule(80, Verdict::Drop)),
        ];
        let said = words(&several);
        assert!(said[0].contains("`drop` instead of `accept`"), "{said:?}");
        assert!(said[1].contains("lacks the rule tcp dport 90"), "{said:?}");
        assert_eq!(said.len(), 2);
        let other = [missing(wanted()), difference(What::MissingSet("s".into()))];
        let said = words(&other);
        assert!(said[0].contains("lacks the rule") && said[1].contains("set s"));
        let text = "a long change ".repeat(50);
        let sentence = beginning(&[text.clone(), text.clone(), text.clone(), text]);
        let changes = [
            "table inet t: chain a is missing",
            "table inet t: chain b is missing",
        ];
        let changes = changes.map(str::to_owned);
        assert_eq!(
            beginning(&changes),
            "table inet t: chain a is missing; chain b is missing"
        );
        assert!(sentence.chars().count() < 520 && sentence.ends_with("…; and 1 more"));
    }
}
