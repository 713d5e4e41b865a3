//! Which packets a capture shows: a small part of the pcap-filter language (pcap-filter(7)).

mod parse;
mod test;
mod token;

use hallway_plan::Settled;

pub use test::{NetworkProtocol, PacketHeaders};
pub use token::FilterError;

/// A filter; the empty one matches everything.
///
/// ```
/// use hallway_engine::read::filter::{Filter, NetworkProtocol, PacketHeaders};
/// # let topology = hallway_spec::parse("t.yaml", "nodes: { web: {} }")?.topology;
/// # let around = hallway_plan::Surroundings::default();
/// # let settled = hallway_plan::settle(&topology, None, &around).unwrap();
/// let filter = Filter::parse("tcp port 80", &settled)?;
/// let headers = PacketHeaders {
///     network: NetworkProtocol::Ip,
///     protocol: Some(6),
///     addresses: Some(("10.0.0.2".parse()?, "10.0.0.3".parse()?)),
///     ports: Some((40_000, 80)),
/// };
/// assert!(filter.matches(&headers));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter(Option<test::Test>);

impl Filter {
    /// Reads a filter; names of the project's nodes and networks stand for their addresses.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn parse(text: &str, settled: &Settled) -> Result<Self, FilterError> {
        parse::parse(text, settled).map(Self)
    }

    /// Whether the packet passes the filter.
    #[must_use]
    pub fn matches(&self, headers: &PacketHeaders) -> bool {
        self.0.as_ref().is_none_or(|test| test.matches(headers))
    }
}
