//! What became of a written page, and one digest over all of them.
//!
//! In: digests of written pages, and of the pages that the program leaves. Out: whether a page must be
//! stored. Memory: two digests per page the run ever wrote, O(K).

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::limits::PAGE_BYTES;

/// BLAKE3 of a page of zeros.
pub fn zero_digest() -> &'static [u8; 32] {
    static DIGEST: LazyLock<[u8; 32]> =
        LazyLock::new(|| *blake3::hash(&[0; PAGE_BYTES]).as_bytes());
    &DIGEST
}

/// What the checkpoints of a run know of its pages.
#[derive(Default)]
pub struct PageVersions {
    pages: HashMap<u32, Digests>,
}

/// A page as the program leaves it, and as it was stored last.
struct Digests {
    image: [u8; 32],
    stored: Option<[u8; 32]>,
}

/// What a written page is now. Where several hold, it is the first of them, so that it follows from
/// the run and the interval alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageChange {
    /// As the program leaves it.
    Image,
    /// Zero.
    Zero,
    /// As it was stored last.
    Stored,
    /// Something else: it must be stored.
    New,
}

impl PageVersions {
    /// What page `page_index` is, which has `digest` now. If it is new, it is taken to be stored.
    /// `image` gives the digest of the page as the program leaves it, and is asked for once a page.
    pub fn change(
        &mut self,
        page_index: u32,
        digest: [u8; 32],
        image: impl FnOnce() -> [u8; 32],
    ) -> PageChange {
        let known = self.pages.entry(page_index).or_insert_with(|| Digests {
            image: image(),
            stored: None,
        });
        if known.image == digest {
            PageChange::Image
        } else if *zero_digest() == digest {
            PageChange::Zero
        } else if known.stored == Some(digest) {
            PageChange::Stored
        } else {
            known.stored = Some(digest);
            PageChange::New
        }
    }

    /// The program leaves page `page_index` as `image` says, and it was last stored as `stored` says.
    pub fn set(&mut self, page_index: u32, image: [u8; 32], stored: Option<[u8; 32]>) {
        self.pages.insert(page_index, Digests { image, stored });
    }
}

/// BLAKE3 over numbers and digests of the pages written since the checkpoint before.
///
/// Which pages these are follows from the guest's stores alone, so a replay comes to the same
/// digest, whatever was restored before it; and those of two intervals give that of both together.
#[derive(Default)]
pub struct WrittenDigest(blake3::Hasher);

impl WrittenDigest {
    /// Adds a page; pages come by ascending index.
    pub fn add(&mut self, page_index: u32, digest: &[u8; 32]) {
        self.0.update(&page_index.to_le_bytes());
        self.0.update(digest);
    }

    /// The digest.
    #[must_use]
    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
