//! Memory for the others: one flat vector up to the end of the output's first pages, their fastest.
//!
//! In: a program and its input. Out: [`Flat`], which is rvsim's memory and rrs-lib's.

use rrs_lib::MemAccessSize;
use rvsim::MemoryAccess;
use tracelane::Program;
use tracelane::limits::{INPUT_BASE, OUTPUT_BASE, REGION_HEADER_BYTES};

/// Bytes of the vector; nothing of it is touched, and so backed, that the guest does not touch.
const MEMORY_BYTES: usize = OUTPUT_BASE as usize + (64 << 20);

/// The vector.
pub struct Flat(pub Vec<u8>);

impl Flat {
    /// Program and input as they lie before the first cycle.
    pub fn new(program: &Program, input: &[u8]) -> Self {
        let mut bytes = vec![0; MEMORY_BYTES];
        for segment in program.segments() {
            let at = segment.address as usize;
            bytes[at..at + segment.file.len()].copy_from_slice(&segment.file);
        }
        let at = INPUT_BASE as usize;
        bytes[at..at + 4].copy_from_slice(&(input.len() as u32).to_le_bytes());
        let at = at + REGION_HEADER_BYTES as usize;
        bytes[at..at + input.len()].copy_from_slice(input);
        Self(bytes)
    }

    /// The word at `address`.
    pub fn word(&self, address: u32) -> u32 {
        let at = address as usize;
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }
}

impl rvsim::Memory for Flat {
    fn access<T: Copy>(&mut self, address: u32, access: MemoryAccess<T>) -> bool {
        rvsim::Memory::access(self.0.as_mut_slice(), address, access)
    }
}

impl rrs_lib::Memory for Flat {
    fn read_mem(&mut self, address: u32, size: MemAccessSize) -> Option<u32> {
        let at = address as usize;
        Some(match size {
            MemAccessSize::Byte => u32::from(*self.0.get(at)?),
            MemAccessSize::HalfWord => {
                u32::from(u16::from_le_bytes(self.0.get(at..at + 2)?.try_into().ok()?))
            }
            MemAccessSize::Word => u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?),
        })
    }

    fn write_mem(&mut self, address: u32, size: MemAccessSize, value: u32) -> bool {
        let width = match size {
            MemAccessSize::Byte => 1,
            MemAccessSize::HalfWord => 2,
            MemAccessSize::Word => 4,
        };
        let at = address as usize;
        let Some(bytes) = self.0.get_mut(at..at + width) else {
            return false;
        };
        bytes.copy_from_slice(&value.to_le_bytes()[..width]);
        true
    }
}
