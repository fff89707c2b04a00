//! The laws of the kernels.
//!
//! `matrix`: every kernel equals its reference on every tier, tile, field, pattern, length and offset.
//! `bounds`: every kernel is exact at the largest sums it allows. Both match over [`Kernel`], so a
//! kernel without laws does not compile; tiers are those of `Tier::ALL`. The other modules hold what
//! is no comparison of one kernel with its twin.
//!
//! [`Kernel`]: tracelane_kernels::Kernel

mod bounds;
mod cases;
mod cuts;
mod elements;
mod matrix;
mod refusals;
mod signed;
mod tiers;
