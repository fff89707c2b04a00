//! Which version of a page is the newest at a checkpoint.
//!
//! In: stored pages in the order of their checkpoints. Out: one version per page. 16 bytes a stored
//! page; it does not hold pages.

/// One stored version of a page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Version {
    page_index: u32,
    checkpoint: u32,
    /// Where the store keeps its bytes.
    location: u64,
}

/// All stored versions of one run.
#[derive(Default, Debug)]
pub struct PageIndex {
    /// Sorted by page, then by checkpoint, once [`sort`](PageIndex::sort) was called.
    versions: Vec<Version>,
}

impl PageIndex {
    /// Page `page_index` was stored with `checkpoint`, at `location`.
    pub fn push(&mut self, page_index: u32, checkpoint: usize, location: u64) {
        let checkpoint = u32::try_from(checkpoint).expect("fewer than 2^32 checkpoints");
        self.versions.push(Version {
            page_index,
            checkpoint,
            location,
        });
    }

    /// No more versions come.
    pub fn sort(&mut self) {
        self.versions.sort_unstable();
    }

    /// Location of the newest version at `checkpoint` of page `page_index`, if it was stored up to then.
    pub fn newest_of(&self, page_index: u32, checkpoint: usize) -> Option<u64> {
        let upto = |version: &Version| {
            (version.page_index, version.checkpoint as usize) <= (page_index, checkpoint)
        };
        let count = self.versions.partition_point(upto);
        let newest = self.versions[..count].last()?;
        (newest.page_index == page_index).then_some(newest.location)
    }

    /// Page and location of the newest version at `checkpoint` of every page stored up to then.
    pub fn newest(&self, checkpoint: usize) -> impl Iterator<Item = (u32, u64)> {
        let pages = self.versions.chunk_by(|a, b| a.page_index == b.page_index);
        pages.filter_map(move |versions| {
            let count =
                versions.partition_point(|version| version.checkpoint as usize <= checkpoint);
            let newest = versions[..count].last()?;
            Some((newest.page_index, newest.location))
        })
    }
}
