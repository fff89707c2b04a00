//! In which order rounds bind variables.
//!
//! In: a round. Out: the variable it binds. Variable j is bit j of a row's index, and every point in
//! the library is given in that order, variable 0 first, whatever the rounds do.

/// The order in which rounds bind the variables of a row's index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum BindingOrder {
    /// Low bits first, as most provers do: a window is a run of consecutive rows. Binding the top bits
    /// inside a chunk first would make pairs unit-stride; PERF.md S-9 has why that does not pay.
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
}
