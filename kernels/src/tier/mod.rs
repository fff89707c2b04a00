//! Tiers: which instructions the kernels are compiled to, and which of them this processor has.

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) mod avx2;
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) mod avx512;
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
    /// AVX2, FMA and BMI2, found at run time.
    Avx2,
    /// AVX-512 F and VL beside those, found at run time.
    Avx512,
    /// AVX-512 IFMA beside those, found at run time.
    Ifma,
}

impl Tier {
    /// Every tier, what needs least of the processor first.
    pub const ALL: [Self; 5] = [
        Self::Scalar,
        Self::Portable,
        Self::Avx2,
        Self::Avx512,
        Self::Ifma,
    ];

    /// The fastest tier this processor has. Under Miri: the scalar tier.
    pub fn detect() -> Self {
        if cfg!(miri) {
            Self::Scalar
        } else {
            let mut widest_first = Self::ALL.into_iter().rev();
            widest_first
                .find(|tier| tier.is_available())
                .unwrap_or(Self::Scalar)
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
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            Self::Avx512 => avx512::Avx512::<false>::detect().is_some(),
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            Self::Ifma => avx512::Avx512::<true>::detect().is_some(),
            #[cfg(not(all(target_arch = "x86_64", not(miri))))]
            Self::Avx2 | Self::Avx512 | Self::Ifma => false,
        }
    }

    /// The name by which `FromStr` finds the tier.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Ifma => "ifma",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tier name that is none of `scalar`, `portable`, `avx2`, `avx512`, `ifma`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTier;

impl fmt::Display for UnknownTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown tier: expected scalar, portable, avx2, avx512 or ifma")
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
///
/// A table is chosen once; its function pointers have one type for every tier and so cannot carry the
/// proof. What `obtain` asks on every call is the standard library's cached answer: a load and a
/// test of bits, beside at least a chunk of work.
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

#[cfg(all(target_arch = "x86_64", not(miri)))]
impl<const IFMA: bool> Obtain for avx512::Avx512<IFMA> {
    #[inline(always)]
    fn obtain() -> Self {
        Self::detect().expect("the AVX-512 table exists only where AVX-512 was detected")
    }
}
