//! Changes: which pages are others at each checkpoint, and how many of their bytes are new.
//!
//! In: checkpoints, and the program where bytes are to be counted (only it says what a page was
//! before its first version). Out: one list of pages a checkpoint, in order. Holds the last version of
//! every page while it counts bytes, O(K), and nothing otherwise. It executes nothing.

use std::collections::HashMap;

use super::image::{bytes_of, image_of};
use crate::checkpoint::{CheckpointSource, StoreError};
use crate::limits::PAGE_BYTES;
use crate::program::Program;

/// A page that changed since the checkpoint before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredPage {
    /// Its address divided by [`PAGE_BYTES`].
    pub page_index: u32,
    /// How many of its bytes differ from its last version, where bytes are counted.
    pub changed_bytes: Option<u32>,
}

/// Visits every checkpoint of `source` in order: its index, and the pages that changed since the one
/// before, by ascending index. They hold if this returns `Ok`.
///
/// # Errors
/// [`StoreError::Changed`].
pub fn for_each_checkpoint(
    source: &dyn CheckpointSource,
    program: Option<&Program>,
    visit: &mut dyn FnMut(usize, &[StoredPage]),
) -> Result<(), StoreError> {
    let mut versions = HashMap::<u32, Box<[u8; PAGE_BYTES]>>::new();
    let mut pages = Vec::new();
    for checkpoint in 0..source.count() {
        pages.clear();
        source.for_each_changed_page(checkpoint, &mut |page_index, content| {
            let changed_bytes = program.map(|program| {
                let image = || Box::new(image_of(program, page_index));
                let bytes = Box::new(bytes_of(program, page_index, content));
                let version = versions.entry(page_index).or_insert_with(image);
                let pairs = version.iter().zip(bytes.iter());
                let count = pairs.filter(|(before, after)| before != after).count();
                *version = bytes;
                count as u32
            });
            pages.push(StoredPage {
                page_index,
                changed_bytes,
            });
        });
        visit(checkpoint, &pages);
    }
    source.check_unchanged()
}
