//! A lack of open files behind an error of whatever kind.

use std::error::Error;
use std::io;

use lapstrake_causes::causes;

use crate::error::Errno;

/// What a user can do where lap may not have more files open.
pub const MORE_FILES: &str = "let lap have more files open: `ulimit -n` of where it was started";

/// Whether an error or one of its causes is that this process may not have more files open.
pub fn lacks_files(error: &(dyn Error + 'static)) -> bool {
    let lack = nix::errno::Errno::EMFILE;
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        io == Some(lack as i32)
            || cause.downcast_ref() == Some(&Errno::from(lack))
            || cause.downcast_ref() == Some(&rustix::io::Errno::MFILE)
            || cause.downcast_ref() == Some(&lack)
            // Some errors keep no number, as those that name a temporary file; std writes it so.
            || cause.to_string().contains(&format!("(os error {})", lack as i32))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Operation};

    #[test]
    fn a_lack_of_files_is_found_below_other_errors() {
        let lack = || io::Error::from_raw_os_error(nix::libc::EMFILE);
        assert!(lacks_files(&lack()));
        assert!(lacks_files(&io::Error::other(io::Error::other(lack()))));
        let system = Error::system::<_, io::Error>(Operation::Create, "pipe");
        assert!(lacks_files(&io::Error::other(system(lack()))));
        assert!(lacks_files(&rustix::io::Errno::MFILE));
        assert!(lacks_files(&io::Error::other(format!("{} at path /x", lack()))));
        assert!(!lacks_files(&io::Error::from_raw_os_error(nix::libc::ENOENT)));
        assert!(!lacks_files(&io::Error::other("no")));
    }
}
