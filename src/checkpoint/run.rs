//! Pages that follow each other, and lie together in a store.
//!
//! In: where they lie. Out: their bytes, where the caller wants them.

use super::PageContent;
use super::file::CheckpointFile;
use crate::limits::PAGE_BYTES;

/// What one page is, or several that follow each other.
#[derive(Clone, Copy)]
pub struct PageRun<'a>(Kind<'a>);

#[derive(Clone, Copy)]
enum Kind<'a> {
    One(PageContent<'a>),
    Stored {
        file: &'a CheckpointFile,
        offset: u64,
        count: usize,
    },
}

impl<'a> PageRun<'a> {
    /// One page.
    #[must_use]
    pub fn of(content: PageContent<'a>) -> Self {
        Self(Kind::One(content))
    }

    /// `count` pages of `file`, from byte `offset` on.
    pub(super) fn stored(file: &'a CheckpointFile, offset: u64, count: usize) -> Self {
        Self(Kind::Stored {
            file,
            offset,
            count,
        })
    }

    /// Number of pages.
    #[must_use]
    pub fn count(&self) -> usize {
        match self.0 {
            Kind::One(_) => 1,
            Kind::Stored { count, .. } => count,
        }
    }

    /// Whether the pages are as the program leaves them.
    #[must_use]
    pub fn is_image(&self) -> bool {
        matches!(self.0, Kind::One(PageContent::Image))
    }

    /// Fills `to` with the bytes from byte `at` on; zeros where the pages are
    /// [as the program leaves them](PageRun::is_image).
    ///
    /// # Panics
    /// If the pages have fewer.
    pub fn copy(&self, at: usize, to: &mut [u8]) {
        assert!(
            at + to.len() <= self.count() * PAGE_BYTES,
            "bytes of the run"
        );
        match self.0 {
            Kind::One(PageContent::Bytes(bytes)) => {
                to.copy_from_slice(&bytes[at..at + to.len()]);
            }
            Kind::One(PageContent::Image | PageContent::Zero) => to.fill(0),
            Kind::Stored { file, offset, .. } => file.copy(offset + at as u64, to),
        }
    }
}
