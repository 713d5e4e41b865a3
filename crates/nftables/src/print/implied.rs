//! Conditions that need not be printed: a printed field implies its header.

use super::Printer;
use super::header::{self, HeaderField};
use crate::Family;

impl Printer<'_> {
    /// The next part implies the network header: the condition that matched it is not printed.
    pub(super) fn network_named(&mut self) {
        if let Some(text) = self.network_at.take().and_then(|at| self.out.get_mut(at)) {
            text.clear();
        }
    }

    pub(super) fn transport_named(&mut self) {
        if let Some(text) = self.transport_at.take().and_then(|at| self.out.get_mut(at)) {
            text.clear();
        }
    }

    fn link_named(&mut self) {
        if let Some(text) = self.link_at.take().and_then(|at| self.out.get_mut(at)) {
            text.clear();
        }
    }

    pub(super) fn fields(&self, base: u32) -> &'static [HeaderField] {
        header::fields(base, self.network, self.transport)
    }

    pub(super) fn named(&mut self, base: u32) {
        match (base, self.transport) {
            (0, _) => self.link_named(),
            (1, _) => self.network_named(),
            // ICMP is of one IP version.
            (2, Some(1 | 58)) => {
                self.transport_named();
                self.network_named();
            }
            (2, _) => self.transport_named(),
            _ => {}
        }
    }

    /// Notes the header that a comparison matches.
    pub(super) fn learn(&mut self, selector: &str, data: &[u8]) {
        let place = Some(self.out.len() - 1);
        let last = data.last().copied().unwrap_or_default();
        match selector {
            "meta nfproto" => {
                self.network = match last {
                    2 => Some(header::IPV4),
                    10 => Some(header::IPV6),
                    _ => None,
                };
                self.network_at = place;
            }
            "meta iiftype" | "meta oiftype" => self.link_at = place,
            "ether type" if data == [0x81, 0] || data == [0x88, 0xa8] => self.link_at = place,
            "meta protocol" | "ether type" | "vlan type" => {
                self.network = crate::wire::be16_of(data);
                self.network_at = place;
            }
            "meta l4proto" | "ip protocol" | "ip6 nexthdr" => {
                self.transport = Some(last);
                // In tables of several families the latter two also match the IP version.
                let also =
                    selector != "meta l4proto" && !matches!(self.family, Family::Ip | Family::Ip6);
                self.transport_at = place.filter(|_| !also);
            }
            _ => {}
        }
    }

    pub(super) fn ip_version(&self) -> Option<u8> {
        match self.network {
            Some(header::IPV4) => Some(4),
            Some(header::IPV6) => Some(6),
            _ => None,
        }
    }
}
