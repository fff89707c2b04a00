//! Which version of a page is the newest at a checkpoint.
//!
//! In: what became of written pages, in the order of their checkpoints; each claim is held against the
//! ones before. Out: one version per page. 16 bytes a change; it does not hold pages.

use std::collections::HashMap;

/// Where the bytes of a version are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// In the store, here.
    At(u64),
    /// In the program.
    Image,
    /// They are zero.
    Zero,
}

/// What a checkpoint says of a page that was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// Its bytes are stored here.
    Bytes(u64),
    /// It is as its last version that has bytes in the store.
    Stored,
    /// It is as the program leaves it.
    Image,
    /// It is zero.
    Zero,
}

/// What is known of a page up to the last checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Place of its last version that has bytes in the store.
    pub stored: Option<u64>,
    /// Its newest version.
    pub newest: Location,
}

/// One version of a page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Version {
    page_index: u32,
    checkpoint: u32,
    /// A byte or a number of a page in the store, or one of the two below.
    location: u64,
}

const IMAGE: u64 = u64::MAX;
const ZERO: u64 = u64::MAX - 1;

impl Version {
    fn location(&self) -> Location {
        match self.location {
            IMAGE => Location::Image,
            ZERO => Location::Zero,
            at => Location::At(at),
        }
    }
}

/// A [`PageIndex`] being made.
#[derive(Default, Debug)]
pub struct IndexBuilder {
    versions: Vec<Version>,
    known: HashMap<u32, Known>,
}

impl IndexBuilder {
    /// Page `page_index` was written before `checkpoint`.
    ///
    /// # Errors
    /// What of `claim` contradicts the checkpoints before.
    pub fn push(
        &mut self,
        page_index: u32,
        checkpoint: usize,
        claim: Claim,
    ) -> Result<(), &'static str> {
        let checkpoint = u32::try_from(checkpoint).map_err(|_| "number of checkpoints")?;
        let known = self.known.entry(page_index).or_insert(Known {
            stored: None,
            newest: Location::Image,
        });
        let newest = match claim {
            Claim::Bytes(at) => {
                known.stored = Some(at);
                Location::At(at)
            }
            Claim::Stored => Location::At(known.stored.ok_or("a page as it was stored last")?),
            Claim::Image => Location::Image,
            Claim::Zero => Location::Zero,
        };
        if newest != known.newest {
            known.newest = newest;
            self.versions.push(Version {
                page_index,
                checkpoint,
                location: match newest {
                    Location::At(at) => at,
                    Location::Image => IMAGE,
                    Location::Zero => ZERO,
                },
            });
        }
        Ok(())
    }

    /// Where the last version of page `page_index` lies that has bytes in the store.
    pub fn stored(&self, page_index: u32) -> Option<u64> {
        self.known.get(&page_index)?.stored
    }

    /// No more checkpoints come.
    pub fn finish(mut self) -> PageIndex {
        self.versions.sort_unstable();
        PageIndex {
            versions: self.versions,
        }
    }

    /// What is known of every page that was written, by ascending index.
    pub fn into_known(self) -> Vec<(u32, Known)> {
        let mut known: Vec<_> = self.known.into_iter().collect();
        known.sort_unstable_by_key(|&(page_index, _)| page_index);
        known
    }
}

/// The newest of a page's versions at `checkpoint`.
fn newest_of(versions: &[Version], checkpoint: usize) -> Option<&Version> {
    let count = versions.partition_point(|version| version.checkpoint as usize <= checkpoint);
    versions[..count].last()
}

/// All versions of the pages of one run.
#[derive(Default, Debug)]
pub struct PageIndex {
    /// Sorted by page, then by checkpoint.
    versions: Vec<Version>,
}

impl PageIndex {
    /// Newest version at `checkpoint` of page `page_index`; of the program, if it never changed.
    pub fn newest_of(&self, page_index: u32, checkpoint: usize) -> Location {
        self.upto(page_index, checkpoint)
            .map_or(Location::Image, Version::location)
    }

    /// Version of page `page_index` that came with `checkpoint`, if one did.
    pub fn changed_to(&self, page_index: u32, checkpoint: usize) -> Option<Location> {
        let newest = self.upto(page_index, checkpoint)?;
        (newest.checkpoint as usize == checkpoint).then(|| newest.location())
    }

    fn upto(&self, page_index: u32, checkpoint: usize) -> Option<&Version> {
        let upto = |version: &Version| {
            (version.page_index, version.checkpoint as usize) <= (page_index, checkpoint)
        };
        let count = self.versions.partition_point(upto);
        let newest = self.versions[..count].last()?;
        (newest.page_index == page_index).then_some(newest)
    }

    /// Newest version at `checkpoint` of every page that had changed up to then, by ascending index.
    pub fn newest(&self, checkpoint: usize) -> impl Iterator<Item = (u32, Location)> {
        self.pages().filter_map(move |versions| {
            let newest = newest_of(versions, checkpoint)?;
            Some((newest.page_index, newest.location()))
        })
    }

    /// Newest version at `checkpoint` of every page of which it is another than at `base`, by ascending index.
    pub fn others(&self, base: usize, checkpoint: usize) -> impl Iterator<Item = (u32, Location)> {
        self.pages().filter_map(move |versions| {
            let [before, now] = [base, checkpoint].map(|checkpoint| {
                newest_of(versions, checkpoint).map_or(Location::Image, Version::location)
            });
            (now != before).then_some((versions[0].page_index, now))
        })
    }

    /// The versions of each page.
    fn pages(&self) -> impl Iterator<Item = &[Version]> {
        self.versions.chunk_by(|a, b| a.page_index == b.page_index)
    }
}
