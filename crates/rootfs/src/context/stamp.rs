//! What `stat` says of a file: enough to tell whether it is still the one that was hashed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

use crate::Timestamp;

/// Length of an encoded [`Stamp`], in bytes.
pub(super) const STAMP_BYTES: usize = 52;

/// How much older than a scan a file must be for its hash to be remembered. FAT keeps times to
/// two seconds, everything else that people build from is finer.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Identity, size, times and mode of a file. Two equal stamps of one path mean equal content,
/// provided that the file was [settled](Stamp::is_settled) when the first one was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) changed: Timestamp,
    /// Type and permission bits, as in `st_mode`.
    pub(super) mode: u32,
}

impl Stamp {
    /// The stamp of a `stat` result.
    #[allow(clippy::unnecessary_cast, reason = "the fields' types differ between architectures")]
    pub(super) fn of(stat: &Stat) -> Self {
        let time = |seconds: i64, nanoseconds: u32| Timestamp { seconds, nanoseconds };
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as u32),
            changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as u32),
            mode: stat.st_mode as u32,
        }
    }

    /// Whether the file had been left alone long enough at `scan_start` that any later write must
    /// give it another stamp. File systems have coarse clocks: a file that was written just now
    /// can be written again without a trace.
    pub(super) fn is_settled(&self, scan_start: Timestamp) -> bool {
        self.modified.max(self.changed) < scan_start
    }

    /// The encoded form: all fields in order, little-endian.
    pub(super) fn encode(&self) -> [u8; STAMP_BYTES] {
        let mut bytes = [0; STAMP_BYTES];
        let fields: [&[u8]; 8] = [
            &self.device.to_le_bytes(),
            &self.inode.to_le_bytes(),
            &self.size.to_le_bytes(),
            &self.modified.seconds.to_le_bytes(),
            &self.modified.nanoseconds.to_le_bytes(),
            &self.changed.seconds.to_le_bytes(),
            &self.changed.nanoseconds.to_le_bytes(),
            &self.mode.to_le_bytes(),
        ];
        let mut rest = bytes.as_mut_slice();
        for field in fields {
            if let Some((place, after)) =
                std::mem::take(&mut rest).split_at_mut_checked(field.len())
            {
                place.copy_from_slice(field);
                rest = after;
            }
        }
        bytes
    }
}

/// The latest time, exclusive, that a file may carry and still be [settled](Stamp::is_settled)
/// for a scan that starts now.
pub(super) fn settled_before() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let then = now.saturating_sub(SETTLED_AFTER);
    Timestamp {
        seconds: i64::try_from(then.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: then.subsec_nanos(),
    }
}
