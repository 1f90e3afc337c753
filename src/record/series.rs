//! Values over time in bounded room: when it is full, every second value goes.

use serde::{Deserialize, Serialize};

/// A value of a [`Series`].
pub trait Drawn {
    /// Whether it tells more than its place in the row, and must stay when the row is thinned out.
    fn stays(&self) -> bool {
        false
    }
}

/// Values over time, never more than its capacity: when it is full, every second one is dropped and from then on only
/// every second new one is kept, so that a run of any length stays evenly drawn.
///
/// Values that [stay](Drawn::stays) are kept beside that, up to [`Series::MOST_STAYING`] of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series<T> {
    values: Vec<T>,
    capacity: usize,
    stride: u64,
    offered: u64,
    staying: usize,
}

impl<T: Drawn> Default for Series<T> {
    fn default() -> Self {
        Self::with_capacity(Self::CAPACITY)
    }
}

impl<T: Drawn> Series<T> {
    /// How many values are kept at the most, unless another number is asked for.
    pub const CAPACITY: usize = 40_000;

    /// How many of them may stay for ever.
    pub const MOST_STAYING: usize = 100;

    /// Room for this many values, and never for less than twice what may stay.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { values: Vec::new(), capacity: capacity.max(2 * Self::MOST_STAYING), stride: 1, offered: 0, staying: 0 }
    }

    /// Offers the next value; it is kept when its turn has come, or when it must stay.
    pub fn push(&mut self, value: T) {
        if self.values.len() == self.capacity {
            self.thin_out();
        }
        if value.stays() && self.staying < Self::MOST_STAYING {
            self.staying += 1;
            self.values.push(value);
            return;
        }
        if self.offered.is_multiple_of(self.stride) {
            self.values.push(value);
        }
        self.offered += 1;
    }

    /// Drops every second of the values that need not stay.
    fn thin_out(&mut self) {
        let (mut stayed, mut index) = (0, 0);
        self.values.retain(|value| {
            // Those that may stay are the first so many.
            if value.stays() && stayed < Self::MOST_STAYING {
                stayed += 1;
                return true;
            }
            index += 1;
            index % 2 == 1
        });
        self.stride *= 2;
    }

    /// The values that were kept, in order.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Drawn for usize {
        fn stays(&self) -> bool {
            self % 10_000 == 9_999
        }
    }

    #[test]
    fn it_thins_out_evenly_and_keeps_what_must_stay() {
        let mut series = Series::default();
        let many = Series::<usize>::CAPACITY * 3;
        (0..many).for_each(|value| series.push(value));
        let values = series.values();
        assert!(values.len() <= Series::<usize>::CAPACITY && values.len() > Series::<usize>::CAPACITY / 4);
        assert_eq!(values.iter().filter(|value| value.stays()).count(), many / 10_000);
        assert!(values.is_sorted());
        let steps = values.windows(2).filter(|pair| pair[1] - pair[0] != 4 && !pair.iter().any(Drawn::stays)).count();
        assert!(steps <= many / 10_000, "the steps are even, but for one at each value that stays: {steps}");
    }

    #[test]
    fn even_a_row_of_nothing_but_such_values_is_bounded() {
        let mut series = Series::with_capacity(300);
        (0..5000).for_each(|_| series.push(9_999_usize));
        assert!((100..=300).contains(&series.values().len()));
    }
}
