//! Small servers in the place of images (`--stub`).

use std::collections::BTreeSet;

use hallway_spec::{Place, Value};

use super::service::Service;
use super::{images, ports};
use crate::findings::Findings;

/// The greatest number of ports of the small server.
const SERVED_MAX: usize = 64;

/// The ports of a service, as far as the file or its image specifies them.
pub(super) fn served(service: &Service, image: &str, findings: &mut Findings) -> Vec<String> {
    let mut ranges: Vec<((u16, u16), String)> = service
        .ports
        .iter()
        .map(|p| (p.node, p.protocol.clone()))
        .collect();
    if let Some(expose) = service.value.get("expose") {
        ranges.extend(ports::exposed(expose, findings));
    }
    let mut out: Vec<String> = Vec::new();
    for ((first, last), protocol) in ranges {
        for port in (first..=last).take(SERVED_MAX) {
            let text = format!("{port}/{protocol}");
            if !out.contains(&text) && out.len() < SERVED_MAX {
                out.push(text);
            }
        }
    }
    if out.is_empty() {
        out.extend(images::exposed(image).iter().map(|p| format!("{p}/tcp")));
    }
    out
}

/// Gives a service the small server on these ports.
pub(super) fn serve(service: &mut Service, place: &Place, ports: &[String]) {
    let text = |text: &str| Value::of_text(place, text);
    let words = ["hallway", "serve"].into_iter();
    let words = words.chain(ports.iter().map(String::as_str)).map(text);
    service.command = Some(Value::of_list(place, words.collect()));
    service.ready = ports.iter().map(|p| text(p)).collect();
    service.stub = true;
}

/// In a namespace that several services share, each port is served once: by the one whose namespace it
/// is, then by the first. One that is left without ports has no program.
pub(super) fn one_for_each_port(services: &mut [Service]) {
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for owners in [true, false] {
        for service in services.iter_mut().filter(|s| s.stub) {
            let owner = service.shares.as_ref().and_then(Value::text);
            if owner.is_none() != owners {
                continue;
            }
            let owner = owner.unwrap_or(&service.name).to_owned();
            let mut ports: Vec<String> = (service.ready.iter())
                .filter_map(|p| p.text().map(str::to_owned))
                .collect();
            ports.retain(|port| used.insert((owner.clone(), port.clone())));
            if ports.is_empty() {
                service.command = None;
                service.ready.clear();
                service.stub = false;
            } else if ports.len() < service.ready.len() {
                let place = service.command.as_ref().map(|c| c.place.clone());
                serve(service, &place.unwrap_or_default(), &ports);
            }
        }
    }
}
