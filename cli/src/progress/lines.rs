//! A stream of bytes as lines that are fit to be shown.

use crate::text::harmless;

/// The longest line; what is longer is cut into several.
const LIMIT: usize = 16 * 1024;

/// Cuts output into lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// The lines that are complete now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        self.partial.extend_from_slice(bytes);
        let mut lines = Vec::new();
        let mut rest = self.partial.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = rest.split_at(end);
            lines.push(shown(line));
            rest = behind.get(1..).unwrap_or_default();
        }
        if rest.len() > LIMIT {
            lines.push(shown(rest));
            rest = &[];
        }
        self.partial = rest.to_vec();
        lines
    }

    /// What is left when nothing more comes.
    pub(super) fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.partial);
        (!rest.is_empty()).then(|| shown(&rest))
    }
}

/// All lines of an output that is complete.
pub(crate) fn shown_lines(bytes: &[u8]) -> Vec<String> {
    let mut lines = Lines::default();
    let mut shown = lines.push(bytes);
    shown.extend(lines.finish());
    shown
}

/// The line as a terminal shows it in the end: what a carriage return goes back over is gone.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r');
    harmless(text.rsplit('\r').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_cut_at_line_ends_only() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\ntw"), ["one"]);
        assert_eq!(lines.push(b"o\r\n10%\r20%\r\n\xffx\n"), ["two", "20%", "\u{fffd}x"]);
        assert!(lines.push(b"half \xc3").is_empty());
        assert_eq!(lines.push(b"\xa4\n\n"), ["half ä", ""]);
        assert_eq!(lines.finish(), None);
        assert!(lines.push(b"\x1b[1mend").is_empty());
        assert_eq!(lines.finish().as_deref(), Some("end"));
        assert_eq!(lines.push(&[b'x'; LIMIT + 1]).len(), 1);
    }
}
