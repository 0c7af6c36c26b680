//! What begins as a sandbox does and becomes the program that connects a network (`crate::network`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::error::Error;
use crate::sys;
use crate::wire::{self, descriptor};

/// Returns only when the program was not executed. Its descriptors are the first three and the one that
/// says that it is ready.
pub(super) fn connector_main() -> i32 {
    let own = sys::close_range(descriptor::NETWORK, i32::MAX);
    let leave = sys::take_inherited(descriptor::LEAVE);
    let (Ok(()), Ok(leave), Ok(command)) = (own, leave, command()) else {
        return super::SETUP_FAILED;
    };
    // The guard knows of it when the byte comes; without one the engine has ended.
    let mut byte = [0; 1];
    let is_known = rustix::io::retry_on_intr(|| rustix::io::read(&leave, &mut byte)) == Ok(1);
    // Out of reach of what is sent to the engine's process group.
    let session = rustix::process::setsid();
    if !is_known || session.is_err() || rustix::process::chdir("/").is_err() {
        return super::SETUP_FAILED;
    }
    let mut words = command.iter().map(|word| OsStr::from_bytes(word));
    let Some(program) = words.next() else {
        return super::SETUP_FAILED;
    };
    let error = Command::new(program).args(words).env_clear().exec();
    // Standard error is kept for this.
    let _ = rustix::io::write(rustix::stdio::stderr(), error.to_string().as_bytes());
    super::SETUP_FAILED
}

fn command() -> Result<Vec<crate::Bytes>, Error> {
    wire::decode_command(&super::read_whole_order()?)
}
