//! Every instruction equals the specification: over edge operands, all aliasings, random operands and
//! random programs.

#[path = "../support/differential.rs"]
mod differential;
#[path = "../support/encode.rs"]
mod encode;
#[path = "../support/instances.rs"]
mod instances;
#[path = "../support/programs.rs"]
mod programs;
#[path = "../support/sites.rs"]
mod sites;
#[path = "../support/spec.rs"]
mod spec;

mod edges;
mod operands;
mod random_programs;
