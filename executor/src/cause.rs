//! Limits of this process behind an error of whatever kind.

use std::error::Error;
use std::io;

use lapstrake_causes::causes;
use nix::errno::Errno as Known;

use crate::error::Errno;

/// What a user can do where lap may not have more files open.
const MORE_FILES: &str = "let lap have more files open: `ulimit -n` of where it was started";

/// And where none may be as large as it has to be.
const LARGER_FILES: &str =
    "let lap write larger files: `ulimit -f` of where it was started, and the file system";

/// What a user can do about a limit of this process (setrlimit(2)) that an error or one of its causes tells of.
pub fn remedy_of_limit(error: &(dyn Error + 'static)) -> Option<&'static str> {
    match lacks_files(error) {
        true => Some(MORE_FILES),
        false => is_caused(error, Known::EFBIG, rustix::io::Errno::FBIG).then_some(LARGER_FILES),
    }
}

/// Whether an error or one of its causes is that this process may not have more files open.
pub(crate) fn lacks_files(error: &(dyn Error + 'static)) -> bool {
    is_caused(error, Known::EMFILE, rustix::io::Errno::MFILE)
}

fn is_caused(error: &(dyn Error + 'static), known: Known, same: rustix::io::Errno) -> bool {
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        io == Some(known as i32)
            || cause.downcast_ref() == Some(&Errno::from(known))
            || cause.downcast_ref() == Some(&same)
            || cause.downcast_ref() == Some(&known)
            // Some errors keep no number, as those that name a temporary file; std writes it so.
            || cause.to_string().contains(&format!("(os error {})", known as i32))
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
        let remedy = |errno| remedy_of_limit(&io::Error::from_raw_os_error(errno));
        assert_eq!(remedy(nix::libc::EMFILE), Some(MORE_FILES));
        assert_eq!(remedy(nix::libc::EFBIG), Some(LARGER_FILES));
        assert_eq!(remedy(nix::libc::ENOENT), None);
    }
}
