//! The file systems in memory of a sandbox, which are gone with it: whether its command filled one.

use std::os::fd::OwnedFd;

use rustix::fs::StatFs;

use crate::bytes::Bytes;
use crate::cgroup::Exceeded;
use crate::error::Error;
use crate::plan::{NewMount, Step};

/// So many are handed out: descriptors are scarce, and a socket does not hold any number of them.
const MOST: usize = 8;

/// What is still to be handed out, as both sides count it.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Room {
    /// Whether the stage hands out what it has mounted.
    pub(crate) fn takes(&mut self, mount: &NewMount) -> bool {
        let takes = matches!(mount, NewMount::Tmpfs { .. }) && self.0 > 0;
        self.0 -= usize::from(takes);
        takes
    }
}

/// Where those are mounted that the stage hands out, in this order.
pub(crate) fn targets(steps: &[Step]) -> Vec<Bytes> {
    let mut room = Room::default();
    let target = |step: &Step| match step {
        Step::Mount { mount, target, .. } if room.takes(mount) => Some(target.clone()),
        _ => None,
    };
    steps.iter().filter_map(target).collect()
}

/// Where each is mounted, and its root, which is held open so that it outlives the command.
#[derive(Debug, Default)]
pub(crate) struct MemoryMounts(Vec<(Bytes, OwnedFd)>);

impl MemoryMounts {
    /// Those that `next` gives. One that got lost for want of descriptors is left out: they only serve to say more
    /// of a failure.
    pub(crate) fn receive(
        targets: Vec<Bytes>,
        next: impl Fn() -> Result<Option<OwnedFd>, Error>,
    ) -> Result<Self, Error> {
        let pair = |target| Ok(next()?.map(|root| (target, root)));
        let mounts: Result<Vec<_>, Error> = targets.into_iter().map(pair).collect();
        Ok(Self(mounts?.into_iter().flatten().collect()))
    }

    /// Those without any room left.
    pub(crate) fn full(self) -> impl Iterator<Item = Exceeded> {
        self.0.into_iter().filter_map(|(target, root)| {
            let found = rustix::fs::fstatfs(&root).ok().filter(is_full)?;
            let limit = found.f_blocks.saturating_mul(u64::try_from(found.f_bsize).ok()?);
            Some(Exceeded::MemoryMount { target, limit })
        })
    }
}

/// One without a limit has no blocks at all.
fn is_full(found: &StatFs) -> bool {
    found.f_blocks > 0 && found.f_bavail == 0
}
