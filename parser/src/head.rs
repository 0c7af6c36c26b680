//! The front of an instruction: its name and its flags.

use crate::flag::{self, Flag};
use crate::fragment::Fragment;
use crate::keyword::Keyword;
use crate::split;

/// The name, the flags and the arguments of an instruction.
pub(crate) struct Head<'l> {
    /// The name as written.
    pub(crate) word: Fragment<'l>,
    /// The name, if there is such an instruction.
    pub(crate) keyword: Option<Keyword>,
    pub(crate) flags: Vec<Flag>,
    pub(crate) rest: Fragment<'l>,
}

impl<'l> Head<'l> {
    pub(crate) fn read(line: Fragment<'l>, escape: char) -> Self {
        let line = line.trim_start().trim_end();
        let (keyword, word, behind) = match Keyword::at_front(line.as_str()) {
            Some((keyword, length)) => {
                let (word, behind) = line.split_at(length);
                (Some(keyword), word, Some(behind))
            }
            None => {
                let (word, behind) = split::first_word(line);
                (Keyword::parse(word.as_str()), word, behind)
            }
        };
        let (flags, rest) = match behind {
            Some(behind) => flag::flags(behind, escape),
            None => (Vec::new(), line.tail("")),
        };
        Self { keyword, word, flags, rest }
    }
}
