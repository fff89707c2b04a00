//! The vocabulary of dense rounds and short prefixes: vectors of whole 64-bit words.
//!
//! In and out: words of elements of two coordinates, as they lie in a table, and `u32` columns. It knows nothing of a
//! modulus but as an operand, and not what a coordinate means.
//!
//! As in `lanes`, an implementation is a proof that its instructions may run. A vector is a row of
//! *blocks* of four words, that is, of two elements: a pair of a table is one block.

/// The operations; every arithmetic one is lane-wise and wraps at `2^64`.
pub trait WordLanes: Copy {
    /// `COUNT` words.
    type Words: Copy;
    /// Words of a vector: a multiple of four.
    const COUNT: usize;
    /// Whether these vectors are faster than general registers.
    const FASTER: bool;

    /// The words `word(0)`, `word(1)`, ..; neighbours in memory are one load.
    fn words(self, word: impl Fn(usize) -> u64) -> Self::Words;
    /// `COUNT` values, zero-extended.
    fn load_halves(self, values: &[u32]) -> Self::Words;
    /// `2 COUNT` values, the first of two in the low half of a word.
    fn load_pairs(self, values: &[u32]) -> Self::Words;
    /// The words in order, then zeros if there are four.
    fn to_array(self, a: Self::Words) -> [u64; 8];
    /// The same word everywhere.
    fn splat(self, word: u64) -> Self::Words;

    /// Sum.
    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// Difference.
    fn sub(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// `a - b`, plus `modulus` where `a < b`.
    fn sub_mod(self, a: Self::Words, b: Self::Words, modulus: u64) -> Self::Words;
    /// Product of the low halves.
    fn mul(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// Product of the low halves, which have signs.
    fn mul_signed(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// `a b + c` of words that are the bits of `f64`s, rounded once.
    fn fused(self, a: Self::Words, b: Self::Words, c: Self::Words) -> Self::Words;
    /// Bitwise and with one mask.
    fn and(self, a: Self::Words, mask: u64) -> Self::Words;
    /// The larger ones of halves.
    fn max_halves(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// Shift left by a constant.
    fn shl<const BITS: i32>(self, a: Self::Words) -> Self::Words;
    /// Logical shift right by a constant.
    fn shr<const BITS: i32>(self, a: Self::Words) -> Self::Words;
    /// The low half of `low`, and above it the low half of `high`.
    fn join(self, low: Self::Words, high: Self::Words) -> Self::Words;

    /// The two words of every element exchanged.
    fn swap(self, a: Self::Words) -> Self::Words;
    /// The first words of elements of `a` and `b` in turn, and the second ones.
    fn unzip(self, a: Self::Words, b: Self::Words) -> [Self::Words; 2];
    /// The elements of `a`, then of `b`: those at even places, and those at odd ones.
    fn halves(self, a: Self::Words, b: Self::Words) -> [Self::Words; 2];
    /// Lane by lane the four words, and zeros for the lanes there are not.
    fn by_lanes(self, words: [Self::Words; 4]) -> [[u64; 4]; 8];
    /// Lane by lane the low halves of eight vectors as four words, and zeros for the lanes there are not.
    #[inline(always)]
    fn halves_by_lanes(self, halves: [Self::Words; 8]) -> [[u64; 4]; 8] {
        let [a, b, c, d, e, f, g, h] = halves;
        self.by_lanes([
            self.join(a, b),
            self.join(c, d),
            self.join(e, f),
            self.join(g, h),
        ])
    }
    /// Whether a word is above `limit`; words and limit below `2^63`.
    fn any_above(self, a: Self::Words, limit: u64) -> bool;
    /// In every block: two zeros, then the first two words.
    fn raise(self, a: Self::Words) -> Self::Words;
}
