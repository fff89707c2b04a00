//! Pages against what the program leaves: what a page is, and whether it is what it is said to be.
//!
//! In: a program, pages, what a checkpoint says of them. Out: the bytes of such a page, or an answer. It
//! allocates nothing, and does not know whose pages they are.

use crate::checkpoint::PageContent;
use crate::limits::PAGE_BYTES;
use crate::program::Program;

const ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// Page `page_index` as the program leaves it. Only asked for pages that can be stored to, so never for
/// one of the input.
pub(super) fn image_of(program: &Program, page_index: u32) -> [u8; PAGE_BYTES] {
    let mut image = ZEROS;
    program.copy_page(page_index, &mut image);
    image
}

/// Whether page `page_index`, which has `bytes`, is as the program leaves it.
fn is_image(program: &Program, page_index: u32, bytes: &[u8; PAGE_BYTES]) -> bool {
    match program.sets_page(page_index) {
        true => *bytes == image_of(program, page_index),
        false => *bytes == ZEROS,
    }
}

/// What page `page_index` is, which has `bytes`: as the program leaves it before zero, before bytes.
pub(super) fn content_of<'a>(
    program: &Program,
    page_index: u32,
    bytes: &'a [u8; PAGE_BYTES],
) -> PageContent<'a> {
    if is_image(program, page_index, bytes) {
        PageContent::Image
    } else if *bytes == ZEROS {
        PageContent::Zero
    } else {
        PageContent::Bytes(bytes)
    }
}

/// Whether page `page_index`, which has `bytes`, is `content`.
pub(super) fn is_content(
    program: &Program,
    page_index: u32,
    bytes: &[u8; PAGE_BYTES],
    content: PageContent<'_>,
) -> bool {
    match content {
        PageContent::Image => is_image(program, page_index, bytes),
        PageContent::Zero => *bytes == ZEROS,
        PageContent::Bytes(expected) => bytes == expected,
    }
}

/// The bytes of page `page_index`, which is `content`.
pub(super) fn bytes_of(
    program: &Program,
    page_index: u32,
    content: PageContent<'_>,
) -> [u8; PAGE_BYTES] {
    match content {
        PageContent::Image => image_of(program, page_index),
        PageContent::Zero => ZEROS,
        PageContent::Bytes(bytes) => *bytes,
    }
}
