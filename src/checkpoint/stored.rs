//! The last version of each page that has one in a file being written.
//!
//! In: pages in the order of their checkpoints. Out: whether a page is as it was stored last. Holds 16 bytes
//! and a number a page, O(K), and no page: where a version may be the same, it is read back.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

use super::tail::Tail;
use crate::limits::PAGE_BYTES;

/// See the module's head.
#[derive(Default)]
pub(super) struct StoredPages(HashMap<u32, Version>);

#[derive(Clone, Copy)]
struct Version {
    /// Byte at which it lies.
    at: u64,
    /// Sum of its words: versions of which it differs need not be read to be told apart.
    word_sum: u64,
}

impl StoredPages {
    /// Page `page_index` lies at byte `at` as `bytes`.
    pub fn set(&mut self, page_index: u32, at: u64, bytes: &[u8; PAGE_BYTES]) {
        let word_sum = word_sum(bytes);
        self.0.insert(page_index, Version { at, word_sum });
    }

    /// Whether page `page_index` was stored last as `bytes`, in the file that ends with `tail`; if not, it is taken
    /// to be stored now, at byte `at`.
    ///
    /// # Errors
    /// What the file says.
    pub fn is_stored(
        &mut self,
        page_index: u32,
        bytes: &[u8; PAGE_BYTES],
        at: u64,
        tail: &mut Tail,
    ) -> io::Result<bool> {
        let new = Version {
            at,
            word_sum: word_sum(bytes),
        };
        match self.0.entry(page_index) {
            Entry::Vacant(unknown) => {
                unknown.insert(new);
            }
            Entry::Occupied(mut known) => {
                let last = *known.get();
                if last.word_sum == new.word_sum && tail.is_page(last.at, bytes)? {
                    return Ok(true);
                }
                known.insert(new);
            }
        }
        Ok(false)
    }
}

fn word_sum(bytes: &[u8; PAGE_BYTES]) -> u64 {
    let (words, _) = bytes.as_chunks();
    let words = words.iter().map(|&word| u64::from_le_bytes(word));
    words.fold(0, u64::wrapping_add)
}
