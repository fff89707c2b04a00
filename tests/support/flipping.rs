//! A guest that changes two pages back and forth: to what it was loaded with, to zero, to what was
//! there before, and to something new.

use crate::encode::{self, ECALL, elf, li};

/// A page that the file begins with [`LOADED`], and one that it does not set.
const PAGES: [u32; 2] = [0x2_0000, 0x3_0000];
const LOADED: u32 = 7;

/// The ELF file; it stores `stores` times, five instructions each, and exits with 0.
pub fn flipping(stores: usize) -> Vec<u8> {
    let mut words = Vec::new();
    let mut random = 1u32;
    for _ in 0..stores {
        random = random.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        let page = PAGES[(random >> 30) as usize % 2];
        let value = [LOADED, 0, 1, 2, 0, LOADED][(random >> 20) as usize % 6];
        words.extend(li(5, page));
        words.extend(li(6, value));
        words.push(encode::store(2, 5, 6, 0));
    }
    words.extend(li(17, 93));
    words.extend(li(10, 0));
    words.push(ECALL);
    let mut page = vec![0; 64];
    page[..4].copy_from_slice(&LOADED.to_le_bytes());
    let loaded = encode::data(PAGES[0], &page, true);
    let empty = encode::data(PAGES[1], &[0; 4], true);
    elf(
        0x1_0000,
        &[encode::text(0x1_0000, &words), loaded, empty],
        &[],
    )
}
