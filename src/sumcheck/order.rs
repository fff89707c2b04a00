//! In which order rounds bind variables.
//!
//! In: a round, or the challenges of all rounds. Out: the variable it binds; the point in the one order
//! in which the library gives points, variable 0 first. Variable j is bit j of a row's index. It does
//! not know what is summed.

/// The order in which rounds bind the variables of a row's index: part of what a proof is, so prover
/// and verifier have the same.
///
/// Sweeps and tables are written for low bits first. The other order that chunks allow, top bits inside
/// a chunk first, has pairs of unit stride, but a window's blocks then lie across the chunk and go
/// through memory: folding and binding are slower by it (PERF.md S-9), so there is no variant for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum BindingOrder {
    /// Low bits first, as most provers do: a window is a run of consecutive rows.
    #[default]
    LowFirst,
}

impl BindingOrder {
    /// The variable that round `round` binds.
    #[must_use]
    pub const fn variable(self, round: usize) -> usize {
        match self {
            Self::LowFirst => round,
        }
    }

    /// The point, variable 0 first, of one challenge a round.
    #[must_use]
    pub fn point<F: Copy>(self, challenges: &[F]) -> Vec<F> {
        let mut point = challenges.to_vec();
        for (round, challenge) in challenges.iter().enumerate() {
            point[self.variable(round)] = *challenge;
        }
        point
    }
}
