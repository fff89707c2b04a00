//! Witness columns: which there are ([`columns`]) and how a sweep hands them out ([`view`]).

pub mod columns;
pub mod view;
