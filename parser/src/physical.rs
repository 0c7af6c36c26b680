//! The lines of the file.

use std::slice;

/// Longest line in bytes, without its `\n` (A1.8).
pub(crate) const LONGEST_LINE: usize = 65_535;

/// One line of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PhysicalLine<'a> {
    /// The line with its ending.
    pub(crate) raw: &'a str,
    /// Offset of its first byte.
    pub(crate) start: usize,
    /// Number, from 1.
    pub(crate) number: u32,
}

impl<'a> PhysicalLine<'a> {
    /// The line without `\n` and any number of `\r` (A1.7).
    pub(crate) fn text(&self) -> &'a str {
        let text = self.raw.strip_suffix('\n').unwrap_or(self.raw);
        if text.ends_with('\r') { text.trim_end_matches('\r') } else { text }
    }

    /// True if the line is over the limit.
    pub(crate) fn is_too_long(&self) -> bool {
        self.raw.len() > LONGEST_LINE && self.raw.trim_end_matches('\n').len() > LONGEST_LINE
    }
}

/// Reads a text line by line.
#[derive(Clone, Debug)]
pub(crate) struct PhysicalLines<'a> {
    /// What was not read yet.
    rest: &'a str,
    /// Offsets of the line ends that were not reached yet.
    ends: slice::Iter<'a, u32>,
    /// Where the next line starts.
    start: usize,
    number: u32,
}

impl<'a> PhysicalLines<'a> {
    /// Starts at the first line, behind a byte order mark (A1.6). `ends` are the offsets of all
    /// `\n` of `source`.
    pub(crate) fn new(source: &'a str, ends: &'a [u32]) -> Self {
        let text = source.strip_prefix('\u{feff}').unwrap_or(source);
        let start = source.len().saturating_sub(text.len());
        Self { rest: text, ends: ends.iter(), start, number: 0 }
    }

    /// Where the next line starts.
    pub(crate) const fn start(&self) -> usize {
        self.start
    }

    /// Number of the last line read.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }
}

impl<'a> Iterator for PhysicalLines<'a> {
    type Item = PhysicalLine<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<PhysicalLine<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let start = self.start;
        let length = self.ends.next().map_or(self.rest.len(), |at| *at as usize + 1 - start);
        let (raw, rest) = self.rest.split_at_checked(length)?;
        self.number = self.number.saturating_add(1);
        self.start = start + length;
        self.rest = rest;
        Some(PhysicalLine { raw, start, number: self.number })
    }
}
