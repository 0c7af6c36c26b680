//! Lines that are too long for one line of a file.

use crate::physical::LONGEST_LINE;

/// Where a line is cut, in bytes: what is behind a cut, and the mark, still fit.
const CUT: usize = LONGEST_LINE / 2;

/// Adds the line, cut where it has to be. What stands behind a line end in it is added as it is.
pub(super) fn push(text: &mut String, line: &str, escape: char) {
    let (mut rest, bodies) = match line.find('\n') {
        Some(end) => line.split_at(end),
        None => (line, ""),
    };
    while rest.len() > LONGEST_LINE {
        let Some((front, behind)) = cut(rest, escape) else { break };
        text.push_str(front);
        text.extend([escape, '\n']);
        rest = behind;
    }
    text.push_str(rest);
    text.push_str(bodies);
}

/// Cuts between two characters of which neither changes what a line means: the first would take
/// the mark's meaning away, the second would make a comment or an empty line.
fn cut(line: &str, escape: char) -> Option<(&str, &str)> {
    let is_plain = |c: char| c != escape && c != '#' && !c.is_whitespace();
    let head = line.get(..line.floor_char_boundary(CUT))?;
    let mut behind = line.get(head.len()..)?.chars().next()?;
    for (at, c) in head.char_indices().rev() {
        if is_plain(c) && is_plain(behind) {
            return line.split_at_checked(at + c.len_utf8());
        }
        behind = c;
    }
    None
}

/// Whether a line that ends like this would go on with the next one.
pub(super) fn goes_on(line: &str, escape: char) -> bool {
    let before = line.strip_suffix(escape);
    before.is_some_and(|before| !before.ends_with(escape))
}
