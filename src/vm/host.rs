//! Host calls: what an `ecall` does besides its row.
//!
//! In: the call's registers and guest memory. Out: the new a0, an exit, or a trap. A call changes no
//! guest memory; text goes to a [`TextSink`]. Numbers as on Linux and in the zkVM termination
//! standard: 93 or 0 exit(a0), 64 write(a0 = descriptor, a1 = address, a2 = bytes).

use super::memory::GuestMemory;
use super::trap::TrapKind;
use crate::limits::{NULL_END, PAGE_BYTES, PAGE_BYTES_LOG2};

/// Takes the text a guest writes for people.
pub trait TextSink {
    /// `bytes` were written to `descriptor` (1 or 2). One call of the guest may arrive in pieces.
    fn write_text(&mut self, descriptor: u32, bytes: &[u8]);
}

/// Drops all text; what a replay uses.
#[derive(Clone, Copy, Default, Debug)]
pub struct DiscardText;

impl TextSink for DiscardText {
    fn write_text(&mut self, _descriptor: u32, _bytes: &[u8]) {}
}

impl TextSink for Vec<u8> {
    fn write_text(&mut self, _descriptor: u32, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What a host call leads to.
pub(super) enum Called {
    /// Execution goes on with this a0.
    Return(u32),
    /// The guest ended with this exit code.
    Exit(u32),
}

/// A refused host call: why, and the address concerned.
pub(super) type Refused = (TrapKind, Option<u32>);

/// Carries out host call `number` with arguments `a0` to `a2`.
pub(super) fn call<M: GuestMemory>(
    memory: &M,
    number: u32,
    [a0, a1, a2]: [u32; 3],
    text_bytes: &mut u64,
    text_bytes_max: u64,
    text: &mut dyn TextSink,
) -> Result<Called, Refused> {
    match number {
        0 | 93 => Ok(Called::Exit(a0)),
        64 => {
            if a0 != 1 && a0 != 2 {
                return Err((TrapKind::BadFileDescriptor { descriptor: a0 }, None));
            }
            if a2 > 0 && a1 < NULL_END {
                return Err((TrapKind::NullAddress, Some(a1)));
            }
            if u64::from(a1) + u64::from(a2) > 1 << 32 {
                return Err((TrapKind::TextRange { bytes: a2 }, Some(a1)));
            }
            let limit_bytes = text_bytes_max;
            // A checkpoint may claim any number of bytes written before it.
            let total = text_bytes.checked_add(u64::from(a2));
            let Some(total) = total.filter(|&total| total <= limit_bytes) else {
                return Err((TrapKind::TextLimit { limit_bytes }, None));
            };
            *text_bytes = total;
            for_each_piece(memory, a1, a2, |piece| text.write_text(a0, piece));
            Ok(Called::Return(a2))
        }
        _ => Err((TrapKind::UnknownHostCall { number }, None)),
    }
}

/// Visits `bytes` bytes from `address` page by page; memory nobody wrote reads as zero.
pub(super) fn for_each_piece<M: GuestMemory>(
    memory: &M,
    address: u32,
    bytes: u32,
    mut visit: impl FnMut(&[u8]),
) {
    const ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
    let end = u64::from(address) + u64::from(bytes);
    let mut at = u64::from(address);
    while at < end {
        let offset = at as usize % PAGE_BYTES;
        let count = (PAGE_BYTES - offset).min((end - at) as usize);
        let page = memory
            .page((at >> PAGE_BYTES_LOG2) as u32)
            .unwrap_or(&ZEROS);
        visit(&page[offset..offset + count]);
        at += count as u64;
    }
}
