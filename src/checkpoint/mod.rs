//! Checkpoints: temporary in-tree shape until the store lands.
use std::collections::BTreeMap;

/// State before cycle `i * interval`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckpointState {
    /// Retired instructions.
    pub cycle: u64,
    /// Next pc.
    pub pc: u32,
    /// Registers.
    pub registers: [u32; 32],
    /// Text bytes.
    pub text_bytes: u64,
    /// Backed pages.
    pub backed_pages: u64,
}
/// Identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunIdentity {
    /// Program.
    pub program_digest: [u8; 32],
    /// Input.
    pub input_digest: [u8; 32],
    /// Interval.
    pub interval: u64,
}
/// Error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {}
/// Sink.
pub trait CheckpointSink {
    /// Append.
    fn append(
        &mut self,
        state: &CheckpointState,
        dirty_digest: [u8; 32],
        dirty: &mut dyn Iterator<Item = (u32, &[u8; 4096])>,
    ) -> Result<(), StoreError>;
}
/// Source.
pub trait CheckpointSource: Sync {
    /// Identity.
    fn identity(&self) -> &RunIdentity;
    /// State i.
    fn state(&self, index: usize) -> CheckpointState;
    /// Digest.
    fn dirty_digest(&self, index: usize) -> [u8; 32];
    /// Pages at i.
    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, &[u8; 4096]));
    /// Input.
    fn input(&self) -> &[u8];
    /// Result.
    fn result(&self) -> &crate::vm::RunResult;
}
/// Mem.
pub struct Mem {
    /// a
    pub identity: RunIdentity,
    /// a
    pub input: Vec<u8>,
    /// a
    pub result: Option<crate::vm::RunResult>,
    /// a
    pub records: Vec<(CheckpointState, [u8; 32], BTreeMap<u32, Box<[u8; 4096]>>)>,
}
impl CheckpointSink for Mem {
    fn append(
        &mut self,
        state: &CheckpointState,
        dirty_digest: [u8; 32],
        dirty: &mut dyn Iterator<Item = (u32, &[u8; 4096])>,
    ) -> Result<(), StoreError> {
        self.records.push((
            *state,
            dirty_digest,
            dirty.map(|(i, b)| (i, Box::new(*b))).collect(),
        ));
        Ok(())
    }
}
impl CheckpointSource for Mem {
    fn identity(&self) -> &RunIdentity {
        &self.identity
    }
    fn state(&self, index: usize) -> CheckpointState {
        self.records[index].0
    }
    fn dirty_digest(&self, index: usize) -> [u8; 32] {
        self.records[index].1
    }
    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, &[u8; 4096])) {
        for r in &self.records[..=index] {
            for (i, b) in &r.2 {
                visit(*i, b);
            }
        }
    }
    fn input(&self) -> &[u8] {
        &self.input
    }
    fn result(&self) -> &crate::vm::RunResult {
        self.result.as_ref().unwrap()
    }
}
