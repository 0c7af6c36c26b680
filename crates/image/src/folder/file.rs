//! Opening what somebody else may have put there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use crate::Error;

/// A regular file. Whoever writes the folder may have put anything there: to open a pipe waits for
/// its other end, and to open a device may do something, so both are not even tried.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<io::Result<File>, Error> {
    let refused = || Error::NotRegular { path: path.to_owned() };
    let regular = |found: fs::Metadata| if found.is_file() { Ok(()) } else { Err(refused()) };
    match fs::metadata(path) {
        Ok(found) => regular(found)?,
        Err(error) => return Ok(Err(error)),
    }
    // It may have been exchanged since. O_CLOEXEC is always set.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = options.custom_flags(flags).open(path);
    let opened = opened.and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Ok((found, file)) => regular(found).map(|()| Ok(file)),
        Err(error) => Ok(Err(error)),
    }
}
