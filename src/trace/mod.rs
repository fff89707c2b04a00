//! Witness columns: which there are ([`columns`]), the buffer that holds a chunk of them
//! ([`chunk`]), how execution fills it ([`record`]), and what a sweep hands out ([`view`]).

pub mod chunk;
pub mod columns;
mod raw;
pub mod record;
pub mod view;
