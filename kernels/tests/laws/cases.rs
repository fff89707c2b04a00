//! What every law runs over: fields, tables of kernels, and slices with their special values.

use ark_ff::{Field, PrimeField};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use std::{fmt, ops::Deref};
use tracelane_kernels::{Combine, Kernels, Signs, SubWord, Tier, WeightField};

/// Groups of eight rows in a short tile.
const SHORT_TILE_GROUPS: usize = 2;
/// Rows in a short tile.
pub const SHORT_TILE_ROWS: usize = 8 * SHORT_TILE_GROUPS;

pub const COMBINES: [Combine; 5] = [
    Combine::Add,
    Combine::Sub,
    Combine::Equal,
    Combine::LessUnsigned,
    Combine::LessSigned,
];
pub const SIGNS: [Signs; 3] = [Signs::Unsigned, Signs::Signed, Signs::SignedUnsigned];
pub const SUB_WORDS: [SubWord; 4] = [
    SubWord::Byte,
    SubWord::ByteSigned,
    SubWord::Half,
    SubWord::HalfSigned,
];

/// A generator whose seed every failure message can name.
pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

macro_rules! has {
    ($($feature:tt)*) => {{
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        let found = true $(&& is_x86_feature_detected!($feature))*;
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let found = false;
        found
    }};
}

/// Whether this processor has a tier, asked without the crate: a tier must not go missing unnoticed.
pub fn has_tier(tier: Tier) -> bool {
    match tier {
        Tier::Scalar => true,
        Tier::Portable => !cfg!(miri),
        Tier::Avx2 => has!("avx2" "bmi1" "bmi2"),
        Tier::Avx512 => has!("avx2" "bmi1" "bmi2" "avx512f" "avx512vl"),
        Tier::Ifma => has!("avx2" "bmi1" "bmi2" "avx512f" "avx512vl" "avx512ifma"),
    }
}

/// The kernels of every tier this processor has.
pub fn tiers<F: WeightField>() -> Vec<Kernels<F>> {
    let there = |tier: &Tier| has_tier(*tier);
    let table = |tier| Kernels::for_tier(tier).expect("a tier of this processor");
    Tier::ALL.into_iter().filter(there).map(table).collect()
}

/// The kernels of every tier with the tiles they have, and with short ones.
pub struct Tables<F: WeightField>(Vec<(&'static str, Kernels<F>)>);

impl<F: WeightField> Tables<F> {
    pub fn new() -> Self {
        let mut tables = Vec::new();
        for kernels in tiers::<F>() {
            let tier = kernels.tier();
            let short = Kernels::for_tier_and_tile::<SHORT_TILE_GROUPS>(tier);
            tables.push(("short tiles", short.expect("a tier of this processor")));
            // Miri's days are too short for lengths at which only these differ.
            if !cfg!(miri) {
                tables.push(("whole tiles", kernels));
            }
        }
        Self(tables)
    }

    /// Every table's result is the expected one.
    #[track_caller]
    pub fn agree<T: PartialEq + fmt::Debug>(
        &self,
        expected: &T,
        case: impl fmt::Debug,
        mut run: impl FnMut(&Kernels<F>) -> T,
    ) {
        for (tile, kernels) in &self.0 {
            let actual = run(kernels);
            let tier = kernels.tier();
            assert!(
                actual == *expected,
                "{tier}, {tile}, {case:?}: {actual:?}, expected {expected:?}"
            );
        }
    }
}

/// p - 1 in every coordinate.
pub fn minus_one<F: Field>() -> F {
    in_every_coordinate(F::BasePrimeField::NEG_ONE)
}

/// Its Montgomery representation is p - 1 in every coordinate: the largest top limb and the largest
/// product. The lowest limb of both fields is empty.
pub fn largest<F: Field>() -> F {
    in_every_coordinate(F::BasePrimeField::NEG_ONE * montgomery_unit::<F>())
}

/// Its Montgomery representation has all bits set below the top one of p: all limbs full but the top
/// one of a coordinate.
pub fn full<F: Field>() -> F {
    let bits = u64::from(F::BasePrimeField::MODULUS_BIT_SIZE) - 1;
    let ones = F::BasePrimeField::from(2u64).pow([bits]) - F::BasePrimeField::ONE;
    in_every_coordinate(ones * montgomery_unit::<F>())
}

/// `R^-1`, whose Montgomery representation is 1; `R = 2^(64 * words)`.
pub fn montgomery_unit<F: Field>() -> F::BasePrimeField {
    let words = F::BasePrimeField::MODULUS_BIT_SIZE.div_ceil(64);
    let radix = F::BasePrimeField::from(2u64).pow([u64::from(words) * 64]);
    radix.inverse().expect("a power of two is invertible")
}

fn in_every_coordinate<F: Field>(value: F::BasePrimeField) -> F {
    let coordinates = vec![value; F::extension_degree() as usize];
    F::from_base_prime_field_elems(coordinates).expect("one element per coordinate")
}

/// What a slice holds; of integers and of field elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    Zero,
    One,
    /// p - 1, or the top bit alone.
    MinusOne,
    /// The representation p - 1, or all bits.
    Largest,
    /// Full limbs; or all bits and zero in turn, which makes slopes of either sign.
    Full,
    /// One entry that is not zero.
    Single,
    Random,
}

impl Pattern {
    pub const ALL: [Self; 7] = [
        Self::Zero,
        Self::One,
        Self::MinusOne,
        Self::Largest,
        Self::Full,
        Self::Single,
        Self::Random,
    ];

    fn element<F: Field>(self, row: usize, single: usize, rng: &mut StdRng) -> F {
        match self {
            Self::Single if row != single => F::ZERO,
            Self::Zero => F::ZERO,
            Self::One => F::ONE,
            Self::MinusOne => minus_one(),
            Self::Largest => largest(),
            Self::Full => full(),
            Self::Single | Self::Random => F::rand(rng),
        }
    }

    fn integer(self, row: usize, single: usize, bits: u32, rng: &mut StdRng) -> u32 {
        let ones = u32::MAX >> (32 - bits);
        match self {
            Self::Single if row != single => 0,
            Self::Full if row % 2 == 1 => 0,
            Self::Zero => 0,
            Self::One => 1,
            Self::MinusOne => 1 << (bits - 1),
            Self::Largest | Self::Full | Self::Single => ones,
            Self::Random => rng.r#gen::<u32>() & ones,
        }
    }
}

/// Integers that slices are filled with.
pub trait Integer: Copy {
    fn from_word(word: u32) -> Self;
    const BITS: u32;
}

macro_rules! integer {
    ($($type:ty)*) => {$(
        impl Integer for $type {
            const BITS: u32 = <$type>::BITS;
            fn from_word(word: u32) -> Self {
                word as $type
            }
        }
    )*};
}

integer!(u32 u16 u8);

/// One cell of the matrix: two patterns, a number of rows, blocks or pairs, and how far into its
/// buffer every slice begins. Operands take the patterns in turn, the third and fourth the next ones.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub patterns: [usize; 2],
    pub size: usize,
    pub offset: usize,
}

impl Case {
    pub fn pattern(&self, nth: usize) -> Pattern {
        Pattern::ALL[(self.patterns[nth % 2] + nth / 2) % Pattern::ALL.len()]
    }

    fn rng(&self, nth: usize) -> StdRng {
        let [first, second] = self.patterns;
        let words = [first, second, self.size, self.offset, nth];
        rng(words.iter().fold(1, |seed, x| seed * 1009 + *x as u64))
    }

    /// Field elements of the pattern of operand `nth`.
    pub fn elements<F: Field>(&self, nth: usize, len: usize) -> Operand<F> {
        let (pattern, rng) = (self.pattern(nth), &mut self.rng(nth));
        let single = rng.gen_range(0..len.max(1));
        // Special values cost a power each.
        let special: F = pattern.element(single, single, rng);
        let value = |row| match pattern {
            Pattern::Random => F::rand(rng),
            Pattern::Single if row != single => F::ZERO,
            _ => special,
        };
        Operand::new(self.offset, F::ONE, (0..len).map(value))
    }

    /// One field element of the pattern.
    pub fn element<F: Field>(&self, nth: usize) -> F {
        self.pattern(nth).element(0, 0, &mut self.rng(nth))
    }

    /// Integers of the pattern of operand `nth`.
    pub fn integers<X: Integer>(&self, nth: usize, len: usize) -> Operand<X> {
        let (pattern, rng) = (self.pattern(nth), &mut self.rng(nth));
        let single = rng.gen_range(0..len.max(1));
        let value = |row| X::from_word(pattern.integer(row, single, X::BITS, rng));
        Operand::new(self.offset, X::from_word(u32::MAX), (0..len).map(value))
    }
}

/// A slice that begins somewhere in its buffer.
pub struct Operand<T> {
    buffer: Vec<T>,
    offset: usize,
}

impl<T: Copy> Operand<T> {
    fn new(offset: usize, before: T, values: impl Iterator<Item = T>) -> Self {
        let mut buffer = vec![before; offset];
        buffer.extend(values);
        Self { buffer, offset }
    }

    /// What `change` returns of a copy that begins as far into its buffer, and the copy.
    pub fn changed<R>(&self, change: impl FnOnce(&mut [T]) -> R) -> (R, Vec<T>) {
        let mut copy = self.buffer.clone();
        let result = change(&mut copy[self.offset..]);
        (result, copy.split_off(self.offset))
    }
}

impl<T> Deref for Operand<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.buffer[self.offset..]
    }
}

/// `len` random elements.
pub fn elements<F: Field>(len: usize, rng: &mut StdRng) -> Vec<F> {
    (0..len).map(|_| F::rand(rng)).collect()
}

/// `len` random words.
pub fn words(len: usize, rng: &mut StdRng) -> Vec<u32> {
    (0..len).map(|_| rng.r#gen()).collect()
}

/// Instantiates each generic law for both fields.
macro_rules! for_both_fields {
    ($($law:ident),* $(,)?) => {
        mod bn254 {
            $(#[test] fn $law() { super::$law::<ark_bn254::Fr>(); })*
        }
        mod goldilocks2 {
            $(#[test] fn $law() { super::$law::<tracelane_kernels::Goldilocks2>(); })*
        }
    };
}
pub(crate) use for_both_fields;
