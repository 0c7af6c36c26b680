//! The instruction names.

use crate::eight::Eight;
use crate::suggest::suggest;

/// An instruction name of the Dockerfile language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the instruction of its name")]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
}

/// Number of slots, a power of two that leaves about every second one free.
const SLOTS: u32 = 32;

/// What no name is.
const FREE: u64 = u64::MAX;

/// Spreads the short names over the slots so that each has its own. Found by trying.
const SPREAD: u64 = spread();

/// The names with fewer than eight letters, each in its slot.
static SHORT: [(u64, Keyword); SLOTS as usize] = match short_names(SPREAD) {
    Some(names) => names,
    None => panic!("the names are spread"),
};

const fn spread() -> u64 {
    let mut factor: u64 = 0x9e37_79b9_7f4a_7c15;
    while short_names(factor).is_none() {
        factor = factor.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(2);
    }
    factor
}

/// The slots, or nothing if two names fall into one.
const fn short_names(factor: u64) -> Option<[(u64, Keyword); SLOTS as usize]> {
    let mut slots = [(FREE, Keyword::Add); SLOTS as usize];
    let mut index = 0;
    while index < Keyword::ALL.len() {
        let keyword = Keyword::ALL[index];
        let name = keyword.name().as_bytes();
        if name.len() < 8 {
            let mut number = 0;
            let mut at = name.len();
            while at > 0 {
                at -= 1;
                number = number << 8 | name[at] as u64;
            }
            let slot = slot(number, factor);
            if slots[slot].0 != FREE {
                return None;
            }
            slots[slot] = (number, keyword);
        }
        index += 1;
    }
    Some(slots)
}

const fn slot(name: u64, factor: u64) -> usize {
    (name.wrapping_mul(factor) >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

impl Keyword {
    /// Every instruction name, in alphabetical order.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Arg,
        Self::Cmd,
        Self::Copy,
        Self::Entrypoint,
        Self::Env,
        Self::Expose,
        Self::From,
        Self::Healthcheck,
        Self::Label,
        Self::Maintainer,
        Self::Onbuild,
        Self::Run,
        Self::Shell,
        Self::Stopsignal,
        Self::User,
        Self::Volume,
        Self::Workdir,
    ];

    /// The instruction with this name, in any case of letters (A1.1).
    pub fn parse(name: &str) -> Option<Self> {
        let candidates: &[Self] = match name.bytes().next()?.to_ascii_uppercase() {
            b'A' => &[Self::Arg, Self::Add],
            b'C' => &[Self::Copy, Self::Cmd],
            b'E' => &[Self::Env, Self::Expose, Self::Entrypoint],
            b'F' => &[Self::From],
            b'H' => &[Self::Healthcheck],
            b'L' => &[Self::Label],
            b'M' => &[Self::Maintainer],
            b'O' => &[Self::Onbuild],
            b'R' => &[Self::Run],
            b'S' => &[Self::Shell, Self::Stopsignal],
            b'U' => &[Self::User],
            b'V' => &[Self::Volume],
            b'W' => &[Self::Workdir],
            _ => &[],
        };
        candidates.iter().copied().find(|keyword| keyword.name().eq_ignore_ascii_case(name))
    }

    /// The instruction that a line starts with, and the length of its name, if both show at once:
    /// in most lines they do. Nothing means that the line is to be looked at in full.
    #[inline]
    pub(crate) fn at_front(line: &str) -> Option<(Self, usize)> {
        let front = Eight::at_front(line)?;
        let length = front.word();
        if length >= 8 || line.as_bytes().get(length) != Some(&b' ') {
            return None;
        }
        let name = front.capitals(length);
        let (known, keyword) = SHORT.get(slot(name, SPREAD)).copied()?;
        (name == known).then_some((keyword, length))
    }

    /// The name in upper case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Arg => "ARG",
            Self::Cmd => "CMD",
            Self::Copy => "COPY",
            Self::Entrypoint => "ENTRYPOINT",
            Self::Env => "ENV",
            Self::Expose => "EXPOSE",
            Self::From => "FROM",
            Self::Healthcheck => "HEALTHCHECK",
            Self::Label => "LABEL",
            Self::Maintainer => "MAINTAINER",
            Self::Onbuild => "ONBUILD",
            Self::Run => "RUN",
            Self::Shell => "SHELL",
            Self::Stopsignal => "STOPSIGNAL",
            Self::User => "USER",
            Self::Volume => "VOLUME",
            Self::Workdir => "WORKDIR",
        }
    }

    /// The instruction whose name is nearest to a misspelt one (A1.11).
    pub fn nearest(name: &str) -> Option<&'static str> {
        suggest(&name.to_ascii_uppercase(), Self::ALL.map(Self::name))
    }

    /// True if the instruction may take files written in place: RUN, COPY and ADD (A6.1).
    pub const fn takes_heredocs(self) -> bool {
        matches!(self, Self::Run | Self::Copy | Self::Add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_show_at_the_front_of_a_line() {
        for keyword in Keyword::ALL {
            let name = keyword.name();
            let found = (name.len() < 8).then_some((keyword, name.len()));
            assert_eq!(Keyword::at_front(&format!("{name} argument")), found);
            assert_eq!(Keyword::at_front(&format!("{} argument", name.to_lowercase())), found);
            assert_eq!(Keyword::at_front(&format!("{name}x argument")), None);
            assert_eq!(Keyword::at_front(&format!("x{name} argument")), None);
        }
    }

    #[test]
    fn what_does_not_show_at_once_is_left_to_a_full_look() {
        for line in ["", "RUN a", "RUN", "RUN\targument", "r\u{15}n argument", "        "] {
            assert_eq!(Keyword::at_front(line), None, "{line:?}");
        }
    }
}
