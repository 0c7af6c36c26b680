//! How much room a file system has.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfs, major, minor, stat, statvfs};

/// With less than this the database cannot be opened: its index of the journal takes 32 KiB.
const LEAST: u64 = 128 << 10;

/// The room of the file system that a path is on, as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Where it is mounted, as far as that is known, and else the path.
    pub place: PathBuf,
    /// Its kind and device: `ext4 on /dev/sda1`. May be empty.
    pub kind: String,
    /// Bytes that are free for everybody.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
    /// Whether it takes no more files, however small.
    pub lacks_inodes: bool,
}

impl Room {
    /// That of `path`.
    ///
    /// # Errors
    /// When the path is not there.
    pub fn of(path: &Path) -> io::Result<Self> {
        let StatVfs { f_frsize, f_blocks, f_bavail, f_files, f_favail, .. } = statvfs(path)?;
        let (place, kind) = mounted(path).unwrap_or_else(|| (path.to_owned(), String::new()));
        Ok(Self {
            place,
            kind,
            free: f_bavail.saturating_mul(f_frsize),
            size: f_blocks.saturating_mul(f_frsize),
            lacks_inodes: f_files > 0 && f_favail == 0,
        })
    }

    /// Whether nothing can be written any more.
    pub fn is_full(&self) -> bool {
        self.lacks_inodes || self.free < LEAST
    }
}

/// `/var (ext4 on /dev/sda2) has 0 B of 20 GiB free`
impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.place.display())?;
        if !self.kind.is_empty() {
            write!(formatter, " ({})", self.kind)?;
        }
        let (free, size) = (amount(self.free), amount(self.size));
        write!(formatter, " has {free} of {size} free")?;
        match self.lacks_inodes {
            true => write!(formatter, " and takes no more files (it has no inodes left)"),
            false => Ok(()),
        }
    }
}

/// Powers of 1024, as the limits of commands are told.
fn amount(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut shown = format!("{bytes} B");
    let mut unit = 1024_u64;
    for name in units {
        if bytes >= unit {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            shown = match tenths % 10 {
                0 => format!("{} {name}", tenths / 10),
                rest => format!("{}.{rest} {name}", tenths / 10),
            };
        }
        unit = unit.saturating_mul(1024);
    }
    shown
}

/// Where the file system of a path is mounted, its kind and its device (proc_pid_mountinfo(5)).
fn mounted(path: &Path) -> Option<(PathBuf, String)> {
    let device = stat(path).ok()?.st_dev;
    let device = format!("{}:{}", major(device), minor(device));
    let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let path = fs::canonicalize(path).ok()?;
    let found = text.lines().filter_map(|line| {
        let (mount, about) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(2);
        let (found, place) = (fields.next()?, fields.nth(1)?);
        let place = PathBuf::from(plain(place));
        let mut about = about.split(' ');
        let (kind, source) = (about.next()?, plain(about.next()?));
        let kind =
            if source.starts_with('/') { format!("{kind} on {source}") } else { kind.into() };
        (found == device && path.starts_with(&place)).then_some((place, kind))
    });
    // The one that was mounted over others is the last of the deepest.
    found.max_by_key(|(place, _)| place.components().count())
}

/// Spaces and the like, which stand there as octal numbers.
fn plain(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (code, letter)| text.replace(code, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_in_powers_of_1024() {
        let shown = [0, 1023, 1024, 1536, 21 << 20, u64::MAX].map(amount);
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "21 MiB", "16777215.9 TiB"]);
    }

    #[test]
    fn a_file_system_is_named() {
        let room = Room::of(Path::new("/proc/self")).unwrap();
        assert_eq!((room.place.as_path(), room.kind.as_str()), (Path::new("/proc"), "proc"));
        let full = Room { free: 0, size: 21 << 20, lacks_inodes: true, ..room };
        assert_eq!(
            full.to_string(),
            "/proc (proc) has 0 B of 21 MiB free and takes no more files (it has no inodes left)"
        );
        assert!(full.is_full() && !Room { free: 1 << 30, lacks_inodes: false, ..full }.is_full());
        assert_eq!(plain("/a\\040b\\134040"), "/a b\\040");
    }
}
