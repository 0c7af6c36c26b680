//! The lines of a file, as the parser sees them.

/// A blank that words have between them.
pub(crate) const BLANKS: [char; 2] = [' ', '\t'];

/// One line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Offset of its first byte.
    pub(crate) start: usize,
    /// Without its end.
    pub(crate) text: &'a str,
    /// `\n`, with any number of `\r` in front, or nothing.
    pub(crate) end: &'a str,
}

impl<'a> Line<'a> {
    /// Offset behind the line end.
    pub(crate) const fn behind(&self) -> usize {
        self.start + self.text.len() + self.end.len()
    }

    /// True if nothing but white space is on it.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim_start().is_empty()
    }

    /// The comment without white space around, if there is nothing else on the line.
    pub(crate) fn comment(&self) -> Option<&'a str> {
        Some(self.text.trim()).filter(|text| text.starts_with('#'))
    }

    /// What is in front of the mark that an instruction goes on, or nothing if it does not: the escape
    /// character at the end, unless another one takes its meaning away (A1.4).
    pub(crate) fn without_mark(&self, escape: char) -> Option<&'a str> {
        let text = self.text.trim_end_matches(BLANKS).strip_suffix(escape)?;
        (!text.ends_with(escape)).then_some(text)
    }

    /// How far the text is from the left edge: a tab leads to the next multiple of `width`.
    pub(crate) fn indent(&self, width: usize) -> usize {
        let blanks = self.text.chars().take_while(|c| BLANKS.contains(c));
        blanks.fold(0, |at, c| if c == '\t' { (at / width + 1) * width } else { at + 1 })
    }
}

/// The lines from `start` on.
pub(crate) fn lines(source: &str, start: usize) -> Vec<Line<'_>> {
    let mut at = start;
    let lines = source.get(start..).unwrap_or_default().split_inclusive('\n');
    let lines = lines.map(|whole| {
        let text = whole.strip_suffix('\n').unwrap_or(whole).trim_end_matches('\r');
        let line = Line { start: at, text, end: whole.get(text.len()..).unwrap_or_default() };
        at += whole.len();
        line
    });
    lines.collect()
}
