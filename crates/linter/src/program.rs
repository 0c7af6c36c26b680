//! Whether a program of an image can be started.

use lapstrake_rootfs::Kind;

use crate::root::{Found, Root};

/// What a shell does without a program.
pub(crate) const BUILTINS: [&str; 24] = [
    ".", ":", "[", "[[", "cd", "command", "echo", "eval", "exec", "exit", "export", "false", "for",
    "if", "kill", "printf", "set", "source", "test", "trap", "true", "umask", "until", "while",
];

/// What an image is asked for.
pub(crate) struct Search<'r> {
    pub(crate) root: &'r Root<'r>,
    /// The value of PATH.
    pub(crate) path: &'r str,
    /// What relative paths count from, if that is known.
    pub(crate) directory: Option<&'r str>,
    /// The machine that the image is for, as OCI calls it.
    pub(crate) architecture: &'r str,
}

/// Why a program cannot be started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong with it; it follows the name.
    pub(crate) what: String,
    /// What to do.
    pub(crate) help: String,
}

/// What is looked for.
enum Place {
    /// It is there.
    At(String),
    Nowhere,
    Unknown,
}

impl Search<'_> {
    /// Why the program of that name, or at that path, cannot be started; nothing if it can be, or if that is
    /// not known.
    pub(crate) fn fault(&self, program: &str) -> Option<Fault> {
        match self.place(program) {
            Place::Unknown => None,
            Place::At(path) => self.fault_of(&path),
            Place::Nowhere if program.contains('/') => {
                Some(fault("is not there", "name a program that the image has"))
            }
            Place::Nowhere => Some(fault(
                "is not there",
                &format!("it is in none of the folders of PATH, which is {}", self.path),
            )),
        }
    }

    fn place(&self, program: &str) -> Place {
        if program.is_empty() || program.contains('$') {
            return Place::Unknown;
        }
        if program.contains('/') {
            let path = match (program.starts_with('/'), self.directory) {
                (true, _) => program.to_owned(),
                (false, Some(directory)) => format!("{directory}/{program}"),
                (false, None) => return Place::Unknown,
            };
            return match self.root.find(&path) {
                Found::There(..) => Place::At(path),
                Found::Absent => Place::Nowhere,
                Found::Unknown => Place::Unknown,
            };
        }
        for folder in self.path.split(':').filter(|folder| !folder.is_empty()) {
            let path = format!("{folder}/{program}");
            match self.root.find(&path) {
                Found::There(_, entry) if !entry.is_directory() && entry.mode & 0o111 != 0 => {
                    return Place::At(path);
                }
                Found::Unknown => return Place::Unknown,
                Found::There(..) | Found::Absent => {}
            }
        }
        Place::Nowhere
    }

    /// Why what is at a path cannot be started.
    fn fault_of(&self, path: &str) -> Option<Fault> {
        let Found::There(_, entry) = self.root.find(path) else { return None };
        match &entry.kind {
            Kind::File { .. } | Kind::HardLink { .. } => {}
            Kind::Directory { .. } => return Some(fault("is a folder", "name a file in it")),
            _ => return Some(fault("is no file", "name a program")),
        }
        if entry.mode & 0o111 == 0 {
            let what = format!("may not be executed: its mode is {:04o}", entry.mode);
            return Some(fault(&what, "set its mode, with `COPY --chmod=0755` for instance"));
        }
        self.fault_of_content(&self.root.head(path)?)
    }

    /// Why a file that begins like this cannot be started.
    pub(crate) fn fault_of_content(&self, head: &[u8]) -> Option<Fault> {
        if let Some(line) = head.strip_prefix(b"#!") {
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            return self.fault_of_interpreter(&String::from_utf8_lossy(line));
        }
        let elf = Elf::read(head)?;
        if let Some(machine) = elf.is_foreign(self.architecture) {
            let what = format!("is for {machine}, and the image for {}", self.architecture);
            return Some(fault(&what, "build or fetch it for the platform of the image"));
        }
        let loader = elf.loader?;
        match self.root.find(&loader) {
            Found::Absent => {
                let what = format!("needs the loader `{loader}`, which is not there");
                let help = match loader.contains("musl") {
                    true => {
                        "it was made for an image with musl, as Alpine's: link it statically, or change the base"
                    }
                    false => {
                        "it was made for an image with glibc, as Debian's: link it statically, or change the base"
                    }
                };
                Some(fault(&what, help))
            }
            _ => None,
        }
    }

    fn fault_of_interpreter(&self, line: &str) -> Option<Fault> {
        if line.ends_with('\r') {
            let what =
                "has lines that end as on Windows, which are a part of its interpreter's name";
            return Some(fault(what, "store it with line feeds alone"));
        }
        let mut words = line.split_whitespace();
        let first = words.next()?;
        let is_env = first.ends_with("/env");
        let (name, place) = match words.find(|word| !word.starts_with('-') && !word.contains('=')) {
            Some(program) if is_env => (program, self.place(program)),
            _ => (first, self.place(first)),
        };
        match place {
            Place::Nowhere => {
                let what =
                    format!("needs `{name}`, which is not there: its first line is `#!{line}`");
                Some(fault(&what, "install the interpreter, or change the base image"))
            }
            Place::At(_) | Place::Unknown => None,
        }
    }
}

fn fault(what: &str, help: &str) -> Fault {
    Fault { what: what.to_owned(), help: help.to_owned() }
}

/// What the head of an ELF file says (System V ABI, chapter 4 and 5).
struct Elf {
    machine: u16,
    /// The dynamic loader that it names.
    loader: Option<String>,
}

/// Machines, as OCI calls them.
const MACHINES: [(u16, &str); 9] = [
    (3, "386"),
    (8, "mips"),
    (20, "ppc"),
    (21, "ppc64le"),
    (22, "s390x"),
    (40, "arm"),
    (62, "amd64"),
    (183, "arm64"),
    (243, "riscv64"),
];

/// The kind of the program header that names the loader.
const INTERPRETER: u64 = 3;

impl Elf {
    /// Nothing if it is none, or its headers are not in what is here.
    fn read(head: &[u8]) -> Option<Self> {
        let is_little = match head.get(..6)? {
            [0x7f, b'E', b'L', b'F', 1 | 2, order] => *order == 1,
            _ => return None,
        };
        let is_wide = head.get(4) == Some(&2);
        let number = |at: usize, length: usize| {
            let bytes = head.get(at..at.checked_add(length)?)?;
            let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            Some(match is_little {
                true => bytes.iter().rev().fold(0, add),
                false => bytes.iter().fold(0, add),
            })
        };
        let word = if is_wide { 8 } else { 4 };
        let machine = u16::try_from(number(18, 2)?).ok()?;
        let start = usize::try_from(number(if is_wide { 32 } else { 28 }, word)?).ok()?;
        let sizes = if is_wide { 54 } else { 42 };
        let (size, count) = (number(sizes, 2)?, number(sizes + 2, 2)?);
        let loader = (0..count).find_map(|at| {
            let header = start.checked_add(usize::try_from(at * size).ok()?)?;
            if number(header, 4)? != INTERPRETER {
                return None;
            }
            let (offset, length) = if is_wide { (8, 32) } else { (4, 16) };
            let from = usize::try_from(number(header.checked_add(offset)?, word)?).ok()?;
            let length = usize::try_from(number(header.checked_add(length)?, word)?).ok()?;
            let name = head.get(from..from.checked_add(length)?)?.strip_suffix(&[0])?;
            String::from_utf8(name.to_vec()).ok()
        });
        Some(Self { machine, loader })
    }

    /// What machine it is for, if that is another one.
    fn is_foreign(&self, architecture: &str) -> Option<&'static str> {
        let machine = MACHINES.iter().find(|(number, _)| *number == self.machine)?.1;
        let is_known = MACHINES.iter().any(|(_, name)| *name == architecture);
        // Machines run programs of their smaller sisters.
        let runs = matches!((machine, architecture), ("386", "amd64") | ("arm", "arm64"));
        (is_known && machine != architecture && !runs).then_some(machine)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A file of this machine, made by its linker.
    #[test]
    fn programs_of_this_machine_are_its_own() {
        let head = fs::read(std::env::current_exe().unwrap()).unwrap();
        let elf = Elf::read(&head[..head.len().min(64 << 10)]).unwrap();
        let host = lapstrake_oci::Platform::host().architecture;
        assert_eq!(elf.is_foreign(&host), None);
        let other = if host == "riscv64" { "arm64" } else { "riscv64" };
        assert_eq!(elf.is_foreign(other), Some(host.as_str()));
        assert!(elf.loader.is_none_or(|loader| fs::metadata(loader).is_ok()));
    }

    /// A header and one program header by the tables of the System V ABI (figures 4-3 and 5-1).
    fn elf(is_wide: bool, is_little: bool, machine: u16, loader: &[u8]) -> Vec<u8> {
        let number = |value: u64, length: usize| match is_little {
            true => value.to_le_bytes()[..length].to_vec(),
            false => value.to_be_bytes()[8 - length..].to_vec(),
        };
        let word = if is_wide { 8 } else { 4 };
        let (header, entry): (u64, u64) = if is_wide { (64, 56) } else { (52, 32) };
        let mut file = b"\x7fELF".to_vec();
        file.extend([if is_wide { 2 } else { 1 }, if is_little { 1 } else { 2 }, 1]);
        file.resize(16, 0);
        file.extend([number(2, 2), number(machine.into(), 2), number(1, 4)].concat());
        file.extend([number(0, word), number(header, word), number(0, word)].concat());
        file.extend([number(0, 4), number(header, 2), number(entry, 2), number(1, 2)].concat());
        file.resize(usize::try_from(header).unwrap(), 0);
        let (at, length) = (header + entry, loader.len() as u64);
        let sizes = [number(at, word), vec![0; word * 2], number(length, word)].concat();
        file.extend(number(3, 4));
        file.extend(if is_wide { number(0, 4) } else { Vec::new() });
        file.extend(sizes);
        file.resize(usize::try_from(at).unwrap(), 0);
        file.extend(loader);
        file
    }

    #[test]
    fn elf_files_tell_machine_and_loader() {
        for (is_wide, is_little) in [(true, true), (true, false), (false, true), (false, false)] {
            let file = elf(is_wide, is_little, 62, b"/lib/ld-musl-x86_64.so.1\0");
            let found = Elf::read(&file).unwrap();
            assert_eq!(found.machine, 62);
            assert_eq!(found.loader.as_deref(), Some("/lib/ld-musl-x86_64.so.1"));
            // Cut anywhere it is no loader, and no panic.
            for length in 0..file.len() {
                assert!(Elf::read(&file[..length]).is_none_or(|elf| elf.loader.is_none()));
            }
        }
        let small = Elf::read(&elf(false, true, 3, b"/l\0")).unwrap();
        assert_eq!((small.is_foreign("amd64"), small.is_foreign("arm64")), (None, Some("386")));
        assert_eq!(small.is_foreign("wibble"), None);
    }
}
