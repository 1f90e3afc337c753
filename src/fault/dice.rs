//! Chance that can be repeated: the same seed gives the same connection the same fate.

/// The dice of one connection.
///
/// Each throw is a hash of seed, connection and fault (SplitMix64, Steele et al., OOPSLA 2014), so that connections
/// that are served in another order meet the same faults. The choice not taken: one generator for the server, whose
/// draws would depend on that order.
#[derive(Debug, Clone, Copy)]
pub struct Dice {
    seed: u64,
    connection: u64,
}

impl Dice {
    /// The dice of the connection that was accepted as number `connection`.
    #[must_use]
    pub const fn new(seed: u64, connection: u64) -> Self {
        Self { seed, connection }
    }

    /// A number from 0 to 1, 1 excluded, for the fault at place `fault` of the list.
    #[must_use]
    pub fn throw(self, fault: usize) -> f64 {
        let fault = u64::try_from(fault).unwrap_or(u64::MAX);
        let bits = mix(mix(mix(self.seed) ^ self.connection) ^ fault) >> 11;
        // 53 bits are what a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit into a double")]
        let unit = bits as f64 / (1_u64 << 53) as f64;
        unit
    }
}

pub(super) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_even_and_repeatable() {
        let below = |limit: f64| (0..10_000).filter(|n| Dice::new(7, *n).throw(0) < limit).count();
        let hits = below(0.2);
        assert!((1_850..2_150).contains(&hits), "{hits}");
        assert_eq!(hits, below(0.2));
        assert!((0..10_000).all(|n| (0.0..1.0).contains(&Dice::new(7, n).throw(3))));
    }

    #[test]
    fn faults_of_one_connection_are_independent() {
        let same = (0..1000).filter(|n| {
            let dice = Dice::new(1, *n);
            (dice.throw(0) < 0.5) == (dice.throw(1) < 0.5)
        });
        let same = same.count();
        assert!((400..600).contains(&same), "{same}");
    }
}
