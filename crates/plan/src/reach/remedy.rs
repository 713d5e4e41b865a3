//! The commands that let packets of a project pass the chains of other programs.

use hallway_nftables::{Family, Hook, Table};

use crate::settled::Settled;
use crate::through::links;

/// The commands that let packets of the project through.
pub(super) fn remedy(table: &Table, chain: &str, hook: Hook, settled: &Settled) -> String {
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
    let of = format!("{} {}", table.family.name(), table.name);
    let insert =
        |word: &str, link: &str| format!("nft insert rule {of} {chain} {word} {link} accept");
    match (table.family, hook) {
        (Family::Bridge | Family::Netdev, _) | (_, Hook::Ingress | Hook::Egress) => {
            format!("nft -a list chain {of} {chain} shows it; let this traffic pass there")
        }
        (_, Hook::Prerouting | Hook::Input) => each(&|link| insert("iifname", link)),
        (_, Hook::Output) => each(&|link| insert("oifname", link)),
        _ => each(&|link| format!("{}; {}", insert("iifname", link), insert("oifname", link))),
    }
}
