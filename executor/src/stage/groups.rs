//! The control groups of the sandbox: joining them, and showing them to the command.

use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{CWD, Mode};

use super::mounts::{clone_tree, new_filesystem, set_attributes};
use super::rootfs::{Outside, attach, open_directory};
use crate::cgroup::Door;
use crate::error::{Error, Operation};
use crate::plan::Attribute;

const PLACE: &[u8] = b"/sys/fs/cgroup";

/// Only what joined before sees its own group as the root of all.
pub(super) fn join(doors: &[Door]) -> Result<(), Error> {
    for door in doors {
        let file = door.folder.join("cgroup.procs");
        // Zero is whoever writes it.
        std::fs::write(&file, "0")
            .map_err(Error::system(Operation::JoinGroup, file.as_os_str().as_bytes()))?;
    }
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP)
        .map_err(Error::system(Operation::Create, "a control group namespace"))
}

impl Outside {
    /// Programs read there how much memory and how many processors they may use.
    pub(super) fn show_groups(
        &mut self,
        doors: &[Door],
        attributes: &[Attribute],
    ) -> Result<(), Error> {
        let fail = || Error::system(Operation::Mount, PLACE);
        let around = new_filesystem("tmpfs", &[("mode".into(), "755".into())], &[])?;
        let place = self.tree.system_directory(PLACE)?;
        attach(around.as_fd(), place.as_fd()).map_err(fail())?;
        for door in doors {
            let group = open_directory(CWD, &door.folder)?;
            for name in &door.names {
                let shown = clone_tree(group.as_fd(), "", false).map_err(fail())?;
                set_attributes(shown.as_fd(), attributes, false)
                    .map_err(Error::system(Operation::Configure, PLACE))?;
                rustix::fs::mkdirat(&around, name, Mode::from_raw_mode(0o755)).map_err(fail())?;
                let target = open_directory(around.as_fd(), Path::new(name))?;
                attach(shown.as_fd(), target.as_fd()).map_err(fail())?;
            }
        }
        set_attributes(around.as_fd(), attributes, false)
            .map_err(Error::system(Operation::Configure, PLACE))
    }
}
