//! Numbers that look random and are the same in every run of a test.

#![allow(dead_code, reason = "each test takes the part it needs")]

/// A linear congruential generator; only its high bits are given away.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number of 31 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A number below `bound`, which is far below 2^31.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
