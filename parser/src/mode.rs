//! File modes of `--chmod`: `0644`, `u=rwX,go=rX` (A11).

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map_opt};
use nom::multi::{many1, separated_list1};
use nom::{IResult, Parser};

/// Read, write and execute for one class of users.
const RWX: u32 = 0o7;
const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const STICKY: u32 = 0o1000;
/// The bits that a clause without classes of users is about.
const ALL: u32 = SET_UID | SET_GID | 0o777;

/// What `--chmod` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// These permission bits, up to `0o7777`.
    Octal(u32),
    /// Changes to the bits there are.
    Symbolic(SymbolicMode),
}

/// Changes in the order they are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolicMode {
    changes: Vec<Change>,
}

/// One operator of a clause, as the `=rX` of `go=rX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    /// The bits of the classes named; 0 if none is.
    who: u32,
    operator: char,
    permission: Permission,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    /// `bits`; and `x` for directories and for files that somebody may execute, if `search` says.
    Bits { bits: u32, search: bool },
    /// What another class of users has: the shift of its bits.
    Copy(u32),
}

impl Mode {
    /// Reads a mode: octal digits, or clauses as chmod(1) takes them.
    ///
    /// # Errors
    /// A message that names the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let octal = text.bytes().all(|byte| byte.is_ascii_digit());
            let bits = u32::from_str_radix(text, 8).ok().filter(|bits| octal && *bits <= 0o7777);
            return bits.map(Self::Octal).ok_or_else(|| {
                format!("`{text}` is not a mode: it takes octal digits, from 0 to 7777")
            });
        }
        let parsed = all_consuming(separated_list1(char(','), clause)).parse(text);
        match parsed {
            Ok((_, clauses)) => {
                let changes = clauses.into_iter().flatten().collect();
                Ok(Self::Symbolic(SymbolicMode { changes }))
            }
            Err(_) => Err(format!("`{text}` is not a mode: write it like `0644` or `u=rw,go=r`")),
        }
    }

    /// The permission bits of a file that has the bits `mode`. No umask counts.
    pub fn apply(&self, mode: u32, directory: bool) -> u32 {
        match self {
            Self::Octal(bits) => *bits,
            Self::Symbolic(symbolic) => symbolic.apply(mode, directory),
        }
    }
}

impl SymbolicMode {
    fn apply(&self, mode: u32, directory: bool) -> u32 {
        let before = mode & 0o7777;
        self.changes.iter().fold(before, |now, change| change.apply(before, now, directory))
    }
}

impl Change {
    fn apply(self, before: u32, now: u32, directory: bool) -> u32 {
        let who = if self.who == 0 { ALL } else { self.who };
        let bits = match self.permission {
            Permission::Copy(shift) => {
                let shared = now >> shift & RWX;
                (shared << 6 | shared << 3 | shared) & who
            }
            Permission::Bits { bits, search } => {
                let search = search && (directory || before & 0o111 != 0);
                let sticky = bits & STICKY;
                (bits | if search { 0o111 } else { 0 }) & who | sticky
            }
        };
        match (self.operator, self.permission) {
            ('+', _) => now | bits,
            ('-', _) => now & !bits,
            (_, Permission::Copy(_)) => now & !(who & 0o777) | bits,
            _ => now & !who | bits,
        }
    }
}

/// `[ugoa…]` and one or more operators with their permissions.
fn clause(text: &str) -> IResult<&str, Vec<Change>> {
    let (rest, who) = take_while(|c| "ugoa".contains(c)).parse(text)?;
    let who = who.chars().fold(0, |bits, class| bits | class_bits(class));
    many1(move |rest| change(rest, who)).parse(rest)
}

fn class_bits(class: char) -> u32 {
    match class {
        'u' => SET_UID | 0o700,
        'g' => SET_GID | 0o070,
        'o' => 0o007,
        _ => ALL,
    }
}

fn change(text: &str, who: u32) -> IResult<&str, Change> {
    let (rest, operator) = one_of("+-=").parse(text)?;
    let copy = map_opt(one_of("ugo"), |class| match class {
        'u' => Some(Permission::Copy(6)),
        'g' => Some(Permission::Copy(3)),
        _ => Some(Permission::Copy(0)),
    });
    let bits = take_while1(|c| "rwxXst".contains(c))
        .map(move |letters| permission(letters, who, operator));
    let none = take_while(|_| false).map(|_| Permission::Bits { bits: 0, search: false });
    let (rest, permission) = alt((copy, bits, none)).parse(rest)?;
    Ok((rest, Change { who, operator, permission }))
}

fn permission(letters: &str, who: u32, operator: char) -> Permission {
    // Set-id and sticky bits are nothing to clauses for others only.
    let special = who & !0o007 != 0 || who == 0;
    let mut bits = 0;
    let mut search = false;
    for letter in letters.chars() {
        match letter {
            'r' => bits |= 0o444,
            'w' => bits |= 0o222,
            'x' => bits |= 0o111,
            'X' if operator == '-' => bits |= 0o111,
            'X' => search = true,
            's' if special => bits |= SET_UID | SET_GID,
            't' if special => bits |= STICKY,
            _ => {}
        }
    }
    Permission::Bits { bits, search }
}
