//! The market's own random numbers: xoshiro256++ seeded by SplitMix64.
//!
//! Called by the market's traders and by tests, on any thread. Written here instead of taken from a
//! crate because the stream is part of the market's format: a dependency's next version must not
//! change what a seed means. It is thirty lines. Not for secrets.
//!
//! # Source
//! Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", public-domain reference code
//! `xoshiro256plusplus.c` and `splitmix64.c` (read 2026-11-21).

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
    /// The second value of the last pair of normals, until it is used.
    spare: Option<f64>,
}

impl Random {
    /// Returns the stream with number `stream` of the `seed`; streams of one seed are independent.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut word = seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        Self {
            state: std::array::from_fn(|_| split_mix(&mut word)),
            spare: None,
        }
    }

    /// Returns the next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let state = &mut self.state;
        let result = state[0]
            .wrapping_add(state[3])
            .rotate_left(23)
            .wrapping_add(state[0]);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        result
    }

    /// Returns a number in 0..1, 1 excluded, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Returns a number in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Returns an integer in 0..`bound`, or 0 where `bound` is 0; biased by less than `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Returns true with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Returns a normal deviate of mean 0 and deviation 1.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        let angle = std::f64::consts::TAU * self.unit();
        self.spare = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// Returns an exponential deviate of this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Returns a log-normal deviate of this median; `spread` is the deviation of its logarithm.
    pub fn log_normal(&mut self, median: f64, spread: f64) -> f64 {
        median * libm::exp(spread * self.normal())
    }
}

fn split_mix(word: &mut u64) -> u64 {
    *word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*word ^ (*word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_reference_code() {
        let mut random = Random {
            state: [1, 2, 3, 4],
            spare: None,
        };
        let want = [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
        ];
        assert_eq!(want.map(|_| random.bits()), want);
        let mut word = 0;
        assert_eq!(split_mix(&mut word), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn deviates_have_their_moments() {
        const COUNT: usize = 200_000;
        let mut random = Random::new(7, 0);
        let normals: Vec<f64> = (0..COUNT).map(|_| random.normal()).collect();
        let mean = normals.iter().sum::<f64>() / COUNT as f64;
        let variance = normals.iter().map(|value| value * value).sum::<f64>() / COUNT as f64;
        assert!(
            mean.abs() < 0.01 && (variance - 1.0).abs() < 0.01,
            "{mean} {variance}"
        );
        let waits = (0..COUNT).map(|_| random.exponential(3.0)).sum::<f64>() / COUNT as f64;
        assert!((waits - 3.0).abs() < 0.03, "{waits}");
        let mut counts = [0; 5];
        (0..COUNT).for_each(|_| counts[random.below(5) as usize] += 1);
        assert!(
            counts.iter().all(|count| (39_000..41_000).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn streams_of_one_seed_differ() {
        assert_ne!(Random::new(1, 0).bits(), Random::new(1, 1).bits());
        assert_ne!(Random::new(1, 0).bits(), Random::new(2, 0).bits());
    }
}
