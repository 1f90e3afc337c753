//! How often each value of a closed enum was seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A closed enum whose every value has a name that documents rely on.
pub trait Named: Copy + Ord + 'static {
    /// Every value, in the order in which documents list them.
    const ALL: &'static [Self];

    /// The name in every document: lower case, words joined by underscores.
    fn name(self) -> &'static str;
}

/// How often each value was seen; a value never seen counts 0 and takes no room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Counts<K: Ord>(BTreeMap<K, u64>);

impl<K: Ord> Default for Counts<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Named> Counts<K> {
    /// How often `key` was seen.
    #[must_use]
    pub fn of(&self, key: K) -> u64 {
        self.0.get(&key).copied().unwrap_or(0)
    }

    /// Counts `key` `n` times more.
    pub fn add(&mut self, key: K, n: u64) {
        if n > 0 {
            *self.0.entry(key).or_insert(0) += n;
        }
    }

    /// Adds every count of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (&key, &n) in &other.0 {
            self.add(key, n);
        }
    }

    /// Raises every count to that of `other` where that one is higher.
    pub fn raise(&mut self, other: &Self) {
        for (&key, &n) in &other.0 {
            let own = self.0.entry(key).or_insert(0);
            *own = (*own).max(n);
        }
    }

    /// All counts added up.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The values that were seen, in order, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (K, u64)> + '_ {
        self.0.iter().filter(|(_, n)| **n > 0).map(|(key, n)| (*key, *n))
    }
}

impl<K: Named> FromIterator<(K, u64)> for Counts<K> {
    fn from_iter<I: IntoIterator<Item = (K, u64)>>(pairs: I) -> Self {
        let mut counts = Self::default();
        for (key, n) in pairs {
            counts.add(key, n);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Outcome;

    #[test]
    fn merges_and_raises() {
        let mut counts: Counts<Outcome> = [(Outcome::LoginRejected, 2), (Outcome::Capped, 0)].into_iter().collect();
        counts.merge(&[(Outcome::LoginRejected, 3), (Outcome::Refused, 1)].into_iter().collect());
        assert_eq!(
            (counts.of(Outcome::LoginRejected), counts.of(Outcome::Refused), counts.of(Outcome::Capped)),
            (5, 1, 0)
        );
        counts.raise(&[(Outcome::LoginRejected, 4), (Outcome::Refused, 7)].into_iter().collect());
        assert_eq!((counts.total(), counts.iter().count()), (12, 2));
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"login_rejected":5,"refused":7}"#);
    }
}
