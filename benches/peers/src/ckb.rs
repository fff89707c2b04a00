//! A memory for ckb-vm that has room for our guests: its own end at 4 MiB.
//!
//! In and out: as ckb-vm's `FlatMemory`, but for the size, and without page flags, of which a flat
//! memory only keeps a record. Leaves ckb-vm less to do than it has with its own.

use ckb_vm::{Bytes, Error, Memory, RISCV_PAGESIZE};
use tracelane::Program;

use crate::flat::Flat;

/// A flat vector.
pub struct CkbMemory {
    bytes: Vec<u8>,
    reservation: u32,
}

impl CkbMemory {
    /// Program and input as they lie before the first cycle.
    pub fn new(program: &Program, input: &[u8]) -> Self {
        Self {
            bytes: Flat::new(program, input).0,
            reservation: u32::MAX,
        }
    }

    #[inline(always)]
    fn load<const WIDTH: usize>(&self, address: u64) -> Result<[u8; WIDTH], Error> {
        let bytes = self.bytes.get(address as usize..);
        let bytes = bytes.and_then(<[u8]>::first_chunk);
        bytes.copied().ok_or(Error::MemOutOfBound)
    }

    #[inline(always)]
    fn range(&mut self, address: u64, length: u64) -> Result<&mut [u8], Error> {
        let end = address.checked_add(length).ok_or(Error::MemOutOfBound)?;
        let range = address as usize..end as usize;
        self.bytes.get_mut(range).ok_or(Error::MemOutOfBound)
    }
}

impl Memory for CkbMemory {
    type REG = u32;

    fn new() -> Self {
        Self::new_with_memory(0)
    }

    /// Empty, whatever the size: the caller puts a full one in its place.
    fn new_with_memory(_: usize) -> Self {
        Self {
            bytes: Vec::new(),
            reservation: u32::MAX,
        }
    }

    fn init_pages(
        &mut self,
        address: u64,
        size: u64,
        _: u8,
        source: Option<Bytes>,
        offset: u64,
    ) -> Result<(), Error> {
        ckb_vm::memory::fill_page_data(self, address, size, source, offset)
    }

    fn fetch_flag(&mut self, _: u64) -> Result<u8, Error> {
        Ok(0)
    }

    fn set_flag(&mut self, _: u64, _: u8) -> Result<(), Error> {
        Ok(())
    }

    fn clear_flag(&mut self, _: u64, _: u8) -> Result<(), Error> {
        Ok(())
    }

    fn memory_size(&self) -> usize {
        self.bytes.len() / RISCV_PAGESIZE * RISCV_PAGESIZE
    }

    fn store_byte(&mut self, address: u64, size: u64, value: u8) -> Result<(), Error> {
        self.range(address, size).map(|bytes| bytes.fill(value))
    }

    fn store_bytes(&mut self, address: u64, value: &[u8]) -> Result<(), Error> {
        let bytes = self.range(address, value.len() as u64)?;
        bytes.copy_from_slice(value);
        Ok(())
    }

    fn load_bytes(&mut self, address: u64, size: u64) -> Result<Bytes, Error> {
        self.range(address, size)
            .map(|bytes| Bytes::copy_from_slice(bytes))
    }

    fn execute_load16(&mut self, address: u64) -> Result<u16, Error> {
        self.load(address).map(u16::from_le_bytes)
    }

    fn execute_load32(&mut self, address: u64) -> Result<u32, Error> {
        self.load(address).map(u32::from_le_bytes)
    }

    #[inline(always)]
    fn load8(&mut self, address: &u32) -> Result<u32, Error> {
        let value = self.load(u64::from(*address)).map(u8::from_le_bytes);
        value.map(u32::from)
    }

    #[inline(always)]
    fn load16(&mut self, address: &u32) -> Result<u32, Error> {
        let value = self.load(u64::from(*address)).map(u16::from_le_bytes);
        value.map(u32::from)
    }

    #[inline(always)]
    fn load32(&mut self, address: &u32) -> Result<u32, Error> {
        self.load(u64::from(*address)).map(u32::from_le_bytes)
    }

    /// No instruction of RV32 loads eight bytes.
    fn load64(&mut self, _: &u32) -> Result<u32, Error> {
        Err(Error::MemOutOfBound)
    }

    #[inline(always)]
    fn store8(&mut self, address: &u32, value: &u32) -> Result<(), Error> {
        self.store_bytes(u64::from(*address), &value.to_le_bytes()[..1])
    }

    #[inline(always)]
    fn store16(&mut self, address: &u32, value: &u32) -> Result<(), Error> {
        self.store_bytes(u64::from(*address), &value.to_le_bytes()[..2])
    }

    #[inline(always)]
    fn store32(&mut self, address: &u32, value: &u32) -> Result<(), Error> {
        self.store_bytes(u64::from(*address), &value.to_le_bytes())
    }

    /// No instruction of RV32 stores eight bytes.
    fn store64(&mut self, _: &u32, _: &u32) -> Result<(), Error> {
        Err(Error::MemOutOfBound)
    }

    fn lr(&self) -> &u32 {
        &self.reservation
    }

    fn set_lr(&mut self, value: &u32) {
        self.reservation = *value;
    }
}
