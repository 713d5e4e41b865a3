//! Services whose containers run already.

use hallway_spec::Value;

/// The containers of a service, in the order of its nodes; or why one of them does not run. They are
/// named as Compose and podman-compose name them, unless the service does.
pub(super) fn find(
    project: &str,
    service: &str,
    value: &Value,
    nodes: usize,
    runs: &dyn Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, String> {
    let own = value.get("container_name").and_then(Value::text);
    let container = |number: usize| {
        let usual = ["-", "_"].map(|s| format!("{project}{s}{service}{s}{number}"));
        let names: Vec<String> = match own {
            Some(own) => vec![own.to_owned()],
            None => usual.to_vec(),
        };
        let mut why = None;
        for name in names {
            match runs(&name) {
                Ok(()) => return Ok(name),
                Err(error) => why = why.or(Some(error)),
            }
        }
        Err(why.unwrap_or_default())
    };
    (1..=nodes).map(container).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallway_spec::Place;

    #[test]
    fn all_of_a_service_or_none() {
        let there = ["shop-web-1", "shop_db_1", "shop_db_2", "own"];
        let runs = |name: &str| match there.contains(&name) {
            true => Ok(()),
            false => Err(format!("no {name}")),
        };
        let none = Value::of_map(&Place::default(), Vec::new());
        let found = |service, nodes| find("shop", service, &none, nodes, &runs);
        assert_eq!(found("web", 1), Ok(vec!["shop-web-1".to_owned()]));
        assert_eq!(found("web", 2), Err("no shop-web-2".to_owned()));
        assert_eq!(found("db", 2).map(|all| all.len()), Ok(2));
    }
}
