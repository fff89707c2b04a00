//! One file per command; each takes its options and prints its result.

pub mod checkpoint;
pub mod count;
pub mod inspect;
pub mod prove;
pub mod rows;
pub mod thin;
pub mod verify;
