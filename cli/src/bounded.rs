//! Files that the user names, or that lie where they are looked for, as a whole: a device, or the wrong name,
//! does not take all memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest Dockerfile, ignore file, configuration or list of variables, in bytes.
pub(crate) const LIMIT: u64 = 16 << 20;

/// All that a file holds: an error when that is more than `limit` bytes.
pub(crate) fn file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    all(File::open(path)?, limit)
}

/// As [`file`] up to [`LIMIT`], of one that is UTF-8.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(file(path, LIMIT)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// All that comes: an error when that is more than `limit` bytes.
pub(crate) fn all(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= limit => Ok(bytes),
        _ => {
            let message = match limit >> 20 {
                0 => format!("it is larger than {} KiB", limit >> 10),
                size => format!("it is larger than {size} MiB"),
            };
            Err(io::Error::new(io::ErrorKind::FileTooLarge, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused() {
        let read =
            |path: &str, limit| file(Path::new(path), limit).map_err(|error| error.to_string());
        assert_eq!(read("/dev/null", 1024), Ok(Vec::new()));
        assert_eq!(read("/dev/zero", 1024), Err("it is larger than 1 KiB".to_owned()));
        assert_eq!(text(Path::new("/dev/zero")).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(all(&[0; 1024][..], 1024).unwrap().len(), 1024);
        assert!(all(&[0; 1025][..], 1024).is_err());
    }
}
