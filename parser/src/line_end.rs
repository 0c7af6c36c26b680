//! Where the lines of a text end, found 64 bytes at a time.
//!
//! Lines of a Dockerfile are short and of any length. A search that starts anew for each of them
//! spends its time on starting, and on guessing wrong where it will stop. Here all of a text is
//! compared block by block, with no branch that depends on what is in it.

use std::array;
use wide::u8x16;

/// Bytes compared at once: as many as a mask has bits.
const BLOCK: usize = 64;
const LANES: usize = 16;

/// Line ends noted at once. Few blocks have more.
const USUAL: usize = 4;

/// The offsets of the `\n` of a text, in ascending order. They fit into 32 bits if the text is not
/// longer than [`LONGEST_FILE`](crate::buffer::LONGEST_FILE).
pub(crate) fn line_ends(text: &str) -> Vec<u32> {
    let mut offset = 0_u32;
    let (blocks, rest) = text.as_bytes().as_chunks();
    let mut ends = Vec::with_capacity((blocks.len() + 1) * USUAL);
    for block in blocks {
        note(&mut ends, mask(block), offset);
        offset = offset.saturating_add(u32::BITS * 2);
    }
    note(&mut ends, mask(&padded(rest)), offset);
    ends
}

/// Adds the places of the bits that are set, counted from `offset`.
#[inline]
fn note(ends: &mut Vec<u32>, mut mask: u64, offset: u32) {
    loop {
        let mut length = ends.len();
        let next: [u32; USUAL] = array::from_fn(|_| {
            let at = mask.trailing_zeros();
            length += usize::from(mask != 0);
            mask &= mask.wrapping_sub(1);
            offset.wrapping_add(at)
        });
        ends.extend_from_slice(&next);
        ends.truncate(length);
        if mask == 0 {
            break;
        }
    }
}

/// A bit for each `\n`, the lowest for the first byte.
#[inline]
fn mask(block: &[u8; BLOCK]) -> u64 {
    let wanted = u8x16::splat(b'\n');
    let (quarters, _) = block.as_chunks::<LANES>();
    quarters.iter().rev().fold(0, |mask, quarter| {
        let equal = u8x16::new(*quarter).simd_eq(wanted).to_bitmask();
        mask << LANES | u64::from(equal)
    })
}

/// The last bytes of a text, fewer than a block, with zeros behind them.
fn padded(text: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(text) {
        *to = *from;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_are_found_in_order(text in "(\n{0,9}[a-z\r日]{0,90}){0,9}") {
            let found: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
            let ends: Vec<usize> = line_ends(&text).into_iter().map(|at| at as usize).collect();
            prop_assert_eq!(ends, found);
        }
    }
}
