//! File modes of `--chmod`: `0644`, `u=rwX,go=rX` (A11).

use nom::bytes::complete::take_while;
use nom::character::complete::{char, one_of};
use nom::combinator::all_consuming;
use nom::multi::{fold_many1, separated_list1};
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

/// One step of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Set(u32),
    Clear(u32),
    /// Sets these bits of directories, and of files that somebody might execute in the beginning.
    Search(u32),
    /// Gives these bits what the class of users whose bits are shifted by `from` has by now: `=`,
    /// or adds or takes away what it has.
    Copy {
        from: u32,
        bits: u32,
        operator: char,
    },
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
        match self {
            Self::Set(bits) => now | bits,
            Self::Clear(bits) => now & !bits,
            Self::Search(bits) if directory || before & 0o111 != 0 => now | bits,
            Self::Search(_) => now,
            Self::Copy { from, bits, operator } => {
                let shared = now >> from & RWX;
                let shared = (shared << 6 | shared << 3 | shared) & bits;
                match operator {
                    '+' => now | shared,
                    '-' => now & !shared,
                    _ => now & !bits | shared,
                }
            }
        }
    }
}

/// `[ugoa…]` and one or more operators with their permissions.
fn clause(text: &str) -> IResult<&str, Vec<Change>> {
    let (rest, who) = take_while(|c| "ugoa".contains(c)).parse(text)?;
    let who = who.chars().fold(0, |bits, class| bits | class_bits(class));
    let action = (one_of("+-="), take_while(|c| "rwxXstugo".contains(c)));
    let mut actions =
        fold_many1(action, Vec::new, |mut changes, (operator, letters): (_, &str)| {
            Action { who, operator, permission: 0, search: false }.read(letters, &mut changes);
            changes
        });
    actions.parse(rest)
}

fn class_bits(class: char) -> u32 {
    match class {
        'u' => SET_UID | 0o700,
        'g' => SET_GID | 0o070,
        'o' => 0o007,
        _ => ALL,
    }
}

/// One operator and the letters behind it that were read and are not yet changes. The rules are
/// those of BSD's setmode(3), which BuildKit has; where the letters are all permissions, or one
/// class of users, they are those of POSIX.
struct Action {
    /// The bits of the classes named; 0 if none is.
    who: u32,
    operator: char,
    permission: u32,
    /// Whether there was an `X`.
    search: bool,
}

impl Action {
    fn read(mut self, letters: &str, changes: &mut Vec<Change>) {
        let mut copies = false;
        for letter in letters.chars() {
            // Set-id and sticky bits are nothing to clauses for others only.
            let special = self.who & !0o007 != 0 || self.who == 0;
            match letter {
                'r' => self.permission |= 0o444,
                'w' => self.permission |= 0o222,
                'X' if self.operator != '-' => self.search = true,
                'x' | 'X' => self.permission |= 0o111,
                's' if special => self.permission |= SET_UID | SET_GID,
                't' if special => {
                    self.who |= STICKY;
                    self.permission |= STICKY;
                }
                's' | 't' => {}
                class => {
                    self.flush(false, changes);
                    changes.push(self.copy(class));
                    copies = true;
                }
            }
        }
        self.flush(self.operator == '=' && !copies, changes);
    }

    /// Turns the permissions that were read into changes; without any only if `always`.
    fn flush(&mut self, always: bool, changes: &mut Vec<Change>) {
        let all = if self.who == 0 { ALL } else { self.who };
        let bits = std::mem::take(&mut self.permission);
        if bits != 0 || always {
            match self.operator {
                '-' => changes.push(Change::Clear(bits & all)),
                '+' => changes.push(Change::Set(bits & all)),
                _ => changes.extend([Change::Clear(all), Change::Set(bits & all)]),
            }
        }
        if std::mem::take(&mut self.search) {
            changes.push(Change::Search(0o111 & all));
        }
    }

    fn copy(&self, class: char) -> Change {
        let from = match class {
            'u' => 6,
            'g' => 3,
            _ => 0,
        };
        let bits = if self.who == 0 { 0o777 } else { self.who & 0o777 };
        Change::Copy { from, bits, operator: self.operator }
    }
}
