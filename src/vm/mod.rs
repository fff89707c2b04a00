//! The machine: state, memory, and one step semantics shared by every pass.
//!
//! In: a [`Program`](crate::program::Program) and an input. Out: a run's result, or a [`Trap`] with
//! its place. It does not know columns or checkpoints: whoever wants rows passes a [`Recorder`].

pub mod alu;
pub mod execute;
pub mod host;
pub mod machine;
pub mod memory;
pub mod pages;
pub mod recorder;
pub mod trap;

pub use host::{DiscardText, TextSink};
pub use machine::{Limits, Machine, RunResult, Stop};
pub use memory::{GuestMemory, MemoryKind, PagedMemory, ReservedMemory};
pub use recorder::{BlockRecorder, NoRecorder, Recorder};
pub use trap::{Fault, Trap, TrapKind};
