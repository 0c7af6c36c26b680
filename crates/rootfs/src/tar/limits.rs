//! How much of an archive is read at most.

/// Bounds for archives that may be hostile. The default takes every sane image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole archive, uncompressed, with the holes of sparse files filled.
    pub bytes: u64,
    /// Members. Each takes about 300 bytes of memory.
    pub entries: u64,
    /// Bytes of a path, and of a link's target.
    pub path: usize,
    /// Components of a path.
    pub depth: usize,
    /// Bytes of a member's extended header, long name or sparse map. Go's limit is 1 MiB, too.
    pub extension: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 40, entries: 4_000_000, path: 64 << 10, depth: 8192, extension: 1 << 20 }
    }
}

impl Limits {
    /// For an archive that is compressed to `bytes`: at most 1,024 times as long, which deflate
    /// cannot exceed, but never less than 4 GiB.
    #[must_use]
    pub fn for_compressed(bytes: u64) -> Self {
        let default = Self::default();
        let longest = bytes.saturating_mul(1024).max(4 << 30);
        Self { bytes: default.bytes.min(longest), ..default }
    }
}
