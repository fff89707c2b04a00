//! One file per command; each takes its options and prints its result.

pub mod checkpoint;
pub mod count;
pub mod diff;
pub mod export;
pub mod inspect;
pub mod prove;
pub mod rows;
pub mod seek;
pub mod thin;
pub mod verify;
