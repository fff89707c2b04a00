//! SIMD field kernels over integer columns.
//!
//! In: slices of `u32`, `u16`, `u8` or bits, and weights in a field. Out: field elements, exact and
//! the same on every tier. This crate knows slices and fields only: no machine words, no files, no
//! threads; no kernel allocates, and nothing reads the environment.
//!
//! Start at [`Kernels::detect`], build [`WeightPlanes`] from a point, and fold a column:
//!
//! ```
//! use ark_bn254::Fr;
//! use tracelane_kernels::{Kernels, eq_planes};
//!
//! let kernels = Kernels::<Fr>::detect();
//! let planes = eq_planes(&[Fr::from(3u64), Fr::from(5u64)]);
//! let column = [7u32, 0, 0, 0];
//! // eq((3, 5), 0) = (1 - 3)(1 - 5) = 8.
//! assert_eq!(kernels.dot_u32(planes.view(), &column), Fr::from(56u64));
//! ```
//!
//! Rooms: [`field`] (limbs and reductions), `lanes`, `word_lanes` and `tier` (the vector vocabularies and
//! who speaks them), `planes`, one file per kernel family, `table` (where tier and algorithm meet), and
//! [`mod@reference`] (a slow twin of every kernel).

#![allow(
    clippy::needless_range_loop,
    reason = "a limb or column index walks several arrays at once, and shows which"
)]

mod axpy;
mod columns;
mod dot;
mod dot_double;
pub mod field;
mod fold;
mod grid;
mod grid_double;
mod grid_int;
mod grid_range;
mod lanes;
mod planes;
mod prefix;
mod prefix_short;
pub mod reference;
mod round;
mod table;
mod tier;
mod word_lanes;

pub use axpy::AxpySums;
pub use columns::{Combine, Signs, SubWord};
pub use dot::Cell;
pub use field::{Goldilocks, Goldilocks2, WeightField};
pub use fold::EqFactors;
pub use grid::{MAX_DEGREE, MAX_WINDOW, grid_points};
pub use grid_int::{GridColumn, WindowGrid};
pub use grid_range::{MAX_GRID_COLUMNS, ValueRange, grid_fits, value_bits};
pub use lanes::GROUP_ROWS;
pub use planes::{PlanesView, WeightPlanes, eq_planes, eq_table};
pub use prefix::MAX_PREFIX_LOG2;
#[doc(hidden)]
pub use table::Kernel;
pub use table::{ChunkKernels, Kernels};
pub use tier::{Tier, UnknownTier};
