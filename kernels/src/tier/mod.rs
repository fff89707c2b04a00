//! Tiers: which instructions the kernels are compiled to, and which of them this processor has.

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) mod avx2;
pub(crate) mod portable;
pub(crate) mod scalar;

use crate::lanes::Lanes;
use std::{fmt, str::FromStr};

/// A set of instructions the kernels are compiled for. Results never depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Plain Rust, one lane after the other.
    Scalar,
    /// Crate `wide`, with the instructions the build targets.
    Portable,
    /// AVX2 and BMI2, found at run time.
    Avx2,
}

impl Tier {
    /// Every tier, slowest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Portable, Self::Avx2];

    /// The fastest tier this processor has. Under Miri: the scalar tier.
    pub fn detect() -> Self {
        if cfg!(miri) {
            Self::Scalar
        } else if Self::Avx2.is_available() {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    /// Whether this processor and this build can run the tier.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            // Crate `wide` calls the instructions of the build's target, which Miri does not all know.
            Self::Portable => !cfg!(miri),
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            Self::Avx2 => avx2::Avx2::detect().is_some(),
            #[cfg(not(all(target_arch = "x86_64", not(miri))))]
            Self::Avx2 => false,
        }
    }

    /// The name by which `FromStr` finds the tier.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tier name that is none of `scalar`, `portable`, `avx2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTier;

impl fmt::Display for UnknownTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown tier: expected scalar, portable or avx2")
    }
}

impl std::error::Error for UnknownTier {}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(name: &str) -> Result<Self, UnknownTier> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name() == name)
            .ok_or(UnknownTier)
    }
}

/// How a kernel entry obtains its tier's proof at run time.
pub(crate) trait Obtain: Lanes {
    /// The proof. Panics where the processor lacks the tier; a table for it cannot exist there.
    fn obtain() -> Self;
}

impl Obtain for scalar::Scalar {
    #[inline(always)]
    fn obtain() -> Self {
        Self
    }
}

impl Obtain for portable::Portable {
    #[inline(always)]
    fn obtain() -> Self {
        Self
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
impl Obtain for avx2::Avx2 {
    #[inline(always)]
    fn obtain() -> Self {
        Self::detect().expect("the AVX2 table exists only where AVX2 was detected")
    }
}
