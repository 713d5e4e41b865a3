//! What is known of the value in a register.

use std::cmp::Ordering;

use super::matches::Matches;

/// A value of which all bits are known, or some, or a range of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loaded {
    low: Vec<u8>,
    high: Vec<u8>,
    /// The bits that are known; all of them for a range.
    known: Vec<u8>,
}

impl Loaded {
    pub(super) fn exactly(bytes: impl Into<Vec<u8>>) -> Self {
        let low = bytes.into();
        Self {
            known: vec![0xff; low.len()],
            high: low.clone(),
            low,
        }
    }

    /// Only the bits of a mask.
    pub(super) fn partly(bytes: Vec<u8>, known: Vec<u8>) -> Self {
        let low: Vec<u8> = bytes.iter().zip(&known).map(|(b, k)| b & k).collect();
        Self {
            high: low.clone(),
            low,
            known,
        }
    }

    /// Between two values in network byte order.
    pub(super) fn between(low: &[u8], high: &[u8]) -> Self {
        Self {
            known: vec![0xff; low.len()],
            low: low.to_vec(),
            high: high.to_vec(),
        }
    }

    fn complete(&self) -> bool {
        self.known.iter().all(|k| *k == 0xff)
    }

    /// The bytes, if all are known.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        (self.complete() && self.low == self.high).then_some(self.low.as_slice())
    }

    /// The number in the machine's byte order with the bits that are known.
    pub(super) fn number(&self) -> Option<(u32, u32)> {
        let [value, known] = [&self.low, &self.known].map(|b| b.as_slice().try_into().ok());
        let single = self.low == self.high;
        let all = value.zip(known).filter(|_| single);
        all.map(|(v, k)| (u32::from_ne_bytes(v), u32::from_ne_bytes(k)))
    }

    /// The same with only some bits, and some of them inverted.
    pub(super) fn masked(&self, mask: &[u8], xor: &[u8]) -> Option<Self> {
        if self.low != self.high {
            return None;
        }
        let each = |f: &dyn Fn(usize) -> Option<u8>| (0..self.low.len()).map(f).collect();
        let low: Option<Vec<u8>> =
            each(&|at| Some((self.low.get(at)? & mask.get(at)?) ^ xor.get(at)?));
        let known: Option<Vec<u8>> = each(&|at| Some(self.known.get(at)? | !mask.get(at)?));
        Some(Self::partly(low?, known?))
    }

    /// The bytes of each number of `size` bytes reversed.
    pub(super) fn reversed(&self, size: usize) -> Option<Self> {
        if self.low != self.high || size == 0 {
            return None;
        }
        let turn = |bytes: &[u8]| {
            let numbers = bytes.chunks(size);
            numbers.flat_map(|n| n.iter().rev().copied()).collect()
        };
        Some(Self::partly(turn(&self.low), turn(&self.known)))
    }

    /// Whether it equals the data, of which it may have more bytes.
    pub(super) fn equals(&self, data: &[u8]) -> Matches {
        self.within(data, data)
    }

    /// Whether it is in a range, whose ends may have fewer bytes.
    pub(super) fn within(&self, first: &[u8], last: &[u8]) -> Matches {
        let length = first.len().max(last.len());
        let part = |bytes: &'_ [u8]| bytes.get(..length).map(<[u8]>::to_vec);
        let (Some(low), Some(high), Some(known)) =
            (part(&self.low), part(&self.high), part(&self.known))
        else {
            return Matches::Maybe;
        };
        if known.iter().any(|k| *k != 0xff) {
            let differs = |end: &[u8]| {
                let bits = end.iter().zip(&low).zip(&known);
                bits.into_iter().any(|((e, l), k)| (e ^ l) & k != 0)
            };
            // Bits that both ends share must be those of the value.
            return match first == last && differs(first) {
                true => Matches::No,
                false => Matches::Maybe,
            };
        }
        let (first, last) = (first.to_vec(), last.to_vec());
        if high < first || low > last {
            Matches::No
        } else if low >= first && high <= last {
            Matches::Yes
        } else {
            Matches::Maybe
        }
    }

    /// Whether it compares with the data in one of these ways.
    pub(super) fn compares(&self, data: &[u8], ways: &[Ordering]) -> Matches {
        if !self.complete() || self.low.len() < data.len() {
            return Matches::Maybe;
        }
        let ends = [&self.low, &self.high].map(|end| {
            let order = end.as_slice().get(..data.len()).map(|e| e.cmp(data));
            order.is_some_and(|order| ways.contains(&order))
        });
        match ends {
            [true, true] => Matches::Yes,
            [false, false] => Matches::No,
            _ => Matches::Maybe,
        }
    }
}
