//! The lines of the file.

use memchr::memchr;

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
    /// What was not read yet, and where it starts.
    rest: &'a str,
    offset: usize,
    number: u32,
}

impl<'a> PhysicalLines<'a> {
    /// Starts at the first line, behind a byte order mark (A1.6).
    pub(crate) fn new(source: &'a str) -> Self {
        let rest = source.strip_prefix('\u{feff}').unwrap_or(source);
        Self { rest, offset: source.len().saturating_sub(rest.len()), number: 0 }
    }

    /// Number of the last line read.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }
}

impl<'a> Iterator for PhysicalLines<'a> {
    type Item = PhysicalLine<'a>;

    #[inline]
    fn next(&mut self) -> Option<PhysicalLine<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.rest.as_bytes()).map_or(self.rest.len(), |at| at + 1);
        let (raw, rest) = self.rest.split_at_checked(end)?;
        self.number = self.number.saturating_add(1);
        let line = PhysicalLine { raw, start: self.offset, number: self.number };
        self.offset += end;
        self.rest = rest;
        Some(line)
    }
}
