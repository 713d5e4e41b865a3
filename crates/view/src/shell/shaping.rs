//! Limits and impairments of links.

use hallway_plan::shaping::{Bucket, Queueing, Shaping};
use hallway_spec::Bandwidth;

use super::Script;

/// Sets them; `tc` is the command with its namespace.
pub(super) fn shape(script: &mut Script<'_>, tc: &str, link: &str, shaping: &Shaping) {
    match shaping.queueing() {
        Queueing::Default => {}
        Queueing::TokenBucket(bucket) => limit(script, tc, link, &bucket),
        Queueing::Netem { packets } => impair(script, tc, link, shaping, packets),
    }
}

fn limit(script: &mut Script<'_>, tc: &str, link: &str, bucket: &Bucket) {
    script.explain(&["Each end limits what it sends, by a token bucket: both ways are limited."]);
    script.line(&format!(
        "{tc} qdisc replace dev {link} root tbf rate {}bit burst {} limit {}",
        bucket.rate.saturating_mul(8),
        bucket.burst,
        bucket.queue
    ));
}

fn impair(script: &mut Script<'_>, tc: &str, link: &str, shaping: &Shaping, packets: u32) {
    script.explain(&["Delays, drops or changes what this end sends; the other way is as it was."]);
    let mut words = format!("limit {packets}");
    let these = &shaping.impairments;
    if let Some(delay) = these.delay {
        let jitter = these.jitter.map_or_else(String::new, |j| format!(" {j}"));
        words.push_str(&format!(" delay {delay}{jitter}"));
    } else if let Some(jitter) = these.jitter {
        words.push_str(&format!(" delay 0ms {jitter}"));
    }
    for (key, share) in [
        ("loss", these.loss),
        ("duplicate", these.duplicate),
        ("corrupt", these.corrupt),
        ("reorder", these.reorder),
    ] {
        if let Some(share) = share {
            words.push_str(&format!(" {key} {share}"));
        }
    }
    if let Some(rate) = shaping.limit.map(Bandwidth::bytes_per_second) {
        words.push_str(&format!(" rate {}bit", rate.saturating_mul(8)));
    }
    script.line(&format!("{tc} qdisc replace dev {link} root netem {words}"));
}
