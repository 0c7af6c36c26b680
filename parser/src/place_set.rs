//! A set of small numbers: the places in a pattern that a text may have led to.

/// Bits of one word.
const WIDTH: usize = u64::BITS as usize;

/// A set of numbers below a bound. Below 64 it needs no memory of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlaceSet {
    first: u64,
    more: Vec<u64>,
}

impl PlaceSet {
    /// An empty set for numbers up to and including `bound`.
    pub(crate) fn new(bound: usize) -> Self {
        Self { first: 0, more: vec![0; bound / WIDTH] }
    }

    pub(crate) fn insert(&mut self, place: usize) {
        let bit = 1 << (place % WIDTH);
        match (place / WIDTH).checked_sub(1) {
            None => self.first |= bit,
            Some(index) => {
                if let Some(word) = self.more.get_mut(index) {
                    *word |= bit;
                }
            }
        }
    }

    pub(crate) fn contains(&self, place: usize) -> bool {
        let word = match (place / WIDTH).checked_sub(1) {
            None => self.first,
            Some(index) => self.more.get(index).copied().unwrap_or(0),
        };
        word >> (place % WIDTH) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first == 0 && self.more.iter().all(|word| *word == 0)
    }

    pub(crate) fn clear(&mut self) {
        self.first = 0;
        self.more.fill(0);
    }

    /// The numbers in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let words = std::iter::once(self.first).chain(self.more.iter().copied());
        words.zip((0..).step_by(WIDTH)).flat_map(|(word, base)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(base + bit)
            })
        })
    }
}
